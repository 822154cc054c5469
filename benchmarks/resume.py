"""Killed and gone on with: a fit that is killed at random moments ends with the bytes of one that is not.

With this you can run ``python -m benchmarks.resume``.

One fit runs to its end.  Then the same command, ``refinr fit --resume``, is started and killed (SIGKILL) after a random
part of the time that took, again and again with another moment; and each time run once more, which must end with the
same file.  "done" are the networks that the journal held when the process was gone.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from refinr import mlp
from refinr.cli import demo

ROOT = Path(__file__).parent.parent


def _command(folder: Path, output: str) -> list[str]:
    arguments = ["fit", str(folder / "image.npy"), str(folder / output), "--resume", "--quiet", "--tile", "8"]
    return [sys.executable, "-m", "refinr", *arguments]


def _networks(journal: Path) -> int:
    """Networks in a journal, counted roughly: records that do not begin with the zeros of a hole."""
    if not journal.exists():
        return 0
    content = journal.read_bytes()[64:]
    record = 8 + 8 + 8 + 4 * mlp.parameter_count(mlp.MLP((2, *mlp.widths(2, 8 * 8), 1)))
    return sum(content[i : i + 8] != bytes(8) for i in range(0, len(content), record))


def race(folder: Path, kills: int, size: int, seed: int = 0) -> list[dict[str, Any]]:
    """Kill and go on, one row a kill."""
    np.save(folder / "image.npy", demo.synthetic(size))
    start = time.perf_counter()
    subprocess.run(_command(folder, "whole.inr"), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    whole = time.perf_counter() - start
    expected = (folder / "whole.inr").read_bytes()
    rows = []
    rng = random.Random(seed)
    for _ in range(kills):
        moment = whole * rng.random()
        with subprocess.Popen(_command(folder, "out.inr"), cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            time.sleep(moment)
            process.kill()
        row = {"killed after s": moment, "of s": whole, "done": _networks(folder / "out.inr.part")}
        subprocess.run(_command(folder, "out.inr"), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        row["same bytes"] = (folder / "out.inr").read_bytes() == expected
        row["left behind"] = len(list(folder.glob("*.part")) + list(folder.glob(".*.part")))
        (folder / "out.inr").unlink()
        rows.append(row)
        report.log(str(row))
    return rows


def main() -> None:
    """Kill 20 times, compare, print and keep."""
    run = report.Run("resume", __doc__)
    with tempfile.TemporaryDirectory() as folder:
        rows = race(Path(folder), kills=2, size=16) if run.quick else race(Path(folder), kills=20, size=64)
    same = sum(row["same bytes"] for row in rows)
    targets = [report.Target(f"identical bytes, of {len(rows)}", same, ">=", len(rows))]
    run.publish("Killed and gone on with", {"A process killed at random moments": rows}, targets)


if __name__ == "__main__":
    main()
