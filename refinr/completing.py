"""Jobs done on any executor, no more of them under way than keep its workers busy.

With this you can have jobs done and take each as it is ready (`completed`).

An executor may have a method ``check``, which raises when it can no longer do anything: a cluster without workers, say.
It is asked whenever nothing has become ready for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import TypeVar

JOBS_AHEAD = 4
"""Jobs under way for each worker, so that none waits for the next to be made."""

MANY_WORKERS = 64
"""Taken where an executor does not say how many workers it has: a cluster's."""

PATIENCE = 5.0
"""Seconds without a result until an executor is asked whether there will be one."""

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
    check = getattr(pool, "check", None)
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
            done = wait(waiting, PATIENCE if check else None, FIRST_COMPLETED).done
            if check and not done:
                check()
            for future in done:
                yield waiting.pop(future), future.result()
    finally:
        for future in waiting:
            future.cancel()
