"""What is shipped and how it is built: lower bounds that are tried, workflows that may only read, types that ship."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import refinr

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_oldest_versions_are_the_lower_bounds():
    pinned = re.findall(r"^([a-z-]+)==(\S+)$", (ROOT / ".ci" / "oldest.txt").read_text(), re.MULTILINE)
    bounds = [re.fullmatch(r"([a-z-]+)>=([\d.]+)", line).groups() for line in PROJECT["dependencies"]]
    assert [name for name, _ in pinned] == [name for name, _ in bounds]
    for (_, version), (name, bound) in zip(pinned, bounds, strict=True):
        parts = version.split(".")
        assert parts[: len(bound.split("."))] == bound.split("."), name
        assert set(parts[len(bound.split(".")) :]) <= {"0"}, name


def test_workflows_only_read():
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text()
        assert "\npermissions:\n  contents: read\n" in text
        assert text.count("permissions:") == 1
        assert text.count("actions/checkout@") == text.count("persist-credentials: false")


def test_types_ship():
    assert (Path(refinr.__file__).parent / "py.typed").exists()
