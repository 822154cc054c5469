"""Fit and decode: exact for every dtype, dimension and decomposition, and honest where it is not."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import refinr
from refinr import planes, tiling
from tests.helpers import assert_close, assert_equal_exact
from tests.strategies import SAMPLE_DTYPES, samples, seeds

SMALL = {"hidden": (16, 16)}
WIDE = {"hidden": (32, 32, 32), "lr": 2e-3}  # for the bit coordinate


def _noise(dtype: object, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Every bit pattern as likely as any other: NaN payloads, infinities and subnormals among the floats."""
    dtype = np.dtype(dtype)
    rng = np.random.default_rng(seed)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    return np.frombuffer(rng.bytes(math.prod(shape) * dtype.itemsize), dtype).reshape(shape)


IMAGE = _noise("uint8", (8, 8)) >> 4


def _integers(inr: refinr.INR, original: np.ndarray) -> tuple[list[int], list[int], int]:
    """Codes of the original and of what is decoded, as the layout counts them, in Python integers."""
    a, width = planes.to_codes(original)
    b, _ = planes.to_codes(inr.decode())
    offset = int(a.min()) if original.dtype.kind == "i" else 0
    return [int(v) - offset for v in a.ravel()], [(int(v) - offset) % 2**width for v in b.ravel()], offset


def _check_report(inr: refinr.INR, original: np.ndarray, bits: int) -> None:
    """Every number that a signal and its reconstruction determine, again and otherwise."""
    report = inr.report
    a, b, _ = _integers(inr, original)
    wrong = [sum(((u ^ v) >> i) & 1 for u, v in zip(a, b, strict=True)) for i in range(bits)]
    assert list(report.wrong_bits) == wrong
    assert report.total_bits == original.size * bits
    assert report.ber == sum(wrong) / (original.size * bits)
    assert list(report.ber_per_plane) == [w / original.size for w in wrong]
    assert inr.lossless == report.lossless == (sum(wrong) == 0)
    assert report.samples == original.size
    assert report.parameters == sum(p.size for p in inr.params.values())
    assert report.parameters_per_bit == report.parameters / report.total_bits
    assert report.networks == len(next(iter(inr.params.values())))
    assert 0 <= report.steps <= report.most_steps
    assert report.seconds >= 0
    if original.dtype.kind != "f":
        squares = sum((u - v) ** 2 for u, v in zip(a, b, strict=True))
        if squares == 0:
            assert (report.rmse, report.psnr) == (0.0, math.inf)
        else:
            expected = 10 * math.log10((2**bits - 1) ** 2 * original.size / squares)
            assert math.isclose(report.psnr, expected, rel_tol=1e-12, abs_tol=1e-12)
    little = original.astype(original.dtype.newbyteorder("<"))
    head = f"{little.dtype.str} {','.join(str(n) for n in original.shape)}\n".encode()
    assert inr.checksum == hashlib.sha256(head + little.tobytes()).hexdigest()


def _check_margins(inr: refinr.INR, original: np.ndarray, bits: int, radix_bits: int = 1, gray: bool = False) -> None:
    """The smallest margin of each plane, from the logits and Python integers."""
    z = inr.logits()
    a, _, _ = _integers(inr, original)
    z = z.reshape(original.size, z.shape[-1])
    steps = 2**radix_bits - 1
    smallest = [math.inf] * z.shape[1]
    for code, row in zip(a, z.tolist(), strict=True):
        code = code ^ (code >> 1) if gray else code
        for p, value in enumerate(row):
            digit = (code >> (p * radix_bits)) & steps
            position = (value + 0.5) * steps
            if steps == 1:
                margin = value if digit else -value
            else:
                margin = 0.5 - max(0 if digit == steps else position - digit, 0 if digit == 0 else digit - position)
            smallest[p] = min(smallest[p], margin)
    # targets in float32, magnified by the number of steps
    conditioning = 0.0 if steps == 1 else 4.0 * steps * max(1.0, float(np.abs(z).max()))
    expected = np.array(smallest, dtype=np.float32)
    assert_close(np.array(inr.report.margin_per_plane, dtype=np.float32), expected, conditioning=conditioning)
    assert inr.report.margin == min(inr.report.margin_per_plane)


# --- defaults --------------------------------------------------------------------------------------------------------


TILES = [(1, 1), (7,), (3, 5), (2, 2, 2, 2), (33, 17), (2, 90), (1029,), (9, 10, 6)]  # whole, ragged and thin


@pytest.mark.parametrize(
    ("decomposition", "shape"),
    [*(("planes", shape) for shape in TILES), *(("bit-coordinate", shape) for shape in TILES[:4])],
    ids=str,
)
def test_the_defaults_arrive_in_tens_of_steps(decomposition, shape):
    original = _noise("uint8", shape)
    inr = refinr.fit(original, decomposition)
    assert_equal_exact(inr.decode(), original, bitwise=True)
    assert (inr.report.restarts, inr.report.most_steps < 150) == (0, True)


def test_the_small_preset_has_half_the_parameters():
    original = _noise("uint8", (32, 32))
    small, fast = (refinr.fit(original, preset=name, bits=8) for name in ("small", "fast"))
    assert_equal_exact(small.decode(), original, bitwise=True)
    assert small.report.parameters < 0.5 * fast.report.parameters


def test_networks_grow_with_their_tile():
    shapes = {
        tile: refinr.fit(_noise("uint8", (32, 32)), tile=tile, max_steps=0).layout.spec.sizes for tile in (4, 16, 32)
    }
    assert shapes == {4: (2, 8, 8, 1), 16: (2, 12, 12, 1), 32: (2, 27, 27, 1)}


@pytest.mark.parametrize(("options", "lr"), [({}, 1e-2), ({"hidden": (8, 8)}, 1e-2), ({"hidden": (8,) * 3}, 3e-3),
                                             ({"decomposition": "none"}, 1e-3), ({"hidden": (8, 8), "lr": 2e-3}, 2e-3),
                                             ({"layer": "ternary", "hidden": (8,) * 3}, 6e-3)], ids=str)  # fmt: skip
def test_the_step_size_is_the_one_for_the_network(options, lr):
    original = _noise("uint8", (4, 5))
    options = {"max_steps": 7, **options}
    _assert_same_bytes(refinr.fit(original, **options), refinr.fit(original, **options | {"lr": lr}))


# --- exact -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", SAMPLE_DTYPES, ids=lambda dtype: dtype.str)
def test_every_dtype_comes_back_to_the_bit(dtype):
    original = _noise(dtype, (4, 5))
    inr = refinr.fit(original, **SMALL)
    assert inr.lossless
    assert_equal_exact(inr.decode(), original, bitwise=True)


@settings(max_examples=settings.default.max_examples // 5)
@given(samples())
def test_any_signal_comes_back_to_the_bit(original):
    if original.ndim == 0:
        original = original.reshape(1)
    inr = refinr.fit(original, channels=tiling.has_channels(original.shape), **SMALL)
    assert inr.lossless
    assert_equal_exact(inr.decode(), original, bitwise=True)
    assert inr.decode().flags.writeable


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_special_floats_come_back_to_the_bit(dtype):
    dtype = np.dtype(dtype)
    native, raw = dtype.newbyteorder("="), np.dtype(f"u{dtype.itemsize}")
    info = np.finfo(dtype)
    special = [0.0, -0.0, math.inf, -math.inf, math.nan, info.max, info.min, info.tiny, 1.0]
    bits = np.array(special, dtype=native).view(raw).tolist()
    # a NaN with all bits set, the smallest subnormal, a signalling NaN: never cast, only stored
    bits += [2 ** (8 * dtype.itemsize) - 1, 1, bits[2] + 1]
    original = np.array(bits, dtype=raw).astype(raw.newbyteorder(dtype.byteorder)).view(dtype)
    assert original.dtype == dtype
    inr = refinr.fit(original, **SMALL)
    assert_equal_exact(inr.decode(), original, bitwise=True)
    assert inr.lossless
    _check_report(inr, original, 8 * dtype.itemsize)


KINDS = [
    ("planes", {}),
    ("planes", {"gray": True}),
    ("planes", {"radix_bits": 2, "loss": "mse"}),
    ("planes", {"radix_bits": 3, "gray": True}),
    ("planes", {"loss": "mse"}),
    ("bit-coordinate", WIDE),
    ("bit-coordinate", WIDE | {"radix_bits": 2}),
]


@pytest.mark.parametrize(("decomposition", "options"), KINDS, ids=str)
@pytest.mark.parametrize(
    ("shape", "tile"),
    [
        ((11,), 32),
        ((9,), (4,)),
        ((7, 5), (4, 3)),
        ((6, 6), 3),
        ((4, 3, 3), 2),
        ((3, 2, 2, 2), 32),
        ((2, 3, 2, 2), (2,) * 3),
    ],
    ids=str,
)
def test_dimensions_and_ragged_tiles(decomposition, options, shape, tile):
    original = _noise("uint8", shape) >> 3
    original.setflags(write=False)
    before = original.copy()
    inr = refinr.fit(original, decomposition, tile=tile, **SMALL | options)
    assert inr.lossless
    assert_equal_exact(inr.decode(), original)
    assert_equal_exact(original, before)
    bits = int(original.max()).bit_length()
    radix_bits, gray = options.get("radix_bits", 1), options.get("gray", False)
    _check_report(inr, original, bits)
    _check_margins(inr, original, bits, radix_bits, gray)
    assert inr.report.margin >= (0.25 if radix_bits > 1 or options.get("loss") == "mse" else 0.5)


@settings(max_examples=settings.default.max_examples // 5)
@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple),
    channels=st.integers(1, 3),
    tile=st.integers(1, 5),
    bits=st.integers(1, 16),
    kind=st.sampled_from(KINDS),
    seed=seeds,
)
def test_drawn_signals_with_channels(shape, channels, tile, bits, kind, seed):
    decomposition, options = kind
    original = _noise("uint16", (*shape, channels), seed) >> np.uint16(16 - bits)
    inr = refinr.fit(original, decomposition, tile=tile, channels=True, **SMALL | options)
    assert_equal_exact(inr.decode(), original)
    assert inr.lossless
    used = max(1, int(original.max()).bit_length())
    assert inr.logits().shape == (*original.shape, -(-used // options.get("radix_bits", 1)))


def test_channels_are_guessed_from_short_last_axes_and_can_be_said():
    colour = _noise("uint8", (4, 4, 3)) >> 6
    guessed, grid = refinr.fit(colour, **SMALL), refinr.fit(colour, channels=False, **SMALL)
    assert (guessed.layout.channels, guessed.layout.grid) == (3, (4, 4))
    assert (grid.layout.channels, grid.layout.grid) == (1, (4, 4, 3))
    assert refinr.fit(IMAGE, **SMALL).layout.channels == 1
    for inr in (guessed, grid):
        assert_equal_exact(inr.decode(), colour)


@pytest.mark.parametrize("bits", [8, 12, 16, 40])
def test_more_bits_than_the_samples_need(bits):
    original = _noise("uint8", (4, 5))
    inr = refinr.fit(original, bits=bits, **SMALL)
    assert_equal_exact(inr.decode(), original)
    assert len(inr.report.wrong_bits) == bits
    assert inr.lossless


def test_signed_integers_take_the_bits_of_their_range():
    original = np.array([-1000, -997, -993], dtype=np.int64)
    inr = refinr.fit(original, **SMALL)
    assert len(inr.report.wrong_bits) == 3
    assert_equal_exact(inr.decode(), original)


def test_constants_and_single_samples():
    for original in (np.zeros((3, 5), np.uint16), np.full(4, -7, np.int8), np.array([2**63], np.uint64)):
        inr = refinr.fit(original, **SMALL)
        assert inr.lossless
        assert_equal_exact(inr.decode(), original)


@pytest.mark.parametrize("order", ["C", "F", "reversed", "strided"])
def test_the_memory_layout_of_the_samples_does_not_matter(order):
    base = _noise("int16", (6, 5))
    views = {"C": base, "F": np.asfortranarray(base), "reversed": base[::-1, ::-1][::-1, ::-1],
             "strided": np.repeat(base, 2, axis=1)[:, ::2]}  # fmt: skip
    inr = refinr.fit(views[order], **SMALL)
    _assert_same_bytes(inr, refinr.fit(base, **SMALL))
    assert_equal_exact(inr.decode(), base)


def test_lists_are_arrays_too():
    assert_equal_exact(refinr.fit([[1, 2], [3, 4]], channels=False, **SMALL).decode(), np.array([[1, 2], [3, 4]]))


@pytest.mark.parametrize("loss", ["bce", "mse", "mae"])
@pytest.mark.parametrize("activation", ["sine", "gauss", "finer", "wire"])
def test_activations_and_losses(activation, loss):
    inr = refinr.fit(IMAGE, hidden=(24, 24), activation=activation, loss=loss, lr=5e-3)
    assert inr.lossless
    assert_equal_exact(inr.decode(), IMAGE)


@pytest.mark.parametrize("decomposition", ["planes", "bit-coordinate", "none"])
def test_a_ragged_tile_is_the_corner_of_a_full_one(decomposition):
    layout = refinr.fit(_noise("uint8", (7, 5)) >> 5, decomposition, tile=(4, 3), max_steps=0, **SMALL).layout
    full = layout.inputs((4, 3)).reshape(*layout.cut.axes((4, 3)), -1)
    for extent in [(4, 3), (3, 3), (4, 2), (3, 2)]:
        corner = full[: extent[0], : extent[1]].reshape(-1, full.shape[-1])
        assert_equal_exact(layout.inputs(extent), corner)
    # neighbouring samples are everywhere as far apart as in a full tile: 2 / 3 of the way from end to end
    assert_close(np.unique(np.diff(layout.inputs((3, 2))[:, 0]).max()), np.array([2 / 3], dtype=np.float32))


# --- logits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decomposition", ["planes", "bit-coordinate"])
def test_a_bit_is_a_logit_above_zero(decomposition):
    original = _noise("uint16", (5, 4, 2)) >> 10
    inr = refinr.fit(original, decomposition, tile=(3, 3), **WIDE)
    z = inr.logits()
    assert z.shape == (5, 4, 2, 6)
    assert z.dtype == np.float32
    shifts = np.arange(6, dtype=np.uint16)
    assert_equal_exact(z > 0, (original[..., None] >> shifts) & 1 == 1)
    assert_equal_exact(inr.logits(), z, bitwise=True)


def test_logits_without_a_channel_axis_and_of_the_value_itself():
    assert refinr.fit(IMAGE, **SMALL).logits().shape == (8, 8, 1, 4)
    assert refinr.fit(IMAGE, "none", max_steps=2, **SMALL).logits().shape == (8, 8, 1, 1)


# --- not exact -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_steps", [0, 1])
@pytest.mark.parametrize(("decomposition", "options"), [*KINDS, ("none", {})], ids=str)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_a_fit_without_time_says_so_and_counts_what_it_decodes(decomposition, options, dtype, max_steps):
    original = (_noise("int16", (6, 5)) >> 6).astype(dtype)
    inr = refinr.fit(original, decomposition, tile=(4, 4), max_steps=max_steps, **SMALL | options)
    assert not inr.lossless
    assert not inr.report.lossless
    assert inr.report.ber > 0
    assert inr.report.most_steps == max_steps
    decoded = inr.decode()
    assert (decoded.shape, decoded.dtype) == (original.shape, original.dtype)
    bits = inr.layout.cut.bits
    _check_report(inr, original, bits)
    if decomposition != "none":
        _check_margins(inr, original, bits, options.get("radix_bits", 1), options.get("gray", False))
        assert inr.report.margin <= 0
    elif dtype == "float32":
        assert math.isnan(inr.report.margin)
        assert inr.report.margin_per_plane == ()


def test_wrong_bits_above_the_width_of_the_dtype_are_counted():
    original = _noise("uint8", (6, 6))
    inr = refinr.fit(original, bits=16, max_steps=0, **SMALL)
    z = inr.logits().reshape(36, 16)
    expected = [int((((original.ravel().astype(int) >> i) & 1) != (z[:, i] > 0)).sum()) for i in range(16)]
    assert sum(expected[8:]) > 0
    assert list(inr.report.wrong_bits) == expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rmse_and_psnr_of_floats(dtype):
    original = np.random.default_rng(0).normal(3.0, 2.0, (6, 6)).astype(dtype)
    inr = refinr.fit(original, "none", max_steps=30, **SMALL)
    difference = [float(a) - float(b) for a, b in zip(original.ravel(), inr.decode().ravel(), strict=True)]
    rmse = math.sqrt(math.fsum(d * d for d in difference) / original.size)
    peak = float(original.max()) - float(original.min())
    assert math.isclose(inr.report.rmse, rmse, rel_tol=1e-12)
    assert math.isclose(inr.report.psnr, 20 * math.log10(peak / rmse), rel_tol=1e-12)


def test_rmse_of_floats_leaves_out_what_is_not_finite():
    original = np.array([1.0, math.nan, math.inf, 4.0, -2.0], dtype=np.float32)
    inr = refinr.fit(original, **SMALL)
    assert inr.lossless
    assert (inr.report.rmse, inr.report.psnr, inr.report.peak) == (0.0, math.inf, 6.0)
    rough = refinr.fit(original, max_steps=0, **SMALL).report
    assert math.isfinite(rough.rmse)
    assert math.isfinite(refinr.fit(np.full(3, math.nan), max_steps=0, **SMALL).report.rmse)


@pytest.mark.parametrize("bits", [4, 8])
def test_direct_regression_of_few_codes_can_be_exact(bits):
    original = (np.arange(16) * (2**bits - 1) // 15).astype(np.uint8).reshape(2, 8)
    inr = refinr.fit(original, "none", hidden=(32, 32), max_steps=3000)
    assert inr.lossless
    assert_equal_exact(inr.decode(), original)
    _check_report(inr, original, bits)


@pytest.mark.parametrize("value", [0.0, 2.5, -1e30, 1e-310])
def test_direct_regression_of_a_constant_is_exact(value):
    original = np.full((3, 5), value)
    inr = refinr.fit(original, "none", max_steps=2, **SMALL)
    assert_equal_exact(inr.decode(), original, bitwise=True)
    assert inr.lossless


@pytest.mark.parametrize("values", [[-1.0, 1.0], [0.0, 1.0], [-1.0, 0.0]])
def test_direct_regression_of_the_largest_floats(values):
    original = np.resize(np.array(values) * np.finfo("float64").max, 8)
    inr = refinr.fit(original, "none", max_steps=3, **SMALL)
    decoded = inr.decode()
    assert np.isfinite(decoded).all()
    assert (decoded >= original.min()).all()
    assert (decoded <= original.max()).all()
    assert math.isfinite(inr.report.rmse)


# --- a decoder that rounds differently -------------------------------------------------------------------------------


def _tampered(inr: refinr.INR) -> refinr.INR:
    """The last bias of the first network on the other side of its threshold."""
    params = {name: p.copy() for name, p in inr.params.items()}
    last = max(name for name in params if name.startswith("b"))
    params[last][0] = -1e3
    return dataclasses.replace(inr, params=params)


def test_a_changed_bit_raises_and_names_the_margin():
    inr = refinr.fit(IMAGE, **SMALL)
    with pytest.raises(refinr.LosslessError, match=rf"smallest margin, {inr.report.margin:.3g},"):
        _tampered(inr).decode()


def test_without_a_promise_nothing_is_broken():
    inr = refinr.fit(IMAGE, max_steps=1, **SMALL)
    assert not np.array_equal(_tampered(inr).decode(), IMAGE)


def test_the_checksum_is_of_the_values_whatever_their_byte_order():
    little, big = (refinr.fit(IMAGE.astype(dtype), max_steps=0, **SMALL) for dtype in ("<u2", ">u2"))
    assert little.checksum == big.checksum
    assert (
        refinr.fit(IMAGE ^ np.uint8(1), max_steps=0, **SMALL).checksum
        != refinr.fit(IMAGE, max_steps=0, **SMALL).checksum
    )


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("original", "options"),
    [
        (IMAGE, {}),
        (_noise(">i2", (3, 4, 2)), {"tile": (2, 2), "channels": True, "gray": True}),
        (_noise("float64", (5,)), {"radix_bits": 3, "loss": "mse", "info": {"rate": 8000, "comment": "naïve"}}),
        (_noise("float32", (3, 5)), {"decomposition": "bit-coordinate", **WIDE}),
        (np.linspace(-1, 1, 9), {"decomposition": "none", "max_steps": 5}),
        (np.full(3, 1.5), {"decomposition": "none", "max_steps": 0}),
        (IMAGE, {"first_scale": None, "activation": "gauss", "max_steps": 3}),
        (IMAGE, {"first_scale": (3.0, 5.0), "max_steps": 3}),
        (_noise("bool", (3, 5)), {"decomposition": "none", "max_steps": 3}),
    ],
    ids=range(9),
)
def test_a_file_gives_everything_back(tmp_path, original, options):
    options = dict(options)
    inr = refinr.fit(original, options.pop("decomposition", "planes"), **SMALL | options)
    inr.save(tmp_path / "a.inr")
    back = refinr.load(tmp_path / "a.inr")
    _assert_same_bytes(back, inr)
    # NaN included; how long it took is not kept
    assert repr(back.report) == repr(dataclasses.replace(inr.report, seconds=math.nan))
    assert (back.layout, back.checksum, back.info) == (inr.layout, inr.checksum, inr.info)
    assert back.lossless == inr.lossless
    assert_equal_exact(back.decode(), inr.decode(), bitwise=True)
    back.save(tmp_path / "b.inr")
    assert (tmp_path / "a.inr").read_bytes() == (tmp_path / "b.inr").read_bytes()


# --- same seed, same bytes -------------------------------------------------------------------------------------------


def _assert_same_bytes(a: refinr.INR, b: refinr.INR) -> None:
    assert a.params.keys() == b.params.keys()
    for name in a.params:
        assert_equal_exact(a.params[name], b.params[name], bitwise=True)


SIGNAL = _noise("uint8", (7, 6, 2)) >> 4
STALLS = {
    "tile": (4, 4),
    "hidden": (8, 8),
    "lr": 3e-3,
    "patience": 12,
    "max_steps": 120,
}  # some stall, some do not arrive
EXECUTORS = {
    "one thread": lambda: ThreadPoolExecutor(1),
    "two threads": lambda: ThreadPoolExecutor(2),
    "two processes": lambda: ProcessPoolExecutor(2, mp_context=get_context("spawn")),
}


@pytest.fixture(scope="module")
def reference() -> refinr.INR:
    return refinr.fit(SIGNAL, **STALLS)


def _assert_same_fit(a: refinr.INR, b: refinr.INR) -> None:
    _assert_same_bytes(a, b)
    assert dataclasses.replace(a.report, seconds=0.0) == dataclasses.replace(b.report, seconds=0.0)


def test_the_reference_has_seen_restarts(reference):
    assert reference.report.restarts > 0


@pytest.mark.parametrize("name", EXECUTORS)
def test_every_executor_gives_the_same_bytes(reference, name):
    with EXECUTORS[name]() as executor:
        _assert_same_fit(refinr.fit(SIGNAL, executor=executor, **STALLS), reference)


@pytest.mark.parametrize("group", [1, 3, 8, 1000])
def test_every_group_size_gives_the_same_bytes(reference, group):
    _assert_same_fit(refinr.fit(SIGNAL, group=group, **STALLS), reference)


@pytest.mark.parametrize("cores", [1, 3, 64])
def test_every_number_of_cores_gives_the_same_bytes(reference, cores, monkeypatch):
    monkeypatch.setattr("refinr.cpu.cores", lambda: cores)
    _assert_same_fit(refinr.fit(SIGNAL, **STALLS), reference)


def test_seeds_decide(reference):
    _assert_same_fit(refinr.fit(SIGNAL, seed=0, **STALLS), reference)
    other = refinr.fit(SIGNAL, seed=1, **STALLS)
    assert not any(np.array_equal(other.params[name], p) for name, p in reference.params.items())


def test_a_progress_bar_changes_nothing(reference, capfd):
    _assert_same_fit(refinr.fit(SIGNAL, progress=True, **STALLS), reference)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "BER=" in captured.err


def test_large_tiles_in_many_chunks_give_the_same_bytes():
    original = (np.arange(9000) // 50 % 2).astype(np.uint8)
    options = {"tile": (9000,), "hidden": (8,), "max_steps": 4}
    expected = refinr.fit(original, executor=ThreadPoolExecutor(1), **options)
    _assert_same_fit(refinr.fit(original, **options), expected)  # as many threads as cores for the chunks


# --- array libraries -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["array-api-strict", "module"])
def test_another_array_library_gives_an_exact_result(library):
    import array_api_strict

    name = array_api_strict if library == "module" else library
    inr = refinr.fit(IMAGE, xp=name, **SMALL)
    assert inr.lossless
    assert all(isinstance(p, np.ndarray) for p in inr.params.values())
    assert_equal_exact(inr.decode(), IMAGE)
    assert_equal_exact(inr.decode(xp=name), IMAGE)
    assert isinstance(inr.logits(xp=name), np.ndarray)


def test_cupy_without_a_device_says_so(monkeypatch):
    def no_device() -> int:
        raise OSError("no driver")

    monkeypatch.setattr("cupy.cuda.runtime.getDeviceCount", no_device)
    for use in (
        lambda: refinr.fit(IMAGE, xp="cupy"),
        lambda: refinr.fit(IMAGE, max_steps=0, **SMALL).decode(xp="cupy"),
    ):
        with pytest.raises(RuntimeError, match="xp: cupy was asked for but this machine has no working CUDA device"):
            use()


# --- bad input -------------------------------------------------------------------------------------------------------

NAN = np.array([0.0, math.nan])
BAD_VALUES = [
    (np.zeros((3, 0)), {}, r"samples: expected at least one axis and one sample, got shape \(3, 0\)"),
    (np.zeros(()), {}, r"samples: expected at least one axis and one sample, got shape \(\)"),
    (NAN, {"decomposition": "none"}, "samples: direct regression .* needs finite values"),
    (np.array([math.inf]), {"decomposition": "none"}, "samples: direct regression .* needs finite values"),
    (IMAGE, {"bits": 3}, "bits: the samples need 4, got 3"),
    (np.array([-9, 9]), {"bits": 4}, "bits: the samples need 5, got 4"),
    (np.zeros(3, np.float32), {"bits": 31}, "bits: the samples need 32, got 31"),
    (IMAGE, {"bits": 0}, "bits: expected 1 to 64, got 0"),
    (IMAGE, {"bits": 65}, "bits: expected 1 to 64, got 65"),
    (IMAGE, {"bits": -2}, "bits: expected 1 to 64, got -2"),
    (IMAGE, {"tile": 0}, "tile: expected positive lengths, got 0"),
    (IMAGE, {"tile": -4}, "tile: expected positive lengths, got -4"),
    (IMAGE, {"tile": (4, 0)}, r"tile: expected positive lengths, got \(4, 0\)"),
    (IMAGE, {"tile": (4, 4, 4)}, r"tile: expected 2 lengths for a grid of shape \(8, 8\), got \(4, 4, 4\)"),
    (
        IMAGE,
        {"decomposition": "digits"},
        "decomposition: unknown name 'digits'; known are planes, bit",
    ),
    (IMAGE, {"activation": "step"}, "activation: unknown name 'step'; known are .*sine"),
    (IMAGE, {"loss": "l2"}, "loss: unknown name 'l2'; known are bce, mse, mae"),
    (IMAGE, {"xp": "torch"}, "xp: unknown array library 'torch'; known are numpy, cupy, array-api-strict"),
    (IMAGE, {"radix_bits": 0}, "radix_bits: expected 1 to 8, got 0"),
    (IMAGE, {"radix_bits": 9}, "radix_bits: expected 1 to 8, got 9"),
    (IMAGE, {"decomposition": "none", "gray": True}, "decomposition: direct regression .* no radix_bits and no gray"),
    (IMAGE, {"decomposition": "none", "radix_bits": 2}, "decomposition: direct regression"),
    (IMAGE, {"margin": -1.0}, "margin: expected 0 or a finite number, got -1.0"),
    (IMAGE, {"margin": 1.0, "radix_bits": 2}, "margin: expected 0 or a number below 1 .*, got 1.0"),
    (IMAGE, {"max_steps": -1}, "max_steps: expected 0 or more, got -1"),
    (IMAGE, {"seed": -1}, "seed: expected 0 or more, got -1"),
    (IMAGE, {"lr": 0.0}, "lr: expected a positive step size, got 0.0"),
    (IMAGE, {"omega": 0.0}, "omega: expected a positive number, got 0.0"),
    (IMAGE, {"hidden": (16, 0)}, r"sizes: expected two or more positive widths, got \(2, 16, 0, 1\)"),
    (IMAGE, {"first_scale": "nyquist"}, "first_scale: expected 'half-nyquist', None or numbers, got 'nyquist'"),
    (IMAGE, {"first_scale": (1.0, 2.0, 3.0)}, "first_scale: expected 2 numbers"),
    (IMAGE[0], {"channels": True}, r"channels: samples of shape \(8,\) have no axis left for a grid"),
    (IMAGE, {"patience": 0}, "patience: expected .*, got 0"),
    (IMAGE, {"patience": "often"}, "patience: expected .*, got 'often'"),
    (IMAGE, {"preset": "huge"}, "preset: unknown name 'huge'; known are fast"),
    (IMAGE, {"optimiser": "newton"}, "optimiser: unknown name 'newton'; known are adam, sgd"),
    (IMAGE, {"group": 0}, "group: expected .*, got 0"),
    (IMAGE, {"group": -1}, "group: expected .*, got -1"),
]


@pytest.mark.parametrize(
    ("original", "options", "message"), BAD_VALUES, ids=lambda v: str(v) if isinstance(v, dict) else ""
)
def test_values_out_of_range_are_refused_by_name(original, options, message):
    with pytest.raises(ValueError, match=message):
        refinr.fit(original, **{"max_steps": 1} | options)


CONTRADICTIONS: list = [
    ({"loss": "bce", "radix_bits": 2}, "loss: 'bce' is for bits, and there are 4 levels: use 'mse' or 'mae'"),
    ({"loss": "bce", "decomposition": "none"}, "loss: 'bce' is for bits, and there are"),
    (
        {"patience": 50, "decomposition": "none"},
        "patience: direct regression never starts again",
    ),
    ({"first_scale": "half-nyquist", "encoding": "fourier"}, "first_scale: the frequencies are in the encoding"),
    ({"first_scale": "half-nyquist", "activation": "relu"}, "first_scale: 'relu' takes no scale from the tile"),
    ({"features": 60}, "features: waves are not drawn with encoding 'none', got 60"),
    ({"features": 60, "encoding": "octaves"}, "features: waves are not drawn with encoding 'octaves', got 60"),
    ({"omega": 30.0, "activation": "relu"}, "omega: 'relu' has no frequency to set, got 30.0"),
    ({"omega": 30.0, "activation": "gauss"}, "omega: 'gauss' has no frequency to set, got 30.0"),
]


@pytest.mark.parametrize(("options", "message"), CONTRADICTIONS, ids=lambda v: str(v) if isinstance(v, dict) else "")
def test_what_is_stated_and_cannot_be_held_raises(options, message):
    """All of this was changed or dropped in silence once."""
    with pytest.raises(ValueError, match=message):
        refinr.fit(IMAGE, **{"max_steps": 0} | options)


@pytest.mark.parametrize("options", [options for options, _ in CONTRADICTIONS], ids=str)
def test_what_is_not_stated_adapts(options):
    (stated, *rest) = options
    others = {name: options[name] for name in rest}
    assert refinr.fit(IMAGE, **{"max_steps": 0} | others).layout.shape == IMAGE.shape, stated


def test_settings_of_a_preset_stand_where_nothing_is_given(monkeypatch):
    from refinr import optim, planning

    row = {"hidden": (5, 6), "activation": "relu", "encoding": "octaves", "lr": optim.Cosine(1e-2, 600), "loss": "mae"}
    monkeypatch.setitem(planning.PRESETS, "mine", row | {"optimiser": optim.Adam(betas=(0.9, 0.995))})
    inr = refinr.fit(IMAGE, preset="mine", max_steps=3)
    assert (inr.layout.spec.sizes, inr.layout.spec.activation) == ((30, 5, 6, 1), "relu")
    _assert_same_bytes(inr, refinr.fit(IMAGE, **row, optimiser=optim.Adam(betas=(0.9, 0.995)), max_steps=3))
    assert refinr.fit(IMAGE, preset="mine", hidden=(7,), max_steps=0).layout.spec.sizes == (30, 7, 1)


def test_optimisers_are_given_by_name_or_as_they_are():
    from refinr import optim

    by_default = refinr.fit(IMAGE, max_steps=5)
    _assert_same_bytes(refinr.fit(IMAGE, optimiser="adam", max_steps=5), by_default)
    _assert_same_bytes(refinr.fit(IMAGE, optimiser=optim.Adam(), max_steps=5), by_default)
    for other in ("sgd", optim.Adam(betas=(0.9, 0.9))):
        assert (refinr.fit(IMAGE, optimiser=other, max_steps=5).params["w0"] != by_default.params["w0"]).any()
    for wrong in (optim.Adam, 3):
        with pytest.raises(TypeError, match="optimiser: expected a name or an instance such as Adam"):
            refinr.fit(IMAGE, optimiser=wrong, max_steps=5)


@pytest.mark.parametrize(
    "original",
    [np.array([1j]), np.array(["a"]), np.array([None]), np.array([b"a"]), np.array(["2024-01-01"], "M8[D]")],
    ids=lambda a: a.dtype.name,
)
def test_dtypes_without_codes_are_refused(original):
    with pytest.raises(TypeError, match="samples: expected a boolean, integer or float dtype, got"):
        refinr.fit(original)


def test_floats_wider_than_codes_are_refused():
    wide = np.dtype(np.longdouble)
    if wide.itemsize > 8:  # on some machines long doubles are doubles
        with pytest.raises(TypeError, match="wider than the 64 bits that a code can hold"):
            refinr.fit(np.zeros(3, dtype=wide))


def test_unknown_options_are_refused():
    with pytest.raises(TypeError, match="tiles"):
        refinr.fit(IMAGE, tiles=4)


# --- importing -------------------------------------------------------------------------------------------------------


def test_import_loads_no_library_that_is_needed_later_or_never():
    unwanted = ("scipy", "matplotlib", "cupy", "tqdm", "torch", "jax", "tifffile", "png", "array_api_strict")
    code = f"import sys, refinr; print([name for name in {unwanted!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("info", [{"rate": np.int64(1)}, {"rate": math.nan}])
def test_side_information_is_checked_before_the_fit(info):
    with pytest.raises(ValueError, match="info: expected values that JSON has"):
        refinr.fit(np.zeros((2, 2), dtype=np.uint8), info=info)


def test_a_first_scale_of_numpy_is_a_number():
    image = np.zeros((5, 5), dtype=np.uint8)
    assert refinr.fit(image, first_scale=np.float32(3), max_steps=0).layout.spec.first_scale == 3.0
    with pytest.raises(ValueError, match="first_scale: expected 2 numbers"):
        refinr.fit(image, first_scale=[[1, 2, 3]], max_steps=0)
