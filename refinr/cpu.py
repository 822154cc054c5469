"""The machine underneath: cores, BLAS threads and freed memory.

With this you can ask how many cores this process may use (`cores`) and how many threads should share the work
(`workers`), hold BLAS to one thread while threads of our own do the work (`single_threaded_blas`), and have the memory
of freed arrays used again (`recycle_memory`).
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np


def cores() -> int:
    """Number of cores this process may run on.

    Examples
    --------
    >>> cores() >= 1
    True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers(xp: ModuleType | None = None) -> int:
    """Threads that share the work: one for each core, or a single one for a GPU, which one large group keeps busy.

    Examples
    --------
    >>> workers() == cores()
    True
    """
    return 1 if on_gpu(xp) else cores()


def on_gpu(xp: ModuleType | None) -> bool:
    """Whether that array library computes on a GPU."""
    return xp is not None and xp.__name__ == "cupy"


_lock = threading.Lock()
_users = 0
_limit: Any = None


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """While anyone is inside, BLAS runs on one thread in this process.

    Matrix products here are small and run in parallel anyway: threads inside each would only fight over the cores, and
    make sums depend on their number.  The limit belongs to the process, so the last one out lifts it.
    """
    global _users, _limit
    with _lock:
        _users += 1
        if _users == 1:
            _limit = _in_control(lambda: _blas().limit(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _in_control(_limit.restore_original_limits)


def _in_control(change: Callable[[], Any]) -> Any:
    """Change the limits whichever thread set them last; threadpoolctl lets only the first one, and only since 3.7."""
    from threadpoolctl import OpenBLASController

    hand_over = getattr(OpenBLASController, "clear_controlling_thread", lambda force: None)
    hand_over(force=True)
    try:
        return change()
    finally:
        hand_over(force=True)


@functools.cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController  # looks through all loaded libraries: once is enough

    return ThreadpoolController()


M_TRIM_THRESHOLD = -1
"""Parameter of mallopt, in malloc.h: how much memory may be free at the top of the heap."""

M_MMAP_THRESHOLD = -3
"""Parameter of mallopt: from which size on a block is asked of the system and goes back to it."""

MOST = 32 << 20
"""Bytes: the largest M_MMAP_THRESHOLD that glibc takes; it keeps M_TRIM_THRESHOLD at twice that itself."""


@functools.cache
def recycle_memory() -> None:
    """Have the C library keep the memory of freed arrays for the next ones: a training step then runs twice as fast.

    By default glibc returns freed blocks to the system and asks for them again at the next allocation, and every page
    must then be cleared anew.  Where that begins are two thresholds (mallopt(3): M_MMAP_THRESHOLD, of which 32 MiB is
    the most, and M_TRIM_THRESHOLD).  They rise by themselves with the largest block freed so far, but not where the
    environment sets one, and Dask's does.  Other C libraries are left alone.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, MOST)
            mallopt(M_TRIM_THRESHOLD, 2 * MOST)
    np.empty(MOST - (1 << 20), dtype=np.uint8)  # freed at once: where nobody set them, it raises the thresholds
