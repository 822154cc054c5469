"""What people hold in their hands can be kept, sent, copied, compared and put into sets."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from types import FunctionType

import numpy as np
import pytest

import refinr
from refinr import activations, coords, layers, losses, metrics, mlp, optim, planes, ternary, theory
from refinr.limits import Limits
from tests.helpers import assert_equal_exact

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 2**8, (6, 7), dtype="uint8")


def _inrs() -> dict[str, refinr.INR]:
    return {
        "planes": refinr.fit(IMAGE >> 6),
        "exact": refinr.fit(IMAGE, max_steps=1, exact=True, info={"rate": 5}),
        "undecided": refinr.fit(IMAGE * np.uint16(250), decomposition="none", max_steps=1, exact=True),
        "absent": refinr.fit(IMAGE, max_steps=0, exact=True),
        "floats": refinr.fit(IMAGE / 250, decomposition="none", max_steps=5),
        "encoded": refinr.fit(IMAGE >> 6, encoding="triangle"),
        "ternary": refinr.fit(IMAGE >> 6, layer="ternary", max_steps=3, hidden=(8, 8), exact=True),
        "solved": refinr.solve(IMAGE),
        "binary": refinr.solve(IMAGE, weights="binary"),
        "written down": refinr.constructive.exact(IMAGE[:4, :4]),
    }


INRS = _inrs()
VALUES = {
    "certificate": refinr.certify(INRS["planes"]),
    "guarantee": refinr.certify(INRS["planes"]).types["float32"],
    "spec": mlp.MLP((2, 8, 1), "gauss"),
    "optimiser": optim.Adam(betas=(0.9, 0.99)),
    "schedule": optim.Cosine(1e-2, 60),
    "limits": Limits(memory=1e9),
    **{f"layout, {name}": inr.layout for name, inr in INRS.items()},
    **{f"INR, {name}": inr for name, inr in INRS.items()},
}
COPIES = {
    "pickled": lambda value: pickle.loads(pickle.dumps(value)),
    "pickled, oldest protocol": lambda value: pickle.loads(pickle.dumps(value, 2)),
    "copied": copy.copy,
    "copied deeply": copy.deepcopy,
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name", VALUES)
def test_a_copy_is_equal_and_hashes_alike(name, how):
    value = VALUES[name]
    again = COPIES[how](value)
    assert type(again) is type(value)
    assert again == value
    assert hash(again) == hash(value)
    assert len({again, value}) == 1
    assert (value != "something else") is True
    if isinstance(value, refinr.INR):
        assert_equal_exact(again.decode(), value.decode())


def test_inrs_are_equal_if_their_files_would_be():
    for i, a in enumerate(INRS.values()):
        for j, b in enumerate(INRS.values()):
            assert (a == b) == (i == j)
    inr = INRS["exact"]
    assert dataclasses.replace(inr, info={"rate": 6}) != inr
    assert dataclasses.replace(inr, portable=False) != inr
    near = INRS["undecided"]
    assert dataclasses.replace(near, residual=dataclasses.replace(near.residual, undecided=None)) != near
    changed = copy.deepcopy(inr)
    changed.params["b0"][0, 0, 0] = np.nextafter(changed.params["b0"][0, 0, 0], np.float32(9))
    assert changed != inr
    assert inr == INRS["exact"], "a deep copy shares nothing"


def test_certificates_differ_where_what_they_say_does():
    first, second = (refinr.certify(INRS[name]) for name in ("planes", "exact"))
    assert first != second
    assert len({first, second}) == 2
    with pytest.raises(TypeError):
        first.types["float32"] = first.types["float64"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.types = {}


@pytest.mark.parametrize("module", [activations, coords, layers, losses, metrics, mlp, optim, planes, ternary, theory])
def test_public_functions_can_be_sent_to_other_processes(module):
    found = [f for name, f in vars(module).items() if inspect.isfunction(f) and not name.startswith("_")]
    assert found
    for f in found:
        assert isinstance(f, FunctionType)
        assert pickle.loads(pickle.dumps(f)) is f
