"""Inputs for networks that bare coordinates say too little to: encodings, as plain numbers that a file can keep.

With this you can choose an encoding by name (`choose`), and lay out a tile's inputs
(``encoding.inputs(axes)``).

Every encoding is a frozen dataclass of plain numbers that offers the same things; to add one, offer them and name it in
`ENCODINGS`:

- ``draw(axes, features, seed)``, of the class: the encoding for a tile's axes, made once;
- ``drawn``, of the class: whether `features` and `seed` have a say in that;
- ``whole``, of the class: whether inputs are multiples of a power of two, which every machine computes alike;
- ``width(axes)``: the number of inputs I;
- ``inputs(axes)``: the inputs (N, I) at all samples, in row-major order;
- ``inputs_at(points, axes)``: those at points (N, d) between samples.

All of them bring the frequencies of the signal along, so that a first layer on top need not supply them.
"""

from __future__ import annotations

import math
import operator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np

from refinr import coords
from refinr.tables import look_up


@dataclass(frozen=True)
class Octaves:
    """The paper's: coordinates, and their sines and cosines in octaves, one axis at a time.

    Examples
    --------
    >>> Octaves(7).inputs((32, 32)).shape
    (1024, 30)
    """

    drawn: ClassVar[bool] = False
    whole: ClassVar[bool] = False

    octaves: int = 7

    @classmethod
    def draw(cls, axes: tuple[int, ...], features: int, seed: int) -> Self:
        """The paper's seven octaves, whatever the axes."""
        return cls()

    def __post_init__(self) -> None:
        if not 0 <= operator.index(self.octaves) <= 32:
            raise ValueError(f"octaves: expected 0 to 32, got {self.octaves}")

    def width(self, axes: tuple[int, ...]) -> int:
        """Number of inputs I."""
        return len(axes) * (1 + 2 * self.octaves)

    def inputs(self, axes: tuple[int, ...]) -> np.ndarray:
        """`refinr.coords.positional_encoding` of the grid."""
        return coords.positional_encoding(coords.grid(axes, "float64"), self.octaves).astype(np.float32)

    def inputs_at(self, points: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        """The same of points (N, d), in samples."""
        return coords.positional_encoding(coords.between(points, axes), self.octaves).astype(np.float32)


@dataclass(frozen=True)
class Fourier:
    """Cosines and sines of plane waves: ``cos(2 pi p / period)``, ``sin(2 pi p / period)``.

    The phases ``p = (i_1 steps_1 + i_2 steps_2 + ...) mod period`` are whole numbers, i the index of a sample.

    Parameters
    ----------
    steps : tuple of d tuples of M ints
        What a wave advances by from one sample to the next, on every axis; half a period is Nyquist's frequency.
    period : int
        A power of two.

    Examples
    --------
    >>> Fourier(steps=((1, 2),), period=4).inputs((2,)).round(6).tolist()
    [[1.0, 1.0, 0.0, 0.0], [0.0, -1.0, 1.0, 0.0]]
    """

    drawn: ClassVar[bool] = True
    whole: ClassVar[bool] = False

    steps: tuple[tuple[int, ...], ...]
    period: int

    def __post_init__(self) -> None:
        steps = tuple(tuple(map(operator.index, axis)) for axis in self.steps)
        object.__setattr__(self, "steps", steps)
        if not steps or len({len(axis) for axis in steps}) != 1 or not steps[0]:
            raise ValueError(f"steps: expected as many numbers for every axis, got {self.steps}")
        if not 4 <= operator.index(self.period) <= 2**30 or self.period & (self.period - 1):
            raise ValueError(f"period: expected a power of two from 4 to 2^30, got {self.period:.6g}")
        if max(abs(step) for axis in steps for step in axis) > self.period:
            raise ValueError(f"steps: expected at most a period of {self.period}, forward or back")

    @classmethod
    def draw(cls, axes: tuple[int, ...], features: int, seed: int) -> Self:
        """M = `features` vectors of steps, uniform up to Nyquist's frequency on every axis of a tile.

        The period is eight times the longest axis or more: frequencies as fine as a tile can tell apart, and finer.

        Raises
        ------
        ValueError
            For less than one feature.
        """
        if features < 1:
            raise ValueError(f"features: expected 1 or more, got {features}")
        period = 8 << (max(axes) - 1).bit_length()
        steps = np.random.default_rng(seed).integers(-period // 2, period // 2 + 1, (len(axes), features))
        return cls(tuple(map(tuple, steps.tolist())), period)

    def width(self, axes: tuple[int, ...]) -> int:
        """Number of inputs I = 2 M, for as many axes as there are steps for."""
        if len(axes) != len(self.steps):
            raise ValueError(f"steps: expected {len(axes)} axes, got {len(self.steps)}")
        return 2 * len(self.steps[0])

    def inputs(self, axes: tuple[int, ...]) -> np.ndarray:
        """Inputs (N, 2 M), computed in float64 and rounded to float32."""
        return self._waves(self.phases(axes))

    def inputs_at(self, points: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        """The same of points (N, d), in samples: phases are then no whole numbers."""
        return self._waves(points @ np.asarray(self.steps) % self.period)

    def _waves(self, phases: np.ndarray) -> np.ndarray:
        angles = (2.0 * math.pi / self.period) * phases  # (N, M)
        return np.concatenate([np.cos(angles), np.sin(angles)], axis=-1).astype(np.float32)

    def phases(self, axes: tuple[int, ...]) -> np.ndarray:
        """Whole phases (N, M), between 0 and ``period - 1``."""
        indices = np.stack([axis.ravel() for axis in np.indices(axes)], axis=-1)  # (N, d)
        return indices @ np.asarray(self.steps) % self.period


@dataclass(frozen=True)
class Triangle(Fourier):
    """Triangle waves in place of cosines and sines: multiples of ``4 / period`` between -1 and 1, without rounding.

    Examples
    --------
    >>> Triangle(steps=((1,),), period=8).inputs((8,)).T.tolist()
    [[1.0, 0.5, 0.0, -0.5, -1.0, -0.5, 0.0, 0.5], [0.0, 0.5, 1.0, 0.5, 0.0, -0.5, -1.0, -0.5]]
    """

    whole: ClassVar[bool] = True

    def _waves(self, phases: np.ndarray) -> np.ndarray:
        quarter = self.period // 4
        both = np.concatenate([phases, (phases - quarter) % self.period], axis=-1)
        return ((abs(both - 2 * quarter) - quarter) / quarter).astype(np.float32)


Encoding = Octaves | Fourier  # Triangle is a Fourier

ENCODINGS: dict[str, Any] = {"octaves": Octaves, "fourier": Fourier, "triangle": Triangle}

BARE = "none"
"""The name of no encoding: coordinates as they are."""

WAVES = 60
"""Waves that are drawn where nobody says how many."""


def choose(name: str, axes: tuple[int, ...], features: int | None = None, seed: int = 0) -> Encoding | None:
    """The encoding of that name for a tile's axes; None, bare coordinates, for "none".

    Parameters
    ----------
    name : str
        `BARE`, or one in `ENCODINGS`.
    axes : tuple of d ints
    features : int, optional
        Waves, for those that are drawn; `WAVES` by default.
    seed : int
        Of their directions.

    Raises
    ------
    ValueError
        For an unknown name or less than one feature.

    Examples
    --------
    >>> choose("triangle", (4, 4), features=2).inputs((4, 4)).shape
    (16, 4)
    """
    kind = look_up({BARE: None} | ENCODINGS, name, "encoding")
    return None if kind is None else kind.draw(axes, WAVES if features is None else features, seed)


def to_json(encoding: Encoding | None) -> dict[str, Any] | None:
    """As JSON values.

    Examples
    --------
    >>> to_json(Fourier(((1, 2),), 4))
    {'name': 'fourier', 'steps': ((1, 2),), 'period': 4}
    """
    if encoding is None:
        return None
    name = next(name for name, kind in ENCODINGS.items() if type(encoding) is kind)
    return {"name": name} | asdict(encoding)


def from_json(value: dict[str, Any] | None) -> Encoding | None:
    """The inverse of `to_json`.

    Examples
    --------
    >>> from_json({"name": "octaves", "octaves": 4})
    Octaves(octaves=4)
    """
    if value is None:
        return None
    fields = dict(value)
    return look_up(ENCODINGS, fields.pop("name"), "encoding")(**fields)
