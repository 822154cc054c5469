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
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from benchmarks import report

ROOT = Path(__file__).parent.parent
PINS = ROOT / ".ci" / "oldest.txt"
APART = ("files", "cli", "oracle", "codec", "readouts", "theorems", "paper_figures")
"""Folders of tests that are portions of their own."""

PORTIONS: dict[str, list[str]] = {
    "refinr and paper_figures: what docstrings show": ["refinr", "paper_figures"],
    **{f"tests/{name}": [f"tests/{name}"] for name in APART},
    "tests/test_*.py": ["tests", *(f"--ignore=tests/{name}" for name in APART)],
}


def suite(arguments: list[str], kept: Path) -> dict[str, Any]:
    """Run a portion unless its result is kept: how many passed, failed and were skipped."""
    if not kept.exists():
        before = kept.with_suffix(".new")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={before}", *arguments]
        with kept.with_suffix(".log").open("w") as log:
            status = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
            print(f"ended with {status}", file=log)
        before.rename(kept)
    found = next(iter(ET.parse(kept).getroot().iter("testsuite")))
    tests, skipped, *failed = (int(found.get(name, 0)) for name in ("tests", "skipped", "failures", "errors"))
    text = kept.with_suffix(".log").read_text()
    said = re.findall(r"not collected: (.*)", text)
    return {
        "passed": tests - skipped - sum(failed),
        "failed": sum(failed),
        "skipped": skipped,
        "exit status": int(re.findall(r"ended with (-?\d+)", text)[-1]),
        "not collected": said[0] if said else "",
    }


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
    rows.append({"tests": "all"} | {key: sum(row[key] for row in rows) for key in ("passed", "failed", "skipped")})
    rows[-1] |= {"exit status": max((row["exit status"] for row in rows[:-1]), key=abs), "not collected": ""}
    versions = [{"library": name, "bound": pins[name], "installed": installed[name]} for name in pins]
    newer = sum(row["bound"] != row["installed"] for row in versions)
    targets = [
        report.Target("tests passed", rows[-1]["passed"], ">=", 1),
        report.Target("tests failed", rows[-1]["failed"], "<=", 0),
        report.Target("exit status", abs(rows[-1]["exit status"]), "<=", 0),
        report.Target("libraries that are not the oldest allowed", newer, "<=", 0),
    ]
    words = "Not collected are files that need a library which neither the job nor `make test` installs."
    run.publish("The oldest versions", {"The suite": rows, "Versions": versions}, targets, words)


if __name__ == "__main__":
    main()
