"""DICOM images: stored values, all that stands around them, and what pydicom reads of what was written."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydicom.pixels import pixel_array

from refinr.files.signals import read, write
from tests.files.formats import assert_survives, ramp
from tests.helpers import assert_equal_exact

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"


@given(data=st.data(), dtype=st.sampled_from(["uint8", "uint16", "int16"]))
def test_there_and_back_and_readable_elsewhere(folder, data, dtype):
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=6))
    samples = data.draw(hnp.arrays(dtype, shape))
    signal = assert_survives(folder / "a.dcm", samples, None)
    assert signal.info["channels"] is False
    assert_equal_exact(pydicom.dcmread(folder / "a.dcm").pixel_array, samples)


def test_colours_and_the_same_file_for_the_same_samples(tmp_path):
    samples = ramp("uint8", (4, 5, 3))
    for name in ("a", "b"):
        write(tmp_path / f"{name}.dcm", samples, {"channels": True})
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()
    signal = assert_survives(tmp_path / "a.dcm", samples, {"channels": True})
    assert signal.info["channels"] is True


NATIVE = [
    "SC_rgb_small_odd_big_endian.dcm",
    "liver_1frame.dcm",
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "examples_rgb_color.dcm",
    "ExplVR_BigEnd.dcm",
]
PACKED = ["MR_small_RLE.dcm", "JPEG2000.dcm", "image_dfl.dcm"]


@pytest.mark.parametrize("name", [*NATIVE, *PACKED])
def test_files_of_others(tmp_path, name):
    path = FOLDER / name
    samples, info = read(path)
    expected = pixel_array(pydicom.dcmread(path), raw=True)
    assert_equal_exact(samples, expected.astype(samples.dtype))
    write(tmp_path / "b.dcm", samples, json.loads(json.dumps(info)))
    if name in NATIVE:
        assert (tmp_path / "b.dcm").read_bytes() == path.read_bytes()
    assert_equal_exact(read(tmp_path / "b.dcm").samples, samples)
    before, after = pydicom.dcmread(path), pydicom.dcmread(tmp_path / "b.dcm")
    storage = {"PixelData", "PlanarConfiguration", "PhotometricInterpretation"}
    for element in before:
        assert element.keyword in storage or after[element.tag].value == element.value


def test_what_is_no_image_is_said(tmp_path):
    for name in ("rtplan.dcm", "test-SR.dcm"):
        with pytest.raises(ValueError, match=rf"{name}: cannot be read as DICOM: it holds no image, but 1\.2\.840"):
            read(FOLDER / name)
    (tmp_path / "a.dcm").write_bytes(b"text" * 99)
    with pytest.raises(ValueError, match="it does not begin like one, with DICM behind 128 bytes"):
        read(tmp_path / "a.dcm")


def test_cut_files_are_refused(tmp_path):
    content = (FOLDER / "CT_small.dcm").read_bytes()
    at = pydicom.dcmread(io.BytesIO(content)).get_item("PixelData").value_tell
    for size in (0, 131, 140, 400, at, at + 1000, at + 128 * 128 * 2 - 1):
        (tmp_path / "a.dcm").write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"a\.dcm: cannot be read as DICOM"):
            read(tmp_path / "a.dcm")


def test_what_dicom_cannot_hold(tmp_path):
    info = read(FOLDER / "CT_small.dcm").info
    flat, wide = np.zeros(3, "uint8"), np.zeros((3, 70000), "uint8")
    for samples, said in [(np.zeros((2, 2)), {}), (flat, {}), (wide, {}), (np.zeros((9, 9), "int16"), info)]:
        with pytest.raises(ValueError, match=r"b\.dcm: cannot be written as DICOM: expected"):
            write(tmp_path / "b.dcm", samples, said)
