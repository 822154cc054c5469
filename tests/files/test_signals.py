"""Files come back as they were written, are what they claim to be, and raise when they are damaged."""

from __future__ import annotations

import io
import json
import logging
import os
import pathlib
import stat
import struct
import subprocess
import sys
import tracemalloc
import warnings
import wave
import zlib

import numpy as np
import png
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy.io import wavfile

from refinr.files import signals
from refinr.files.signals import Signal, read, write
from tests import strategies
from tests.helpers import assert_equal_exact

WAV_TYPES = [("uint8", 8), ("int16", 16), ("int32", 24), ("int32", 32), ("float32", 32), ("float64", 64)]
PNG_TYPES = [(1, 1), (2, 1), (4, 1)] + [(depth, planes) for depth in (8, 16) for planes in (1, 2, 3, 4)]
TIFF_DTYPES = ["bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("signals")


def assert_survives(path, samples, info) -> Signal:
    """Written, read, and both once more from what was read: the same bits, and side information fit for JSON."""
    write(path, samples, info)
    first = read(path)
    write(path, first.samples, json.loads(json.dumps(first.info)))
    second = read(path)
    for signal in (first, second):
        assert_equal_exact(signal.samples, samples, bitwise=True)
    assert second.info == first.info
    assert first.samples.flags.writeable
    return first


def patterns(bits: int) -> st.SearchStrategy[int]:
    """Codes of `bits` bits; the ends come often, of the unsigned and of the signed range."""
    half = 1 << (bits - 1)
    return st.sampled_from([0, half - 1, half, 2 * half - 1]) | st.integers(0, 2 * half - 1)


def from_patterns(codes: np.ndarray, dtype: str, bits: int) -> np.ndarray:
    """Samples of any dtype from the lowest `bits` of their bit patterns, the highest of these being the sign."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return codes != 0
    samples = codes.astype(f"u{dtype.itemsize}").view(dtype)
    unused = 8 * dtype.itemsize - bits
    return samples << unused >> unused if dtype.kind == "i" else samples


def ramp(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Samples that all differ from their neighbours and use every byte."""
    codes = np.arange(np.prod(shape), dtype="u8").reshape(shape) * 0x9E3779B97F4A7C15
    if np.dtype(dtype).kind == "f":
        return ((codes >> 40).astype(dtype) - 1000) / 1024
    size = np.dtype(dtype).itemsize
    return (codes >> (64 - 8 * size)).astype(f"u{size}").view(dtype)


# --- what is written is read back ------------------------------------------------------------------------------------


@given(samples=strategies.samples())
def test_npy_round_trip(folder, samples):
    assert assert_survives(folder / "a.npy", samples, {}).info == {"format": "npy", "channels": None}


@given(data=st.data(), kind=st.sampled_from(PNG_TYPES))
def test_png_round_trip(folder, data, kind):
    bitdepth, planes = kind
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)) + ((planes,) if planes > 1 else ())
    dtype = "uint8" if bitdepth <= 8 else "uint16"
    samples = data.draw(hnp.arrays(dtype, shape, elements=strategies.levels(bitdepth)))
    info = {"format": "png", "channels": planes > 1, "bitdepth": bitdepth}
    signal = assert_survives(folder / "a.png", samples, info)
    assert signal.info == info | {"greyscale": planes < 3, "alpha": planes in (2, 4)}


@given(data=st.data(), kind=st.sampled_from(WAV_TYPES), rate=st.integers(1, 384000))
def test_wav_round_trip(folder, data, kind, rate):
    dtype, bits = kind
    shape = data.draw(st.tuples(st.integers(0, 5)) | st.tuples(st.integers(0, 5), st.integers(2, 6)))
    codes = data.draw(hnp.arrays("u8", shape, elements=patterns(bits)))
    info = {"format": "wav", "channels": len(shape) == 2, "rate": rate, "bits": bits}
    assert assert_survives(folder / "a.wav", from_patterns(codes, dtype, bits), info).info == info


@given(data=st.data(), dtype=st.sampled_from(TIFF_DTYPES), channels=st.sampled_from([None, True, False]))
def test_tiff_round_trip(folder, data, dtype, channels):
    bits = 8 * np.dtype(dtype).itemsize
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=4, max_side=5))
    samples = from_patterns(data.draw(hnp.arrays("u8", shape, elements=patterns(bits))), dtype, bits)
    signal = assert_survives(folder / "a.tif", samples, {"channels": channels})
    colour = channels or (channels is None and shape[-1] in (3, 4))
    assert signal.info == {
        "format": "tiff",
        "channels": bool(colour and len(shape) > 2 and shape[-1] > 1 and dtype != "bool"),
    }


@pytest.mark.parametrize(("dtype", "bits"), WAV_TYPES)
def test_wav_holds_the_ends_of_the_range(tmp_path, dtype, bits):
    if dtype.startswith("float"):
        ends = [np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal, -np.inf, np.nan, -0.0]
    else:
        ends = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if dtype != "uint8" else [0, 255]
    assert_survives(tmp_path / "a.wav", np.array(ends, dtype), {"rate": 44100, "bits": bits})


@pytest.mark.parametrize("suffix", signals.FORMATS)
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
    for suffix in signals.FORMATS:
        path = os.fspath(tmp_path / f"a.b{suffix.upper()}")
        write(path, samples, {"rate": 8000})
        assert read(path).info["format"] == signals.FORMATS[suffix]
        assert_equal_exact(read(path).samples, samples)


# --- files are what they claim to be, whoever reads or writes them ---------------------------------------------------


@pytest.mark.parametrize(("bitdepth", "planes"), PNG_TYPES)
def test_png_header(tmp_path, bitdepth, planes):
    shape = (3, 5, planes) if planes > 1 else (3, 5)
    samples = ramp("uint16" if bitdepth == 16 else "uint8", shape) & (2**bitdepth - 1)
    write(tmp_path / "a.png", samples, {"bitdepth": bitdepth})
    content = (tmp_path / "a.png").read_bytes()
    assert content[:16] == b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[planes]
    assert struct.unpack(">IIBB", content[16:26]) == (5, 3, bitdepth, colour_type)
    size = struct.unpack(">I", content[33:37])[0]
    lines = np.frombuffer(zlib.decompress(content[41 : 41 + size]), "u1").reshape(3, -1)
    assert (lines[:, 0] == 0).all()  # no filter: the rows are there as they are
    bits = np.unpackbits(lines[:, 1:], axis=1)[:, : 5 * planes * bitdepth].reshape((*shape, bitdepth))
    assert_equal_exact(bits @ (1 << np.arange(bitdepth)[::-1]), samples.astype("int64"))


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


@pytest.mark.parametrize("transparent", [False, True])
def test_png_palette_becomes_colour(tmp_path, transparent):
    index = ramp("uint8", (4, 5)) % 7
    colours = ramp("uint8", (7, 3))
    image = Image.fromarray(index, mode=None).convert("L")
    image.putpalette(colours.tobytes())
    image.save(tmp_path / "a.png", **({"transparency": 2} if transparent else {}))
    expected = colours[index]
    if transparent:
        expected = np.concatenate([expected, np.where(index == 2, 0, 255).astype("uint8")[..., None]], axis=-1)
    signal = read(tmp_path / "a.png")
    assert_equal_exact(signal.samples, expected)
    assert signal.info["channels"]
    assert signal.info["alpha"] == transparent
    assert_survives(tmp_path / "b.png", signal.samples, signal.info)


@pytest.mark.parametrize("bitdepth", [1, 2, 4, 8, 16])
def test_png_transparent_grey_gets_alpha(tmp_path, bitdepth):
    grey = ramp("uint16", (4, 5)) & (2**bitdepth - 1)
    key = int(grey[1, 2])
    with (tmp_path / "a.png").open("wb") as file:
        png.Writer(5, 4, greyscale=True, bitdepth=bitdepth, transparent=key).write(file, grey.tolist())
    scale, top = (1, 2**bitdepth - 1) if bitdepth >= 8 else (255 // (2**bitdepth - 1), 255)
    expected = np.stack([grey * scale, np.where(grey == key, 0, top)], axis=-1)
    signal = read(tmp_path / "a.png")
    assert_equal_exact(signal.samples, expected.astype("uint16" if bitdepth == 16 else "uint8"))
    assert signal.info["bitdepth"] == max(bitdepth, 8)
    assert_survives(tmp_path / "b.png", signal.samples, signal.info)


def test_png_interlaced_and_significant_bits(tmp_path):
    samples = ramp("uint8", (9, 10, 3))
    with (tmp_path / "a.png").open("wb") as file:
        png.Writer(10, 9, greyscale=False, interlace=True).write(file, samples.reshape(9, 30))
    assert_equal_exact(read(tmp_path / "a.png").samples, samples)
    with (tmp_path / "b.png").open("wb") as file:  # five significant bits, stored in eight
        png.Writer(5, 1, greyscale=True, bitdepth=5).write(file, [[0, 1, 16, 30, 31]])
    assert b"sBIT" in (tmp_path / "b.png").read_bytes()
    assert_equal_exact(read(tmp_path / "b.png").samples, np.array([[0, 8, 132, 247, 255]], "uint8"))


@pytest.mark.parametrize(("dtype", "bits"), WAV_TYPES[:4])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_wav_and_the_standard_library(tmp_path, dtype, bits, channels):
    shape = (5, channels) if channels > 1 else (5,)
    samples = from_patterns(ramp("uint64", shape) >> (64 - bits), dtype, bits)
    payload = b"".join(int(v).to_bytes(bits // 8, "little", signed=dtype != "uint8") for v in samples.ravel())
    write(tmp_path / "a.wav", samples, {"rate": 48000, "bits": bits})
    with wave.open(os.fspath(tmp_path / "a.wav")) as reader:
        assert reader.getparams()[:4] == (channels, bits // 8, 48000, 5)
        assert reader.readframes(5) == payload
    with wave.open(os.fspath(tmp_path / "b.wav"), "wb") as writer:
        writer.setparams((channels, bits // 8, 22050, 0, "NONE", ""))
        writer.writeframes(payload)
    signal = read(tmp_path / "b.wav")
    assert_equal_exact(signal.samples, samples)
    assert signal.info == {"format": "wav", "channels": channels > 1, "rate": 22050, "bits": bits}


def riff(*chunks: tuple[bytes, bytes], magic: bytes = b"RIFF") -> bytes:
    order = ">" if magic == b"RIFX" else "<"
    body = b"WAVE"
    for name, payload in chunks:
        body += name + struct.pack(order + "I", len(payload)) + payload + b"\0" * (len(payload) % 2)
    return magic + struct.pack(order + "I", len(body)) + body


def fmt(tag: int, channels: int, width: int, bits: int, order: str = "<") -> tuple[bytes, bytes]:
    frame = channels * width
    return b"fmt ", struct.pack(order + "HHIIHH", tag, channels, 8000, 8000 * frame, frame, bits)


def test_wav_chunks_without_samples_are_passed_over(tmp_path):
    payload = ramp("int16", (5,)).tobytes()
    notes = [(b"cue ", b"1234"), (b"bext", b"odd"), (b"LIST", b"INFO")]
    (tmp_path / "a.wav").write_bytes(riff(notes[0], fmt(1, 1, 2, 16), notes[1], (b"data", payload), *notes))
    assert_equal_exact(read(tmp_path / "a.wav").samples, ramp("int16", (5,)))


def test_wav_samples_are_in_the_first_data_chunk(tmp_path):
    (tmp_path / "a.wav").write_bytes(riff(fmt(1, 1, 1, 8), (b"data", b"abcd"), (b"data", b"efgh")))
    assert read(tmp_path / "a.wav").samples.tobytes() == b"abcd"


def test_wav_containers(tmp_path):
    path = tmp_path / "a.wav"
    numbers = ramp("int32", (5,))
    path.write_bytes(riff(fmt(1, 1, 4, 32, ">"), (b"data", numbers.astype(">i4").tobytes()), magic=b"RIFX"))
    assert_equal_exact(read(path).samples, numbers)
    packed = numbers.astype(">i4").view("u1").reshape(5, 4)[:, :3].tobytes()  # the upper 24 bits
    path.write_bytes(riff(fmt(1, 1, 3, 24, ">"), (b"data", packed), magic=b"RIFX"))
    assert_equal_exact(read(path).samples, numbers >> 8)
    # 20 bits in three bytes, 12 in two: the lowest are zero, and what is stored is what is read
    path.write_bytes(riff(fmt(1, 1, 3, 20), (b"data", (2**20).to_bytes(3, "little"))))
    assert read(path).samples.tolist() == [2**20]
    path.write_bytes(riff(fmt(1, 1, 2, 12), (b"data", (2**12).to_bytes(2, "little"))))
    assert read(path).samples.tolist() == [2**12]
    assert read(path).info["bits"] == 16
    # the extensible header, and 64-bit sizes
    plain = fmt(1, 1, 2, 16)[1]
    extensible = struct.pack("<H", 0xFFFE) + plain[2:] + struct.pack("<HHIH", 22, 16, 0, 1)
    extensible += bytes.fromhex("000000001000800000aa00389b71")
    path.write_bytes(riff((b"fmt ", extensible), (b"data", b"\1\2\3\4")))
    assert read(path).samples.tolist() == [0x0201, 0x0403]
    long = bytearray(
        riff((b"ds64", struct.pack("<QQQI", 0, 4, 2, 0)), (b"fmt ", plain), (b"data", b"\1\2\3\4"), magic=b"RF64")
    )
    long[20:28] = struct.pack("<Q", len(long) - 8)
    long[4:8] = long[-8:-4] = b"\xff" * 4
    path.write_bytes(long)
    assert read(path).samples.tolist() == [0x0201, 0x0403]


@pytest.mark.parametrize(
    "content",
    [
        riff((b"data", b"1234"), fmt(1, 1, 2, 16)),
        riff(fmt(1, 1, 2, 16)),
        riff(fmt(1, 1, 2, 16), (b"data", b"123")),
        riff(fmt(1, 2, 2, 16), (b"data", b"123456")),
        riff(fmt(1, 0, 2, 16), (b"data", b"1234")),
        riff((b"fmt ", struct.pack("<HHIIHH", 1, 2, 8000, 40000, 5, 16)), (b"data", b"01234567890123456789")),
        riff(fmt(1, 1, 2, 8), (b"data", b"1234")),
        riff(fmt(1, 1, 8, 64), (b"data", b"12345678")),
        riff(fmt(3, 1, 2, 32), (b"data", b"1234")),
        riff(fmt(6, 1, 1, 8), (b"data", b"1234")),
    ],
    ids=["late fmt", "no data", "half a sample", "half a frame", "no channels", "half a byte", "8 bits in two bytes",
         "64 bits", "floats in two bytes", "A-law"],
)  # fmt: skip
def test_wav_that_makes_no_sense_raises(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.wav: cannot be read as WAV: "):
        read(tmp_path / "a.wav")


def tiff(samples: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, samples, **{"photometric": "minisblack", "metadata": None} | options)
    return file.getvalue()


def test_tiff_variants(tmp_path):
    path = tmp_path / "a.tiff"
    stack, colour = ramp("uint16", (4, 5, 6)), ramp("uint8", (5, 6, 3))
    options = [{}, {"byteorder": ">"}, {"bigtiff": True}, {"rowsperstrip": 2}, {"tile": (16, 16)}, {"imagej": True}]
    for option in [*options, {"compression": "zlib", "predictor": 2}, {"ome": True, "metadata": {}}]:
        path.write_bytes(tiff(stack, **option))
        signal = read(path)
        assert_equal_exact(signal.samples, stack)
        assert signal.info == {"format": "tiff", "channels": False}
    path.write_bytes(tiff(np.moveaxis(colour, -1, 0), photometric="rgb", planarconfig="separate"))
    signal = read(path)
    assert_equal_exact(signal.samples, colour)
    assert signal.info["channels"]


def test_tiff_of_different_pages_raises(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(ramp("uint8", (4, 5)), photometric="minisblack")
        writer.write(ramp("uint8", (5, 4)), photometric="minisblack")
    with pytest.raises(ValueError, match=r"a\.tif: cannot be read as TIFF: expected one image"):
        read(tmp_path / "a.tif")


def test_tiff_structure(tmp_path):
    for samples, pages, photometric in [
        (ramp("uint16", (4, 5, 6)), 4, tifffile.PHOTOMETRIC.MINISBLACK),
        (ramp("uint16", (5, 6, 3)), 1, tifffile.PHOTOMETRIC.RGB),
        (ramp("float32", (2, 5, 6, 4)), 2, tifffile.PHOTOMETRIC.RGB),
    ]:
        write(tmp_path / "a.tif", samples, {})
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            assert len(file.pages) == pages
            assert file.pages[0].photometric == photometric
            assert file.pages[0].bitspersample == 8 * samples.dtype.itemsize


# --- damage ----------------------------------------------------------------------------------------------------------


def written(folder, suffix, samples, info=None) -> bytes:
    write(folder / f"whole{suffix}", samples, info)
    return (folder / f"whole{suffix}").read_bytes()


def outcome(path) -> tuple[np.ndarray | None, str]:
    """Samples, or why there are none."""
    try:
        return read(path).samples, ""
    except ValueError as error:
        return None, str(error)


def interlaced() -> bytes:
    file = io.BytesIO()
    png.Writer(9, 10, greyscale=True, interlace=True).write(file, ramp("uint8", (10, 9)))
    return file.getvalue()


def tiff_with_values_last(colour: np.ndarray) -> bytes:
    """Samples, then the directory, then how many bits they have: cut there, a reader may take them for single bits."""
    height, width, _ = colour.shape
    tags = [(256, width), (257, height), (258, None), (259, 1), (262, 2), (273, 8), (277, 3), (278, height)]
    tags.append((279, colour.nbytes))
    directory = 8 + colour.nbytes
    content = b"II*\0" + struct.pack("<I", directory) + colour.tobytes() + struct.pack("<H", len(tags))
    for code, value in tags:
        far = directory + 2 + 12 * len(tags) + 4
        content += struct.pack("<HHII", code, 3, 3, far) if value is None else struct.pack("<HHII", code, 4, 1, value)
    return content + struct.pack("<I3H", 0, 8, 8, 8)


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


def with_tags(content: bytes, **values: int) -> bytes:
    """A TIFF with other values in 32-bit tags of its first page."""
    damaged = bytearray(content)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        for name, value in values.items():
            tag = file.pages[0].tags[name]
            assert (tag.dtype, tag.count) == (tifffile.DATATYPE.LONG, 1)
            damaged[tag.valueoffset : tag.valueoffset + 4] = struct.pack("<I", value)
    return bytes(damaged)


@pytest.mark.parametrize("size", [6, 2**24])
def test_tiff_that_promises_too_much_raises(tmp_path, size):
    grey, colour = tiff(ramp("uint8", (4, 5))), ramp("uint8", (3, 4, 5))
    damaged = [
        with_tags(grey, ImageWidth=size),
        with_tags(grey, ImageLength=size, RowsPerStrip=size),
        with_tags(tiff(colour, photometric="rgb", planarconfig="separate"), ImageLength=size),
        with_tags(tiff(colour[0], compression="zlib"), ImageLength=size),
    ]
    for content in damaged:
        (tmp_path / "a.tif").write_bytes(content)
        tracemalloc.start()
        with pytest.raises(ValueError, match=r"a\.tif: cannot be read as TIFF"):
            read(tmp_path / "a.tif")
        assert tracemalloc.get_traced_memory()[1] < 2**22  # what damage asks for is not handed out
        tracemalloc.stop()


def test_tiff_whose_pages_go_round_raises(tmp_path):
    content = bytearray(tiff(ramp("uint8", (3, 4, 5)), imagej=True))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        first, last = file.pages[0].offset, file.pages[2].offset
    for target in (first, last):
        (entries,) = struct.unpack_from("<H", content, last)
        struct.pack_into("<I", content, last + 2 + 12 * entries, target)
        (tmp_path / "a.tif").write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.tif: cannot be read as TIFF"):
            read(tmp_path / "a.tif")


def test_tiff_with_a_missing_page_raises(tmp_path):
    content = tiff(ramp("uint8", (3, 4, 5)), ome=True, metadata={"axes": "ZYX"})
    assert content.count(b'SizeZ="3"') == content.count(b'PlaneCount="3"') == 1
    more = content.replace(b'SizeZ="3"', b'SizeZ="5"').replace(b'PlaneCount="3"', b'PlaneCount="5"')
    (tmp_path / "a.tif").write_bytes(more)
    with pytest.raises(ValueError, match=r"a\.tif: cannot be read as TIFF"):
        read(tmp_path / "a.tif")


def test_doubts_of_a_library_are_errors(tmp_path):
    palette = png.Writer(2, 1, palette=[(0, 0, 0), (255, 255, 255)], bitdepth=8)
    file = io.BytesIO()
    palette.write(file, [[0, 1]])
    content = file.getvalue()
    chunk = content[33 : 33 + 12 + 6]
    assert chunk[4:8] == b"PLTE"
    (tmp_path / "a.png").write_bytes(content[:33] + chunk + content[33:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=r"a\.png: cannot be read as PNG: Multiple PLTE chunks"):
            read(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", signals.FORMATS)
def test_foreign_content_raises(tmp_path, suffix):
    path = tmp_path / f"foreign{suffix}"
    others = [content for other, content in whole_files(tmp_path).values() if other[:4] != suffix[:4]]
    archive = io.BytesIO()
    np.savez(archive, a=np.zeros(3))
    webp = b"RIFF" + struct.pack("<I", 12) + b"WEBPVP8 \0\0\0\0"
    for content in [*others, b"", b"\0", b"text\n" * 99, b"\x80\x04N.", archive.getvalue(), webp, b"\x89PNG\r\n\x1a\n"]:
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=rf"foreign\{suffix}: cannot be read as {signals.FORMATS[suffix].upper()}: ."
        ):
            read(path)


@given(suffix=st.sampled_from(list(signals.FORMATS)), head=st.booleans(), tail=st.binary(max_size=200))
def test_noise_raises(folder, suffix, head, tail):
    heads = {".npy": b"\x93NUMPY\1\0", ".png": b"\x89PNG\r\n\x1a\n", ".wav": b"RIFF\x10\0\0\0WAVE"}
    path = folder / f"noise{suffix}"
    path.write_bytes((heads.get(suffix, b"II*\0") if head else b"") + tail)
    with pytest.raises(ValueError, match="cannot be read as"):
        read(path)


@pytest.mark.parametrize("dtype", ["c8", "U3", "S3", "M8[s]", "O", "u1,f4"])
def test_npy_of_anything_but_numbers_raises(tmp_path, dtype):
    array = np.zeros(3, dtype)
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(ValueError, match=r"a\.npy: cannot be read as NPY: "):
        read(tmp_path / "a.npy")
    with pytest.raises(ValueError, match=r"b\.npy: cannot be written as NPY: expected booleans, integers or floats"):
        write(tmp_path / "b.npy", array)


class Intruder:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return open, (self.trace, "x")


def test_npy_runs_no_code(tmp_path):
    np.save(tmp_path / "a.npy", np.array([Intruder(os.fspath(tmp_path / "trace"))], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"a\.npy: cannot be read as NPY: Object arrays"):
        read(tmp_path / "a.npy")
    assert not (tmp_path / "trace").exists()


def test_files_that_cannot_be_opened(tmp_path):
    for suffix in signals.FORMATS:
        with pytest.raises(FileNotFoundError):
            read(tmp_path / f"missing{suffix}")
        with pytest.raises(FileNotFoundError):
            write(tmp_path / "missing" / f"a{suffix}", np.zeros((2, 2), "uint8"), {"rate": 1})
        (tmp_path / f"folder{suffix}").mkdir()
        with pytest.raises(OSError, match="folder"):
            read(tmp_path / f"folder{suffix}")


@pytest.mark.parametrize("name", ["a", "a.jpg", "a.npy.gz", ".png"])
def test_unknown_suffix(tmp_path, name):
    known = r"\.npy, \.png, \.tif, \.tiff, \.wav, \.nii, \.nii\.gz"
    for act in (read, lambda path: write(path, np.zeros((2, 2), "uint8"))):
        with pytest.raises(ValueError, match=rf"expected a name ending in one of {known}, got"):
            act(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


# --- what a format cannot hold, and failures -------------------------------------------------------------------------

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


def test_scipy_left_justifies_24_bits(tmp_path):
    """Why `read` shifts: were this to change, the shift would have to go."""
    write(tmp_path / "a.wav", np.array([-1, 5], "int32"), {"rate": 8000, "bits": 24})
    assert wavfile.read(tmp_path / "a.wav")[1].tolist() == [-256, 5 * 256]


def test_import_is_light():
    code = "import refinr.files.signals, sys; assert not {'scipy', 'png', 'tifffile'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
