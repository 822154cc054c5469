"""Arguments of the wrong kind, everywhere: named in one sentence of ours, with what came and what was expected."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import refinr
from refinr.incoming import KINDS, NEVER_NONE

IMAGE = np.arange(10, dtype=np.uint8).reshape(2, 5)


class _Odd:
    def __repr__(self):
        return "<odd>"


VALUES = {
    "True": True,
    "text": "x",
    "empty text": "",
    "half": 1.5,
    "None": None,
    "whole": -1,
    "huge": 10**30,
    "nan": float("nan"),
    "imaginary": 1j,
    "NumPy's float": np.float64(2.0),
    "array": np.array([1.5, 2.5]),
    "array without axes": np.array(3.5),
    "list": [1.5, "a"],
    "tuple": ("a",),
    "empty list": [],
    "dict": {},
    "bytes": b"x",
    "function": lambda *_: 0,
    "class": int,
    "odd": _Odd(),
}


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """Functions with arguments that are right."""
    inr = refinr.fit(IMAGE, max_steps=1, hidden=(2,), exact=True)
    path = tmp_path_factory.mktemp("files") / "k.inr"
    inr.save(path)
    return {
        "fit": (refinr.fit, {"samples": IMAGE, "max_steps": 1, "hidden": (2,)}),
        "solve": (refinr.solve, {"samples": IMAGE}),
        "compress": (refinr.compress, {"samples": IMAGE, "steps": 1}),
        "decompress": (refinr.decompress, {"data": refinr.compress(IMAGE, steps=1)}),
        "certify": (refinr.certify, {"inr": inr}),
        "load": (refinr.load, {"path": path}),
        "open": (refinr.open, {"path": path}),
        "decode": (inr.decode, {}),
        "region": (inr.region, {"index": 0}),
        "at": (inr.at, {"points": [[0, 0]]}),
        "logits": (inr.logits, {}),
        "damaged_tiles": (inr.damaged_tiles, {}),
        "save": (inr.save, {"path": path}),
        "plot": (inr.plot, {}),
        "scene": (inr.scene, {}),
    }


NAMES = (
    *("fit", "solve", "compress", "decompress", "certify", "load", "open"),
    *("decode", "region", "at", "logits", "damaged_tiles", "save", "plot", "scene"),
)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_of_the_wrong_kind_is_named(calls, name):
    function, right = calls[name]
    looked_at = 0
    for argument in inspect.signature(function).parameters.keys() & KINDS.keys():
        fits, wanted = KINDS[argument]
        for value in VALUES.values():
            if fits(value) or (value is None and argument not in NEVER_NONE):
                continue
            with pytest.raises(TypeError) as caught:
                function(**right | {argument: value})
            message = str(caught.value)
            assert message == f"{argument}: expected {wanted}, got {value!r:.80}"
            assert "\n" not in message
            looked_at += 1
    assert looked_at > 0


# what is looked up in tables, or whose kinds depend on something else
OTHERS = {
    "fit": ["decomposition", "preset", "layer", "activation", "encoding", "samples", "first_scale"],
    "solve": ["samples"],
    "compress": ["samples"],
    "decompress": ["region"],
    "region": ["index"],
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_looked_up_is_named_too(calls, name):
    function, right = calls[name]
    for argument in OTHERS[name]:
        for kind in ("odd", "function", "imaginary", "bytes", "class", "dict", "tuple"):
            value = VALUES[kind]
            if (argument, kind) in {("index", "tuple"), ("samples", "tuple"), ("samples", "dict")}:
                continue  # an index for no axis, and what NumPy makes arrays of
            with pytest.raises((TypeError, ValueError, IndexError)) as caught:
                function(**right | {argument: value})
            assert str(caught.value).startswith(f"{argument}: "), (kind, str(caught.value))


@pytest.mark.parametrize("name", NAMES)
def test_all_arguments_are_known_to_one_of_these_tests(calls, name):
    known = KINDS.keys() | set(OTHERS.get(name, ())) | {"info", "patience"}
    assert inspect.signature(calls[name][0]).parameters.keys() <= known


def test_unknown_and_missing_arguments_are_python_s_to_name():
    with pytest.raises(TypeError, match="'hiden'"):
        refinr.fit(IMAGE, hiden=(2,))
    with pytest.raises(TypeError, match="'samples'"):
        refinr.fit()


def test_the_face_looks_like_itself():
    assert inspect.signature(refinr.fit).parameters["tile"].default == 32
    assert refinr.fit.__doc__.startswith("Represent an array by networks")
    assert refinr.INR.decode.__name__ == "decode"
