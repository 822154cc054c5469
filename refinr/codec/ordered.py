"""Jobs on an executor, their results in order, and no more of them under way than keep its workers busy.

With this you can go through the slabs of an array that is larger than memory (`in_order`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

from refinr.completing import JOBS_AHEAD, MANY_WORKERS

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_order(pool: Executor | None, call: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
    """What `call` makes of each job; whoever stops listening cancels those that have not begun.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as pool:
    ...     list(in_order(pool, abs, [-2, 3, -1])), list(in_order(None, abs, [-2]))
    ([2, 3, 1], [2])
    """
    if pool is None:
        yield from map(call, jobs)
        return
    window = JOBS_AHEAD * getattr(pool, "_max_workers", MANY_WORKERS)
    waiting: deque[Future[Result]] = deque()
    try:
        for job in jobs:
            waiting.append(pool.submit(call, job))
            if len(waiting) >= window:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
