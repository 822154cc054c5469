"""Pictures and tables of signals and networks: what is drawn is what is there, for images, sounds and volumes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import refinr
from refinr import cli, drawing, scenes, sections
from refinr.cli import viewing
from refinr.files import signals
from tests.helpers import assert_equal_exact

SIGNALS = {
    "image": ((13, 11), "uint16"),
    "colour": ((6, 5, 3), "uint8"),
    "sound": ((700,), "int16"),
    "volume": ((7, 6, 5), "int16"),
    "four axes": ((2, 5, 7, 6), "float32"),
}


def _noise(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    if dtype == "float32":
        return rng.normal(size=shape).astype(dtype)
    ends = np.iinfo(dtype)
    return rng.integers(ends.min, ends.max, shape, endpoint=True).astype(dtype)


def _rough(original: np.ndarray, **options: Any) -> refinr.INR:
    return refinr.fit(original, **{"hidden": (3,), "max_steps": 2, "tile": 4, "exact": True} | options)


def _axes(fig: Any) -> list[Any]:
    return fig.get_axes()


def _titled(fig: Any, text: str) -> Any:
    found = [ax for ax in _axes(fig) if ax.get_title().startswith(text)]
    assert len(found) == 1, [ax.get_title() for ax in _axes(fig)]
    return found[0]


# --- what there is to see --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIGNALS)
def test_sections_are_the_samples_their_planes_and_what_is_wrong(name):
    original = _noise(*SIGNALS[name])
    gray = original.ndim % 2 == 0
    inr = _rough(original, gray=gray)
    scene = inr.scene()
    channels = inr.layout.channel_axis
    cells = original if channels else original[..., None]
    said = (_rough(original, gray=gray, exact=False)).decode()
    assert scene.gray is gray
    assert scene.error_rates == inr.report.ber_per_plane
    assert len(scene.sections) == (1 if cells.ndim < 4 else 3)
    for section in scene.sections:
        index = _index_of(section, cells.shape[:-1])
        assert_equal_exact(section.samples, cells[index])
        assert_equal_exact(section.codes.astype("u8"), inr.layout.codes(original)[index].astype("u8"))
        here = (said if channels else said[..., None])[index]
        assert_equal_exact(section.wrong == 0, here.view(f"u{here.itemsize}") == cells[index].view(f"u{here.itemsize}"))
        logits = inr.layout.cut.distances(inr.logits())[index]
        assert np.allclose(section.margin, logits.min(axis=-1), rtol=1e-6)
    assert scene.planes(scene.sections[0]).shape[-1] == inr.layout.cut.bits


def _index_of(section: sections.Section, grid: tuple[int, ...]) -> tuple[Any, ...]:
    if len(grid) < 3:
        return ...
    axis, place = (int(word) for word in section.title.split(", ")[-1].replace("axis ", "").split(" at "))
    index: list[Any] = [n // 2 for n in grid[:-3]] + [slice(None)] * 3
    fixed = [part.replace("axis ", "").split(" at ") for part in section.title.split(", ")]
    assert [axis, place] == [int(n) for n in fixed[-1]]
    for a, i in fixed:
        index[int(a)] = int(i)
    return tuple(index)


def test_without_residual_the_original_shows_what_is_wrong():
    original = _noise((13, 11), "uint16")
    kept = _rough(original).scene().sections[0]
    inr = _rough(original, exact=False)
    assert inr.scene().sections[0].wrong is None
    compared = inr.scene(original).sections[0]
    assert_equal_exact(compared.wrong, kept.wrong)
    assert_equal_exact(compared.samples, kept.samples)
    with pytest.raises(ValueError, match=r"original: expected <u2 \(13, 11\), got <u4 \(13, 11\)"):
        inr.plot(original.astype("u4"))


@pytest.mark.parametrize("axis", [0, 1])
def test_of_large_signals_it_is_the_middle(axis):
    shape = [3, 3]
    shape[axis] = 1000
    samples = _noise(tuple(shape), "uint8")
    section = scenes.of_samples(samples, False, ["it"]).sections[0]
    start = (1000 - scenes.SIDE) // 2
    assert section.starts[axis] == start
    assert f"{start}:{start + scenes.SIDE}" in section.title
    assert_equal_exact(section.samples[..., 0], np.take(samples, range(start, start + scenes.SIDE), axis))


@pytest.mark.parametrize("shape", [(600, 4), (4, 600), (5, 600, 4), (scenes.LENGTH + 40,)], ids=str)
def test_of_large_networks_it_is_the_same_middle(shape):
    samples = np.arange(np.prod(shape), dtype="u4").reshape(shape) % 251
    expected = scenes.of_samples(samples, False, ["it"]).sections
    found = refinr.fit(samples, tile=100, max_steps=0, exact=True, channels=False).scene().sections
    for section, other in zip(found, expected, strict=True):
        assert (section.title, section.starts) == (other.title, other.starts)
        assert_equal_exact(section.samples, other.samples)


def test_only_tiles_of_the_sections_are_decoded():
    inr = refinr.fit(_noise((20, 20, 20), "uint8") >> 6, hidden=(3,), max_steps=0, tile=(2, 2, 2))
    evaluated: list[int] = []

    def evaluate(tiles):
        evaluated.extend(tiles)
        return ((z, None) for _, z in inr.layout.outputs(inr.params, None, tiles))

    scenes.of_networks(inr.layout, inr.report, evaluate, [])
    assert len(evaluated) < len(inr.layout.tiles) / 3


@pytest.mark.parametrize("decomposition", ["none", "bit-coordinate", "solved", "digits"])
def test_networks_of_every_kind_can_be_seen(decomposition):
    original = _noise((5, 6), "uint8")
    if decomposition == "solved":
        inr = refinr.solve(original, tile=4)
    elif decomposition == "digits":
        inr = _rough(original, radix_bits=3)
    else:
        inr = _rough(original, decomposition=decomposition)
    scene = inr.scene()
    assert_equal_exact(scene.sections[0].samples[..., 0], original)
    assert len(sections.table(scene).splitlines()) == len(scene.lines) + 2 + (3 if decomposition == "digits" else 8)
    assert inr.plot().get_axes()


# --- pictures --------------------------------------------------------------------------------------------------------


def test_a_picture_of_an_image_shows_samples_margins_wrong_bits_and_planes():
    original = _noise((13, 11), "uint16")
    inr = _rough(original)
    fig = inr.plot()
    section = inr.scene().sections[0]
    (shown,) = _titled(fig, "the whole image").images
    darker = original.astype(float) - original.min()
    assert_equal_exact(np.asarray(shown.get_array()), np.rint(255 * darker / darker.max()).astype(np.uint8))
    (margins,) = _titled(fig, "smallest margin").images
    assert np.array_equal(np.asarray(margins.get_array()), section.margin.min(axis=-1))
    wrong_bits = sum(inr.report.wrong_bits)
    (wrong,) = _titled(fig, f"bits the networks have wrong: {wrong_bits} ").images
    assert int(np.asarray(wrong.get_array()).sum()) == wrong_bits
    for k in range(16):
        (plane,) = next(ax for ax in _axes(fig) if ax.get_title() == f"plane {k}").images
        assert_equal_exact(np.asarray(plane.get_array()), (original >> k & 1).astype(np.uint8))
    bars = [bar.get_width() for bar in _titled(fig, "wrong bits in each plane").patches]
    assert bars == pytest.approx(inr.report.ber_per_plane)


def test_a_picture_of_a_sound_shows_its_wave_and_its_planes_in_rows():
    original = _noise((700,), "int16")
    inr = _rough(original, tile=64)
    fig = inr.plot()
    (wave,) = _titled(fig, "samples 0 to 699").lines
    assert_equal_exact(wave.get_ydata(), original)
    (wrong,) = _titled(fig, "bits the networks").lines
    assert int(wrong.get_ydata().sum()) == sum(inr.report.wrong_bits)
    raster = next(ax for ax in _axes(fig) if ax.images)
    start = (700 - drawing.WAVE) // 2
    codes = (original.astype(int) - original.min())[start : start + drawing.WAVE]
    expected = np.array([codes >> k & 1 for k in reversed(range(inr.layout.cut.bits))])
    assert_equal_exact(np.asarray(raster.images[0].get_array()), expected.astype(np.uint8))
    assert raster.images[0].get_extent()[:2] == [start, start + drawing.WAVE]


def test_a_picture_of_a_volume_shows_three_sections():
    fig = _rough(_noise((7, 6, 5), "int16")).plot()
    shapes = [_titled(fig, f"axis {axis} at").images[0].get_array().shape for axis in range(3)]
    assert shapes == [(6, 5), (7, 5), (7, 6)]


def test_a_picture_is_a_png_in_a_notebook():
    fig = scenes_of(np.zeros((2, 3), "uint8"))
    assert fig._repr_png_().startswith(b"\x89PNG")


def scenes_of(samples: np.ndarray) -> Any:
    return drawing.figure(scenes.of_samples(samples, False, ["it"]))


# --- the command line ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    path = tmp_path_factory.mktemp("files")
    samples = _noise((6, 5, 3), "uint16") >> 8
    signals.write(path / "photo.png", samples)
    _rough(samples).save(path / "photo.inr")
    _rough(samples, exact=False).save(path / "rough.inr")
    (path / "photo.rinr").write_bytes(refinr.compress(samples, steps=1))
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch, files):
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "kind"), [("photo.inr", "png"), ("photo.png", "pdf"), ("photo.rinr", "svg"), ("photo.png", "jpg")]
)
def test_view_writes_pictures_and_says_the_same_in_lines(folder, capsys, name, kind):
    assert cli.main(["view", name, "--out", f"out.{kind}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    bits = 8 if name == "photo.inr" else 16
    assert [line.split()[0] for line in lines if "%" in line] == [str(k) for k in reversed(range(bits))]
    start = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml", "jpg": b"\xff\xd8"}[kind]
    assert (folder / f"out.{kind}").read_bytes().startswith(start)


def test_the_picture_is_there_before_the_lines_are_read(folder, monkeypatch):
    def closed(*lines):
        raise BrokenPipeError

    monkeypatch.setattr("builtins.print", closed)
    monkeypatch.setattr(os, "dup2", lambda *_: None)  # the output of the tests stays open
    assert cli.main(["view", "photo.png", "--out", "seen.png"]) == 141
    assert (folder / "seen.png").read_bytes().startswith(b"\x89PNG")


def test_view_compares_with_the_signal(folder, capsys):
    assert cli.main(["view", "rough.inr", "--against", "photo.png"]) == 0
    assert cli.main(["view", "photo.png", "--against", "photo.png"]) == 2
    assert "--against: photo.png holds no networks" in capsys.readouterr().err


def test_view_replaces_nothing(folder, capsys):
    before = (folder / "photo.png").read_bytes()
    assert cli.main(["view", "photo.inr", "--out", "photo.png"]) == 2
    assert cli.main(["view", "photo.inr", "--out", "photo.xyz"]) == 2
    assert "photo.xyz: expected a name ending in one of .png" in capsys.readouterr().err
    assert (folder / "photo.png").read_bytes() == before


def test_windows_are_opened_where_there_is_a_display(folder, monkeypatch):
    from matplotlib import pyplot

    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(len(pyplot.gcf().get_axes())))
    monkeypatch.setattr(viewing, "has_display", lambda *_: True)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert cli.main(["view", "photo.png"]) == 0
    pyplot.close("all")
    assert shown == [1 + 16]


def test_matplotlib_is_loaded_for_pictures_alone(folder):
    code = (
        "import sys, refinr; inr = refinr.load('photo.inr'); inr._repr_html_(); inr.scene(); "
        "assert 'matplotlib' not in sys.modules; inr.plot(); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ, cwd=folder, timeout=60)
