"""The documents: their examples run, links lead somewhere, quoted results are the measured ones."""

from __future__ import annotations

import doctest
import importlib
import inspect
import json
import re
import statistics
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import refinr
from benchmarks import fair
from refinr import activations, executors, kinds, theory
from refinr.cli import demo
from refinr.codec import costs, counts, verbs
from refinr.files import budget
from refinr.oracle import corpus

ROOT = Path(__file__).parent.parent
FOLDERS = [ROOT.glob("*.md"), ROOT.glob("docs/*.md"), ROOT.glob("tutorials/*.md"), ROOT.glob("examples/**/*.md")]
DOCUMENTS = sorted(path for folder in FOLDERS for path in folder)
WITH_EXAMPLES = [path for path in DOCUMENTS if ">>> " in path.read_text()]
each = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def tables(name: str) -> dict[str, list[dict[str, Any]]]:
    """What a benchmark has measured."""
    return _result(name)["tables"]


def targets(name: str) -> list[dict[str, Any]]:
    """What a benchmark should reach, and what it did."""
    return _result(name)["targets"]


def _result(name: str) -> dict[str, Any]:
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())


@pytest.mark.parametrize("document", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_give_what_they_say(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # README's saves a file
    outcome = doctest.testfile(str(document), module_relative=False)
    assert outcome.attempted > 3
    assert outcome.failed == 0


def test_readme_says_how_large_its_file_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    (times,) = re.findall(r"this file is (\d+) times as large as the array", (ROOT / "README.md").read_text())
    assert round((tmp_path / "image.inr").stat().st_size / (64 * 64 * 2)) == int(times)


def test_readme_compares_what_was_measured():
    rows = tables("fair")["Best step sizes"]
    text = (ROOT / "README.md").read_text()
    (quoted,) = re.findall(r"<!-- benchmarks/results/fair.json -->\n(.*?)\n<!-- end -->", text, re.DOTALL)
    assert quoted == fair.summary(rows)
    assert not [target.what for target in fair.targets(rows) if not target.met]


def test_readme_says_of_the_demo_what_it_printed():
    _, *rows = (ROOT / "tutorials" / "demo.txt").read_text().splitlines()
    found, name = {}, ""
    for row in rows:
        name = row[:12].strip() or name  # a signal's name stands in its first row
        bits, rate = (float(row[12:].split()[-k]) for k in (8, 3))
        found[name, row[12:24].strip()] = round(bits * rate)
    exact = {way for _, way in found} - {"direct", "direct x 4"}
    assert exact == {"bit planes", "solved", "one bit"}
    assert {count for (_, way), count in found.items() if way in exact} == {0}
    assert found["elevation", "direct x 4"] == 0 < found["bathymetry", "direct x 4"]
    assert f"({found['synthetic', 'direct x 4']} of 147,456 bits are wrong)" in (ROOT / "README.md").read_text()


def test_readme_says_how_small_files_are():
    codec = tables("codec")
    rows = [row for row in codec["Files"] if row["PNG"] == row["PNG"] and row["JPEG XL"] == row["JPEG XL"]]
    smaller = [row for row in rows if row["refinr"] < min(row["PNG"], row["JPEG XL"])]
    median = statistics.median(1 - row["refinr"] / row["JPEG XL"] for row in rows)
    text = " ".join((ROOT / "README.md").read_text().split())
    (found,) = re.findall(r"\[(\d+) of (\d+) images and volumes\].*?\(the median by ([\d.]+) %", text)
    assert found == (str(len(smaller)), str(len(rows)), f"{100 * median:.1f}")
    *alone, before = codec["Coordinates alone, camera, 128 x 128"]
    assert min(row["both"] for row in alone) > before["both"]  # "predicts worse than the sample before"


def test_readme_says_how_long_the_figures_take():
    (minutes,) = re.findall(
        r"small images and networks: about (\d+) minutes on two cores", (ROOT / "README.md").read_text()
    )
    results = (ROOT / "paper_figures" / "results" / "small").glob("*.json")
    spent = sum(json.loads(path.read_text())["provenance"]["processor seconds"] for path in results) / 60
    assert spent / 2 < int(minutes) < 1.5 * spent  # between both cores always busy, and one


def test_readme_says_what_training_and_solving_take():
    rows = tables("rivals")["Rows"]
    seconds = {row["way"]: row["processor s"] for row in rows}
    text = (ROOT / "README.md").read_text()
    assert "a 64 x 64 image of 16 bits takes about a second" in text
    assert 0.7 < seconds["trained, refinr"] < 1.3
    (times,) = re.findall(r"\[(\d+) times less\]\(benchmarks/results/rivals.md\)", text)
    assert round(seconds["trained, refinr"] / seconds["solved"]) == int(times)


def test_readme_has_an_example_and_fits_a_few_screens():
    assert ROOT / "README.md" in WITH_EXAMPLES
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_readme_says_how_many_cases_the_oracle_has():
    (about,) = re.findall(r"about (\d+) cases", (ROOT / "README.md").read_text())
    assert round(len(refinr.oracle.cases()), -2) == int(about)


@each
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\(([^)]+)\)", document.read_text())
    files = [link.split("#")[0] for link in links if not link.startswith("http")]
    missing = [file for file in files if file and not (document.parent / file).exists()]
    assert not missing


@each
def test_tests_that_are_named_exist(document):
    """In tables that say which test holds what; "and of ..." is the test of the same name elsewhere."""
    for name, file in re.findall(r"\[(test_\w+)\]\(([^)#]+\.py)\)", document.read_text()):
        assert f"\ndef {name}(" in (document.parent / file).read_text(), name
    for name, other in re.findall(r"\[(test_\w+)\]\([^)]+\), \[and of [.\w]+\]\(([^)]+)\)", document.read_text()):
        assert f"\ndef {name}(" in (document.parent / other).read_text(), (name, other)


QUOTED = ["time_to_lossless", "scaling", "large", "step_time", "rivals", "large_solved", "codec"]
QUOTED += ["kills", "cores", "memory", "demonstration", "activations", "pages"]


@pytest.mark.parametrize("name", QUOTED)
def test_quoted_results_are_the_measured_ones(name):
    start, end = f"<!-- benchmarks/results/{name}.md: targets -->\n", "<!-- end -->"
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    quoted = text[text.index(start) + len(start) :]
    quoted = quoted[: quoted.index(end)].strip()
    measured = (ROOT / "benchmarks" / "results" / f"{name}.md").read_text()
    targets = measured[measured.index("## Targets") :].split("\n\n")[1].strip()
    assert quoted == targets


def test_what_a_prior_is_worth_is_what_was_measured():
    text = (ROOT / "docs" / "compression.md").read_text()
    (quoted,) = re.findall(r"<!-- benchmarks/results/prior.md: medians -->\n(.*?)\n<!-- end -->", text, re.DOTALL)
    measured = (ROOT / "benchmarks" / "results" / "prior.md").read_text()
    assert quoted == measured.split("\n\n")[2]


def measured_for_security() -> dict[str, str]:
    """What SECURITY.md says of results, from these."""
    kept = {}
    for name in ("kills", "cores", "oldest", "fuzz"):
        kept[name] = [f"{target['value']:,.0f}" for target in targets(name)]
    whole, same, left, _, tracebacks, _ = kept["kills"]
    decoded, lost, _ = kept["cores"]
    passed, failed, *_ = kept["oldest"]
    files, harm, *_ = kept["fuzz"]
    return {
        "kills": f"of 100 [kills](benchmarks/results/kills.md) {left} left a process after 5 s, {tracebacks} gave a "
        f"traceback; {whole} outputs old or whole, {same} gone on with to the same bytes",
        "cores": f"{decoded} decodings under [four core types and two sets of vector instructions]"
        f"(benchmarks/results/cores.md), {lost} wrong",
        "oldest": f"[installed](benchmarks/results/oldest.md): {passed} tests pass, {failed} fail",
        "fuzz": f"of {files} [files](benchmarks/results/fuzz.md) {harm} did harm",
    }


def test_security_says_what_was_measured():
    text = (ROOT / "SECURITY.md").read_text()
    for said in measured_for_security().values():
        assert said in text


def test_every_module_is_in_the_table_of_floors():
    table = (ROOT / "ARCHITECTURE.md").read_text().split("## Letters")[0]
    package = ROOT / "refinr"
    paths = [path.relative_to(package).with_suffix("") for path in package.rglob("*.py") if path.stem != "__init__"]
    modules = {".".join(path.parts) for path in paths}
    assert modules == set(re.findall(r"`([\w.]+)`", "".join(re.findall(r"^\| \d+ \|[^|]*\|", table, re.MULTILINE))))


def test_every_module_has_its_place_in_the_reading_order():
    page = (ROOT / "docs" / "reading-order.md").read_text()
    places = re.findall(r"\(\.\./refinr/(\w+)\.py\)", page)
    modules = {path.stem for path in (ROOT / "refinr").glob("[!_]*.py")}
    assert modules == set(places)


def test_what_one_may_add_has_its_table_and_its_tests():
    recipes = (ROOT / "ARCHITECTURE.md").read_text().split("## How to add")[1]
    rows = re.findall(r"^\| an? [^|]*\| `([\w.]+)` \|[^|]*\|(.*)\|$", recipes, re.MULTILINE)
    assert len(rows) > 10
    for table, tests in rows:
        module, _, name = table.rpartition(".")
        assert hasattr(importlib.import_module(module if module.startswith("paper") else f"refinr.{module}"), name)
        files = re.findall(r"`([\w/]+)`", tests)
        assert files
        assert not [file for file in files if not any((ROOT / "tests").glob(f"{file}*"))]


def test_the_command_line_on_its_page_is_the_one_there_is():
    page = (ROOT / "docs" / "command-line.md").read_text()
    commands = set(re.findall(r"^    refinr (\w+)", page, re.MULTILINE))
    text = subprocess.run([sys.executable, "-m", "refinr", "--help"], capture_output=True, text=True, check=True).stdout
    there = set(re.findall(r"^    (\w+)(?: |$)", text, re.MULTILINE))
    assert commands == there


def test_what_the_nightly_examples_run_is_there():
    command = subprocess.run(["make", "-n", "nightly"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = re.findall(r" (tests/\S+)", command)
    assert len(paths) > 5
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_what_is_cited_has_the_version_of_the_package():
    text = (ROOT / "CITATION.cff").read_text()
    assert re.findall(r"^version: (\S+)$", text, re.MULTILINE) == [refinr.__version__]


# --- numbers in other documents --------------------------------------------------------------------------------------


def data_of(figure: str) -> dict[str, Any]:
    """What a figure of the gallery has computed."""
    return json.loads((ROOT / "paper_figures" / "results" / "small" / f"{figure}.json").read_text())["data"]


def missing(page: str, *said: str) -> list[str]:
    """What a page does not say, however its lines are broken."""
    text = " ".join((ROOT / page).read_text().split())
    return [sentence for sentence in said if sentence not in text]


def power_of_ten(number: float) -> str:
    """1e-2, 4e-3, as documents have step sizes."""
    return f"{number:.0e}".replace("e-0", "e-")


def test_readme_says_how_its_comparisons_were_made():
    usual = power_of_ten(kinds.LINEAR.defaults["lr"])
    direct, longer = map(power_of_ten, demo.STEP.values())
    share = inspect.signature(kinds.widths).parameters["share"].default
    assert not missing(
        "README.md",
        f"planes at step size {usual}, regression at {direct} and {longer}, within a factor of two of its best",
        f"the networks of a full tile have up to {share} parameters, of 32 bits each",
    )
    deep = power_of_ten(kinds.LINEAR.deep["lr"])
    assert not missing("docs/benchmarks.md", f"defaults (step size {usual})", f"four small layers a plane ({deep})")


def test_the_demonstration_is_alike_with_other_seeds():
    found = tables("demonstration")["Seeds"]
    assert all(target["met"] for target in targets("demonstration"))  # "within a factor of two of its best"
    printed = (ROOT / "tutorials" / "demo.txt").read_text()
    steps = {"bit planes": kinds.LINEAR.defaults["lr"], "direct": demo.STEP[1], "direct x 4": demo.STEP[demo.LONGER]}
    of_demo = [row for row in found if row["step size"] == steps[row["method"]]]
    assert len(of_demo) == 9
    for row in of_demo:
        assert len(row["wrong bits"]) == 3
        exact = row["method"] == "bit planes" or (row["signal"], row["method"]) == ("elevation", "direct x 4")
        assert row["exact"] == ("3 of 3" if exact else "0 of 3")
        assert f" {row['wrong bits'][0] / row['of']:.2e} " in printed  # seed 0, which the demonstration prints


def test_what_planes_buy_is_what_was_measured():
    best, sweeps = tables("fair").values()
    page = "docs/planes-and-regression.md"
    assert not missing(
        page, "with eight seeds at the best, for four signals", "of 16 bits it does not at twice its best"
    )
    assert {row["exact"].split()[-1] for row in best} == {"8"}
    assert len({row["signal"] for row in best}) == 4
    assert max(row["+-"] for row in best) < 3  # "another seed changes the number of steps by a few"
    for row in best:
        if row["way"] == "direct" and "16 bits" in row["signal"]:
            swept = [other for other in sweeps if (other["signal"], other["way"]) == (row["signal"], "direct")]
            (twice,) = [other for other in swept if other["step size"] == 2 * row["step size"]]
            assert min(twice["wrong bits"]) > 0
    assert not missing(page, f"{theory.tolerance(16)} of their range")


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("planes-and-regression", "in float32 up to 4,096 samples of one bit, and up to 16 samples of 16 bits"),
        ("constructive", "samples of 16 bits are certain up to N = 16, samples of one bit up to N = 4,096"),
        ("theorems", "certain up to N = 4,096 for one bit, N = 16 for 16 bits"),
    ],
)
def test_how_far_float32_is_certain_is_said_alike(page, said):
    assert not missing(f"docs/{page}.md", said)
    for bits, most in ((1, 4096), (16, 16)):
        bounds = [N * (N - 1) * (2**bits - 1) for N in (most, most + 1)]
        assert bounds[0] <= 2**24 < bounds[1]


def test_theorems_say_how_far_trained_networks_are_from_the_least():
    factors = [row["trained"] / row["least"] for row in data_of("bounds")["rows"] if "trained" in row]
    assert not missing("docs/theorems.md", "stay within a factor of twenty of the least")
    assert 10 < max(factors) < 20


def test_certificates_quote_what_certify_printed():
    printed = (ROOT / "tutorials" / "demo-certificate.txt").read_text()
    page = (ROOT / "docs" / "certificates.md").read_text()
    assert "\n".join(f"    {line}" if line else "" for line in printed.splitlines()) in page
    (rounding,) = re.findall(r"^float32 +yes +([\d.]+)", printed, re.MULTILINE)
    assert round(0.5 / float(rounding), -2) == 300  # "three hundred times what rounding can take"


def test_expansion_says_what_was_measured():
    rows = [row["psnr"] for row in data_of("expansion")["rows"]]
    padding = sorted(row["network"] - row["zero padding"] for row in rows)
    ideal = sorted(row["ideal gain"] - row["network"] for row in rows)
    others = [row["network dB"] - row["ideal gain dB"] for row in tables("expansion")["PSNR"]]
    assert (len(rows), len(others), sum(gain > 0 for gain in others)) == (6, 4, 1)
    assert not missing(
        "docs/expansion.md",
        f"PSNR is {padding[1]:.1f} to {padding[-1]:.1f} dB above padding with zeros",
        f"in one it is {-padding[0]:.1f} dB below",
        f"in all six it is {ideal[0]:.1f} to {ideal[-1]:.1f} dB below the ideal gain",
        f"four more cases (one seed), one of which the network wins, by {max(others):.1f} dB",
    )


def test_solving_says_what_was_measured():
    rows = {(row["signal"], row["way"]): row for row in tables("solve")["Rows"]}
    noise = {way: row for (signal, way), row in rows.items() if signal == "noise"}
    (large,) = tables("large_solved")["16 bits, tiles of 16 x 16"]
    rivals = {row["way"]: row["processor s"] for row in tables("rivals")["Rows"]}
    times = targets("time_to_lossless")
    (a_bit,) = [target["value"] for target in times if "a bit than the official" in target["what"]]

    def images(way: str, *forms: tuple[str, str]) -> str:
        found = [(name, rows[name, way]) for name in ("elevation", "camera", "coffee")]
        return ", ".join(f"{name} " + " at ".join(f"{row[what]:{form}}" for what, form in forms) for name, row in found)

    def of_noise(way: str, what: str, form: str) -> str:
        return f"{noise[way][what]:{form}}"

    assert not missing(
        "docs/solving.md",
        of_noise("real in 0.7", "p/b", ".3f") + " in " + of_noise("real in 0.7", "wall s", ".3f") + " s",
        of_noise("real in 0.55", "p/b", ".3f") + " in " + of_noise("real in 0.55", "wall s", ".2f") + " s",
        of_noise("real, small", "p/b", ".3f") + " at " + of_noise("real, small", "Mbit/s", ".1f") + " Mbit/s",
        images("real, fast", ("p/b", ".3f"), ("Mbit/s", ".1f")),
        images("real, small", ("p/b", ".3f"), ("Mbit/s", ".1f")),
        of_noise("ternary, fast", "bits/bit", ".2f") + " at " + of_noise("ternary, fast", "Mbit/s", ".1f") + " Mbit/s",
        of_noise("ternary, small", "bits/bit", ".2f") + " at " + of_noise("ternary, small", "Mbit/s", ".2f"),
        of_noise("binary, fast", "bits/bit", ".2f") + " at " + of_noise("binary, fast", "Mbit/s", ".2f") + " Mbit/s",
        of_noise("binary, small", "bits/bit", ".3f") + " at " + of_noise("binary, small", "Mbit/s", ".3f"),
        "weights alone " + of_noise("binary, small", "p/b", ".2f"),
        images("real or raw, smallest", ("bits/bit", ".3f")),
        "takes {:.3f}; sounds and fMRI volumes hold more noise, {:.3f} and {:.3f}".format(
            *(rows[name, "real or raw, smallest"]["bits/bit"] for name in ("bathymetry", "sound", "fMRI"))
        ),
        f"{rivals['trained, refinr'] / rivals['solved']:.0f} times less processor time than `refinr.fit`",
        f"a bit takes a {a_bit:,.0f}th",
        f"{large['whole, s']:.1f} s, driver {large['driver, peak MB']:.0f} MB",
    )
    assert not missing("docs/solving.md", "1.1e-4 and more, certified")
    assert min(row["margin"] for (_, way), row in rows.items() if way.startswith("real")) >= 1.1e-4


def next_best(row: dict[str, Any]) -> str:
    """Bits a sample of the other compressor that has the fewest."""
    others = {name: row[name] for name in ("PNG", "WebP", "JPEG-LS", "JPEG XL", "FLAC") if row.get(name)}
    name = min(others, key=others.__getitem__)
    return f"{others[name]:.2f} ({name})"


def test_compression_quotes_the_figure():
    rows = data_of("compression")["rows"]
    text = (ROOT / "docs" / "compression.md").read_text()
    (quoted,) = re.findall(
        r"<!-- paper_figures/results/small/compression.json -->\n(.*?)\n<!-- end -->", text, re.DOTALL
    )
    assert quoted.splitlines()[2:] == [f"| {row['signal']} | {row['refinr']:.2f} | {next_best(row)} |" for row in rows]
    images = [row for row in rows if row["kind"] == "image"]
    assert all(row["refinr"] < min(row["PNG"], row["JPEG XL"]) for row in images)
    median = statistics.median(1 - row["refinr"] / row["JPEG XL"] for row in images)
    (scan,) = [row["planes"] for row in images if row["signal"] == "fmri"]
    assert len(images) == 9
    assert sum(bits >= 0.97 for bits in scan) == 11
    assert not missing(
        "docs/compression.md",
        f"All nine images are smaller than with PNG and with JPEG XL, the median by {100 * median:.1f} % against",
        "eleven of the sixteen planes of the fMRI scan cost 0.97 bits or more",
    )


def test_compression_says_what_was_measured():
    files = {row["signal"]: row for row in tables("codec")["Files"]}
    (camera,) = [row for row in tables("codec")["Models"] if row["signal"].startswith("camera")]
    *alone, before = tables("codec")["Coordinates alone, camera, 128 x 128"]
    sounds, drawings, colours, floats = ({row["signal"]: row for row in rows} for rows in tables("directions").values())
    least = max(row["against JPEG XL or FLAC, %"] for row in files.values() if row["JPEG XL"] == row["JPEG XL"])

    def in_bytes(name: str, what: str) -> str:
        return f"{drawings[name][what] * files[name]['samples'] / 8:,.0f}"

    horse = [in_bytes("horse", what) for what in ("without", "refinr", "JPEG XL")]
    phantom = [in_bytes("phantom", what) for what in ("without", "refinr", "JPEG XL", "PNG")]
    pluck, phone, read = (sounds[name] for name in ("pluck-pcm16", "speech", "read speech"))
    photographs = [colours[name] for name in ("astronaut", "chelsea")]
    sizes = tables("sizes")["Files"]
    assert all(row["exact"] and row["larger than raw"] for row in sizes)
    assert not missing(
        "docs/formats.md", f"all {len(sizes)} files decode to the last bit, and all {len(sizes)} are larger"
    )
    assert not missing(
        "docs/compression.md",
        f"larger than the samples, all {len(sizes)} in the",
        f"the least by {-least:.1f} %",
        f"({files['digits']['JPEG XL']:.2f} bits) and xz, which is kept there, {files['digits']['refinr']:.2f}",
        f"{pluck['refinr']:.2f}, and {pluck['without']:.1f} without ({pluck['samples before']} samples before",
        f"samples before; FLAC {pluck['FLAC']:.1f})",
        f"{read['refinr']:.2f} with {read['samples before']} samples before, {read['without']:.2f} without",
        f"without (FLAC {read['FLAC']:.2f})",
        f"{phone['refinr']:.2f}, where none are weighed and FLAC has {phone['FLAC']:.2f}",
        f"{camera['planes']:.2f}, where the mixture has {camera['mixture']:.2f}",
        f"read in {camera['decode planes, s']:.1f} s of processor time in place of {camera['decode mixture, s']:.1f} s",
        f"on the same image: {camera['adaptive']:.2f}",
        f"training on the same image: {camera['reproducible']:.2f}",
        f"a silhouette of {files['horse']['samples']:,} samples takes {horse[1]} bytes",
        f"bytes, {horse[0]} by a network (JPEG XL {horse[2]})",
        f"{phantom[1]}, {phantom[0]} by a network (JPEG XL {phantom[2]}, PNG {phantom[3]})",
        "counted by {}, {} and {} neighbours".format(*counts.REACH),
        "photographs " + " and ".join(f"{row['refinr']:.2f}" for row in photographs),
        "would make " + " and ".join(f"{row['without']:.2f}" for row in photographs),
        "(JPEG XL " + " and ".join(f"{row['JPEG XL']:.2f}" for row in photographs) + ")",
        f"these take {floats['disparity']['sign and exponent']:.2f} bits and the mantissa "
        f"{floats['disparity']['highest planes of the mantissa']:.1f}: {floats['disparity']['refinr']:.1f} in all",
        f"make {floats['disparity']['bytes apart, xz']:.1f} through xz",
        f"{floats['bathymetry']['refinr']:.2f}, its bytes through xz {floats['bathymetry']['bytes apart, xz']:.1f}",
        f"{min(row['both'] for row in alone):.2f} at best on the same piece of the camera",
        f"an entropy of {before['both']:.2f}",
    )


def test_compression_says_what_its_tutorial_printed():
    notebook = (ROOT / "tutorials" / "10_the_loss_is_the_file_size.ipynb").read_text()
    (printed,) = re.findall(r"samples and parameters: +([\d. +]+)", notebook)
    totals = [round(sum(map(float, both.split("+"))), 2) for both in printed.strip().split("   ")]
    (longest,) = re.findall(r"'400 steps': ([\d.]+)", notebook)
    said = f"{min(totals):.1f} to {max(totals):.1f} on a piece of the elevation, of which neighbours make {longest}"
    assert not missing("docs/compression.md", said)


def test_what_a_prior_spares_is_what_was_measured():
    grey, colour, larger = (tables("prior")[name] for name in ("Grey, 16 x 16", "Colour, 32 x 32", "Grey, 64 x 64"))
    spared = [statistics.median(row["today, bytes"] - row["prior"] for row in rows) for rows in (grey, colour)]
    assert 25 < spared[0] < 35
    assert round(spared[1], -1) == 190
    shares = [-statistics.median(row["shortest against today, %"] for row in rows) for rows in (grey, colour)]
    assert [round(100 / share) for share in shares] == [7, 9]
    flat = [row["prior"] / row["today, bytes"] for row in larger if row["signal"] in ("moon", "cell")]
    assert all(1.4 < longer < 1.6 for longer in flat)
    assert not missing("docs/compression.md", "some thirty bytes of parameters in grey, a seventh", "190 in colour")


def test_pages_say_what_files_may_ask_for():
    files, compressed = refinr.limits.Limits(), costs.Limits()
    kept = (files.memory, files.memory_a_byte, files.outputs, files.outputs_a_byte)
    assert kept == (500e6, 64, 2**22, 64)
    assert (compressed.memory, compressed.memory_a_byte) == (500e6, 64)
    assert (compressed.samples, compressed.samples_a_byte) == (2**22, 4096)
    assert (compressed.operations, compressed.operations_a_byte) == (15 * budget.A_SECOND, 0.2e-3 * budget.A_SECOND)
    assert not missing("docs/formats.md", "may ask for 500 MB of memory, or 64 bytes for each of their own")
    assert not missing(
        "docs/container.md", "more than 500 MB and 64 bytes for each byte", "2^22 outputs and 64 for each"
    )
    assert not missing(
        "docs/rinr.md",
        "samples beyond 4,096 a byte and 2^22 in all, memory beyond 64 bytes a byte and 500 MB",
        "time beyond 0.2 ms a byte and 15 s",
    )


def test_pages_say_how_long_things_may_take_and_be():
    waits = f"does not answer for {executors.SCHEDULERLESS} seconds, or has no worker for {executors.WORKERLESS:.0f}"
    assert not missing("docs/clusters.md", waits)
    assert not missing("docs/formats.md", "`make fuzz` tries 100,000 such files, and as many [of other formats]")
    assert (ROOT / "Makefile").read_text().count("tests.fuzz --files 100000 ") == 2
    archive = ROOT / "corpus" / corpus.NAME
    with zipfile.ZipFile(archive) as kept:
        whole = sum(part.file_size for part in kept.infolist())
    said = f"{whole / 1e6:.1f} MB, and {archive.stat().st_size / 1e6:.1f} MB in the archive of the corpus"
    assert not missing("docs/oracle-format.md", said)
    efforts = list(verbs.EFFORTS.values())
    assert not missing("docs/compression.md", f"{efforts[0]} to {efforts[-1]} training steps")


def test_a_step_beside_the_frameworks_is_as_quick_as_said():
    times = targets("step_time")
    found = {target["what"].split(" /")[0]: target["value"] for target in times if "mean" in target["what"]}
    assert found["compile"] < 1 < min(found["torch"], found["jax"])
    assert found["compile"] > 0.8  # "a little behind PyTorch's compiler"


def test_activations_learn_in_as_many_steps_as_their_table_says():
    rows = tables("activations")["Defaults"]
    assert {row["activation"] for row in rows} == set(activations.ACTIVATIONS)
    means = [row["steps, mean"] for row in rows]
    assert f"in {min(means):.0f} to {max(means):.0f} steps on average" in activations.Activation.__doc__


def test_tutorials_take_as_long_as_said():
    rows = {row["what"]: max(row["clock s"], row["processor s"]) for row in tables("pages")["Seconds"]}
    (most,) = re.findall(r"a page computes for less than (\d+) seconds", (ROOT / "tutorials" / "README.md").read_text())
    pages = {path.stem for path in (ROOT / "tutorials").glob("[0-9]*.py")}
    assert pages < set(rows)
    assert max(rows[page] for page in pages) < int(most)
    assert rows["python -m paper_figures list"] < 1
