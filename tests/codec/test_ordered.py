"""Jobs on an executor: all of them, in order where that was asked for, and not all at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest

from refinr import completing
from refinr.codec.ordered import in_order


def _halved(x: int) -> int:
    if x == 13:
        raise ValueError("thirteen")
    return x // 2


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_results_come_in_order_and_jobs_are_drawn_as_they_are_needed(workers):
    drawn = 0

    def jobs() -> Iterator[int]:
        nonlocal drawn
        for i in range(0, 2000, 2):
            drawn += 1
            yield i

    with ThreadPoolExecutor(max(1, workers)) as pool:
        for i, result in enumerate(in_order(pool if workers else None, _halved, jobs())):
            assert result == i
            assert drawn <= i + max(1, completing.JOBS_AHEAD * workers)
    assert drawn == 1000


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_arrives_in_its_place(workers):
    with ThreadPoolExecutor(2) as pool:
        results = in_order(pool if workers else None, _halved, range(10, 20))
        assert [next(results) for _ in range(3)] == [5, 5, 6]
        with pytest.raises(ValueError, match="thirteen"):
            next(results)


def test_whoever_stops_listening_cancels_the_rest():
    with ThreadPoolExecutor(1) as pool:
        listening = in_order(pool, _halved, range(100, 200))
        assert next(listening) == 50
        listening.close()


class Pool(Executor):
    """Does a job as it is handed over, and says nothing of its workers."""

    def __init__(self) -> None:
        self.waiting: list[Future] = []

    def submit(self, call, /, *arguments, **options):  # type: ignore[override]
        future: Future = Future()
        future.set_result(call(*arguments, **options))
        self.waiting.append(future)
        return future


@pytest.mark.parametrize("workers", [1, 3, None])
def test_workers_have_as_many_jobs_as_keep_them_busy(workers):
    pool = Pool()
    if workers:
        pool._max_workers = workers  # type: ignore[attr-defined]
    listening = in_order(pool, _halved, range(100, 900))
    window = completing.JOBS_AHEAD * (workers or completing.MANY_WORKERS)
    for i in range(5):
        assert next(listening) == (100 + i) // 2
        assert len(pool.waiting) == min(800, window + i)
