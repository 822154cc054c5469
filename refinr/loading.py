"""Reading `.inr` files, which may be anybody's: nothing is believed, and nothing large is made, before it is checked.

With this you can get an INR back from a file (`load`), and the samples of any (`open`).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from refinr import decoding, tiling
from refinr import limits as limits_of
from refinr.files import container, signals
from refinr.files.residual import Residual, blocks
from refinr.incoming import checked
from refinr.inr import INR
from refinr.layout import Layout
from refinr.limits import Limits
from refinr.readouts import streaming
from refinr.report import Report
from refinr.tables import look_up

LISTS = ("wrong_bits", "margin_per_plane")
"""Fields of a report that have a number for each plane."""

WHOLE = ("networks", "parameters", "most_steps", "restarts", "samples", "wrong_bits")
"""Fields of a report that are whole numbers."""

_NONSENSE = (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError)
"""What a description raises that does not say what it should."""


@checked
def open(path: str | os.PathLike[str], *, page: int | None = None, trusted: bool = False) -> np.ndarray:
    """The samples of any file that refinr reads, an `.inr` file or a signal.

    Parameters
    ----------
    path : path
        An `.inr` file is known by its content, others by their suffix, one of those in `refinr.files.signals.FORMATS`.
    page : int, optional
        Which page or frame is read of a TIFF file or an animation, from 1 on.
    trusted : bool
        Take a file that asks for any amount of memory and time, too.

    Raises
    ------
    OSError, ValueError
        As `load` and `refinr.files.signals.read` do.
    """
    if page is None and signals.format_of(path) is None and container.is_one(path):
        return load(path, trusted=trusted).decode()
    return signals.read(path, page=page, trusted=trusted).samples


@checked
def load(
    path: str | os.PathLike[str], *, trusted: bool = False, limits: Limits | None = None, damaged: str = "raise"
) -> INR:
    """Read an `.inr` file.

    Parameters
    ----------
    path : path
    trusted : bool
        Take a file that asks for any amount of memory and time, too: a few numbers may ask for gigabytes, or for hours.
    limits : Limits, optional
        What a file may ask for that is not trusted; by default 500 MB or 64 bytes for each of its own, and time in
        proportion to its size, see `refinr.limits.Limits`.
    damaged : {"raise", "mask"}
        What becomes of a file whose arrays are damaged: raise an error that names them; or give an INR that says so
        (`INR.damaged`) and of which all tiles can be had that still decode to what was saved: by index, or all of them
        by ``decode(damaged="mask")``.  A damaged description, or a file cut short, is always an error.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not an `.inr` file, is damaged, or newer than this version; or if it is not trusted and decoding
        it would take more than the limits.
    """
    if damaged not in ("raise", "mask"):
        raise ValueError(f"damaged: expected 'raise' or 'mask', got {damaged!r}")
    harmed: tuple[str, ...] = ()
    if damaged == "raise":
        arrays, description = container.read(path)
    else:
        arrays, description, harmed = container.inspect(path)
        harmed = tuple(map(streaming.plain, harmed))
    size = sum(array.nbytes for array in arrays.values())
    with _blaming(path, "its description is damaged", with_kind=True):
        layout = Layout.from_json(description["layout"])
        if not isinstance(layout.channel_axis, bool):
            raise ValueError(f"channel_axis: expected true or false, got {layout.channel_axis!r:.80}")
        layout.network.check_room(layout.networks, size)
    if not trusted:
        try:
            limits_of.check(layout, size, limits)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    with _blaming(path, "its description is damaged", with_kind=True):
        report = _report(description["report"], layout)
        checksums = _checksums(description, arrays, layout)
        residual = _residual(description, arrays, layout, harmed)
        portable = description.get("portable")
        if not (portable is None or isinstance(portable, bool)):
            raise ValueError(f"portable: expected true or false, got {portable!r:.80}")
        checksum = _text(description["checksum"], "[0-9a-f]{64}", "checksum")
        info = _object(description["info"], "info")
        store = description["store"]
        look_up(layout.network.stores, store, "store")
    with _blaming(path, "its arrays are not those that its description speaks of"):
        params = layout.network.unpack(arrays, store, layout.outputs_of_networks, harmed)
    return INR(layout, params, report, checksum, info, residual, store, checksums, harmed, portable)


@contextmanager
def _blaming(path: str | os.PathLike[str], what: str, *, with_kind: bool = False) -> Iterator[None]:
    """Whatever goes wrong inside is an error of that file, and of that part of it."""
    try:
        yield
    except _NONSENSE as error:
        kind = f"{type(error).__name__}: " if with_kind else ""  # a KeyError alone says nothing
        raise ValueError(f"{path}: {what} ({kind}{error})") from None


def _text(value: Any, pattern: str, name: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ValueError(f"{name}: expected {pattern}, got {value!r:.80}")
    return value


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name}: expected an object, got {value!r:.80}")
    return value


def _report(value: dict[str, Any], layout: Layout) -> Report:
    for name, entry in value.items():
        if isinstance(entry, list) != (name in LISTS):
            raise ValueError(f"{name}: expected a number, or a list of one for each plane, got {entry!r:.80}")
        kinds = (int,) if name in WHOLE else (int, float)
        if not all(type(number) in kinds for number in (entry if name in LISTS else [entry])):
            raise ValueError(f"{name}: expected {'whole ' if name in WHOLE else ''}numbers, got {entry!r:.80}")
    fields: dict[str, Any] = {key: tuple(v) if key in LISTS else v for key, v in value.items()}
    report = Report(seconds=math.nan, **fields)
    said = (report.samples, report.networks, len(report.wrong_bits))
    if said != (math.prod(layout.shape), layout.networks, layout.cut.bits):
        raise ValueError(f"the report is about {said} samples, networks and bits: the layout has others")
    return report


def _residual(
    description: dict[str, Any], arrays: dict[str, np.ndarray], layout: Layout, harmed: Sequence[str]
) -> Residual | None:
    residual = Residual.from_file(description, arrays)
    for name, part in (("residual", residual), ("undecided", residual and residual.undecided)):
        if part is None or part.ends is None:
            continue
        expected = blocks(decoding.sizes(layout), layout.cut.bits)[-1] + 1
        if len(part.ends) != expected:
            raise ValueError(f"{name}_ends: expected {expected}, got {len(part.ends)}")
        if f"{name}_ends" not in harmed and part.ends[-1] != len(part.data):
            raise ValueError(f"{name}_ends: expected {len(part.data)} as the last, got {part.ends[-1]}")
    return residual


def _checksums(description: dict[str, Any], arrays: dict[str, np.ndarray], layout: Layout) -> np.ndarray | None:
    if description["version"] == 1:
        return None
    checksums = arrays.pop("checksums")
    tiles = tiling.tile_count(layout.grid, layout.tile)
    if (checksums.dtype, checksums.shape) != (np.dtype(np.uint32), (tiles,)):
        raise ValueError(f"checksums: expected {tiles} of uint32, got {checksums.dtype} {checksums.shape}")
    return checksums
