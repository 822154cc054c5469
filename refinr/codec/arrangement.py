"""In which order samples are coded: many at a time, each after all that its context needs.

With this you can choose the arrangement of an array (`arrange_axes`, `Arrangement`): put its samples in order
(`Arrangement.work`, `Arrangement.samples`), and say which of them are coded together (`Arrangement.order`).

The work array has the axes (channel, segment, outer ..., row, column).  Sample by sample, from left to right and down,
an image would take as many steps as it has samples.  But a context reaches only three columns to the right in the row
above: so all samples of equal

    time = column + 4 row + 6 (outer + ... + channel)

can be coded together, a wave that runs through the array.  The factors follow from the context: every sample that it
names has an earlier time.  A sound has one axis and no wave; there the axis that takes longest is cut into segments
that know nothing of each other, and all segments are at the same place at the same time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

ROW_TIME = 4
"""A context reaches three columns to the right in the row above."""

OUTER_TIME = 6
"""And one column and one row further on (time 5) in the slice, frame or channel before."""

_WAVE = 64
"""Samples that are worth cutting into segments for."""

_SEGMENT = 1024
"""Columns that a segment has at least: the first few of each are coded with little context."""

MOST_REFERENCES = 2
"""Channels before that a context sees."""


class Role(NamedTuple):
    """What a sample's context can see: samples of a role share a network.

    Attributes
    ----------
    channel : int
    references : tuple of int
        Steps in the flat work array to the same place in channels, slices and frames that are known already.
    """

    channel: int
    references: tuple[int, ...]


class Order(NamedTuple):
    """Places in the flat work array, as they are coded, and the batches that are coded at once.

    Attributes
    ----------
    places : int64 array (N,)
    bounds : int64 array (batches + 1,)
        Batch i has the places from ``bounds[i]`` to ``bounds[i + 1]``.
    roles : int64 array (batches,)
        Which of `Arrangement.roles` a batch has.
    """

    places: np.ndarray
    bounds: np.ndarray
    roles: np.ndarray


def arrange_axes(levels: np.ndarray, channels: bool) -> tuple[int, ...]:
    """Axes from the slowest to the fastest: channels, outer axes, rows, columns.

    The two axes along which neighbours differ least are rows and columns, because a context sees most of them; the
    longer one of the two is columns, because then waves are long and few.

    Parameters
    ----------
    levels : array of unsigned integers, or float64
    channels : bool
        Whether the last axis counts channels.

    Examples
    --------
    >>> volume = np.arange(8 * 9 * 3).reshape(3, 8, 9).transpose(1, 2, 0) * 1.0
    >>> arrange_axes(volume, channels=False)
    (2, 0, 1)
    """
    grid = list(range(levels.ndim - channels))
    rough = [_roughness(levels, axis) for axis in grid]
    ranked = sorted(grid, key=lambda axis: rough[axis])
    page = sorted(ranked[:2], key=lambda axis: (levels.shape[axis], axis))
    return tuple([levels.ndim - 1] * channels + sorted(ranked[2:]) + page)


def _roughness(levels: np.ndarray, axis: int) -> float:
    """Mean difference of neighbours along an axis; what has no neighbours is last."""
    if levels.shape[axis] < 2 or levels.size == 0:
        return math.inf
    moved = np.moveaxis(levels, axis, 0)
    return float(np.abs(moved[1:].astype(np.float64) - moved[:-1].astype(np.float64)).mean())


@dataclass(frozen=True)
class Arrangement:
    """How samples of a shape stand in the work array.

    Parameters
    ----------
    shape : tuple of int
        Of the samples, none empty.
    axes : tuple of int
        As `arrange_axes` has them: all axes of the samples.
    channels : bool
        Whether the first of `axes` counts channels.

    Examples
    --------
    >>> arrangement = Arrangement(shape=(4, 5), axes=(0, 1), channels=False)
    >>> arrangement.work_shape, len(arrangement.order().roles)
    ((1, 1, 4, 5), 17)
    """

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    channels: bool

    @property
    def _lengths(self) -> tuple[int, ...]:
        """Channels, at most two outer axes, rows, columns."""
        lengths = [self.shape[axis] for axis in self.axes]
        first, grid = (lengths[:1], lengths[1:]) if self.channels else ([1], lengths)
        outer = grid[:-2]
        page = [1] * (2 - len(grid)) + grid[-2:]
        outer = [math.prod(outer[:-1]), outer[-1]] if len(outer) > 2 else outer
        return tuple(first + outer + page)

    @cached_property
    def _cut(self) -> tuple[int, int]:
        """The axis that is cut, and in how many segments."""
        lengths = self._lengths
        factors = _factors(len(lengths))
        durations = [factor * (length - 1) for factor, length in zip(factors, lengths, strict=True)]
        steps = 1 + sum(durations)
        axis = max(range(1, len(lengths)), key=lambda a: durations[a])  # channels know each other
        wave = math.prod(lengths) / steps
        wanted = max(math.ceil(_WAVE / wave), steps // (4 * _SEGMENT))
        return axis, max(1, min(durations[axis] // _SEGMENT, wanted))

    @property
    def segments(self) -> int:
        """In how many pieces the array is cut."""
        return self._cut[1]

    @cached_property
    def work_shape(self) -> tuple[int, ...]:
        """Channels, segments, outer axes, rows, columns."""
        axis, segments = self._cut
        lengths = list(self._lengths)
        lengths[axis] = -(-lengths[axis] // segments)
        return (lengths[0], segments, *lengths[1:])

    @property
    def steps(self) -> int:
        """How many different times samples have, at most."""
        lengths = [n for i, n in enumerate(self.work_shape) if i != 1]
        return 1 + sum(factor * (n - 1) for factor, n in zip(_factors(len(lengths)), lengths, strict=True))

    @property
    def size(self) -> int:
        """Places of the work array; the last segment may have more than samples."""
        return math.prod(self.work_shape)

    def work(self, levels: np.ndarray, outside: float) -> np.ndarray:
        """Samples as the flat work array, with one more place at its end for what is outside; float64."""
        axis, segments = self._cut
        lengths = self._lengths
        array = levels.transpose(self.axes).reshape(lengths).astype(np.float64)
        padding = [(0, 0)] * len(lengths)
        padding[axis] = (0, segments * self.work_shape[axis + 1] - lengths[axis])
        array = np.pad(array, padding, constant_values=outside)
        array = array.reshape(*lengths[:axis], segments, -1, *lengths[axis + 1 :])
        return np.append(np.moveaxis(array, axis, 1), outside)

    def samples(self, work: np.ndarray) -> np.ndarray:
        """The inverse of `work`."""
        axis, _ = self._cut
        lengths = self._lengths
        array = np.moveaxis(work[:-1].reshape(self.work_shape), 1, axis)
        array = array.reshape(*lengths[:axis], -1, *lengths[axis + 1 :])
        array = array[(slice(None),) * axis + (slice(lengths[axis]),)]
        return array.reshape([self.shape[axis] for axis in self.axes]).transpose(np.argsort(self.axes))

    @cached_property
    def roles(self) -> tuple[Role, ...]:
        """All roles there are: for every channel, with and without what is before on each outer axis."""
        steps = [math.prod(self.work_shape[axis + 1 :]) for axis in range(len(self.work_shape))]
        outer = range(2, len(self.work_shape) - 2)
        found = []
        for channel in range(self.work_shape[0]):
            before = [-k * steps[0] for k in range(1, min(channel, MOST_REFERENCES) + 1)]
            for mask in range(1 << len(outer)):
                known = [-steps[axis] for i, axis in enumerate(outer) if mask >> i & 1]
                found.append(Role(channel, tuple(before + known)))
        return tuple(found)

    def order(self) -> Order:
        """Places by time, and within a time by role."""
        shape = self.work_shape
        first, *others = _factors(len(shape) - 1)
        factors = [first, 0, *others]
        outer = range(2, len(shape) - 2)
        time = np.zeros((1,) * len(shape), np.int64)
        role = np.zeros((1,) * len(shape), np.int64)
        for axis, factor in enumerate(factors):
            index = np.expand_dims(np.arange(shape[axis]), [a for a in range(len(shape)) if a != axis])
            time = time + factor * index
            if axis == 0:
                role = role + (index << len(outer))
            elif axis in outer:
                role = role + ((index > 0) << (axis - 2))
        key = (time * len(self.roles) + role).reshape(-1)
        places = np.argsort(key, kind="stable")
        places = places[self._is_sample(places)]
        key = key[places]
        starts = np.flatnonzero(np.diff(key, prepend=-1))
        return Order(places, np.append(starts, len(places)), key[starts] % len(self.roles))

    def _is_sample(self, places: np.ndarray) -> np.ndarray:
        """Whether a place holds a sample, and not what the last segment lacks."""
        axis, segments = self._cut
        length = self.work_shape[axis + 1]
        within = places // math.prod(self.work_shape[axis + 2 :]) % length
        segment = places // math.prod(self.work_shape[2:]) % segments
        return segment * length + within < self._lengths[axis]


def _factors(axes: int) -> list[int]:
    """How much later the next sample along each axis is: channels, outer axes, rows, columns."""
    return [OUTER_TIME] * (axes - 2) + [ROW_TIME, 1]
