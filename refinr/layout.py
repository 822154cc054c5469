"""How an array is laid out over networks: all that decoding needs besides their parameters.

With this you can find an array's tiles, codes and networks (`Layout.tiles`, `Layout.codes`, `Layout.networks_of`) and
run through the tiles with their networks' outputs (`Layout.outputs`).  `refinr.planning` chooses layouts.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from refinr import cpu, decompositions, planes, tiling
from refinr.absent import Absent
from refinr.decompositions import Decomposition, Place
from refinr.encodings import Encoding
from refinr.mlp import MLP
from refinr.perceptrons import Perceptrons
from refinr.readouts.networks import Readouts
from refinr.readouts.signs import SignReadouts
from refinr.xp import get

Network = Perceptrons | Readouts | SignReadouts | Absent

NETWORKS: dict[str, Any] = {
    "spec": Perceptrons,
    "readouts": Readouts,
    "signs": SignReadouts,
    "absent": Absent,
}
"""Kinds of networks, by the key that describes them in files; `refinr.perceptrons` says what they offer."""

PORTION = 256
"""Tiles that are evaluated ahead of whoever takes their outputs: more than there are threads, and few to keep."""


@dataclass(frozen=True)
class Layout:
    """How an array is laid out over networks: all that decoding needs besides the parameters.

    Parameters
    ----------
    dtype : str
        Of the samples, with its byte order.
    shape : tuple of ints
        Of the samples.
    channel_axis : bool
        Whether the last axis counts channels; the axes before it are the grid.
    offset : int
        Smallest code of signed integers, subtracted before the planes are cut; 0 for all others.
    tile : tuple of ints
        Shape of a full tile; `tiles` says where each of them is.
    cut : Planes, BitCoordinate, Direct or Integers
    network : Perceptrons, Readouts, SignReadouts or Absent
        What the networks are.
    """

    dtype: str
    shape: tuple[int, ...]
    channel_axis: bool
    offset: int
    tile: tuple[int, ...]
    cut: Decomposition
    network: Network

    @property
    def grid(self) -> tuple[int, ...]:
        """The shape without channels."""
        return self.shape[:-1] if self.channel_axis else self.shape

    @property
    def channels(self) -> int:
        """C, 1 without a channel axis."""
        return self.shape[-1] if self.channel_axis else 1

    @property
    def networks(self) -> int:
        """Number of networks, numbered tile after tile."""
        return tiling.tile_count(self.grid, self.tile) * self.networks_each

    @property
    def outputs_each(self) -> int:
        """Values that a network of a full tile has to compute."""
        return math.prod(self.cut.axes(self.tile))

    @property
    def outputs_in_all(self) -> int:
        """Values that all networks have to compute."""
        a_tile = self.cut.networks(self.channels) * self.outputs_each
        return math.prod(self.grid) * a_tile // math.prod(self.tile)

    @functools.cached_property
    def tiles(self) -> list[tuple[slice, ...]]:
        """Where all tiles are, row-major: slices of the grid."""
        return tiling.tiles(self.grid, self.tile)

    @property
    def networks_each(self) -> int:
        """Networks of a tile."""
        return self.cut.networks(self.channels)

    def networks_of(self, first: int, tiles: int = 1) -> range:
        """The numbers of the networks of so many tiles from that one on."""
        return range(first * self.networks_each, (first + tiles) * self.networks_each)

    def place(self, first: int, tiles: int = 1) -> Place:
        """What they answer for; the tiles are alike."""
        return Place(self.networks_of(first, tiles), tiling.extent(self.tiles[first]), self.cut, self.tile)

    @property
    def outputs_of_networks(self) -> np.ndarray:
        """Values that each network has to compute, int64 (networks,)."""
        by_axis = [np.minimum(t, n - np.arange(0, n, t)) for n, t in zip(self.grid, self.tile, strict=True)]
        samples = functools.reduce(np.multiply.outer, by_axis).ravel()  # (tiles,)
        return np.repeat(samples * (self.outputs_each // math.prod(self.tile)), self.networks_each)

    # --- perceptrons -------------------------------------------------------------------------------------------------

    @property
    def _perceptrons(self) -> Perceptrons:
        if not isinstance(self.network, Perceptrons):
            raise AttributeError(f"network: expected multilayer perceptrons, got {type(self.network).__name__}")
        return self.network

    @property
    def spec(self) -> MLP:
        """What they look like, where networks are multilayer perceptrons."""
        return self._perceptrons.spec

    @property
    def encoding(self) -> Encoding | None:
        """Of their inputs."""
        return self._perceptrons.encoding

    def inputs(self, extent: tuple[int, ...]) -> np.ndarray:
        """Those inputs, (N, I) in a tile."""
        return self._perceptrons.inputs(extent, self.cut, self.tile)

    # --- samples and codes -------------------------------------------------------------------------------------------

    def codes(self, samples: np.ndarray) -> np.ndarray:
        """Codes (*grid, C) of all samples, or of those of a tile; offset subtracted."""
        codes, _ = planes.to_codes(samples)
        codes = codes - codes.dtype.type(self.offset)
        return codes if self.channel_axis else codes[..., None]

    def samples(self, codes: np.ndarray) -> np.ndarray:
        """The inverse of `codes`."""
        codes = codes.astype(planes.code_dtype(self.dtype))
        samples = planes.from_codes(codes + codes.dtype.type(self.offset), self.dtype)
        return samples if self.channel_axis else samples[..., 0]

    @property
    def first(self) -> float:
        """The value of code 0, of integers."""
        dtype = np.dtype(self.dtype)
        return float(self.offset - (1 << (8 * dtype.itemsize - 1) if dtype.kind == "i" else 0))

    def outputs_at(
        self, params: dict[str, np.ndarray], points: np.ndarray, xp: ModuleType | str | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The networks' outputs at points (N, d) of the grid, in samples, tile by tile: ``(which points, z)``."""
        xp = get(xp)
        places = (points // np.asarray(self.tile)).astype(np.int64)  # (N, d)
        tiles = np.ravel_multi_index(
            tuple(places.T), [-(-n // t) for n, t in zip(self.grid, self.tile, strict=True)]
        )  # (N,)
        order = np.argsort(tiles, kind="stable")
        with cpu.single_threaded_blas():
            for which in np.split(order, np.flatnonzero(np.diff(tiles[order])) + 1):
                if len(which):
                    inside = points[which] - places[which] * np.asarray(self.tile)
                    yield which, self.network.at(params, self.place(int(tiles[which[0]])), inside, xp)

    def outputs(
        self,
        params: dict[str, np.ndarray],
        xp: ModuleType | str | None = None,
        tiles: Sequence[int] | None = None,
    ) -> Iterator[tuple[tuple[slice, ...], np.ndarray]]:
        """Tiles with their networks' outputs, ``(slices, z)``, z on the host (networks, samples, 1).

        All tiles, or those whose numbers in `tiles` are given, in that order.
        """
        each = self.networks_each
        for run, z in self.runs(params, xp, tiles):
            yield from ((self.tiles[index], z[i * each : (i + 1) * each]) for i, index in enumerate(run))

    def runs(
        self,
        params: dict[str, np.ndarray],
        xp: ModuleType | str | None = None,
        tiles: Sequence[int] | None = None,
    ) -> Iterator[tuple[list[int], np.ndarray]]:
        """The same for runs of tiles that are evaluated together: ``(numbers, z)``.

        Their networks follow each other, so that to a decomposition a tile more is so many channels more.
        """
        xp = get(xp)
        evaluate = self.network.evaluator(params, self.cut, self.tile, xp)

        def outputs_of(run: list[int]) -> tuple[list[int], np.ndarray]:
            return run, evaluate(self.networks_of(run[0], len(run)), tiling.extent(self.tiles[run[0]]))

        cpu.recycle_memory()
        together = max(1, self.network.together // (self.networks_each * self.outputs_each))
        runs = self._runs(range(len(self.tiles)) if tiles is None else tiles, together)
        # parameters may be anybody's: what overflows decides something, and checksums judge that
        quiet = partial(np.seterr, all="ignore")
        with cpu.single_threaded_blas(), ThreadPoolExecutor(cpu.workers(xp), initializer=quiet) as pool:
            while portion := list(itertools.islice(runs, max(1, PORTION // together))):
                yield from pool.map(outputs_of, portion)

    def _runs(self, tiles: Sequence[int], most: int) -> Iterator[list[int]]:
        """Tiles of one extent that follow each other, at most so many together."""
        run: list[int] = []
        for index in tiles:
            if run and (
                len(run) == most
                or index != run[-1] + 1
                or tiling.extent(self.tiles[index]) != tiling.extent(self.tiles[run[0]])
            ):
                yield run
                run = []
            run.append(index)
        if run:
            yield run

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "dtype": self.dtype,
            "shape": self.shape,
            "channel_axis": self.channel_axis,
            "offset": self.offset,
            "tile": self.tile,
            "cut": asdict(self.cut),
            **self.network.to_json(),
            "decomposition": decompositions.name_of(self.cut),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Layout:
        """The inverse of `to_json`."""
        value = dict(value)
        for dtype in (value["dtype"], value["cut"].get("dtype") or "<f4"):  # NumPy takes more than a file may
            if not re.fullmatch("[<>|][biuf][1248]", dtype):
                raise ValueError(f"dtype: expected one like <u2, got {dtype!r:.40}")
        cut = decompositions.named(value.pop("decomposition"), value.pop("cut"))
        kind = next((name for name in NETWORKS if name in value), "spec")
        beside = {name: value.pop(name) for name in NETWORKS[kind].beside if name in value}
        network = NETWORKS[kind].from_json(value.pop(kind), **beside)
        shape = tuple(map(operator.index, value.pop("shape")))
        tile = tuple(map(operator.index, value.pop("tile")))
        value["offset"] = operator.index(value["offset"])
        value["dtype"] = np.dtype(value["dtype"]).str
        layout = cls(cut=cut, network=network, shape=shape, tile=tile, **value)
        if min(*shape, *tile) < 1:
            raise ValueError(f"shape, tile: expected positive lengths, got {shape} and {tile}")
        if any(t > n for t, n in zip(tile, layout.grid, strict=True)):
            raise ValueError(f"tile: expected one within the grid of {layout.grid}, got {tile}")
        network.check(cut.axes(tile))
        planes.code_dtype(layout.dtype).type(layout.offset)  # raises for what is no code
        return layout
