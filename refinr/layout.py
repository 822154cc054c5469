"""How an array is laid out over networks: all that decoding needs besides their parameters.

With this you can plan a layout for an array (`plan`), cut the array into jobs for training (`Layout.jobs`), and run
through the tiles with their networks' outputs (`Layout.outputs`).
"""

from __future__ import annotations

import itertools
import math
import operator
import re
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from refinr import activations, coords, cpu, encodings, planes, tiling, training
from refinr.chunks import evaluate
from refinr.decompositions import DECOMPOSITIONS, WRITTEN_DOWN, Decomposition, Direct
from refinr.encodings import Encoding
from refinr.mlp import MLP
from refinr.xp import asarray_like, get, to_host


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
    def outputs_in_all(self) -> int:
        """Values that all networks have to compute."""
        a_tile = self.cut.networks(self.channels) * math.prod(self.cut.axes(self.tile))
        return math.prod(self.grid) * a_tile // math.prod(self.tile)

    @cached_property
    def tiles(self) -> list[tuple[slice, ...]]:
        """All tiles, row-major."""
        return tiling.tiles(self.grid, self.tile)

    def inputs(self, extent: tuple[int, ...]) -> np.ndarray:
        """Coordinates, or their encoding, (N, I) in a tile; a smaller one at the edge is the corner of a full one."""
        axes = self.cut.axes(self.tile)
        full = self.cut.inputs(self.tile) if self.encoding is None else self.encoding.inputs(axes)
        full = full.reshape(*axes, -1)  # (*axes, I)
        corner = tuple(slice(n) for n in self.cut.axes(extent))
        return full[corner].reshape(-1, full.shape[-1])

    def cells(self, samples: np.ndarray) -> np.ndarray:
        """Codes (*grid, C) of all samples, or of those of a tile; offset subtracted."""
        codes, _ = planes.to_codes(samples)
        codes = codes - codes.dtype.type(self.offset)
        return codes if self.channel_axis else codes[..., None]

    def samples(self, cells: np.ndarray) -> np.ndarray:
        """The inverse of `cells`."""
        codes = cells.astype(planes.code_dtype(self.dtype))
        samples = planes.from_codes(codes + codes.dtype.type(self.offset), self.dtype)
        return samples if self.channel_axis else samples[..., 0]

    def jobs(self, samples: np.ndarray, group: int, skip: Container[int] = ()) -> Iterator[training.Job]:
        """The networks' tasks but for those to `skip`, in groups; tiles of one shape together, the largest first."""
        by_extent: dict[tuple[int, ...], list[int]] = {}
        for index, tile in enumerate(self.tiles):
            by_extent.setdefault(tiling.extent(tile), []).append(index)
        for extent in sorted(by_extent, key=math.prod, reverse=True):
            x = self.inputs(extent)
            tasks = itertools.chain.from_iterable(self._tasks(samples, index, skip) for index in by_extent[extent])
            while batch := list(itertools.islice(tasks, group)):
                networks, targets = zip(*batch, strict=True)
                yield training.Job(self.spec, networks, x, np.stack(targets))

    def _tasks(self, samples: np.ndarray, index: int, skip: Container[int]) -> Iterator[tuple[int, np.ndarray]]:
        each = self.cut.networks(self.channels)
        wanted = [i for i in range(each) if index * each + i not in skip]
        if wanted:
            targets = self.cut.targets(self.cells(samples[self.tiles[index]]).reshape(-1, self.channels))
            yield from ((index * each + i, targets[i]) for i in wanted)

    def outputs(self, params: dict[str, np.ndarray], xp: ModuleType | str | None = None) -> Iterator[tuple]:
        """Every tile with its networks' outputs, ``(slices, z)``, z on the host (networks, samples, 1)."""
        each, xp = self.cut.networks(self.channels), get(xp)
        inputs = {extent: xp.asarray(self.inputs(extent)) for extent in {tiling.extent(t) for t in self.tiles}}

        def outputs_of(index: int) -> tuple:
            x = inputs[tiling.extent(self.tiles[index])]
            rows = {name: asarray_like(p[index * each : (index + 1) * each], x) for name, p in params.items()}
            return self.tiles[index], to_host(evaluate(self.spec, rows, x))

        cpu.recycle_memory()
        with cpu.single_threaded_blas(), ThreadPoolExecutor(training.workers(xp)) as pool:
            for first in range(0, len(self.tiles), 256):  # in portions, so that the results never pile up
                yield from pool.map(outputs_of, range(first, min(first + 256, len(self.tiles))))

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        name = next(name for name, kind in (DECOMPOSITIONS | WRITTEN_DOWN).items() if type(self.cut) is kind)
        return asdict(self) | {"decomposition": name, "encoding": encodings.to_json(self.encoding)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Layout:
        """The inverse of `to_json`."""
        value = dict(value)
        for dtype in (value["dtype"], value["cut"].get("dtype") or "<f4"):  # NumPy takes more than a file may
            if not re.fullmatch("[<>|][biuf][1248]", dtype):
                raise ValueError(f"dtype: expected one like <u2, got {dtype!r:.40}")
        cut = (DECOMPOSITIONS | WRITTEN_DOWN)[value.pop("decomposition")](**value.pop("cut"))
        spec, encoding = MLP(**value.pop("spec")), encodings.from_json(value.pop("encoding", None))
        shape, tile = (tuple(map(operator.index, value.pop(name))) for name in ("shape", "tile"))
        value["offset"], value["dtype"] = operator.index(value["offset"]), np.dtype(value["dtype"]).str
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


def plan(
    samples: np.ndarray,
    decomposition: str,
    *,
    bits: int | None,
    tile: int | Sequence[int],
    hidden: Sequence[int],
    activation: str,
    omega: float,
    first_scale: str | float | Sequence[float] | None,
    radix_bits: int,
    gray: bool,
    channels: bool | None,
    layer: str = "linear",
    encoding: str = "none",
    features: int = 60,
    seed: int = 0,
) -> Layout:
    """The layout for an array; parameters and errors as in `refinr.fit`.

    Examples
    --------
    >>> image = np.arange(64, dtype="uint8").reshape(8, 8)
    >>> layout = plan(image, "planes", bits=None, tile=4, hidden=(8,), activation="sine", omega=30.0,
    ...               first_scale=None, radix_bits=1, gray=False, channels=None)
    >>> layout.cut.bits, layout.tile, layout.networks
    (6, (4, 4), 24)
    """
    if samples.ndim == 0 or samples.size == 0:
        raise ValueError(f"samples: expected at least one axis and one sample, got shape {samples.shape}")
    _, width = planes.to_codes(samples[:0])  # raises for dtypes without codes
    with np.errstate(invalid="ignore"):  # signalling NaNs
        ends = np.array([samples.min(), samples.max()], samples.dtype)  # no copy: they may be mapped from a large file
    low, high = map(int, planes.to_codes(ends)[0])
    cut = _cut(decomposition, ends, _bits(samples.dtype.kind, low, high, width, bits), radix_bits, gray)
    channel_axis = samples.ndim > 1 and samples.shape[-1] <= 4 if channels is None else channels
    if channel_axis and samples.ndim < 2:
        raise ValueError(f"channels: samples of shape {samples.shape} have no axis left for a grid")
    tile = tiling.tile_shape(samples.shape[:-1] if channel_axis else samples.shape, tile)
    axes = cut.axes(tile)
    lift = _encoding(encoding, layer, axes, features, seed)
    width = len(axes) if lift is None else lift.width(axes)
    if first_scale == "half-nyquist" and lift is not None:
        first_scale = None  # the frequencies are in the encoding
    spec = MLP((width, *hidden, 1), activation, omega, _first_scale(first_scale, activation, axes), layer)
    offset = low if samples.dtype.kind == "i" else 0
    return Layout(samples.dtype.str, samples.shape, channel_axis, offset, tile, cut, spec, lift)


def _bits(kind: str, low: int, high: int, width: int, bits: int | None) -> int:
    needed = width if kind == "f" else (high - low if kind == "i" else high).bit_length()
    if bits is None:
        return max(1, needed)
    planes.count(bits)  # raises for what is no width
    if bits < needed:
        raise ValueError(f"bits: the samples need {needed}, got {bits}")
    return bits


def _cut(name: str, ends: np.ndarray, bits: int, radix_bits: int, gray: bool) -> Decomposition:
    if name not in DECOMPOSITIONS:
        raise ValueError(f"decomposition: unknown name {name!r}; known are {', '.join(DECOMPOSITIONS)}")
    if name != "none":
        return DECOMPOSITIONS[name](bits, radix_bits, gray)
    if radix_bits != 1 or gray:
        raise ValueError("decomposition: direct regression ('none') has no planes, so no radix_bits and no gray")
    if ends.dtype.kind != "f":
        return Direct(bits)
    if not np.isfinite(ends).all():  # NaN among the samples makes both ends NaN
        raise ValueError("samples: direct regression ('none') needs finite values; bit planes take NaN and infinities")
    return Direct(bits, ends.dtype.str, *ends.tolist())


def _encoding(name: str, layer: str, axes: tuple[int, ...], features: int, seed: int) -> Encoding | None:
    encoding = encodings.choose(name, axes, features, seed)
    if layer == "ternary" and encoding is None:
        raise ValueError(
            "encoding: a ternary layer normalises its input, which leaves of two bare coordinates only the sign of "
            "their difference: choose 'fourier' or 'octaves'"
        )
    if layer == "ternary-integer" and not isinstance(encoding, encodings.Triangle):
        raise ValueError(f"encoding: whole numbers only come from 'triangle', got {name!r} for 'ternary-integer'")
    return encoding


def _first_scale(value: str | float | Sequence[float] | None, activation: str, axes: tuple[int, ...]) -> Any:
    if isinstance(value, str):
        if value != "half-nyquist":
            raise ValueError(f"first_scale: expected 'half-nyquist', None or numbers, got {value!r}")
        return tuple(0.5 * f for f in coords.nyquist(axes)) if activations.get(activation).frequency else None
    return value
