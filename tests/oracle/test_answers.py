"""Answers in files: those of a program in C pass, and whatever is wrong with answers is said."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from refinr import oracle
from refinr.cli import main
from refinr.oracle import operations

ROOT = Path(__file__).parents[2]
FAMILIES = ["layers", "activations", "losses"]


def _answer(folder, case, dtype="float32"):
    got = getattr(operations, case.operation)(**case.inputs(dtype), **case.options)
    arrays = {name: np.ascontiguousarray(a).reshape(np.shape(a)) for name, a in got.items()}
    save_file(arrays, folder / f"{case.name}.safetensors")


@pytest.fixture
def answers(tmp_path):
    """Of all losses, the reference's own."""
    folder = tmp_path / "answers"
    folder.mkdir()
    for case in oracle.cases("losses.mse.*"):
        _answer(folder, case)
    return folder


def test_right_answers_pass_and_missing_ones_are_not_implemented(answers):
    report = oracle.compare_answers(answers, ["losses.m*", "planes.to_codes.*"])
    states = {operation: {r.state for r in report.results if r.operation == operation} for operation in
              ("mse", "mae", "to_codes")}  # fmt: skip
    assert states == {"mse": {"passed"}, "mae": {"not implemented"}, "to_codes": {"not implemented"}}
    assert report.ok
    required = oracle.Expectations(require=("losses.mae",))
    assert not oracle.compare_answers(answers, "losses.ma*", expect=oracle.Expectations(require=("losses.mae.*",))).ok
    with pytest.raises(ValueError, match=r"require: 'losses\.mae' matches no case"):
        oracle.compare_answers(answers, "losses", expect=required)


def test_a_wrong_answer_is_named_as_a_backend_s_is(answers):
    (case,) = oracle.cases("losses.mse.2x7x3")
    expected = case.expected("float32")
    save_file(expected | {"dz": -expected["dz"]}, answers / f"{case.name}.safetensors")
    report = oracle.compare_answers(answers, "losses.mse.*")
    (wrong,) = (result for result in report.results if result.state == "differ")
    assert wrong.text.startswith("losses.mse.2x7x3: dz differs\n  in forward order, agree before it: loss\n")
    save_file(case.expected("float64"), answers / f"{case.name}.safetensors")
    report = oracle.compare_answers(answers, "losses.mse.2x7x3")
    assert "dtype float64, expected float32" in str(report)


def test_a_call_that_failed_is_right_only_where_it_must(answers):
    (case,) = oracle.cases("refused.mse.shapes")
    file = answers / f"{case.name}.safetensors"
    save_file({}, file, metadata={"raised": "shapes"})
    assert oracle.compare_answers(answers, "refused").count("passed") == 1
    save_file({"loss": np.zeros(())}, file)
    assert "answered, where a call must raise" in str(oracle.compare_answers(answers, "refused"))
    save_file({}, answers / "losses.mse.1x1.safetensors", metadata={"raised": "no memory"})
    assert "losses.mse.1x1: raised: no memory" in str(oracle.compare_answers(answers, "losses"))
    save_file({}, answers / "losses.mse.1x1.safetensors")
    assert oracle.compare_answers(answers, "losses.mse.1x1").count("not implemented") == 1


def test_what_is_no_answer_is_refused_in_a_sentence(answers, tmp_path):
    (answers / "notes.txt").write_text("of no concern")
    (answers / "losses.mse.1x1.safetensors").write_bytes(b"8 bytes.{}")
    with pytest.raises(ValueError, match=r"losses\.mse\.1x1\.safetensors: no safetensors file"):
        oracle.compare_answers(answers, "losses")
    (answers / "losses.other.1x1.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match=r"losses\.other\.1x1\.safetensors: there is no case of this name"):
        oracle.compare_answers(answers, "layers")
    with pytest.raises(OSError, match="nowhere"):
        oracle.compare_answers(tmp_path / "nowhere")


def test_answers_in_bfloat16_are_read(answers):
    for case in oracle.cases("losses.mse.[123]x*"):
        header, data = {}, b""
        for name, array in case.expected("bfloat16").items():  # by hand, as another program would
            ends = [len(data), len(data) + array.nbytes]
            header[name] = {"dtype": "BF16", "shape": array.shape, "data_offsets": ends}
            data += array.tobytes()
        text = json.dumps(header).encode()
        (answers / f"{case.name}.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    report = oracle.compare_answers(answers, "losses.mse.[123]x*", "bfloat16")
    assert report.ok
    assert report.count("passed") > 3


def test_a_program_in_c_passes_and_one_with_a_mistake_does_not(tmp_path, capsys):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return  # the tests above judge the same files, written by Python
    source = (ROOT / "examples" / "backend.c").read_text()
    wrong = source.replace("slope = omega * cos(omega * at);", "slope = cos(omega * at);")
    assert wrong != source
    cases = tmp_path / "cases"
    assert main(["oracle", "export", str(cases), "--families", ",".join([*FAMILIES, "refused"])]) == 0
    for number, (text, real, dtype) in enumerate(
        [(source, "float", "float32"), (source, "double", "float64"), (wrong, "float", "float32")]
    ):
        answers = tmp_path / f"answers-{number}"
        answers.mkdir()
        program = tmp_path / "backend"
        (tmp_path / "backend.c").write_text(text)
        flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", f"-DREAL={real}"]
        subprocess.run([compiler, *flags, "-o", program, tmp_path / "backend.c", "-lm"], check=True)
        subprocess.run([program, cases, answers], check=True)
        compare = ["oracle", "compare", str(answers), "--cases", str(cases), "--dtype", dtype]
        required = ["--require", ",".join([*FAMILIES, "refused.linear.*", "refused.mse.*"])]
        assert main([*compare, *required]) == (text is wrong)
    out = capsys.readouterr().out
    assert out.count("nothing differs") == 2
    assert "fails: sine" in out
    assert "sine.30-7: dz differs" in out
