"""What the decoder already knows about a sample when it comes to it, as numbers for a network.

With this you can find the known neighbours of samples (`neighbours`) and turn their values into a network's inputs
(`contexts`): centred, divided by the local scale, and rounded, so that a dark flat region and a bright rough one look
alike, and every machine computes the same numbers.

Neighbours are 16 samples of the same page (32 of a sound), and around the same place in each reference, a channel,
slice or frame that is known already, those and four more on the side that in the page itself is not known yet.  Where
the page ends, the nearest sample that is known stands for what is outside.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from refinr.codec.arrangement import ROW_TIME, Arrangement, Role

PAGE = (
    *((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, -2), (-1, 2)),
    *((-2, -1), (-2, 1), (-2, -2), (-2, 2), (0, -3), (-3, 0), (-1, -3), (-1, 3)),
)
"""Rows and columns to the neighbours of a sample in its own page, the nearest first."""

PAGE_AHEAD = ((0, 1), (1, 0), (1, -1), (1, 1))
"""And in a page that is known already."""

_NEAR = ((0, -1), (-1, 0), (-1, 1))
PAGE_CHANGES = (
    tuple({p: 1, (p[0], p[1] - 1): -1} for p in _NEAR),
    tuple({p: 1, (p[0] - 1, p[1]): -1} for p in _NEAR),
    tuple({(r, c): 1, (r, c - 1): -1, (r - 1, c): -1, (r - 1, c - 1): 1} for r, c in (*_NEAR, (-1, -1))),
)
"""How much neighbours change across, down, and otherwise: weighted sums of neighbours, in three groups."""

LINE = tuple((0, -j) for j in range(1, 33))
LINE_AHEAD = ((0, 1), (0, 2))
LINE_CHANGES = (
    tuple({(0, -j): 1, (0, -j - 1): -1} for j in range(1, 5)),
    tuple({(0, -j): 1, (0, -j - 1): -1} for j in range(1, 17)),
    tuple({(0, -j): 1, (0, -j - 1): -2, (0, -j - 2): 1} for j in range(1, 9)),
)
_LINE_REFERENCE = 16

SQUASHED_UNIT = 7
LINEAR_UNIT = 6
SCALE_UNIT = 7
"""Squashed, linear and scale inputs are multiples of 2^-7, 2^-6, 2^-7."""

_LEAST_CHANGE = 2.0**-6

MOST_LINEAR = 8.0
"""Linear inputs stay between -8 and 8, squashed ones between -1 and 1."""

MOST_SCALE = 16.0
"""The input that says how large the local scale is stays below it: log2(2^53) / 4."""


class Context(NamedTuple):
    """What is known of N samples.

    Attributes
    ----------
    base : array (N,)
        The mean of the nearest neighbours: what the sample is measured from.
    scale : array (N,)
        What it is measured in: the mean distance of the neighbours from the base, and 0.4.
    inputs : array (N, I)
        For the hidden layer: neighbours squashed into -1 .. 1, the logarithm of the scale, and those of how much
        neighbours change across, down and otherwise, in units of the scale.
    linear : array (N, L)
        For the linear part: neighbours between -8 and 8.
    """

    base: np.ndarray
    scale: np.ndarray
    inputs: np.ndarray
    linear: np.ndarray


class Offsets(NamedTuple):
    """Rows and columns to neighbours in the page itself, and in a reference, where the place itself is the first."""

    page: tuple[tuple[int, int], ...]
    reference: tuple[tuple[int, int], ...]


def offsets(arrangement: Arrangement) -> Offsets:
    """Those of pages, or of lines where there is but one row.

    Examples
    --------
    >>> found = offsets(Arrangement((4, 5), axes=(0, 1), channels=False))
    >>> len(found.page), len(found.reference)
    (16, 21)
    """
    if arrangement.work_shape[-2] == 1:
        return Offsets(LINE, ((0, 0), *LINE[:_LINE_REFERENCE], *LINE_AHEAD))
    return Offsets(PAGE, ((0, 0), *PAGE, *PAGE_AHEAD))


def widths(arrangement: Arrangement, role: Role) -> tuple[int, int]:
    """How many inputs and linear inputs contexts of a role have.

    Examples
    --------
    >>> arrangement = Arrangement((4, 5, 3), axes=(2, 0, 1), channels=True)
    >>> [widths(arrangement, role) for role in arrangement.roles]
    [(20, 16), (41, 37), (62, 58)]
    """
    found = offsets(arrangement)
    linear = len(found.page) + len(role.references) * len(found.reference)
    return linear + 1 + len(PAGE_CHANGES), linear


def neighbours(arrangement: Arrangement, role: Role, places: np.ndarray) -> np.ndarray:
    """Places of the neighbours of samples of a role, in the flat work array.

    Parameters
    ----------
    arrangement : Arrangement
    role : Role
    places : int64 array (N,)

    Returns
    -------
    int32 array (N, L)
        The page's neighbours, then those of each reference.  Each was coded earlier, or is the last place of the work
        array: what is outside.
    """
    found = offsets(arrangement)
    rows, columns = arrangement.work_shape[-2:]
    row = (places // columns % rows)[:, None]
    column = (places % columns)[:, None]

    def inside(steps: tuple[tuple[int, int], ...]) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns to neighbours, or to the nearest sample of the page."""
        down, right = np.array(steps).T
        return np.clip(row + down, 0, rows - 1) - row, np.clip(column + right, 0, columns - 1) - column  # (N, K)

    down, right = inside(found.page)
    page = places[:, None] + down * columns + right
    nearest = np.where(
        column > 0,
        places[:, None] - 1,
        np.where(row > 0, places[:, None] - columns, arrangement.size),
    )
    page = np.where(ROW_TIME * down + right < 0, page, nearest)
    groups = [page]
    if role.references:
        down, right = inside(found.reference)
        groups += [places[:, None] + (step + down * columns + right) for step in role.references]
    return np.concatenate(groups, axis=1, dtype=np.int32, casting="same_kind")


def contexts(arrangement: Arrangement, role: Role, values: np.ndarray, base: np.ndarray | None = None) -> Context:
    """From the values of neighbours to a network's inputs.

    Parameters
    ----------
    arrangement : Arrangement
    role : Role
    values : float64 array (N, L)
        The work array at `neighbours`: whole numbers below 2^32.
    base : float64 array (N,), optional
        What samples are expected to be, if that is known; values then are neighbours' errors.

    Returns
    -------
    Context
    """
    found = offsets(arrangement)
    line = found.page is LINE
    near, width = (1, 12) if line else (4, 12)
    page = len(found.page)
    if base is None:
        base = values[:, :near].sum(axis=1) / near  # exact: whole numbers, and near is a power of two
        centred = np.empty_like(values)
        centred[:, :page] = values[:, :page] - base[:, None]
        for i in range(page, values.shape[1], len(found.reference)):
            group = values[:, i : i + len(found.reference)]
            centred[:, i : i + len(found.reference)] = group - (group[:, 1 : 1 + near].sum(axis=1) / near)[:, None]
    else:
        centred = values
    scale = np.abs(centred[:, :width]).sum(axis=1) / width
    if role.references:
        scale = 0.5 * (scale + np.abs(centred[:, page : page + 9]).sum(axis=1) / 9.0)
    scale = scale + 0.4
    linear = np.floor(centred * (2.0**LINEAR_UNIT / scale)[:, None] + 0.5)
    linear = np.clip(linear, -MOST_LINEAR * 2.0**LINEAR_UNIT, MOST_LINEAR * 2.0**LINEAR_UNIT) / 2.0**LINEAR_UNIT
    weights, groups = _changes(line)
    changes = np.abs(centred[:, :page] @ weights) @ groups  # (N, 3), exact: whole multiples of 1/4
    sizes = np.concatenate([scale[:, None], changes / scale[:, None] + _LEAST_CHANGE], axis=1)
    squashed = np.floor(linear * 2.0**SQUASHED_UNIT / (1.0 + np.abs(linear)) + 0.5) / 2.0**SQUASHED_UNIT
    return Context(base, scale, np.concatenate([squashed, _quarter_log2(sizes)], axis=1), linear)


def _quarter_log2(x: np.ndarray) -> np.ndarray:
    """About log2(x) / 4, on straight lines between powers of two."""
    mantissa, exponent = np.frexp(x)
    return np.floor((exponent + 2.0 * mantissa - 2.0) * 2.0 ** (SCALE_UNIT - 2) + 0.5) / 2.0**SCALE_UNIT


@functools.cache
def _changes(line: bool) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the neighbours (L, K) of all changes, and which group (K, 3) a change is of."""
    page = LINE if line else PAGE
    changes = LINE_CHANGES if line else PAGE_CHANGES
    weights = [[change.get(step, 0) for step in page] for group in changes for change in group]
    groups = [[i == j for j in range(len(changes))] for i, group in enumerate(changes) for _ in group]
    return np.array(weights, np.float64).T, np.array(groups, np.float64)
