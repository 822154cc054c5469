"""Commands that are ended, and whoever ends them: a sentence, nothing left behind, what was there before intact."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from refinr import cli, starting
from refinr.endings import signals_interrupt

FIT = ["fit", "noise.npy", "out.inr", "--tile", "4", "--quiet", "--hidden", "8", "--max-steps", "300", "--resume"]
ENGINES = {"processes": ["--executor", "processes", "--workers", "2"], "threads": []}
GONE_WITHIN = 5.0


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, bytes]:
    """Samples, and the file of a run that nobody ended."""
    folder = tmp_path_factory.mktemp("reference")
    samples = np.random.default_rng(0).integers(0, 2**16, (20, 20)).astype(np.uint16)
    np.save(folder / "noise.npy", samples)
    _command(*FIT, cwd=folder).communicate()
    return samples, (folder / "out.inr").read_bytes()


def _command(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    names = (signal.SIGINT, signal.SIGHUP)
    # what is ignored here would be ignored there: have signals arrive as in a terminal
    before = [signal.signal(name, signal.default_int_handler) for name in names]
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "refinr", *arguments],
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
    finally:
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)


def _ended(process: subprocess.Popen[str]) -> str:
    """What it had to say; raises if any process keeps its pipes open, as all of its workers do while they live."""
    try:
        return process.communicate(timeout=GONE_WITHIN)[1]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_ended_while_it_works(tmp_path, reference, name, engine):
    """At a random moment after the first networks are done; the same command then gives the same bytes."""
    samples, expected = reference
    np.save(tmp_path / "noise.npy", samples)
    (tmp_path / "out.inr").write_bytes(expected[:100])
    fit = [*FIT, *ENGINES[engine], "--force"]
    process = _command(*fit, cwd=tmp_path)
    journal = tmp_path / "out.inr.part"
    while not (journal.exists() and any(journal.read_bytes()[64:])):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    time.sleep(random.Random(name + engine).uniform(0, 0.1))
    if name in ("SIGINT", "SIGHUP"):
        os.killpg(process.pid, getattr(signal, name))  # as terminals do: to all at once
    else:
        process.send_signal(getattr(signal, name))
    said = _ended(process)
    assert (tmp_path / "out.inr").read_bytes() == expected[:100]
    assert sorted(os.listdir(tmp_path)) == ["noise.npy", "out.inr", "out.inr.part"]
    if name != "SIGKILL":
        assert process.returncode == 128 + getattr(signal, name)
        assert said.startswith("refinr: interrupted: ")
        assert said.count("\n") == 1
    again = _command(*fit, cwd=tmp_path)
    again.communicate()
    assert again.returncode == 0
    assert (tmp_path / "out.inr").read_bytes() == expected
    assert not journal.exists()


def _wait_until_it_listens(process):
    """Until it has set a handler: what happens while the interpreter itself begins is not ours to answer."""
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        caught = re.search(r"^SigCgt:\s*(\w+)$", status.read_text(), re.MULTILINE)
        if caught is not None and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.005)
    pytest.fail("it ended and had never listened")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_ended_while_modules_load(tmp_path, reference, name, share):
    """No traceback, nothing written; how long loading takes is measured."""
    start = time.monotonic()
    process = _command("fit", "missing.npy", "out.inr", cwd=tmp_path)
    process.communicate()
    loading = time.monotonic() - start
    process = _command("fit", "missing.npy", "out.inr", "--executor", "processes", cwd=tmp_path)
    _wait_until_it_listens(process)
    time.sleep(share * max(0.0, loading - 0.3))
    process.send_signal(getattr(signal, name))
    said = _ended(process)
    assert "Traceback" not in said
    assert said.count("\n") <= 1
    assert process.returncode in (2, -getattr(signal, name), 128 + getattr(signal, name))
    assert os.listdir(tmp_path) == []


def test_interrupted_before_any_module_is_loaded():
    """Also inside NumPy, which makes another error of Ctrl-C; before a line of ours has run, nothing can be said."""
    run = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=True)
    answers = [line.split(" ", 1) for line in run.stderr.splitlines()]
    ours = [name for name, _ in answers].index("refinr.starting") + 1
    assert {name for name, _ in answers[:ours]} == {"refinr", "refinr.starting"}
    names = {name for name, _ in answers[ours:]}
    assert {"signal", "numpy", "numpy.linalg", "refinr.xp", "refinr.cli", "argparse"} <= names
    assert [answer for answer in answers[ours:] if answer[1] != r"130 'refinr: interrupted\n'"] == []


INTERRUPTED = """
import _signal, os, runpy, sys, tempfile

_signal.signal(_signal.SIGINT, _signal.default_int_handler)  # as in a terminal, wherever this runs

class Interrupts:
    # before a module is loaded, a copy of this process gets Ctrl-C; a line for what it answers
    def find_spec(self, name, path=None, target=None):
        with tempfile.TemporaryFile() as said:
            if not os.fork():
                sys.meta_path.remove(self)
                os.dup2(said.fileno(), 2)
                os.kill(os.getpid(), 2)
                return
            status = os.waitstatus_to_exitcode(os.wait()[1])
            said.seek(0)
            print(name, status, ascii(said.read().decode()), file=sys.stderr)

sys.meta_path.insert(0, Interrupts())
sys.argv = ["-m", "--version"]
sys.orig_argv = [sys.executable, "-m", "refinr", "--version"]
runpy.run_module("refinr", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("argv", "orig_argv", "answered"),
    [
        (["-m", "fit"], ["python", "-m", "refinr", "fit"], True),
        (["/bin/refinr", "fit"], ["python", "/bin/refinr", "fit"], True),
        (["/bin/refinr", "fit"], ["python", "-c", "spawn_main()", "--multiprocessing-fork"], False),
        (["-m", "fit"], ["python", "-m", "pytest", "fit"], False),
        (["mine.py", "refinr"], ["python", "mine.py", "refinr"], False),
        ([""], ["python"], False),
    ],
    ids=["module", "script", "worker", "another module", "another program", "by hand"],
)
def test_signals_are_answered_while_a_command_loads_and_nobody_elses(monkeypatch, argv, orig_argv, answered):
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", orig_argv)
    names = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = [signal.getsignal(name) for name in names]
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        starting.answer_signals()
        assert (signal.getsignal(signal.SIGINT) == starting.end) == answered
        assert (signal.getsignal(signal.SIGTERM) == starting.end) == answered
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        with signals_interrupt(), pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert (signal.getsignal(signal.SIGINT) == starting.end) == answered
    finally:
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)


@pytest.mark.skipif(os.name == "nt", reason="a parent cannot be looked at there, only waited for")
@pytest.mark.parametrize("slow", ["refinr", "numpy"])
def test_a_worker_that_still_loads_ends_with_its_parent(tmp_path, slow):
    """Killed while a worker takes a minute to load NumPy, or a moment before it loads anything of ours."""
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    command = [sys.executable, str(script), slow, "1" if slow == "refinr" else "60"]
    environment = os.environ | {"PYTHONPATH": str(Path(starting.__file__).parent.parent)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, process_group=0) as process:
        assert process.stdout.readline() == "loading\n"
        process.kill()
        try:
            assert process.communicate(timeout=GONE_WITHIN) == ("", None)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise


SLOW = """
import sys, time

class Slow:
    # loading takes its time, and all of it after that a minute
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            print("loading", flush=True)
            time.sleep(float(sys.argv[2]))
        if name == "numpy":
            time.sleep(60)

if __name__ == "__mp_main__":
    sys.meta_path.insert(0, Slow())
from refinr.executors import open_executor
if __name__ == "__main__":
    with open_executor("processes", workers=1) as pool:
        pool.submit(abs, 1).result()
"""


def test_signals_are_the_callers_again_afterwards():
    before = signal.getsignal(signal.SIGTERM)
    with signals_interrupt() as received:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) != before
    assert received == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_interrupt() as received:
            signal.raise_signal(signal.SIGHUP)
        assert received == []
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_status_is_the_signals(monkeypatch, capsys):
    monkeypatch.setattr("refinr.cli.commands.load", lambda *given, **named: signal.raise_signal(signal.SIGTERM))
    assert cli.main(["info", "out.inr"]) == 143
    assert capsys.readouterr().err == "refinr: interrupted\n"


def test_the_status_is_the_signals_even_inside_eval(tmp_path):
    """While named tuples are made, as libraries do that are loaded late; Python remembers it for its own status."""
    code = "import signal, sys; from refinr import cli; from refinr.cli import commands; "
    code += "commands.load = lambda *given, **named: exec('while True: signal.raise_signal(signal.SIGTERM)'); "
    (tmp_path / "inside.py").write_text(f"{code}sys.exit(cli.main(['info', 'out.inr']))")
    environment = os.environ | {"PYTHONPATH": str(Path(starting.__file__).parent.parent)}
    command = [sys.executable, "-m", "inside"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (143, "refinr: interrupted\n")


@pytest.mark.skipif(not hasattr(signal, "SIGBUS"), reason="files in use cannot be cut there")
def test_a_file_that_is_cut_while_it_is_read_is_said(tmp_path):
    """Of memory that is mapped from a file, what is there no more can only be answered by ending."""
    np.save(tmp_path / "a.npy", np.ones((64, 4096), np.uint8))
    code = (
        "import os, sys\n"
        "from refinr import cli, tiled\n"
        "from refinr.files import signals\n"
        "signals.MAPPED = 0\n"
        "codes = tiled.Tiled.codes\n"
        "def cut(*arguments):\n"
        "    os.truncate('a.npy', 8192)\n"
        "    return codes(*arguments)\n"
        "tiled.Tiled.codes = cut\n"
        "sys.exit(cli.main(['fit', 'a.npy', 'a.inr', '--max-steps', '0', '--quiet']))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "refinr: a.npy: it was cut short while it was read\n"
    assert not (tmp_path / "a.inr").exists()
