"""How an array is laid out over networks: all that decoding needs besides their parameters.

With this you can find an array's tiles, codes and networks (`Layout.tiles`, `Layout.codes`, `Layout.inputs`) and run
through the tiles with their networks' outputs (`Layout.outputs`).  `refinr.planning` chooses layouts.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from types import ModuleType
from typing import Any

import numpy as np

from refinr import cpu, decompositions, encodings, planes, tiling
from refinr.chunks import evaluate
from refinr.decompositions import Decomposition
from refinr.encodings import Encoding
from refinr.mlp import MLP
from refinr.xp import asarray_like, get, to_host

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
    spec : MLP
    encoding : Octaves, Fourier, Triangle or None
        Of the networks' inputs; None: coordinates as they are.
    """

    dtype: str
    shape: tuple[int, ...]
    channel_axis: bool
    offset: int
    tile: tuple[int, ...]
    cut: Decomposition
    spec: MLP
    encoding: Encoding | None = None

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
        return tiling.tile_count(self.grid, self.tile) * self.cut.networks(self.channels)

    @property
    def outputs_each(self) -> int:
        """Values that a network of a full tile has to compute."""
        return math.prod(self.cut.axes(self.tile))

    @property
    def outputs_in_all(self) -> int:
        """Values that all networks have to compute."""
        a_tile = self.cut.networks(self.channels) * self.outputs_each
        return math.prod(self.grid) * a_tile // math.prod(self.tile)

    @cached_property
    def tiles(self) -> list[tuple[slice, ...]]:
        """Where all tiles are, row-major: slices of the grid."""
        return tiling.tiles(self.grid, self.tile)

    def inputs(self, extent: tuple[int, ...]) -> np.ndarray:
        """Coordinates, or their encoding, (N, I) in a tile; a smaller one at the edge is the corner of a full one."""
        axes = self.cut.axes(self.tile)
        full = self.cut.inputs(self.tile) if self.encoding is None else self.encoding.inputs(axes)
        full = full.reshape(*axes, -1)  # (*axes, I)
        corner = tuple(slice(n) for n in self.cut.axes(extent))
        return full[corner].reshape(-1, full.shape[-1])

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

    def inputs_at(self, points: np.ndarray) -> np.ndarray:
        """The same for points (N, d) of a tile, in samples from its corner; one row for each output (N P, I)."""
        axes = self.cut.axes(self.tile)
        for length in axes[len(self.tile) :]:  # an axis that the decomposition adds runs through all its samples
            last = np.tile(np.arange(float(length)), len(points))[:, None]
            points = np.concatenate([np.repeat(points, length, axis=0), last], axis=1)
        return (self.encoding or self.cut).inputs_at(points, axes)

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
        counts = [-(-n // t) for n, t in zip(self.grid, self.tile, strict=True)]
        tiles = np.ravel_multi_index(tuple(places.T), counts)  # (N,)
        order = np.argsort(tiles, kind="stable")
        with cpu.single_threaded_blas():
            for which in np.split(order, np.flatnonzero(np.diff(tiles[order])) + 1):
                if len(which):
                    inputs = self.inputs_at(points[which] - places[which] * np.asarray(self.tile))
                    yield which, self._evaluate(params, int(tiles[which[0]]), xp.asarray(inputs))

    def _evaluate(self, params: dict[str, np.ndarray], index: int, x: Any) -> np.ndarray:
        """Outputs of the networks of one tile, on the host."""
        each = self.cut.networks(self.channels)
        rows = {name: asarray_like(p[index * each : (index + 1) * each], x) for name, p in params.items()}
        return to_host(evaluate(self.spec, rows, x))

    def outputs(
        self,
        params: dict[str, np.ndarray],
        xp: ModuleType | str | None = None,
        tiles: Sequence[int] | None = None,
    ) -> Iterator[tuple[tuple[slice, ...], np.ndarray]]:
        """Tiles with their networks' outputs, ``(slices, z)``, z on the host (networks, samples, 1).

        All tiles, or those whose numbers in `tiles` are given, in that order.
        """
        xp = get(xp)
        wanted = range(len(self.tiles)) if tiles is None else tiles
        extents = {tiling.extent(self.tiles[index]) for index in wanted}
        inputs = {extent: xp.asarray(self.inputs(extent)) for extent in extents}

        def outputs_of(index: int) -> tuple[tuple[slice, ...], np.ndarray]:
            where = self.tiles[index]
            return where, self._evaluate(params, index, inputs[tiling.extent(where)])

        cpu.recycle_memory()
        # parameters may be anybody's: what overflows decides something, and checksums judge that
        quiet = partial(np.seterr, all="ignore")
        with cpu.single_threaded_blas(), ThreadPoolExecutor(cpu.workers(xp), initializer=quiet) as pool:
            for first in range(0, len(wanted), PORTION):
                yield from pool.map(outputs_of, wanted[first : first + PORTION])

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        names = {"decomposition": decompositions.name_of(self.cut), "encoding": encodings.to_json(self.encoding)}
        return asdict(self) | names

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Layout:
        """The inverse of `to_json`."""
        value = dict(value)
        for dtype in (value["dtype"], value["cut"].get("dtype") or "<f4"):  # NumPy takes more than a file may
            if not re.fullmatch("[<>|][biuf][1248]", dtype):
                raise ValueError(f"dtype: expected one like <u2, got {dtype!r:.40}")
        cut = decompositions.named(value.pop("decomposition"), value.pop("cut"))
        spec = MLP(**value.pop("spec"))
        encoding = encodings.from_json(value.pop("encoding", None))
        shape = tuple(map(operator.index, value.pop("shape")))
        tile = tuple(map(operator.index, value.pop("tile")))
        value["offset"] = operator.index(value["offset"])
        value["dtype"] = np.dtype(value["dtype"]).str
        layout = cls(cut=cut, spec=spec, encoding=encoding, shape=shape, tile=tile, **value)
        if min(*shape, *tile) < 1:
            raise ValueError(f"shape, tile: expected positive lengths, got {shape} and {tile}")
        if any(t > n for t, n in zip(tile, layout.grid, strict=True)):
            raise ValueError(f"tile: expected one within the grid of {layout.grid}, got {tile}")
        axes = cut.axes(tile)
        width = len(axes) if encoding is None else encoding.width(axes)
        if spec.sizes[0] != width:
            raise ValueError(f"sizes: expected {width} inputs, got {spec.sizes[0]}")
        planes.code_dtype(layout.dtype).type(layout.offset)  # raises for what is no code
        return layout
