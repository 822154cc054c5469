"""Families of cases: their names and numbers, sizes and extremes that are there, and none made unasked."""

from __future__ import annotations

import json

import numpy as np
import pytest

from refinr import oracle
from refinr.oracle import families
from refinr.oracle.case import BITS, TRAJECTORY
from refinr.oracle.families import FAMILIES


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_offered_by_every_family_of_operations_that_has_short_sums(dtype):
    for family in ("coords", "encodings", "activations", "layers", "losses", "mlp"):
        assert sum(dtype in case.dtypes for case in oracle.cases(family)) >= 3


def test_names_families_and_tensors():
    cases = oracle.cases()
    assert list(dict.fromkeys(case.family for case in cases)) == list(FAMILIES)
    assert len({case.name for case in cases}) == len(cases)
    for case in cases:
        assert case.name.split(".")[1] == case.operation
        assert case.dtypes[:1] == ("float64",)
        json.dumps(case.options, allow_nan=False)
        for output in case.outputs.values():
            assert np.isfinite(output.units).all()
            assert output.kind == TRAJECTORY or np.shape(output.units) in ((), output.values.shape)
            assert (output.values.dtype == np.float64) or output.kind == BITS


@pytest.mark.parametrize("rows", [0, 1, 3, 7])
def test_small_and_odd_sizes_are_there(rows):
    for family in ("planes", "encodings", "activations", "layers"):
        lengths = {a.shape[-2] if a.ndim > 1 else len(a) for c in oracle.cases(family) for a in c.arrays.values()}
        assert rows in lengths, family


def test_extreme_inputs_are_there():
    logits = np.concatenate([c.arrays["z"].ravel() for c in oracle.cases("losses.bce_with_logits.*")])
    assert {0.0, 2.0**13, -(2.0**13), 2.0**99, 2.0**-140} <= set(logits)
    (ties,) = (c for c in oracle.cases("losses.mae.ties"))
    assert (ties.arrays["z"] == ties.arrays["targets"]).any()
    (decisions,) = (c for c in oracle.cases("inr.decide.ties"))
    assert (decisions.arrays["z"] == 0).any()
    assert np.isnan(decisions.arrays["z"]).any()


def test_another_seed_gives_other_numbers_in_the_same_places():
    one, other = oracle.cases("layers"), oracle.cases("layers", seed=1)
    assert [case.name for case in one] == [case.name for case in other]
    assert not any(np.array_equal(a.arrays["w"], b.arrays["w"]) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("families", ["nonsense", ["layers", "layers.nothing"], "layer"])
def test_a_pattern_that_matches_nothing_is_refused(families):
    with pytest.raises(ValueError, match=r"families: .* matches no case"):
        oracle.cases(families)


@pytest.fixture
def made(monkeypatch):
    """Names of the families that are made from now on."""
    names = []

    def count(name, draw):
        def counted(rng):
            names.append(name)
            return draw(rng)

        return counted

    families.generate.cache_clear()
    for name, draw in FAMILIES.items():
        monkeypatch.setitem(FAMILIES, name, count(name, draw))
    yield names
    families.generate.cache_clear()


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ("layers", ["layers"]),
        ("coords.grid.1", ["coords"]),
        (["coords", "losses.mse*"], ["coords", "losses"]),
        ("l*", ["layers", "lookups", "losses"]),
        ("*.linear.*", list(FAMILIES)),
        (None, list(FAMILIES)),
    ],
)
def test_only_families_that_are_asked_for_are_made(made, patterns, expected):
    assert oracle.cases(patterns)
    assert made == expected
    oracle.cases(patterns)
    assert made == expected  # and once


def test_a_choice_of_patterns_is_that_of_all_cases():
    every = oracle.cases()
    for pattern in ("l*", "*.siren*", "[cm]*", "ternary", "inr.dec?de.*", "m*p.mlp*"):
        assert oracle.cases(pattern) == families.select(every, pattern), pattern


def test_an_unknown_family_is_refused():
    with pytest.raises(ValueError, match="family: unknown name 'layer'; known are planes, "):
        families.generate("layer")
