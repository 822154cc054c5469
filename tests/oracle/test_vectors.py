"""Cases as files: they hold what the cases hold, older ones are read, changed ones refused, and C reads them too."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from refinr import oracle
from refinr.oracle import corpus, operations, vectors
from refinr.oracle.case import BITS, CLASSES
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


def test_files_hold_what_the_cases_hold(folder):
    for case, back in zip(oracle.cases(), oracle.load(folder), strict=True):
        assert (back.name, back.operation, back.options) == (case.name, case.operation, case.options)
        assert (back.dtypes, back.fixed, list(back.outputs)) == (case.dtypes, case.fixed, list(case.outputs))
        assert back.refused == case.refused
        assert back.arrays.keys() == case.arrays.keys()
        for name, array in case.arrays.items():
            assert_equal_exact(back.arrays[name], array, bitwise=True)
        for name, output in case.outputs.items():
            other = back.outputs[name]
            assert (other.kind, other.floor, other.dtypes) == (output.kind, output.floor, output.dtypes)
            assert_equal_exact(other.values, output.values, bitwise=True)
            assert_equal_exact(np.asarray(other.units), np.asarray(output.units))


def test_a_backend_can_be_checked_against_files(folder):
    given = oracle.load(folder)
    report = _check(operations, given=given)
    assert report.ok
    assert [r.state for r in report.results] == [r.state for r in _check(operations).results]


def test_the_files_are_small_and_the_wheel_has_none_of_them(folder, tmp_path):
    assert sum(path.stat().st_size for path in folder.iterdir()) < 13_000 * len(oracle.cases())
    with zipfile.ZipFile(tmp_path / "like.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for path in (ROOT / "refinr").rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                assert path.suffix == ".py" or path.name == "py.typed"
                wheel.write(path, path.relative_to(ROOT))
    frozen = (ROOT / "corpus" / corpus.NAME).stat().st_size
    assert frozen < 8_000_000
    assert (tmp_path / "like.whl").stat().st_size < frozen / 8  # of modules alone


def test_the_manifest_names_format_version_classes_and_checksums(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["format"], manifest["version"], manifest["factor"]) == ("refinr-oracle", 3, 8.0)
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
    with pytest.raises(ValueError, match="damaged" if change == "byte" else "expected refinr-oracle of version 3"):
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
        name, role, tensor, dtype, shape, file, offset, size, kind, _, said = line.split("\t")
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
        assert said == ((",".join(case.outputs[tensor].dtypes) or "-") if role == "output" else "-")
    expected = sum(
        len(c.arrays) + len(c.outputs) + sum(o.kind != BITS for o in c.outputs.values()) for c in cases.values()
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


def test_the_table_of_cases_says_how_to_call(folder):
    lines = (folder / "cases.tsv").read_text().splitlines()[1:]
    for case, line in zip(oracle.cases(), lines, strict=True):
        name, operation, dtypes, fixed, refused, options = line.split("\t")
        assert (name, operation, dtypes) == (case.name, case.operation, ",".join(case.dtypes) or "-")
        assert (bool(int(fixed)), bool(int(refused))) == (case.fixed, bool(case.refused))
        pairs = [pair.split("=", 1) for pair in options.split(" ")] if options != "-" else []
        assert {key: json.loads(value) for key, value in pairs} == case.options


def test_files_of_version_1_are_read(folder, tmp_path):
    """It had other names of classes, and two for what is one."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["version"] = 1
    for family in manifest["families"].values():
        for case in family["cases"]:
            for output in case["outputs"]:
                bounded = "reduction" if case["operation"] in ("linear", "mlp") else "elementwise"
                output["class"] = {"bits": "exact", "bounded": bounded}.get(output["class"], output["class"])
                output.pop("dtypes")
    (copy / "manifest.json").write_text(json.dumps(manifest))
    for old, new in zip(oracle.load(copy), oracle.load(folder), strict=True):
        assert [o.kind for o in old.outputs.values()] == [o.kind for o in new.outputs.values()]
        assert all(output.dtypes == old.dtypes for output in old.outputs.values())  # all or none
    assert vectors.CLASSES[vectors.VERSION].keys() == set(CLASSES)
