"""The recipes of ARCHITECTURE.md's "How to add", followed to the letter: what is added works.

Each test registers one new row.  Those of the method represent a small image with it and ask for a certificate.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest

import refinr
from examples.backends.planting import Defect, find
from paper_figures import datafiles, figures, registry
from paper_figures.__main__ import main
from refinr import (
    activations,
    cli,
    coords,
    decisions,
    decompositions,
    encodings,
    executors,
    initialisation,
    layers,
    losses,
    mlp,
    optim,
    oracle,
)
from refinr.activations import Activation
from refinr.cli import verbs
from refinr.files import residual, signals, storing, streams
from refinr.files.format import Format
from refinr.kinds import LINEAR, Layer
from refinr.losses import Loss
from refinr.oracle import families
from refinr.oracle.making import make, uniform
from refinr.oracle.operations import OPERATIONS, Operation
from refinr.oracle.rounding import Rounding
from refinr.xp import namespace
from tests.helpers import assert_equal_exact

ROOT = Path(__file__).parent.parent
IMAGE = (np.arange(64).reshape(8, 8) * 37 % 251).astype("uint8")


def _assert_exact(inr, path) -> None:
    """Every bit is right, also from a file, and on every machine that computes in float32."""
    assert inr.report.ber == 0.0
    assert (inr.decode() == IMAGE).all()
    inr.save(path)
    assert (refinr.load(path).decode() == IMAGE).all()
    assert refinr.certify(inr, "float32").types["float32"].guaranteed


# --- an activation ---------------------------------------------------------------------------------------------------


def cosine(z, omega=30.0):
    u = z if omega == 1.0 else omega * z
    return namespace(z).cos(u), (u, omega)


def cosine_backward(dy, cache):
    u, omega = cache
    return -omega * namespace(u).sin(u) * dy


COSINE = Activation(
    cosine,
    cosine_backward,
    ("omega",),
    frequency="omega",
    folds=True,
    law=initialisation.siren,
    nyquist_share=0.5,
    oscillates=True,
    enclosure=lambda on, z, omega: on.cos(z if omega == 1.0 else on.scaled(z, omega)),
)


def test_an_activation(monkeypatch, tmp_path):
    monkeypatch.setitem(activations.ACTIVATIONS, "cosine", COSINE)
    inr = refinr.fit(IMAGE, activation="cosine")
    assert inr.layout.spec.first_scale == refinr.fit(IMAGE, activation="sine", max_steps=0).layout.spec.first_scale
    _assert_exact(inr, tmp_path / "image.inr")
    with pytest.raises(ValueError, match="activation: ternary weights lose the initialisation that 'cosine' lives by"):
        refinr.fit(IMAGE, activation="cosine", layer="ternary")


def test_an_activation_without_a_formula_for_certificates_says_so(monkeypatch):
    monkeypatch.setitem(activations.ACTIVATIONS, "cosine", COSINE._replace(enclosure=None))
    inr = refinr.fit(IMAGE, activation="cosine")
    assert inr.lossless
    with pytest.raises(ValueError, match="certify: nothing is known about rounding in activation 'cosine'"):
        refinr.certify(inr)


# --- a layer ---------------------------------------------------------------------------------------------------------

STEP = 2.0**-12


def fixed_point(x, w, b):
    """``y = x round(w / STEP) STEP + b``, straight through the rounding on the way back."""
    return layers.linear(x, _round(w), b)


def _round(w):
    return namespace(w).round(w / STEP) * STEP


FIXED_POINT = Layer(
    fixed_point,
    layers.linear_backward,
    arrays={"w": "IO", "b": "1O"},
    stored={"w": ("IO", "float32"), "b": ("1O", "float32")},
    freeze=lambda w, b: {"w": _round(w), "b": b},
    defaults={**LINEAR.defaults, "hidden": (20, 20)},
    enclosure=lambda on, h, w, b, gain: on.linear(h, _round(w), b, gain),
)


def test_a_layer(monkeypatch, tmp_path):
    monkeypatch.setitem(mlp.LAYERS, "fixed-point", FIXED_POINT)
    inr = refinr.fit(IMAGE, layer="fixed-point")
    assert inr.layout.spec.sizes == (2, 20, 20, 1)
    for name, p in inr.params.items():
        assert name[0] == "b" or (p == np.rint(p / STEP) * STEP).all()
    _assert_exact(inr, tmp_path / "image.inr")


def test_a_layer_without_a_formula_for_certificates_says_so(monkeypatch):
    monkeypatch.setitem(mlp.LAYERS, "fixed-point", FIXED_POINT._replace(enclosure=None))
    inr = refinr.fit(IMAGE, layer="fixed-point", max_steps=1)
    with pytest.raises(ValueError, match="certify: nothing is known about rounding in layer 'fixed-point'"):
        refinr.certify(inr)


# --- an optimiser ----------------------------------------------------------------------------------------------------


class Signs(NamedTuple):
    u: np.ndarray


@dataclass(frozen=True)
class SignMomentum:
    """``u <- b u + (1 - b) g``, ``p <- p - lr sign(u)``."""

    beta: float = 0.9

    def init(self, p):
        return Signs(namespace(p).zeros_like(p))

    def step(self, p, g, state, t, lr):
        u = self.beta * state.u + (1.0 - self.beta) * g
        return p - optim.beside(p, lr) * namespace(u).sign(u), Signs(u)


def test_an_optimiser(monkeypatch, tmp_path):
    monkeypatch.setitem(optim.OPTIMISERS, "sign-momentum", SignMomentum)
    inr = refinr.fit(IMAGE, hidden=(16, 16, 16), optimiser="sign-momentum", lr=optim.Cosine(1e-3, 500))
    _assert_exact(inr, tmp_path / "image.inr")


# --- a figure of the paper -------------------------------------------------------------------------------------------

CHECKERBOARD = '''
"""A checkerboard: how many steps a network of each width takes."""

import numpy as np

from paper_figures import claims, fits, style
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr.fitting import fit

PRESETS = {name: {"size": 5, "widths": [8, 12]} for name in ("tiny", "small", "paper")}


def compute(preset, rng):
    settings = PRESETS[preset]
    board = (np.indices((settings["size"],) * 2).sum(axis=0) % 2).astype("uint8")

    def measure(case, stream):
        networks = fits.PLANES | {"hidden": (case["width"],) * 2, "margin": 0.0}
        report = fit(board, **networks, seed=int(stream.integers(2**31))).report
        return {"steps": report.steps, "wrong bits": sum(report.wrong_bits)}

    return {"rows": each(measure, [{"width": width} for width in settings["widths"]], rng)}


def plot(data):
    sheet, grid = style.figure()
    grid[0, 0].plot([row["width"] for row in data["rows"]], [row["steps"] for row in data["rows"]], **style.line(0))
    return {"checkerboard": sheet}


def _judge(data):
    wrong = sum(row["wrong bits"] for row in data["rows"])
    return Finding(f"{wrong} wrong bits", claims.verdict(wrong == 0))


FIGURE = Figure(
    title="A checkerboard",
    shows="ours",
    pictures={"checkerboard": "Steps against width."},
    presets=PRESETS,
    compute=compute,
    plot=plot,
    claims=(Claim("(Ours.) A checkerboard is learned.", "", "holds without a wrong bit", _judge),),
)
'''


@pytest.fixture
def checkerboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module among the figures, and its name in the list."""
    added = tmp_path / "figures"
    added.mkdir()
    (added / "checkerboard.py").write_text(CHECKERBOARD)
    monkeypatch.setattr(figures, "__path__", [*figures.__path__, str(added)])
    monkeypatch.setattr(figures, "NAMES", (*figures.NAMES, "checkerboard"))
    yield tmp_path / "results"
    sys.modules.pop("paper_figures.figures.checkerboard", None)


def test_a_new_figure_computes_plots_and_is_in_the_gallery(checkerboard, capsys):
    assert main(["checkerboard", "--preset", "tiny", "--output", str(checkerboard)]) == 0
    assert "checkerboard: computed" in capsys.readouterr().out
    result = datafiles.read(checkerboard / "checkerboard.json")
    assert [row["wrong bits"] for row in result.data["rows"]] == [0, 0]
    assert result.provenance["figure"] == "checkerboard"
    assert (checkerboard / "checkerboard.png").read_bytes().startswith(b"\x89PNG")
    assert (checkerboard / "checkerboard.svg").exists()
    page = (checkerboard / "README.md").read_text()
    assert "## A checkerboard" in page
    assert "![Steps against width.](./checkerboard.png)" in page
    assert "| [ours](#checkerboard) | (Ours.) A checkerboard is learned. | holds |" in page


def test_a_new_figure_is_listed_and_becomes_stale_with_its_settings(checkerboard, capsys, monkeypatch):
    def listed() -> str:
        assert main(["list", "--preset", "tiny", "--output", str(checkerboard)]) == 0
        return capsys.readouterr().out.splitlines()[-1]

    assert listed().split() == ["checkerboard", "ours", registry.MISSING]
    assert main(["checkerboard", "--preset", "tiny", "--output", str(checkerboard)]) == 0
    capsys.readouterr()
    assert listed().split() == ["checkerboard", "ours", registry.CURRENT]
    monkeypatch.setitem(registry.find("checkerboard").presets, "tiny", {"size": 6, "widths": [8]})
    assert listed().split() == ["checkerboard", "ours", registry.STALE]


def _assert_exact(inr, path, image=IMAGE) -> None:
    """Every bit is right, also from a file, and on every machine that computes in float32."""
    assert inr.report.ber == 0.0
    assert (inr.decode() == image).all()
    inr.save(path)
    assert (refinr.load(path).decode() == image).all()
    assert refinr.certify(inr).types["float32"].guaranteed


# --- a loss ----------------------------------------------------------------------------------------------------------


def squared_hinge(z, targets, count=None):
    """``mean(max(0, 1 - 2 t z)^2)`` for targets -1/2 and 1/2: nothing to gain beyond a logit of 1."""
    xp = namespace(z)
    short = xp.maximum(1.0 - 2.0 * targets * z, xp.zeros_like(z))
    return xp.sum(short * short) / count, (-4.0 / count) * targets * short


def quartic(z, targets, count=None):
    """``mean((z - t)^4)``, for any number of levels."""
    xp = namespace(z)
    difference = z - targets
    return xp.sum(difference**4) / count, (4.0 / count) * difference**3


def test_a_loss_of_bits(monkeypatch, tmp_path):
    monkeypatch.setitem(losses.LOSSES, "hinge", Loss(squared_hinge, losses.LOGITS, many_levels="mse"))
    inr = refinr.fit(IMAGE, loss="hinge", margin=0.75)
    assert inr.report.margin >= 0.75, "in logits"
    _assert_exact(inr, tmp_path / "image.inr")
    with pytest.raises(ValueError, match="loss: 'hinge' is for bits, and there are 4 levels: use 'mse' or 'mae'"):
        refinr.fit(IMAGE, loss="hinge", radix_bits=2)


def test_a_loss_of_levels(monkeypatch, tmp_path):
    monkeypatch.setitem(losses.LOSSES, "quartic", Loss(quartic, losses.HALF_STEPS))
    inr = refinr.fit(IMAGE, loss="quartic", radix_bits=2, lr=1e-2, margin=0.2)
    assert inr.report.margin >= 0.1, "in steps"
    _assert_exact(inr, tmp_path / "image.inr")
    with pytest.raises(ValueError, match=r"margin: expected 0 or a number below 1 \(half steps of quartic\), got 1.0"):
        refinr.fit(IMAGE, loss="quartic", margin=1.0)


# --- a decomposition -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Thermometer:
    """A network for every threshold: is the code above it?"""

    regresses: ClassVar[bool] = False
    decides: ClassVar[bool] = True
    defaults: ClassVar[dict] = {}

    bits: int
    levels: int = 2

    @classmethod
    def choose(cls, ends, bits, radix_bits, gray):
        if bits > 4 or radix_bits != 1 or gray:
            raise ValueError(f"decomposition: a thermometer has 4 bits at most, got {bits}")
        return cls(bits)

    @property
    def thresholds(self):
        return np.arange(2**self.bits - 1)

    def networks(self, channels):
        return channels * len(self.thresholds)

    def axes(self, tile):
        return tile

    def inputs(self, tile):
        return coords.grid(tile)

    def targets(self, codes):
        above = codes[..., None] > self.thresholds  # (N, C, P)
        return decisions.targets(above, 2).transpose(1, 2, 0).reshape(-1, len(codes), 1)

    def by_sample(self, z):
        return z.reshape(-1, len(self.thresholds), z.shape[1]).transpose(2, 0, 1)  # (N, C, P)

    def codes(self, z):
        return decisions.decide(self.by_sample(z), 2).sum(axis=-1, dtype=np.uint8)

    def margins(self, z, targets):
        return decisions.margins(z, targets, 2)

    def distances(self, z):
        return decisions.distances(z, 2)


def test_a_decomposition(monkeypatch, tmp_path):
    monkeypatch.setitem(decompositions.DECOMPOSITIONS, "thermometer", Thermometer)
    inr = refinr.fit(IMAGE >> 5, "thermometer")
    assert (inr.layout.networks, len(inr.report.margin_per_plane)) == (7, 7)
    _assert_exact(inr, tmp_path / "image.inr", IMAGE >> 5)
    with pytest.raises(ValueError, match="decomposition: a thermometer has 4 bits at most, got 8"):
        refinr.fit(IMAGE, "thermometer")


# --- an encoding -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Monomials:
    """``x, x^2, ..., x^degree`` of every coordinate."""

    drawn: ClassVar[bool] = False
    whole: ClassVar[bool] = False

    degree: int = 8

    @classmethod
    def draw(cls, axes, features, seed):
        return cls()

    def width(self, axes):
        return len(axes) * self.degree

    def inputs(self, axes):
        x = coords.grid(axes)
        return np.concatenate([x**k for k in range(1, self.degree + 1)], axis=-1)


def test_an_encoding(monkeypatch, tmp_path):
    monkeypatch.setitem(encodings.ENCODINGS, "monomials", Monomials)
    inr = refinr.fit(IMAGE, encoding="monomials")
    assert inr.layout.encoding == Monomials()
    _assert_exact(inr, tmp_path / "image.inr")
    with pytest.raises(ValueError, match="features: waves are not drawn with encoding 'monomials', got 3"):
        refinr.fit(IMAGE, encoding="monomials", features=3)
    with pytest.raises(ValueError, match="encoding: whole numbers only come from 'triangle', got 'monomials'"):
        refinr.fit(IMAGE, encoding="monomials", layer="ternary-integer")


# --- an operation for backends, a family of the oracle's cases -------------------------------------------------------


def cosine(z, dy, omega):
    """``y = cos(omega z)``."""
    xp = namespace(z)
    return {"y": xp.cos(omega * z), "dz": -omega * xp.sin(omega * z) * dy}


def waves(rng):
    """Cosines slow and fast."""
    for omega in (1.0, 30.0):
        yield make(f"waves.cosine.{omega:g}", {"z": uniform(rng, 7, 3), "dy": uniform(rng, 7, 3)}, omega=omega)


def _check_cosine(call, given):
    return oracle.check_backend(SimpleNamespace(cosine=call), given=given, quiet=True)


def test_an_operation_for_backends(monkeypatch):
    monkeypatch.setitem(OPERATIONS, "cosine", Operation(cosine))
    z = np.array([0.5, -0.25])
    case = make("activations.cosine.two", {"z": z, "dy": np.ones(2)}, omega=3.0)
    assert case.dtypes[:2] == ("float64", "float32")
    np.testing.assert_allclose(case.outputs["y"].units, abs(3.0 * z) + abs(np.cos(3.0 * z)))  # nobody had to say it
    assert _check_cosine(cosine, [case]).ok
    report = _check_cosine(lambda **arguments: cosine(**arguments | {"omega": 3.0001}), [case])
    assert report.count("differ") == 1
    assert "activations.cosine.two: y differs" in str(report)


def test_an_operation_with_a_function_that_has_no_rule_yet(monkeypatch):
    def chain(z):
        return {"y": namespace(z).cosh(z)}

    def cosh(self, z):
        return self.rounded(np.cosh(z.value), abs(np.sinh(z.value)) * z.error)

    monkeypatch.setitem(OPERATIONS, "chain", Operation(chain))
    arrays = {"z": np.array([1.0, -2.0])}
    with pytest.raises(AttributeError, match="'Rounding' object has no attribute 'cosh'"):
        make("activations.chain.two", arrays)
    monkeypatch.setattr(Rounding, "cosh", cosh, raising=False)
    np.testing.assert_array_equal(make("activations.chain.two", arrays).outputs["y"].units, np.cosh([1.0, -2.0]))


def test_a_family_of_the_oracles_cases(monkeypatch, tmp_path):
    monkeypatch.setitem(OPERATIONS, "cosine", Operation(cosine))
    monkeypatch.setitem(families.FAMILIES, "waves", waves)
    try:
        cases = oracle.cases("waves")
        defect = Defect("sign of the cosine's gradient", "waves", {"cosine": lambda **a: cosine(**a) | {"dz": a["dy"]}})
        report = find(defect)
        other = oracle.cases("waves", seed=1)
    finally:
        families.generate.cache_clear()
    assert [case.name for case in cases] == ["waves.cosine.1", "waves.cosine.30"]
    assert not np.array_equal(cases[0].arrays["z"], other[0].arrays["z"])
    assert _check_cosine(cosine, cases).ok
    assert report.count("differ") == 2
    assert "waves.cosine.1: dz differs" in str(report)
    oracle.export(tmp_path, cases)
    assert (tmp_path / "waves.safetensors").exists()
    assert _check_cosine(cosine, oracle.load(tmp_path)).ok


NOISE = np.random.default_rng(0).integers(0, 16, (9, 9)).astype(np.uint8)
FIT = ["--tile", "3,3", "--hidden", "8,8", "--max-steps", "60", "--quiet"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with an image."""
    monkeypatch.chdir(tmp_path)
    np.save("image.npy", NOISE)
    return tmp_path


# --- a file format ---------------------------------------------------------------------------------------------------


def _read_text(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    title, *lines = content.decode("ascii").splitlines()
    samples = np.array([[int(number) for number in line.split()] for line in lines], np.int32)
    return samples, {"channels": False, "title": title}


def _write_text(file: io.BytesIO, samples: np.ndarray, info: dict[str, Any]) -> None:
    if samples.ndim != 2 or samples.dtype.kind not in "iu":
        raise ValueError(f"expected integers of shape (H, W), got {samples.dtype} of shape {samples.shape}")
    lines = [info.get("title", ""), *(" ".join(map(str, row)) for row in samples.tolist())]
    file.write(("\n".join(lines) + "\n").encode("ascii"))


TEXT = Format("text", (".txt", ".tab"), _read_text, _write_text, "(H, W); int32", keeps=("title",))


def test_a_file_format(folder, monkeypatch, capsys):
    monkeypatch.setitem(signals.FORMATS, TEXT.name, TEXT)
    stored = "heights\n" + "\n".join(" ".join(map(str, row)) for row in (NOISE.astype(int) - 7).tolist()) + "\n"
    Path("a.txt").write_text(stored)
    assert cli.main(["fit", "a.txt", "a.inr", *FIT]) == 0
    assert cli.main(["verify", "a.txt", "a.inr"]) == 0
    assert cli.main(["decode", "a.inr", "b.TAB"]) == 0
    assert Path("b.TAB").read_text() == stored, "what the format keeps comes back, too"
    assert refinr.load("a.inr").info == {"format": "text", "channels": False, "title": "heights"}
    # what is damaged, or cannot be held, is said as of any other format
    Path("c.txt").write_text("heights\n1 2\n3\n")
    capsys.readouterr()
    assert cli.main(["fit", "c.txt", "c.inr", *FIT]) == 2
    assert capsys.readouterr().err.startswith("refinr: c.txt: cannot be read as TEXT: ")
    with pytest.raises(ValueError, match=r"d\.txt: cannot be written as TEXT: expected integers of shape \(H, W\)"):
        signals.write("d.txt", np.zeros(3))
    assert cli.main(["fit", "image.npy", "a.txt", *FIT]) == 2, "the name of a signal"
    assert Path("a.txt").read_text() == stored
    # and it is offered
    capsys.readouterr()
    with pytest.raises(SystemExit):
        cli.main(["fit", "--help"])
    assert ".txt" in capsys.readouterr().out


def test_a_file_format_that_needs_an_extra_says_which(folder, monkeypatch):
    def read(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
        import nothing_of_this_name  # noqa: F401

        raise AssertionError("never got here")

    monkeypatch.setitem(signals.FORMATS, "odd", Format("odd", (".odd",), read, _write_text, "", extra="oddities"))
    Path("a.odd").write_bytes(b"1 2")
    with pytest.raises(ValueError, match=r"needs nothing_of_this_name: pip install 'refinr\[oddities\]'"):
        signals.read("a.odd")


def test_a_file_format_that_stays_on_disk(folder, monkeypatch):
    def mapped(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
        return np.memmap(path, np.uint8, "r"), {"channels": False}

    def read(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
        return np.frombuffer(content, np.uint8), {"channels": False}

    monkeypatch.setattr(signals, "MAPPED", 80)
    monkeypatch.setitem(signals.FORMATS, "raw", Format("raw", (".raw",), read, _write_text, "(N,); uint8", map=mapped))
    for size, is_mapped in ((80, False), (81, True)):
        Path("a.raw").write_bytes(NOISE.tobytes()[:size])
        samples, info = signals.read("a.raw")
        assert isinstance(samples, np.memmap) == is_mapped
        assert_equal_exact(np.array(samples), NOISE.reshape(-1)[:size])
        assert info == {"format": "raw", "channels": False}


# --- a store precision -----------------------------------------------------------------------------------------------


def _nearest_20_bits(values: np.ndarray) -> np.ndarray:
    """Sign, exponent and 11 bits of the fraction; the others are cut off."""
    return (np.ascontiguousarray(values).view(np.uint32) & np.uint32(0xFFFFF000)).view(np.float32)


SHORT = storing.Store("float20", np.dtype("<f4"), _nearest_20_bits, lambda values: values, lambda stored: stored)


@pytest.mark.parametrize("layer", ["linear", "ternary"])
def test_a_store_precision(folder, monkeypatch, capsys, layer):
    monkeypatch.setitem(storing.STORES, SHORT.name, SHORT)
    assert cli.main(["fit", "image.npy", "a.inr", "--store", "float20", "--layer", layer, *FIT]) == 0
    assert cli.main(["verify", "image.npy", "a.inr"]) == 0
    inr = refinr.load("a.inr")
    assert inr.store == "float20"
    floats = [p for p in inr.params.values() if p.dtype == np.float32]
    assert floats
    for p in floats:
        assert not (np.ascontiguousarray(p).view(np.uint32) & 0xFFF).any()
    capsys.readouterr()
    assert cli.main(["info", "a.inr"]) == 0
    assert "(float20)" in capsys.readouterr().out
    floats[0][...] = 1 / 3
    with pytest.raises(ValueError, match="store: the parameters are no float20 numbers"):
        inr.save("b.inr")


def test_a_store_that_is_not_known_any_more_is_said(folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(storing.STORES, SHORT.name, SHORT)
        refinr.fit(NOISE, max_steps=0, store="float20").save("a.inr")
    with pytest.raises(ValueError, match=r"a\.inr: .*store: unknown name 'float20'; known are float32, float16"):
        refinr.load("a.inr")


# --- a compression of residuals --------------------------------------------------------------------------------------


def test_a_compression_of_residuals(folder, monkeypatch):
    import bz2

    row = streams.Compression("bzip2", bz2.compress, bz2.BZ2Decompressor)
    monkeypatch.setattr(residual, "COMPRESSIONS", {row.name: row})  # alone, so that it has the shortest stream
    assert cli.main(["fit", "image.npy", "a.inr", *FIT, "--max-steps", "1"]) == 0
    assert refinr.load("a.inr").residual.codec == "bzip2"
    assert cli.main(["verify", "image.npy", "a.inr"]) == 0


# --- an executor -----------------------------------------------------------------------------------------------------


def test_an_executor(folder, monkeypatch, capsys):
    opened: list[tuple[int, str]] = []

    @contextmanager
    def pool(workers: int, address: str) -> Iterator[Executor]:
        opened.append((workers, address))
        with ThreadPoolExecutor(workers) as executor:
            yield executor

    assert cli.main(["fit", "image.npy", "a.inr", *FIT]) == 0
    row = executors.Engine("pool", pool, workers=True, address=True)
    monkeypatch.setitem(executors.EXECUTORS, row.name, row)
    told = ["--executor", "pool", "--workers", "2", "--address", "there"]
    assert cli.main(["fit", "image.npy", "b.inr", *FIT, *told]) == 0
    assert opened == [(2, "there")]
    assert Path("a.inr").read_bytes() == Path("b.inr").read_bytes()
    # errors about the others know of it
    capsys.readouterr()
    assert cli.main(["fit", "image.npy", "c.inr", *FIT, "--workers", "2"]) == 2
    assert "workers: expected 1 or more, with processes or pool, got 2 with threads" in capsys.readouterr().err
    assert cli.main(["fit", "image.npy", "c.inr", *FIT, "--executor", "pool"]) == 2
    assert "address: expected tcp://HOST:PORT with dask or pool" in capsys.readouterr().err


# --- a verb ----------------------------------------------------------------------------------------------------------


def test_a_verb(folder, monkeypatch, capsys):
    def arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("input", metavar="IN")
        parser.add_argument("--most", type=int, default=15)

    def run(options: argparse.Namespace) -> int:
        largest = int(signals.read(options.input).samples.max())
        print(f"largest sample {largest}")
        return 0 if largest <= options.most else 1

    verb = verbs.Verb("largest", "Say how large the largest sample is.", arguments, run)
    monkeypatch.setitem(verbs.VERBS, verb.name, verb)
    assert cli.main(["largest", "image.npy"]) == 0
    assert capsys.readouterr().out == "largest sample 15\n"
    assert cli.main(["largest", "image.npy", "--most", "14"]) == 1
    capsys.readouterr()
    assert cli.main(["largest", "nothing.npy"]) == 2
    assert capsys.readouterr().err.startswith("refinr: nothing.npy: ")
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert verb.help in " ".join(capsys.readouterr().out.split())
