"""False alarms: backends that are right in another way pass, in every dtype; and their means are really used."""

from __future__ import annotations

import numpy as np
import pytest

from examples.backends import alarms
from examples.backends.arithmetic import Library, Means, on
from examples.backends.legitimate import Alternative, variants
from refinr import oracle
from refinr.oracle.case import DTYPES
from refinr.oracle.families import FAMILIES, generate

USUAL = ["encodings", "activations", "layers", "losses", "ternary", "readout", "mlp", "optim", "codec"]


def test_there_are_enough_variants():
    assert len({variant.__name__ for variant in variants()}) >= 20


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_right_in_another_way_passes(dtype):
    found, texts = alarms.alarms(7, USUAL, (dtype,))
    assert not texts, "\n".join(texts)
    for name, rows in found.items():
        assert sum(runs for runs, _, _ in rows.values()) > 200, name
        assert all(wrong == 0 for _, wrong, _ in rows.values()), name


@pytest.mark.parametrize(("seed", "family", "dtype"), [(79, "codec", "float64"), (141, "optim", "float16")])
def test_what_was_an_alarm_is_none(seed, family, dtype):
    """A zero whose sign depended on where a sum begins; a moment that was no moment, but the difference of two."""
    assert alarms.alarms(seed, [family], (dtype,))[1] == []


@pytest.mark.parametrize("number", range(3))
def test_calls_around_cases_have_nothing_against_them_either(number):
    variant = variants(7)[-1 - 7 * number]
    families = ["encodings", "layers.linear.3*", "losses.mse.*", "ternary", "readout", "optim"]
    report = oracle.check_backend(variant, families, DTYPES[number], seed=7, quiet=True)
    assert report.ok, str(report)
    assert report.families()["call"]["passed"] >= 50


# each family has what some of these change: where all pass, variants would say nothing
CHANGES = {
    "product": (Alternative("wrong products", lambda a, b: 1.25 * np.matmul(a, b)), {"layers", "ternary", "readout"}),
    "total": (Alternative("wrong sums", total=lambda a, axes: 1.25 * a.sum(axes, keepdims=True)), {"metrics", "codec"}),
    "function": (Alternative("wrong functions", function=lambda name, x: 0.75 + 0 * x), {"activations", "encodings"}),
}
CHANGES["product"][1].update({"encodings", "mlp", "training", "inr", "container", "codec"})
CHANGES["total"][1].update({"layers", "lookups", "losses", "ternary", "readout", "mlp", "training"})
CHANGES["function"][1].update({"losses", "ternary", "readout", "mlp", "training", "inr", "container"})


@pytest.mark.parametrize("name", CHANGES)
def test_means_are_used_wherever_they_can_be(name):
    variant, families = CHANGES[name]
    found = set()
    for family in FAMILIES:
        given = alarms.asked(generate(family), ("float64",))
        verdicts = (alarms.verdict(variant, *one) for one in given)
        if any(verdict and verdict[1] for verdict in verdicts):
            found.add(family)
    assert found == families


def test_arrays_on_other_means_stay_on_them():
    seen = []

    def product(a, b):
        seen.append((a.shape, b.shape))
        return np.matmul(a, b)

    x = on(Means(product, function=lambda name, a: a), np.ones((2, 3)))
    y = np.where(np.ones((2, 3)) > 0, x, 0.0) @ np.ones((3, 4))
    assert (np.sin(y) == 3.0).all()
    assert (np.ones(2) @ np.concatenate([y, y], 1)).tolist() == [6.0] * 8
    assert seen == [((2, 3), (3, 4)), ((1, 2), (2, 8))]
    library = Library(Means(result=np.floor))
    assert (library.asarray([0.75]) * 2.0).tolist() == [1.0]
    assert library.pi == np.pi
    with pytest.raises(ValueError, match="expected 3 rows, got 4"):
        x @ np.ones((4, 3))


COUNTED = 200


def test_what_has_been_counted_is_of_all_cases_and_variants_and_without_an_alarm():
    rows = alarms.kept()
    assert len({seed for seed, _ in rows}) >= COUNTED
    assert len(rows) == len(alarms.KEPT.read_text().splitlines())
    assert not any(row["alarms"] for row in rows.values())
    for (seed, _), row in rows.items():
        assert list(row["variants"]) == [variant.__name__ for variant in variants()]
        assert set(alarms.DRAWN) - set(row["families"]) == (set() if seed % alarms.SELDOM == 0 else set(alarms.RARE))
