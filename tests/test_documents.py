"""The documents: their examples run, links lead somewhere, quoted results are the measured ones."""

from __future__ import annotations

import doctest
import importlib
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import refinr
from benchmarks import fair

ROOT = Path(__file__).parent.parent
FOLDERS = [ROOT.glob("*.md"), ROOT.glob("docs/*.md"), ROOT.glob("tutorials/*.md"), ROOT.glob("examples/**/*.md")]
DOCUMENTS = sorted(path for folder in FOLDERS for path in folder)
WITH_EXAMPLES = [path for path in DOCUMENTS if ">>> " in path.read_text()]
each = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@pytest.mark.parametrize("document", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_give_what_they_say(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # README's saves a file
    outcome = doctest.testfile(str(document), module_relative=False)
    assert outcome.attempted > 3
    assert outcome.failed == 0


def test_readme_says_how_large_its_file_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    (times,) = re.findall(r"this file is (\d+) times as large as the array", (ROOT / "README.md").read_text())
    assert round((tmp_path / "image.inr").stat().st_size / (64 * 64 * 2)) == int(times)


def test_readme_compares_what_was_measured():
    rows = json.loads((ROOT / "benchmarks" / "results" / "fair.json").read_text())["tables"]["Best step sizes"]
    text = (ROOT / "README.md").read_text()
    (quoted,) = re.findall(r"<!-- benchmarks/results/fair.json -->\n(.*?)\n<!-- end -->", text, re.DOTALL)
    assert quoted == fair.summary(rows)
    assert not [target.what for target in fair.targets(rows) if not target.met]


def test_readme_says_of_the_demo_what_it_printed():
    _, *rows = (ROOT / "tutorials" / "demo.txt").read_text().splitlines()
    found, name = {}, ""
    for row in rows:
        name = row[:12].strip() or name  # a signal's name stands in its first row
        bits, rate = (float(row[12:].split()[-k]) for k in (8, 3))
        found[name, row[12:24].strip()] = round(bits * rate)
    exact = {way for _, way in found} - {"direct", "direct x 4"}
    assert exact == {"bit planes", "solved", "one bit"}
    assert {count for (_, way), count in found.items() if way in exact} == {0}
    assert found["elevation", "direct x 4"] == 0 < found["bathymetry", "direct x 4"]
    assert f"({found['synthetic', 'direct x 4']} of 147,456 bits are wrong)" in (ROOT / "README.md").read_text()


def test_readme_says_how_small_files_are():
    tables = json.loads((ROOT / "benchmarks" / "results" / "codec.json").read_text())["tables"]
    rows = [row for row in tables["Files"] if row["PNG"] == row["PNG"] and row["JPEG XL"] == row["JPEG XL"]]
    smaller = [row for row in rows if row["refinr"] < min(row["PNG"], row["JPEG XL"])]
    median = statistics.median(1 - row["refinr"] / row["JPEG XL"] for row in rows)
    text = " ".join((ROOT / "README.md").read_text().split())
    (found,) = re.findall(r"\[(\d+) of (\d+) images and volumes\].*?\(the median by ([\d.]+) %", text)
    assert found == (str(len(smaller)), str(len(rows)), f"{100 * median:.1f}")
    *alone, before = tables["Coordinates alone, camera, 128 x 128"]
    assert min(row["both"] for row in alone) > before["both"]  # "predicts worse than the sample before"


def test_readme_says_how_long_the_figures_take():
    (minutes,) = re.findall(
        r"small images and networks: about (\d+) minutes on two cores", (ROOT / "README.md").read_text()
    )
    results = (ROOT / "paper_figures" / "results" / "small").glob("*.json")
    spent = sum(json.loads(path.read_text())["provenance"]["processor seconds"] for path in results) / 60
    assert spent / 2 < int(minutes) < 1.5 * spent  # between both cores always busy, and one


def test_readme_says_what_training_and_solving_take():
    rows = json.loads((ROOT / "benchmarks" / "results" / "rivals.json").read_text())["tables"]["Rows"]
    seconds = {row["way"]: row["processor s"] for row in rows}
    text = (ROOT / "README.md").read_text()
    assert "a 64 x 64 image of 16 bits takes about a second" in text
    assert 0.7 < seconds["trained, refinr"] < 1.3
    (times,) = re.findall(r"\[(\d+) times less\]\(benchmarks/results/rivals.md\)", text)
    assert round(seconds["trained, refinr"] / seconds["solved"]) == int(times)


def test_readme_has_an_example_and_fits_a_few_screens():
    assert ROOT / "README.md" in WITH_EXAMPLES
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_readme_says_how_many_cases_the_oracle_has():
    (about,) = re.findall(r"about (\d+) cases", (ROOT / "README.md").read_text())
    assert round(len(refinr.oracle.cases()), -2) == int(about)


@each
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\(([^)]+)\)", document.read_text())
    files = [link.split("#")[0] for link in links if not link.startswith("http")]
    missing = [file for file in files if file and not (document.parent / file).exists()]
    assert not missing


@each
def test_tests_that_are_named_exist(document):
    """In tables that say which test holds what; "and of ..." is the test of the same name elsewhere."""
    for name, file in re.findall(r"\[(test_\w+)\]\(([^)#]+\.py)\)", document.read_text()):
        assert f"\ndef {name}(" in (document.parent / file).read_text(), name
    for name, other in re.findall(r"\[(test_\w+)\]\([^)]+\), \[and of [.\w]+\]\(([^)]+)\)", document.read_text()):
        assert f"\ndef {name}(" in (document.parent / other).read_text(), (name, other)


QUOTED = ["time_to_lossless", "scaling", "large", "step_time", "rivals", "large_solved", "codec"]
QUOTED += ["kills", "cores", "memory"]


@pytest.mark.parametrize("name", QUOTED)
def test_quoted_results_are_the_measured_ones(name):
    start, end = f"<!-- benchmarks/results/{name}.md: targets -->\n", "<!-- end -->"
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    quoted = text[text.index(start) + len(start) :]
    quoted = quoted[: quoted.index(end)].strip()
    measured = (ROOT / "benchmarks" / "results" / f"{name}.md").read_text()
    targets = measured[measured.index("## Targets") :].split("\n\n")[1].strip()
    assert quoted == targets


def test_what_a_prior_is_worth_is_what_was_measured():
    text = (ROOT / "docs" / "compression.md").read_text()
    (quoted,) = re.findall(r"<!-- benchmarks/results/prior.md: medians -->\n(.*?)\n<!-- end -->", text, re.DOTALL)
    measured = (ROOT / "benchmarks" / "results" / "prior.md").read_text()
    assert quoted == measured.split("\n\n")[2]


def measured_for_security() -> dict[str, str]:
    """What SECURITY.md says of results, from these."""
    kept = {}
    for name in ("kills", "cores", "oldest", "fuzz"):
        targets = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())["targets"]
        kept[name] = [f"{target['value']:,.0f}" for target in targets]
    whole, same, left, _, tracebacks, _ = kept["kills"]
    decoded, lost, _ = kept["cores"]
    passed, failed, *_ = kept["oldest"]
    files, harm, *_ = kept["fuzz"]
    return {
        "kills": f"of 100 [kills](benchmarks/results/kills.md) {left} left a process after 5 s, {tracebacks} gave a "
        f"traceback; {whole} outputs old or whole, {same} gone on with to the same bytes",
        "cores": f"{decoded} decodings under [four core types and two sets of vector instructions]"
        f"(benchmarks/results/cores.md), {lost} wrong",
        "oldest": f"[installed](benchmarks/results/oldest.md): {passed} tests pass, {failed} fail",
        "fuzz": f"of {files} [files](benchmarks/results/fuzz.md) {harm} did harm",
    }


def test_security_says_what_was_measured():
    text = (ROOT / "SECURITY.md").read_text()
    for said in measured_for_security().values():
        assert said in text


def test_every_module_is_in_the_table_of_floors():
    table = (ROOT / "ARCHITECTURE.md").read_text().split("## Letters")[0]
    package = ROOT / "refinr"
    paths = [path.relative_to(package).with_suffix("") for path in package.rglob("*.py") if path.stem != "__init__"]
    modules = {".".join(path.parts) for path in paths}
    assert modules == set(re.findall(r"`([\w.]+)`", "".join(re.findall(r"^\| \d+ \|[^|]*\|", table, re.MULTILINE))))


def test_every_module_has_its_place_in_the_reading_order():
    page = (ROOT / "docs" / "reading-order.md").read_text()
    places = re.findall(r"\(\.\./refinr/(\w+)\.py\)", page)
    modules = {path.stem for path in (ROOT / "refinr").glob("[!_]*.py")}
    assert modules == set(places)


def test_what_one_may_add_has_its_table_and_its_tests():
    recipes = (ROOT / "ARCHITECTURE.md").read_text().split("## How to add")[1]
    rows = re.findall(r"^\| an? [^|]*\| `([\w.]+)` \|[^|]*\|(.*)\|$", recipes, re.MULTILINE)
    assert len(rows) > 10
    for table, tests in rows:
        module, _, name = table.rpartition(".")
        assert hasattr(importlib.import_module(module if module.startswith("paper") else f"refinr.{module}"), name)
        files = re.findall(r"`([\w/]+)`", tests)
        assert files
        assert not [file for file in files if not any((ROOT / "tests").glob(f"{file}*"))]


def test_the_command_line_on_its_page_is_the_one_there_is():
    page = (ROOT / "docs" / "command-line.md").read_text()
    commands = set(re.findall(r"^    refinr (\w+)", page, re.MULTILINE))
    text = subprocess.run([sys.executable, "-m", "refinr", "--help"], capture_output=True, text=True, check=True).stdout
    there = set(re.findall(r"^    (\w+)(?: |$)", text, re.MULTILINE))
    assert commands == there


def test_what_the_nightly_examples_run_is_there():
    command = subprocess.run(["make", "-n", "nightly"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = re.findall(r" (tests/\S+)", command)
    assert len(paths) > 5
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_what_is_cited_has_the_version_of_the_package():
    text = (ROOT / "CITATION.cff").read_text()
    assert re.findall(r"^version: (\S+)$", text, re.MULTILINE) == [refinr.__version__]
