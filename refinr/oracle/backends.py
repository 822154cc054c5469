"""Other people's backends: found by name, and handed arrays of the library that they compute with.

With this you can find a backend by name (`find_backend`), and say in which arrays it is given numbers (`taking`).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from refinr.tables import look_up

Take = Callable[[np.ndarray], Any]
"""From a NumPy array to what a backend is given."""


def find_backend(path: str) -> Any:
    """The backend at ``module`` or ``module:object``; modules are looked for in the current folder too.

    Classes and functions are called, without arguments, to get the backend.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> find_backend("refinr.oracle.operations").__name__
    'refinr.oracle.operations'
    """
    module, _, name = path.partition(":")
    sys.path.insert(0, "")
    try:
        backend = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(f"backend: cannot import {module}: {error}") from None
    finally:
        sys.path.remove("")
    for part in name.split(".") if name else []:
        if not hasattr(backend, part):
            raise ValueError(f"backend: {module} has no {name}")
        backend = getattr(backend, part)
    return backend() if isinstance(backend, type | FunctionType) else backend


def name_of(backend: Any) -> str:
    """What reports call it.

    Examples
    --------
    >>> name_of(find_backend("refinr.oracle.operations"))
    'refinr.oracle.operations'
    """
    return str(getattr(backend, "__name__", type(backend).__name__))


# --- arrays ----------------------------------------------------------------------------------------------------------


def taking(take: str | Take | None) -> Take:
    """What turns NumPy arrays into those that a backend wants: by the name of a library, or a function of one's own.

    Raises
    ------
    ValueError
        For a library that is not known, or not installed.

    Examples
    --------
    >>> taking("numpy")(np.ones(1))
    array([1.])
    """
    if take is None:
        return np.asarray
    if not isinstance(take, str):
        return take
    module, convert = look_up(ARRAYS, take, "take")
    try:
        library = importlib.import_module(module)
    except ImportError as error:
        raise ValueError(f"take: cannot import {module}: {error}") from None
    return partial(convert, library)


def _asarray(library: Any, array: np.ndarray) -> Any:
    return library.asarray(array)


def _tensor(torch: Any, array: np.ndarray) -> Any:
    """A tensor of PyTorch, which has no strides below zero, warns of arrays that are read-only, and knows bfloat16."""
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    if array.dtype.name == "bfloat16":
        return torch.asarray(array.view(np.int16)).view(torch.bfloat16)
    return torch.asarray(array)


ARRAYS: dict[str, tuple[str, Callable[[Any, np.ndarray], Any]]] = {
    "numpy": ("numpy", _asarray),
    "torch": ("torch", _tensor),
    "jax": ("jax.numpy", _asarray),
    "cupy": ("cupy", _asarray),
}
"""Array libraries: the module, and what makes its arrays of NumPy's."""
