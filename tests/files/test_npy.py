"""NumPy arrays: any byte order and shape, no code, nothing but numbers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

import refinr
from refinr.files import signals
from refinr.files.signals import read, write
from tests import strategies
from tests.files.formats import assert_survives
from tests.helpers import assert_equal_exact


@given(samples=strategies.samples())
def test_npy_round_trip(folder, samples):
    assert assert_survives(folder / "a.npy", samples, {}).info == {"format": "npy", "channels": None}


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
    with pytest.raises(ValueError, match=r"a\.npy: cannot be read as NPY: it holds Python objects"):
        read(tmp_path / "a.npy")
    assert not (tmp_path / "trace").exists()


# --- larger than memory ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
def test_large_npy_files_are_mapped(tmp_path, monkeypatch, order):
    monkeypatch.setattr(signals, "MAPPED", 100)
    samples = np.asarray(np.random.default_rng(0).integers(0, 99, (9, 20)).astype(">i2"), order=order)
    np.save(tmp_path / "a.npy", samples)
    mapped, info = signals.read(tmp_path / "a.npy")
    assert isinstance(mapped, np.memmap)
    assert info == {"format": "npy", "channels": None}
    assert_equal_exact(np.array(mapped), np.array(samples))
    inr = refinr.fit(mapped, max_steps=3, tile=5, exact=True)
    out = np.lib.format.open_memmap(tmp_path / "b.npy", "w+", samples.dtype, samples.shape)
    inr.decode(out=out)
    assert_equal_exact(np.load(tmp_path / "b.npy"), np.array(samples))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"a\.npy: cannot be read as NPY"):
        signals.read(tmp_path / "a.npy")


def test_a_fit_of_a_memory_map_takes_no_memory_that_grows_with_it(tmp_path):
    """The anonymous memory of the driver: what is mapped from files, the system can take back at any moment."""
    script = """
import sys, threading, time
import numpy as np, refinr
from refinr import cpu
side = int(sys.argv[1])
samples = np.lib.format.open_memmap(sys.argv[2] + "/a.npy", "w+", "u2", (side, 512))
peak = 0
def watch():
    global peak
    while True:
        fields = dict(line.split(":", 1) for line in open("/proc/self/status"))
        peak = max(peak, int(fields["RssAnon"].split()[0]))
        time.sleep(0.005)
threading.Thread(target=watch, daemon=True).start()
options = dict(bits=8, tile=(16, 16), hidden=(16, 16), max_steps=1, group=64)
inr = refinr.fit(samples, exact=True, journal=sys.argv[2] + "/a.part", **options)
inr.save(sys.argv[2] + "/a.inr")
time.sleep(0.05)
print(peak, sum(p.nbytes for p in inr.params.values()) // 1024)
"""
    peaks, stored = [], []
    for side in (32, 1024):
        (tmp_path / str(side)).mkdir()
        command = [sys.executable, "-c", script, str(side), str(tmp_path / str(side))]
        root = Path(refinr.__file__).parent.parent
        run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
        peak, size = map(int, run.stdout.split())
        peaks.append(peak)
        stored.append(size)
    assert stored[1] == 32 * stored[0]
    assert peaks[1] - peaks[0] < 0.5 * (stored[1] - stored[0])


def test_a_header_of_python_2_is_a_side_remark(tmp_path, monkeypatch):
    samples = np.arange(6, dtype="<i8").reshape(2, 3)
    np.save(tmp_path / "a.npy", samples)
    content = (tmp_path / "a.npy").read_bytes()
    old = content.replace(b"(2, 3), }", b"(2L, 3L), }").replace(b"  \n", b"\n", 1)
    (tmp_path / "a.npy").write_bytes(old)
    assert_equal_exact(read(tmp_path / "a.npy").samples, samples)
    monkeypatch.setattr(signals, "MAPPED", 8)
    assert_equal_exact(np.array(read(tmp_path / "a.npy").samples), samples)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-1], "it is cut short: expected 48 bytes for int64 .*, got 47"),
        (lambda content: content + b"12", "2 bytes follow its samples, which would be lost"),
        (lambda content: content.replace(b"descr", b"descx"), "it is damaged, or of a kind that is not known here"),
        (lambda content: b"", "it begins like nothing: it is empty"),
        (lambda content: b"PK\3\4" + content, "it begins like a zip archive, as NPZ is; give it the name"),
    ],
)
def test_refusals_are_in_our_words(tmp_path, change, message):
    np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3))
    (tmp_path / "a.npy").write_bytes(change((tmp_path / "a.npy").read_bytes()))
    with pytest.raises(ValueError, match=rf"a\.npy: cannot be read as NPY: {message}"):
        read(tmp_path / "a.npy")
