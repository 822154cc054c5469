"""The documents: README's example runs, links lead somewhere, quoted results are the measured ones."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")])


def test_the_example_in_readme_gives_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it saves a file
    outcome = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert outcome.attempted > 5
    assert outcome.failed == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\(([^)]+)\)", document.read_text())
    missing = [link for link in links if not link.startswith("http") and not (document.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("name", ["time_to_lossless", "scaling", "large", "step_time"])
def test_quoted_results_are_the_measured_ones(name):
    start, end = f"<!-- benchmarks/results/{name}.md: targets -->\n", "<!-- end -->"
    text = (ROOT / "README.md").read_text()
    quoted = text[text.index(start) + len(start) :]
    quoted = quoted[: quoted.index(end)].strip()
    measured = (ROOT / "benchmarks" / "results" / f"{name}.md").read_text()
    targets = measured[measured.index("## Targets") :].split("\n\n")[1].strip()
    assert quoted == targets


def test_every_module_is_in_the_table_of_floors():
    table = (ROOT / "ARCHITECTURE.md").read_text().split("## Letters")[0]
    package = ROOT / "refinr"
    paths = [path.relative_to(package).with_suffix("") for path in package.rglob("*.py") if path.stem != "__init__"]
    modules = {".".join(path.parts) for path in paths}
    assert modules == set(re.findall(r"`([\w.]+)`", "".join(re.findall(r"^\| \d+ \|[^|]*\|", table, re.MULTILINE))))


def test_the_command_line_in_readme_is_the_one_there_is():
    readme = (ROOT / "README.md").read_text()
    commands = set(re.findall(r"^    refinr (\w+)", readme, re.MULTILINE))
    text = subprocess.run([sys.executable, "-m", "refinr", "--help"], capture_output=True, text=True, check=True).stdout
    there = set(re.findall(r"^    (\w+) ", text, re.MULTILINE))
    assert commands == there
