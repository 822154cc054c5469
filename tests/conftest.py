"""Settings of the whole suite: how hard Hypothesis looks, JAX in double precision, the array libraries to run on."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, is_hypothesis_test, settings

from tests import present

if present.is_there("jax"):
    import jax

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)


# A shared machine may be slow at any moment, so no example has a deadline and slow drawing is no failure.
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=50, **_COMMON)
settings.register_profile("ci", max_examples=50, derandomize=True, print_blob=True, **_COMMON)
settings.register_profile("nightly", max_examples=2000, **_COMMON)
# A mutant has to fail, not to fail in the simplest way: nothing is shrunk.
_FAIL_FAST = {"phases": [Phase.explicit, Phase.generate], "report_multiple_bugs": False}
settings.register_profile("mutants", max_examples=25, derandomize=True, database=None, **_FAIL_FAST, **_COMMON)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev")
settings.load_profile(PROFILE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if PROFILE == "mutants":  # most die in a quick test: those that train networks come last
        items.sort(key=lambda item: item.path.stem in ("test_running", "test_training"))


@dataclass(frozen=True)
class Backend:
    """An array library to run on: how arrays get there, and how they come home."""

    name: str
    array: Callable[[np.ndarray], Any]
    host: Callable[[Any], np.ndarray]

    def __str__(self) -> str:
        return self.name


def _read_only(values: np.ndarray) -> np.ndarray:
    values = np.array(values)
    values.setflags(write=False)
    return values


def _on_strict_device(values: np.ndarray) -> Any:
    # not the default device: whatever is made without naming a device lands elsewhere and cannot be mixed in
    return array_api_strict.asarray(values, copy=True, device=array_api_strict.Device("device1"))


def _from_strict_device(array: Any) -> np.ndarray:
    return np.asarray(array_api_strict.asarray(array, device=array_api_strict.Device("CPU_DEVICE")))


BACKENDS = [
    Backend("numpy", np.array, np.asarray),
    Backend("numpy-read-only", _read_only, np.asarray),
    Backend("array-api-strict-device1", _on_strict_device, _from_strict_device),
]


def _has_cuda_device() -> bool:
    if not present.is_there("cupy"):
        return False
    import cupy

    try:
        return cupy.cuda.runtime.getDeviceCount() > 0
    except cupy.cuda.runtime.CUDARuntimeError:
        return False


if _has_cuda_device():
    import cupy

    BACKENDS.append(Backend("cupy", cupy.asarray, cupy.asnumpy))


@pytest.fixture(params=BACKENDS, ids=str)
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param


# --- how many examples a run has seen --------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    test = getattr(item, "obj", None)
    if not is_hypothesis_test(test):
        return (yield)
    inner, passed = test.hypothesis.inner_test, 0

    @functools.wraps(inner)
    def counted(*args: Any, **kwargs: Any) -> None:
        nonlocal passed
        inner(*args, **kwargs)
        passed += 1

    test.hypothesis.inner_test = counted
    try:
        return (yield)
    finally:
        test.hypothesis.inner_test = inner
        item.user_properties.append(("examples", passed))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    passed = terminalreporter.getreports("passed")
    counts = [count for report in passed for name, count in report.user_properties if name == "examples"]
    if counts:
        terminalreporter.write_line(f"{sum(counts)} examples of {len(counts)} properties passed")
