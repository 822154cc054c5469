"""What the networks of a tile are asked to represent: the three decompositions, and none.

With this you can turn a tile's codes into networks' targets and the networks' outputs back into codes, in one of three
ways: one network a plane (`Planes`), one network with the bit index as a further coordinate (`BitCoordinate`, Eq. 8),
or one network for the value itself (`Direct`, what everybody did before).  Networks that are written down instead of
trained output the codes as they are (`Integers`).

Every decomposition is a frozen dataclass that offers the same things; to add one, offer them and name it in
`DECOMPOSITIONS`:

- ``choose(ends, bits, radix_bits, gray)``, of the class: the decomposition for samples between two ends;
- ``regresses``, of the class: whether it asks for values, near enough, and not for decisions, all of them right;
- ``decides``: whether outputs mean decisions at all, so that there are margins;
- ``defaults``: what `refinr.fit` takes for it instead of what suits the layer;
- ``bits``: width of the codes;
- ``levels``: how many digits an output distinguishes, 2 for bits;
- ``networks(channels)``: how many networks a tile needs;
- ``axes(tile)``: the shape of the grid its networks' inputs are laid out on;
- ``inputs(tile)``: those inputs (samples, I), row-major;
- ``inputs_at(points, axes)``: the same for points (samples, d) between samples, on those axes;
- ``targets(codes)``: codes (N, C) to targets (networks, samples, 1);
- ``by_sample(z)``: outputs (networks, samples, 1) as (N, C, P), one value for each decision, P planes a code;
- ``codes(z)``: outputs to codes (N, C);
- ``values(z, first)``: what outputs say between samples, (N, C, P): themselves where they are decisions, else values in
  the samples' unit, of which `first` has code 0;
- ``margins(z, targets)``: signed distance of outputs from the threshold that would make them wrong, in steps between
  targets and the outputs' shape;
- ``distances(z)``: how far outputs are from their nearest threshold, in the outputs' unit and shape.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from refinr import coords, decisions, planes
from refinr.tables import look_up


class Centred(ABC):
    """What networks that are trained share: inputs and targets symmetric about zero, coordinates in [-1, 1]."""

    @property
    @abstractmethod
    def levels(self) -> int:
        """How many digits an output distinguishes."""

    def axes(self, tile: tuple[int, ...]) -> tuple[int, ...]:
        """The tile's own."""
        return tile

    def inputs(self, tile: tuple[int, ...]) -> np.ndarray:
        """Coordinates in [-1, 1]."""
        return coords.grid(self.axes(tile))

    def inputs_at(self, points: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        """Coordinates of points (N, d) on those axes, in samples."""
        return coords.between(points, axes).astype(np.float32)

    def margins(self, z: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Of outputs from the threshold that would make them wrong."""
        return decisions.margins(z, targets, self.levels)

    def distances(self, z: np.ndarray) -> np.ndarray:
        """Of outputs from their nearest threshold."""
        return decisions.distances(z, self.levels)


@dataclass(frozen=True)
class Planes(Centred):
    """One network for every plane of every channel: the paper's parallel method, and the robust one.

    Parameters
    ----------
    bits : int
        Width of the codes.
    radix_bits : int
        Bits a plane.
    gray : bool
        Planes of the Gray code.

    Examples
    --------
    >>> cut = Planes(bits=3)
    >>> targets = cut.targets(np.array([[6], [1]], dtype="uint8"))
    >>> targets[:, :, 0].tolist()
    [[-0.5, 0.5], [0.5, -0.5], [0.5, -0.5]]
    >>> cut.codes(targets).tolist()
    [[6], [1]]
    """

    regresses: ClassVar[bool] = False
    decides: ClassVar[bool] = True
    defaults: ClassVar[dict[str, Any]] = {}

    bits: int
    radix_bits: int = 1
    gray: bool = False

    def __post_init__(self) -> None:
        planes.count(self.bits, self.radix_bits)  # raises for what cannot be cut

    @classmethod
    def choose(cls, ends: np.ndarray, bits: int, radix_bits: int, gray: bool) -> Self:
        """Planes of the codes, whatever samples they are of."""
        return cls(bits, radix_bits, gray)

    @property
    def levels(self) -> int:
        """``2^radix_bits``."""
        return 1 << self.radix_bits

    @property
    def planes(self) -> int:
        """Number of planes P."""
        return planes.count(self.bits, self.radix_bits)

    def networks(self, channels: int) -> int:
        """C P."""
        return channels * self.planes

    def targets(self, codes: np.ndarray) -> np.ndarray:
        """Codes (N, C) to targets (C P, N, 1)."""
        digits = planes.to_planes(codes, self.bits, radix_bits=self.radix_bits, gray=self.gray)  # (N, C, P)
        return decisions.targets(digits, self.levels).transpose(1, 2, 0).reshape(-1, len(codes), 1)

    def by_sample(self, z: np.ndarray) -> np.ndarray:
        """Outputs (C P, N, 1) as (N, C, P)."""
        return z.reshape(-1, self.planes, z.shape[1]).transpose(2, 0, 1)

    def values(self, z: np.ndarray, first: float) -> np.ndarray:
        """What outputs say between samples, (N, C, P): themselves, above 0 for a one where planes are bits."""
        return self.by_sample(z)

    def codes(self, z: np.ndarray) -> np.ndarray:
        """Outputs to codes (N, C)."""
        digits = decisions.decide(self.by_sample(z), self.levels)  # (N, C, P)
        top = self.bits - (self.planes - 1) * self.radix_bits  # bits in the top plane
        digits[..., -1] = np.minimum(digits[..., -1], (1 << top) - 1)
        return planes.from_planes(
            digits, self.bits, radix_bits=self.radix_bits, gray=self.gray, dtype=planes.narrowest(self.bits)
        )


@dataclass(frozen=True)
class BitCoordinate(Planes):
    """One network a channel, with the plane's index as the last coordinate, spread over [-1, 1]: Eq. (8).

    Examples
    --------
    >>> cut = BitCoordinate(bits=3)
    >>> cut.axes((2,)), cut.targets(np.array([[6], [1]], dtype="uint8"))[0, :, 0].tolist()
    ((2, 3), [-0.5, 0.5, 0.5, 0.5, -0.5, -0.5])
    """

    def networks(self, channels: int) -> int:
        """C."""
        return channels

    def axes(self, tile: tuple[int, ...]) -> tuple[int, ...]:
        """The tile's, and one for the planes."""
        return (*tile, self.planes)

    def targets(self, codes: np.ndarray) -> np.ndarray:
        """Codes (N, C) to targets (C, N P, 1), the plane's index running fastest."""
        by_sample = super().by_sample(super().targets(codes))  # (N, C, P)
        return by_sample.transpose(1, 0, 2).reshape(codes.shape[1], -1, 1)

    def by_sample(self, z: np.ndarray) -> np.ndarray:
        """Outputs (C, N P, 1) as (N, C, P)."""
        return z.reshape(len(z), -1, self.planes).transpose(1, 0, 2)


@dataclass(frozen=True)
class Values:
    """One network for every channel, and one output of it for every sample: what `Direct` and `Integers` share."""

    bits: int

    @property
    def levels(self) -> int:
        """``2^bits``."""
        return 1 << self.bits

    def networks(self, channels: int) -> int:
        """C."""
        return channels

    def axes(self, tile: tuple[int, ...]) -> tuple[int, ...]:
        """The tile's own."""
        return tile

    def by_sample(self, z: np.ndarray) -> np.ndarray:
        """Outputs (C, N, 1) as (N, C, 1)."""
        return z.transpose(1, 0, 2)


@dataclass(frozen=True)
class Direct(Values, Centred):
    """One network a channel for the value itself: n bits by one output, with tolerance ``eps(n)`` (Eqs. 3, 5).

    Integers are regressed as their codes over ``0 .. 2^bits - 1``; floats as values between `low` and `high`.

    Parameters
    ----------
    bits : int
    dtype : str or None
        The float dtype of the samples, or None for integers.
    low, high : float
        Range of the samples, for floats.

    Examples
    --------
    >>> cut = Direct(bits=8)
    >>> cut.targets(np.array([[0], [255]], dtype="uint8")).ravel().tolist()
    [-0.5, 0.5]
    >>> cut.codes(np.array([[[-0.5], [0.4999]]])).tolist()
    [[0], [255]]
    """

    regresses: ClassVar[bool] = True
    defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3}  # values need finer steps than signs

    dtype: str | None = None
    low: float = 0.0
    high: float = 0.0

    def __post_init__(self) -> None:
        planes.count(self.bits)  # raises for what is no width
        if self.dtype is not None and np.dtype(self.dtype).kind != "f":
            raise ValueError(f"dtype: expected a float dtype or None, got {self.dtype}")
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise ValueError(f"low, high: expected finite numbers, got {self.low} and {self.high}")

    @classmethod
    def choose(cls, ends: np.ndarray, bits: int, radix_bits: int, gray: bool) -> Self:
        """Codes for integers; values between these ends for floats.

        Raises
        ------
        ValueError
            For planes, which there are none of, and for ends that are not finite.
        """
        if radix_bits != 1 or gray:
            raise ValueError("decomposition: direct regression ('none') has no planes, so no radix_bits and no gray")
        if ends.dtype.kind != "f":
            return cls(bits)
        if not np.isfinite(ends).all():  # NaN among the samples makes both ends NaN
            raise ValueError(
                "samples: direct regression ('none') needs finite values; bit planes take NaN and infinities"
            )
        return cls(bits, ends.dtype.str, *ends.tolist())

    @property
    def decides(self) -> bool:
        """Whether outputs stand for codes; floats are taken as they come."""
        return self.dtype is None

    def targets(self, codes: np.ndarray) -> np.ndarray:
        """Codes (N, C) to targets (C, N, 1)."""
        if self.dtype is None:
            return decisions.targets(codes.astype(np.float64), self.levels).T[:, :, None]
        middle, half = self._range()
        values = planes.from_codes(codes, self.dtype).astype(np.float64)
        return (0.5 * ((values - middle) / half)).astype(np.float32).T[:, :, None]

    def values(self, z: np.ndarray, first: float) -> np.ndarray:
        """What outputs say between samples, (N, C, 1) in the samples' unit; `first` is the value of code 0."""
        share = self._share(z)[..., None]  # (N, C, 1)
        return self._floats(share) if self.dtype is not None else first + (share + 0.5) * float(self.levels - 1)

    def codes(self, z: np.ndarray) -> np.ndarray:
        """Outputs to codes (N, C): the nearest one, within the range."""
        share = self._share(z)  # (N, C)
        if self.dtype is not None:
            return planes.to_codes(self._floats(share).astype(self.dtype))[0]
        if self.levels == 2:
            return decisions.decide(self.by_sample(z)[..., 0], 2)
        # from 54 bits on the top code is not a float64: stay below the power of two above it
        top = float(self.levels - 1) if self.bits <= 53 else np.nextafter(2.0**self.bits, 0)
        return np.minimum(np.rint((share + 0.5) * top), top).astype(planes.narrowest(self.bits))

    def distances(self, z: np.ndarray) -> np.ndarray:
        """Of outputs from their nearest threshold; floats have none."""
        if not self.decides:
            raise ValueError("decomposition: direct regression of floats decides nothing, so there are no distances")
        return super().distances(z)

    def _share(self, z: np.ndarray) -> np.ndarray:
        return np.clip(np.nan_to_num(self.by_sample(z)[..., 0].astype(np.float64)), -0.5, 0.5)  # (N, C)

    def _floats(self, share: np.ndarray) -> np.ndarray:
        middle, half = self._range()
        with np.errstate(over="ignore"):  # rounding may pass the ends of the range, and of the dtype
            values = middle + 2.0 * share * half
        return np.clip(values, self.low, self.high)

    def _range(self) -> tuple[float, float]:
        middle = self.low / 2 + self.high / 2  # halves first: no overflow
        half = self.high / 2 - self.low / 2
        return middle, half or 1.0


@dataclass(frozen=True)
class Integers(Values):
    """One network a channel whose inputs are the samples' indices and whose outputs are the codes: integers throughout.

    Nothing is scaled, so a network of integer parameters computes without rounding (`refinr.constructive`).

    Parameters
    ----------
    bits : int, 1 to 25
        float32 holds all integers up to ``2^24``, which has 25 bits.

    Examples
    --------
    >>> cut = Integers(bits=3)
    >>> cut.inputs((1, 2)).tolist(), cut.targets(np.array([[6], [1]], dtype="uint8")).ravel().tolist()
    ([[0.0, 0.0], [0.0, 1.0]], [6.0, 1.0])
    >>> cut.codes(np.array([[[5.6], [1.4]]])).tolist()
    [[6], [1]]
    """

    regresses: ClassVar[bool] = False
    decides: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 25:
            raise ValueError(f"bits: expected 1 to 25, which float32 holds, got {self.bits}")

    def inputs(self, tile: tuple[int, ...]) -> np.ndarray:
        """Indices 0, 1, ... along every axis."""
        return np.indices(tile).reshape(len(tile), -1).T.astype(np.float32)  # (N, d)

    def inputs_at(self, points: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        """Places of points (N, d) on those axes, in samples."""
        return points.astype(np.float32)

    def targets(self, codes: np.ndarray) -> np.ndarray:
        """Codes (N, C) to targets (C, N, 1)."""
        return codes.astype(np.float32).T[:, :, None]

    def values(self, z: np.ndarray, first: float) -> np.ndarray:
        """What outputs say between samples, (N, C, 1) in the samples' unit; `first` is the value of code 0."""
        return first + self._near(z)[..., None]

    def codes(self, z: np.ndarray) -> np.ndarray:
        """Outputs to codes (N, C): the nearest one."""
        return np.rint(self._near(z)).astype(planes.narrowest(self.bits))

    def _near(self, z: np.ndarray) -> np.ndarray:
        return np.clip(np.nan_to_num(z[..., 0].T.astype(np.float64)), 0.0, self.levels - 1.0)  # (N, C)

    def margins(self, z: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Of outputs from the threshold that would make them wrong; there is none beyond the ends."""
        return 0.5 - np.abs(np.clip(z.astype(np.float64), 0.0, self.levels - 1.0) - targets)

    def distances(self, z: np.ndarray) -> np.ndarray:
        """Of outputs from their nearest threshold, half way between integers; 2^-50 of it is off for rounding."""
        z = z.astype(np.float64)
        below = np.clip(np.floor(z), 0.0, self.levels - 2.0)
        return np.abs(z - (below + 0.5)) * (1.0 - 2.0**-50)


Decomposition = Planes | Direct | Integers  # BitCoordinate is a Planes


class Place(NamedTuple):
    """What some networks of an array answer for.

    Parameters
    ----------
    networks : range
        Their numbers.
    extent : tuple of ints
        Of their tiles, which may be smaller at the array's edges.
    cut : Planes, Direct or Integers
    tile : tuple of ints
        Of full tiles.
    """

    networks: range
    extent: tuple[int, ...]
    cut: Decomposition
    tile: tuple[int, ...]


DECOMPOSITIONS: dict[str, Any] = {"planes": Planes, "bit-coordinate": BitCoordinate, "none": Direct}
"""What networks can be trained for: the choices of `refinr.fit`."""

WRITTEN_DOWN: dict[str, Any] = {"integers": Integers}
"""What only networks that are written down can represent."""


def choose(name: str, ends: np.ndarray, bits: int, radix_bits: int, gray: bool) -> Decomposition:
    """The decomposition of that name, for samples between two ends whose codes have so many bits.

    Raises
    ------
    ValueError
        For an unknown name, and for what it cannot represent.

    Examples
    --------
    >>> choose("planes", np.array([0, 5], dtype="uint8"), bits=3, radix_bits=1, gray=False)
    Planes(bits=3, radix_bits=1, gray=False)
    """
    return look_up(DECOMPOSITIONS, name, "decomposition").choose(ends, bits, radix_bits, gray)


def name_of(decomposition: Decomposition) -> str:
    """The name in `DECOMPOSITIONS` or `WRITTEN_DOWN`.

    Examples
    --------
    >>> name_of(Integers(bits=3))
    'integers'
    """
    return next(name for name, kind in (DECOMPOSITIONS | WRITTEN_DOWN).items() if type(decomposition) is kind)


def named(name: str, fields: dict[str, Any]) -> Decomposition:
    """A decomposition as a file has it: by its name and its fields.

    Examples
    --------
    >>> named("integers", {"bits": 3})
    Integers(bits=3)
    """
    return look_up(DECOMPOSITIONS | WRITTEN_DOWN, name, "decomposition")(**fields)
