"""Heads of files: written again as they were read, and refused one beyond what there can be."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

import refinr
from refinr.codec import cuts, header
from refinr.codec.values import Recipe
from refinr.codec.varints import number, text

FOLDER = Path(__file__).parent.parent / "fixtures"
PLAIN = Recipe(fraction=-1, offset=0, factor=1, low_bits=0, levels=200, used=b"")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.rinr")), ids=lambda path: path.stem)
def test_a_head_that_is_read_is_written_as_it_was(path):
    data = path.read_bytes()
    found, streams = header.read(data)
    assert found.to_bytes() + bytes(streams) == data
    assert header.read(memoryview(data))[0] == found


def _coding(**fields: object) -> header.Coding:
    coding = header.Coding(PLAIN, (0, 1), False, 0, "mixture", 0, (2,), b"ab")
    recipe = PLAIN._replace(**{k: v for k, v in fields.items() if k in Recipe._fields})
    rest = {k: v for k, v in fields.items() if k in header.Coding._fields}
    return coding._replace(recipe=recipe, **rest)


def _header(dtype: str = "u1", shape: tuple[int, ...] = (5, 7), slab: dict | None = None, **coding: object):
    row = header.Slab(header.MODEL, 0, bytes(range(8)), 1, 0)._replace(**slab or {})
    return header.Header(np.dtype(dtype), shape, {"a": 1}, _coding(**coding), (row,))


FITS = [
    {"levels": 256},
    {"levels": 1},
    {"offset": 55, "levels": 201},
    {"offset": 255, "levels": 1},
    {"factor": 255, "levels": 2},
    {"factor": 85, "levels": 4},
    {"dtype": "u2", "levels": 2**16},
    {"dtype": "u4", "levels": 2**32},
    {"dtype": "u8", "levels": 2**32, "low_bits": 32},
    {"dtype": "u8", "levels": 2**32 - 1, "low_bits": 32},
    {"dtype": "u8", "levels": 2**32, "low_bits": 32, "offset": 5},
    {"dtype": "f8", "offset": 2**64 - 200},
    {"dtype": "f4", "offset": 2**32 - 200},
    {"dtype": "f4", "fraction": 0, "offset": 2**64 - 200},
    {"dtype": "f4", "fraction": 16},
    {"outside": 199},
    {"axes": (1, 0)},
    {"axes": (1, 0), "channels": True, "hidden": (2,) * 7},
    {"shape": (3, 16), "axes": (1, 0), "channels": True, "hidden": (255,) * 16, "lags": 256},
    {"shape": (35,), "axes": (0,), "lags": 1},
    {"shape": (1, 35, 1), "axes": (0,)},
    {"hidden": (255,)},
    {"hidden": (None,)},
    {"model": "counts", "hidden": (None,)},
    {"model": "adaptive"},
    {"model": "planes"},
    {"slab": {"lanes": 2**16}},
    {"shape": (2,) * 5, "axes": (4, 3, 2, 1, 0), "hidden": (1, None, 2, 3)},
]


@pytest.mark.parametrize("given", range(len(FITS)))
def test_what_fits_just_so_is_read(given):
    expected = _header(**FITS[given])
    found, streams = header.read(expected.to_bytes())
    assert found == expected
    assert bytes(streams) == b""


BEYOND = [
    ({"levels": 257}, "levels of 1 from 0 on"),
    ({"offset": 56, "levels": 201}, "levels of 1 from 56 on"),
    ({"offset": 255, "levels": 2}, "levels of 1 from 255 on"),
    ({"offset": 256, "levels": 1}, "256 where 0 to 255"),
    ({"factor": 256, "levels": 1}, "256 where 1 to 255"),
    ({"factor": 0}, "0 where 1 to 255"),
    ({"factor": 86, "levels": 4}, "levels of 86 from 0 on"),
    ({"dtype": "u8", "levels": 2**32 + 1}, "where 0 to 4294967295"),
    ({"dtype": "u8", "low_bits": 33}, "33 where 0 to 32"),
    ({"dtype": "u4", "low_bits": 1}, "1 where 0 to 0"),
    ({"dtype": "u8", "low_bits": 32, "levels": 2**32, "offset": 2**33}, "levels of 1 from"),
    ({"dtype": "f4", "offset": 2**32 - 199}, "levels of 1 from"),
    ({"dtype": "f4", "fraction": 17}, "18 where 0 to 17"),
    ({"fraction": 0}, "1 where 0 to 0"),
    ({"outside": 200}, "200 where 0 to 199"),
    ({"axes": (0, 0)}, r"axes \(0, 0\) of \(5, 7\), without channels"),
    ({"axes": (0, 2)}, "2 where 0 to 1"),
    ({"shape": (35,), "axes": (0,), "channels": True}, "with channels"),
    ({"shape": (3, 17), "axes": (1, 0), "channels": True, "hidden": (2,) * 17}, "with channels"),
    ({"lags": 1}, "a prediction from 1 samples in lines"),
    ({"shape": (35,), "axes": (0,), "lags": 257}, "257 where 0 to 256"),
    ({"dtype": "u4", "levels": 2**31, "shape": (35,), "axes": (0,), "lags": 256}, "exact only below"),
    ({"hidden": (2, 2)}, "2 networks, and 1 are needed"),
    ({"hidden": (256,)}, "257 where 0 to 256"),
    ({"model": "counts"}, "networks where there are none"),
    ({"model": "counts", "hidden": (None,), "shape": (35,), "axes": (0,), "lags": 1}, "networks where there are none"),
    ({"slab": {"lanes": 2**16 + 1}}, "65537 where 1 to 65536"),
    ({"slab": {"lanes": 0}}, "0 where 1 to 65536"),
    ({"slab": {"size": 2**48 + 1}}, "where 0 to 281474976710656"),
    ({"slab": {"low": 2**48 + 1}}, "where 0 to 281474976710656"),
    ({"slab": {"size": 2**48}}, "cut short by 281474976710656 bytes: 0 of 1"),
    ({"slab": {"low": 2**48}}, "cut short by 281474976710656 bytes: 0 of 1"),
    ({"slab": {"kind": 3}}, "3 where 0 to 2"),
]


@pytest.mark.parametrize("given", range(len(BEYOND)))
def test_what_is_one_beyond_is_refused(given):
    fields, match = BEYOND[given]
    with pytest.raises(ValueError, match=match):
        header.read(_header(**fields).to_bytes())


def _file(*parts: bytes, version: int = header.VERSION) -> bytes:
    """A head of these parts, whose CRC is right."""
    head = header.MAGIC + bytes([version]) + text(b"".join(parts))
    return head + zlib.crc32(head).to_bytes(4, "little")


U1 = text(b"|u1")
ROW = number(header.RAW) + number(0) + bytes(8)


def _shape(*lengths: int) -> bytes:
    return b"".join(map(number, (len(lengths), *lengths)))


@pytest.mark.parametrize(
    ("parts", "match"),
    [
        ((text(b"|O"), _shape(1)), "samples of b'|O'"),
        ((text(b"c8"), _shape(1)), "samples of b'c8'"),
        ((text(b"u1,"), _shape(1)), "samples of b'u1,'"),
        ((text(b"\xff"), _shape(1)), "samples of b'"),
        ((U1, _shape(*[1] * 33)), "33 where 0 to 32"),
        ((U1, _shape(2**62, 2)), "of shape"),
        ((text(b"<u8"), _shape(2**60)), "of shape"),
        ((U1, _shape(2, 2), text(b"[1]")), "no object but list"),
        ((U1, _shape(2, 2), text(b"{")), "side information"),
        ((U1, _shape(2, 2), text(b""), number(0), number(0)), "0 slabs, where"),
        ((U1, _shape(2, 2), text(b""), number(2), number(0)), "2 slabs, where"),
        ((U1, _shape(0, 2), text(b""), number(1), number(0), ROW), "1 slabs, where"),
        ((U1, _shape(0, 2), text(b""), number(0), number(1)), "1 where 0 to 0"),
        ((U1, _shape(2, 2), text(b""), number(1), number(2)), "2 where 0 to 1"),
        ((U1, _shape(2, 2), text(b""), number(1), number(0), number(2)), "2 where 0 to 1"),
        ((U1, _shape(2, 2), text(b""), number(1), number(0), ROW, b"x"), "1 bytes too many in the header"),
    ],
)
def test_what_says_nothing_that_can_be_is_refused(parts, match):
    with pytest.raises(ValueError, match=match):
        header.read(_file(*parts))


def test_axes_and_samples_up_to_the_most_are_read():
    empty = text(b"")
    found, _ = header.read(_file(U1, _shape(*[1] * 32), empty, number(1), number(0), ROW))
    assert (found.shape, found.coding, found.slabs) == ((1,) * 32, None, (header.Slab(header.RAW, 0, bytes(8)),))
    found, _ = header.read(_file(U1, _shape(2**62 - 1, 2), empty, number(1), number(0), ROW))
    assert found.shape == (2**62 - 1, 2)
    found, _ = header.read(_file(U1, _shape(0, 2), empty, number(0), number(0)))
    assert (found.shape, found.info, found.slabs) == ((0, 2), {}, ())


def test_one_slab_for_all_is_raw_or_xz(monkeypatch):
    monkeypatch.setattr(cuts, "SLAB", 10)
    several = _header(shape=(5, 4))
    plain = several._replace(coding=None, slabs=(header.Slab(header.XZ, 0, bytes(8)),))
    assert header.read(plain.to_bytes())[0] == plain
    with pytest.raises(ValueError, match="one slab for all, and it is coded"):
        header.read(several.to_bytes())
    both = several._replace(slabs=several.slabs * cuts.count_blocks((5, 4)))
    assert header.read(both.to_bytes())[0] == both


def test_versions_and_ends():
    data = refinr.compress(np.arange(20, dtype="u1"), steps=0)
    for version in (header.VERSION - 1, header.VERSION + 1):
        with pytest.raises(ValueError, match=f"version {version}, and this refinr reads {header.VERSION}"):
            header.read(data[:4] + bytes([version]) + data[5:])
    for end in range(5):
        with pytest.raises(ValueError, match=r"not a \.rinr file"):
            header.read(data[:end])
    with pytest.raises(ValueError, match="cut short"):
        header.read(data[:5])
    with pytest.raises(ValueError, match="damaged: 3 bytes behind the last stream"):
        header.read(data + b"abc")


def test_slabs_are_whole_up_to_their_last_byte(monkeypatch):
    monkeypatch.setattr(cuts, "SLAB", 10)
    rows = (header.Slab(header.MODEL, 3, bytes(8), 1, 2), header.Slab(header.MODEL, 4, bytes(8), 1, 0))
    head = _header(shape=(20,), axes=(0,))._replace(slabs=rows).to_bytes()
    assert bytes(header.read(head + b"123456789")[1]) == b"123456789"
    for available, whole in ((0, 0), (4, 0), (5, 1), (8, 1)):
        with pytest.raises(ValueError, match=f"cut short by {9 - available} bytes: {whole} of 2 slabs are whole"):
            header.read(head + bytes(available))
