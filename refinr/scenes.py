"""What there is to see of an array or of its networks: a few sections, of a size that is quickly decoded.

With this you can look at samples (`of_samples`) and at networks (`of_networks`), which `refinr.drawing` shows, and
have a small picture for a page (`preview`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from refinr import indexing, planes, summary, tiling
from refinr.decompositions import Planes
from refinr.files.checksum import LosslessError
from refinr.indexing import Selection
from refinr.layout import Layout
from refinr.planes import to_codes
from refinr.report import Report
from refinr.sections import Scene, Section

SIDE = 512
"""Samples on a side of a section at most."""

LENGTH = 1 << 18
"""Samples of a recording at most: six seconds at 44,100 a second."""

Evaluate = Callable[[Sequence[int]], Iterator[tuple[np.ndarray, np.ndarray | None]]]
"""From numbers of tiles to their networks' outputs, and what these have wrong (`refinr.decoding.evaluate`)."""


def of_samples(samples: np.ndarray, channels: bool, lines: Sequence[str]) -> Scene:
    """What there is to see of an array.

    Parameters
    ----------
    samples : array
        At least one axis and one sample.
    channels : bool
        Whether the last axis counts channels.
    lines : sequence of str
        What it is, the first of them a heading.

    Examples
    --------
    >>> scene = of_samples(np.zeros((30, 40, 50), "uint8"), False, ["a scan"])
    >>> [section.title for section in scene.sections]
    ['axis 0 at 15', 'axis 1 at 20', 'axis 2 at 25']
    """
    found = []
    for title, axes, index in _sections(samples.shape[:-1] if channels else samples.shape):
        part = np.asarray(samples[index])
        shown = part if channels else part[..., None]
        found.append(Section(title, axes, _starts(index), shown, to_codes(shown)[0]))
    return Scene(lines, found, to_codes(samples[(slice(0, 1),) * samples.ndim])[1])


def of_networks(
    layout: Layout, report: Report, evaluate: Evaluate, lines: Sequence[str], original: np.ndarray | None = None
) -> Scene:
    """What there is to see of networks.

    Parameters
    ----------
    layout : Layout
    report : Report
    evaluate : callable
        ``evaluate(tiles)`` yields for each tile its networks' outputs, and what they have wrong, if that is known.
    lines : sequence of str
        What they are.
    original : array, optional
        The samples, where it is not known what the networks have wrong.

    Raises
    ------
    ValueError
        If `original` has another dtype or shape.
    """
    if original is not None and (original.shape, original.dtype) != (layout.shape, np.dtype(layout.dtype)):
        raise ValueError(f"original: expected {layout.dtype} {layout.shape}, got {original.dtype.str} {original.shape}")
    found = []
    for title, axes, index in _sections(layout.grid):
        said, margin, wrong = _look(layout, indexing.select(index, layout.shape), evaluate)
        view = tuple(slice(None) if isinstance(i, slice) else 0 for i in index)  # of what was selected
        if original is not None:
            codes = layout.codes(original[tuple(i if isinstance(i, slice) else slice(i, i + 1) for i in index)])
            wrong = said ^ codes.astype(said.dtype)
        codes = said if wrong is None else said ^ wrong
        samples = layout.samples(codes.reshape(-1, layout.channels)).reshape(codes.shape)
        parts = (None if part is None else part[view] for part in (margin, wrong))
        found.append(Section(title, axes, _starts(index), samples[view], codes[view], *parts))
    cut = layout.cut
    digits = (cut.radix_bits, cut.gray) if isinstance(cut, Planes) else (1, False)
    return Scene(lines, found, cut.bits, *digits, report.ber_per_plane, report.margin_per_plane)


def preview(layout: Layout, region: Callable[[Any], np.ndarray]) -> np.ndarray | None:
    """A small picture (height, width, 1 or 3): the middle of an image or of a section, or the line of a recording.

    None if it is damaged: what it is can be said all the same.
    """
    depth = max(0, len(layout.grid) - 2)
    middle = tuple(slice(*summary.middle(length)) for length in layout.grid[depth:])
    try:
        samples = region((*(length // 2 for length in layout.grid[:depth]), *middle))
    except (LosslessError, ValueError):
        return None
    samples = samples.reshape(*tiling.extent(middle), layout.channels)
    return summary.line(samples) if len(layout.grid) == 1 else samples[..., : 3 if layout.channels in (3, 4) else 1]


def _look(
    layout: Layout, selection: Selection, evaluate: Evaluate
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Codes as the networks say them, their distances from thresholds and what is wrong: (*selection, C) each."""
    cut = layout.cut
    grid = selection.axes[: len(layout.grid)]
    shape = (*map(len, grid), layout.channels)
    said = np.empty(shape, planes.narrowest(cut.bits))
    margin = np.full(shape, np.inf, np.float32) if cut.decides else None
    wrong: np.ndarray | None = None
    pieces = list(indexing.pieces(grid, layout.grid, layout.tile))
    for piece, (z, flip) in zip(pieces, evaluate([piece.tile for piece in pieces]), strict=True):
        extent = (*tiling.extent(layout.tiles[piece.tile]), layout.channels)
        said[piece.target] = cut.codes(z).reshape(extent)[piece.source]
        if margin is not None:
            margin[piece.target] = cut.by_sample(cut.distances(z)).min(axis=-1).reshape(extent)[piece.source]
        if flip is not None:
            wrong = np.zeros_like(said) if wrong is None else wrong
            wrong[piece.target] = flip.reshape(extent)[piece.source]
    return said, margin, wrong


def _sections(grid: tuple[int, ...]) -> Iterator[tuple[str, tuple[str, ...], tuple[Any, ...]]]:
    """Title, names of the axes and index of each section: of volumes and more axes, three through the middle."""
    if len(grid) == 1:
        start, stop = _middle(grid[0], LENGTH)
        yield f"samples {start:,} to {stop - 1:,}", ("sample",), (slice(start, stop),)
        return
    across = range(1) if len(grid) == 2 else range(len(grid) - 3, len(grid))
    for fixed in across:
        shown = {0, 1} if len(grid) == 2 else set(range(len(grid) - 3, len(grid))) - {fixed}
        index = tuple(slice(*_middle(n, SIDE)) if axis in shown else n // 2 for axis, n in enumerate(grid))
        places = ", ".join(f"axis {axis} at {i}" for axis, i in enumerate(index) if not isinstance(i, slice))
        ranges = " x ".join(f"{i.start}:{i.stop}" for i in index if isinstance(i, slice))
        whole = math.prod(i.stop - i.start for i in index if isinstance(i, slice)) == math.prod(
            grid[axis] for axis in shown
        )
        title = places or ("the whole image" if whole else "the middle")
        names = ("row", "column") if len(grid) == 2 else tuple(f"axis {axis}" for axis in sorted(shown))
        yield title if whole else f"{title} [{ranges}]", names, index


def _middle(length: int, most: int) -> tuple[int, int]:
    start = max(0, (length - most) // 2)
    return start, min(length, start + most)


def _starts(index: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(i.start for i in index if isinstance(i, slice))
