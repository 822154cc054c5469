"""The paper's figures: all run in tiny, results say where they come from, verdicts follow from the data."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import report
from benchmarks import weight_precision as benchmark
from paper_figures import (
    bit_bias,
    bit_spectral,
    channels,
    claims,
    curves,
    data,
    expansion,
    gallery,
    registry,
    results,
    resume,
    weight_precision,
)
from paper_figures.__main__ import main
from refinr import planes, theory
from refinr.files import signals
from tests.helpers import assert_equal_exact

ROOT = Path(__file__).parent.parent
SMALL = registry.RESULTS / "small"
VERDICTS = {claims.HOLDS, claims.DIFFERS, claims.FAILS}


# --- all figures, in tiny --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures") / "tiny"
    assert main(["all", "--preset", "tiny", "--output", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("name", registry.NAMES)
def test_a_figure_has_data_with_provenance_pictures_and_verdicts(tiny, name):
    result, module = results.read(registry.data_path(tiny, name)), registry.find(name)
    about = result.provenance
    assert (about["figure"], about["preset"], about["seed"]) == (name, "tiny", 0)
    assert about["sha256"] == results.checksum(result.data)
    assert re.fullmatch(r"[0-9a-f]{40}( and changes)?|unknown", about["commit"])
    assert about["source"] == results.digest(module, "tiny")
    assert about["refinr source"] == results.refinr_digest()
    assert about["seconds"] >= 0
    assert {"processor", "numpy", "python", "refinr"} <= about["machine"].keys()
    for picture in module.PICTURES:
        assert (tiny / f"{picture}.png").read_bytes().startswith(b"\x89PNG")
    for claim in module.CLAIMS:
        finding = claim.judge(result.data)
        assert finding.verdict in VERDICTS
        assert finding.ours
        assert claim.rule
    assert registry.state(name, "tiny", tiny) == registry.CURRENT


def test_figures_without_pixels_are_drawn_for_print_too(tiny):
    assert "<svg" in (tiny / "nary.svg").read_text()[:1000]
    assert not (tiny / "comparison.svg").exists()


def test_every_module_of_a_figure_is_named_in_the_registry():
    with_figures = {p.stem for p in (ROOT / "paper_figures").glob("*.py") if "\ndef compute(" in p.read_text()}
    assert with_figures == set(registry.NAMES)
    for name in registry.NAMES:
        assert set(registry.find(name).PRESETS) == set(registry.PRESETS)


def test_results_are_kept_until_something_changes(tiny, capsys):
    path = registry.data_path(tiny, "nary")
    before = path.read_bytes()
    assert main(["nary", "--preset", "tiny", "--output", str(tiny)]) == 0
    assert path.read_bytes() == before
    assert "nary: drawn" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_data_whatever_the_workers(monkeypatch):
    def curve(seed: int, cores: int) -> list:
        monkeypatch.setattr(resume.cpu, "cores", lambda: cores)
        return [row["ber"] for row in bit_bias.compute("tiny", np.random.default_rng(seed))["rows"]]

    once = curve(1, 1)
    assert curve(1, 3) == once
    assert curve(2, 1) != once


# --- staleness -------------------------------------------------------------------------------------------------------


def test_the_list_shows_what_is_missing_and_stale(tiny, tmp_path, capsys, monkeypatch):
    shutil.copy(registry.data_path(tiny, "nary"), tmp_path)

    def listed() -> dict[str, str]:
        assert main(["list", "--preset", "tiny", "--output", str(tmp_path)]) == 0
        lines = capsys.readouterr().out.splitlines()
        return {line.split()[0]: next(s for s in _STATES if line.endswith(s)) for line in lines}

    states = listed()
    assert states["nary"] == registry.CURRENT
    assert states["losses"] == registry.MISSING
    monkeypatch.setitem(registry.find("nary").PRESETS, "tiny", {"signal": "portrait"})
    assert listed()["nary"] == registry.STALE
    monkeypatch.undo()
    monkeypatch.setattr(results, "refinr_digest", lambda: "another")
    assert listed()["nary"] == registry.OLDER


_STATES = (registry.OLDER, registry.MISSING, registry.STALE, registry.CURRENT)  # one ends like another: longest first


def test_a_change_of_source_makes_a_result_stale_unless_it_comes_after_the_data(monkeypatch):
    real = results.inspect.getsource
    before = results.digest(bit_bias, "tiny")

    def after(module: object, old: str, new: str) -> str:
        def changed(asked: object) -> str:
            assert asked is not module or old in real(asked)
            return real(asked).replace(old, new) if asked is module else real(asked)

        monkeypatch.setattr(results.inspect, "getsource", changed)
        return results.digest(bit_bias, "tiny")

    assert after(bit_bias, "2.0 * np.rint", "2.1 * np.rint") != before
    assert after(curves, "method.lr)", "0.9 * method.lr)") != before
    assert after(data, "period: int = 61", "period: int = 62") != before
    assert after(bit_bias, 'bit error rate")', 'errors")  # a comment') == before
    assert after(bit_bias, '"""Curves of all baselines', '"""All curves') == before
    assert after(curves, "With this you can say", "One may say") == before


def test_a_change_of_the_benchmark_that_a_figure_is_made_by_makes_it_stale(monkeypatch):
    """Once only modules of the figures' own package counted."""
    real = results.inspect.getsource
    before = results.digest(weight_precision, "tiny")

    def with_more_in(module: object) -> str:
        more = {module: "\nFURTHER = 1\n"}
        monkeypatch.setattr(results.inspect, "getsource", lambda asked: real(asked) + more.get(asked, ""))
        return results.digest(weight_precision, "tiny")

    assert with_more_in(benchmark) != before
    assert with_more_in(report) == before, "it computes nothing"


def test_code_is_told_from_what_comes_after_the_data():
    source = '''"""Doc."""
import a  # why

TITLE = "x"
PRESETS: dict = {
    "tiny": 1,
}
KEPT = "# no comment"


def compute():
    """Doc
    more."""

    return 1


def _draw_it():
    return 2


def plot(data):
    return _draw_it()


def _judge(data):
    return 3
'''
    kept = 'import a\nKEPT = "# no comment"\ndef compute():\n    return 1'
    assert results.computing_code(source) == results.computing_code(kept)
    assert results.computing_code(source) != results.computing_code(kept.replace("no comment", "a comment"))
    assert results.computing_code(source) != results.computing_code(kept.replace("return 1", "return 2"))


# --- data files ------------------------------------------------------------------------------------------------------


def test_data_files_are_read_back_and_checked(tmp_path):
    path = tmp_path / "a.json"
    written = {"rows": [{"x": 1, "y": [0.1, None]}, {"x": 2, "y": []}], "name": "a", "image": results.pack(np.eye(3))}
    results.write(path, written, {"preset": "tiny"})
    assert results.read(path).data == written
    assert_equal_exact(results.unpack(results.read(path).data["image"]), np.eye(3))
    path.write_text(path.read_text().replace("0.1", "0.2"))
    with pytest.raises(ValueError, match="SHA-256"):
        results.read(path)


def test_data_that_json_does_not_have_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        results.write(tmp_path / "a.json", {"x": float("inf")}, {})
    assert not (tmp_path / "a.json").exists()
    assert (results.finite(float("inf")), results.finite(2)) == (None, 2.0)


def test_a_run_cut_short_goes_on_where_it_stopped(tmp_path):
    cases, path = [{"x": x} for x in range(4)], tmp_path / "a.partial"
    calls: list[int] = []

    def measure(case: dict, rng: np.random.Generator) -> dict:
        calls.append(case["x"])
        if case["x"] == 2 and len(calls) < 4:
            raise KeyboardInterrupt
        return {"drawn": float(rng.random())}

    def run(key: str) -> list[dict]:
        with resume.kept_in(path, key):
            return resume.each(measure, cases, np.random.default_rng(0), workers=1)

    whole = [{"x": 0, "drawn": float(stream.random())} for stream in np.random.default_rng(0).spawn(4)]
    with pytest.raises(KeyboardInterrupt):
        run("key")
    assert calls[:3] == [0, 1, 2]
    path.write_text(path.read_text() + '["cut sho')  # as when the machine went down while writing
    kept = len(path.read_text().split("\n")) - 2
    calls[:] = [9, 9, 9]
    rows = run("key")
    assert len(calls) - 3 == 4 - kept
    assert [row["drawn"] for row in rows] == [row["drawn"] for row in whole]
    assert not path.exists()
    path.write_text("old key\n" + json.dumps(['0 {"x": 0}', {"drawn": 2.0}]) + "\n")
    calls[:] = [9, 9, 9]
    run("key")
    assert calls[3:] == [0, 1, 2, 3]


# --- what is measured ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [0, 1, -3, 5, 12, 100])
def test_the_staircase_is_what_equal_errors_do_to_all_codes(error):
    bits = 6
    codes = np.arange(1 << 10)  # every phase of every period equally often
    wrong = planes.to_planes(((codes + error) % (1 << 10)).astype("u2") ^ codes.astype("u2"), 16)[:, :bits]
    np.testing.assert_array_equal(bit_bias.staircase(np.array([error]), bits), wrong.mean(axis=0))


def test_alternations_are_those_of_the_codes():
    codes, alternations = bit_spectral.alternating(8, np.random.default_rng(0))
    bits = planes.to_planes(codes, 16).astype(int)
    assert_equal_exact(np.abs(np.diff(bits, axis=-1)).sum(axis=-1), alternations)
    assert np.bincount(alternations.ravel()).tolist() == [4] * 16


@pytest.mark.parametrize(
    "cut", [curves.Outputs(8, 1), curves.Outputs(8, 2), curves.Outputs(8, 3), channels.AsOutputs(8),
            channels.AsCoordinate(8)],
)  # fmt: skip
def test_targets_decide_for_the_codes_they_were_made_from(cut):
    grid, colours = (3, 5), 1 if isinstance(cut, curves.Outputs) else 3
    codes = np.random.default_rng(0).integers(0, 256, (15, colours), dtype=np.uint8)
    targets = cut.targets(codes)
    x = cut.inputs(grid)
    assert targets.shape[0] == 1
    assert len(x) == targets.shape[1]
    assert x.shape[1] == len(cut.axes(grid))
    assert_equal_exact(cut.codes(targets), codes)


def test_the_channel_coordinate_goes_with_its_channel():
    cut, codes = channels.AsCoordinate(1), np.array([[0, 1, 0], [1, 1, 0]], dtype=np.uint8)
    x, targets = cut.inputs((2,)), cut.targets(codes)[0, :, 0]
    for row, target in zip(x, targets, strict=True):
        pixel, channel = int(row[0] > 0), round(float(row[2])) + 1
        assert target == codes[pixel, channel] - 0.5


def test_a_curve_ends_where_nothing_is_wrong():
    signal = data.image("elevation", 6)
    run = curves.follow(
        signal.codes, 10, curves.cut_named("planes", 10), curves.PLANES, [12] * 3, steps=200, seed=0, at=[0, 3],
        images_at=[2],
    )  # fmt: skip
    assert run["at"] == [0, 2, 3, run["exact_at"]]
    assert run["ber"][-1] == [0.0] * 10
    assert run["psnr"][-1] is None
    assert min(np.mean(rates) for rates in run["ber"][:-1]) > 0
    assert_equal_exact(results.unpack(run["images"][str(run["exact_at"])]), signal.codes)
    decoded = results.unpack(run["images"]["2"])
    wrong = planes.to_planes(decoded ^ signal.codes, 16)[..., :10].mean(axis=(0, 1))
    np.testing.assert_array_equal(run["ber"][1], wrong)
    short = curves.follow(signal.codes, 10, curves.cut_named("planes", 10), curves.PLANES, [12] * 3, steps=3, seed=0)
    assert (short["exact_at"], short["at"]) == (None, [3])
    assert short["ber"][0] == run["ber"][2]


def test_octaves_stay_below_nyquist():
    method = curves.BASELINES["ReLU+PE"]
    for size, octaves in ((4, 2), (48, 5), (64, 6), (256, 8)):
        spec, x = curves.specification(method, curves.cut_named("none", 8), (size, size), [8])
        assert x.shape[1] == spec.sizes[0] == 2 + 4 * octaves
        assert 2 ** (octaves - 1) <= size / 2 < 2**octaves * 1.001


# --- signals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "bits"), [("portrait", 8), ("elevation", 10), ("bathymetry", 12), ("synthetic", 16)])
def test_signals_have_the_bits_they_say(name, bits):
    signal = data.image(name, 40)
    assert (signal.codes.shape, signal.bits) == ((40, 40), bits)
    assert int(signal.codes.max()) >> bits == 0
    assert len(np.unique(signal.codes)) > 100


def test_reduced_images_are_rounded_block_means():
    codes = np.random.default_rng(0).integers(0, 65536, (9, 13), dtype=np.uint16)
    small = data.reduced(codes, 4)
    square = codes[0:8, 2:10]
    for i, j in np.ndindex(4, 4):
        block = square[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        assert int(small[i, j]) == (2 * int(block.sum(dtype=int)) + 4) // 8
    with pytest.raises(ValueError, match="at most 9"):
        data.reduced(codes, 10)


@pytest.mark.parametrize("name", registry.NAMES)
@pytest.mark.parametrize("preset", registry.PRESETS)
def test_presets_ask_for_signals_that_exist(name, preset):
    settings = registry.find(name).PRESETS[preset]
    for signal in settings.get("signals", [settings["signal"]] if "signal" in settings else []):
        extra = {"camera": "skimage", "astronaut": "skimage", "coffee": "skimage", "fmri": "nibabel"}.get(signal)
        assert extra is None or preset != "tiny"  # tiny runs with nothing but the tests' own packages
        if extra is None or importlib.util.find_spec(extra):
            assert data.image(signal, settings["size"]).codes.shape == (settings["size"],) * 2
        else:
            with pytest.raises(RuntimeError, match="pip install"):
                data.image(signal, settings["size"])
    if "length" in settings:
        assert {len(sound.codes) for sound in data.sounds(settings["length"])} == {settings["length"]}


def test_unknown_and_small_signals_are_refused():
    with pytest.raises(ValueError, match="unknown name 'lena'"):
        data.image("lena", 8)
    with pytest.raises(ValueError, match="at most"):
        data.image("bathymetry", 1000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder: one small file for each of the paper's sets."""
    rng = np.random.default_rng(0)
    for name, bits, suffix in (
        ("kodak", 8, "png"),
        ("div2k", 8, "png"),
        ("testimages", 16, "png"),
        ("fivek", 16, "tif"),
    ):
        (tmp_path / name).mkdir()
        samples = rng.integers(0, 1 << bits, (18, 26, 3)).astype(f"u{bits // 8}")
        signals.write(tmp_path / name / f"one.{suffix}", samples)
    (tmp_path / "librispeech").mkdir()
    signals.write(tmp_path / "librispeech" / "a.wav", rng.integers(-9, 9, 64, dtype=np.int16), {"rate": 16000})
    (tmp_path / "kodak" / "notes.txt").write_text("no image")
    return tmp_path


def test_a_users_folder_replaces_the_images(folder):
    with data.taken_from(folder):
        found = data.images(["portrait"], 9)
        assert len(data.listing() or []) == 5
    assert [(s.name, s.bits) for s in found] == [
        ("kodak/one", 8),
        ("div2k/one", 8),
        ("testimages/one", 16),
        ("fivek/one", 16),
    ]
    whole = signals.read(folder / "fivek" / "one.tif").samples[:, 4:22].astype(int)  # the central square
    pixel = whole[2:4, 6:8]
    grey = (2 * pixel.sum(axis=2) + 3) // 6
    assert found[3].codes.dtype == np.uint16
    assert int(found[3].codes[1, 3]) == (2 * int(grey.sum()) + 4) // 8
    assert [s.name for s in data.images(["portrait"], 9)] == ["portrait"]


def test_a_users_sounds_are_floats_of_their_range(folder):
    stored = signals.read(folder / "librispeech" / "a.wav").samples
    with data.taken_from(folder):
        (sound,) = data.sounds(32)
    samples = planes.from_codes(sound.codes, "float32")
    assert_equal_exact(samples, (stored[16:48] / 32768).astype(np.float32))


def test_files_that_are_not_what_they_should_be_are_refused(folder):
    with data.taken_from(folder), pytest.raises(ValueError, match="20 x 20 or more"):
        data.images([], 20)
    signals.write(folder / "kodak" / "two.png", np.zeros((18, 18), dtype=np.uint16))
    with data.taken_from(folder), pytest.raises(ValueError, match=r"two\.png: expected 8 bits"):
        data.images([], 9)
    with data.taken_from(folder), pytest.raises(ValueError, match="65 samples or more"):
        data.sounds(65)
    with pytest.raises(ValueError, match="expected a folder"), data.taken_from(folder / "none"):
        pass


def test_an_empty_folder_is_refused(tmp_path):
    with data.taken_from(tmp_path), pytest.raises(ValueError, match="got none"):
        data.images(["portrait"], 8)


def test_figures_run_on_a_users_folder(folder, tmp_path):
    out = tmp_path / "out"
    for name in data.SETS:
        (image,) = [p for p in (folder / name).iterdir() if p.suffix != ".txt"]
        if name not in ("kodak",):
            image.unlink()
    assert main(["comparison", "--preset", "tiny", "--output", str(out), "--data", str(folder)]) == 0
    assert {row["signal"] for row in results.read(out / "comparison.json").data["rows"]} == {"kodak/one"}
    assert registry.state("comparison", "tiny", out) == registry.STALE  # these are not the signals of the preset
    with data.taken_from(folder):
        assert registry.state("comparison", "tiny", out) == registry.CURRENT


# --- the page and the kept results -----------------------------------------------------------------------------------


def test_the_gallery_is_the_page_of_the_kept_results():
    page = gallery.page("small", SMALL, ROOT / "paper_figures")
    assert (ROOT / "paper_figures" / "README.md").read_text() == page


def test_every_figure_has_a_kept_result_and_its_pictures():
    for name in registry.NAMES:
        about = results.read(registry.data_path(SMALL, name)).provenance  # checks the checksum
        assert (about["figure"], about["preset"]) == (name, "small")
        assert registry.data_path(SMALL, name).stat().st_size < 500_000
        for picture in registry.find(name).PICTURES:
            assert (SMALL / f"{picture}.png").exists()


def test_links_of_the_gallery_lead_somewhere():
    page = (ROOT / "paper_figures" / "README.md").read_text()
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page) if not link.startswith("http")]
    files, anchors = [link for link in links if link[0] != "#"], [link[1:] for link in links if link[0] == "#"]
    assert files
    assert not [link for link in files if not (ROOT / "paper_figures" / link).exists()]
    assert set(anchors) == set(re.findall(r'<a id="(\w+)"', page))


def test_verdicts_follow_the_data():
    def verdicts(name: str, change) -> list[str]:
        kept = json.loads(json.dumps(results.read(registry.data_path(SMALL, name)).data))
        change(kept)
        return [claim.judge(kept).verdict for claim in registry.find(name).CLAIMS]

    def worst_first(kept: dict) -> None:
        for row in kept["rows"]:
            row["ber"] = [rates[::-1] for rates in row["ber"]]

    def nothing_exact(kept: dict) -> None:
        for row in kept["rows"]:
            row["final"] = row["final"] | {"ber": 0.1, "psnr": 30.0}
            row["exact_at"] = None

    def one_residual(kept: dict) -> None:
        for row in kept["rows"]:
            row["same_bytes"] = False

    assert verdicts("bit_bias", worst_first) == [claims.FAILS, claims.FAILS]
    assert verdicts("audio", one_residual) == [claims.FAILS]
    exact, *_, hidden, iterations = verdicts("comparison", nothing_exact)
    assert (exact, hidden, iterations) == (claims.FAILS, claims.FAILS, claims.FAILS)


def test_verdicts_about_weights_and_expansion_follow_the_data():
    def verdicts(name: str, change) -> list[str]:
        kept = json.loads(json.dumps(results.read(registry.data_path(SMALL, name)).data))
        change(kept)
        return [claim.judge(kept).verdict for claim in registry.find(name).CLAIMS]

    def a_wrong_bit(kept: dict) -> None:
        kept["rows"][0]["wrong bits"] = 1

    def large_trits(kept: dict) -> None:
        kept["paper"] = {"bytes": 1e3, "operations as built": 1, "operations as said": 2}
        for row in kept["rows"]:
            row["stored bytes"] = 100

    def as_said(kept: dict) -> None:
        kept["paper"]["operations as built"] = kept["paper"]["operations as said"]

    def two_bits_exact(kept: dict) -> None:
        for row in kept["rows"]:
            row |= {"2 bits": {"ber": 0.0, "psnr": None}} if "2 bits" in row else {}
        kept["stored"] = [row | {"ber": 0.0} for row in kept["stored"]]

    def ternary_wrong(kept: dict) -> None:
        for row in kept["rows"]:
            row |= {"ternary": {"ber": 0.2, "psnr": 9.0}} if "ternary" in row else {}
        kept["stored"] = [row | {"ber": 0.1} for row in kept["stored"]]

    def exact_network(kept: dict) -> None:
        for row in kept["rows"]:
            row["psnr"]["network"] = None
        kept["8 to 16: replication is the ideal gain"] = False

    def dark_gain(kept: dict) -> None:
        for row in kept["rows"]:
            row["psnr"] |= {"ideal gain": 16.0, "zero padding": 20.0, "network": 15.0, "half a step": 5.0}

    holds, differs, fails = claims.HOLDS, claims.DIFFERS, claims.FAILS
    assert verdicts("ternary", a_wrong_bit) == [holds, differs, differs, holds]
    assert verdicts("ternary", large_trits) == [fails, fails, holds, fails]
    assert verdicts("ternary", as_said) == [holds, holds, holds, holds]
    assert verdicts("weight_precision", two_bits_exact) == [holds, fails, holds]
    assert verdicts("weight_precision", ternary_wrong) == [fails, holds, fails]
    assert verdicts("expansion", exact_network) == [holds, differs, holds, fails, fails]
    assert verdicts("expansion", dark_gain) == [fails, fails, fails, fails, holds]


@pytest.mark.parametrize("added", [6, 8])
def test_what_arithmetic_says_of_uniform_low_bits_is_counted_on_all_of_them(added):
    step, low = 2**added, np.arange(2**added)
    given = {"zero padding": low, "random bits": low[:, None] - low, "half a step": low - step // 2}
    for method, errors in given.items():
        psnr = 10 * np.log10((2**16 - 1) ** 2 / np.mean(errors.astype(float) ** 2))
        said = expansion._judge_arithmetic(16 - added, 16, method)
        assert psnr == pytest.approx(said, abs=10 * np.log10(1 + 2 / step))  # sums are integrals up to 3 / (2 step)


@pytest.mark.parametrize("name", ["elevation", "bathymetry"])
def test_methods_of_expansion_have_the_psnr_that_is_kept(name):
    signal = data.image(name, expansion.PRESETS["small"]["size"])
    codes = signal.codes.astype(int)
    for row in results.read(registry.data_path(SMALL, "expansion")).data["rows"]:
        if row["signal"] == name:
            step = 2 ** row["added"]
            low = {key: results.unpack(value).astype(int) for key, value in row["low"].items()}
            assert_equal_exact(low["true"], codes % step)
            errors = {
                "zero padding": low["true"],
                "half a step": low["true"] - step // 2,
                "network": low["true"] - low["network"],
            }
            for method, error in errors.items():
                psnr = 10 * np.log10((2**signal.bits - 1) ** 2 / np.mean(error.astype(float) ** 2))
                assert row["psnr"][method] == pytest.approx(psnr, rel=1e-12)


def test_the_printed_bounds_are_the_papers():
    assert [float(theory.upper_bound(k, 2)) for k in (1, 2, 4)] == [16, 1296, 810000]
    assert float(theory.upper_bound(8, 2)) == pytest.approx(67.7e9, rel=1e-3)


def test_wrong_questions_get_status_2(tmp_path, capsys):
    assert main(["nothing", "--output", str(tmp_path)]) == 2
    assert "unknown name 'nothing'" in capsys.readouterr().err
    run = subprocess.run([sys.executable, "-m", "paper_figures", "list", "--preset", "huge"], cwd=ROOT,
                         capture_output=True, text=True, check=False)  # fmt: skip
    assert run.returncode == 2
