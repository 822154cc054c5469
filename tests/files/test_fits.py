"""FITS images: the stored numbers, other programs' files byte for byte, and what astropy reads."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import pytest
from astropy.io import fits as astropy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refinr.files.signals import read, write
from tests.files.formats import assert_survives, ramp
from tests.helpers import assert_equal_exact

DTYPES = ["uint8", "int16", "int32", "int64", "float32", "float64"]


@given(data=st.data(), dtype=st.sampled_from(DTYPES))
def test_there_and_back_and_readable_elsewhere(folder, data, dtype):
    shape = data.draw(hnp.array_shapes(max_dims=4, max_side=5))
    samples = data.draw(hnp.arrays(dtype, shape, elements=hnp.from_dtype(np.dtype(dtype), allow_nan=False)))
    assert_survives(folder / "a.fits", samples, None)
    with astropy.open(folder / "a.fits") as file:
        file.verify("exception")
        assert_equal_exact(file[0].data.astype(dtype), samples, bitwise=True)


def file_of(*units: object) -> bytes:
    file = io.BytesIO()
    astropy.HDUList(list(units)).writeto(file)
    return file.getvalue()


def scaled() -> bytes:
    unit = astropy.PrimaryHDU(ramp("uint16", (4, 5)))  # stored as int16, with BZERO
    unit.header["OBJECT"] = "M 31 / Andromeda"
    unit.header["COMMENT"] = "END of a line"
    return file_of(unit)


def test_stored_numbers_and_all_that_stands_around_them(tmp_path):
    content = scaled()
    (tmp_path / "a.fits").write_bytes(content)
    samples, info = read(tmp_path / "a.fits")
    assert_equal_exact(samples, (ramp("uint16", (4, 5)) ^ 0x8000).view("int16"))
    write(tmp_path / "b.fits", samples, json.loads(json.dumps(info)))
    assert (tmp_path / "b.fits").read_bytes() == content


def test_one_of_several_is_named_by_number_or_name(tmp_path):
    first, second = ramp("int16", (3, 4)), ramp("float32", (2, 5))
    table = astropy.BinTableHDU.from_columns([astropy.Column("a", "J", array=[1, 2])])
    units = [astropy.PrimaryHDU(), astropy.ImageHDU(first, name="SCI"), astropy.ImageHDU(second, name="ERR"), table]
    path = tmp_path / "a.fits"
    path.write_bytes(file_of(*units))
    with pytest.raises(ValueError, match=r"it holds 1 \(SCI\), 2 \(ERR\), 3 \(BINTABLE\); name one of them, as in"):
        read(path)
    for name, expected in (("1", first), ("SCI", first), ("ERR", second)):
        samples, info = read(f"{path}::{name}")
        assert_equal_exact(samples, expected)
        write(tmp_path / "b.fits", samples, info)
        with astropy.open(tmp_path / "b.fits") as file:
            file.verify("exception")
            assert_equal_exact(file[1].data.astype(expected.dtype), expected)
    with pytest.raises(ValueError, match="it holds a table or groups, expected an image"):
        read(f"{path}::3")
    path.write_bytes(file_of(astropy.PrimaryHDU()))
    with pytest.raises(ValueError, match="it holds no samples"):
        read(path)


def test_cut_files_are_refused(tmp_path):
    content = scaled()
    for size in [0, 5, 79, 80, 300, 2879, 2880, 2881, 2919]:
        (tmp_path / "a.fits").write_bytes(content[:size])
        with pytest.raises(
            ValueError, match=r"a\.fits: cannot be read as FITS: it (is cut short|does not begin|begins)"
        ):
            read(tmp_path / "a.fits")
    (tmp_path / "a.fits").write_bytes(content[:2920])  # what fills the last block holds no samples
    assert read(tmp_path / "a.fits").samples.shape == (4, 5)


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("BITPIX  =                   17", "8, 16, 32 or 64 bits, or floats of 32 or 64, got BITPIX 17"),
        ("BITPIX  =                 many", "expected a whole number for BITPIX, got 'many'"),
        ("NAXIS1  =                   -5", "expected axes of 0 or more"),
        ("NAXIS1  = 99999999999999999999", "expected a whole number for NAXIS1"),
        ("NAXIS1  =    99999999999999999", "it is cut short: its samples should end at byte"),
        ("NAXIS   =                 1000", "expected up to 999 axes"),
        ("NAXIS   =                    3", "expected a whole number for NAXIS3, got ''"),
    ],
)
def test_headers_that_make_no_sense_are_refused(tmp_path, card, message):
    content = scaled()
    at = content.index(card[:10].encode())
    (tmp_path / "a.fits").write_bytes(content[:at] + card.encode().ljust(80) + content[at + 80 :])
    with pytest.raises(ValueError, match=rf"a\.fits: cannot be read as FITS: .*{message}"):
        read(tmp_path / "a.fits")


def test_what_fits_cannot_hold(tmp_path):
    (tmp_path / "a.fits").write_bytes(scaled())
    info = read(tmp_path / "a.fits").info
    for samples, said in [(np.zeros((2, 2), "uint16"), {}), (np.zeros((), "int16"), {}), (np.zeros((4, 5)), info),
                          (np.zeros((5, 4), "int16"), info)]:  # fmt: skip
        with pytest.raises(ValueError, match=r"b\.fits: cannot be written as FITS: expected"):
            write(tmp_path / "b.fits", samples, said)


# --- compressed images -----------------------------------------------------------------------------------------------


def packed(samples: np.ndarray, **options: object) -> bytes:
    unit = astropy.CompImageHDU(samples, name="SCI", **options)
    unit.header["OBJECT"] = "M 31"
    return file_of(astropy.PrimaryHDU(), unit)


@pytest.mark.parametrize("compression", ["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1", "NOCOMPRESS"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32"])
def test_compressed_integers_are_exact_and_written_as_a_plain_image(tmp_path, compression, dtype):
    samples = np.random.default_rng(0).integers(0, 200, (20, 33)).astype(dtype)
    (tmp_path / "a.fits").write_bytes(packed(samples, compression_type=compression))
    found, info = read(tmp_path / "a.fits")
    assert_equal_exact(found, samples)
    write(tmp_path / "b.fits", found, json.loads(json.dumps(info)))
    with astropy.open(tmp_path / "b.fits") as file:
        file.verify("exception")
        assert type(file["SCI"]) is astropy.ImageHDU
        assert file["SCI"].header["OBJECT"] == "M 31"
        assert_equal_exact(file["SCI"].data.astype(dtype), samples)


def test_scales_of_compressed_integers_travel_along(tmp_path):
    samples = ramp("uint16", (20, 33))  # stored as int16, with BZERO
    (tmp_path / "a.fits").write_bytes(packed(samples))
    found, info = read(tmp_path / "a.fits", trusted=True)
    assert_equal_exact(found, (samples ^ 0x8000).view("int16"))
    write(tmp_path / "b.fits", found, info)
    with astropy.open(tmp_path / "b.fits") as file:
        assert_equal_exact(file[1].data.astype("uint16"), samples)


@pytest.mark.parametrize(("dtype", "level"), [("float32", 16), ("float64", 4), ("float32", 0)])
def test_floats_are_what_astropy_makes_of_them(tmp_path, dtype, level):
    samples = np.random.default_rng(0).normal(size=(20, 33)).astype(dtype)
    compression = "RICE_1" if level else "GZIP_2"  # without quantising, exactly
    (tmp_path / "a.fits").write_bytes(packed(samples, compression_type=compression, quantize_level=level))
    found, _ = read(tmp_path / "a.fits")
    with astropy.open(tmp_path / "a.fits") as file:
        assert_equal_exact(found, file[1].data.astype(dtype), bitwise=True)
    if not level:
        assert_equal_exact(found, samples, bitwise=True)


def test_a_compressed_image_is_one_of_several(tmp_path):
    samples = ramp("int16", (20, 33))
    units = [astropy.PrimaryHDU(ramp("uint8", (2, 3))), astropy.CompImageHDU(samples, name="SCI")]
    (tmp_path / "a.fits").write_bytes(file_of(*units))
    with pytest.raises(ValueError, match=r"it holds 0 \(the first\), 1 \(SCI\); name one of them"):
        read(tmp_path / "a.fits")
    assert_equal_exact(read(tmp_path / "a.fits::SCI").samples, samples)
    assert_equal_exact(read(tmp_path / "a.fits::0").samples, ramp("uint8", (2, 3)))


def test_damage_is_refused_in_our_words(tmp_path):
    content = packed(ramp("int16", (20, 33)))
    for old, new, message in [
        (b"ZNAXIS1 =                   33", b"ZNAXIS1 =           3300000000", "bytes of samples, and may for"),
        (
            b"ZBITPIX =                   16",
            b"ZBITPIX =                   17",
            "numbers that FITS has, got ZNAXIS 2 and",
        ),
        (b"ZNAXIS1 =                   33", b"ZNAXIS1 =                    x", "expected a whole number for ZNAXIS1"),
        (b"RICE_1  ", b"NONE_1  ", "it is damaged, or of a kind that is not known here"),
        (b"ZTILE2  =                    1", b"ZTILE2  =                  -11", "it is damaged, or of a kind that"),
    ]:
        assert old in content
        (tmp_path / "a.fits").write_bytes(content.replace(old, new))
        with pytest.raises(ValueError, match=message):
            read(tmp_path / "a.fits")
    (tmp_path / "a.fits").write_bytes(content[:-2880])
    with pytest.raises(ValueError, match="it is cut short"):
        read(tmp_path / "a.fits")


def test_without_astropy_plain_images_are_read_and_the_way_to_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "astropy.io", None)
    (tmp_path / "a.fits").write_bytes(scaled())
    read(tmp_path / "a.fits")
    (tmp_path / "b.fits").write_bytes(packed(ramp("int16", (20, 33))))
    with pytest.raises(ValueError, match=r"pip install 'refinr\[astronomy\]'"):
        read(tmp_path / "b.fits", trusted=True)
