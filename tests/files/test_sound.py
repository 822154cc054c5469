"""FLAC and AIFF: the stored integers, and back."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refinr.files.signals import read, write
from tests.files.formats import assert_survives, from_patterns, patterns, ramp
from tests.helpers import assert_equal_exact

FLAC = [("int8", 8), ("int16", 16), ("int32", 24)]
AIFF = [("int16", 16), ("int32", 24), ("int32", 32), ("float32", 32), ("float64", 64)]


@given(data=st.data(), kind=st.sampled_from([(".flac", *k) for k in FLAC] + [(".aiff", *k) for k in AIFF]))
def test_round_trip(folder, data, kind):
    suffix, dtype, bits = kind
    shape = data.draw(st.tuples(st.integers(1, 40)) | st.tuples(st.integers(1, 40), st.integers(2, 6)))
    samples = from_patterns(data.draw(hnp.arrays("u8", shape, elements=patterns(bits))), dtype, bits)
    if samples.dtype.kind == "f":
        samples = np.nan_to_num(samples, posinf=1.0, neginf=-1.0)
    info = {"channels": len(shape) == 2, "rate": 44100, "bits": bits}
    signal = assert_survives(folder / f"a{suffix}", samples, info)
    assert signal.info == {"format": suffix[1:], **info}


@pytest.mark.parametrize("suffix", [".flac", ".aiff"])
def test_stored_integers_are_read(tmp_path, suffix):
    samples = ramp("int16", (50, 2))
    soundfile.write(tmp_path / f"a{suffix}", samples, 8000, "PCM_16")
    signal = read(tmp_path / f"a{suffix}")
    assert_equal_exact(signal.samples, samples)
    assert signal.info["rate"] == 8000
    soundfile.write(tmp_path / f"b{suffix}", ramp("int32", (50,)), 8000, "PCM_24")
    assert_equal_exact(read(tmp_path / f"b{suffix}").samples, ramp("int32", (50,)) >> 8)


def test_aiff_of_8_bits_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.aiff", ramp("int16", (5,)), 8000, "PCM_S8")
    with pytest.raises(ValueError, match="its samples are PCM_S8, expected"):
        read(tmp_path / "a.aiff")


@pytest.mark.parametrize("suffix", [".flac", ".aiff"])
def test_what_cannot_be_written(tmp_path, suffix):
    for samples, info, message in [
        (ramp("int16", (5,)), {}, "expected 'rate'"),
        (ramp("uint16", (5,)), {"rate": 8000}, "expected .*int16 of 16 bits, .* got uint16"),
        (ramp("int16", (5, 1)), {"rate": 8000}, "got int16 of shape"),
        (np.array([1 << 23], "int32"), {"rate": 8000, "bits": 24}, "expected samples of 24 bits"),
    ]:
        with pytest.raises(ValueError, match=f"cannot be written as {suffix[1:].upper()}: .*{message}"):
            write(tmp_path / f"a{suffix}", samples, info)


@pytest.mark.parametrize("suffix", [".flac", ".aiff"])
def test_damage_is_refused_in_our_words(tmp_path, suffix):
    soundfile.write(tmp_path / f"a{suffix}", ramp("int16", (5000,)), 8000, "PCM_16")
    whole = (tmp_path / f"a{suffix}").read_bytes()
    for content in (whole[:20], whole[:60], b"", b"text" * 9):
        (tmp_path / f"a{suffix}").write_bytes(content)
        with pytest.raises(ValueError, match=r"cannot be read as [A-Z]+: it (is damaged|is cut|begins|does not begin)"):
            read(tmp_path / f"a{suffix}")
