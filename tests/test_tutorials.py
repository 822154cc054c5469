"""The tutorials: they run, their solutions too, notebooks are the scripts executed, and all are built alike."""

from __future__ import annotations

import base64
import importlib.util
import itertools
import json
import re
import runpy
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

FOLDER = Path(__file__).parent.parent / "tutorials"
README = FOLDER / "README.md"
SCRIPTS = sorted(FOLDER.glob("[0-9]*.py"))
LINES = 400  # fewer than these
BYTES = 400_000
END = "--- end of the page"
NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"

each = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)


class Cell(NamedTuple):
    """One cell of a script in jupytext's percent format, or of a notebook."""

    kind: str
    source: str
    tags: list[str]


def script_cells(text: str) -> list[Cell]:
    cells = []
    for part in re.split(r"^# %%", text, flags=re.MULTILINE)[1:]:
        header, _, body = part.partition("\n")
        kind, source = "code", body.strip("\n")
        if header.startswith(" [markdown]"):
            kind, source = "markdown", re.sub(r"^# ?", "", source, flags=re.MULTILINE)
        tags = re.search(r"tags=(\[.*\])", header)
        cells.append(Cell(kind, source, json.loads(tags[1]) if tags else []))
    return cells


def notebook(script: Path) -> dict[str, Any]:
    return json.loads(script.with_suffix(".ipynb").read_text(encoding="utf-8"))


def images(cell: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(o["data"]["image/png"]) for o in cell["outputs"] if "image/png" in o.get("data", {})]


def solutions(cells: list[Cell]) -> list[str]:
    """The code of each folded solution."""
    folded = re.findall(r"<details>.*?</details>", cells[-1].source, re.DOTALL)
    return ["".join(re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)) for text in folded]


def blanks(cells: list[Cell]) -> list[tuple[Cell, Cell]]:
    """The cells with three dots to replace, each with the cell below it."""
    return [
        (cell, below)
        for cell, below in itertools.pairwise(cells)
        if re.search(r"(return|=) \.\.\.$", cell.source, re.M)
    ]


def run(script: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a script at preset tiny, then its solutions in what it leaves behind; the number of figures it shows."""
    shown = []

    def show() -> None:
        shown.extend(plt.get_fignums())
        for number in plt.get_fignums():
            plt.figure(number).canvas.draw()
        plt.close("all")

    monkeypatch.setenv("REFINR_PRESET", "tiny")
    monkeypatch.setattr(plt, "show", show)
    monkeypatch.syspath_prepend(str(FOLDER))  # where `lesson` is
    backend = matplotlib.get_backend()
    plt.switch_backend("agg")
    try:
        with matplotlib.rc_context(), np.errstate():
            namespace = runpy.run_path(str(script))
            print(END)
            cells = script_cells(script.read_text(encoding="utf-8"))
            answers = solutions(cells) + [code for _, below in blanks(cells) for code in solutions([below])]
            for code in answers:
                exec(compile(code, f"a solution in {script.name}", "exec"), dict(namespace))
    finally:
        plt.close("all")
        plt.switch_backend(backend)
    return len(shown)


# --- the tutorials ---------------------------------------------------------------------------------------------------


def test_there_are_tutorials():
    assert {script.name[:2] for script in SCRIPTS} >= {f"{i:02}" for i in range(1, 11)}


@each
def test_it_runs_and_so_do_its_solutions(script, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(script, monkeypatch) >= 2, "pictures"
    assert not list(tmp_path.iterdir()), "it leaves nothing behind"

    page, _, answers = capsys.readouterr().out.partition(END)
    filled_in = len(blanks(script_cells(script.read_text(encoding="utf-8"))))
    assert page.count("Not yet: ") == filled_in
    assert (answers.count("Right, in "), answers.count("Not ")) == (filled_in, 0)

    code = [cell for cell in notebook(script)["cells"] if cell["cell_type"] == "code"]
    kept = "".join("".join(o["text"]) for cell in code for o in cell["outputs"] if o["output_type"] == "stream")
    lines = [{" ".join(re.sub(NUMBER, "#", line).split()) for line in text.splitlines()} for text in (page, kept)]
    assert lines[0] - {""} == lines[1] - {""}, "the notebook is stale"
    if "REFINR_PRESET" not in script.read_text(encoding="utf-8"):  # sizes are those of the notebook
        numbers = [[float(number) for number in re.findall(NUMBER, text)] for text in (page, kept)]
        assert np.allclose(*numbers, rtol=0.1, atol=2), "the notebook is stale"  # machines round differently


@each
def test_it_is_built_like_the_others(script):
    text = script.read_text(encoding="utf-8")
    cells = script_cells(text)
    assert len(text.splitlines()) < LINES
    assert max(map(len, text.splitlines())) <= 120
    number = script.name[:2]
    order = [f"# {number} ", "\n\n**Do:** ", "\n\n**Learn:** ", "\n\n**Need:** "]
    places = [cells[0].source.find(part) for part in order]
    assert places[0] == 0
    assert -1 not in places
    assert places == sorted(places)
    assert cells[-1].source.startswith("## Exercises\n")
    assert cells[-2].source.startswith("## Summary\n- ")
    prose = "\n".join(cell.source for cell in cells if cell.kind == "markdown")
    prose = re.sub(r"^```.*?^```$", "", prose, flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"^    \S", prose, re.MULTILINE), "formulas are typeset"
    ((blank, answer),) = blanks(cells)
    assert "\nlesson.check" in blank.source
    assert answer.source.startswith("<details><summary>Solution</summary>\n")
    assert re.findall(r"^\*\*(\d)\.\*\* ", cells[-1].source, re.MULTILINE) == ["1", "2", "3"]
    assert cells[-1].source.count("<details><summary>Solution</summary>\n\n") == 3
    assert ["assert " in code for code in solutions(cells)] == [True] * 3


@each
def test_it_asserts_all_the_way(script):
    code = [cell.source for cell in script_cells(script.read_text(encoding="utf-8")) if cell.kind == "code"]
    silent = [source for source in code[1:] if not re.search(r"assert |plt\.show\(\)|lesson\.", source)]
    assert len(silent) <= 2, "all but helpers and last expressions check what the prose says"


@each
def test_all_its_imports_are_of_refinr_numpy_and_matplotlib(script):
    found = re.findall(r"^(?:from|import) (\w+)", script.read_text(encoding="utf-8"), re.MULTILINE)
    standard = {"os", "tempfile", "zlib", "dataclasses", "pathlib", "warnings"}
    assert set(found) <= {"refinr", "lesson", "numpy", "matplotlib"} | standard


# --- the notebooks ---------------------------------------------------------------------------------------------------


@each
def test_the_notebook_has_the_cells_of_the_script(script):
    found = [
        Cell(cell["cell_type"], "".join(cell["source"]), cell["metadata"].get("tags", []))
        for cell in notebook(script)["cells"]
    ]
    assert found == script_cells(script.read_text(encoding="utf-8"))


@each
def test_the_notebook_has_been_executed(script):
    code = [cell for cell in notebook(script)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"stream", "execute_result", "display_data"}
    assert "stderr" not in {output.get("name") for output in outputs}
    for cell in code:
        assert bool(images(cell)) == ("plt.show()" in "".join(cell["source"]))


@each
def test_the_notebook_says_nothing_about_where_and_when_it_was_made(script):
    text = script.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert len(text) < BYTES
    assert not re.search(r"/home|/tmp|/usr|/root|iopub|shell.execute|\d{4}-\d\d-\d\d", text)
    assert set(notebook(script)["metadata"]) == {"kernelspec", "language_info"}
    assert notebook(script)["metadata"]["language_info"] == {"name": "python"}


@each
def test_readme_shows_a_picture_of_it(script):
    (cell,) = [cell for cell in notebook(script)["cells"] if "picture" in cell["metadata"].get("tags", [])]
    (image,) = images(cell)
    picture = FOLDER / "pictures" / f"{script.stem}.png"
    assert picture.read_bytes() == image
    text = README.read_text(encoding="utf-8")
    assert f"({script.stem}.ipynb)" in text
    assert f'src="pictures/{picture.name}"' in text


def test_there_is_no_notebook_or_picture_without_a_script():
    names = {script.stem for script in SCRIPTS}
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == names
    assert {path.stem for path in (FOLDER / "pictures").iterdir()} == names


# --- what they share -------------------------------------------------------------------------------------------------


@pytest.fixture
def lesson():
    spec = importlib.util.spec_from_file_location("lesson", FOLDER / "lesson.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda a, b: ..., "Not yet"),
        (lambda a, b: a * b, "Right, in 2 cases"),
        (lambda a, b: a + b, "Not right: <lambda>(3, 5) gives 8, and should be 15."),
        (lambda a, b: [a * b], "Not right"),
        (lambda a, b: np.nan, "Not right"),
    ],
)
def test_answers_are_checked(lesson, answer, said, capsys):
    lesson.check(answer, lambda a, b: a * b, (3, 5), (2, 2))
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.parametrize(
    ("slope", "said"), [(lambda z: ..., "Not yet"), (np.cos, "Right, in "), (np.sin, "activations.sine")]
)
def test_the_oracle_checks_answers(lesson, slope, said, capsys):
    class Mine:
        def sine(self, z, dy, omega):
            dz = slope(omega * z)
            return {"y": np.sin(omega * z), "dz": dz if dz is ... else omega * dz * dy}

    lesson.check_backend(Mine(), "activations.sine.*")
    assert said in capsys.readouterr().out


def test_networks_are_drawn(lesson):
    figure, axes = plt.subplots()
    lesson.draw_network(axes, (2, 3, 16), ("in", "hidden", "out"), [[[1, 0, -1], [0, 1, 0]]])
    assert len(axes.lines) == 3 + 3 * 8
    assert [text.get_text() for text in axes.texts] == ["in\n2", "hidden\n3", "out\n8 (of 16)"]
    plt.close(figure)


def test_sounds_are_heard(lesson):
    audio = lesson.listen(np.arange(10, dtype="int16"), 8000)
    assert audio.mimetype == "audio/wav"


# --- the checks themselves -------------------------------------------------------------------------------------------

LESSON = """\
# %% [markdown]
# # Title
#
#     y = x

# %% tags=["picture"]
import os
y = os.environ["REFINR_PRESET"]


def f():
    return "tiny"

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# assert f() == y
# ```
# </details>
"""


def test_cells_are_found():
    first, second, third = script_cells(LESSON)
    assert first == Cell("markdown", "# Title\n\n    y = x", [])
    assert second.kind == "code"
    assert second.source.startswith("import os\n")
    assert second.source.endswith('\n\n\ndef f():\n    return "tiny"')
    assert second.tags == ["picture"]
    assert solutions([third]) == ["assert f() == y\n"]


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        ("# assert f() == y", "# assert f() != y", AssertionError),
        ('    return "tiny"', '    return "tiny"\n\n\nassert f() == "small"', AssertionError),
        ("import os", "import os\nimport warnings\nwarnings.warn('careful')", UserWarning),
    ],
)
def test_a_claim_that_fails_is_noticed(tmp_path, monkeypatch, before, after, error):
    script = tmp_path / "lesson.py"
    script.write_text(LESSON)
    assert run(script, monkeypatch) == 0
    script.write_text(LESSON.replace(before, after))
    with pytest.raises(error):
        run(script, monkeypatch)
