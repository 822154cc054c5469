"""The benchmarks: those that need no other framework run, in small, and leave the kept results alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import gpu

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "name",
    [
        "scaling",
        "ternary",
        "weight_precision",
        "sizes",
        "expansion",
        "large",
        "defaults",
        "codec",
        "solve",
        "corpus",
        "memory",
        "rivals",
        "large_solved",
        "prior",
        "directions",
        "fair",
        "demonstration",
        "activations",
        "pages",
        "photograph",
    ],
)
def test_a_benchmark_runs_in_small_and_keeps_nothing(name):
    results = ROOT / "benchmarks" / "results"
    before = {path: path.read_bytes() for path in results.iterdir()}
    command = [sys.executable, "-m", f"benchmarks.{name}", "--quick"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "## Targets" in run.stdout
    assert {path: path.read_bytes() for path in results.iterdir()} == before


def test_what_runs_on_a_gpu_runs_without_one():
    row = gpu.measure_fit(16, "numpy")
    assert (row["wrong bits"], row["same on NumPy"]) == (0, True)
    row = gpu.measure_step(8, ["numpy"])
    assert row["ratio"] == 1.0
