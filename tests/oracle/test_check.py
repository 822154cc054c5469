"""Checking a backend: planted defects are found, nothing passes unseen, and the report says what was wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from examples.backends.defects import DEFECTS, GROUPS
from examples.backends.planting import Defect, find, found
from refinr import oracle
from refinr.cli import main
from refinr.oracle import operations
from refinr.oracle.expecting import Expectations, Wider
from refinr.oracle.facts import told_apart
from refinr.oracle.families import FAMILIES
from refinr.oracle.making import make

ROOT = Path(__file__).parents[2]


def _check(backend, families=None, dtype="float32", **options):
    return oracle.check_backend(backend, families, dtype, quiet=True, **options)


# --- defects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.what)
def test_a_defect_is_found_by_its_family(defect):
    report = find(defect)
    raised = [result.case for result in report.results if result.state == "raised"]
    if defect.seen == "raised":  # only where inputs are laid out otherwise: a defect that crashes is found by anything
        assert raised
        assert all(case.startswith("call.") for case in raised)
    else:
        assert report.count("differ") > 0
        assert not raised
    assert not report.ok


def test_there_are_enough_defects_in_every_family_and_group():
    assert len(DEFECTS) >= 150
    assert len({defect.what for defect in DEFECTS}) == len(DEFECTS)
    assert {defect.family for defect in DEFECTS} == set(FAMILIES)
    groups = "sizes options state strides dtypes precision files optimiser ternary races"
    assert set(GROUPS) >= set(groups.split())


AROUND = {
    "again": "sums in another order each time",
    "kept": "outputs in a buffer used again",
    "inputs": "gradient scaled in the caller's array",
    "column-major": "column-major weights read row by row",
    "backwards": "negative strides taken for positive",
    "gaps": "gaps between numbers not seen",
}


@pytest.mark.parametrize("check", AROUND)
def test_each_look_around_a_call_finds_what_nothing_else_does(check):
    (defect,) = (defect for defect in DEFECTS if defect.what == AROUND[check])
    (only,) = found(find(defect))
    assert only.case == f"call.{only.operation}.{check}"


def test_a_backend_that_needs_to_write_fails_only_where_it_cannot():
    def restores(z, dy, omega):
        z *= omega  # and back: a power of two
        result = {"y": np.sin(z), "dz": omega * np.cos(z) * dy}
        z /= omega
        return result

    case = make("activations.sine.power", {"z": np.array([0.5, -0.25]), "dy": np.ones(2)}, omega=4.0)
    (only,) = found(_check(SimpleNamespace(sine=restores), given=[case]))
    assert (only.case, only.state) == ("call.sine.read-only", "raised")


def test_without_a_defect_nothing_is_found():
    assert find(Defect("none", "layers", {"linear": operations.linear})).ok


def test_the_first_tensor_is_named_also_where_the_mistake_spreads():
    defect = next(defect for defect in DEFECTS if defect.what == "omega forgotten in the network")
    first = next(result for result in find(defect).results if result.state == "differ")
    assert first.text.startswith(f"{first.case}: h1 differs\n  in forward order, agree before it: z0\n")
    assert "after it differ as well: z1, h2, z2, loss, dz, dw2" in first.text


# --- what a report says ----------------------------------------------------------------------------------------------


def _linear_only(**arguments):
    return {name: a for name, a in operations.linear(**arguments).items() if name != "dx"}


def _unfinished(**arguments):
    raise NotImplementedError


def test_what_is_not_there_is_counted_and_never_passes():
    backend = SimpleNamespace(linear=_linear_only, mse=_unfinished)
    report = _check(backend, ["layers", "losses", "optim"])
    states = {operation: {r.state for r in report.results if r.operation == operation} for operation in
              ("linear", "mse", "mae", "adam")}  # fmt: skip
    assert states == {"linear": {"passed"}, "mse": {"not implemented"}, "mae": {"not implemented"},
                      "adam": {"not implemented"}}  # fmt: skip
    passed = [result for result in report.results if result.state == "passed" and result.case.startswith("layers.")]
    assert [result.left_out for result in passed] == [("dx",)] * len(oracle.cases("layers"))
    assert all(not result.left_out for result in report.results if result not in passed)
    assert "not implemented: bce_with_logits, mse, mae, adam" in str(report)


@pytest.mark.parametrize(
    ("linear", "state", "text"),
    [
        (lambda **_: {}, "not implemented", ""),
        (lambda **_: [1], "raised", "raised TypeError: expected a dict of arrays, got list"),
        (lambda x: {}, "raised", "raised TypeError"),
        (lambda **_: {"Y": np.ones(1)}, "differ", "returned 'Y', which is none of its tensors: y, dw, db, dx"),
        (lambda **a: operations.linear(**a) | {"y": None}, "differ", "y differs"),
        (lambda **a: 1 / 0, "raised", "raised ZeroDivisionError: division by zero"),
    ],
)
def test_an_odd_result_is_no_success(linear, state, text):
    report = _check(SimpleNamespace(linear=linear), "layers")
    assert {result.state for result in report.results} == {state}
    assert all(text in result.text for result in report.results)
    assert not report.ok
    assert not report


def test_an_empty_backend_is_not_right():
    report = _check(SimpleNamespace())
    assert not report.ok
    assert str(report).endswith("\nnothing was checked")


def test_a_backend_that_writes_into_its_inputs_spoils_nothing_and_is_told():
    def vandal(**arguments):
        result = operations.linear(**{name: a.copy() for name, a in arguments.items()})
        for array in arguments.values():
            array[...] = np.nan
        return result

    report = _check(SimpleNamespace(linear=vandal), "layers")
    assert {result.state for result in report.results if result.case.startswith("layers.")} == {"passed"}
    wrong = {result.case: result.text for result in report.results if result.state != "passed"}
    assert wrong.pop("call.linear.inputs").startswith("call.linear.inputs: wrote into x of layers.linear.")
    assert "ValueError: assignment destination is read-only" in wrong.pop("call.linear.read-only")
    assert not wrong
    assert _check(operations, "layers").ok


def test_the_table_adds_up(capsys):
    report = oracle.check_backend(operations, ["layers", "coords"])
    assert capsys.readouterr().out == f"{report}\n"
    families = ("coords", "layers", "call", "all")
    rows = {row.split()[0]: row.split()[1:] for row in str(report).splitlines() if row.split(" ")[0] in families}
    assert rows["all"][:3] == ["74", "74", "0"]
    columns = zip(*(map(int, rows[name][:6]) for name in families), strict=True)
    assert all(coords + layers + call == every for coords, layers, call, every in columns)


def test_further_failures_of_an_operation_are_counted_not_repeated():
    text = str(_check(SimpleNamespace(linear=lambda **a: {"y": -a["dy"]}), "layers"))
    assert text.count("y differs") == 1
    assert "linear fails in 42 more: " in text  # all but those without rows
    assert "  fails in 43, all with N > 1; passes in 4, none with that\n" not in text  # some of one row fail, too
    assert text.endswith("fails: linear")


def test_an_unknown_dtype_is_refused():
    with pytest.raises(ValueError, match="dtype: expected one of"):
        _check(operations, "layers", "float128")


# --- in other people's tests -----------------------------------------------------------------------------------------


@oracle.parametrize_cases(["optim", "layers.linear.1x3*"])
def test_parametrised_cases_and_assert_matches(case):
    got = getattr(operations, case.operation)(**case.inputs("float32"), **case.options)
    oracle.assert_matches(got, case.expected("float32"), case)


def test_known_failures_are_marked_and_only_they():
    known = {"activations.relu.*-special": "gradient 1 at zero"}
    mark = oracle.parametrize_cases("activations.relu.*", xfail=known)
    params = {param.id: param.marks for param in mark.args[1]}
    assert list(params) == [case.name for case in oracle.cases("activations.relu.*")]
    (found,) = [name for name, marks in params.items() if marks]
    assert found == "activations.relu.random-special"
    (xfail,) = params[found]
    assert (xfail.name, xfail.kwargs) == ("xfail", {"reason": "gradient 1 at zero", "strict": True})


def test_an_expected_failure_must_exist():
    with pytest.raises(ValueError, match=r"xfail: 'layers.other' matches no case of 'layers.\*'"):
        oracle.parametrize_cases("layers.*", xfail={"layers.other": "why"})


def test_assert_matches_fails_as_it_should():
    (case,) = oracle.cases("layers.linear.1x3x7x2")
    expected = case.expected("float32")
    with pytest.raises(AssertionError, match="dw is missing"):
        oracle.assert_matches({"y": expected["y"]}, expected, case)
    oracle.assert_matches(expected, {"y": expected["y"]}, case)
    with pytest.raises(AssertionError, match="nothing is expected"):
        oracle.assert_matches(expected, {}, case)
    with pytest.raises(AssertionError, match="db differs"):
        oracle.assert_matches(expected | {"db": -expected["db"]}, expected, case)
    with pytest.raises(AssertionError, match="dtype float64, expected float32"):
        oracle.assert_matches(case.expected("float64"), expected, case)
    with pytest.raises(AssertionError, match="y differs"):  # what is given counts, not what the case knows
        oracle.assert_matches(expected, {"y": expected["y"] + 1}, case)


def test_no_pytest_plugin_is_installed_and_nothing_is_loaded_unasked():
    assert "pytest11" not in (ROOT / "pyproject.toml").read_text()
    script = "import sys, refinr; refinr.oracle.cases; print('pytest' in sys.modules, 'ml_dtypes' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.split() == ["False", "False"]


def test_a_package_that_only_some_have_is_needed_for_its_own_dtype_alone():
    script = (
        "import sys; sys.modules['ml_dtypes'] = None\n"
        "from refinr import cli\n"
        "for dtype in ('float32', 'float16', 'bfloat16'):\n"
        "    print(cli.main(['oracle', 'check', 'refinr.oracle.operations', '--families', 'losses', '--dtype', dtype]))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert [line for line in run.stdout.splitlines() if line in ("0", "1", "2")] == ["0", "0", "2"]
    assert run.stderr == "refinr: dtype: bfloat16 needs the package ml_dtypes, which is not installed\n"


# --- the command line ------------------------------------------------------------------------------------------------


def test_the_command_succeeds_only_if_nothing_differs_and_something_was_checked(capsys, tmp_path):
    check = ["oracle", "check", "--families", "layers,coords"]
    assert main([*check, "refinr.oracle.operations"]) == 0
    assert "nothing differs" in capsys.readouterr().out
    assert main([*check, "examples.backends.first"]) == 1
    assert "fails: linear" in capsys.readouterr().out
    assert main([*check, "math"]) == 1
    assert "nothing was checked" in capsys.readouterr().out
    assert main([*check, "no_such_module"]) == 2
    assert main([*check, "refinr.oracle.operations:nothing"]) == 2
    assert main(["oracle", "check", "refinr.oracle.operations", "--families", "nothing"]) == 2
    error = capsys.readouterr().err
    assert "cannot import no_such_module" in error
    assert "refinr.oracle.operations has no nothing" in error


def test_the_command_exports_and_checks_what_it_exported(capsys, tmp_path):
    folder = str(tmp_path / "vectors")
    assert main(["oracle", "export", folder, "--families", "coords"]) == 0
    names = ["cases.tsv", "coords.safetensors", "manifest.json", "manifest.tsv"]
    assert sorted(path.name for path in Path(folder).iterdir()) == names
    assert main(["oracle", "check", "refinr.oracle.operations", "--cases", folder, "--dtype", "float64"]) == 0
    (row,) = (line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("all "))
    assert row[1:4] == ["20", "20", "0"]
    assert main(["oracle", "check", "refinr.oracle.operations", "--cases", str(tmp_path)]) == 2


def test_modules_in_the_current_folder_are_found(tmp_path, monkeypatch):
    (tmp_path / "my_backend.py").write_text("class Mine:\n    linear = None\n\ndef make():\n    return Mine()\n")
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    assert type(oracle.find_backend("my_backend:Mine")).__name__ == "Mine"
    assert type(oracle.find_backend("my_backend:make")).__name__ == "Mine"
    assert sys.path == path


# --- what authors expect ---------------------------------------------------------------------------------------------


def _doubled(**arguments):
    return operations.mse(**arguments) | {"dz": 2.0 * operations.mse(**arguments)["dz"]}


def test_known_failures_do_not_count_but_those_that_pass_do():
    backend = SimpleNamespace(mse=_doubled)
    report = _check(backend, "losses.mse.*", expect=Expectations(known={"losses.mse.*": "twice too large"}))
    assert report.count("known") > 5
    assert "known to fail: losses.mse.1x1: twice too large" in str(report)
    assert not report.ok  # nothing else passes
    report = _check(operations, "losses.mse.*", expect=Expectations(known={"losses.mse.1x1": "twice too large"}))
    assert [result.case for result in found(report)] == ["losses.mse.1x1"]
    assert "losses.mse.1x1: passes, but is said to fail: twice too large" in str(report)


def test_what_is_required_must_be_there_to_the_last_tensor():
    backend = SimpleNamespace(linear=_linear_only, mse=operations.mse)
    report = _check(backend, ["layers", "losses.m*"], expect=Expectations(require=("*",)))
    assert not found(report)
    assert not report.ok
    assert str(report).endswith("not complete")
    assert "layers.linear.1x7x3x5: left out dx" in report.demands
    assert "losses.mae.1x1: mae is not implemented" in report.demands
    assert _check(backend, ["layers", "losses.m*"], expect=Expectations(require=("losses.mse.*",))).ok


def test_bounds_are_widened_only_where_asked_for_and_the_report_says_so():
    def rough(**arguments):
        result = operations.linear(**arguments)
        return result | {"y": (result["y"] * np.float32(1.0 + 2.0**-18)).astype(np.float32)}

    name = "layers.linear.1x64x64x64-shared"
    backend = SimpleNamespace(linear=rough)
    cases = ["layers.linear.1x7x3x5", "layers.linear.1x7x3x5-long"]
    assert len(found(_check(backend, cases))) == 2
    wider = {"layers.linear.1x7x3x5": Wider(100.0, "products in few bits")}
    report = _check(backend, cases, expect=Expectations(loosen=wider))
    assert [result.case for result in found(report)] == ["layers.linear.1x7x3x5-long"]
    assert "loosened: layers.linear.1x7x3x5 by 100: products in few bits" in str(report)
    with pytest.raises(ValueError, match="loosen: expected a factor of 1 or more and a reason"):
        _check(backend, cases, expect=Expectations(loosen={cases[0]: Wider(0.5, "why")}))
    with pytest.raises(ValueError, match=r"require: 'layers\.nothing' matches no case"):
        _check(backend, cases, expect=Expectations(require=("layers.nothing",)))
    assert name in {case.name for case in oracle.cases("layers")}


def test_failures_are_explained_by_what_those_that_pass_have_not():
    def one_network(**arguments):
        result = operations.linear(**arguments)
        return (
            result | {"db": np.broadcast_to(result["db"][:1], result["db"].shape)} if len(result["db"]) > 4 else result
        )

    text = str(_check(SimpleNamespace(linear=one_network), "layers"))
    assert "  fails in 4, all with E >= 4; passes in 43, none with that\n" in text

    def tail(**arguments):
        result = operations.sine(**arguments)
        return result | {"y": 2 * result["y"]} if arguments["omega"] == 10.0 else result

    text = str(_check(SimpleNamespace(sine=tail), "activations.sine.*"))
    assert ", all with omega = 10.0; passes in " in text
    assert "  there: z = " in text
    assert "  options: omega = 10.0\n" in text


def test_a_block_that_is_not_full_is_told_apart():
    def in_blocks(**arguments):
        rows = arguments["x"].shape[-2]
        result = operations.linear(**arguments)
        return result | {"db": 2.0 * result["db"]} if rows > 8 and rows % 8 else result

    text = str(_check(SimpleNamespace(linear=in_blocks), "layers"))
    assert ", all with N > 8 and no multiple of it; passes in " in text
    assert text.split("no multiple of it; passes in ")[1].split("\n")[0].endswith(", none with that")


def test_two_facts_tell_apart_what_one_does_not_unless_there_are_few():
    passed = [{"E": e, "I": i} for e in (1, 2, 3) for i in (1, 2, 3)]
    failed = [one for one in passed if one["E"] > 1 and one["I"] == 1]
    rest = [one for one in passed if one not in failed]
    assert told_apart([*failed, {"E": 9, "I": 1}], rest) == "I = 1 and E > 1"
    assert told_apart(failed, rest) == ""


def test_an_operation_that_exits_has_failed():
    report = _check(SimpleNamespace(mse=lambda **_: sys.exit(0)), "losses.mse.*")
    assert {result.state for result in report.results if result.operation == "mse"} == {"raised"}
    assert "raised SystemExit: 0" in str(report)
    assert not report.ok


def test_arrays_go_in_and_come_out_as_those_of_another_library():
    import jax.numpy as jnp

    def linear(x, w, b, dy):
        assert all(isinstance(a, jnp.ndarray) for a in (x, w, b, dy))
        return {"y": x @ w + b, "db": dy.sum(-2, keepdims=True)}

    assert _check(SimpleNamespace(linear=linear), "layers.linear.1x7x3x5*", take=jnp.asarray).ok


def test_the_command_takes_expectations_and_writes_reports(capsys, tmp_path):
    known = tmp_path / "known.txt"
    known.write_text("# of the first backend\nlayers.linear.*: mean, not sum\n")
    check = ["oracle", "check", "examples.backends.first", "--families", "layers.linear.1x7x3x5,layers.linear.2x1x*"]
    check += ["--no-isolate"]
    files = [str(tmp_path / name) for name in ("report.json", "report.xml")]
    assert main([*check, "--json", files[0], "--junit", files[1], "--traceback", "--times"]) == 1
    report = json.loads(Path(files[0]).read_text())
    assert report["ok"] is False
    assert {result["state"] for result in report["results"]} == {"passed", "differ"}
    suite = ElementTree.parse(files[1]).getroot()
    assert int(suite.get("failures")) == sum(case.find("failure") is not None for case in suite) == 1
    known.write_text("layers.linear.1x7x3x5: mean, not sum\n")
    assert main([*check, "--xfail", str(known)]) == 0
    assert "known to fail: layers.linear.1x7x3x5: mean, not sum" in capsys.readouterr().out
    assert main([*check, "--xfail", str(known), "--complete"]) == 0
    assert main([*check, "--loosen", "layers.linear.1x7x3x5=1e9:why"]) == 0
    known.write_text("layers.linear.1x7x3x5\n")
    assert main([*check, "--xfail", str(known)]) == 2
    assert "line 1: expected 'CASE: REASON'" in capsys.readouterr().err
