"""The frozen corpus: today's code belongs to it, on this and on other machines, and a changed operation does not."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from refinr import coords, oracle
from refinr.cli import main
from refinr.oracle import corpus, operations
from refinr.oracle.families import FAMILIES

ROOT = Path(__file__).parents[2]
FILE = ROOT / "corpus" / corpus.NAME


@pytest.fixture(scope="module")
def kept():
    return oracle.load(FILE)


# --- the file --------------------------------------------------------------------------------------------------------


def test_the_file_is_the_one_that_was_frozen(kept):
    assert corpus.digest(FILE) == corpus.DIGEST
    assert corpus.find() == FILE
    assert FILE.stat().st_size < 8_000_000
    names, *lines = (line.split("\t") for line in FILE.with_suffix(".tsv").read_text().splitlines())
    assert names == ["case", *corpus.PARTS]
    assert lines == [[case.name, *corpus.fingerprint(case).values()] for case in kept]


def test_the_table_tells_which_part_of_a_case_is_another():
    (case,) = oracle.cases("layers.linear.1x7x3x5")
    before = corpus.fingerprint(case)
    case.arrays["x"][0, 0] += 1.0
    assert [part for part, digest in corpus.fingerprint(case).items() if digest != before[part]] == ["inputs"]
    case.arrays["x"][0, 0] -= 1.0
    case.outputs["y"] = case.outputs["y"]._replace(floor=9.0)
    try:
        assert [part for part, digest in corpus.fingerprint(case).items() if digest != before[part]] == ["bounds"]
    finally:
        oracle.families.generate.cache_clear()


def test_freezing_the_same_cases_gives_the_same_bytes(tmp_path):
    chosen = oracle.cases(["coords", "losses"])
    digests = {corpus.freeze(tmp_path / name, chosen) for name in ("one", "other")}
    assert len(digests) == 1
    assert [case.name for case in oracle.load(tmp_path / "one" / corpus.NAME)] == [case.name for case in chosen]


def test_what_is_in_the_file_is_frozen_again_as_it_is(kept, tmp_path):
    corpus.freeze(tmp_path, oracle.select(kept, ["codec", "readout"]))
    with zipfile.ZipFile(FILE) as old, zipfile.ZipFile(tmp_path / corpus.NAME) as new:
        for name in ("codec.safetensors", "readout.safetensors"):
            assert old.read(name) == new.read(name), name


def test_a_file_that_is_another_is_refused_and_none_is_no_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("REFINR_CORPUS", str(tmp_path / corpus.NAME))
    assert corpus.find() is None
    assert oracle.frozen("coords") is None
    check = ["oracle", "check", "refinr.oracle.operations", "--families", "coords", "--no-isolate"]
    assert main(check) == 0
    assert "cases made here from seed 0\n" in capsys.readouterr().out
    (tmp_path / corpus.NAME).write_bytes(FILE.read_bytes()[:-1])
    assert main(check) == 2
    assert "not version 1 of the corpus" in capsys.readouterr().err


def test_the_check_takes_the_corpus_unless_told_otherwise(tmp_path, capsys):
    check = ["oracle", "check", "refinr.oracle.operations", "--families", "coords", "--no-isolate"]
    assert main(check) == 0
    assert f"corpus version 1, SHA-256 {corpus.DIGEST}\n" in capsys.readouterr().out
    assert main([*check, "--seed", "0"]) == 0
    assert "cases made here from seed 0\n" in capsys.readouterr().out
    assert main([*check, "--cases", str(FILE)]) == 0
    assert f", cases of {FILE}\n" in capsys.readouterr().out
    with zipfile.ZipFile(FILE) as archive:
        archive.extractall(tmp_path)
    assert main([*check, "--cases", str(tmp_path)]) == 0


def test_families_newer_than_the_corpus_are_made_here(monkeypatch):
    monkeypatch.setitem(
        FAMILIES, "newer", lambda rng: [oracle.make("newer.relu.1", {"z": np.ones(1), "dy": np.ones(1)})]
    )
    chosen, source = oracle.frozen(["coords", "newer"])
    assert [case.name for case in chosen][-1] == "newer.relu.1"
    assert source.endswith(", and 1 newer cases made here from seed 0")


def test_checks_in_python_take_it_too_and_so_do_tests(monkeypatch):
    assert f"corpus version 1, SHA-256 {corpus.DIGEST}" in str(oracle.check_backend(operations, "coords", quiet=True))
    assert "from seed 3\n" in str(oracle.check_backend(operations, "coords", seed=3, quiet=True))
    asked = [case for (case,) in (p.values for p in oracle.parametrize_cases("inr.decode.*").args[1])]
    kept = oracle.select(oracle.load(FILE), "inr.decode.*")
    assert [corpus.fingerprint(case) for case in asked] == [corpus.fingerprint(case) for case in kept]


# --- today's code ----------------------------------------------------------------------------------------------------


def test_today_s_code_belongs_to_the_corpus(kept):
    known = {case.family for case in kept}
    made = [case for case in oracle.cases() if case.family in known]
    assert list(corpus.changes(kept, made)) == []


OTHER = """
from refinr.oracle import corpus, cases, load
families = ["activations", "layers", "ternary", "readout", "mlp", "optim"]
kept = [case for case in load({file!r}) if case.family in families]
made = cases(families)
print("\\n".join(corpus.changes(kept, made)))
parts = [[corpus.fingerprint(case) for case in some] for some in (kept, made)]
print(sum(one["values"] != other["values"] for one, other in zip(*parts)), "other values")
"""


def test_so_does_the_same_code_with_other_vector_instructions():
    """Without those beyond the oldest that NumPy still needs: other roundings, but within the bounds."""
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    older = {"NPY_DISABLE_CPU_FEATURES": " ".join(found), "OPENBLAS_CORETYPE": "Prescott"}
    script = OTHER.format(file=str(FILE))
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT, env=os.environ | older
    )
    *changed, count = run.stdout.strip().splitlines()
    assert changed == []
    assert count.endswith("other values")
    if found:
        assert not count.startswith("0 ")  # else this says nothing


# --- tomorrow's ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "operation", "tensor", "change"),
    [
        ("layers", "linear", "db", lambda r, a: r | {"db": r["db"] / max(a["x"].shape[-2], 1)}),
        ("activations", "gelu", "y", lambda r, a: r | {"y": 0.5 * a["z"] * (1 + np.tanh(0.79788456 * a["z"]))}),
        ("losses", "mae", "dz", lambda r, a: r | {"dz": r["dz"] + (a["z"] == a["targets"]) / 9.0}),
        ("coords", "grid", "x", lambda r, a: r | {"x": r["x"][::-1]}),
        ("metrics", "ssim", "ssim", lambda r, a: r | {"ssim": r["ssim"] * (1.0 - 1e-9)}),
    ],
)
def test_an_operation_that_changes_is_found(monkeypatch, kept, family, operation, tensor, change):
    made = oracle.cases(family)
    row = operations.OPERATIONS[operation]
    changed = row._replace(call=lambda **arguments: change(row.call(**arguments), arguments))
    monkeypatch.setitem(operations.OPERATIONS, operation, changed)
    said = list(corpus.changes([case for case in kept if case.family == family], made))
    assert said
    assert all(line.split(".")[1] == operation for line in said)
    assert any(f"{tensor} differs" in line for line in said)


def test_what_is_asked_may_not_change_either(kept):
    chosen = [case for case in kept if case.family == "coords"]
    assert list(corpus.changes(chosen, chosen[1:])) == ["coords.grid.1: is not made any more"]
    assert list(corpus.changes(chosen[1:], chosen)) == ["coords.grid.1: is not in the corpus"]
    (case,) = oracle.select(kept, "losses.mse.1x1")
    (other,) = oracle.cases("losses.mse.1x1", seed=1)
    assert next(corpus.changes([case], [other])) == "losses.mse.1x1: inputs are other numbers"
    wider = oracle.Expectations(loosen={"losses.mse.1x1": oracle.Wider(1.001, "why")}).loosened(case)
    assert [line.split(" are")[0] for line in corpus.changes([case], [wider])] == [
        "losses.mse.1x1: bounds of loss",
        "losses.mse.1x1: bounds of dz",
    ]
    assert coords.grid((1,)).size == 1
