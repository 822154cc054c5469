"""NumPy's basic indexing for arrays that are computed on demand, tile by tile.

With this you can turn an index into the positions that it asks for on every axis (`select`), find the tiles that hold
them, each with where its samples go and where they come from (`pieces`), and give whatever can compute a region the
behaviour of an array (`OnDemand`).
"""

from __future__ import annotations

import itertools
import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class Selection:
    """What an index asks for.

    Parameters
    ----------
    axes : tuple of ranges
        The positions on each axis of the array, an integer as a range of one.
    view : tuple
        The index that makes of an array of these positions what NumPy would give: takes the axes of integers away,
        and adds new ones.
    """

    axes: tuple[range, ...]
    view: tuple[Any, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of positions on every axis."""
        return tuple(map(len, self.axes))


def select(index: Any, shape: Sequence[int]) -> Selection:
    """The positions that an index asks for in an array of that shape.

    Parameters
    ----------
    index : int, slice, Ellipsis, None, or tuple of these
    shape : sequence of ints

    Raises
    ------
    IndexError
        If an integer is out of range, or there are too many indices, or one is something else: arrays of integers and
        masks among them.
    ValueError
        For a step of 0.

    Examples
    --------
    >>> selection = select((-1, slice(None, None, -2)), (4, 5))
    >>> selection.axes, selection.shape, selection.view
    ((range(3, 4), range(4, -1, -2)), (1, 3), (0, slice(None, None, None)))
    """
    items = index if isinstance(index, tuple) else (index,)
    for item in items:
        _check_kind(item)
    given = sum(item is not None and item is not Ellipsis for item in items)
    ellipses = sum(item is Ellipsis for item in items)
    if given > len(shape):
        raise IndexError(f"index: expected at most {len(shape)} for an array of shape {tuple(shape)}, got {given}")
    if ellipses > 1:
        raise IndexError(f"index: expected at most one '...', got {ellipses}")
    if ellipses == 0:
        items = (*items, Ellipsis)
    axes: list[range] = []
    view: list[Any] = []
    for item in items:
        if item is None:
            view.append(None)
        elif item is Ellipsis:
            whole = shape[len(axes) : len(axes) + len(shape) - given]
            axes += [range(length) for length in whole]
            view += [slice(None)] * len(whole)
        elif isinstance(item, slice):
            axes.append(range(*item.indices(shape[len(axes)])))
            view.append(slice(None))
        else:
            position = _position(item, len(axes), shape[len(axes)])
            axes.append(range(position, position + 1))
            view.append(0)
    if ellipses:  # integers alone give a scalar, but with '...' an array without axes
        view.append(Ellipsis)
    return Selection(tuple(axes), tuple(view))


def _check_kind(item: Any) -> None:
    if item is None or item is Ellipsis or isinstance(item, slice):
        return
    is_integer = not (isinstance(item, bool | np.bool) or (isinstance(item, np.ndarray) and item.dtype.kind == "b"))
    try:
        if is_integer:  # older NumPy takes a bool for one, with a warning
            operator.index(item)
    except TypeError:
        is_integer = False
    if not is_integer:
        raise IndexError(
            f"index: expected integers, slices, '...' and None, got {type(item).__name__}; for arrays of integers and "
            "masks, decode first: inr.decode()[index]"
        )


def _position(item: Any, axis: int, length: int) -> int:
    position = operator.index(item)
    if not -length <= position < length:
        raise IndexError(f"index: expected {-length} to {length - 1} on axis {axis} of length {length}, got {position}")
    return position % length


# --- tiles -----------------------------------------------------------------------------------------------------------


class Piece(NamedTuple):
    """The part of a selection that lies in one tile.

    Parameters
    ----------
    tile : int
        Number of the tile, counted row-major.
    target : tuple of slices
        Where the samples belong among the selected ones.
    source : tuple of slices
        Which of the tile's samples they are.
    """

    tile: int
    target: tuple[slice, ...]
    source: tuple[slice, ...]


def pieces(axes: Sequence[range], shape: Sequence[int], tile: Sequence[int]) -> Iterator[Piece]:
    """The tiles that hold selected positions, in ascending order.

    Parameters
    ----------
    axes : sequence of ranges
        As `select` gives them.
    shape, tile : sequences of ints
        Of the array, and of its full tiles, as in `refinr.tiling.tiles`.

    Examples
    --------
    >>> list(pieces((range(3, 0, -1),), (5,), (2,)))  # the samples 3, 2, 1
    [Piece(tile=0, target=(slice(2, 3, None),), source=(slice(1, 0, -1),)), \
Piece(tile=1, target=(slice(0, 2, None),), source=(slice(1, None, -1),))]
    """
    counts = [-(-n // t) for n, t in zip(shape, tile, strict=True)]
    by_axis = [list(_along(wanted, t)) for wanted, t in zip(axes, tile, strict=True)]
    for parts in itertools.product(*by_axis):
        number = 0
        for (place, _, _), count in zip(parts, counts, strict=True):
            number = number * count + place
        yield Piece(number, tuple(target for _, target, _ in parts), tuple(source for _, _, source in parts))


def _along(wanted: range, length: int) -> Iterator[tuple[int, slice, slice]]:
    """On one axis: the places of tiles in ascending order, where their samples go, and where they come from."""
    if not wanted:
        return
    ends = sorted((wanted[0] // length, wanted[-1] // length))
    dense = abs(wanted.step) <= length  # no tile is stepped over
    places = range(ends[0], ends[1] + 1) if dense else sorted({position // length for position in wanted})
    for place in places:
        start = place * length
        first, last = _within(wanted, start, start + length)
        here = wanted[first:last]  # ranges are cut as lists are, without being written out
        stop = here[-1] - start + (1 if wanted.step > 0 else -1)
        yield place, slice(first, last), slice(here[0] - start, None if stop < 0 else stop, wanted.step)


def _within(wanted: range, low: int, high: int) -> tuple[int, int]:
    """The part of a range, as its first index and the one after the last, whose values are at least low, below high."""
    if wanted.step > 0:
        first = -((wanted.start - low) // wanted.step)  # rounded up
        last = -((wanted.start - high) // wanted.step)
    else:
        first = -((high - 1 - wanted.start) // -wanted.step)
        last = -((low - 1 - wanted.start) // -wanted.step)
    return max(first, 0), min(last, len(wanted))


# --- arrays ----------------------------------------------------------------------------------------------------------


class OnDemand(ABC):
    """What has a shape and a dtype and computes its samples on demand, as an array: for NumPy, Dask and users."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Of the samples."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype:
        """Of the samples."""

    @abstractmethod
    def decode(self) -> np.ndarray:
        """All samples."""

    @abstractmethod
    def region(self, index: Any) -> np.ndarray:
        """The samples at an index."""

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of samples."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        return self.region(index)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.decode())  # by index, every row of samples would decode a row of tiles

    def __array__(self, dtype: np.typing.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("copy: the samples of an INR are computed anew, so there is no array to share")
        return self.decode().astype(self.dtype if dtype is None else dtype, copy=False)
