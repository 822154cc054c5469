"""Interrupted and gone on with: the same bytes, whatever happened in between, and never somebody else's networks."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refinr
from benchmarks import resume
from refinr import cli, optim, training
from refinr.files.journal import Journal, discard
from refinr.files.locking import Locked
from tests.helpers import assert_equal_exact
from tests.strategies import seeds

KEY = bytes(range(32))
LIKE = {"w0": np.zeros((1, 2, 3), np.float32), "b0": np.zeros((1, 1, 3), np.float32), "c0": np.zeros((1, 5), np.int8)}
IMAGE = np.random.default_rng(0).integers(0, 16, (6, 6)).astype(np.uint8)
FIT = {"tile": (3, 3), "hidden": (8, 8), "lr": 3e-3, "max_steps": 60, "patience": 12, "group": 3}


class StopHereError(Exception):
    """Stands in for whatever ends a fit."""


class Stops(ThreadPoolExecutor):
    """One thread that stops taking work after some groups."""

    def __init__(self, groups: int) -> None:
        super().__init__(1)
        self.left = groups

    def submit(self, *arguments: object, **options: object) -> Future:  # type: ignore[override]
        self.left -= 1
        if self.left < 0:
            failed: Future = Future()
            failed.set_exception(StopHereError())
            return failed
        done = super().submit(*arguments, **options)
        done.exception()  # wait for it
        return done


def _networks(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    return {
        name: (rng.integers(-9, 9, (count, *p.shape[1:])) / 4).astype(p.dtype) for name, p in LIKE.items()
    }  # fmt: skip


def _done(path: Path, networks: int, **options: object) -> set[int]:
    """The networks that are in a journal."""
    with Journal(path, KEY, networks, LIKE, **options) as journal:
        return set(journal.done)


# --- the file --------------------------------------------------------------------------------------------------------


@given(st.lists(st.sets(st.integers(0, 8), min_size=1), max_size=4), seeds)
def test_networks_come_back_in_whatever_order_they_came(tmp_path_factory, groups, seed):
    path = tmp_path_factory.getbasetemp() / "a.part"
    path.unlink(missing_ok=True)
    rng, expected = np.random.default_rng(seed), {}
    for group in groups:
        with Journal(path, KEY, 9, LIKE) as journal:  # opened anew each time
            params = _networks(rng, len(group))
            steps, restarts = rng.integers(0, 99, (2, len(group)))
            journal.add(sorted(group), params, steps, restarts)
            for i, network in enumerate(sorted(group)):
                expected[network] = ({name: p[i] for name, p in params.items()}, steps[i], restarts[i])
            assert journal.done >= group
    with Journal(path, KEY, 9, LIKE) as journal:
        assert journal.done == expected.keys()
    for network, (params, steps, restarts) in expected.items():
        for name, p in params.items():
            assert_equal_exact(np.array(journal.params[name][network]), p, bitwise=True)
        assert (journal.steps[network], journal.restarts[network]) == (steps, restarts)


def test_a_record_that_is_torn_or_flipped_is_not_there(tmp_path):
    path = tmp_path / "a.part"
    with Journal(path, KEY, 3, LIKE) as journal:
        journal.add([0, 1, 2], _networks(np.random.default_rng(0), 3), np.ones(3), np.ones(3))
    content = path.read_bytes()
    size = (len(content) - 64) // 3
    assert size == 8 + 8 + 8 + 6 * 4 + 3 * 4 + 5
    for at in range(64 + size, 64 + 2 * size):
        for damaged in (content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :], content[:at]):
            path.write_bytes(damaged)
            expected = {0} if len(damaged) < len(content) else {0, 2}
            zeros_there_anyway = damaged.ljust(len(content), b"\0")[: 64 + 2 * size] == content[: 64 + 2 * size]
            assert _done(path, 3) == expected | ({1} if zeros_there_anyway else set())


def test_a_record_in_the_place_of_another_is_not_there(tmp_path):
    path = tmp_path / "a.part"
    with Journal(path, KEY, 2, LIKE) as journal:
        journal.add([0], _networks(np.random.default_rng(0), 1), np.ones(1), np.ones(1))
    content = path.read_bytes()
    size = (len(content) - 64) // 2
    path.write_bytes(content[:64] + content[64 + size :] + content[64 : 64 + size])
    assert _done(path, 2) == set()


@pytest.mark.parametrize("length", [0, 1, 17, 40, 63])
def test_a_head_that_is_torn_is_written_again(tmp_path, length):
    path = tmp_path / "a.part"
    assert _done(path, 3) == set()
    head = path.read_bytes()[:64]
    path.write_bytes(head[:length])
    assert _done(path, 3) == set()
    assert path.read_bytes()[:64] == head


def test_files_of_others_are_refused_and_left_alone(tmp_path):
    path = tmp_path / "a.part"
    assert _done(path, 3) == set()
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"a\.part: networks of other samples or settings"):
        Journal(path, bytes(32), 3, LIKE)
    assert path.read_bytes() == before
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"a\.part: there is another file in the place of the journal"):
        Journal(path, KEY, 3, LIKE)
    assert path.read_bytes() == b"something else"


def test_holes_take_no_space(tmp_path):
    Journal(tmp_path / "a.part", KEY, 100_000, LIKE).close()
    found = (tmp_path / "a.part").stat()
    assert found.st_size > 6_000_000
    assert found.st_blocks * 512 < 100_000


# --- whose file it is ------------------------------------------------------------------------------------------------


def test_one_at_a_time(tmp_path):
    path = tmp_path / "a.part"
    with Journal(path, KEY, 3, LIKE) as journal:
        with pytest.raises(BlockingIOError, match="another process is at it"):
            Journal(path, KEY, 3, LIKE)
        kept = journal.params
    journal.close()  # again
    assert kept["w0"].shape == (3, 2, 3), "records can be read when others have the file"
    assert _done(path, 3) == set()


def test_what_fails_lets_go_of_the_file(tmp_path):
    path = tmp_path / "a.part"
    with pytest.raises(StopHereError), Journal(path, KEY, 3, LIKE):
        raise StopHereError
    path.write_bytes(b"something else")
    for _ in range(2):
        with pytest.raises(ValueError, match="there is another file"):
            Journal(path, KEY, 3, LIKE)


@pytest.mark.parametrize("what", ["moved", "replaced", "removed"])
def test_a_file_that_is_no_longer_there_is_not_written_to(tmp_path, what):
    path = tmp_path / "a.part"
    one = _networks(np.random.default_rng(0), 1), np.ones(1), np.ones(1)
    journal = Journal(path, KEY, 3, LIKE)
    journal.add([0], *one)
    path.rename(tmp_path / "b.part")
    if what == "replaced":
        path.write_bytes((tmp_path / "b.part").read_bytes())
    elif what == "removed":
        (tmp_path / "b.part").unlink()
    with pytest.raises(OSError, match="somebody has moved, replaced or removed it"):
        journal.add([1], *one)
    journal.close()


def test_a_file_that_is_no_longer_there_at_the_end_is_said(tmp_path):
    with pytest.raises(OSError, match="somebody has moved"), Journal(tmp_path / "a.part", KEY, 3, LIKE):
        (tmp_path / "a.part").unlink()


def test_records_that_somebody_has_changed_are_said(tmp_path):
    path = tmp_path / "a.part"
    journal = Journal(path, KEY, 3, LIKE)
    journal.add([0], _networks(np.random.default_rng(0), 1), np.ones(1), np.ones(1))
    with path.open("r+b") as file:
        file.seek(64 + 30)
        file.write(b"x")
    with pytest.raises(ValueError, match="somebody has changed networks"), journal:
        pass


def test_links_and_what_is_no_file_are_refused(tmp_path):
    precious = tmp_path / "precious"
    precious.write_bytes(b"")
    path = tmp_path / "a.part"
    path.symlink_to(precious)
    with pytest.raises(OSError, match="a link, expected a file or nothing"):
        Journal(path, KEY, 3, LIKE)
    path.unlink()
    path.hardlink_to(precious)
    with pytest.raises(OSError, match="has other names too"):
        Journal(path, KEY, 3, LIKE)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="expected a file or nothing, found something else"):
        Journal(path, KEY, 3, LIKE)
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        Journal(path, KEY, 3, LIKE)
    assert precious.read_bytes() == b""


def test_a_file_system_without_locks_has_none(tmp_path, monkeypatch):
    def refuse(number: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    assert _done(tmp_path / "a.part", 3) == set()


def test_locks_of_windows(tmp_path, monkeypatch):
    """One byte far beyond the end, and the place in the file stays where it was."""
    held: list[tuple[int, int]] = []

    class Windows:
        LK_NBLCK, LK_UNLCK = 2, 0

        @staticmethod
        def locking(number: int, mode: int, count: int) -> None:
            place = (os.fstat(number).st_ino, os.lseek(number, 0, os.SEEK_CUR))
            assert (place[1], count) == (1 << 40, 1)
            if mode == Windows.LK_UNLCK:
                held.remove(place)
            elif place in held:
                raise PermissionError(errno.EACCES, "locked")
            else:
                held.append(place)

    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", Windows)
    with Journal(tmp_path / "a.part", KEY, 3, LIKE) as journal:
        journal.add([0], _networks(np.random.default_rng(0), 1), np.ones(1), np.ones(1))
        with pytest.raises(BlockingIOError, match="another process is at it"):
            Journal(tmp_path / "a.part", KEY, 3, LIKE)
    assert held == []
    assert _done(tmp_path / "a.part", 3) == {0}


# --- unlike machines -------------------------------------------------------------------------------------------------


def test_a_journal_of_an_unlike_machine_is_refused_unless_mixing_is_asked_for(tmp_path):
    path = tmp_path / "a.part"
    with Journal(path, KEY, 3, LIKE, machine=b"machine1") as journal:
        journal.add([0], _networks(np.random.default_rng(0), 1), np.ones(1), np.ones(1))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="a machine that rounds differently"):
        Journal(path, KEY, 3, LIKE, machine=b"machine2")
    assert path.read_bytes() == before
    assert _done(path, 3, machine=b"machine1") == {0}
    assert _done(path, 3, machine=b"machine2", mixed=True) == {0}
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="other samples or settings"):
        Journal(path, bytes(32), 3, LIKE, machine=b"machine2", mixed=True)


@pytest.mark.parametrize("verb", [refinr.fit, refinr.solve])
def test_what_another_processor_began_is_refused_unless_mixing_is_asked_for(tmp_path, monkeypatch, verb):
    path = tmp_path / "a.part"
    verb(IMAGE, journal=path, seed=1)
    monkeypatch.setattr("refinr.keeping.fingerprint", lambda: b"elsewher")
    monkeypatch.setattr("refinr.units.fingerprint", lambda: b"elsewher")
    with pytest.raises(ValueError, match=r"mixed=True \(--mixed\)"):
        verb(IMAGE, journal=path, seed=1)
    assert verb(IMAGE, journal=path, seed=1, mixed=True).lossless


def test_whole_numbers_are_the_same_everywhere(tmp_path, monkeypatch):
    path = tmp_path / "a.part"
    refinr.solve(IMAGE, journal=path, weights="binary")
    monkeypatch.setattr("refinr.units.fingerprint", lambda: b"elsewher")
    assert refinr.solve(IMAGE, journal=path, weights="binary").lossless


# --- fits ------------------------------------------------------------------------------------------------------------


def _assert_same(a: refinr.INR, b: refinr.INR, folder: Path) -> None:
    a.save(folder / "a.inr")
    b.save(folder / "b.inr")
    assert (folder / "a.inr").read_bytes() == (folder / "b.inr").read_bytes()


@pytest.fixture(scope="module")
def reference() -> refinr.INR:
    return refinr.fit(IMAGE, exact=True, **FIT)


@pytest.mark.parametrize("group", [3, 4])
def test_a_fit_that_stops_again_and_again_ends_with_the_same_bytes(tmp_path, reference, group):
    path, tries = tmp_path / "a.part", 0
    while True:
        tries += 1
        try:
            # groups may have another size next time
            inr = refinr.fit(IMAGE, executor=Stops(2), journal=path, exact=True, **FIT | {"group": group + tries % 2})
            break
        except StopHereError:
            assert tries < 20
    assert tries >= 2
    _assert_same(inr, reference, tmp_path)
    assert inr.report.restarts > 0


def test_what_is_in_the_journal_is_not_trained_again(tmp_path, reference, monkeypatch):
    refinr.fit(IMAGE, journal=tmp_path / "a.part", **FIT)

    def never(*arguments: object, **options: object) -> None:
        raise AssertionError

    monkeypatch.setattr(training, "train", never)
    _assert_same(refinr.fit(IMAGE, journal=tmp_path / "a.part", exact=True, **FIT), reference, tmp_path)


@pytest.mark.parametrize("option", [{"seed": 1}, {"max_steps": 61}, {"lr": 1e-3}, {"margin": 0.25}, {"patience": 13},
                                    {"tile": (3, 2)}, {"hidden": (8, 9)}, {"gray": True}, {"loss": "mse"},
                                    {"bits": 5}, {"store": "float16"},
                                    {"xp": "array-api-strict"}], ids=str)  # fmt: skip
def test_a_journal_of_other_settings_is_refused(tmp_path, option):
    path = tmp_path / "a.part"
    with pytest.raises(StopHereError):
        refinr.fit(IMAGE, journal=path, executor=Stops(1), **FIT)
    with pytest.raises(ValueError, match="networks of other samples or settings"):
        refinr.fit(IMAGE, journal=path, **FIT | option)


def test_a_journal_of_other_samples_is_refused(tmp_path):
    with pytest.raises(StopHereError):
        refinr.fit(IMAGE, journal=tmp_path / "a.part", executor=Stops(1), **FIT)
    other = IMAGE.copy()
    other[5, 5] ^= 1
    with pytest.raises(ValueError, match="networks of other samples or settings"):
        refinr.fit(other, journal=tmp_path / "a.part", **FIT)


def test_a_schedule_cannot_be_compared(tmp_path):
    with pytest.raises(ValueError, match="journal: expected lr to be a number"):
        refinr.fit(IMAGE, journal=tmp_path / "a.part", **FIT | {"lr": lambda t: 1e-3 + 0 * t})


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ({"lr": optim.Cosine(1e-2, 60)}, {"lr": optim.Cosine(1e-2, 61)}),
        ({"lr": optim.Constant(1e-2)}, {"lr": optim.Cosine(1e-2, 60)}),
        ({"optimiser": "adam"}, {"optimiser": "sgd"}),
        ({"optimiser": optim.Adam(betas=(0.9, 0.995))}, {"optimiser": "adam"}),
    ],
    ids=str,
)
def test_schedules_and_optimisers_of_ours_are_compared(tmp_path, here, there):
    path = tmp_path / "a.part"
    with pytest.raises(StopHereError):
        refinr.fit(IMAGE, journal=path, executor=Stops(1), **FIT | here)
    with pytest.raises(ValueError, match="networks of other samples or settings"):
        refinr.fit(IMAGE, journal=path, **FIT | there)
    _assert_same(refinr.fit(IMAGE, journal=path, **FIT | here), refinr.fit(IMAGE, **FIT | here), tmp_path)


def test_an_optimiser_of_ones_own_cannot_be_compared(tmp_path):
    class Mine(optim.Adam):
        pass

    with pytest.raises(ValueError, match=r"journal: expected one of refinr\.optim"):
        refinr.fit(IMAGE, journal=tmp_path / "a.part", optimiser=Mine(), **FIT)


# --- the command line ------------------------------------------------------------------------------------------------

COMMAND = ["fit", "image.npy", "out.inr", "--tile", "3,3", "--hidden", "8,8", "--max-steps", "60", "--quiet"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("image.npy", IMAGE)
    return tmp_path


@contextmanager
def _disk_of(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_no_more_is_said_and_the_same_command_goes_on(folder, capsys):
    assert cli.main(COMMAND) == 0
    expected = Path("out.inr").read_bytes()
    Path("out.inr").write_bytes(b"old")
    with _disk_of(1000):
        assert cli.main([*COMMAND, "--resume", "--force"]) == 2
    said = capsys.readouterr().err
    assert said == f"refinr: out.inr.part: {os.strerror(errno.EFBIG)}\n"
    assert Path("out.inr").read_bytes() == b"old"
    with _disk_of(Path("out.inr.part").stat().st_size + 50_000):
        assert cli.main([*COMMAND, "--resume", "--force"]) == 0
    assert Path("out.inr").read_bytes() == expected
    assert sorted(os.listdir()) == ["image.npy", "out.inr"]


def test_the_journal_goes_when_the_output_is_on_the_disk(folder, monkeypatch):
    """First the file, then its folder, then nothing of the journal is in use any more, and then it goes."""
    happened = []
    fsync, unlink = os.fsync, os.unlink

    def synced(number: int) -> None:
        happened.append(os.path.basename(os.readlink(f"/proc/self/fd/{number}")))
        fsync(number)

    def unlinked(path: str | os.PathLike[str], **options: object) -> None:
        if str(path).endswith("out.inr.part"):
            in_use = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
            assert not any("out.inr.part" in name for name in in_use)
            assert "out.inr.part" not in Path("/proc/self/maps").read_text()
            happened.append("gone")
        unlink(path, **options)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "unlink", unlinked)
    assert cli.main([*COMMAND, "--resume"]) == 0
    assert happened == ["out.inr", folder.name, "gone"]
    assert sorted(os.listdir()) == ["image.npy", "out.inr"]


def test_an_output_that_may_not_be_on_the_disk_leaves_the_journal(folder, monkeypatch, capsys):
    def full(number: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", full)
    assert cli.main([*COMMAND, "--resume"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert Path("out.inr.part").exists()


def test_a_journal_that_cannot_go_or_is_no_longer_ours_stays(folder, tmp_path):
    path = tmp_path / "other.part"
    Path("done.inr").write_bytes(b"done")
    path.write_bytes(b"somebody else's")
    discard(path, "done.inr")
    assert path.read_bytes() == b"somebody else's"
    discard(tmp_path / "none.part", "done.inr")
    path.unlink()
    with Journal(path, KEY, 3, LIKE):
        discard(path, "done.inr")
        assert path.exists(), "another process is at it"
    discard(path, "done.inr")
    assert not path.exists()
    assert not (tmp_path / "none.part").exists()


def test_two_processes_at_one_output(folder, capsys):
    with Locked("out.inr.part"):
        assert cli.main([*COMMAND, "--resume"]) == 2
    assert (
        capsys.readouterr().err == "refinr: out.inr.part: another process is at it: wait for it, or give another name\n"
    )
    assert cli.main([*COMMAND, "--resume"]) == 0


def test_an_interrupt_says_where_the_rest_is(folder, capsys, monkeypatch):
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt("interrupted: so far")

    monkeypatch.setattr("refinr.fitting.fit", interrupted)
    assert cli.main([*COMMAND, "--resume"]) == 130
    said = "refinr: interrupted: so far; what is done is in out.inr.part, and the same command goes on\n"
    assert capsys.readouterr().err == said


def test_other_settings_are_refused_by_the_command_line(folder, capsys):
    assert cli.main([*COMMAND, "--resume"]) == 0
    Path("out.inr.part").write_bytes(b"refinr journal 1\n" + bytes(47))
    assert cli.main([*COMMAND, "--resume"]) == 2
    assert capsys.readouterr().err.startswith("refinr: out.inr.part: networks of other samples or settings")


def test_killed_at_random_moments_and_gone_on_with(tmp_path):
    rows = resume.race(tmp_path, kills=2, size=16)
    assert [row["same bytes"] for row in rows] == [True, True]


def test_an_interrupted_process_keeps_what_is_done(tmp_path):
    np.save(tmp_path / "noise.npy", np.random.default_rng(0).integers(0, 2**16, (8, 8)).astype(np.uint16))
    # as from a keyboard: a process may be born with interrupts ignored
    code = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "runpy.run_module('refinr', run_name='__main__', alter_sys=True)"
    command = ["fit", "noise.npy", "out.inr", "--hidden", "2", "--max-steps", "1000000000", "--resume"]
    with subprocess.Popen([sys.executable, "-c", code, *command], cwd=tmp_path, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        seen = b""
        while b"BER" not in seen:
            part = os.read(process.stderr.fileno(), 4096)
            assert part, seen
            seen += part
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"what is done is in out.inr.part, and the same command goes on" in err
    assert sorted(os.listdir(tmp_path)) == ["noise.npy", "out.inr.part"]
