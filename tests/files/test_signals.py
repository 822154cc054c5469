"""Files come back as they were written, are what they claim to be, and raise when they are damaged."""

from __future__ import annotations

import io
import logging
import os
import pathlib
import re
import stat
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from refinr.files import signals
from refinr.files.signals import read, write
from tests.files.formats import assert_survives, outcome, ramp, written
from tests.files.test_png import interlaced
from tests.files.test_tiff import tiff, tiff_with_values_last
from tests.files.test_wav import fmt, riff
from tests.helpers import assert_equal_exact

ANYTHING = ("npy", "png", "tiff", "wav", "nifti")  # formats that hold an image of 16 bits, among other things
SUFFIXES = {suffix: row for suffix, row in signals.by_suffix().items() if row.name in ANYTHING}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_foreign_byte_order_and_strides(tmp_path, suffix):
    samples = ramp("uint16" if suffix == ".png" else "int16", (6, 8))
    for view in (
        samples,
        samples.astype(samples.dtype.newbyteorder(">")),
        np.asfortranarray(samples),
        samples[::2, ::-1],
    ):
        write(tmp_path / f"a{suffix}", view, {"rate": 8000})
        back = read(tmp_path / f"a{suffix}").samples
        kept = suffix in (".npy", ".nii", ".nii.gz")
        assert_equal_exact(back, np.array(view, dtype=view.dtype if kept else view.dtype.newbyteorder("=")))


def test_empty_arrays(tmp_path):
    assert_survives(tmp_path / "a.npy", np.zeros((0, 3), "int16"), None)
    assert_survives(tmp_path / "a.wav", np.zeros((0, 2), "int32"), {"rate": 1, "bits": 24})
    for suffix in (".png", ".tif"):
        with pytest.raises(ValueError, match=r"got uint8 of shape \(0, 3\)"):
            write(tmp_path / f"a{suffix}", np.zeros((0, 3), "uint8"), {})


def test_suffix_in_any_case_and_paths_as_text(tmp_path):
    samples = ramp("uint8", (3, 4))
    for suffix in SUFFIXES:
        path = os.fspath(tmp_path / f"a.b{suffix.upper()}")
        write(path, samples, {"rate": 8000})
        assert read(path).info["format"] == SUFFIXES[suffix].name
        assert_equal_exact(read(path).samples, samples)


def test_images_are_readable_elsewhere(tmp_path):
    for suffix in (".png", ".tif"):
        path = tmp_path / f"a{suffix}"
        for shape in [(3, 5), (3, 5, 3), (3, 5, 4)]:
            write(path, ramp("uint8", shape), {})
            with Image.open(path) as image:
                assert_equal_exact(np.asarray(image), ramp("uint8", shape))
        write(path, ramp("uint16", (3, 5)), {})
        with Image.open(path) as image:
            assert_equal_exact(np.asarray(image).astype("uint16"), ramp("uint16", (3, 5)))


def test_images_from_elsewhere(tmp_path):
    for suffix in (".png", ".tif"):
        path = tmp_path / f"a{suffix}"
        for samples in [
            ramp("uint8", (4, 5)),
            ramp("uint8", (4, 5, 3)),
            ramp("uint8", (4, 5, 4)),
            ramp("uint16", (4, 5)),
        ]:
            Image.fromarray(samples).save(path)
            signal = read(path)
            assert_equal_exact(signal.samples, samples)
            assert signal.info["channels"] == (samples.ndim == 3)
        Image.fromarray(ramp("uint8", (4, 5)) > 99).save(path)
        assert_equal_exact(read(path).samples.astype(bool), ramp("uint8", (4, 5)) > 99)


def whole_files(folder) -> dict[str, tuple[str, bytes]]:
    grey, colour, stack = ramp("uint16", (4, 5)), ramp("uint8", (4, 5, 3)), ramp("int16", (3, 2, 4))
    sound = {"rate": 8000, "bits": 24}
    return {
        "npy": (".npy", written(folder, ".npy", grey)),
        "png 1 bit": (".png", written(folder, ".png", ramp("uint8", (9, 9)) & 1, {"bitdepth": 1})),
        "png 16 bits": (".png", written(folder, ".png", grey)),
        "png colour": (".png", written(folder, ".png", colour)),
        "png interlaced": (".png", interlaced()),
        "wav 8 bits, odd": (".wav", written(folder, ".wav", ramp("uint8", (5,)), sound)),
        "wav 16 bits": (".wav", written(folder, ".wav", ramp("int16", (9, 2)), sound)),
        "wav 24 bits": (".wav", written(folder, ".wav", ramp("int32", (5, 2)) >> 8, sound)),
        "wav float": (".wav", written(folder, ".wav", ramp("float64", (5,)), sound)),
        "wav chunks": (".wav", riff(fmt(1, 1, 1, 8), (b"data", b"abc"), (b"cue ", b"def"))),
        "tiff": (".tif", written(folder, ".tif", grey)),
        "tiff colour": (".tif", written(folder, ".tif", colour)),
        "tiff stack": (".tif", written(folder, ".tif", stack)),
        "tiff bare stack": (".tif", tiff(stack)),
        "tiff strips": (".tif", tiff(grey, rowsperstrip=1)),
        "tiff zlib": (".tif", tiff(stack, compression="zlib")),
        "tiff values last": (".tif", tiff_with_values_last(colour)),
    }


NAMES = ["npy", "png 1 bit", "png 16 bits", "png colour", "png interlaced"]
NAMES += ["wav 8 bits, odd", "wav 16 bits", "wav 24 bits", "wav float", "wav chunks"]
NAMES += ["tiff", "tiff colour", "tiff stack", "tiff bare stack", "tiff strips", "tiff zlib", "tiff values last"]

MAY_BE_CUT = {"tiff stack": 32, "tiff bare stack": 32, "wav chunks": 13}  # bytes at the end that hold no samples


@pytest.mark.parametrize("name", NAMES)
def test_cut_anywhere_a_file_raises(tmp_path, monkeypatch, name):
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)  # what tifffile logs must not matter
    suffix, content = whole_files(tmp_path)[name]
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(content)
    whole = read(path).samples
    for length in range(len(content)):
        path.write_bytes(content[:length])
        samples, message = outcome(path)
        if samples is None:
            assert message.startswith(f"{path}: cannot be read as ")
            assert "\n" not in message
        else:
            assert length >= len(content) - MAY_BE_CUT.get(name, 0), f"{length} of {len(content)} bytes were enough"
            assert_equal_exact(samples, whole)


def test_every_kind_of_file_is_cut(tmp_path):
    assert list(whole_files(tmp_path)) == NAMES


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("tiff")])
def test_flipped_bits_give_samples_or_value_error(tmp_path, name):
    suffix, content = whole_files(tmp_path)[name]
    path = tmp_path / f"flipped{suffix}"
    for position in range(min(len(content), 160)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        samples, _ = outcome(path)
        # in PNG a checksum guards every chunk
        assert samples is None or suffix != ".png", f"bit {position % 8} of byte {position} went unnoticed"


@pytest.mark.parametrize("suffix", signals.by_suffix())
def test_foreign_content_raises(tmp_path, suffix):
    path = tmp_path / f"foreign{suffix}"
    others = [content for other, content in whole_files(tmp_path).values() if other[:4] != suffix[:4]]
    archive = io.BytesIO()
    np.savez(archive, a=np.zeros(3))
    webp = b"RIFF" + struct.pack("<I", 12) + b"WEBPVP8 \0\0\0\0"
    zipped = [] if suffix == ".npz" else [archive.getvalue()]
    for content in [*others, b"", b"\0", b"text\n" * 99, b"\x80\x04N.", *zipped, webp, b"\x89PNG\r\n\x1a\n"]:
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=rf"foreign\{suffix}: cannot be read as {signals.by_suffix()[suffix].name.upper()}: ."
        ):
            read(path)


@given(suffix=st.sampled_from(list(SUFFIXES)), head=st.booleans(), tail=st.binary(max_size=200))
def test_noise_raises(folder, suffix, head, tail):
    heads = {".npy": b"\x93NUMPY\1\0", ".png": b"\x89PNG\r\n\x1a\n", ".wav": b"RIFF\x10\0\0\0WAVE"}
    path = folder / f"noise{suffix}"
    path.write_bytes((heads.get(suffix, b"II*\0") if head else b"") + tail)
    with pytest.raises(ValueError, match="cannot be read as"):
        read(path)


def test_files_that_cannot_be_opened(tmp_path):
    for suffix in SUFFIXES:
        with pytest.raises(FileNotFoundError):
            read(tmp_path / f"missing{suffix}")
        with pytest.raises(FileNotFoundError):
            write(tmp_path / "missing" / f"a{suffix}", np.zeros((2, 2), "uint8"), {"rate": 1})
        (tmp_path / f"folder{suffix}").mkdir()
        with pytest.raises(OSError, match="folder"):
            read(tmp_path / f"folder{suffix}")


@pytest.mark.parametrize("name", ["a", "a.xyz", "a.npy.gz", ".png"])
def test_unknown_suffix(tmp_path, name):
    known = re.escape(", ".join(signals.by_suffix()))
    assert list(signals.by_suffix())[:8] == [".npy", ".png", ".tif", ".tiff", ".wav", ".nii", ".nii.gz", ".npz"]
    for act in (read, lambda path: write(path, np.zeros((2, 2), "uint8"))):
        with pytest.raises(ValueError, match=rf"expected a name ending in one of {known}, got"):
            act(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


SOUND = {"rate": 8000}

IMPOSSIBLE = [
    (".png", np.zeros((2, 2), "float32"), {}, "expected uint8 or uint16 of .*, got float32"),
    (".png", np.zeros((2, 2), "int8"), {}, "got int8"),
    (".png", np.zeros((2, 2), "bool"), {}, "got bool"),
    (".png", np.zeros((2, 2, 5), "uint8"), {}, r"shape \(H, W\) or \(H, W, 2 to 4\), got uint8 of shape \(2, 2, 5\)"),
    (".png", np.zeros((2, 2, 1), "uint8"), {}, r"got uint8 of shape \(2, 2, 1\)"),
    (".png", np.zeros(4, "uint8"), {}, r"got uint8 of shape \(4,\)"),
    (".png", np.full((2, 2), 4, "uint8"), {"bitdepth": 2}, "values below 4 for a bitdepth of 2, got 4"),
    (".tif", np.zeros(4, "uint8"), {}, r"shape \(\.\.\., H, W\), got uint8 of shape \(4,\)"),
    (".tif", np.zeros((), "uint8"), {}, r"got uint8 of shape \(\)"),
    (".tif", np.zeros((2, 2), "complex64"), {}, "expected booleans, integers or floats, got complex64"),
    (".wav", np.zeros(4, "int64"), SOUND, "got int64"),
    (".wav", np.zeros(4, "uint16"), SOUND, "got uint16"),
    (".wav", np.zeros(4, "float16"), SOUND, "got float16"),
    (".wav", np.zeros((4, 1), "int16"), SOUND, r"\(N,\) or \(N, 2 or more\), got int16 of shape \(4, 1\)"),
    (".wav", np.zeros((4, 2, 2), "int16"), SOUND, r"got int16 of shape \(4, 2, 2\)"),
    (".wav", np.zeros(4, "int16"), {}, "info: expected 'rate', the sample rate in Hz"),
    (".wav", np.zeros(4, "int16"), {"rate": 0}, "at a rate of 0 Hz"),
    (".wav", np.zeros(4, "int16"), {"rate": 2**31}, "at a rate of 2147483648 Hz"),
    (".wav", np.zeros(4, "int16"), {"rate": 8000.5}, "float"),
    (".wav", np.zeros((2, 2**15), "int16"), SOUND, "32768 channels of 16 bits"),
    (".wav", np.array([2**23], "int32"), {"rate": 8000, "bits": 24}, "24 bits, got 8388608 to 8388608"),
    (".wav", np.array([-(2**23) - 1, 0], "int32"), {"rate": 8000, "bits": 24}, "24 bits, got -8388609 to 0"),
]


@pytest.mark.parametrize(("suffix", "samples", "info", "message"), IMPOSSIBLE)
def test_what_a_format_cannot_hold(tmp_path, suffix, samples, info, message):
    path = tmp_path / f"a{suffix}"
    for before in ([], [path]):
        with pytest.raises(ValueError, match=rf"a\{suffix}: cannot be written as .*{message}"):
            write(path, samples, info)
        assert list(tmp_path.iterdir()) == before
        assert not before or path.read_bytes() == b"older"
        path.write_bytes(b"older")


def test_side_information_of_other_formats_does_no_harm(tmp_path):
    info = {
        "format": "png",
        "bitdepth": 8,
        "greyscale": False,
        "alpha": True,
        "channels": True,
        "rate": 8000,
        "bits": 24,
    }
    for suffix in (".npy", ".tif", ".wav", ".png"):
        samples = ramp("uint16" if suffix == ".png" else "int16", (4, 3))
        path = tmp_path / f"a{suffix}"
        write(path, samples, info)
        assert_equal_exact(read(path).samples, samples)


class FullDiskError(OSError):
    """Stands in for a disk that fills up."""


@pytest.mark.parametrize("failure", [FullDiskError, KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("stage", ["encoding", "writing", "moving"])
def test_interrupted_writes_leave_the_older_file(tmp_path, monkeypatch, stage, failure):
    path = tmp_path / "a.npy"
    write(path, ramp("uint8", (4,)), {})

    def fail(file, *_, **__):
        if stage != "moving":
            with file.open("wb") if stage == "writing" else file as half:
                half.write(b"half of the sam")
        raise failure

    module, name = {
        "encoding": (np.lib.format, "write_array"),
        "writing": (pathlib.Path, "write_bytes"),
        "moving": (os, "replace"),
    }[stage]
    monkeypatch.setattr(module, name, fail)
    with pytest.raises(failure):
        write(path, ramp("uint8", (9,)), {})
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == [path]
    assert_equal_exact(read(path).samples, ramp("uint8", (4,)))


def test_files_get_the_usual_permissions(tmp_path):
    write(tmp_path / "a.npy", np.zeros(3), {})
    (tmp_path / "plain").touch()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.npy", "plain")]
    assert modes[0] == modes[1]


def test_symbolic_links_are_followed(tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "a.npy", tmp_path / "link.npy"
    write(target, np.zeros(3), {})
    link.symlink_to(target)
    write(link, np.ones(2), {})
    assert link.is_symlink()
    assert_equal_exact(read(target).samples, np.ones(2))


def test_arguments_are_left_alone(tmp_path):
    samples = np.arange(4, dtype="int32")
    samples.setflags(write=False)
    info = {"rate": 8000, "bits": 24}
    write(tmp_path / "a.wav", samples, info)
    assert_equal_exact(samples, np.arange(4, dtype="int32"))
    assert info == {"rate": 8000, "bits": 24}


def test_import_is_light():
    code = "import refinr.files.signals, sys; assert not {'scipy', 'png', 'tifffile'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_rows_say_what_their_formats_keep(tmp_path):
    for suffix, content in [
        *whole_files(tmp_path).values(),
        (".nii", written(tmp_path, ".nii", ramp("int16", (2, 3)))),
    ]:
        (tmp_path / f"a{suffix}").write_bytes(content)
        info = read(tmp_path / f"a{suffix}").info
        optional = {"chunks", "photometric", "palette", "tags", "resolution"}  # where there are such
        assert set(info) | optional == {"format", "channels", *SUFFIXES[suffix].keeps} | optional
        assert set(info) <= {"format", "channels", *SUFFIXES[suffix].keeps}
        assert ("chunks" in info) == (b"cue " in content)
        assert signals.FORMATS[info["format"]] is SUFFIXES[suffix]
