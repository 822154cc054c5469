"""Killed at random moments: old outputs stay, what was begun is gone on with to the same bytes, no process is left.

With this you can run ``python -m benchmarks.kills``; interrupted, it goes on where it was.

Every command is run to its end first, for its bytes and its time.  Then it is started over an old output, gets one of
the signals after a random part of that time, and is given five seconds: every signal as often as every other, for every
command, and each hundredth of the time once.  By then the output must be the old one or all
of the new one, and no process of its session may be left; SIGSTOP is followed by SIGCONT, and must change nothing.
Then the same command is run to its end, and must give the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from refinr import cpu
from refinr.cli import demo

ROOT = Path(__file__).parent.parent
KILLS = 100
GRACE = 5.0
"""Seconds until all processes must be gone."""

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", "SIGSTOP")
_FIT = ["fit", "image.npy", "OUT", "--resume", "--tile", "8"]
_SOLVE = ["solve", "image.npy", "OUT", "--resume", "--effort", "small", "--tile", "8"]
_COMPRESS = ["compress", "image.npy", "OUT", "--resume"]
_PROCESSES = ["--executor", "processes", "--workers", "2"]
_DASK = ["--executor", "dask", "--address", "ADDRESS"]
COMMANDS: dict[str, list[str]] = {
    "fit, threads": _FIT,
    "fit, processes": _FIT + _PROCESSES,
    "fit, Dask": _FIT + _DASK,
    "solve, threads": _SOLVE,
    "solve, processes": _SOLVE + _PROCESSES,
    "solve, Dask": _SOLVE + _DASK,
    "compress, threads": _COMPRESS,
    "compress, processes": _COMPRESS + _PROCESSES,
    "compress, Dask": _COMPRESS + _DASK,
    "decode": ["decode", "image.npy.inr", "OUT"],
}
_OLD = b"an old output"


class Command:
    """One of `COMMANDS` in a folder, with its bytes and seconds when nothing happens to it."""

    def __init__(self, folder: Path, name: str, address: str) -> None:
        self.folder = folder
        self.name = name
        self.output = folder / ("out.npy" if name == "decode" else "out.rinr" if "compress" in name else "out.inr")
        self.journal = self.output.with_name(f"{self.output.name}.part")
        places = {"OUT": self.output.name, "ADDRESS": address}
        quiet = [] if name == "decode" else ["--quiet"] if "compress" not in name else []
        arguments = [places.get(word, word) for word in COMMANDS[name]]
        self.arguments = [sys.executable, "-m", "refinr", *arguments, *quiet, "--force"]
        self.whole = 0.0
        start = time.perf_counter()
        self.finish()
        self.whole = time.perf_counter() - start
        self.expected = self.output.read_bytes()

    def start(self) -> subprocess.Popen[bytes]:
        """Begin it, in a session of its own."""
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            self.arguments,
            cwd=self.folder,
            env=env,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def finish(self) -> None:
        """Run it to its end."""
        with self.start() as process:
            _, said = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{self.name}: status {process.returncode}: {said.decode()}")


def kill(command: Command, name: str, moment: float) -> dict[str, Any]:
    """Start it over an old output, send a signal after so many seconds, and look at what is left."""
    command.output.write_bytes(_OLD)
    with command.start() as process:
        time.sleep(moment)
        process.send_signal(getattr(signal, name))
        if name == "SIGSTOP":
            time.sleep(0.3)
            process.send_signal(signal.SIGCONT)
            process.wait()
        end = time.perf_counter() + GRACE
        while time.perf_counter() < end and _session(process.pid):
            time.sleep(0.05)
        left = len(_session(process.pid))
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        assert process.stderr is not None
        said = process.stderr.read().decode()
    found = command.output.read_bytes()
    row = {
        "command": command.name,
        "signal": name,
        "after s": moment,
        "of s": command.whole,
        "status": process.returncode,
        "usual status": process.returncode in _usual(getattr(signal, name)),
        "old or whole": found in (_OLD, command.expected),
        "processes left": left,
        "traceback": "Traceback" in said,
        "temporaries": len(list(command.folder.glob(".*.part"))) if name != "SIGKILL" else 0,
        "journal": command.journal.exists(),
        "load": os.getloadavg()[0],
    }
    if row["traceback"]:
        report.log(said)
    for leftover in command.folder.glob(".*.part"):
        leftover.unlink()  # what a process leaves behind that is killed while it writes
    command.finish()
    row["same bytes"] = command.output.read_bytes() == command.expected
    row["journals left"] = len(list(command.folder.glob("*.part")))
    return row


def _usual(number: int) -> tuple[int, ...]:
    """Exit statuses of what a signal has ended, or has found at its end."""
    return (0,) if number == signal.SIGSTOP else (0, -number, 128 + number)


def _session(number: int) -> list[int]:
    """Processes of a session that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(session) == number and state != "Z":
                    found.append(int(entry.name))
    return found


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """The address of a Dask scheduler with two workers."""
    from distributed import LocalCluster

    options: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 50}
    with LocalCluster(**options) as found:
        yield found.scheduler_address


def race(folder: Path, kills: int, rows: Path, size: int) -> list[dict[str, Any]]:
    """So many kills, one row each, kept in a file as they come; commands and signals in turn."""
    np.save(folder / "image.npy", demo.synthetic(size))
    done = [json.loads(line) for line in rows.read_text().splitlines()] if rows.exists() else []
    rng = random.Random(0)
    moments = [(number + rng.random()) / kills for number in range(kills)]
    rng.shuffle(moments)
    pairs = [(name, number) for number in SIGNALS for name in COMMANDS]
    with cluster() as address:
        subprocess.run(
            [sys.executable, "-m", "refinr", "fit", "image.npy", "--quiet", "--max-steps", "0"], cwd=folder, check=True
        )
        commands: dict[str, Command] = {}
        while len(done) < kills:
            name, number = pairs[len(done) % len(pairs)]
            if name not in commands:
                commands[name] = Command(folder, name, address)
            done.append(kill(commands[name], number, moments[len(done)] * commands[name].whole))
            with rows.open("a") as file:
                file.write(json.dumps(done[-1]) + "\n")
            report.log(str(done[-1]))
    return done


def _summed(key: str, name: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """What came of the kills of one command, or by one signal."""
    of_one = [row for row in found if row[key] == name]
    return {
        key: name,
        "kills": len(of_one),
        "old or whole": sum(row["old or whole"] for row in of_one),
        "same bytes": sum(row["same bytes"] for row in of_one),
        "processes left": sum(row["processes left"] for row in of_one),
        "tracebacks": sum(row["traceback"] for row in of_one),
        "files left": sum(row["temporaries"] + row["journals left"] for row in of_one),
    }


def _words(found: list[dict[str, Any]]) -> str:
    """What came of all of them, in sentences."""
    count = len(found)
    each = Counter(row["signal"] for row in found)
    loads = [row["load"] for row in found]
    text = (
        f"{count} kills: {max(each.values())} by every signal, of every command in turn. "
        f"{sum(row['old or whole'] for row in found)} outputs were the old one or all of the new one; "
        f"{sum(row['same bytes'] for row in found)} commands gave the same bytes when they were run once more, "
        f"{sum(row['journal'] for row in found)} of them from a journal; after {GRACE:.0f} s "
        f"{sum(row['processes left'] for row in found)} processes were left; "
        f"{sum(row['traceback'] for row in found)} were answered by a traceback. "
        f"Between {min(loads):.1f} and {max(loads):.1f} processes wanted to run meanwhile, on {cpu.cores()} cores."
    )
    return textwrap.fill(text, 120)


def main() -> None:
    """Kill, compare, print and keep."""
    run = report.Run("kills", __doc__, timed=False)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # what is ignored here would be ignored there
    rows = Path(tempfile.gettempdir()) / f"refinr-kills-{os.getuid()}{'-quick' if run.quick else ''}.jsonl"
    with tempfile.TemporaryDirectory() as folder:
        found = race(Path(folder), 3 if run.quick else KILLS, rows, size=16)
    rows.unlink()
    commands = [_summed("command", name, found) for name in COMMANDS]
    signals = [_summed("signal", name, found) for name in SIGNALS]
    count = len(found)
    targets = [
        report.Target(f"outputs old or whole, of {count}", sum(row["old or whole"] for row in found), ">=", count),
        report.Target(f"gone on with to the same bytes, of {count}", sum(r["same bytes"] for r in found), ">=", count),
        report.Target(f"processes left after {GRACE:.0f} s", sum(row["processes left"] for row in found), "<=", 0),
        report.Target("other exit statuses than usual", sum(not row["usual status"] for row in found), "<=", 0),
        report.Target("tracebacks", sum(row["traceback"] for row in found), "<=", 0),
        report.Target("files left behind", sum(r["temporaries"] + r["journals left"] for r in found), "<=", 0),
    ]
    tables = {"Commands": commands, "Signals": signals, "Every kill": found}
    run.publish("Killed at random moments", tables, targets, _words(found))


if __name__ == "__main__":
    main()
