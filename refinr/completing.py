"""Jobs done on any executor, no more of them under way than keep its workers busy.

With this you can have jobs done and take each as it is ready (`completed`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import TypeVar

JOBS_AHEAD = 4
"""Jobs under way for each worker, so that none waits for the next to be made."""

MANY_WORKERS = 64
"""Taken where an executor does not say how many workers it has: a cluster's."""

Job = TypeVar("Job")
Result = TypeVar("Result")


def completed(pool: Executor, call: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[tuple[Job, Result]]:
    """Each job with what `call` makes of it, as it is ready, in no particular order.

    Jobs are drawn as they are needed: a few more than there are workers are under way at any time.  Whoever stops
    listening cancels those that have not begun.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as pool:
    ...     sorted(completed(pool, abs, [-2, 3, -1]))
    [(-2, 2), (-1, 1), (3, 3)]
    """
    window = JOBS_AHEAD * getattr(pool, "_max_workers", MANY_WORKERS)
    waiting: dict[Future[Result], Job] = {}
    source = iter(jobs)
    try:
        while True:
            for job in source:
                waiting[pool.submit(call, job)] = job
                if len(waiting) >= window:
                    break
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(future), future.result()
    finally:
        for future in waiting:
            future.cancel()
