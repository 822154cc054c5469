"""Executors by name: the same bytes from whoever trains, and clear words when they cannot."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import dask.config
import numpy as np
import pytest
from distributed import Client, LocalCluster

import refinr
from refinr import cli, completing, executors
from refinr.executors import open_executor
from tests.helpers import assert_equal_exact

IMAGE = np.random.default_rng(0).integers(0, 16, (9, 9)).astype(np.uint8)
FIT = {"tile": (3, 3), "hidden": (8, 8), "max_steps": 60, "patience": 12, "group": 2}
COMMAND = ["fit", "image.npy", "out.inr", "--tile", "3,3", "--hidden", "8,8", "--max-steps", "60", "--quiet"]


@pytest.fixture(scope="module")
def reference() -> refinr.INR:
    return refinr.fit(IMAGE, **FIT)


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        yield cluster


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("image.npy", IMAGE)
    return tmp_path


def _assert_same(a: refinr.INR, b: refinr.INR) -> None:
    for name, p in b.params.items():
        assert_equal_exact(np.array(a.params[name]), p, bitwise=True)


def test_threads_are_the_fits_own():
    with open_executor("threads") as executor:
        assert executor is None


def test_processes_give_the_same_bytes(reference):
    others = multiprocessing.active_children()
    with open_executor("processes", workers=2) as executor:
        _assert_same(refinr.fit(IMAGE, executor=executor, **FIT), reference)
    assert set(multiprocessing.active_children()) <= set(others)


def test_dask_gives_the_same_bytes(reference, cluster, tmp_path):
    with open_executor("dask", address=cluster.scheduler_address) as executor:
        inr = refinr.fit(IMAGE, executor=executor, journal=tmp_path / "a.part", **FIT)
    _assert_same(inr, reference)


def test_the_command_line_on_a_cluster_and_on_processes(folder, cluster, capsys):
    assert cli.main(COMMAND) == 0
    expected = Path("out.inr").read_bytes()
    for options in (["--executor", "dask", "--address", cluster.scheduler_address],
                    ["--executor", "processes", "--workers", "1"]):  # fmt: skip
        assert cli.main([*COMMAND, *options]) == 0
        assert Path("out.inr").read_bytes() == expected
    assert cli.main(["verify", "image.npy", "out.inr"]) == 0


def test_a_lost_worker_is_made_up_for(reference, cluster):
    with Client(cluster) as client:
        pids = sorted(client.run(os.getpid).values())

        class KillsOne:
            """Kills a worker when the first groups are under way."""

            def __init__(self) -> None:
                self.pool, self.sent = client.get_executor(), 0

            def submit(self, *arguments: object, **options: object) -> object:
                self.sent += 1
                if self.sent == 10:
                    os.kill(pids[0], signal.SIGKILL)
                return self.pool.submit(*arguments, **options)

        killer = KillsOne()
        inr = refinr.fit(IMAGE, executor=killer, **FIT)  # type: ignore[arg-type]
        assert killer.sent > 10
        client.wait_for_workers(2, timeout=60)
        assert pids[0] not in client.run(os.getpid).values()
    _assert_same(inr, reference)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "slurm"}, "executor: unknown name 'slurm'; known are threads, processes, dask, mpi"),
        ({"name": "threads", "workers": 2}, "workers: expected 1 or more, with processes, got 2 with threads"),
        ({"name": "processes", "workers": 0}, "workers: expected 1 or more, with processes, got 0 with processes"),
        ({"name": "dask"}, "address: expected tcp://HOST:PORT with dask and nothing else, got None with dask"),
        ({"name": "threads", "address": "tcp://a:1"}, "address: expected tcp://HOST:PORT with dask and"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message), open_executor(**options):
        pass


@pytest.mark.parametrize("address", ["nonsense://x", "nowhere"])
def test_a_scheduler_that_is_no_address_is_said(address, folder, capsys):
    assert cli.main([*COMMAND, "--executor", "dask", "--address", address]) == 2
    assert capsys.readouterr().err.startswith(f"refinr: {address}: no Dask scheduler answers")


@pytest.mark.parametrize(("module", "name"), [("distributed", "dask"), ("mpi4py.futures", "mpi")])
def test_a_library_that_is_not_there_is_said(module, name, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    opened = open_executor(name, address="tcp://a:1" if name == "dask" else None)
    with pytest.raises(RuntimeError, match=f"executor: {name} was asked for but"), opened:
        pass


def _die(*arguments: object) -> None:
    os._exit(1)


def test_a_worker_that_dies_is_said():
    with pytest.raises(RuntimeError, match=r"a worker process died \("), open_executor("processes", workers=1) as pool:
        pool.submit(_die).result()


def test_nobody_waits_for_workers_after_an_error():
    def fails() -> None:
        with open_executor("processes", workers=1) as pool:
            pool.submit(time.sleep, 0).result()
            future = pool.submit(time.sleep, 300)
            while not future.running():
                time.sleep(0.01)
            time.sleep(0.2)  # a future runs from when the worker may take it
            raise KeyError

    start, others = time.monotonic(), multiprocessing.active_children()
    with pytest.raises(KeyError):
        fails()
    assert time.monotonic() - start < 60
    assert set(multiprocessing.active_children()) <= set(others)


def test_a_worker_killed_in_a_fit_loses_nothing(folder):
    """A process of the pool dies; the same command goes on; the bytes are those of an uninterrupted run."""
    np.save("noise.npy", np.random.default_rng(0).integers(0, 2**16, (20, 20)).astype(np.uint16))
    run = [sys.executable, "-m", "refinr"]
    fit = ["fit", "noise.npy", "out.inr", "--tile", "4", "--quiet", "--hidden", "8", "--max-steps", "300"]
    fit += ["--executor", "processes", "--workers", "1", "--resume"]
    with subprocess.Popen([*run, *fit], stderr=subprocess.PIPE, text=True) as process:
        while not (Path("out.inr.part").exists() and any(Path("out.inr.part").read_bytes()[64:])):
            assert process.poll() is None
            time.sleep(0.01)
        listing = subprocess.run(
            ["ps", "-ww", "--ppid", str(process.pid), "-o", "pid=,args="], capture_output=True, text=True
        )
        (worker,) = [line.split()[0] for line in listing.stdout.splitlines() if "spawn_main" in line]
        os.kill(int(worker), signal.SIGKILL)
        err = process.stderr.read()
    assert process.returncode == 2
    assert err.startswith("refinr: a worker process died (")
    assert err.count("\n") == 1
    subprocess.run([*run, *fit], check=True, stdout=subprocess.DEVNULL)
    resumed = Path("out.inr").read_bytes()
    subprocess.run([*run, *fit[:-5]], check=True, stdout=subprocess.DEVNULL)
    assert Path("out.inr").read_bytes() == resumed


# --- clusters that break ---------------------------------------------------------------------------------------------


class Dead:
    """A client of a cluster that went away."""

    def __init__(self, status: str, workers: object = ()) -> None:
        self.status = status
        self.workers = workers

    def nthreads(self) -> object:
        if isinstance(self.workers, Exception):
            raise self.workers
        return dict.fromkeys(self.workers, 1)


def test_a_cluster_without_workers_is_given_up_after_a_while(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("refinr.executors.time.monotonic", lambda: now[0])
    client = Dead("running", ["tcp://a"])
    watch = executors._Watch(client, "tcp://s")
    for moment, workers in [(0, ["a"]), (50, []), (109, []), (110, ["b"]), (120, []), (179, OSError()), (179.5, [])]:
        now[0] = moment
        client.workers = workers
        watch.check()
    now[0] = 180
    with pytest.raises(RuntimeError, match="tcp://s: no Dask worker for 60 s"):
        watch.check()
    with pytest.raises(RuntimeError, match="tcp://s: no Dask scheduler for 10 s"):
        executors._Watch(Dead("closed"), "tcp://s").check()


def test_an_executor_is_asked_when_nothing_becomes_ready(monkeypatch):
    class Silent(ThreadPoolExecutor):
        def submit(self, *arguments: object, **options: object) -> Future:  # type: ignore[override]
            return Future()

        def check(self) -> None:
            raise RuntimeError("nobody is there")

    monkeypatch.setattr(completing, "PATIENCE", 0.01)
    with pytest.raises(RuntimeError, match="nobody is there"):
        list(completing.completed(Silent(1), abs, [1]))
    with ThreadPoolExecutor(1) as pool:
        pool.check = lambda: None
        assert list(completing.completed(pool, abs, [-2])) == [(-2, 2)]


def test_a_scheduler_that_dies_is_said_and_the_journal_stays(folder, monkeypatch, capsys):
    """Status 2, one sentence, and what is done is kept."""
    monkeypatch.setattr(executors, "SCHEDULERLESS", 1)
    monkeypatch.setattr(completing, "PATIENCE", 0.2)
    soon = dask.config.set({"distributed.comm.timeouts.connect": "3s"})  # the cluster waits for its scheduler as long
    with soon, LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:

        def kill() -> None:
            while not cluster.scheduler.tasks:
                time.sleep(0.02)
            cluster.sync(cluster.scheduler.close)

        killer = threading.Thread(target=kill)
        killer.start()
        many = ["--hidden", "2", "--max-steps", "600", "--resume"]
        status = cli.main([*COMMAND, *many, "--executor", "dask", "--address", cluster.scheduler_address])
        killer.join()
    assert status == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "Dask's scheduler is gone" in said or "no Dask scheduler for 1 s" in said
    assert sorted(os.listdir()) == ["image.npy", "out.inr.part"]
