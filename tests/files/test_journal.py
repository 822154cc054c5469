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
from refinr.files.journal import Journal
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


# --- the file --------------------------------------------------------------------------------------------------------


@given(st.lists(st.sets(st.integers(0, 8), min_size=1), max_size=4), seeds)
def test_networks_come_back_in_whatever_order_they_came(tmp_path_factory, groups, seed):
    path = tmp_path_factory.getbasetemp() / "a.part"
    path.unlink(missing_ok=True)
    rng, expected = np.random.default_rng(seed), {}
    for group in groups:
        journal = Journal(path, KEY, 9, LIKE)  # opened anew each time
        params = _networks(rng, len(group))
        steps, restarts = rng.integers(0, 99, (2, len(group)))
        journal.add(sorted(group), params, steps, restarts)
        for i, network in enumerate(sorted(group)):
            expected[network] = ({name: p[i] for name, p in params.items()}, steps[i], restarts[i])
        assert journal.done >= group
    journal = Journal(path, KEY, 9, LIKE)
    assert journal.done == expected.keys()
    for network, (params, steps, restarts) in expected.items():
        for name, p in params.items():
            assert_equal_exact(np.array(journal.params[name][network]), p, bitwise=True)
        assert (journal.steps[network], journal.restarts[network]) == (steps, restarts)


def test_a_record_that_is_torn_or_flipped_is_not_there(tmp_path):
    path = tmp_path / "a.part"
    journal = Journal(path, KEY, 3, LIKE)
    journal.add([0, 1, 2], _networks(np.random.default_rng(0), 3), np.ones(3), np.ones(3))
    content = path.read_bytes()
    size = (len(content) - 64) // 3
    assert size == 8 + 8 + 8 + 6 * 4 + 3 * 4 + 5
    for at in range(64 + size, 64 + 2 * size):
        for damaged in (content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :], content[:at]):
            path.write_bytes(damaged)
            expected = {0} if len(damaged) < len(content) else {0, 2}
            zeros_there_anyway = damaged.ljust(len(content), b"\0")[: 64 + 2 * size] == content[: 64 + 2 * size]
            assert Journal(path, KEY, 3, LIKE).done == expected | ({1} if zeros_there_anyway else set())


def test_a_record_in_the_place_of_another_is_not_there(tmp_path):
    path = tmp_path / "a.part"
    Journal(path, KEY, 2, LIKE).add([0], _networks(np.random.default_rng(0), 1), np.ones(1), np.ones(1))
    content = path.read_bytes()
    size = (len(content) - 64) // 2
    path.write_bytes(content[:64] + content[64 + size :] + content[64 : 64 + size])
    assert Journal(path, KEY, 2, LIKE).done == set()


@pytest.mark.parametrize("length", [0, 1, 17, 40, 63])
def test_a_head_that_is_torn_is_written_again(tmp_path, length):
    path = tmp_path / "a.part"
    Journal(path, KEY, 3, LIKE)
    head = path.read_bytes()[:64]
    path.write_bytes(head[:length])
    assert Journal(path, KEY, 3, LIKE).done == set()
    assert path.read_bytes()[:64] == head


def test_files_of_others_are_refused_and_left_alone(tmp_path):
    path = tmp_path / "a.part"
    Journal(path, KEY, 3, LIKE)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"a\.part: networks of other samples or settings"):
        Journal(path, bytes(32), 3, LIKE)
    assert path.read_bytes() == before
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"a\.part: there is another file in the place of the journal"):
        Journal(path, KEY, 3, LIKE)
    assert path.read_bytes() == b"something else"


def test_holes_take_no_space(tmp_path):
    Journal(tmp_path / "a.part", KEY, 100_000, LIKE)
    found = (tmp_path / "a.part").stat()
    assert found.st_size > 6_000_000
    assert found.st_blocks * 512 < 100_000


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
