"""What the command line writes over, and what it leaves alone: decided before the work begins."""

from __future__ import annotations

import os
import socket
import stat
import threading
from pathlib import Path

import numpy as np
import pytest

import refinr
from refinr import cli
from refinr.files import signals

FIT = ["fit", "a.npy", "out.inr", "--quiet", "--hidden", "4", "--max-steps", "0"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.arange(16, dtype="u1").reshape(4, 4))
    signals.write("a.png", np.arange(16, dtype="u1").reshape(4, 4))
    assert cli.main(["fit", "a.npy", "a.inr", *FIT[3:]]) == 0
    return tmp_path


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*arguments, **options):
        raise AssertionError("work has begun")

    for name in ("fitting.fit", "expansion.expand", "load"):
        monkeypatch.setattr(f"refinr.cli.commands.{name}", work)


def _fit_to(output: str, *options: str) -> list[str]:
    return ["fit", "a.npy", output, *FIT[3:], *options]


REFUSED = {
    "a folder": (_fit_to("folder"), "folder: a folder, expected the name of a file"),
    "an empty name": (_fit_to(""), "a folder"),
    "no such folder": (_fit_to("nowhere/a.inr"), "no such folder: "),
    "a socket": (_fit_to("socket"), "a socket or a disk"),
    "somebody's photograph": (_fit_to("photo.jpg"), "photo.jpg: "),
    "somebody's text": (_fit_to("notes.txt"), "there is such a file already; give another name, or --force"),
    "a link to the input": (_fit_to("link.inr", "--force"), "the same file as a.npy, which would be lost"),
    "a hard link to the input": (_fit_to("hard.inr", "--force"), "the same file as a.npy"),
    "decode over an original": (["decode", "a.inr", "a.npy"], "a.npy: there is such a file already"),
    "decode over itself": (["decode", "a.inr", "same.npy", "--force"], "the same file as a.inr"),
    "decode into a folder": (["decode", "a.inr", "folder.npy", "--force"], "a folder"),
    "expand over itself": (["expand", "a.png", "a.png", "--force"], "the same file as a.png"),
    "expand over another": (["expand", "a.png", "b.png"], "b.png: there is such a file already"),
    "expand to no format": (["expand", "a.png", "b.xyz"], "expected a name ending in"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_or_must_not_be_written_is_refused_before_the_work(folder, no_work, capsys, name):
    Path("folder").mkdir()
    Path("folder.npy").mkdir()
    for other in ("photo.jpg", "notes.txt", "b.png"):
        Path(other).write_bytes(b"somebody's")
    Path("link.inr").symlink_to("a.npy")
    os.link("a.npy", "hard.inr")
    os.link("a.inr", "same.npy")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("socket")
        before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        arguments, message = REFUSED[name]
        capsys.readouterr()
        assert cli.main(arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("locked", ["folder", "folder/a.inr"])
def test_what_is_not_ours_to_write(folder, no_work, capsys, monkeypatch, locked):
    Path("folder").mkdir()
    os.link("a.inr", "folder/a.inr")
    shut = Path(locked).resolve()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != shut)  # the superuser may write anywhere
    assert cli.main(_fit_to("folder/a.inr")) == 2
    assert "cannot be written to" in capsys.readouterr().err


def test_what_refinr_wrote_it_may_write_again_and_anything_by_force(folder):
    assert cli.main(_fit_to("a.inr")) == 0
    Path("empty.inr").touch()
    assert cli.main(_fit_to("empty.inr")) == 0
    Path("b.npy").write_bytes(b"older")
    assert cli.main(["decode", "a.inr", "b.npy", "--force"]) == 0
    assert Path("b.npy").read_bytes() == Path("a.npy").read_bytes()
    Path("notes.txt").write_text("notes")
    assert cli.main(_fit_to("notes.txt", "--force")) == 0
    assert refinr.load("notes.txt").lossless


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_the_mode_of_an_older_file_is_kept(folder, mode):
    Path("a.inr").chmod(mode)
    refinr.load("a.inr").save("a.inr")
    assert stat.S_IMODE(os.stat("a.inr").st_mode) == mode


def test_the_owner_of_an_older_file_is_kept_where_that_may_be(folder, monkeypatch):
    asked = []

    def chown(path, user, group):
        asked.append((user, group))
        raise PermissionError

    class Other:
        st_mode, st_uid, st_gid, st_size = stat.S_IFREG | 0o640, 12345, 54321, 9

    inr = refinr.load("a.inr")
    right = Path.stat
    target = Path("a.inr").resolve()
    monkeypatch.setattr(Path, "stat", lambda path, **options: Other if path == target else right(path, **options))
    monkeypatch.setattr(os, "chown", chown)
    inr.save("a.inr")
    assert asked == [(12345, 54321)]
    assert stat.S_IMODE(os.stat("a.inr").st_mode) == 0o640


def test_pipes_are_written_into_and_stay_pipes(folder):
    os.mkfifo("pipe.npy")
    read = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe.npy").read_bytes()))
    reader.start()
    assert cli.main(["decode", "a.inr", "pipe.npy"]) == 0
    reader.join(timeout=30)
    assert read == [Path("a.npy").read_bytes()]
    assert stat.S_ISFIFO(os.stat("pipe.npy").st_mode)


def test_devices_stay_devices(folder):
    assert cli.main(_fit_to("/dev/null")) == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("there", [False, True])
def test_two_at_one_output_is_said_and_the_last_one_stands(folder, monkeypatch, capsys, there):
    if there:
        assert cli.main(FIT) == 0
    whole = refinr.fit

    def meanwhile(*arguments, **options):
        refinr.solve(np.arange(30).reshape(5, 6)).save("out.inr")
        return whole(*arguments, **options)

    monkeypatch.setattr("refinr.fitting.fit", meanwhile)
    capsys.readouterr()
    assert cli.main(FIT) == 0
    assert capsys.readouterr().err == (
        "refinr: note: out.inr was written by another process meanwhile, and is replaced\n"
    )
    assert refinr.load("out.inr").shape == (4, 4)
    monkeypatch.setattr("refinr.fitting.fit", whole)
    assert cli.main(FIT) == 0
    assert capsys.readouterr().err == ""
