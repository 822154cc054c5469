"""Files that stand for more than they should, and libraries that go astray: refused, in little time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from refinr import cli
from refinr.files import apart, signals
from refinr.files.budget import Budget
from refinr.files.signals import read, write
from tests.files import hostile
from tests.files.formats import ramp
from tests.helpers import assert_equal_exact


@pytest.mark.skipif(sys.platform != "linux", reason="where the system says how much memory there was at most")
def test_no_bomb_goes_off(tmp_path):
    """In a process of its own, of which the system says how much memory it had at once, and its children."""
    bombs = hostile.bombs()
    for name, (suffix, content) in bombs.items():
        (tmp_path / f"{name}{suffix}").write_bytes(content)
    done = subprocess.run([sys.executable, "-m", "tests.files.hostile", tmp_path], capture_output=True, check=True)
    answer = json.loads(done.stdout)
    assert len(answer["found"]) == len(bombs)
    for name, (said, seconds) in answer["found"].items():
        assert "cannot be read as" in said, f"{name}: {said}"
        assert "reading it takes more" not in said, f"{name}: only the system stopped it"
        assert seconds < 1
    assert max(answer["peaks"]) < 300_000  # kilobytes; most of them Python's and NumPy's own


def test_what_a_head_may_ask_for_is_the_callers_to_say(tmp_path, capsys):
    write(tmp_path / "a.png", np.zeros((90, 100), "uint8"))
    write(tmp_path / "a.nii.gz", np.zeros((90, 100), "uint8"))
    few = Budget(memory=2 * 9000 - 1, memory_a_byte=0)
    for suffix in (".png", ".nii.gz"):
        with pytest.raises(ValueError, match=r"and may for 8999: say that the file is trusted if it is"):
            read(tmp_path / f"a{suffix}", budget=few)
        assert read(tmp_path / f"a{suffix}", budget=few, trusted=True).samples.shape == (90, 100)
    (tmp_path / "large.gif").write_bytes(hostile.gif(1))
    assert cli.main(["fit", str(tmp_path / "large.gif"), str(tmp_path / "a.inr"), "--quiet"]) == 2
    assert (
        "may for 250000000: say that the file is trusted if it is (trusted=True, --trusted)" in capsys.readouterr().err
    )
    assert cli.main(["fit", str(tmp_path / "a.png"), str(tmp_path / "a.inr"), "--quiet", "--trusted"]) == 0


# --- libraries that go astray ----------------------------------------------------------------------------------------

ASTRAY = {
    "while True: pass": "reading it takes more than the 0 s that its [0-9]+ bytes may: say that the file is trusted",
    "bytearray(10**9)": "reading it takes more than the 500000000 bytes of memory that its [0-9]+ bytes may",
    "os.kill(os.getpid(), 9)": "it ends the library that reads it: it is damaged, or of a kind that is not known here",
    "print('{}', flush=True); raise RuntimeError": "it is damaged",
}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system limits less")
@pytest.mark.parametrize("what", ASTRAY)
def test_a_library_that_goes_astray_is_stopped(tmp_path, monkeypatch, what):
    write(tmp_path / "a.png", ramp("uint8", (4, 5)))
    (tmp_path / "imagecodecs.py").write_text(f"import os\ndef jpegxl_decode(content):\n    {what}\n")
    (tmp_path / "a.jxl").write_bytes(b"\xff\x0a" + bytes(20))
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        patch.setattr(apart, "_worker", None)
        with pytest.raises(ValueError, match=rf"a\.jxl: cannot be read as JXL: {ASTRAY[what]}"):
            read(tmp_path / "a.jxl", budget=Budget(operations=0, operations_a_byte=0))
        if apart._worker is not None:
            apart._worker.end()
    assert_equal_exact(read(tmp_path / "a.png").samples, ramp("uint8", (4, 5)))


def test_readers_apart_are_one_process_that_ends_with_its_parent(tmp_path):
    write(tmp_path / "a.png", ramp("uint8", (4, 5)))
    code = (
        "import sys; from refinr.files import apart, signals; a = signals.read(sys.argv[1]);"
        "first = apart._worker.process.pid; signals.read(sys.argv[1]);"
        "assert first == apart._worker.process.pid; print(first, flush=True); import os; os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.png"], capture_output=True, check=True)
    end = time.monotonic() + 10
    while _is_there(int(done.stdout)):
        assert time.monotonic() < end
        time.sleep(0.05)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jxl", ".webp", ".bmp", ".flac", ".aiff"])
def test_apart_or_not_is_the_same(tmp_path, suffix):
    shape = (40, 2) if suffix in (".flac", ".aiff") else (6, 8, 3)
    samples = ramp("int16" if len(shape) == 2 else "uint8", shape)
    write(tmp_path / f"a{suffix}", samples, {"rate": 8000})
    there = read(tmp_path / f"a{suffix}")
    here = read(tmp_path / f"a{suffix}", trusted=True)
    assert_equal_exact(there.samples, samples)
    assert_equal_exact(here.samples, samples)
    assert there.info == here.info
    assert there.samples.flags.writeable


def test_relative_paths_are_those_of_the_parent(tmp_path, monkeypatch):
    write(tmp_path / "a.png", ramp("uint8", (4, 5)))
    read(tmp_path / "a.png")  # the process is there already
    monkeypatch.chdir(tmp_path)
    assert_equal_exact(read("a.png").samples, ramp("uint8", (4, 5)))


def test_a_fork_has_readers_of_its_own(tmp_path, monkeypatch):
    write(tmp_path / "a.png", ramp("uint8", (4, 5)))
    read(tmp_path / "a.png")
    before = apart._worker
    assert before is not None
    monkeypatch.setattr(before, "owner", -1)
    read(tmp_path / "a.png")
    assert apart._worker is not before
    before.end()


@pytest.mark.parametrize("program", ["/no/such/program", None, sys.executable])
def test_where_no_process_can_be_started_it_is_said(tmp_path, monkeypatch, program):
    write(tmp_path / "a.png", ramp("uint8", (4, 5)))
    monkeypatch.setattr(sys, "executable", program)
    monkeypatch.setattr(apart, "_worker", None)
    monkeypatch.setattr(apart, "_CODE", "raise SystemExit")
    with pytest.raises(ValueError, match="no other process can be started to read it; trusted=True or --trusted reads"):
        read(tmp_path / "a.png")
    assert_equal_exact(read(tmp_path / "a.png", trusted=True).samples, ramp("uint8", (4, 5)))


def test_interrupted_reading_leaves_nothing_behind(tmp_path, monkeypatch):
    write(tmp_path / "a.png", ramp("uint8", (4, 5)))
    read(tmp_path / "a.png")
    worker = apart._worker
    assert worker is not None

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(worker, "ask", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read(tmp_path / "a.png")
    assert worker.process.poll() is not None
    assert_equal_exact(read(tmp_path / "a.png").samples, ramp("uint8", (4, 5)))


def test_every_format_whose_samples_may_outgrow_it_says_what_it_asks_for():
    for row in signals.FORMATS.values():
        assert row.asks is not None or row.at is not None or row.name in ("npy", "wav", "pixmap", "fits")
