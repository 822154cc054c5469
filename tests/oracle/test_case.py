"""A case: its dtypes, and arrays in each of them."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from refinr.oracle.case import BOUNDED, DTYPES, EPS, LARGEST, TINY, Case, Output, cast, numpy_dtype
from refinr.oracle.compare import judge

CASE = Case(
    "family.operation.variant",
    "operation",
    {"x": np.ones(2), "n": np.ones(2, dtype="uint8")},
    {},
    {name: Output(np.array([1.0, 2.0]), BOUNDED, np.ones(2)) for name in ("z0", "h1", "loss", "dw0")},
)


@pytest.mark.parametrize("dtype", DTYPES)
def test_constants_are_those_of_the_dtype(dtype):
    info = ml_dtypes.finfo(numpy_dtype(dtype))
    assert EPS[dtype] == float(info.eps)
    assert TINY[dtype] == float(info.smallest_subnormal if dtype == "float16" else info.smallest_normal)
    assert float(info.max) / 2 < LARGEST[dtype] <= float(info.max)


def test_an_unknown_dtype_is_refused():
    with pytest.raises(ValueError, match="dtype: expected one of float64, float32, float16, bfloat16, got 'int8'"):
        numpy_dtype("int8")


@pytest.mark.parametrize("dtype", DTYPES)
def test_only_double_precision_is_cast(dtype):
    assert cast(np.zeros(2), dtype).dtype == numpy_dtype(dtype)
    for other in ("float32", "uint8", "int64", "bool"):
        assert cast(np.zeros(2, other), dtype).dtype == other


@pytest.mark.parametrize("dtype", DTYPES)
def test_inputs_and_expected_come_in_the_dtype_and_are_copies(dtype):
    inputs = CASE.inputs(dtype)
    assert [a.dtype for a in inputs.values()] == [numpy_dtype(dtype), np.uint8]
    for name, array in inputs.items():
        assert not np.shares_memory(array, CASE.arrays[name])
    assert {a.dtype for a in CASE.expected(dtype).values()} == {numpy_dtype(dtype)}


def test_a_fixed_case_keeps_its_dtypes_and_the_bounds_of_double_precision():
    fixed = Case("a.b.c", "b", {"x": np.ones(1)}, {}, {"y": Output(np.ones(1), BOUNDED, np.ones(1))}, fixed=True)
    assert fixed.inputs("float16")["x"].dtype == fixed.expected("float16")["y"].dtype == np.float64
    assert judge({"y": np.array([1.0 + 1e-9])}, fixed, "float16").difference is not None
