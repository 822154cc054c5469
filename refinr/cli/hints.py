"""What data may deceive about: a line each, before the work, on standard error.

With this you can say where samples are probably not what somebody thinks (`hints`), say a line beside what was asked
for (`note`), and have the library's advice said in the same way (`noted`).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from refinr.advice import NotExactWarning
from refinr.planning import MOST_CHANNELS

LOOKED_AT = 1 << 16
"""Samples that are looked at: they may be mapped from a large file."""


def hints(samples: np.ndarray, channels: bool | None) -> list[str]:
    """Sentences for people; none where all is as it seems.

    Parameters
    ----------
    samples : array
    channels : bool or None
        What was said of the last axis, by the file or by the user.

    Examples
    --------
    >>> hints(np.zeros((4, 4), "uint8"), channels=None)
    ['the last axis, 4 long, counts as channels: --no-channels if it does not']
    """
    found = []
    for most, dtype in ((255, "uint8"), (65535, "uint16")):
        if samples.dtype.kind == "f" and _are_shares(samples, most):
            found.append(
                f"all samples are whole {most}ths between 0 and 1: (x * {most}).round().astype('{dtype}') would have "
                f"{8 * np.dtype(dtype).itemsize} planes, not {8 * samples.itemsize}"
            )
            break
    if channels is None and samples.ndim > 1 and samples.shape[-1] <= MOST_CHANNELS:
        found.append(f"the last axis, {samples.shape[-1]} long, counts as channels: --no-channels if it does not")
    if channels is None and samples.ndim == 3 and samples.shape[0] in (3, 4) and samples.shape[-1] > MOST_CHANNELS:
        found.append(f"the first axis, {samples.shape[0]} long, counts as depth: if it is colour, put it last")
    return found


def _are_shares(samples: np.ndarray, most: int) -> bool:
    """Whether the first samples are whole numbers over `most`, and more than zeros and ones."""
    some = samples.reshape(-1)[:LOOKED_AT].astype(np.float64)
    if not ((some >= 0.0) & (some <= 1.0)).all():
        return False
    steps = np.rint(some * most)
    near = np.abs(some - steps / most) <= 2.0 * np.finfo(samples.dtype).eps
    return bool(near.all() and ((steps > 0) & (steps < most)).any())


def note(text: str) -> None:
    """Say it on standard error."""
    print(f"refinr: note: {text}", file=sys.stderr)


@contextmanager
def noted() -> Iterator[None]:
    """Inside, what a fit advises is a note; other warnings are what they were."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", NotExactWarning)
        show = warnings.showwarning

        def say(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, NotExactWarning):
                note(str(message))
            else:
                show(message, category, *place, **more)

        warnings.showwarning = say
        yield
