"""The one place that knows array libraries by name."""

from __future__ import annotations

import importlib
import types

import array_api_strict
import cupy
import numpy as np
import pytest

from refinr import xp
from tests.helpers import assert_equal_exact


def test_libraries_by_name():
    assert xp.get("numpy") is np
    assert xp.get(None) is np
    assert xp.get("array-api-strict") is array_api_strict


def test_a_library_is_returned_as_it_is():
    assert xp.get(np) is np
    assert xp.get(array_api_strict) is array_api_strict


@pytest.mark.parametrize("name", ["torch", "NumPy", "", 3])
def test_unknown_libraries_are_named_with_the_known_ones(name):
    with pytest.raises(ValueError, match=r"xp: unknown array library .*numpy, cupy, array-api-strict"):
        xp.get(name)


def test_a_library_that_is_not_installed(monkeypatch):
    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(RuntimeError, match="xp: cupy was asked for but is not installed"):
        xp.get("cupy")


def _no_driver():
    raise cupy.cuda.runtime.CUDARuntimeError(35)


@pytest.mark.parametrize("count", [lambda: 0, _no_driver], ids=["no device", "no driver"])
def test_cupy_without_a_device_is_refused(monkeypatch, count):
    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", count)
    with pytest.raises(
        RuntimeError, match="xp: cupy was asked for but this machine has no working CUDA device"
    ) as raised:
        xp.get("cupy")
    # what the driver said is kept
    assert isinstance(raised.value.__cause__, cupy.cuda.runtime.CUDARuntimeError if count is _no_driver else type(None))


def test_cupy_with_a_device(monkeypatch):
    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", lambda: 1)
    assert xp.get("cupy") is cupy


def test_namespace_of_arrays():
    assert xp.namespace(np.zeros(3)) is np
    assert xp.namespace(array_api_strict.zeros(3)) is array_api_strict


@pytest.mark.parametrize("thing", [[1, 2], 1.0, None, "array"])
def test_namespace_of_what_is_no_array(thing):
    with pytest.raises(TypeError, match=f"expected an array, got {type(thing).__name__}"):
        xp.namespace(thing)


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_asarray_like_takes_library_device_and_dtype(backend, dtype):
    like = backend.array(np.zeros(2, dtype))
    array = xp.asarray_like([[1, 2, 3]], like)
    assert xp.namespace(array) is xp.namespace(like)
    assert array.device == like.device
    assert_equal_exact(backend.host(array), np.array([[1, 2, 3]], dtype))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_to_host_brings_every_array_home(backend, dtype, shape):
    values = np.ones(shape, dtype)
    assert_equal_exact(xp.to_host(backend.array(values)), values)


def test_to_host_leaves_host_arrays_alone():
    array = np.zeros(3)
    assert xp.to_host(array) is array


def test_arrays_of_cupy_are_known_by_their_type():
    """CuPy's arrays have no ``__array_namespace__``, and none can be made without a device."""
    assert cupy.ndarray.__module__.partition(".")[0] == "cupy"
    for module in (cupy.ndarray.__module__, "cupy._core.core"):  # as they may say in another release
        disguised = type("ndarray", (), {"__module__": module})()
        assert xp.namespace(disguised) is cupy


def test_every_library_has_its_name():
    for name in ("numpy", "array-api-strict"):
        assert xp.name_of(xp.get(name)) == name
    assert xp.name_of(cupy) == "cupy"
    assert xp.name_of(importlib) == "importlib"  # one that nobody knows has its own


def test_what_only_cupy_does():
    """Where there is no device: its arrays come home by ``get``, and its ``asarray`` takes no device."""

    class Disguised:
        dtype = "float32"

        def __array_namespace__(self):
            return types.SimpleNamespace(__name__="cupy", asarray=lambda values, dtype: (values, dtype))

        def get(self):
            return "at home"

    assert xp.to_host(Disguised()) == "at home"
    assert xp.asarray_like([1, 2], Disguised()) == ([1, 2], "float32")
