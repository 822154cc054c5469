"""Standard input and output, and pipes: formats are known by how content begins."""

from __future__ import annotations

import io
import os
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from refinr import cli
from refinr.files import signals
from refinr.files.format import recognised
from refinr.files.signals import read, write
from tests.files.formats import ramp, written
from tests.helpers import assert_equal_exact

SOUNDS = {".wav", ".flac", ".aiff", ".aif"}
HOLDS = {".npy": "int16", ".nii": "int16", ".fits": "int16", ".dcm": "int16", ".h5": "int16", ".npz": "int16"}
WRITABLE = [suffix for suffix, row in signals.by_suffix().items() if not row.instead]


def example(suffix: str) -> np.ndarray:
    if suffix in SOUNDS:
        return ramp("int16", (40, 2))
    return ramp("uint8", (6, 8, 3)) if suffix not in HOLDS else ramp(HOLDS[suffix], (6, 8))


def give(monkeypatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))


@pytest.mark.parametrize("suffix", WRITABLE)
def test_every_format_is_known_by_how_it_begins(tmp_path, monkeypatch, capsysbinary, suffix):
    samples = example(suffix)
    content = written(tmp_path, suffix, samples, {"rate": 8000})
    assert recognised(content) == signals.by_suffix()[suffix].name
    give(monkeypatch, content)
    signal = read("-")
    assert_equal_exact(signal.samples, samples)
    write("-", signal.samples, signal.info)
    give(monkeypatch, capsysbinary.readouterr().out)
    again = read("-")
    assert_equal_exact(again.samples, samples)
    assert again.info == signal.info


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "standard input: expected a file of a known format, got what begins like nothing: it is empty"),
        (b"%PDF-1.5", "got what begins like PDF"),
        (b"text text", "got what begins like b'text text'"),
        (b"\x89PNG\r\n\x1a\n", "-: cannot be read as PNG: it is cut short"),
    ],
)
def test_other_input_is_refused(monkeypatch, content, message):
    give(monkeypatch, content)
    with pytest.raises(ValueError, match=message):
        read("-")


def test_what_cannot_be_written_as_it_came_is_written_in_another_format(capsysbinary):
    write("-", ramp("uint8", (6, 8, 3)), {"format": "jpeg", "channels": True})
    assert recognised(capsysbinary.readouterr().out) == "png"
    write("-", ramp("uint8", (6, 8, 3)))
    assert recognised(capsysbinary.readouterr().out) == "npy"


def test_the_command_line_in_a_pipe(tmp_path, monkeypatch, capsysbinary):
    monkeypatch.chdir(tmp_path)
    content = written(tmp_path, ".png", ramp("uint8", (6, 8)))
    fit = ["--quiet", "--max-steps", "0", "--hidden", "4"]
    for arguments in (["fit", "-", "a.inr", *fit], ["verify", "-", "a.inr"], ["compress", "-", "a.rinr", "--quiet"]):
        give(monkeypatch, content)
        assert cli.main(arguments) == 0
    capsysbinary.readouterr()
    for arguments in (["decode", "a.inr", "-"], ["decompress", "a.rinr", "-"]):
        assert cli.main(arguments) == 0
        give(monkeypatch, capsysbinary.readouterr().out)
        assert_equal_exact(read("-").samples, ramp("uint8", (6, 8)))
    assert cli.main(["fit", "-", *fit]) == 2
    assert cli.main(["fit", "whole.png", "-", *fit]) == 0  # refinr's own files go to standard output as well
    assert not (tmp_path / "-").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX's")
def test_a_pipe_with_a_name_is_read_once(tmp_path):
    content = written(tmp_path, ".tif", ramp("uint8", (6, 8)))
    os.mkfifo(tmp_path / "pipe.tif")
    threading.Thread(target=(tmp_path / "pipe.tif").write_bytes, args=(content,)).start()
    assert_equal_exact(read(tmp_path / "pipe.tif").samples, ramp("uint8", (6, 8)))


def test_what_stays_behind_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write("a.wav", ramp("int16", (40, 2)), {"rate": 8000})
    assert cli.main(["fit", "a.wav", "a.inr", "--quiet", "--max-steps", "0", "--hidden", "4"]) == 0
    assert cli.main(["compress", "a.wav", "a.rinr", "--quiet"]) == 0
    capsys.readouterr()
    for file in ("a.inr", "a.rinr"):
        assert cli.main(["info", file]) == 0
        assert "not carried    of wav: chunks of big-endian files" in capsys.readouterr().out
        verb = {"a.inr": "decode", "a.rinr": "decompress"}[file]
        assert cli.main([verb, file, "b.wav", "--force"]) == 0
        assert capsys.readouterr().err == ""
        assert cli.main([verb, file, "b.npy", "--force"]) == 0
        assert "b.npy does not hold what came with the samples: rate, bits" in capsys.readouterr().err


def test_chunks_that_stay_behind_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pair = [["pHYs", "AAALEwAACxMB"]]  # 72 dots an inch
    write("a.png", ramp("uint8", (5, 6)), {"chunks": pair})
    assert cli.main(["fit", "a.png", "a.inr", "--quiet", "--max-steps", "0"]) == 0
    assert cli.main(["decode", "a.inr", "b.npy"]) == 0
    assert capsys.readouterr().err.endswith(", chunks (pHYs)\n")
