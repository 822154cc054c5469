"""Which array library is this?  One code for NumPy, CuPy and every other array-API library.

With this you can ask an array for its library (`namespace`), a name for its library (`get`), put data beside an
array that is already there (`asarray_like`), and bring any array home as a NumPy array (`to_host`).
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import numpy as np

Array = Any
"""An array of any array-API library; the docstrings say its shape and dtype."""

Cache = tuple[Any, ...]
"""What a forward function keeps for its backward: each pair has its own, and nobody else looks inside."""

_MODULES = {"numpy": "numpy", "cupy": "cupy", "array-api-strict": "array_api_strict"}


def get(name: str | ModuleType | None) -> ModuleType:
    """The array library of that name, ready to use.

    Parameters
    ----------
    name : {"numpy", "cupy", "array-api-strict"}, the module of one of these, or None
        ``None`` is NumPy; a module is returned as it is.

    Raises
    ------
    ValueError
        For an unknown name.
    RuntimeError
        When the library is not installed, or is CuPy on a machine without a working CUDA device.

    Examples
    --------
    >>> get("numpy").__name__
    'numpy'
    """
    if name is None:
        return np
    if isinstance(name, ModuleType):
        return name
    if name not in _MODULES:
        raise ValueError(f"xp: unknown array library {name!r}; known are {', '.join(_MODULES)}")
    try:
        module = importlib.import_module(_MODULES[name])
    except ImportError as error:
        raise RuntimeError(f"xp: {name} was asked for but is not installed") from error
    if name == "cupy":
        _require_cuda_device(module)
    return module


def name_of(module: ModuleType) -> str:
    """The name that `get` knows a module by: modules cannot be sent to other processes, names can.

    Examples
    --------
    >>> name_of(np)
    'numpy'
    """
    return next((name for name, path in _MODULES.items() if path == module.__name__), module.__name__)


def _require_cuda_device(cupy: ModuleType) -> None:
    cause = None
    try:
        if cupy.cuda.runtime.getDeviceCount() > 0:
            return
    except Exception as error:  # the driver's own error class, which exists only where CuPy does
        cause = error
    raise RuntimeError("xp: cupy was asked for but this machine has no working CUDA device") from cause


def namespace(array: Array) -> ModuleType:
    """The array library that made `array`: the module to call ``sin``, ``matmul``, ... from.

    Examples
    --------
    >>> namespace(np.zeros(3)).__name__
    'numpy'
    """
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    if type(array).__module__.partition(".")[0] == "cupy":  # follows the standard without saying so
        return sys.modules["cupy"]
    raise TypeError(f"expected an array, got {type(array).__name__}")


def asarray_like(values: Any, like: Array) -> Array:
    """`values` as an array of the library, on the device and with the dtype of `like`."""
    xp = namespace(like)
    if xp is np or xp.__name__ == "cupy":  # CuPy's asarray takes no device: it uses the current one
        return xp.asarray(values, dtype=like.dtype)
    return xp.asarray(values, dtype=like.dtype, device=like.device)


def to_host(array: Array) -> np.ndarray:
    """`array` as a NumPy array: itself if it is one, a copy of the device's memory otherwise.

    Examples
    --------
    >>> to_host(np.arange(3)).tolist()
    [0, 1, 2]
    """
    if isinstance(array, np.ndarray):
        return array
    if namespace(array).__name__ == "cupy":
        return array.get()
    return np.array(np.from_dlpack(array))
