"""The machine: cores, the limit on BLAS threads whoever enters and leaves in whatever order, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import threadpoolctl

from refinr import cpu


def _blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"}


def _nobody_in_control() -> None:
    """threadpoolctl from 3.8 on lets only the first thread that sets a limit set it again; here nobody did so far."""
    clear = getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


@pytest.fixture(autouse=True)
def _three_threads() -> Iterator[None]:
    """A number that is neither 1 nor the number of cores of most machines."""
    _nobody_in_control()
    limits = threadpoolctl.threadpool_limits(limits=3, user_api="blas")
    assert _blas_threads() == {3}
    _nobody_in_control()
    yield
    _nobody_in_control()
    limits.restore_original_limits()
    _nobody_in_control()


def _in_a_thread(work: Callable[[], object]) -> object:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result(30)


def _threads_inside() -> set[int]:
    with cpu.single_threaded_blas():
        return _blas_threads()


def test_cores():
    assert type(cpu.cores()) is int
    assert cpu.cores() >= 1


def test_cores_without_affinities(monkeypatch):
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert cpu.cores() >= 1
    monkeypatch.setattr("os.cpu_count", lambda: None)  # where the system will not tell
    assert cpu.cores() == 1


def test_one_thread_inside_and_the_old_number_outside():
    with cpu.single_threaded_blas():
        assert _blas_threads() == {1}
    assert _blas_threads() == {3}


def test_nested_limits_end_with_the_outer_one():
    with cpu.single_threaded_blas():
        with cpu.single_threaded_blas():
            assert _blas_threads() == {1}
        assert _blas_threads() == {1}
    assert _blas_threads() == {3}


def test_an_error_inside_lifts_the_limit():
    with pytest.raises(KeyError), cpu.single_threaded_blas():
        raise KeyError
    assert _blas_threads() == {3}


def test_the_last_one_out_lifts_the_limit_though_another_was_first_in():
    other_is_in, other_may_leave = threading.Event(), threading.Event()

    def other() -> None:
        with cpu.single_threaded_blas():
            other_is_in.set()
            assert other_may_leave.wait(10)

    thread = threading.Thread(target=other)
    with cpu.single_threaded_blas():
        thread.start()
        assert other_is_in.wait(10)
    assert _blas_threads() == {1}, "the other one is still inside"
    other_may_leave.set()
    thread.join(10)
    assert _blas_threads() == {3}


def test_a_thread_after_another_thread():
    assert _threads_inside() == {1}
    assert _blas_threads() == {3}
    assert _in_a_thread(_threads_inside) == {1}
    assert _blas_threads() == {3}
    assert _threads_inside() == {1}
    assert _blas_threads() == {3}


def test_a_thread_inside_a_limit_of_the_users_own():
    with threadpoolctl.threadpool_limits(limits=2, user_api="blas"):
        assert _in_a_thread(_threads_inside) == {1}
        assert _blas_threads() == {2}
    assert _blas_threads() == {3}


def test_others_may_set_limits_afterwards():
    assert _threads_inside() == {1}

    def limit() -> set[int]:
        with threadpoolctl.threadpool_limits(limits=2, user_api="blas"):
            return _blas_threads()

    assert _in_a_thread(limit) == {2}
    assert _blas_threads() == {3}


def test_many_threads_in_and_out():
    with ThreadPoolExecutor(4) as pool:
        seen = [pool.submit(_threads_inside) for _ in range(20)]
        assert [future.result(30) for future in seen] == [{1}] * 20
    assert _blas_threads() == {3}


def test_memory_is_recycled_once_or_more_often():
    cpu.recycle_memory()
    before = np.ones(1 << 20)
    cpu.recycle_memory()
    assert (before == 1).all()


@pytest.mark.parametrize("environment", [{}, {"MALLOC_TRIM_THRESHOLD_": "65536"}], ids=["as it is", "as Dask sets it"])
def test_freed_memory_is_used_again_whatever_the_environment_says(environment):
    """The first array of 20 MB costs a page fault for each of its 5,000 pages; twenty more cost hardly any."""
    code = """
import resource, numpy as np
from refinr import cpu
cpu.recycle_memory()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(5 << 20, dtype=np.float32)
before = faults()
for _ in range(20):
    np.ones(5 << 20, dtype=np.float32)
print(faults() - before)
"""
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    assert int(run.stdout) < 5000
