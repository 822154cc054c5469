"""A backend in a process of its own: whatever ends that process or never returns is one line of the report."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from refinr import oracle
from refinr.cli import main
from refinr.oracle import isolation
from refinr.oracle.isolation import Isolated

BACKEND = '''
import ctypes, os, sys, time
from refinr.oracle import operations
from refinr.oracle.operations import gelu, mse, sine


def at(name, end):
    """The operation, but for one size, at which something else happens."""
    def call(**arguments):
        if next(iter(arguments.values())).shape == (3, 2):
            end()
        return getattr(operations, name)(**arguments)
    return call


mae = at("mae", lambda: os._exit(0))
bce_with_logits = at("bce_with_logits", os.abort)
relu = at("relu", lambda: sys.exit(0))
tanh = at("tanh", lambda: time.sleep(1000))


def gauss(**arguments):
    ctypes.string_at(0)
'''
SIZES = {"z": np.array([[0.5, -0.25]] * 3), "dy": np.ones((3, 2))}
LOSS = {"z": SIZES["z"], "targets": np.ones((3, 2))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backends")
    (folder / "mortal.py").write_text(BACKEND)
    (folder / "stillborn.py").write_text("import os\nos._exit(3)\n")
    (folder / "broken.py").write_text("1 / 0\n")
    sys.path.insert(0, str(folder))  # the child looks there, too
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def report(folder):
    given = []
    for operation in ("mse", "mae", "bce_with_logits"):
        for rows in (1, 3, 4):
            arrays = {key: np.resize(array, (rows, 2)) for key, array in LOSS.items()}
            given.append(oracle.make(f"mine.{operation}.{rows}", arrays))
    for operation, options in {"relu": {}, "tanh": {}, "gelu": {}, "gauss": {"scale": 2.0}}.items():
        for rows in (1, 3, 4):
            arrays = {key: np.resize(array, (rows, 2)) for key, array in SIZES.items()}
            given.append(oracle.make(f"mine.{operation}.{rows}", arrays, **options))
    given += [given[-1]]
    return oracle.check_backend("mortal", given=given, quiet=True, isolate=True, timeout=2.0)


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ("mae", "ended the process with exit status 0"),
        ("bce_with_logits", "killed by signal 6"),
        ("relu", "raised SystemExit: 0"),
        ("tanh", "took longer than 2 s"),
    ],
)
def test_what_ends_the_process_fails_only_its_case(report, operation, text):
    states = {r.case: (r.state, r.text) for r in report.results if r.operation == operation}
    assert {name: state for name, (state, _) in states.items()} == {
        f"mine.{operation}.1": "passed",
        f"mine.{operation}.3": "raised",
        f"mine.{operation}.4": "passed",
    }
    assert states[f"mine.{operation}.3"][1].startswith(f"mine.{operation}.3: {text}")
    assert f"mine.{operation}.3: {text}" in str(report)


def test_what_passes_is_looked_at_in_a_new_process(report):
    for operation in ("mse", "gelu"):
        results = [result for result in report.results if result.operation == operation]
        assert {result.state for result in results} == {"passed"}
        assert sum(result.case.startswith(f"call.{operation}.") for result in results) == 7
    assert not report.ok
    assert set(report.times) == {"mse", "gelu"}


def test_an_operation_that_always_crashes_is_left_alone_in_the_end(report):
    texts = [result.text for result in report.results if result.operation == "gauss"]
    assert len(texts) == isolation.PATIENCE + 1
    assert all("killed by signal 11" in text for text in texts[:-1])
    assert texts[-1].endswith(f"not called, gauss has ended its process {isolation.PATIENCE} times")


def test_a_crash_and_a_hang_leave_a_trace(report):
    traces = {result.case: result.trace for result in report.results}
    assert "in gauss" in traces["mine.gauss.1"]
    assert "mortal.py" in traces["mine.tanh.3"]
    assert all(result.facts for result in report.results if not result.case.startswith("call."))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("stillborn", "importing stillborn: ended the process with exit status 3"),
        ("broken", "importing broken: raised ZeroDivisionError: division by zero"),
        ("no_such_module", "cannot import no_such_module"),
    ],
)
def test_what_cannot_be_imported_is_refused_in_a_sentence(folder, capsys, name, text):
    assert main(["oracle", "check", name, "--families", "coords"]) == 2
    assert text in capsys.readouterr().err


def test_only_what_is_isolated_by_its_name_can_be_stopped():
    with pytest.raises(ValueError, match="timeout: only an isolated backend can be stopped"):
        oracle.check_backend("math", "coords", timeout=1.0)
    with pytest.raises(ValueError, match="backend: expected the name of one to be isolated, got ones"):
        oracle.check_backend(np.ones, "coords", isolate=True)


def test_the_process_ends_with_the_check(folder):
    with Isolated("mortal", "float32") as child:
        process = child.process
        assert process.is_alive()
    assert child.process is None
    assert not process.is_alive()


def test_the_command_names_a_case_before_its_call(folder, capsys):
    assert main(["oracle", "check", "mortal", "--families", "losses.mse.1x1", "--no-isolate", "--progress"]) == 0
    assert Path(folder).exists()
    assert capsys.readouterr().err.splitlines()[:2] == ["losses.mse.1x1", "call.mse.again"]
