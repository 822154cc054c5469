"""WAV recordings: every width and container, and headers that make no sense."""

from __future__ import annotations

import os
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.io import wavfile

import refinr
from refinr import cli
from refinr.files import signals
from refinr.files.signals import read, write
from tests.files.formats import assert_survives, from_patterns, patterns, ramp
from tests.helpers import assert_equal_exact

WAV_TYPES = [("uint8", 8), ("int16", 16), ("int32", 24), ("int32", 32), ("float32", 32), ("float64", 64)]


@given(data=st.data(), kind=st.sampled_from(WAV_TYPES), rate=st.integers(1, 384000))
def test_wav_round_trip(folder, data, kind, rate):
    dtype, bits = kind
    shape = data.draw(st.tuples(st.integers(0, 5)) | st.tuples(st.integers(0, 5), st.integers(2, 6)))
    codes = data.draw(hnp.arrays("u8", shape, elements=patterns(bits)))
    info = {"format": "wav", "channels": len(shape) == 2, "rate": rate, "bits": bits}
    assert assert_survives(folder / "a.wav", from_patterns(codes, dtype, bits), info).info == info


@pytest.mark.parametrize(("dtype", "bits"), WAV_TYPES)
def test_wav_holds_the_ends_of_the_range(tmp_path, dtype, bits):
    if dtype.startswith("float"):
        ends = [np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal, -np.inf, np.nan, -0.0]
    else:
        ends = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if dtype != "uint8" else [0, 255]
    assert_survives(tmp_path / "a.wav", np.array(ends, dtype), {"rate": 44100, "bits": bits})


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


def _short(content: bytes, by: int) -> bytes:
    return content[:4] + struct.pack("<I", len(content) - 8 - by) + content[8:]


PLAIN = riff(fmt(1, 1, 2, 16), (b"data", ramp("int16", (5,)).tobytes()))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (riff(fmt(1, 1, 1, 8), (b"data", b"abcd"), (b"data", b"efgh")), "expected one chunk 'data'"),
        (PLAIN + b"something else", "14 bytes follow its chunks"),
        (PLAIN * 2, "54 bytes follow its chunks"),
        (riff(fmt(6, 1, 1, 8), (b"data", b"1234")), "its samples are A-law, expected integers or floats"),
        (riff((b"fmt ", b"12"), (b"data", b"1234")), "expected a chunk 'fmt ' of 16 bytes or more, got 2"),
        (PLAIN[:-3], "it is cut short: chunk 'data' should end at byte 54, got 51 bytes"),
        (b"RIFF\x0c\0\0\0WEBPVP8 ", "it begins like WebP; give it the name of what it is"),
        (b"RIFF\x0c\0\0\0AVI LIST", "it does not begin like one"),
    ],
)
def test_a_part_of_a_file_is_no_recording(tmp_path, content, message):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.wav: cannot be read as WAV: ({message})"):
        read(tmp_path / "a.wav")


@pytest.mark.parametrize("by", [1, 8, 10, 18, 46, -2, -99])
def test_a_head_that_is_wrong_about_the_size_is_a_side_remark(tmp_path, by):
    (tmp_path / "a.wav").write_bytes(_short(PLAIN, by))
    assert_equal_exact(read(tmp_path / "a.wav").samples, ramp("int16", (5,)))


def test_sizes_that_nobody_knew_when_they_were_written(tmp_path):
    unknown = bytearray(PLAIN)
    unknown[4:8] = unknown[40:44] = b"\xff" * 4
    (tmp_path / "a.wav").write_bytes(unknown + bytes(0))
    assert_equal_exact(read(tmp_path / "a.wav").samples, ramp("int16", (5,)))


def test_24_bits_in_4_bytes_are_what_these_hold(tmp_path):
    numbers = ramp("int32", (6,)) & ~255
    (tmp_path / "a.wav").write_bytes(riff(fmt(1, 2, 4, 24), (b"data", numbers.tobytes())))
    signal = read(tmp_path / "a.wav")
    assert_equal_exact(signal.samples, numbers.reshape(3, 2))
    assert_equal_exact(wavfile.read(tmp_path / "a.wav")[1], numbers.reshape(3, 2))
    assert_survives(tmp_path / "b.wav", signal.samples, signal.info)


def test_chunks_of_other_meaning_travel_along(tmp_path):
    notes = [(b"bext", b"a station"), (b"cue ", bytes(28)), (b"LIST", b"INFOIART\x05\0\0\0Name\0\0")]
    samples = ramp("int16", (5,)).tobytes()
    content = riff(fmt(1, 1, 2, 16), notes[0], (b"data", samples), *notes[1:])
    (tmp_path / "a.wav").write_bytes(content)
    signal = read(tmp_path / "a.wav")
    assert [name for name, _, _ in signal.info["chunks"]] == ["bext", "cue ", "LIST"]
    write(tmp_path / "b.wav", signal.samples, signal.info)
    assert (tmp_path / "b.wav").read_bytes() == content
    import soundfile

    with soundfile.SoundFile(tmp_path / "b.wav") as file:
        assert file.artist == "Name"
    odd = ramp("uint8", (5,))
    assert_survives(tmp_path / "c.wav", odd, signal.info)


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


def test_scipy_left_justifies_24_bits(tmp_path):
    """Why `read` shifts: were this to change, the shift would have to go."""
    write(tmp_path / "a.wav", np.array([-1, 5], "int32"), {"rate": 8000, "bits": 24})
    assert wavfile.read(tmp_path / "a.wav")[1].tolist() == [-256, 5 * 256]


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_recordings_of_many_channels(tmp_path, monkeypatch, channels):
    monkeypatch.chdir(tmp_path)
    sound = np.random.default_rng(0).integers(-99, 99, (50, channels)).astype(np.int16)
    signals.write("a.wav", sound[:, 0] if channels == 1 else sound, {"rate": 44100})
    assert cli.main(["fit", "a.wav", "a.inr", "--quiet", "--hidden", "8,8", "--max-steps", "20"]) == 0
    inr = refinr.load("a.inr")
    assert (inr.layout.grid, inr.layout.channels) == ((50,), channels)
    assert cli.main(["verify", "a.wav", "a.inr"]) == 0
    assert cli.main(["decode", "a.inr", "b.wav"]) == 0
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()
    assert os.path.getsize("a.wav") == 44 + 100 * channels
