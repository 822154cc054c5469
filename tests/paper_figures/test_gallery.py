"""The page and the report are made of the kept results."""

from __future__ import annotations

import re
from pathlib import Path

from paper_figures import datafiles, gallery, registry, report

ROOT = Path(__file__).parents[2]
SMALL = registry.RESULTS / "small"


def test_the_gallery_is_the_page_of_the_kept_results():
    page = gallery.page("small", SMALL, ROOT / "paper_figures")
    assert (ROOT / "paper_figures" / "README.md").read_text() == page


def test_links_of_the_gallery_lead_somewhere():
    page = (ROOT / "paper_figures" / "README.md").read_text()
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page) if not link.startswith("http")]
    files, anchors = [link for link in links if link[0] != "#"], [link[1:] for link in links if link[0] == "#"]
    assert files
    assert not [link for link in files if not (ROOT / "paper_figures" / link).exists()]
    assert set(anchors) == set(re.findall(r'<a id="(\w+)"', page))


def runs_of_planes(name: str, folder: Path = SMALL) -> list[dict]:
    """All runs of one network a plane; of the larger results, of the paper's pixels."""
    rows = datafiles.read(registry.data_path(folder, name)).data["rows"]
    rows = [row for row in rows if folder == SMALL or row["image"].endswith(", 256 x 256")]
    return [run for row in rows if row["method"] == "bit planes" for run in row["runs"]]


def steps_of_planes(name: str) -> list[int | None]:
    """Until nothing was wrong."""
    return [run["exact_at"] for run in runs_of_planes(name)]


def test_what_the_report_calls_easy_was():
    words = " ".join(report.EASY.split())
    assert "with every seed, after some tens of steps, a hundred or so for micrographs and sound" in words
    images, micrographs, sounds = map(steps_of_planes, ("comparison", "microscopy", "audio"))
    assert None not in [*images, *micrographs, *sounds]
    assert 20 < sum(images) / len(images) < 60
    assert all(60 < sum(steps) / len(steps) < 150 for steps in (micrographs, sounds))
    larger = runs_of_planes("microscopy", gallery.PAPER)
    exact = sum(run["exact_at"] is not None for run in larger)
    assert f"{exact} of {len(larger)} leave nothing wrong, and none more than two bits in a million" in words
    assert max(run["ber"][-1] for run in larger) < 2e-6


def test_the_report_has_six_to_eight_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(report._Pages, "save", lambda pages, path: len(pages._sheets))  # laid out, not drawn
    assert 6 <= report.write("small", SMALL, tmp_path / "report.pdf") <= 8
