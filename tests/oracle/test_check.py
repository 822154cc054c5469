"""The oracle: the reference passes with room to spare, planted defects do not, and nothing passes unseen."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from examples.backends.defects import DEFECTS, Defect, find
from refinr import oracle
from refinr.cli import main
from refinr.oracle import operations, vectors
from refinr.oracle.cases import make
from refinr.oracle.compare import tolerance
from refinr.oracle.families import FAMILIES
from tests.helpers import assert_equal_exact

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    oracle.export(folder, oracle.cases())
    return folder


def _check(backend, families=None, dtype="float32", **options):
    return oracle.check_backend(backend, families, dtype, quiet=True, **options)


# --- the cases -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("dtype", "spare"), [("float64", 4), ("float32", 4), ("float16", 1)])
def test_the_reference_passes_with_room_to_spare(dtype, spare, seed):
    report = _check(operations, dtype=dtype, seed=seed)
    assert report.ok, str(report)
    assert max(result.share for result in report.results) <= 1 / spare
    assert report.count("passed") + report.count("not offered") == len(report.results)
    if dtype != "float16":  # rounding to levels is a matter of chance where the bound is as wide as a level
        assert {r.case.partition(".")[0] for r in report.results if r.state == "not offered"} <= {"ternary"}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_offered_by_every_family_of_operations_that_has_short_sums(dtype):
    for family in ("coords", "encodings", "activations", "layers", "losses", "mlp"):
        assert sum(dtype in case.dtypes for case in oracle.cases(family)) >= 3


def test_names_families_and_tensors():
    cases = oracle.cases()
    assert list(dict.fromkeys(case.family for case in cases)) == list(FAMILIES)
    assert len({case.name for case in cases}) == len(cases)
    for case in cases:
        assert case.name.split(".")[1] == case.operation
        assert case.dtypes[:1] == ("float64",)
        json.dumps(case.options, allow_nan=False)
        for output in case.outputs.values():
            assert np.isfinite(output.units).all()
            assert output.kind == "trajectory" or np.shape(output.units) in ((), output.values.shape)
            assert (output.values.dtype == np.float64) or output.kind == "exact"


def test_a_case_says_something_in_every_dtype_it_is_offered_in():
    for case in oracle.cases():
        for dtype in case.dtypes:
            for array in case.arrays.values():  # every dtype starts from the same numbers
                if array.dtype == np.float64 and not case.fixed:
                    cast = case.inputs(dtype)
                    assert all(np.array_equal(cast[n].astype(float), a, equal_nan=True) for n, a in case.arrays.items())
            for output in case.outputs.values():
                if output.kind in ("elementwise", "reduction") and output.values.any() and not case.fixed:
                    finite = np.where(np.isfinite(output.values), output.values, 0.0)
                    bound = np.broadcast_to(tolerance(output, dtype), finite.shape)
                    assert np.linalg.norm(bound) <= 0.5 * np.linalg.norm(finite)  # a wrong sign cannot pass


def _kink(distance):
    """One ReLU at two samples; at the first its argument, 1/2 - 1/2 + distance, is that far from the kink."""
    one, x = np.ones((1, 1, 1)), np.array([[1.0], [8.0]])
    arrays = {"x": x, "targets": 0.5 * x[None], "w0": 0.5 * one, "b0": distance - 0.5 * one, "w1": one, "b1": one}
    options = {"activation": "relu", "omega": 1.0, "scale": 1.0, "loss": "mse", "octaves": 0}
    return make("mlp.mlp.kink", arrays, "reduction", **options).dtypes


def test_a_decision_within_its_bound_is_not_asked_for():
    # the argument may be off by one rounding of the product and one of the sum
    assert "float32" in _kink(2.0**-16)
    assert _kink(2.0**-21) == ("float64",)


def test_a_number_too_large_for_a_dtype_is_not_asked_for():
    arrays = {"z": np.array([[300.0]]), "targets": np.array([[0.0]])}
    assert make("losses.mse.large", arrays, "reduction").dtypes == ("float64", "float32", "bfloat16")


def test_inputs_that_a_dtype_rounds_are_not_asked_for():
    arrays = {"z": np.array([[1.0 + 2.0**-10]]), "targets": np.array([[0.0]])}
    assert make("losses.mse.long", arrays, "reduction").dtypes == ("float64", "float32", "float16")


@pytest.mark.parametrize("rows", [0, 1, 3, 7])
def test_small_and_odd_sizes_are_there(rows):
    for family in ("planes", "encodings", "activations", "layers"):
        lengths = {a.shape[-2] if a.ndim > 1 else len(a) for c in oracle.cases(family) for a in c.arrays.values()}
        assert rows in lengths, family


def test_extreme_inputs_are_there():
    logits = np.concatenate([c.arrays["z"].ravel() for c in oracle.cases("losses.bce_with_logits.*")])
    assert {0.0, 2.0**13, -(2.0**13), 2.0**99, 2.0**-140} <= set(logits)
    (ties,) = (c for c in oracle.cases("losses.mae.ties"))
    assert (ties.arrays["z"] == ties.arrays["targets"]).any()
    (decisions,) = (c for c in oracle.cases("inr.decide.ties"))
    assert (decisions.arrays["z"] == 0).any()
    assert np.isnan(decisions.arrays["z"]).any()


def test_forward_comes_before_the_loss_and_that_before_gradients_from_the_last_layer_to_the_first():
    (case,) = oracle.cases("mlp.mlp.relu-encoded")
    names = ["h0", "z0", "h1", "z1", "h2", "z2", "loss", "dz", "dw2", "db2", "dw1", "db1", "dw0", "db0", "dx"]
    assert list(case.outputs) == names


@pytest.mark.parametrize("name", ["siren-7", "siren-own-inputs", "finer", "relu-encoded", "gelu-encoded"])
def test_the_tensors_between_are_consistent_with_each_other(name):
    """z = h w + b, and the biases' gradient of the last layer is the sum of dz: by hand, from the case alone."""
    (case,) = oracle.cases(f"mlp.mlp.{name}")
    got, given = {key: output.values for key, output in case.outputs.items()}, case.arrays
    depth = sum(key[0] == "w" for key in given)
    for i in range(depth):
        h = got.get(f"h{i}", given["x"])
        np.testing.assert_allclose(got[f"z{i}"], np.matmul(h, given[f"w{i}"]) + given[f"b{i}"], rtol=1e-13, atol=1e-13)
    if name.startswith("siren"):
        np.testing.assert_allclose(got["h1"], np.sin(30.0 * got["z0"]), rtol=0, atol=1e-12)
    np.testing.assert_allclose(got[f"db{depth - 1}"], got["dz"].sum(axis=1, keepdims=True), rtol=1e-12, atol=1e-15)


def test_training_ends_in_clear_decisions_and_counts_those_that_are_wrong():
    for case in oracle.cases("training"):
        z, bits, wrong = (case.outputs[key].values for key in ("z", "bits", "wrong"))
        assert abs(z).min() > 0.25
        np.testing.assert_array_equal(bits, z > 0)
        assert wrong == (bits != case.arrays["targets"]).sum()
        assert len(case.outputs["losses"].values) == case.options["steps"] + 1 > 5


def test_another_seed_gives_other_numbers_in_the_same_places():
    one, other = oracle.cases("layers"), oracle.cases("layers", seed=1)
    assert [case.name for case in one] == [case.name for case in other]
    assert not any(np.array_equal(a.arrays["w"], b.arrays["w"]) for a, b in zip(one, other, strict=True))


# --- defects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.what)
def test_a_defect_is_found_by_its_family(defect):
    report = find(defect)
    assert report.count("differ") > 0
    assert report.count("raised") == 0  # a defect that crashes would be found by anything
    assert not report.ok


def test_there_are_enough_defects_in_every_family():
    assert len(DEFECTS) >= 40
    assert {defect.family for defect in DEFECTS} == set(FAMILIES)


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
    assert sum(result.left_out for result in report.results) == report.count("passed") == len(oracle.cases("layers"))
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


def test_a_backend_that_writes_into_its_inputs_spoils_nothing():
    def vandal(**arguments):
        result = operations.linear(**{name: a.copy() for name, a in arguments.items()})
        for array in arguments.values():
            array[...] = np.nan
        return result

    assert _check(SimpleNamespace(linear=vandal), "layers").ok
    assert _check(operations, "layers").ok


def test_the_table_adds_up(capsys):
    report = oracle.check_backend(operations, ["layers", "coords"])
    assert capsys.readouterr().out == f"{report}\n"
    rows = {row.split()[0]: row.split()[1:] for row in str(report).splitlines() if row[:4] in ("coor", "laye", "all ")}
    assert rows["all"][:3] == ["39", "39", "0"]
    assert [int(a) + int(b) for a, b in zip(rows["coords"][:6], rows["layers"][:6], strict=True)] == [
        int(n) for n in rows["all"][:6]
    ]


def test_further_failures_of_an_operation_are_counted_not_repeated():
    text = str(_check(SimpleNamespace(linear=lambda **a: {"y": -a["dy"]}), "layers"))
    assert text.count("y differs") == 1
    assert "linear fails in 27 more: " in text  # all but those without rows
    assert text.endswith("fails: linear")


@pytest.mark.parametrize("families", ["nonsense", ["layers", "layers.nothing"], "layer"])
def test_a_pattern_that_matches_nothing_is_refused(families):
    with pytest.raises(ValueError, match=r"families: .* matches no case"):
        oracle.cases(families)


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


# --- files -----------------------------------------------------------------------------------------------------------


def test_files_hold_what_the_cases_hold(folder):
    for case, back in zip(oracle.cases(), oracle.load(folder), strict=True):
        assert (back.name, back.operation, back.options) == (case.name, case.operation, case.options)
        assert (back.dtypes, back.fixed, list(back.outputs)) == (case.dtypes, case.fixed, list(case.outputs))
        assert back.arrays.keys() == case.arrays.keys()
        for name, array in case.arrays.items():
            assert_equal_exact(back.arrays[name], array, bitwise=True)
        for name, output in case.outputs.items():
            other = back.outputs[name]
            assert (other.kind, other.floor) == (output.kind, output.floor)
            assert_equal_exact(other.values, output.values, bitwise=True)
            assert_equal_exact(np.asarray(other.units), np.asarray(output.units))


def test_a_backend_can_be_checked_against_files(folder):
    given = oracle.load(folder)
    report = _check(operations, given=given)
    assert report.ok
    assert [r.state for r in report.results] == [r.state for r in _check(operations).results]


def test_the_files_are_small_and_the_wheel_has_none_of_them(folder, tmp_path):
    assert sum(path.stat().st_size for path in folder.iterdir()) < 5_000_000
    with zipfile.ZipFile(tmp_path / "like.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for path in (ROOT / "refinr").rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                assert path.suffix == ".py"
                wheel.write(path, path.relative_to(ROOT))
    assert (tmp_path / "like.whl").stat().st_size < 150_000


def test_the_manifest_names_format_version_classes_and_checksums(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["format"], manifest["version"], manifest["factor"]) == ("refinr-oracle", 1, 8.0)
    assert manifest["eps"]["float32"] == 2.0**-23
    assert list(manifest["families"]) == list(FAMILIES)
    for family in manifest["families"].values():
        content = (folder / family["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == family["sha256"]


@pytest.mark.parametrize("change", ["byte", "format", "version"])
def test_what_was_changed_is_refused(folder, tmp_path, change):
    copy = shutil.copytree(folder, tmp_path / "copy")
    if change == "byte":
        content = bytearray((copy / "optim.safetensors").read_bytes())
        content[-1] ^= 1
        (copy / "optim.safetensors").write_bytes(content)
    else:
        manifest = json.loads((copy / "manifest.json").read_text())
        manifest[change] = {"format": "other", "version": vectors.VERSION + 1}[change]
        (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="damaged" if change == "byte" else "expected refinr-oracle of version 1"):
        oracle.load(copy)


def _fnv(data: bytes) -> int:
    value = 14695981039346656037
    for byte in data:
        value = (value ^ byte) * 1099511628211 % 2**64
    return value


def test_the_index_leads_to_every_tensor(folder):
    """The way the C program goes, in Python: so that it is tested where there is no compiler, too."""
    sizes = {"F64": 8, "F32": 4, "F16": 2, "BOOL": 1} | {f"{k}{b}": b // 8 for k in "IU" for b in (8, 16, 32, 64)}
    cases = {case.name: case for case in oracle.cases()}
    lines = (folder / "manifest.tsv").read_text().splitlines()[1:]
    for line in lines:
        name, role, tensor, dtype, shape, file, offset, size, kind, _ = line.split("\t")
        content = (folder / file).read_bytes()[int(offset) : int(offset) + int(size)]
        case = cases[name]
        array = {"input": case.arrays.get(tensor), "output": getattr(case.outputs.get(tensor), "values", None)}.get(
            role
        )
        if role == "units":
            array = np.asarray(case.outputs[tensor].units)
        assert content == array.tobytes()
        assert shape == ("x".join(map(str, array.shape)) or "-")
        assert len(content) == sizes[dtype] * array.size
        assert kind == (case.outputs[tensor].kind if role == "output" else "-")
    expected = sum(
        len(c.arrays) + len(c.outputs) + sum(o.kind != "exact" for o in c.outputs.values()) for c in cases.values()
    )
    assert len(lines) == expected


def test_a_program_in_c_reads_them(folder, tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return  # the test above goes the same way
    source, program = ROOT / "examples" / "reader.c", tmp_path / "reader"
    assert len(source.read_text().splitlines()) <= 60
    subprocess.run([compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", "-o", program, source], check=True)
    for name, tensor in (("mlp.mlp.siren-7", "z0"), ("losses.mse.3x2", "loss"), ("layers.linear.2x0x2x3", "y"),
                         ("planes.to_planes.12-by-1-7", "planes"), ("metrics.psnr.8-equal", "psnr")):  # fmt: skip
        (case,) = oracle.cases(name)
        output = case.outputs[tensor]
        run = subprocess.run([program, folder, name, "output", tensor], capture_output=True, text=True, check=True)
        head, *values = run.stdout.splitlines()
        assert head.split()[2:] == [output.kind, f"{_fnv(output.values.tobytes()):016x}"]
        if output.values.dtype == np.float64:
            assert [float(value) for value in values] == output.values.ravel()[:3].tolist()
    assert (
        subprocess.run([program, folder, "no.such.case", "output", "y"], capture_output=True, check=False).returncode
        == 1
    )


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
    assert sorted(p.name for p in Path(folder).iterdir()) == ["coords.safetensors", "manifest.json", "manifest.tsv"]
    assert main(["oracle", "check", "refinr.oracle.operations", "--cases", folder, "--dtype", "float64"]) == 0
    (row,) = (line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("all "))
    assert row[1:4] == ["7", "7", "0"]
    assert main(["oracle", "check", "refinr.oracle.operations", "--cases", str(tmp_path)]) == 2


def test_modules_in_the_current_folder_are_found(tmp_path, monkeypatch):
    (tmp_path / "my_backend.py").write_text("class Mine:\n    linear = None\n\ndef make():\n    return Mine()\n")
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    assert type(oracle.find_backend("my_backend:Mine")).__name__ == "Mine"
    assert type(oracle.find_backend("my_backend:make")).__name__ == "Mine"
    assert sys.path == path
