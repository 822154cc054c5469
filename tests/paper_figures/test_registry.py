"""All figures run in tiny; each has data, pictures and verdicts, and is computed again only when it has to be."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from paper_figures import claims, datafiles, figures, provenance, registry, resume, signals
from paper_figures.__main__ import main

ROOT = Path(__file__).parents[2]
SMALL = registry.RESULTS / "small"
VERDICTS = {claims.HOLDS, claims.PARTLY, claims.FAILS, claims.UNTRIED}
STATES = (registry.OLDER, registry.MISSING, registry.STALE, registry.CURRENT)  # one ends like another: longest first


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures") / "tiny"
    assert main(["all", "--preset", "tiny", "--output", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("name", figures.NAMES)
def test_a_figure_has_data_with_provenance_pictures_and_verdicts(tiny, name):
    result = datafiles.read(registry.data_path(tiny, name))
    figure = registry.find(name)
    about = result.provenance
    assert (about["figure"], about["preset"], about["seed"]) == (name, "tiny", 0)
    assert about["sha256"] == datafiles.checksum(result.data)
    assert re.fullmatch(r"[0-9a-f]{40}( and changes)?|unknown", about["commit"])
    assert about["source"] == provenance.digest(figure, "tiny")
    assert about["refinr source"] == provenance.refinr_digest()
    assert about["seconds"] >= 0
    assert {"processor", "numpy", "python", "refinr"} <= about["machine"].keys()
    for picture in figure.pictures:
        assert (tiny / f"{picture}.png").read_bytes().startswith(b"\x89PNG")
    for claim in figure.claims:
        finding = claim.judge(result.data)
        assert finding.verdict in VERDICTS
        assert finding.ours
        assert claim.rule
    assert registry.state(name, "tiny", tiny) == registry.CURRENT


def test_the_report_is_made_from_the_same_data(tiny, capsys):
    assert main(["report", "--preset", "tiny", "--output", str(tiny)]) == 0
    pages = int(capsys.readouterr().out.split(", ")[-1].split()[0])
    content = (tiny / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert content.count(b"/Type /Page ") == pages > 3


def test_a_report_of_nothing_is_refused(tmp_path, capsys):
    assert main(["report", "--preset", "tiny", "--output", str(tmp_path)]) == 2
    assert "expected results" in capsys.readouterr().err


def test_figures_without_pixels_are_drawn_for_print_too(tiny):
    assert "<svg" in (tiny / "nary.svg").read_text()[:1000]
    assert not (tiny / "comparison.svg").exists()


def test_every_module_of_a_figure_is_named_in_the_registry():
    with_figures = {
        p.stem for p in (ROOT / "paper_figures" / "figures").glob("*.py") if "\ndef compute(" in p.read_text()
    }
    assert with_figures == set(figures.NAMES)
    for name in figures.NAMES:
        assert set(registry.find(name).presets) == set(registry.PRESETS)


def test_results_are_kept_until_something_changes(tiny, capsys):
    path = registry.data_path(tiny, "nary")
    before = path.read_bytes()
    assert main(["nary", "--preset", "tiny", "--output", str(tiny)]) == 0
    assert path.read_bytes() == before
    assert "nary: drawn" in capsys.readouterr().out


@pytest.mark.parametrize("at", [0, 1])
def test_a_result_says_whether_its_run_went_on_from_another(tmp_path, monkeypatch, at):
    def cut_short(*_: object) -> None:
        if len((tmp_path / "nary.partial").read_text().splitlines()) > at + 1:
            raise KeyboardInterrupt

    kept = resume._Keeper.keep
    monkeypatch.setattr(resume._Keeper, "keep", lambda *given: (kept(*given), cut_short()))
    with pytest.raises(KeyboardInterrupt):
        registry.run("nary", "tiny", tmp_path)
    monkeypatch.undo()
    if at == 0:
        (tmp_path / "nary.partial").write_text("of other code\n")
    registry.run("nary", "tiny", tmp_path)
    assert ("resumed" in datafiles.read(tmp_path / "nary.json").provenance) is (at == 1)


def test_the_list_shows_what_is_missing_and_stale(tiny, tmp_path, capsys, monkeypatch):
    shutil.copy(registry.data_path(tiny, "nary"), tmp_path)

    def listed() -> dict[str, str]:
        assert main(["list", "--preset", "tiny", "--output", str(tmp_path)]) == 0
        lines = capsys.readouterr().out.splitlines()
        return {line.split()[0]: next(s for s in STATES if line.endswith(s)) for line in lines}

    states = listed()
    assert tuple(states) == figures.NAMES
    assert states["nary"] == registry.CURRENT
    assert states["losses"] == registry.MISSING
    monkeypatch.setitem(registry.find("nary").presets, "tiny", {"signal": "portrait"})
    assert listed()["nary"] == registry.STALE
    monkeypatch.undo()
    monkeypatch.setattr(provenance, "refinr_digest", lambda: "another")
    assert listed()["nary"] == registry.OLDER


def test_figures_run_on_a_users_folder(folder, tmp_path):
    out = tmp_path / "out"
    for name in signals.SETS:
        (image,) = [p for p in (folder / name).iterdir() if p.suffix != ".txt"]
        if name not in ("kodak",):
            image.unlink()
    assert main(["comparison", "--preset", "tiny", "--output", str(out), "--data", str(folder)]) == 0
    assert {row["image"] for row in datafiles.read(out / "comparison.json").data["rows"]} == {"kodak/one"}
    assert registry.state("comparison", "tiny", out) == registry.STALE  # these are not the signals of the preset
    with signals.taken_from(folder):
        assert registry.state("comparison", "tiny", out) == registry.CURRENT


def test_every_figure_has_a_kept_result_and_its_pictures():
    for name in figures.NAMES:
        about = datafiles.read(registry.data_path(SMALL, name)).provenance  # checks the checksum
        assert (about["figure"], about["preset"]) == (name, "small")
        assert registry.data_path(SMALL, name).stat().st_size < 500_000
        for picture in registry.find(name).pictures:
            assert (SMALL / f"{picture}.png").exists()


@pytest.mark.parametrize("name", figures.NAMES)
@pytest.mark.parametrize("preset", registry.PRESETS)
def test_presets_ask_for_signals_that_exist(name, preset):
    settings = registry.find(name).presets[preset]
    for signal in settings.get("signals", [settings["signal"]] if "signal" in settings else []):
        extra = {"camera": "skimage", "astronaut": "skimage", "coffee": "skimage", "fmri": "nibabel"}.get(signal)
        assert extra is None or preset != "tiny"  # tiny runs with nothing but the tests' own packages
        if extra is None or importlib.util.find_spec(extra):
            assert signals.image(signal, settings["size"]).codes.shape == (settings["size"],) * 2
        else:
            with pytest.raises(RuntimeError, match="pip install"):
                signals.image(signal, settings["size"])
    if "length" in settings:
        assert {len(sound.codes) for sound in signals.sounds(settings["length"])} == {settings["length"]}


def test_wrong_questions_get_status_2(tmp_path, capsys):
    assert main(["nothing", "--output", str(tmp_path)]) == 2
    assert "unknown name 'nothing'" in capsys.readouterr().err
    run = subprocess.run([sys.executable, "-m", "paper_figures", "list", "--preset", "huge"], cwd=ROOT,
                         capture_output=True, text=True, check=False)  # fmt: skip
    assert run.returncode == 2


def test_the_list_comes_at_once():
    """Nothing that draws or brings images is imported for it."""
    script = "import sys; from paper_figures.__main__ import main; main(['list']); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"matplotlib", "skimage", "nibabel", "PIL"} & set(run.stdout.split())


@pytest.mark.parametrize("path", sorted((ROOT / "paper_figures").rglob("*.py")), ids=lambda path: path.stem)
def test_figures_do_not_import_benchmarks(path):
    assert not _imports_benchmarks(path.read_text())


def _imports_benchmarks(source: str) -> bool:
    return re.search(r"^\s*(from|import) benchmarks\b", source, re.MULTILINE) is not None


def test_an_import_of_benchmarks_is_found():
    assert _imports_benchmarks("import numpy\nfrom benchmarks import report")
    assert _imports_benchmarks("def f():\n    import benchmarks.report")
    assert not _imports_benchmarks("from paper_figures import machine  # as benchmarks do")
