"""Hostile files, 2,000 of them, and that the judge of the campaign sees what it is there for."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import struct
import wave
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import refinr
from refinr.files import container, signals
from refinr.limits import Limits
from tests import forging_inr, fuzz


@pytest.fixture(scope="module")
def seeds() -> list[fuzz.Seed]:
    return fuzz.make_seeds()


FUZZED = {".npy", ".png", ".tif", ".wav", ".nii", ".nii.gz", ".rinr"}
"""What refinr reads by code of its own, or bounds before a library reads it; other formats are their libraries'."""


def test_no_hostile_file_of_thousands_does_harm():
    found = list(fuzz.campaign(2500))
    assert [one for one in found if one.outcome in fuzz.BAD] == []
    assert [one.index for one in found] == list(range(2500))
    counts = Counter(one.kind.partition(" ")[2] for one in found)
    assert Counter(one.kind for one in found)["forged .rinr"] > 200
    assert all(counts[suffix] > 50 for suffix in FUZZED)
    assert counts[".inr"] > 500
    loaded = [one for one in found if one.outcome != "refused" or one.detail == fuzz.LOADED]
    assert sum(one.kind.endswith(".inr") for one in loaded) > 0.2 * counts[".inr"]  # behind all checks of the head
    assert Counter(one.outcome for one in found)["samples"] > 100  # some harm is none


def test_no_hostile_file_of_other_formats_does_harm():
    found = list(fuzz.campaign(1000, make=fuzz.other_seeds))
    assert [one for one in found if one.outcome in fuzz.BAD] == []
    counts = Counter(one.kind.partition(" ")[2] for one in found)
    assert min(counts[seed.suffix] for seed in fuzz.other_seeds()) > 15
    assert Counter(one.outcome for one in found)["samples"] > 50


def test_files_are_the_same_every_time(seeds):
    for index in range(30):
        assert fuzz.hostile(seeds, 5, index) == fuzz.hostile(seeds, 5, index)
    assert fuzz.hostile(seeds, 5, 1)[2] != fuzz.hostile(seeds, 6, 1)[2]


def test_good_files_are_good(seeds, tmp_path):
    for seed in [*seeds, *fuzz.other_seeds()]:
        outcome = fuzz.judge(f"mutated {seed.suffix}", seed, seed.content, tmp_path / f"a{seed.suffix}")
        assert outcome == ("samples", "")


def test_other_samples_are_wrong(seeds, tmp_path):
    for seed in seeds:
        if seed.suffix in (".inr", ".rinr", ".png"):
            other = seed._replace(samples=seed.samples ^ 1 if seed.samples.dtype.kind != "f" else seed.samples + 1)
            assert fuzz.judge(f"mutated {seed.suffix}", other, seed.content, tmp_path / f"a{seed.suffix}")[0] == "wrong"
    sound = next(seed for seed in seeds if seed.suffix == ".wav")
    assert fuzz._judge_wav(sound.samples, sound.content) == ("samples", "others")
    assert fuzz._judge_wav(sound.samples[1:], sound.content)[0] == "wrong"


def _too_much(kind: str, original: fuzz.Seed, content: bytes, path: Path) -> tuple[str, str]:
    bytearray(600_000_000)
    return "samples", ""


def _too_much_inside(kind: str, original: fuzz.Seed, content: bytes, path: Path) -> tuple[str, str]:
    row = signals.FORMATS["npy"]
    signals.FORMATS["npy"] = dataclasses.replace(row, read=lambda content: bytearray(600_000_000))  # type: ignore
    return fuzz.judge(kind, original._replace(suffix=".npy"), content, path.with_suffix(".npy"))


def _too_long(kind: str, original: fuzz.Seed, content: bytes, path: Path) -> tuple[str, str]:
    while True:
        pass


def _raises(kind: str, original: fuzz.Seed, content: bytes, path: Path) -> tuple[str, str]:
    raise KeyError(kind)


def _dies(kind: str, original: fuzz.Seed, content: bytes, path: Path) -> tuple[str, str]:
    os._exit(3)


@pytest.mark.parametrize(
    ("judge", "outcome"),
    [(_too_much, "memory"), (_too_much_inside, "memory"), (_too_long, "hang"), (_raises, "crash"), (_dies, "crash")],
)
def test_harm_is_seen_and_the_campaign_goes_on(judge, outcome):
    files = 1 if outcome == "hang" else 2
    found = list(fuzz.campaign(files, judge=judge, make=fuzz.reader_seeds))
    assert [(one.index, one.outcome) for one in found] == [(i, outcome) for i in range(files)]


# --- forgeries that were thought of ----------------------------------------------------------------------------------

FORGERIES = [
    {"shape": [2**60], "tile": [2**60]}, {"shape": [2**30, 2**30], "tile": [2**30, 2**30]}, {"shape": [-9, 7]},
    {"tile": [2**40, 5]}, {"shape": [9, 7, 2**40]}, {"dtype": "O"}, {"dtype": "V1000000000"}, {"dtype": "<f16"},
    {"dtype": "<c8"}, {"dtype": "9" * 5000},
    {"dtype": ">O"}, {"dtype": None}, {"dtype": "<f2,<f2"},
    {"offset": 2**64}, {"offset": -1}, {"offset": 10**400},
    {"shape": [1] * 100, "tile": [1] * 100},
    {"spec": {"sizes": [2, 2**40, 1]}}, {"spec": {"sizes": [2] + [4] * 10_000 + [1]}}, {"cut": {"bits": 2**40}},
    {"cut": {"bits": 8.0}}, {"channel_axis": 1, "shape": [63], "tile": [63]},
]  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES, ids=str)
def test_forged_layouts_are_refused_before_memory_is_asked_for(seeds, tmp_path, forgery):
    content = seeds[0].content
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    description = json.loads(header.pop("__metadata__")["refinr"])
    for key, value in forgery.items():
        old = description["layout"][key]
        description["layout"][key] = old | value if isinstance(old, dict) else value
    body = np.frombuffer(content[8 + length :], np.uint8)
    arrays = {name: container._array(entry, body) for name, entry in header.items()}
    (tmp_path / "a.inr").write_bytes(forging_inr.written(json.dumps(description), arrays))
    with pytest.raises(ValueError, match=r"a\.inr: "):
        refinr.load(tmp_path / "a.inr")


def test_a_forged_tile_larger_than_the_grid_is_refused(tmp_path):
    """As many tiles as before, but coordinates for a million million samples in each."""
    refinr.fit(np.zeros((5, 5), np.uint8), max_steps=1, exact=True).save(tmp_path / "a.inr")
    arrays, description = container.read(tmp_path / "a.inr")
    description["layout"]["tile"] = [2**20, 2**20]
    container.write(tmp_path / "a.inr", arrays, description)
    with pytest.raises(ValueError, match=r"tile: expected one within the grid of \(5, 5\)"):
        refinr.load(tmp_path / "a.inr")


@pytest.mark.parametrize(("outputs", "a_byte", "refused"), [(4096, 0, False), (4095, 0, True), (0, 10_000, False)])
def test_a_small_file_for_a_large_array_must_be_trusted(tmp_path, outputs, a_byte, refused):
    inr = refinr.fit(np.zeros((4, 1024), np.uint8), tile=(4, 1024), hidden=(2,), max_steps=1, exact=True)
    inr.save(tmp_path / "a.inr")
    allowed = Limits(outputs=outputs, outputs_a_byte=a_byte)
    if refused:
        with pytest.raises(ValueError, match=r"a\.inr: \d+ bytes of arrays stand for 4096 outputs"):
            refinr.load(tmp_path / "a.inr", limits=allowed)
    assert not refinr.load(tmp_path / "a.inr", limits=allowed, trusted=refused).decode().any()


def test_wav_whose_two_widths_differ_is_refused(tmp_path):
    with io.BytesIO() as file:
        with wave.open(file, "wb") as writer:
            writer.setparams((1, 3, 8000, 0, "NONE", ""))
            writer.writeframes(bytes(30))
        content = bytearray(file.getvalue())
    for bits, good in ((24, True), (20, True), (16, False), (25, False), (0, False)):
        content[34:36] = struct.pack("<H", bits)
        (tmp_path / "a.wav").write_bytes(content)
        if good:
            assert signals.read(tmp_path / "a.wav").samples.shape == (10,)
        else:
            with pytest.raises(ValueError, match=f"expected samples of {bits} bits in"):
                signals.read(tmp_path / "a.wav")


def test_wav_whose_head_speaks_of_three_bytes_and_of_four_is_refused(tmp_path):
    """Blocks of four bytes hold 24 bits in some files; some readers look at the bits alone, and see other samples."""
    signals.write(tmp_path / "a.wav", np.arange(12, dtype=np.int32), {"rate": 8000, "bits": 24})
    content = bytearray((tmp_path / "a.wav").read_bytes())
    assert content[32:36] == struct.pack("<HH", 3, 24)
    content[32:34] = struct.pack("<H", 4)
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ValueError, match="its head speaks of samples of three bytes, and of four"):
        signals.read(tmp_path / "a.wav")
    content[28:32] = struct.pack("<I", 4 * 8000)
    (tmp_path / "a.wav").write_bytes(content)
    assert signals.read(tmp_path / "a.wav").samples.shape == (9,)
    assert fuzz._judge_wav(signals.read(tmp_path / "a.wav").samples, bytes(content)) == ("samples", "others")


def test_wav_whose_head_is_wrong_about_its_length_has_all_its_samples(tmp_path):
    signals.write(tmp_path / "a.wav", np.arange(9, dtype=np.int16), {"rate": 8000})
    content = bytearray((tmp_path / "a.wav").read_bytes())
    (whole,) = struct.unpack("<I", content[4:8])
    for size in (whole, whole - 1, 40, 0, 2**32 - 1):
        content[4:8] = struct.pack("<I", size)
        (tmp_path / "a.wav").write_bytes(content)
        assert signals.read(tmp_path / "a.wav").samples.tolist() == list(range(9))


def test_wav_that_ends_within_its_samples_is_refused(tmp_path):
    signals.write(tmp_path / "a.wav", np.arange(9, dtype=np.int16), {"rate": 8000})
    content = (tmp_path / "a.wav").read_bytes()
    for missing in range(1, 19):
        (tmp_path / "a.wav").write_bytes(content[:-missing])
        with pytest.raises(ValueError, match="it is cut short: chunk 'data' should end at byte"):
            signals.read(tmp_path / "a.wav")


def test_a_tiff_strip_without_bytes_is_refused(tmp_path):
    import tifffile

    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((4, 4), np.uint8), compression="zlib")
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].tags[279].offset  # how many bytes each strip has
    content = bytearray(path.read_bytes())
    content[at + 8 : at + 12] = bytes(4)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="expected samples in all strips or tiles of a page"):
        signals.read(path)


def test_headers_that_promise_gigabytes_are_refused(tmp_path):
    import tifffile

    with open(tmp_path / "a.npy", "wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10_000_000, 10)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(80))
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 2), np.uint8), compression="zlib")
    tiff = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        offsets = [file.pages[0].tags[tag].offset for tag in (256, 257)]  # width and length
    for at in offsets:
        tiff[at + 2 : at + 12] = struct.pack("<HII", 4, 1, 60_000)
    (tmp_path / "a.tif").write_bytes(tiff)
    for name in ("a.npy", "a.tif"):
        with pytest.raises(ValueError, match=r"cannot be read as"):
            signals.read(Path(tmp_path / name))
