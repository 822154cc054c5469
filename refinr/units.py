"""An array in units of work: tiles whose networks are solved together, and what was found of each.

With this you can cut an array into units (`units_of`), keep what is found of them, in memory (`Kept`) or in a journal
(`Journalled`), and put it together in the order of the networks (`assembled`).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Collection
from typing import Any, NamedTuple, Self

import numpy as np

from refinr import tiling
from refinr.arithmetic import fingerprint
from refinr.files.journal import Journal
from refinr.layout import Layout
from refinr.readouts.batches import block
from refinr.readouts.finding import FOUND, Found


class Unit(NamedTuple):
    """Tiles of one extent that are solved together, whatever the group size: so bytes do not depend on it."""

    extent: tuple[int, ...]
    tiles: list[int]
    networks: list[int]


def units_of(layout: Layout) -> list[Unit]:
    """All tiles in units, those of one extent together, the largest first."""
    by_extent: dict[tuple[int, ...], list[int]] = {}
    for index, where in enumerate(layout.tiles):
        by_extent.setdefault(tiling.extent(where), []).append(index)
    return [
        Unit(extent, tiles, [n for index in tiles for n in layout.networks_of(index)])
        for extent in sorted(by_extent, key=math.prod, reverse=True)
        for tiles in batches(by_extent[extent], block(math.prod(extent)) // layout.networks_each)
    ]


def batches(items: list[int], size: int) -> list[list[int]]:
    """Items in their order, so many at a time, at least one."""
    return [items[first : first + max(1, size)] for first in range(0, len(items), max(1, size))]


class Kept:
    """What was found of each unit, in memory."""

    def __init__(self, units: list[Unit]) -> None:
        self._units = units
        self._found: dict[int, Found] = {}

    @property
    def done(self) -> Collection[int]:
        """The units that are there."""
        return self._found.keys()

    def add(self, number: int, found: Found) -> None:
        """Keep what was found of a unit."""
        self._found[number] = found

    def beside(self, number: int) -> Found:
        """What was found of a unit beside its weights."""
        return self._found[number]._replace(weights=np.zeros(0))

    def take(self, number: int) -> Found:
        """What was found of a unit, and let go of it."""
        return self._found.pop(number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        """Nothing is to be closed."""


class Journalled(Kept):
    """The same in a file, a record a unit, filled up to the most that a unit can have.

    A network has at most so many `features`.  `mixed` says whether what came about on an unlike machine is gone on
    with; None: there are no unlike machines.
    """

    def __init__(
        self,
        units: list[Unit],
        features: int,
        raw_bytes: int,
        dtype: str,
        path: str | os.PathLike[str],
        identity: list[Any],
        mixed: bool | None,
    ) -> None:
        super().__init__(units)
        networks = max(len(unit.networks) for unit in units)
        sizes = dict.fromkeys(FOUND, (networks,)) | {"weights": (networks * features,), "raw": (networks, raw_bytes)}
        record = {name: np.empty((1, *sizes[name]), kind) for name, kind in (FOUND | {"weights": dtype}).items()}
        key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).digest()
        machine = bytes(8) if mixed is None else fingerprint()
        self._journal = Journal(path, key, len(units), record, machine=machine, mixed=bool(mixed))

    def __exit__(self, *error: Any) -> None:
        """Let others have the file."""
        self._journal.__exit__(*error)

    @property
    def done(self) -> Collection[int]:
        """The units that are in the file."""
        return self._journal.done

    def add(self, number: int, found: Found) -> None:
        """Write down what was found of a unit."""
        record = {name: np.zeros((1, *p.shape[1:]), p.dtype) for name, p in self._journal.params.items()}
        for name, values in found._asdict().items():
            record[name][0, : len(values)] = values
        self._journal.add([number], record, np.zeros(1, int), np.zeros(1, int))

    def beside(self, number: int) -> Found:
        """What was found of a unit beside its weights."""
        return self.take(number)._replace(weights=np.zeros(0))

    def take(self, number: int) -> Found:
        """What was found of a unit, as it is in the file."""
        record = {name: p[number] for name, p in self._journal.params.items()}
        networks = len(self._units[number].networks)
        sizes = dict.fromkeys(record, networks)
        features = record["features"][:networks]
        sizes |= {"weights": int(features.sum(dtype=np.int64)), "raw": int((features == 0).sum())}
        return Found(**{name: values[: sizes[name]] for name, values in record.items()})


def assembled(layout: Layout, units: list[Unit], kept: Kept, dtype: str) -> Found:
    """What was found of all networks, in their order, weights of that dtype; those of one unit at a time."""
    beside = [kept.beside(number) for number in range(len(units))]
    numbers = np.concatenate([unit.networks for unit in units])
    order = np.argsort(numbers)
    features, taken, undecided, impossible = (
        np.concatenate([getattr(part, name) for part in beside])[order]
        for name in ("features", "taken", "undecided", "impossible")
    )
    raw = np.concatenate([part.raw for part in beside])
    raw_numbers = numbers[np.concatenate([part.features for part in beside]) == 0]
    ends = np.cumsum(features, dtype=np.int64)
    weights = np.empty(ends[-1], dtype)
    for number, unit in enumerate(units):
        found = kept.take(number).weights
        first = 0
        for index in unit.tiles:
            networks = layout.networks_of(index)
            begin = int(ends[networks.start - 1]) if networks.start else 0
            size = int(ends[networks.stop - 1]) - begin
            weights[begin : begin + size] = found[first : first + size]
            first += size
    return Found(features, weights, taken, raw[np.argsort(raw_numbers)], undecided, impossible)
