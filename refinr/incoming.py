"""What people bring as samples, as one plain NumPy array: taken as it is, or refused with a way on.

With this you can take an array of any library, an image, a table (`as_samples`) or a file (`as_signal`), and name
arguments of the wrong kind (`check_kinds`, `checked`).  Nothing is converted on the way: what is taken has the same
numbers in the same dtype.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

import numpy as np

from refinr.files import signals
from refinr.files.checksum import plain

_WAYS = {
    "c": "stack real and imaginary parts, np.stack([x.real, x.imag], axis=-1)",
    "f": ".astype('float64') where that keeps the values",
    "O": "these are Python objects, perhaps columns or rows of several kinds; .astype(...) makes numbers of them",
    "M": ".view('int64') has the same bits",
    "m": ".view('int64') has the same bits",
    "V": "give its fields one by one, or .view(...) of an integer dtype as wide",
}
"""The way on from a dtype that has no codes, by its kind."""


def as_samples(value: Any, kinds: str = "biuf", wanted: str = "a boolean, integer or float dtype") -> np.ndarray:
    """A plain array of what somebody brings: any array library, an image, a table, nested lists.

    Arrays that are mapped from a file stay there.  Booleans whose bytes are neither 0 nor 1 become 1, for which
    NumPy takes them.

    Parameters
    ----------
    value : array, or anything that NumPy makes one of
        CuPy arrays are copied to the host.
    kinds : str
        Kinds of dtypes, in NumPy's letters, that are wanted.
    wanted : str
        The same in words.

    Raises
    ------
    TypeError
        For what is no array, or one that says more than its numbers: a mask, a palette, several frames.

    Examples
    --------
    >>> as_samples([[1, 2], [3, 4]]).shape
    (2, 2)
    >>> as_samples(np.array([0, 2], "uint8").view(bool)).view("uint8").tolist()
    [0, 1]
    """
    _refuse_more_than_numbers(value)
    name = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}".removeprefix("builtins.")
    try:
        array = np.asarray(value.get() if _is(value, "cupy", "ndarray") else value)
    except Exception as error:  # whatever the other library lets through, in its own words
        if isinstance(value, list | tuple):
            raise TypeError(f"samples: expected rows of one length, got a {name} of several") from error
        raise TypeError(f"samples: NumPy cannot make an array of {name} ({' '.join(str(error).split())})") from error
    if array.ndim == 0 and array.dtype.kind in "OSU":
        raise TypeError(f"samples: expected an array of numbers, or the path of a file, got {name}")
    way = _WAYS.get(array.dtype.kind, "give numbers")
    if array.dtype.kind not in kinds:
        raise TypeError(f"samples: expected {wanted}, got {array.dtype}" + (f": {way}" if kinds == "biuf" else ""))
    if array.dtype.itemsize > 8:
        raise TypeError(f"samples: {array.dtype} is wider than the 64 bits that a code can hold: {way}")
    return plain(array)


def as_signal(
    value: Any, info: Mapping[str, Any] | None, channels: bool | None
) -> tuple[np.ndarray, dict[str, Any] | None, bool | None]:
    """Samples, side information and what the last axis counts: as given, or where nothing is given, as a file says.

    Parameters
    ----------
    value : array, or the path of a file with one of the suffixes in `refinr.files.signals.FORMATS`
    info : mapping, optional
    channels : bool, optional

    Raises
    ------
    ValueError
        For side information that JSON cannot hold.
    """
    info = None if info is None else dict(info)
    try:
        json.dumps(info, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"info: expected values that JSON has: {error}") from None
    if not isinstance(value, str | os.PathLike):
        return as_samples(value), info, channels
    samples, said = signals.read(value)
    return samples, said if info is None else info, said["channels"] if channels is None else channels


def _refuse_more_than_numbers(value: Any) -> None:
    """What NumPy would make an array of and lose something that the samples cannot do without."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError("samples: a mask would be lost; fill the gaps with .filled(...), and keep the mask as an array")
    if _is(value, "PIL.Image", "Image"):
        if value.mode in ("P", "PA"):
            raise TypeError(f"samples: an image of mode {value.mode!r} has a palette; .convert('RGB') looks it up")
        if getattr(value, "n_frames", 1) > 1:
            raise TypeError(f"samples: an image of {value.n_frames} frames; .seek(k) and .copy() take one of them")
    if hasattr(value, "toarray") and not isinstance(value, np.ndarray):
        raise TypeError("samples: a sparse array; .toarray() has all of its samples")
    dtype = str(getattr(value, "dtype", ""))
    if "bfloat16" in dtype or "float8" in dtype:
        raise TypeError(f"samples: expected a dtype that NumPy has, got {dtype}; as float32 they are the same numbers")
    if type(value).__module__.startswith("pandas"):
        _refuse_table(value)
    if getattr(value, "requires_grad", False):
        raise TypeError("samples: a tensor that requires gradients; .detach() has the same numbers")


def _refuse_table(value: Any) -> None:
    """Columns and gaps of which NumPy would make other numbers."""
    dtypes = list(value.dtypes) if hasattr(value, "columns") else [getattr(value, "dtype", np.dtype(float))]
    kinds = sorted({str(dtype) for dtype in dtypes})
    if len(kinds) > 1:
        raise TypeError(f"samples: columns of {', '.join(kinds)}, expected one dtype; .astype(...) makes it one")
    if not all(isinstance(dtype, np.dtype) for dtype in dtypes) and np.any(value.isna()):
        raise TypeError("samples: gaps, which have no numbers; .to_numpy(..., na_value=...) says what they become")


def _is(value: Any, module: str, name: str) -> bool:
    """Whether it is of a class of a library that nobody need have installed."""
    found = getattr(sys.modules.get(module), name, None)
    return found is not None and isinstance(value, found)


# --- arguments -------------------------------------------------------------------------------------------------------


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not _is_flag(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not _is_flag(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_path(value: Any) -> bool:
    return isinstance(value, str | os.PathLike)


def _are(kind: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def right(value: Any) -> bool:
        several = np.ndim(value) == 1 if isinstance(value, np.ndarray) else isinstance(value, Sequence)
        return several and not isinstance(value, str | bytes) and all(map(kind, value))

    return right


def _flat(value: Any) -> Any:
    return np.ravel(value) if isinstance(value, Sequence | np.ndarray) else value


def _are_numbers(value: Any) -> bool:
    try:
        return np.asarray(value).dtype.kind in "biuf"
    except ValueError:  # rows of unequal length
        return False


KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "bits": (_is_whole, "a whole number of bits or None"),
    "radix_bits": (_is_whole, "a whole number of bits"),
    "gray": (_is_flag, "True or False"),
    "channels": (_is_flag, "True, False or None"),
    "tile": (lambda v: _is_whole(v) or _are(_is_whole)(v), "a whole number, or one for each axis"),
    "loss": (_is_text, "a name in refinr.losses.LOSSES, or None"),
    "optimiser": (lambda v: _is_text(v) or hasattr(v, "step"), "a name or an instance such as Adam(), or None"),
    "weights": (_is_text, "'real', 'ternary' or 'binary'"),
    "share": (_is_number, "a number or None"),
    "budget": (_is_number, "a number"),
    "steps": (_is_whole, "a whole number of steps or None"),
    "store": (_is_text, "a name in refinr.files.storing.STORES"),
    "xp": (lambda v: isinstance(v, str | ModuleType), "an array library or its name, or None"),
    "hidden": (_are(_is_whole), "widths, one for each hidden layer, such as (16, 16), or None"),
    "omega": (_is_number, "a number or None"),
    "scale": (_is_number, "a number or None"),
    # how many numbers there must be is known where the axes are
    "first_scale": (
        lambda v: isinstance(v, str) or _is_number(v) or _are(_is_number)(_flat(v)),
        "'auto', None or numbers",
    ),
    "features": (_is_whole, "a whole number or None"),
    "lr": (
        lambda v: _is_number(v) or (callable(v) and not isinstance(v, type)),
        "a step size, a schedule of refinr.optim, or None",
    ),
    "margin": (_is_number, "a number"),
    "max_steps": (_is_whole, "a whole number of steps"),
    "patience": (lambda v: isinstance(v, str) or _is_whole(v), "a whole number of steps, None or 'auto'"),
    "seed": (_is_whole, "a whole number"),
    "executor": (lambda v: hasattr(v, "submit"), "a concurrent.futures.Executor or None"),
    "group": (_is_whole, "a whole number of networks or None"),
    "mixed": (_is_flag, "True or False"),
    "progress": (_is_flag, "True or False"),
    "callback": (callable, "a function of a refinr.progress.Moment, or None"),
    "exact": (_is_flag, "True or False"),
    "journal": (_is_path, "a path or None"),
    "path": (_is_path, "a path"),
    "page": (_is_whole, "a whole number, from 1 on, or None"),
    "data": (lambda v: isinstance(v, bytes | bytearray | memoryview), "bytes"),
    "model": (_is_text, "the name of a model"),
    "reproducible": (_is_flag, "True or False"),
    "dtypes": (lambda v: isinstance(v, Iterable) and not isinstance(v, bytes), "names of float types, or None"),
    "points": (_are_numbers, "an array of numbers"),
    "families": (lambda v: isinstance(v, Iterable) and not isinstance(v, bytes), "names or patterns, or None"),
    "repeat": (_is_whole, "a whole number of calls"),
    "take": (lambda v: _is_text(v) or callable(v), "the name of an array library, a function, or None"),
    "isolate": (_is_flag, "True or False"),
    "quiet": (_is_flag, "True or False"),
    "timeout": (_is_number, "a number of seconds or None"),
    "effort": (_is_text, "the name of an effort"),
    "inr": (lambda v: hasattr(v, "layout"), "an INR"),
    "limits": (lambda v: type(v).__name__ == "Limits", "limits, or None"),
    "trusted": (_is_flag, "True or False"),
    "damaged": (_is_text, "'raise' or 'mask'"),
    "out": (lambda v: isinstance(v, np.ndarray), "an array or None"),
    "original": (lambda v: isinstance(v, np.ndarray), "an array or None"),
    "info": (lambda v: isinstance(v, Mapping), "a dict of values that JSON has, or None"),
}
"""What arguments may be, and the same in words; names that stand for rows of tables are looked up where these are."""

NEVER_NONE = {
    *("radix_bits", "gray", "tile", "weights", "budget", "margin", "max_steps", "seed", "mixed", "progress", "exact"),
    *(
        "repeat",
        "isolate",
        "quiet",
        "path",
        "data",
        "inr",
        "effort",
        "model",
        "reproducible",
        "points",
        "trusted",
        "damaged",
    ),
}


def check_kinds(given: Mapping[str, Any]) -> None:
    """Name the first argument that is of the wrong kind, before it gets anywhere.

    Parameters
    ----------
    given : mapping
        Arguments by name; those that are not in `KINDS` are left alone.

    Raises
    ------
    ValueError
        If `group` is out of range.
    TypeError
        If it is something else.

    Examples
    --------
    >>> check_kinds({"hidden": 64})
    Traceback (most recent call last):
    TypeError: hidden: expected widths, one for each hidden layer, such as (16, 16), or None, got 64
    """
    for name, value in given.items():
        if name not in KINDS or (value is None and name not in NEVER_NONE):
            continue
        right, wanted = KINDS[name]
        if not right(value):
            raise TypeError(f"{name}: expected {wanted}, got {value!r:.80}")
    if (group := given.get("group")) is not None and group < 1:
        raise ValueError(f"group: expected 1 or more, got {group}")


P = ParamSpec("P")
R = TypeVar("R")


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, whose arguments are looked at before it begins.

    Examples
    --------
    >>> checked(lambda hidden=None: hidden)(hidden=64)
    Traceback (most recent call last):
    TypeError: hidden: expected widths, one for each hidden layer, such as (16, 16), or None, got 64
    """
    signature = inspect.signature(function)
    optional = {name for name, parameter in signature.parameters.items() if parameter.default is None}

    @functools.wraps(function)
    def call(*positional: P.args, **named: P.kwargs) -> R:
        try:
            given = signature.bind(*positional, **named).arguments
        except TypeError as error:  # Python's words, which leave out of which function
            raise TypeError(f"{function.__name__}: {error}") from None
        check_kinds({name: value for name, value in given.items() if value is not None or name not in optional})
        return function(*positional, **named)

    return call
