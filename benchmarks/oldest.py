"""The whole suite with whatever versions are installed beside it: the lower bounds, as the job `oldest` has them.

With this you can run ``python -m benchmarks.oldest`` in an environment of ``pip install --editable .[test]`` under the
constraints of .ci/oldest.txt, Python 3.11.  The suite runs in portions; interrupted, it goes on where it was.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from benchmarks import report
from tests import present

ROOT = Path(__file__).parent.parent
PINS = ROOT / ".ci" / "oldest.txt"
APART = ("files", "cli", "oracle", "codec", "readouts", "theorems", "paper_figures")
"""Folders of tests that are portions of their own."""

BACKENDS = "tests/test_example_backends.py"
PORTIONS: dict[str, list[str]] = {
    "refinr and paper_figures: what docstrings show": ["refinr", "paper_figures"],
    **{f"tests/{name}": [f"tests/{name}"] for name in APART},
    "tests/test_*.py": ["tests", f"--ignore={BACKENDS}", *(f"--ignore=tests/{name}" for name in APART)],
    BACKENDS: [BACKENDS],
}


def suite(arguments: list[str], kept: Path) -> dict[str, Any]:
    """Run a portion, and what fails of it once more, unless results are kept: what passed, failed, was skipped."""
    log = _run(arguments, kept)
    first = _failures(kept)
    again = kept.with_suffix(".again.xml")
    if first:
        _run(first, again)
    found = next(iter(ET.parse(kept).getroot().iter("testsuite")))
    tests, skipped = (int(found.get(name, 0)) for name in ("tests", "skipped"))
    failed = len(_failures(again)) if first else 0
    ended = int(re.findall(r"ended with (-?\d+)", log)[-1])
    return {
        "passed": tests - skipped - failed,
        "failed": failed,
        "failed at first": len(first),
        "skipped": skipped,
        "exit status": 0 if ended == 1 and not failed else ended,
    }


def _run(arguments: list[str], kept: Path) -> str:
    """Run these tests unless their result is kept: what was said."""
    if not kept.exists():
        before = kept.with_suffix(".new")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={before}", *arguments]
        with kept.with_suffix(".log").open("w") as log:
            status = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
            print(f"ended with {status}", file=log)
        before.rename(kept)
    return kept.with_suffix(".log").read_text()


def _failures(kept: Path) -> list[str]:
    """Names of tests that did not pass."""
    cases = [case for case in ET.parse(kept).getroot().iter("testcase") if {"failure", "error"} & {e.tag for e in case}]
    return sorted({f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}" for case in cases})


def main() -> None:
    """Run what has not run yet, print and keep."""
    run = report.Run("oldest", __doc__, timed=False)
    pins = dict(re.findall(r"^([a-z0-9_-]+)==(\S+)$", PINS.read_text(), re.MULTILINE))
    installed = {name: importlib.metadata.version(name) for name in pins}
    folder = Path(tempfile.gettempdir()) / f"refinr-oldest-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    rows = []
    for number, (title, arguments) in enumerate(PORTIONS.items()):
        rows.append({"tests": title} | suite(arguments, folder / f"{number}.xml"))
        report.log(str(rows[-1]))
    counts = ("passed", "failed", "failed at first", "skipped")
    rows.append({"tests": "all"} | {key: sum(row[key] for row in rows) for key in counts})
    rows[-1]["exit status"] = max((row["exit status"] for row in rows[:-1]), key=abs)
    versions = [{"library": name, "bound": pins[name], "installed": installed[name]} for name in pins]
    newer = sum(row["bound"] != row["installed"] for row in versions)
    targets = [
        report.Target("tests passed", rows[-1]["passed"], ">=", 1),
        report.Target("tests failed", rows[-1]["failed"], "<=", 0),
        report.Target("exit status", abs(rows[-1]["exit status"]), "<=", 0),
        report.Target("libraries that are not the oldest allowed", newer, "<=", 0),
    ]
    names = sorted(path.name for path in (ROOT / "tests").rglob("test_*.py") if present.lacks(path))
    words = (
        f"The whole suite but {', '.join(names) or 'nothing'}, for which neither the job `oldest` nor `make test` "
        "installs a library. What failed at first was mended, in code, tests or bounds, and run once more."
    )
    run.publish("The oldest versions", {"The suite": rows, "Versions": versions}, targets, textwrap.fill(words, 118))


if __name__ == "__main__":
    main()
