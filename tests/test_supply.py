"""What is shipped and how it is built: lower bounds that are tried, workflows that may only read, types that ship."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import refinr

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


USED = ("oracle", "cluster", "volumes", "zarr", "medical", "hdf5", "astronomy", "images", "sound")
"""Extras of people who use it: their libraries are installed in the oldest versions, too."""


def test_the_oldest_versions_are_the_lower_bounds():
    lines = (ROOT / ".ci" / "oldest.txt").read_text()
    pinned = dict(re.findall(r"^([a-z0-9_-]+)==(\S+)$", lines, re.MULTILINE))
    extras = PROJECT["optional-dependencies"]
    needed = [*PROJECT["dependencies"], *(line for name in USED for line in extras[name])]
    bounds = dict(re.match(r"([a-z0-9_-]+)>=([\d.]+)", line).groups() for line in needed)
    assert bounds.keys() <= pinned.keys()
    bounds = (
        dict(re.match(r"([a-z0-9_-]+)>=([\d.]+)", line).groups() for line in extras["test"] if ">=" in line) | bounds
    )
    for name, version in pinned.items():
        parts = version.split(".")
        bound = bounds[name].split(".")
        assert parts[: len(bound)] == bound, name
        assert set(parts[len(bound) :]) <= {"0"}, name


def _bounds(lines: list[str]) -> dict[str, str]:
    return dict(re.match(r"([a-z0-9_-]+)>=([\d.]+)", line).groups() for line in lines if ">=" in line)


def test_the_newest_versions_cover_what_is_installed_by_integration():
    lines = (ROOT / ".ci" / "newest.txt").read_text().splitlines()[1:]
    newest = dict(re.fullmatch(r"([a-z0-9-]+)<=([\d.]+)", line).groups() for line in lines)
    extras = PROJECT["optional-dependencies"]
    wanted = [
        *PROJECT["dependencies"],
        *(line for name in ("test", "docs", "images", "sound") for line in extras[name]),
    ]
    bounds = [re.match(r"([A-Za-z0-9_-]+)>=([\d.]+)", line) for line in wanted if not line.startswith("refinr")]
    for name, bound in (found.groups() for found in bounds):
        assert _numbers(newest[name.lower().replace("_", "-")]) >= _numbers(bound), name


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.strip(".").split(".")]


def test_actions_are_pinned_by_commit():
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for line in re.findall(r"uses: (.*)", path.read_text()):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", line), line


def test_the_oldest_versions_run_the_whole_suite():
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    job = text.split("\n  oldest:")[1].split("\n  bare:")[0]
    assert "PIP_CONSTRAINT: .ci/oldest.txt" in job
    assert "pytest -n 2 -q\n" in job


BLOCK = "import sys; sys.modules |= dict.fromkeys(('jax', 'cupy', 'torch', 'constriction'))"


def test_the_suite_is_collected_without_jax_cupy_and_pytorch(tmp_path):
    (tmp_path / "block.py").write_text(BLOCK)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "block",
            "--collect-only",
            "-q",
            "tests/codec",
            "refinr/codec",
            "tests/test_planes.py",
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "without constriction, cupy, jax, torch, not collected: " in done.stdout
    assert "test_network.py" in done.stdout
    assert "test_planes.py::" in done.stdout
    assert "test_network.py::" not in done.stdout


def test_every_system_and_every_python_is_tried():
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    assert text.count('python: ["3.11", "3.12", "3.13", "3.14"]') == 2
    assert "runs-on: ubuntu-latest" in text
    assert "os: [macos-latest, windows-latest]" in text


def test_workflows_only_read():
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text()
        assert "\npermissions:\n  contents: read\n" in text
        assert text.count("permissions:") == 1
        assert text.count("actions/checkout@") == text.count("persist-credentials: false")


def test_the_source_archive_has_what_its_tests_need():
    """Tests of what is not in it are not in it either."""
    target = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["sdist"]
    for pattern in [*target["include"], *target["exclude"]]:
        assert list(ROOT.glob(pattern.removeprefix("/"))) or not (ROOT / "corpus").exists(), pattern
    for name in ("/conftest.py", "/refinr", "/tests", "/.ci", "/.github"):
        assert name in target["include"]


def test_types_ship():
    assert (Path(refinr.__file__).parent / "py.typed").exists()
