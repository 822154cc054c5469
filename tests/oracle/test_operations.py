"""The reference as a backend: it passes, its rows are complete, and its docstrings say what a backend has to do."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from refinr import oracle
from refinr.oracle import operations
from refinr.oracle.case import CLASSES
from refinr.oracle.operations import OPERATIONS


def _check(backend, families=None, dtype="float32", **options):
    return oracle.check_backend(backend, families, dtype, quiet=True, **options)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("dtype", "spare"), [("float64", 4), ("float32", 4), ("float16", 1)])
def test_the_reference_passes_with_room_to_spare(dtype, spare, seed):
    report = _check(operations, dtype=dtype, seed=seed)
    assert report.ok, str(report)
    assert max(result.share for result in report.results) <= 1 / spare
    assert report.count("passed") + report.count("not offered") == len(report.results)
    if dtype != "float16":  # rounding to levels is a matter of chance where the bound is as wide as a level
        left_out = {r.case for r in report.results if r.state == "not offered"}
        left_out -= {"mlp.mlp.relu-wide"}  # so many units that one may be nearer to its kink than its bound
        assert {case.partition(".")[0] for case in left_out} <= {"ternary"}


def test_forward_comes_before_the_loss_and_that_before_gradients_from_the_last_layer_to_the_first():
    (case,) = oracle.cases("mlp.mlp.relu-encoded")
    names = ["h0", "z0", "h1", "z1", "h2", "z2", "loss", "dz", "dw2", "db2", "dw1", "db1", "dw0", "db0", "dx"]
    assert list(case.outputs) == names


@pytest.mark.parametrize("name", ["siren-7", "siren-own-inputs", "finer", "relu-encoded", "gelu-encoded"])
def test_the_tensors_between_are_consistent_with_each_other(name):
    """z = h w + b, and the biases' gradient of the last layer is the sum of dz: by hand, from the case alone."""
    (case,) = oracle.cases(f"mlp.mlp.{name}")
    got, given = {key: output.values for key, output in case.outputs.items()}, case.arrays
    depth = sum(key[0] == "w" for key in given)
    for i in range(depth):
        h = got.get(f"h{i}", given["x"])
        np.testing.assert_allclose(got[f"z{i}"], np.matmul(h, given[f"w{i}"]) + given[f"b{i}"], rtol=1e-13, atol=1e-13)
    if name.startswith("siren"):
        np.testing.assert_allclose(got["h1"], np.sin(30.0 * got["z0"]), rtol=0, atol=1e-12)
    np.testing.assert_allclose(got[f"db{depth - 1}"], got["dz"].sum(axis=1, keepdims=True), rtol=1e-12, atol=1e-15)


def test_training_ends_in_clear_decisions_and_counts_those_that_are_wrong():
    for case in oracle.cases("training"):
        z, bits, wrong = (case.outputs[key].values for key in ("z", "bits", "wrong"))
        assert abs(z).min() > 0.25
        np.testing.assert_array_equal(bits, z > 0)
        assert wrong == (bits != case.arrays["targets"]).sum()
        assert len(case.outputs["losses"].values) == case.options["steps"] + 1 > 5


def test_every_operation_has_cases_and_no_case_another():
    assert {case.operation for case in oracle.cases()} == set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_row_is_what_cases_and_backends_see(name):
    row = OPERATIONS[name]
    assert getattr(operations, name) is row.call
    assert row.call.__name__ == name
    for case in oracle.cases(f"*.{name}.*"):
        assert case.fixed == row.fixed
        assert set(case.dtypes) <= set(row.dtypes)
        floats = {output.kind for output in case.outputs.values() if output.values.dtype == np.float64}
        assert floats <= {row.kind} <= set(CLASSES)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_docstring_names_every_argument_and_every_result(name):
    text = inspect.getdoc(OPERATIONS[name].call)
    parameters, results = text.partition("Parameters\n")[2].split("Returns\n")
    assert "Examples\n" in results
    for argument, parameter in inspect.signature(OPERATIONS[name].call).parameters.items():
        assert ("**" if parameter.kind == parameter.VAR_KEYWORD else "") + argument in parameters
    for case in oracle.cases(f"*.{name}.*"):
        for tensor in case.outputs:
            assert tensor.rstrip("0123456789") in results, tensor
