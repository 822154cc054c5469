"""Comparing tensors: shape, dtype, values; what may differ and what may not; what the report says."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.oracle.backends import taking
from refinr.oracle.case import CLASSES, EPS, TINY, Case, Output, numpy_dtype
from refinr.oracle.compare import as_numpy, compare, judge, tolerance

DTYPES = pytest.mark.parametrize("dtype", EPS)


def _bounded(values, units=1.0, kind="bounded", floor=0.0):
    values = np.array(values, dtype=np.float64)
    return Output(values, kind, np.broadcast_to(np.array(units, dtype=np.float64), values.shape), floor)


def _passes(got, output, dtype="float64"):
    lines, share = compare(got, output, dtype)
    assert (not lines) == (share <= 1.0)
    return not lines


# --- one tensor ------------------------------------------------------------------------------------------------------


@DTYPES
@given(value=st.floats(-100, 100), units=st.floats(1.0, 1e6), share=st.floats(0.0, 0.99))
def test_within_the_bound_passes_and_beyond_fails(dtype, value, units, share):
    output = Output(np.array([value]), "bounded", np.array([units]))
    bound = 8.0 * EPS[dtype] * units
    assert tolerance(output, dtype) == bound
    grid = numpy_dtype(dtype)
    spacing = EPS[dtype] * max(abs(value) + bound, TINY[dtype])  # what rounding to the dtype may add
    inside = np.array([value + share * (bound - spacing)]).astype(grid)
    outside = np.array([value + 2.0 * bound + 2.0 * spacing]).astype(grid)
    if bound > spacing:
        assert _passes(inside, output, dtype)
    assert not _passes(outside, output, dtype)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_passes_only_where_it_is_expected(kind, special):
    ordinary = _bounded([1.0, 2.0], 1e300, kind)
    assert not _passes(np.array([1.0, special]), ordinary)
    expected = _bounded([1.0, special], 1e300, kind)
    assert _passes(np.array([1.0, special]), expected)
    assert not _passes(np.array([special, special]), expected)
    assert not _passes(np.array([1.0, 2.0]), expected)
    if not np.isnan(special):
        assert not _passes(np.array([1.0, -special]), expected)
        assert not _passes(np.array([1.0, np.nan]), expected)


def test_exact_means_every_bit():
    floats = Output(np.array([0.0, 1.0], dtype="float32"))
    assert _passes(np.array([0.0, 1.0], dtype="float32"), floats)
    assert not _passes(np.array([-0.0, 1.0], dtype="float32"), floats)
    payload = np.array([0x7FC00001, 0x7FC00002], dtype="uint32").view("float32")
    assert _passes(payload[:1].copy(), Output(payload[:1]))
    assert not _passes(payload[1:].copy(), Output(payload[:1]))
    large = np.array([2**63 + 1], dtype="uint64")  # as floats these two are the same
    assert not _passes(large - np.uint64(1), Output(large))


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (np.zeros((2, 1)), "shape (2, 1), expected (2,)"),
        (np.zeros(2, dtype="float32"), "dtype float32, expected float64"),
        (np.zeros(2, dtype="int64"), "dtype int64, expected float64"),
        (0.0, "shape (), expected (2,)"),
    ],
)
def test_shape_comes_first_then_dtype(got, said):
    assert compare(got, _bounded([0.0, 0.0], 1e300), "float64")[0] == [said]


def test_without_values_shape_and_dtype_remain():
    empty = _bounded(np.zeros((0, 2)))
    assert _passes(np.zeros((0, 2)), empty)
    assert not _passes(np.zeros((0, 3)), empty)
    assert not _passes(np.zeros((0, 2), dtype="float32"), empty)


def test_a_trajectory_is_compared_by_the_norm_of_all_differences():
    output = Output(np.zeros(4), "trajectory", 1.0)
    bound = float(tolerance(output, "float64"))
    assert _passes(np.array([0.9 * bound, 0.0, 0.0, 0.0]), output)
    assert not _passes(np.full(4, 0.9 * bound), output)
    assert _passes(np.full(4, 0.9 * bound), _bounded(np.zeros(4)))


def test_nothing_passes_because_a_bound_is_not_a_number():
    assert not _passes(np.array([1.0]), _bounded([2.0], np.nan))


def test_what_vanishes_is_allowed_for():
    output = _bounded([2.0**-130], 2.0**-130, floor=1.0)
    assert _passes(np.array([0.0], dtype="float32"), output, "float32")
    assert not _passes(np.array([0.0]), output, "float64")


def test_the_lines_say_how_many_how_much_and_where():
    output = _bounded([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]])
    lines, share = compare(np.array([[1.0, 2.5], [3.0, 3.5]], dtype="float32"), output, "float32")
    assert lines == [
        "2 of 4 values differ; shape (2, 2), float32, bounded",
        "largest error: 0.5 absolute, 0.25 relative, 2.1e+06 ulp",
        "worst at [0, 1]: got 2.5, expected 2.0, bound 1.91e-06, exceeded 2.62e+05 times",
    ]
    assert share == 0.5 / (8 * 2.0**-23 * 2.0)


def test_integers_are_subtracted_as_integers():
    lines, _ = compare(
        np.array([7, 2**64 - 1], dtype="uint64"), Output(np.array([7, 2**64 - 2], dtype="uint64")), "float32"
    )
    assert lines[1:] == [
        "largest error: 1",
        "first at [1]: got 18446744073709551615, expected 18446744073709551614",
        "bits: got 0xffffffffffffffff, expected 0xfffffffffffffffe, different 0x0000000000000001",
    ]


@pytest.mark.parametrize("got", [np.nan, np.inf])
def test_the_lines_survive_what_is_no_number(got):
    lines, share = compare(np.array([1.0, got]), _bounded([1.0, 2.0]), "float64")
    assert share == np.inf
    assert lines[0].startswith("1 of 2 values differ")
    assert f"worst at [1]: got {got}, expected 2.0" in lines[2]
    assert lines[2].endswith("exceeded by far")


# --- a case ----------------------------------------------------------------------------------------------------------

CASE = Case(
    "family.operation.variant",
    "operation",
    {"x": np.ones(2), "n": np.ones(2, dtype="uint8")},
    {},
    {name: _bounded([1.0, 2.0]) for name in ("z0", "h1", "loss", "dw0")},
)


def test_the_first_difference_in_forward_order_is_named():
    good, bad = np.array([1.0, 2.0]), np.array([1.0, 3.0])
    # given in another order
    difference = judge({"dw0": bad, "loss": good, "h1": bad, "z0": good}, CASE, "float64").difference
    assert difference.tensor == "h1"
    assert str(difference).splitlines() == [
        "family.operation.variant: h1 differs",
        "  in forward order, agree before it: z0",
        "  1 of 2 values differ; shape (2,), float64, bounded",
        "  largest error: 1 absolute, 0.5 relative, 2.25e+15 ulp",
        "  worst at [1]: got 3.0, expected 2.0, bound 1.78e-15, exceeded 5.63e+14 times",
        "  after it differ as well: dw0",
    ]


def test_tensors_left_out_are_no_difference_but_unknown_names_are():
    good = np.array([1.0, 2.0])
    assert judge({"h1": good}, CASE, "float64").difference is None
    assert judge({}, CASE, "float64").difference is None
    difference = judge({"h1": good, "dW0": good}, CASE, "float64").difference
    assert (
        str(difference) == "family.operation.variant: returned 'dW0', which is none of its tensors: z0, h1, loss, dw0"
    )


# --- arrays of other libraries ---------------------------------------------------------------------------------------


class Tensor:
    """What matters of a PyTorch tensor."""

    def __init__(self, bits, dtype="torch.float32", requires_grad=False):
        self.bits = bits
        self.dtype = dtype
        self.requires_grad = requires_grad

    def detach(self):
        return Tensor(self.bits, self.dtype)

    def view(self, dtype):
        return Tensor(self.bits, dtype)

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad or self.dtype == "torch.bfloat16":
            raise RuntimeError("cannot become an array")
        return self.bits.view(np.int16) if self.dtype == "torch.int16" else self.bits


@pytest.fixture
def torch(monkeypatch):
    def asarray(array):
        assert array.flags.writeable
        assert all(stride >= 0 for stride in array.strides)
        return Tensor(array, f"torch.{array.dtype}")

    library = SimpleNamespace(asarray=asarray, int16="torch.int16", bfloat16="torch.bfloat16")
    monkeypatch.setitem(sys.modules, "torch", library)
    return library


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_tensors_are_taken_with_their_gradients_and_in_bfloat16(torch, dtype):
    numbers = np.array([[1.0, -2.5], [0.0, 3.0]]).astype(numpy_dtype(dtype))
    for array in (numbers, np.flip(numbers), np.asfortranarray(numbers)):
        array.flags.writeable = False
        tensor = taking("torch")(array)
        assert tensor.dtype == f"torch.{dtype}"
        tensor.requires_grad = True
        back = as_numpy(tensor)
        assert back.dtype == numbers.dtype
        assert back.tobytes() == array.tobytes()


def test_libraries_are_known_by_name_and_functions_are_taken_as_they_are():
    import jax

    assert isinstance(taking("jax")(np.ones(2, "float32")), jax.Array)
    assert taking(list) is list
    assert taking(None) is np.asarray
    with pytest.raises(ValueError, match="take: unknown name 'tinygrad'; known are numpy, torch, jax, cupy"):
        taking("tinygrad")


def test_arrays_that_are_elsewhere_come_by_dlpack():
    class Elsewhere:
        def __array__(self, dtype=None, copy=None):
            raise TypeError("not on this device")

        def __dlpack_device__(self):
            return (1, 0)

        def __dlpack__(self, **options):
            return np.arange(3.0).__dlpack__()

    assert as_numpy(Elsewhere()).tolist() == [0.0, 1.0, 2.0]
