"""Bit-depth expansion: known bits are kept, arithmetic is exact, extrapolated bits are the network's."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import expansion as benchmark
from refinr import cli, expansion, metrics
from refinr.files import signals
from tests.helpers import assert_equal_exact

FAST = {"max_steps": 3, "hidden": (8, 8), "tile": 4}


@given(st.integers(1, 16), st.integers(0, 16))
def test_arithmetic_on_every_level(bits, more):
    to = bits + more
    levels = np.arange(2 ** min(bits, 10), dtype=np.uint16)[None]
    if bits > 10:
        levels = levels << (bits - 10)
    zero, ideal, again = (method(levels, bits, to).tolist()[0] for method in expansion.BASELINES.values())
    for v, a, b, c in zip(levels.tolist()[0], zero, ideal, again, strict=True):
        assert a == v * 2**more
        assert b == int(Fraction(v * (2**to - 1), 2**bits - 1) + Fraction(1, 2))
        text = f"{v:0{bits}b}"
        assert c == int((text * (to // bits + 1))[:to], 2)


def test_replication_to_twice_the_bits_is_the_ideal_gain():
    levels = np.arange(256, dtype=np.uint8)[None]
    assert_equal_exact(expansion.replication(levels, 8, 16), expansion.ideal_gain(levels, 8, 16))
    assert (expansion.replication(levels, 8, 16) == levels.astype(np.uint16) * 257).all()


@pytest.mark.parametrize("shape", [(7, 5), (5, 6, 3), (1, 1)])
@pytest.mark.parametrize("bits", [(8, 16), (3, 12), (8, 8), (1, 64)])
def test_known_bits_are_kept(shape, bits):
    low, high = bits
    codes = np.random.default_rng(0).integers(0, 2**low, shape).astype(np.uint8)
    for expanded in (expansion.expand(codes, low, high, **FAST), *(m(codes, low, high) for m in
                     [expansion.zero_padding, expansion.replication])):  # fmt: skip
        assert expanded.shape == codes.shape
        assert (expanded >> (high - low) == codes).all()


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    codes = np.random.default_rng(0).integers(0, 256, (9, 9)).astype(np.uint8)
    a, b, c = (expansion.expand(codes, 8, 16, seed=seed, **FAST) for seed in (0, 0, 1))
    assert_equal_exact(a, b)
    assert (a != c).any()


def test_planes_that_do_not_depend_on_the_plane_go_on_below():
    """Where every plane is the same picture and the network cannot see the bit axis, so are those it adds."""
    picture = np.indices((8, 8)).sum(axis=0) % 2
    codes = (picture * 255).astype(np.uint8)
    expanded = expansion.expand(codes, 8, 16, bit_scale=1e-6, max_steps=500, hidden=(32, 32))
    assert_equal_exact(expanded, (picture * 65535).astype(np.uint16))


@pytest.mark.parametrize(
    ("codes", "bits", "to", "message"),
    [(np.zeros((2, 2), np.int16), 8, 16, "codes: expected an image of unsigned integers"),
     (np.zeros(4, np.uint8), 8, 16, "codes: expected an image"), (np.zeros((0, 2), np.uint8), 8, 16, "codes: expected"),
     (np.full((2, 2), 16, np.uint8), 4, 16, "codes: expected values of 4 bits, got 16"),
     (np.zeros((2, 2), np.uint8), 8, 7, "to: expected 8 bits or more, got 7"),
     (np.zeros((2, 2), np.uint8), 8, 65, "bits: expected 1 to 64, got 65")],
    ids=range(6),
)  # fmt: skip
def test_what_cannot_be_expanded_is_refused(codes, bits, to, message):
    for method in (expansion.expand, *expansion.BASELINES.values()):
        with pytest.raises(ValueError, match=message):
            method(codes, bits, to)


def test_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    codes = np.random.default_rng(0).integers(0, 256, (6, 5, 3)).astype(np.uint8)
    signals.write("a.png", codes)
    assert cli.main(["expand", "a.png", "b.png", "--bits", "16", "--max-steps", "2"]) == 0
    expanded = signals.read("b.png").samples
    assert expanded.dtype == np.uint16
    assert (expanded >> 8 == codes).all()
    for method, expected in expansion.BASELINES.items():
        assert (
            cli.main(["expand", "a.png", "c.png", "--bits", "16", "--method", method.replace(" ", "-"), "--force"]) == 0
        )
        assert_equal_exact(signals.read("c.png").samples, expected(codes, 8, 16))
    capsys.readouterr()
    assert cli.main(["expand", "a.png", "d.png", "--bits", "4"]) == 2
    assert capsys.readouterr().err.startswith("refinr: to: expected 8 bits or more, got 4")


def test_the_table_has_the_four_methods_and_the_truth_is_never_seen():
    image = np.random.default_rng(0).integers(0, 2**16, (12, 12)).astype(np.uint16)
    row = benchmark.measure("noise", image, 8, 16, max_steps=2, hidden=(8,))
    assert [key for key in row if key.endswith("dB")] == [
        "zero padding dB",
        "ideal gain dB",
        "replication dB",
        "network dB",
    ]
    assert row["zero padding dB"] == metrics.psnr(image, image & np.uint16(0xFF00), 16)
