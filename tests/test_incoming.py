"""What people bring as samples: what is checksummed is what is represented, or it is refused with a way on."""

from __future__ import annotations

import gzip
import inspect
import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import refinr
from refinr import cli, constructive, planes
from refinr.incoming import KINDS, as_samples, check_kinds
from tests.files.formats import ramp
from tests.helpers import assert_equal_exact

FAST = {"hidden": (4,), "max_steps": 0, "exact": True, "channels": False}


def _assert_survives(samples, expected, folder) -> None:
    inr = refinr.fit(samples, **FAST)
    assert inr.lossless
    inr.save(folder / "a.inr")
    assert_equal_exact(refinr.load(folder / "a.inr").decode(), expected, bitwise=True)


# --- booleans --------------------------------------------------------------------------------------------------------

ODD = np.array([[0, 255], [2, 0]], "u1").view(bool)


@pytest.mark.parametrize("view", [ODD, ODD.T, ODD[::-1], np.repeat(ODD, 2, axis=1)[:, ::2]])
def test_booleans_of_other_bytes_decode(tmp_path, view):
    _assert_survives(view, np.array(view.view("u1") != 0), tmp_path)


def test_booleans_of_other_bytes_decode_without_training():
    assert_equal_exact(constructive.exact(ODD).decode(), ODD.view("u1") != 0, bitwise=True)


@given(codes=hnp.arrays("u1", hnp.array_shapes(max_side=4), elements=st.sampled_from([0, 1, 2, 255])))
def test_codes_of_booleans_are_0_and_1(codes):
    assert_equal_exact(planes.to_codes(codes.view(bool))[0], (codes != 0).astype("u1"))


def test_a_file_of_booleans_of_other_bytes_is_verified(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    file = io.BytesIO()
    np.save(file, np.array([[False, True], [True, False]]))
    content = file.getvalue()
    (tmp_path / "a.npy").write_bytes(content[:-4] + bytes([0, 255, 7, 0]))
    assert cli.main(["fit", "a.npy", "a.inr", "--quiet", "--max-steps", "0"]) == 0
    assert cli.main(["verify", "a.npy", "a.inr"]) == 0
    assert cli.main(["decode", "a.inr", "b.npy"]) == 0
    assert (tmp_path / "b.npy").read_bytes() == content


# --- order, strides, classes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["i2", ">i2", "<f4", ">f8", ">u8"])
def test_any_byte_order_and_strides(tmp_path, dtype):
    samples = ramp(np.dtype(dtype).newbyteorder("=").str, (4, 6)).astype(dtype)
    for view in (samples, samples.T, samples[::-1, ::2], np.broadcast_to(samples[:1], (3, 6))):
        _assert_survives(view, np.array(view), tmp_path)


def test_subclasses_that_are_arrays_all_the_same(tmp_path):
    class Measured(np.ndarray):
        def __getitem__(self, index):
            return np.ndarray.__getitem__(self, index) * 0

    samples = ramp("uint16", (4, 5))
    _assert_survives(samples.view(Measured), samples, tmp_path)
    np.save(tmp_path / "a.npy", samples)
    _assert_survives(np.load(tmp_path / "a.npy", mmap_mode="r"), samples, tmp_path)


def test_samples_that_change_meanwhile_are_no_lossless_file(monkeypatch):
    samples = ramp("uint16", (4, 5))
    count = refinr.measuring.metrics.wrong_bits_per_plane

    def change(*arguments):
        samples[2, 3] ^= 1
        return count(*arguments)

    monkeypatch.setattr("refinr.measuring.metrics.wrong_bits_per_plane", change)
    with pytest.raises(refinr.LosslessError, match=r"changed while they were fitted|do not give them back"):
        refinr.fit(samples, **FAST)


def test_a_residual_that_does_not_come_back_is_no_lossless_file(monkeypatch):
    right = refinr.files.residual.unpack
    monkeypatch.setattr("refinr.files.residual.unpack", lambda *arguments: right(*arguments) ^ 1)
    with pytest.raises(refinr.LosslessError, match="does not give back what it was given"):
        refinr.fit(ramp("uint16", (4, 5)), **FAST)


# --- other libraries -------------------------------------------------------------------------------------------------


def test_arrays_of_other_libraries_are_taken():
    import jax.numpy as jnp

    samples = ramp("uint16", (4, 5))
    for other in (jnp.asarray(samples), Image.fromarray(samples)):
        assert_equal_exact(as_samples(other), np.asarray(other))
    assert_equal_exact(as_samples(samples.tolist()), samples.astype("int64"))


def test_tensors_are_taken_as_numpy_takes_them_and_refused_while_gradients_are_kept():
    class Tensor:  # what matters of a PyTorch tensor
        requires_grad = False

        def __array__(self, dtype=None, copy=None):
            return np.arange(3)

    tensor = Tensor()
    assert_equal_exact(as_samples(tensor), np.arange(3))
    tensor.requires_grad = True
    with pytest.raises(TypeError, match="gradient"):
        as_samples(tensor)


def test_device_arrays_are_copied_to_the_host(monkeypatch):
    class Array:
        def __array__(self):
            raise TypeError("Implicit conversion to a NumPy array is not allowed.")

        def get(self):
            return np.arange(3)

    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(ndarray=Array))
    assert_equal_exact(as_samples(Array()), np.arange(3))


def _palette():
    return Image.fromarray(ramp("uint8", (4, 5))).convert("P")


def _animation():
    file = io.BytesIO()
    frames = [Image.fromarray(np.full((4, 4), value, "u1")) for value in (0, 200)]
    frames[0].save(file, "tiff", save_all=True, append_images=frames[1:])
    return Image.open(file)


class _Sparse:
    def toarray(self):
        return np.zeros((2, 2))


class _Foreign:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("foreign words")


class _Tensor:
    requires_grad = True


class _Half:
    dtype = "torch.bfloat16"


class _Column:
    """As pandas has them."""

    __module__ = "pandas.core"
    dtype = "Int64"

    def isna(self):
        return [False, True]


class _Frame:
    __module__ = "pandas.core"
    columns = ("a", "b")
    dtypes = (np.dtype("i8"), np.dtype("f8"))


REFUSED = [
    (lambda: np.ma.MaskedArray([1, 2, 3], mask=[0, 1, 0]), r"a mask would be lost.*\.filled"),
    (lambda: np.ma.MaskedArray([1, 2, 3]), "a mask would be lost"),
    (_palette, r"mode 'P' has a palette; \.convert"),
    (_animation, r"an image of 2 frames; \.seek"),
    (_Sparse, r"a sparse array; \.toarray\(\)"),
    (_Foreign, "NumPy cannot make an array of .*_Foreign"),
    (_Tensor, r"\.detach\(\)"),
    (lambda: np.array([1j]), "got complex128: stack real"),
    (lambda: np.array([None, 1]), "got object: .*Python objects"),
    (lambda: np.array(["2020-01-01"], "M8[s]"), r"\.view\('int64'\)"),
    (lambda: np.zeros(3, "u1,f4"), "fields one by one"),
    (lambda: np.zeros(3, np.longdouble), "float64"),
    (lambda: np.array(["text"]), "give numbers"),
    (lambda: {"a": 1}, "expected an array of numbers, or the path of a file, got dict"),
    (lambda: gzip.open, "expected an array of numbers, or the path of a file, got function"),
    (lambda: b"bytes", "expected an array of numbers, or the path of a file, got bytes"),
    (lambda: None, "expected an array of numbers, or the path of a file, got NoneType"),
    (lambda: [[1, 2], [3]], "expected rows of one length, got a list of several"),
    (_Half, "got torch.bfloat16; as float32 they are the same numbers"),
    (_Column, r"gaps, which have no numbers; \.to_numpy"),
    (_Frame, "columns of float64, int64, expected one dtype"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_would_lose_something_is_refused_with_a_way_on(make, message):
    for verb in (refinr.fit, refinr.solve, refinr.compress):
        with pytest.raises(TypeError, match=f"^samples: .*{message}"):
            verb(make())


# --- arguments -------------------------------------------------------------------------------------------------------

WRONG = {
    "bits": [8.0, "8", True],
    "radix_bits": [1.0, None],
    "gray": ["no", 1, None],
    "channels": ["no", 3],
    "hidden": [64, "16,16", (16.0, 16), 1.5],
    "omega": ["30"],
    "first_scale": [{}, ("a",), True],
    "features": [2.5, "60"],
    "lr": ["1e-3", True, [1e-3]],
    "margin": [None, "0.5"],
    "max_steps": [100.0, None, "100", True],
    "patience": [2.5, [300]],
    "seed": [None, 1.0, "0"],
    "executor": [2, "threads"],
    "group": [2.5, "4"],
    "progress": ["no", 1],
    "exact": ["no", 0],
    "journal": [3],
    "info": [3, "text", [("rate", 8000)]],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_arguments_of_the_wrong_kind_are_named(name, value):
    with pytest.raises((TypeError, ValueError), match=rf"^{name}: expected .*, got ") as error:
        refinr.fit(ODD, **{name: value})
    assert str(error.value).endswith(f"got {value!r}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bits", np.int64(8)),
        ("gray", np.True_),
        ("hidden", [4, np.uint8(4)]),
        ("hidden", np.array([4, 4])),
        ("lr", np.float32(1e-3)),
        ("lr", 1),
        ("margin", 1),
        ("seed", np.uint32(3)),
        ("first_scale", np.float64(2.0)),
        ("first_scale", (1, 2.5)),
    ],
)
def test_what_means_the_same_is_the_same(tmp_path, name, value):
    check_kinds({name: value})
    inr = refinr.fit(ramp("uint8", (4, 6)), **{"hidden": (4,), "max_steps": 1, name: value})
    inr.save(tmp_path / "a.inr")
    assert refinr.load(tmp_path / "a.inr").layout == inr.layout


def test_every_keyword_of_a_fit_is_checked_or_looked_up():
    keywords = set(inspect.signature(refinr.fit).parameters) - {"samples"}
    looked_up = {
        "decomposition",
        "preset",
        "layer",
        "activation",
        "encoding",
        "loss",
        "optimiser",
        "store",
        "xp",
        "tile",
    }
    assert keywords <= KINDS.keys() | looked_up


@pytest.mark.parametrize(
    ("function", "name", "value"),
    [
        (refinr.oracle.check_backend, "repeat", 1.5),
        (refinr.oracle.check_backend, "take", 3),
        (refinr.oracle.check_backend, "isolate", "no"),
        (refinr.oracle.check_backend, "timeout", "long"),
        (refinr.oracle.check_backend, "families", 3),
        (refinr.oracle.cases, "seed", None),
        (refinr.oracle.compare_answers, "families", b"mlp"),
    ],
)
def test_the_oracle_names_them_too(function, name, value):
    first = {} if function is refinr.oracle.cases else {next(iter(inspect.signature(function).parameters)): "math"}
    with pytest.raises(TypeError, match=f"^{name}: expected .*, got {value!r}"):
        function(**first, **{name: value})


def test_unknown_and_missing_arguments_name_the_function():
    with pytest.raises(TypeError, match=r"^fit: got an unexpected keyword argument 'hiden'"):
        refinr.fit(np.arange(9), hiden=(3,))
    with pytest.raises(TypeError, match=r"^solve: missing a required argument: 'samples'"):
        refinr.solve()
