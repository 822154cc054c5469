"""The recipes of ARCHITECTURE.md's "How to add", followed to the letter: what is added works."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paper_figures import datafiles, figures, registry
from paper_figures.__main__ import main

ROOT = Path(__file__).parent.parent

# --- a figure of the paper -------------------------------------------------------------------------------------------

CHECKERBOARD = '''
"""A checkerboard: how many steps a network of each width takes."""

import numpy as np

from paper_figures import claims, fits, style
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr.fitting import fit

PRESETS = {name: {"size": 4, "widths": [8, 12]} for name in ("tiny", "small", "paper")}


def compute(preset, rng):
    settings = PRESETS[preset]
    board = (np.indices((settings["size"],) * 2).sum(axis=0) % 2).astype("uint8")

    def measure(case, stream):
        networks = fits.PLANES | {"hidden": (case["width"],) * 2, "margin": 0.0}
        report = fit(board, **networks, seed=int(stream.integers(2**31))).report
        return {"steps": report.steps, "wrong bits": sum(report.wrong_bits)}

    return {"rows": each(measure, [{"width": width} for width in settings["widths"]], rng)}


def plot(data):
    sheet, grid = style.figure()
    grid[0, 0].plot([row["width"] for row in data["rows"]], [row["steps"] for row in data["rows"]], **style.line(0))
    return {"checkerboard": sheet}


def _judge(data):
    wrong = sum(row["wrong bits"] for row in data["rows"])
    return Finding(f"{wrong} wrong bits", claims.verdict(wrong == 0))


FIGURE = Figure(
    title="A checkerboard",
    shows="ours",
    pictures={"checkerboard": "Steps against width."},
    presets=PRESETS,
    compute=compute,
    plot=plot,
    claims=(Claim("(Ours.) A checkerboard is learned.", "", "holds without a wrong bit", _judge),),
)
'''


@pytest.fixture
def checkerboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module among the figures, and its name in the list."""
    added = tmp_path / "figures"
    added.mkdir()
    (added / "checkerboard.py").write_text(CHECKERBOARD)
    monkeypatch.setattr(figures, "__path__", [*figures.__path__, str(added)])
    monkeypatch.setattr(figures, "NAMES", (*figures.NAMES, "checkerboard"))
    yield tmp_path / "results"
    sys.modules.pop("paper_figures.figures.checkerboard", None)


def test_a_new_figure_computes_plots_and_is_in_the_gallery(checkerboard, capsys):
    assert main(["checkerboard", "--preset", "tiny", "--output", str(checkerboard)]) == 0
    assert "checkerboard: computed" in capsys.readouterr().out
    result = datafiles.read(checkerboard / "checkerboard.json")
    assert [row["wrong bits"] for row in result.data["rows"]] == [0, 0]
    assert result.provenance["figure"] == "checkerboard"
    assert (checkerboard / "checkerboard.png").read_bytes().startswith(b"\x89PNG")
    assert (checkerboard / "checkerboard.svg").exists()
    page = (checkerboard / "README.md").read_text()
    assert "## A checkerboard" in page
    assert "![Steps against width.](./checkerboard.png)" in page
    assert "| [ours](#checkerboard) | (Ours.) A checkerboard is learned. | holds |" in page


def test_a_new_figure_is_listed_and_becomes_stale_with_its_settings(checkerboard, capsys, monkeypatch):
    def listed() -> str:
        assert main(["list", "--preset", "tiny", "--output", str(checkerboard)]) == 0
        return capsys.readouterr().out.splitlines()[-1]

    assert listed().split() == ["checkerboard", "ours", registry.MISSING]
    assert main(["checkerboard", "--preset", "tiny", "--output", str(checkerboard)]) == 0
    capsys.readouterr()
    assert listed().split() == ["checkerboard", "ours", registry.CURRENT]
    monkeypatch.setitem(registry.find("checkerboard").presets, "tiny", {"size": 6, "widths": [8]})
    assert listed().split() == ["checkerboard", "ours", registry.STALE]
