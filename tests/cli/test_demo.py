"""The demonstration: its signals are what it says, it ends well, and it does not when a file decodes otherwise."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
from pathlib import Path

import numpy as np
import png
import pytest

import refinr
from refinr import planes
from refinr.cli import demo
from tests.helpers import assert_equal_exact

SHAPES = {"bathymetry": (91, 120), "elevation": (256, 256), "synthetic": (96, 96)}
DTYPES = {"bathymetry": "float32", "elevation": "int16", "synthetic": "uint16"}
BITS = {"bathymetry": 32, "elevation": 10, "synthetic": 16}


@pytest.fixture(scope="module")
def signals() -> dict[str, np.ndarray]:
    return demo.demo_signals()


def test_the_signals_are_as_described(signals):
    assert list(signals) == list(SHAPES)
    for name, samples in signals.items():
        assert (samples.shape, samples.dtype) == (SHAPES[name], DTYPES[name])
        if samples.dtype.kind != "f":
            span = int(samples.max()) - (int(samples.min()) if samples.dtype.kind == "i" else 0)
            assert span.bit_length() == BITS[name]


def test_the_signals_use_their_bits(signals):
    for name, samples in signals.items():
        codes, _ = planes.to_codes(samples)
        seen = int(np.bitwise_or.reduce(codes ^ codes[0, 0], axis=None))
        if name != "elevation":
            assert bin(seen).count("1") >= 14, "nearly every plane holds zeros and ones"
        assert np.isfinite(samples).all()
        assert len(np.unique(samples)) > 100


def test_the_signals_are_always_the_same(signals):
    for name, samples in demo.demo_signals().items():
        assert_equal_exact(samples, signals[name], bitwise=True)


@pytest.fixture
def tiny(signals, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Corners of the signals, networks for corners, and few steps of direct regression."""
    corners = {
        "bathymetry": np.ascontiguousarray(signals["bathymetry"][:8, :8]),
        "synthetic": (signals["synthetic"][:16, :16] >> 10).astype(np.uint8),
    }
    monkeypatch.setattr(demo, "demo_signals", lambda: corners)
    monkeypatch.setattr(demo, "HIDDEN", (12, 12, 12))

    def short(samples, decomposition="planes", **options):
        if decomposition == "none":
            options["max_steps"] = min(options["max_steps"], 40)
        return refinr.fit(samples, decomposition, **options)

    monkeypatch.setattr(demo, "fit", short)
    return corners


def test_the_demonstration_ends_well(tiny, tmp_path, capsys):
    folder = tmp_path / "new" / "folder"
    assert demo.main(folder) == 0
    said = capsys.readouterr().out
    for name, samples in tiny.items():
        inr = refinr.load(folder / f"{name}.inr")
        assert inr.lossless
        assert_equal_exact(inr.decode(), samples, bitwise=True)
        assert_equal_exact(np.load(folder / f"{name}.npy"), samples, bitwise=True)
        assert_equal_exact(np.load(folder / f"{name}-decoded.npy"), samples, bitwise=True)
        direct = refinr.load(folder / f"{name}-direct.inr")
        # as many parameters as the planes have together, at most one neuron a layer short of it
        assert 0.7 * inr.report.parameters < direct.report.parameters <= inr.report.parameters
        for way in demo.EXACT:
            inr_of_way = refinr.load(folder / f"{name}{demo.WAYS[way]}.inr")
            assert inr_of_way.lossless
            assert_equal_exact(inr_of_way.decode(), samples, bitwise=True)
            decoded = np.load(folder / f"{name}{demo.WAYS[way]}-decoded.npy")
            assert_equal_exact(decoded, samples, bitwise=True)
        longer = refinr.load(folder / f"{name}-direct-longer.inr")
        assert longer.report.parameters == direct.report.parameters
        (row,) = [line for line in said.splitlines() if line.startswith(name)]
        assert "bit planes" in row
        assert str(inr.report.parameters) in row
        assert "0.00e+00" in row
    assert "every sample equals the input" in said
    assert str(folder) in said


@pytest.mark.parametrize("times", [1, demo.LONGER])
def test_direct_regression_gets_as_many_multiply_adds_whatever_the_clock_says(tiny, monkeypatch, times):
    asked = []

    def counted(samples, decomposition="planes", **options):
        inr = refinr.fit(samples, decomposition, **options | {"max_steps": 0})
        seconds = 10.0 ** len(asked)
        asked.append(options)
        return dataclasses.replace(inr, report=dataclasses.replace(inr.report, seconds=seconds, steps=50.0))

    monkeypatch.setattr(demo, "fit", counted)
    samples = tiny["synthetic"]
    planes = demo._represented(samples, "bit planes", {})
    way = "direct" if times == 1 else f"direct x {times}"
    direct = demo._represented(samples, way, {"bit planes": planes})
    again = demo._represented(samples, way, {"bit planes": planes})
    assert asked[1] == asked[2]
    assert direct.report.parameters == again.report.parameters
    weights = [sum(a * b for a, b in itertools.pairwise(inr.layout.spec.sizes)) for inr in (planes, direct)]
    wanted = times * 50.0 * planes.layout.cut.networks(1) * weights[0]
    assert abs(asked[1]["max_steps"] * weights[1] - wanted) <= weights[1] / 2


def test_the_picture_is_a_picture(tiny, tmp_path, capsys):
    assert demo.main(tmp_path) == 0
    width, height, rows, _ = png.Reader(bytes=(tmp_path / "demo.png").read_bytes()).asRGBA8()
    pixels = np.array([list(row) for row in rows], dtype=np.uint8).reshape(height, width, 4)[..., :3]
    assert width > 1000
    assert height > 300
    assert 0.2 < (pixels == 255).all(axis=-1).mean() < 0.95, "panels on a white page"
    # two signals: about two thirds of the page are pictures and curves
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100


@pytest.mark.parametrize("damage", ["sample", "dtype", "status", "missing"])
def test_a_file_that_decodes_otherwise_is_a_failure(tiny, tmp_path, capsys, monkeypatch, damage):
    del tiny["bathymetry"]  # one signal is enough here
    run = subprocess.run

    def damaged(command, **options):
        status = run(command, **options)
        path = Path(command[-1])
        decoded = np.load(path)
        if path.name.startswith("synthetic"):
            if damage == "sample":
                decoded[3, 5] ^= 1
            elif damage == "dtype":
                decoded = decoded.view(np.int8)
            elif damage == "status":
                status.returncode = 1
            np.save(path, decoded)
            if damage == "missing":
                status.returncode = 2
                path.unlink()
        return status

    monkeypatch.setattr(demo.subprocess, "run", damaged)
    assert demo.main(tmp_path) == 1
    said = capsys.readouterr().out
    assert "NOT every decoded sample equals the input" in said
    assert "every sample equals the input\n" not in said.replace("NOT every decoded sample equals the input", "")


def test_the_command_runs_it(tiny, tmp_path, monkeypatch):
    from refinr import cli

    folders = []
    monkeypatch.setattr(demo, "main", lambda folder: folders.append(folder) or 7)
    assert cli.main(["demo", "--output", str(tmp_path)]) == 7
    assert folders == [tmp_path]
