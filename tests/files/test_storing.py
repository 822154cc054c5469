"""Half floats: rounded as the standards say, exact again from the file, and never in silence."""

from __future__ import annotations

import dataclasses
import math
import struct
from fractions import Fraction

import numpy as np
import pytest
import safetensors
from hypothesis import given
from hypothesis import strategies as st

import refinr
from refinr import cli
from refinr.files import storing
from tests.helpers import assert_equal_exact

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 12)).astype(np.uint8)
ALL_UPPER_HALVES = np.arange(2**16, dtype=np.uint32)


def test_all_bfloat16_numbers_come_back():
    values = (ALL_UPPER_HALVES << 16).view(np.float32)
    numbers = values[~np.isnan(values)]
    assert_equal_exact(storing.nearest(numbers, "bfloat16"), numbers, bitwise=True)
    packed = storing.pack(numbers, "bfloat16")
    assert_equal_exact(packed["bfloat16"].astype(np.uint32), ALL_UPPER_HALVES[~np.isnan(values)])
    assert_equal_exact(storing.unpack(packed, "bfloat16", numbers.shape, "float32"), numbers, bitwise=True)
    assert np.isnan(storing.nearest(values[np.isnan(values)], "bfloat16")).all()


def test_all_float16_numbers_come_back():
    values = ALL_UPPER_HALVES.astype(np.uint16).view(np.float16)
    numbers = values[~np.isnan(values)].astype(np.float32)
    assert_equal_exact(storing.nearest(numbers, "float16"), numbers, bitwise=True)
    assert_equal_exact(
        storing.unpack(storing.pack(numbers, "float16"), "float16", numbers.shape, "float32"), numbers, bitwise=True
    )


@given(st.integers(0, 2**32 - 1))
def test_bfloat16_is_the_nearest_and_even_if_two_are(bits):
    (value,) = struct.unpack("<f", struct.pack("<I", bits))
    if not math.isfinite(value):
        return
    found = float(storing.nearest(np.array([bits], np.uint32).view(np.float32), "bfloat16")[0])
    low, high = bits & 0xFFFF0000, (bits & 0xFFFF0000) + 0x10000
    ends = [struct.unpack("<f", struct.pack("<I", end))[0] for end in (low, high)]
    distances = [abs(Fraction(value) - Fraction(end)) if math.isfinite(end) else Fraction(2) ** 200 for end in ends]
    if distances[0] == distances[1]:
        expected = ends[0] if (low >> 16) % 2 == 0 else ends[1]
    else:
        expected = ends[distances.index(min(distances))]
    assert found == expected
    assert math.copysign(1, found) == math.copysign(1, value)


@pytest.mark.parametrize(("low", "up"), [(0x7FFF, [0, 0]), (0x8000, [0, 1]), (0x8001, [1, 1])])
def test_bfloat16_around_all_ties(low, up):
    upper = ALL_UPPER_HALVES[(ALL_UPPER_HALVES & 0x7FFF) < 0x7F7F]  # what rounds up to a finite number
    found = storing.nearest(((upper << 16) | low).astype(np.uint32).view(np.float32), "bfloat16")
    expected = (upper + np.array(up, dtype=np.uint32)[upper % 2]) << 16
    assert_equal_exact(found.view(np.uint32), expected.astype(np.uint32))


@pytest.mark.parametrize("store", ["float16", "bfloat16"])
def test_what_is_not_rounded_is_not_stored(store, tmp_path):
    with pytest.raises(ValueError, match=f"store: the parameters are no {store} numbers"):
        storing.pack(np.array([1 / 3], np.float32), store)
    inr = refinr.fit(IMAGE, max_steps=0, store=store)
    inr.params["w0"][0, 0, 0] = 1 / 3
    with pytest.raises(ValueError, match="store: the parameters are no"):
        inr.save(tmp_path / "a.inr")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("store", ["float16", "bfloat16"])
@pytest.mark.parametrize("margin", [0.0, 8.0])
def test_files_give_back_what_was_counted(tmp_path, store, margin):
    options = {"tile": 6, "hidden": (12, 12), "margin": margin, "max_steps": 400}
    full, half = refinr.fit(IMAGE, **options), refinr.fit(IMAGE, store=store, **options)
    for name, p in full.params.items():
        assert_equal_exact(half.params[name], storing.nearest(p, store), bitwise=True)
    half.save(tmp_path / "a.inr")
    back = refinr.load(tmp_path / "a.inr")
    assert back.store == store
    for name, p in half.params.items():
        assert_equal_exact(back.params[name], p, bitwise=True)
    assert half.lossless == (sum(half.report.wrong_bits) == 0) == np.array_equal(back.decode(), IMAGE)
    assert back.report == dataclasses.replace(half.report, seconds=back.report.seconds)
    exact = refinr.fit(IMAGE, store=store, exact=True, **options)
    assert exact.report.wrong_bits == half.report.wrong_bits
    exact.save(tmp_path / "b.inr")
    assert_equal_exact(refinr.load(tmp_path / "b.inr").decode(), IMAGE)
    with safetensors.safe_open(tmp_path / "b.inr", "np") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys() if name[0] in "wbs"} == {  # noqa: SIM118
            {"float16": "F16", "bfloat16": "BF16"}[store]
        }


def test_a_margin_makes_room_for_rounding():
    """With a large margin nothing is wrong after rounding; without one, in bfloat16, much is."""
    tight, wide = (refinr.fit(IMAGE, tile=6, hidden=(12, 12), lr=3e-3, margin=m, store="bfloat16") for m in (0.0, 8.0))
    assert sum(tight.report.wrong_bits) > sum(wide.report.wrong_bits)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="store: unknown name 'int8'; known are float32, float16, bfloat16"):
        refinr.fit(IMAGE, store="int8")


@pytest.mark.parametrize(("store", "largest"), [("float16", "7bff"), ("bfloat16", "7f7f")])
def test_what_is_finite_stays_finite(store, largest):
    values = np.array([3.4e38, -3.4e38, np.inf, -np.inf], dtype=np.float32)
    code, filling = ("e", "") if store == "float16" else ("f", "0000")
    (end,) = struct.unpack(f">{code}", bytes.fromhex(largest + filling))
    assert storing.nearest(values, store).tolist() == [end, -end, math.inf, -math.inf]


def test_numbers_too_large_for_float16_are_wrong_and_the_residual_takes_it_up(tmp_path):
    samples = np.arange(8, dtype=np.uint8)
    inr = refinr.fit(samples, first_scale=1e7, store="float16", max_steps=1, exact=True)
    assert (abs(inr.params["w0"]) == 65504).any()
    inr.save(tmp_path / "a.inr")
    assert_equal_exact(refinr.load(tmp_path / "a.inr").decode(), samples)


def test_the_command_line_says_how_large_everything_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", IMAGE)
    assert cli.main(["fit", "a.npy", "a.inr", "--store", "bfloat16", "--max-steps", "1", "--quiet"]) == 0
    capsys.readouterr()
    assert cli.main(["info", "a.inr"]) == 0
    said = capsys.readouterr().out
    inr = refinr.load("a.inr")
    networks = f"networks {2 * inr.report.parameters} (bfloat16), residual {inr.residual.data.nbytes}"
    assert networks in said
    assert "LARGER than the samples, which are 144 bytes" in said
