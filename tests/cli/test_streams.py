"""Pipes: standard input and output for refinr's own files, readers that stop reading, outputs of any encoding."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import refinr
from refinr import cli

IMAGE = (np.arange(64).reshape(8, 8) * 7 % 50).astype(np.uint8)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", IMAGE)
    refinr.fit(IMAGE, max_steps=0, exact=True).save("a.inr")
    Path("a.rinr").write_bytes(refinr.compress(IMAGE, steps=1))
    return tmp_path


class _Stdin:
    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


@pytest.fixture
def run(folder, monkeypatch, capfdbinary):
    """A command with that standard input: its status, and what it wrote to both streams."""

    def run(*arguments: str, given: str | bytes = b"") -> tuple[int, bytes, str]:
        content = given if isinstance(given, bytes) else Path(given).read_bytes()
        monkeypatch.setattr(sys, "stdin", _Stdin(content))
        status = cli.main(list(arguments))
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return status, out, err.decode()

    return run


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        (["fit", "a.npy", "-", "--max-steps", "0", "--quiet"], "a.inr"),
        (["compress", "a.npy", "-", "--steps", "1", "--quiet"], "a.rinr"),
        (["fit", "-", "-", "--max-steps", "0", "--quiet"], "a.inr"),
        (["compress", "-", "-", "--steps", "1", "--quiet"], "a.rinr"),
    ],
    ids=str,
)
def test_files_go_to_standard_output_and_words_to_the_other(run, arguments, made):
    status, out, err = run(*arguments, given="a.npy")
    assert status == 0
    Path("made").write_bytes(out)
    decoded = refinr.decompress(out) if made == "a.rinr" else refinr.load("made").decode()
    assert np.array_equal(decoded, IMAGE)
    assert "lossless" in err or "bytes" in err


@pytest.mark.parametrize("name", ["a.inr", "a.rinr"])
@pytest.mark.parametrize("verb", ["info", "verify", "view", "decode"])
def test_files_come_from_standard_input(run, name, verb):
    if verb == "decode":
        verb = "decode" if name == "a.inr" else "decompress"
    arguments = {"info": [], "verify": [], "view": []}.get(verb, ["-"])
    status, out, err = run(verb, *(["a.npy"] if verb == "verify" else []), "-", *arguments, given=name)
    assert (status, err) == (0, "")
    if arguments:
        assert np.array_equal(np.load(io.BytesIO(out)), IMAGE)
    else:
        assert out


def test_signals_can_be_viewed_from_standard_input(run):
    status, out, _ = run("view", "-", given="a.npy")
    assert status == 0
    assert out.startswith(b"standard input.npy: uint8 (8, 8)")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["info", "-"], "refinr: standard input: "),
        (["verify", "-", "-"], "refinr: -: standard input is one file, expected names for the others"),
        (["view", "-", "--against", "-"], "refinr: -: standard input is one file"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_without_the_name_of_a_file_of_ours(run, arguments, said):
    status, out, err = run(*arguments, given=b"nothing that is known")
    assert (status, out) == (2, b"")
    assert err.startswith(said)
    assert len(err.splitlines()) == 1
    assert "/refinr-" not in err


def test_nothing_goes_to_standard_output_where_there_is_nothing(run):
    assert run("fit", "missing.npy", "-")[:2] == (2, b"")


def _process(*arguments: str, encoding: str = "utf-8", **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "refinr", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_a_reader_that_stops_reading_ends_it_in_silence(folder):
    code = "import sys; from refinr import cli; print('x' * 10**6); sys.exit(cli.main(['info', 'a.inr']))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) in (141, 1)
    assert b"refinr: " not in said


def test_a_closed_output_is_status_141(folder):
    process = _process("info", "a.inr")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), said) == (141, b"")


def test_any_encoding_of_the_output_will_do(folder):
    import os

    refinr.fit(IMAGE, max_steps=0, exact=True, info={"comment": "naïve 中"}).save("b.inr")
    process = _process("info", "b.inr", env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert rb"na\xefve \u4e2d" in out
