"""The page for a course: what students get is right as far as it goes, and what they add is graded as the page says."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from refinr import oracle
from refinr.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "homework.md").read_text()
(GIVEN,) = re.findall(r"```python\n(import numpy as np\n.*?)```", PAGE, re.DOTALL)
(COMMAND,) = re.findall(r"refinr (oracle check homework .*)\n", PAGE)


def _backward(wrong=""):
    given = {}
    exec(GIVEN, given)

    def sine(z, dy, omega):
        slope = np.cos(omega * z) if wrong == "omega" else omega * np.cos(omega * z)
        return given["sine"](z, dy, omega) | {"dz": slope * dy}

    def linear(x, w, b, dy):
        db = (dy.mean if wrong == "mean" else dy.sum)(axis=-2, keepdims=True)
        dx = dy @ w.mT
        if x.ndim == 2:
            dx = dx[0] if wrong == "shared" else dx.sum(axis=0)
        return given["linear"](x, w, b, dy) | {"dw": x.mT @ dy, "db": db, "dx": dx}

    def mse(z, targets):
        return given["mse"](z, targets) | {"dz": 2.0 * (z - targets) / (z.shape[-2] * z.shape[-1])}

    return SimpleNamespace(sine=sine, linear=linear, mse=mse)


def test_what_students_get_is_right_but_not_complete(tmp_path, monkeypatch, capsys):
    (tmp_path / "homework.py").write_text(GIVEN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "homework", raising=False)
    arguments = [*COMMAND.split(), "--no-isolate", "--json", "report.json"]
    assert main(arguments) == 1
    assert capsys.readouterr().out.endswith("not complete\n")
    assert main([argument for argument in arguments if argument != "--complete"]) == 0
    families = json.loads(Path("report.json").read_text())["families"]
    assert families["all"]["passed"] == families["all"]["cases"]
    assert families["layers"]["tensors left out"] == 3 * families["layers"]["cases"]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_solution_is_complete(dtype):
    chosen = COMMAND.split("--families ")[1].split()[0].split(",")
    report = oracle.check_backend(_backward(), chosen, dtype, quiet=True, expect=oracle.Expectations(require=("*",)))
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("wrong", "texts"),
    [
        ("omega", [": dz differs\n  in forward order, agree before it: y\n", "there: z = "]),
        ("mean", [": db differs\n  in forward order, agree before it: y, dw\n"]),
        (
            "shared",
            [
                ": dx differs\n  in forward order, agree before it: y, dw, db\n",
                "fails in 13, all with axes of x = 2 and E > 1; ",
            ],
        ),
    ],
)
def test_the_mistakes_that_the_page_names_are_reported_as_it_says(wrong, texts):
    text = str(oracle.check_backend(_backward(wrong), ["layers", "activations.sine.*"], "float64", quiet=True))
    for expected in texts:
        assert expected in text
