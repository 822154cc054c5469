"""NIfTI volumes: the stored numbers, and files of others byte for byte."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import cli
from refinr.files import nifti, signals
from tests.helpers import assert_equal_exact
from tests.strategies import seeds

FOLDER = Path(nibabel.__file__).parent / "tests" / "data"
DTYPES = [order + kind for order in "<>" for kind in ("u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")]


@given(st.sampled_from(DTYPES), st.lists(st.integers(1, 4), min_size=1, max_size=7).map(tuple), seeds,
       st.sampled_from([".nii", ".nii.gz"]))  # fmt: skip
def test_there_and_back_and_readable_elsewhere(tmp_path_factory, dtype, shape, seed, suffix):
    raw = np.random.default_rng(seed).bytes(int(np.prod(shape)) * np.dtype(dtype).itemsize)
    samples = np.frombuffer(raw, dtype).reshape(shape)
    path = tmp_path_factory.getbasetemp() / f"a{suffix}"
    signals.write(path, samples)
    back, info = signals.read(path)
    assert_equal_exact(back, samples, bitwise=True)
    assert (info["format"], info["channels"]) == ("nifti", False)
    json.dumps(info)
    elsewhere = nibabel.load(path)
    assert_equal_exact(np.ascontiguousarray(elsewhere.dataobj.get_unscaled()).astype(dtype), samples, bitwise=True)


@pytest.mark.parametrize("name", ["functional.nii", "anatomical.nii", "example4d.nii.gz", "example_nifti2.nii.gz"])
def test_files_of_others_come_back_byte_for_byte(tmp_path, name):
    content = (FOLDER / name).read_bytes()
    samples, info = signals.read(FOLDER / name)
    expected = np.asarray(nibabel.load(FOLDER / name).dataobj.get_unscaled())
    assert_equal_exact(samples, np.ascontiguousarray(expected))
    signals.write(tmp_path / name, samples, json.loads(json.dumps(info)))
    back = (tmp_path / name).read_bytes()
    if name.endswith(".gz"):
        content, back = gzip.decompress(content), gzip.decompress(back)
    assert back == content


def test_a_real_volume_through_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = nibabel.load(FOLDER / "functional.nii")
    part = nibabel.Nifti1Image(np.asarray(image.dataobj.get_unscaled())[:5, :4, :2, :3], image.affine, image.header)
    part.header.set_slope_inter(2.0, 1.0)
    nibabel.save(part, "a.nii")
    assert cli.main(["fit", "a.nii", "a.inr", "--quiet", "--hidden", "8,8", "--max-steps", "50"]) == 0
    assert cli.main(["verify", "a.nii", "a.inr"]) == 0
    assert cli.main(["decode", "a.inr", "b.nii"]) == 0
    assert Path("a.nii").read_bytes() == Path("b.nii").read_bytes()
    assert cli.main(["fit", "a.nii", "c.nii.gz", "--quiet"]) == 2, "the name of a signal"


def _good() -> bytes:
    file = io.BytesIO()
    nifti.write(file, np.arange(24, dtype=np.int16).reshape(2, 3, 4), {})
    return file.getvalue()


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, b"\0\0\0\0"), (40, b"\x09\0"), (40, b"\xff\xff"), (42, b"\xff\xff"), (42, b"\xff\x7f"), (70, b"\x80\0"),
     (70, b"\x77\x77"), (108, b"\0\0\0\x7f"), (108, b"\0\0\0\0"), (108, b"\0\0\xc0\x7f"), (344, b"ni1\0")],
    ids=str,
)  # fmt: skip
def test_headers_that_make_no_sense_are_refused(tmp_path, at, value):
    content = bytearray(_good())
    content[at : at + len(value)] = value
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.nii: cannot be read as NIFTI"):
        signals.read(tmp_path / "a.nii")


def test_cut_or_longer_files_are_refused(tmp_path):
    content = _good()
    for damaged in [*(content[:size] for size in range(0, len(content), 13)), content + b"\0"]:
        for name, stored in (("a.nii", damaged), ("a.nii.gz", gzip.compress(damaged))):
            (tmp_path / name).write_bytes(stored)
            with pytest.raises(ValueError, match="cannot be read as NIFTI"):
                signals.read(tmp_path / name)


def test_what_nifti_cannot_hold(tmp_path):
    _, info = nifti.read(_good())
    for samples, extra in [(np.zeros((2, 2), bool), {}), (np.zeros((1,) * 8), {}), (np.zeros((2, 0)), {}),
                           (np.zeros(3, np.float16), {}), (np.zeros((2, 3, 4), np.int32), info),
                           (np.zeros((2, 3), np.int16), info), (np.zeros(40_000, np.int16), {})]:  # fmt: skip
        with pytest.raises(ValueError, match=r"a\.nii: cannot be written as NIFTI"):
            signals.write(tmp_path / "a.nii", samples, extra)
    assert list(tmp_path.iterdir()) == []


def test_without_nibabel_it_is_said(monkeypatch, tmp_path):
    (tmp_path / "a.nii").write_bytes(_good())
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(ValueError, match=r"as NIFTI: it needs nibabel: pip install 'refinr\[volumes\]'"):
        signals.read(tmp_path / "a.nii")
    with pytest.raises(ValueError, match=r"written as NIFTI: it needs nibabel: pip install 'refinr\[volumes\]'"):
        signals.write(tmp_path / "b.nii", np.zeros((2, 2)))


# --- colours, and headers beside their image -------------------------------------------------------------------------


@given(st.sampled_from([3, 4]), st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple), seeds)
def test_colours_have_an_axis_of_their_own(tmp_path_factory, planes, grid, seed):
    samples = np.random.default_rng(seed).integers(0, 256, (*grid, planes)).astype(np.uint8)
    path = tmp_path_factory.getbasetemp() / "colour.nii.gz"
    signals.write(path, samples, {"channels": True})
    back, info = signals.read(path)
    assert_equal_exact(back, samples)
    assert info["channels"] is True
    elsewhere = np.asarray(nibabel.load(path).dataobj)
    assert_equal_exact(np.stack([elsewhere[name] for name in "RGBA"[:planes]], axis=-1), samples)
    signals.write(path, back, info)
    assert_equal_exact(signals.read(path).samples, samples)


@pytest.mark.parametrize("names", [("a.hdr", "a.img"), ("a.hdr.gz", "a.img.gz")])
def test_a_header_beside_its_image(tmp_path, names):
    samples = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    pair = nibabel.Nifti1Pair(samples, np.diag([2.0, 3, 4, 1]))
    pair.header.set_slope_inter(2.0, 1.0)
    pair.header.extensions.append(nibabel.nifti1.Nifti1Extension(6, b"a comment"))
    nibabel.save(pair, tmp_path / names[1])
    for name in names:
        back, info = signals.read(tmp_path / name)
        assert_equal_exact(back, np.ascontiguousarray(nibabel.load(tmp_path / names[1]).dataobj.get_unscaled()))
        assert info["format"] == "nifti pair"
    signals.write(tmp_path / "b.nii", back, json.loads(json.dumps(info)))
    before, after = nibabel.load(tmp_path / names[1]), nibabel.load(tmp_path / "b.nii")
    assert_equal_exact(np.asarray(after.dataobj), np.asarray(before.dataobj))
    assert_equal_exact(after.affine, before.affine)
    assert after.header.extensions == before.header.extensions
    assert "header" in signals.read(tmp_path / "b.nii").info
    with pytest.raises(ValueError, match=r"b\.img: cannot be written as NIFTI PAIR: it takes two files; write \.nii"):
        signals.write(tmp_path / "b.img", back, info)
    image = (tmp_path / names[1]).read_bytes()
    (tmp_path / names[1]).write_bytes(image[:-5])
    with pytest.raises(ValueError, match="cannot be read as NIFTI PAIR"):
        signals.read(tmp_path / names[0])
    (tmp_path / names[1]).unlink()
    with pytest.raises(ValueError, match=rf"header and image are two files, and '{names[1]}' is not there"):
        signals.read(tmp_path / names[0])
