"""What samples may deceive about: a line for people, before the work.

With this you can say where samples are probably not what somebody thinks (`hints`), warn a caller of it (`give`), and
tell the warning from others (`SamplesWarning`).
"""

from __future__ import annotations

import warnings

import numpy as np

from refinr import tiling

LOOKED_AT = 1 << 16
"""Samples that are looked at: they may be mapped from a large file."""

LOW = 16
"""Rows up to which an array of a few columns is rather an image than a recording."""


SEVERAL = 16
"""Values that shares of a whole have at least: few may be so by chance, as fifths are."""


class SamplesWarning(UserWarning):
    """Samples are exact either way, but perhaps not what somebody takes them for."""


def hints(samples: np.ndarray, channels: bool | None = None) -> list[str]:
    """Sentences for people; none where all is as it seems.

    Parameters
    ----------
    samples : array
    channels : bool, optional
        What was said of the last axis, by a file or by a user.

    Examples
    --------
    >>> hints(np.zeros((4, 4), "uint8"))
    ['the last axis, 4 long, counts as channels; channels=False (--no-channels) if it is one of the grid']
    >>> hints(np.zeros((480, 640, 3), "uint8"))
    []
    """
    found = []
    for most, dtype in ((255, "uint8"), (65535, "uint16")):
        if samples.dtype.kind == "f" and _are_shares(samples, most):
            found.append(
                f"all samples are whole {most}ths between 0 and 1: (x * {most}).round().astype('{dtype}') would have "
                f"{8 * np.dtype(dtype).itemsize} planes, not {8 * samples.itemsize}"
            )
            break
    if channels is not None:
        return found
    *grid, last = samples.shape or (0,)
    if len(grid) == 1 and 1 < last <= tiling.MOST_CHANNELS and 0 < grid[0] <= LOW:
        found.append(
            f"the last axis, {last} long, counts as channels; channels=False (--no-channels) if it is one of the grid"
        )
    if len(grid) > 1 and grid[-2] in (3, 4) and min(grid[-1], last) > tiling.MOST_CHANNELS:
        found.append(
            f"axis {len(grid) - 2}, {grid[-2]} long, counts as depth: if it is colour, put it last "
            f"(np.moveaxis(x, {len(grid) - 2}, -1)); channels=False (--no-channels) if it is not"
        )
    return found


def give(samples: np.ndarray, channels: bool | None) -> None:
    """Warn whoever called the function that calls this, once for each place.

    Parameters
    ----------
    samples : array
    channels : bool or None
        As for `hints`.
    """
    for hint in hints(samples, channels):
        warnings.warn(hint, SamplesWarning, stacklevel=4)  # beside this one, its caller and what checks arguments


def _are_shares(samples: np.ndarray, most: int) -> bool:
    """Whether the first samples are whole numbers over `most`, and of several values."""
    rounding = 2.0 * float(np.finfo(samples.dtype).eps)
    if rounding * most > 1.0 / 16.0:  # any number is near one
        return False
    with np.errstate(invalid="ignore"):  # signalling NaNs
        some = _first(samples, LOOKED_AT).astype(np.float64)
    if not ((some >= 0.0) & (some <= 1.0)).all():
        return False
    steps = np.rint(some * most)
    return bool((np.abs(some - steps / most) <= rounding).all()) and len(np.unique(steps)) >= SEVERAL


def _first(samples: np.ndarray, count: int) -> np.ndarray:
    """The first samples in row-major order; only these are copied, if any are."""
    while samples.size > count:
        each = samples[0].size
        if each < count:
            samples = samples[: -(-count // each)]
            break
        samples = samples[0]
    return samples.reshape(-1)[:count]
