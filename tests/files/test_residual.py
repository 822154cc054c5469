"""The residual: what is wrong comes back to the bit, and a forged stream asks for nothing."""

from __future__ import annotations

import lzma
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refinr
from refinr.files import residual
from refinr.files.residual import Residual
from tests.helpers import assert_equal_exact
from tests.strategies import seeds

IMAGE = (np.arange(64).reshape(8, 8) * 37 % 256).astype(np.uint8)


def _codes(rng: np.random.Generator, size: int, bits: int) -> np.ndarray:
    width = next(w for w in (8, 16, 32, 64) if w >= bits)
    return rng.integers(0, 2**bits, size, dtype=np.uint64).astype(f"u{width // 8}") if bits < 64 else np.frombuffer(
        rng.bytes(8 * size), np.uint64
    )  # fmt: skip


def _stream(content: bytes, codec: str = "zlib") -> Residual:
    packed = zlib.compress(content) if codec == "zlib" else lzma.compress(content)
    return Residual(codec, np.frombuffer(packed, np.uint8), 0.0)


# --- planes as bytes -------------------------------------------------------------------------------------------------


@given(st.integers(0, 40), st.integers(1, 64), seeds)
def test_packing_is_what_the_page_says(size, bits, seed):
    codes = _codes(np.random.default_rng(seed), size, bits)
    expected = bytearray()
    for plane in range(bits):
        for first in range(0, size, 8):
            expected.append(sum(((int(v) >> plane) & 1) << i for i, v in enumerate(codes[first : first + 8])))
    packed = residual.pack(codes, bits)
    assert packed == bytes(expected)
    assert len(packed) == residual.packed_size(size, bits)
    assert_equal_exact(residual.unpack(packed, size, bits), codes)


@pytest.mark.parametrize("order", ["<", ">"])
def test_packing_does_not_depend_on_the_byte_order(order):
    codes = np.array([1, 258, 65535], dtype=f"{order}u2")
    assert residual.pack(codes, 16) == residual.pack(codes.astype(np.uint16), 16)


# --- streams ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 50), st.sampled_from(["right", "sparse", "noise"])), min_size=1, max_size=6),
       st.integers(1, 64), st.sampled_from([1, 30, 200, residual.BLOCK]), seeds)  # fmt: skip
def test_tiles_come_back(tiles, bits, block, seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(residual, "BLOCK", block)
        _check_that_tiles_come_back(tiles, bits, seed)


def _check_that_tiles_come_back(tiles, bits, seed):
    rng, writer, expected = np.random.default_rng(seed), residual.Writer(bits), []
    for size, kind in tiles:
        codes = _codes(rng, size, bits)
        codes = codes * codes.dtype.type(0) if kind == "right" else codes
        codes = np.where(rng.random(size) < 0.1, codes, 0).astype(codes.dtype) if kind == "sparse" else codes
        expected.append(codes)
        writer.add(codes)
    found = writer.finish(0.25)
    if found is None:
        assert not any(codes.any() for codes in expected)
        return
    assert any(codes.any() for codes in expected)
    assert found.margin == 0.25
    back = list(residual.read(found, [size for size, _ in tiles], bits))
    assert len(back) == len(expected)
    for a, b in zip(back, expected, strict=True):
        assert_equal_exact(a, b)
    numbers = residual.blocks([size for size, _ in tiles], bits)
    before = np.cumsum([0] + [residual.packed_size(size, bits) for size, _ in tiles])
    assert numbers == [int(start) // residual.BLOCK for start in before[:-1]]
    assert len(found.ends) == numbers[-1] + 1
    lengths = np.diff(found.ends.astype(int), prepend=0)
    for number, length in enumerate(lengths):
        assert (length > 0) == any(c.any() for c, n in zip(expected, numbers, strict=True) if n == number)
    assert found.ends[-1] == len(found.data)


def test_a_damaged_block_leaves_the_others(monkeypatch):
    monkeypatch.setattr(residual, "BLOCK", 8)
    writer = residual.Writer(8)
    tiles = [np.full(8, value, np.uint8) for value in (1, 0, 2, 3)]
    for tile in tiles:
        writer.add(tile)
    found = writer.finish(0.0)
    data = found.data.copy()
    data[int(found.ends[1]) + 4] ^= 0xFF
    harmed = Residual(found.codec, data, 0.0, found.ends)
    sizes = [8, 8, 8, 8]
    for number in (0, 1, 3):
        assert [part.tolist() for part in residual.read(harmed, sizes, 8, [number])] == [tiles[number].tolist()]
    for wanted in (None, [2], [1, 2]):
        with pytest.raises(ValueError, match="residual: damaged"):
            list(residual.read(harmed, sizes, 8, wanted))
    back = list(residual.read(harmed, sizes, 8, damaged=True))
    assert back[2] is None
    assert [part.tolist() for part in (*back[:2], back[3])] == [tiles[number].tolist() for number in (0, 1, 3)]


@pytest.mark.parametrize("ends", [[9, 5, 20], [5, 9, 10**12], [2**64 - 1, 5, 20]], ids=str)
def test_ends_out_of_order_and_out_of_bounds(monkeypatch, ends):
    monkeypatch.setattr(residual, "BLOCK", 1)
    stream = Residual("zlib", np.zeros(20, np.uint8), 0.0, np.array(ends, np.uint64))
    for number in range(3):
        with pytest.raises(ValueError, match="residual: damaged"):
            list(residual.read(stream, [1, 1, 1], 1, [number]))


@pytest.mark.parametrize("codec", residual.COMPRESSIONS)
def test_large_streams_are_read_in_pieces(codec):
    content = np.random.default_rng(0).bytes(200_000) + bytes(600_000)
    sizes = [8, 80_000, 8, 500_000, 219_984]
    assert sum(sizes) == len(content)
    back = residual.read(_stream(content, codec), [size * 8 for size in sizes], 1)
    assert b"".join(np.packbits(part, bitorder="little").tobytes() for part in back) == content


@pytest.mark.parametrize("codec", residual.COMPRESSIONS)
def test_a_long_run_of_right_tiles_before_a_wrong_one(codec):
    writer = residual.Writer(bits=8)
    for _ in range(40):
        writer.add(np.zeros(5000, np.uint8))
    writer.add(np.array([7], np.uint8))
    back = list(residual.read(writer.finish(0.0), [5000] * 40 + [1], 8))
    assert not any(part.any() for part in back[:-1])
    assert back[-1].tolist() == [7]


def test_the_shorter_stream_is_kept():
    rng = np.random.default_rng(0)
    for codes in (np.repeat(rng.integers(0, 256, 40), 1000).astype(np.uint8), rng.integers(0, 2, 40).astype(np.uint8)):
        writer = residual.Writer(8)
        writer.add(codes)
        kept = writer.finish(0.0)
        packed = residual.pack(codes, 8)
        assert len(kept.data) <= len(zlib.compress(packed, 9))
        assert len(kept.data) <= len(lzma.compress(packed))


# --- hostile ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", residual.COMPRESSIONS)
def test_streams_too_short_too_long_or_damaged(codec):
    good = _stream(bytes(range(100)), codec)
    assert len(list(residual.read(good, [800], 1))) == 1
    data = good.data
    flipped = data.copy()
    flipped[-3] ^= 1  # within the stream's own checksum
    other = "xz" if codec == "zlib" else "zlib"
    for stream, sizes in [
        (good, [808]), (good, [792]), (good, [800, 8]), (good, []),
        (Residual(codec, data[:-1], 0.0), [800]), (Residual(codec, data[:20], 0.0), [800]),
        (Residual(codec, np.append(data, data[:1]), 0.0), [800]), (Residual(codec, flipped, 0.0), [800]),
        (Residual(codec, data[:0], 0.0), [800]), (Residual(other, data, 0.0), [800]),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match="residual: damaged"):
            list(residual.read(stream, sizes, 1))


@pytest.mark.parametrize("codec", residual.COMPRESSIONS)
@pytest.mark.parametrize("sizes", [[8, 112, 8], [112, 24], [8, 112]], ids=str)
def test_bytes_behind_the_end_of_a_stream_are_damage(codec, sizes):
    """A stream of 15 bytes that is read in two pieces, with one more byte behind it."""
    good = _stream(bytes(range(15)), codec)
    longer = Residual(codec, np.append(good.data, np.uint8(ord("x"))), 0.0)
    assert sum(len(part) for part in residual.read(good, [8, 112], 1)) == 120
    with pytest.raises(ValueError, match="residual: damaged"):
        list(residual.read(longer, sizes, 1))


@pytest.mark.parametrize("codec", residual.COMPRESSIONS)
def test_a_bomb_is_not_set_off(codec):
    bomb = _stream(bytes(40_000_000), codec)
    tracemalloc.start()
    with pytest.raises(ValueError, match="does not end with the last tile"):
        list(residual.read(bomb, [80_000], 1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_xz_may_not_ask_for_a_large_dictionary():
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": 1 << 28}]
    data = np.frombuffer(lzma.compress(bytes(100), filters=filters), np.uint8)
    with pytest.raises(ValueError, match="residual: damaged"):
        list(residual.read(Residual("xz", data, 0.0), [800], 1))


def test_an_unknown_codec_is_refused():
    with pytest.raises(ValueError, match="codec: unknown name 'lz5'; known are zlib, xz"):
        Residual("lz5", np.zeros(3, np.uint8), 0.0)


# --- fits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", ">i4", "float16", "float32", "float64", "uint64"])
@pytest.mark.parametrize("decomposition", ["planes", "bit-coordinate", "none"])
def test_exact_after_a_single_step(tmp_path, decomposition, dtype):
    dtype = np.dtype(dtype)
    original = np.frombuffer(np.random.default_rng(1).bytes(30 * dtype.itemsize), dtype).reshape(6, 5)
    if dtype.kind == "b":
        original = original.view("u1") % 2 == 1
    if decomposition == "none" and dtype.kind == "f":
        original = np.linspace(-1, 7, 30).reshape(6, 5).astype(dtype)
    options = {"decomposition": decomposition, "tile": (4, 3), "hidden": (8,), "max_steps": 1}
    rough, inr = refinr.fit(original, **options), refinr.fit(original, exact=True, **options)
    assert (rough.lossless, inr.lossless) == (False, True)
    assert rough.report.wrong_bits == inr.report.wrong_bits
    assert not inr.report.lossless
    assert_equal_exact(inr.decode(), original, bitwise=True)
    inr.save(tmp_path / "a.inr")
    back = refinr.load(tmp_path / "a.inr")
    assert back.lossless
    assert_equal_exact(back.decode(), original, bitwise=True)
    back.save(tmp_path / "b.inr")
    assert (tmp_path / "a.inr").read_bytes() == (tmp_path / "b.inr").read_bytes()


def test_more_bits_than_the_samples_need_and_wrong_ones_among_them():
    inr = refinr.fit(IMAGE, bits=16, max_steps=1, hidden=(8,), exact=True)
    assert sum(inr.report.wrong_bits[8:]) > 0
    assert_equal_exact(inr.decode(), IMAGE)


def test_nothing_wrong_needs_no_residual():
    inr = refinr.fit(IMAGE, exact=True)
    assert inr.report.lossless
    assert inr.residual is None
    assert inr.margin == inr.report.margin


@pytest.mark.parametrize("decomposition", ["planes", "bit-coordinate"])
def test_the_margin_of_a_residual_is_the_smallest_of_all_logits(decomposition):
    inr = refinr.fit(IMAGE, decomposition, max_steps=2, exact=True, tile=(5, 8))
    assert inr.margin == inr.residual.margin == float(np.abs(inr.logits()).min())
    assert 0 < inr.margin < -inr.report.margin


def test_the_margin_of_digits_is_the_distance_from_the_nearest_threshold():
    inr = refinr.fit(IMAGE, radix_bits=2, max_steps=2, exact=True)
    steps = (inr.logits().astype(float) + 0.5) * 3
    nearest = min(float(abs(steps - threshold).min()) for threshold in (0.5, 1.5, 2.5))
    assert abs(inr.margin - nearest) <= 8 * np.finfo("f4").eps * 4 * float(abs(steps).max())


def test_a_changed_network_raises_and_names_the_margin_of_the_residual():
    inr = refinr.fit(IMAGE, max_steps=2, exact=True)
    inr.params["b2"][0] = 1e3
    with pytest.raises(refinr.LosslessError, match=rf"smallest margin, {inr.margin:.3g},"):
        inr.decode()


def test_decoding_into_an_array_of_the_callers():
    inr = refinr.fit(IMAGE, max_steps=1, exact=True, tile=5)
    out = np.empty_like(IMAGE)
    assert inr.decode(out=out) is out
    assert_equal_exact(out, IMAGE)
    for other in (np.empty((8, 7), np.uint8), np.empty((8, 8), np.int8)):
        with pytest.raises(ValueError, match=r"out: expected \|u1 \(8, 8\), got"):
            inr.decode(out=other)
