"""What long and large jobs announce: sizes as they come out, times in proportion, and nothing before small jobs."""

from __future__ import annotations

import re

import numpy as np
import pytest

import refinr
from refinr import cli, cpu, estimates, solving
from refinr.cli import compression
from refinr.estimates import Estimate

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 10)).astype(np.uint8)


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (Estimate(9.9, 9_999_999, 1), None),
        (Estimate(10.0, 0, 1), "about 10 s"),
        (Estimate(89.4, 0, 1), "about 89 s"),
        (Estimate(95.0, 0, 1), "about 2 min"),
        (Estimate(7200.0, 0, 1), "about 2.0 h"),
        (Estimate(0.0, 10_000_000, 10_000_000), None),
        (Estimate(0.0, 2_500_000_000, 100_000_000), "a file of about 2,500 MB, 25 times the samples"),
        (Estimate(60.0, 30_000_000, 20_000_000), "about 60 s, and a file of about 30 MB, 1.5 times the samples"),
    ],
    ids=str,
)
def test_only_what_is_long_or_large_is_said(estimate, words, capsys):
    assert estimates.line(estimate) == words
    estimates.say(estimate)
    assert capsys.readouterr().err == (f"refinr: {words}\n" if words else "")


def _said(monkeypatch) -> list[Estimate]:
    heard: list[Estimate] = []
    monkeypatch.setattr(estimates, "say", heard.append)
    return heard


@pytest.mark.parametrize(("store", "layer"), [("float32", "linear"), ("float16", "linear"), ("float32", "ternary")])
def test_sizes_are_those_of_the_file(monkeypatch, store, layer):
    heard = _said(monkeypatch)
    inr = refinr.fit(IMAGE, max_steps=1, tile=5, store=store, layer=layer, progress=True)
    (estimate,) = heard
    assert estimate.bytes == inr.layout.network.packed_bytes(inr.params, store)
    assert estimate.samples == IMAGE.nbytes
    assert estimate.seconds == 0.0, "nothing is measured before a small job"


def test_times_are_measured_on_one_group_and_grow_with_networks_and_steps(monkeypatch):
    monkeypatch.setattr(estimates, "WORTH_TIMING", 0.0)
    monkeypatch.setattr(cpu, "cores", lambda: 1)
    now = iter([0.0, 3.0])  # a group of four, two evaluations
    monkeypatch.setattr(estimates.time, "perf_counter", lambda: next(now))
    heard = _said(monkeypatch)
    layout = refinr.planning.plan(IMAGE, tile=5, hidden=(3,))
    tiled = refinr.tiled.Tiled(layout, IMAGE)
    options = refinr.planning.plan_training(layout.cut, lr=1e-2, max_steps=20)
    estimates.announce_fit(tiled, options, "float32", 4, 1, True)
    (estimate,) = heard
    assert estimate.seconds == pytest.approx(1.5 / 4 * layout.networks * 20)


def test_without_progress_nothing_is_said(monkeypatch):
    heard = _said(monkeypatch)
    refinr.fit(IMAGE, max_steps=1)
    assert heard == []


def test_solving_and_decoding_time_their_first_part(monkeypatch, tmp_path):
    monkeypatch.setattr(solving, "WORTH_TIMING", 1)
    monkeypatch.setattr(estimates, "MANY_TILES", 1)
    heard = _said(monkeypatch)
    refinr.solve(IMAGE, tile=4, progress=True).save(tmp_path / "a.inr")
    assert len(heard) == 1
    assert cli.main(["decode", str(tmp_path / "a.inr"), str(tmp_path / "b.npy")]) == 0
    assert len(heard) == 2
    assert all(estimate.seconds > 0 for estimate in heard)
    assert np.array_equal(np.load(tmp_path / "b.npy"), IMAGE)


@pytest.mark.parametrize(("effort", "seconds"), [("none", 5.0 + 8.0), ("fast", 5.0 + 8.0 + 2.0 * 300)])
def test_compressing_times_parts_of_it(monkeypatch, tmp_path, capsys, effort, seconds):
    samples = np.random.default_rng(1).integers(0, 16, (40, 50)).astype(np.uint8)  # half of the bits
    np.save(tmp_path / "a.npy", samples)
    monkeypatch.setattr(compression, "WORTH_TIMING", 0)
    monkeypatch.setattr(compression, "PART", 400)
    # 100 samples, 400 samples, 8 steps, 40 steps
    times = iter([0.0, 5.0, 5.0, 11.2, 20.0, 30.0, 30.0, 104.0])
    monkeypatch.setattr(compression.time, "perf_counter", lambda: next(times))
    command = ["compress", str(tmp_path / "a.npy"), str(tmp_path / "a.rinr"), "--effort", effort, "--force"]
    assert cli.main([*command, "--steps", "0"] if effort == "none" else [*command]) == 0
    line = r"refinr: (about [^,]*), and a file of about 0\.0 MB, (\d+) % of the samples"
    said = re.search(line, capsys.readouterr().err)
    assert said
    assert said[1] == f"about {estimates.duration(seconds)}"
    assert 45 < int(said[2]) < 75
    assert cli.main([*command, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_a_small_compression_is_not_timed(monkeypatch, tmp_path):
    np.save(tmp_path / "a.npy", IMAGE)
    monkeypatch.setattr(compression, "_estimate", None)
    assert cli.main(["compress", str(tmp_path / "a.npy"), str(tmp_path / "a.rinr"), "--effort", "none"]) == 0


@pytest.mark.parametrize("shape", [(7,), (100_000,), (500, 400, 3), (2, 3, 4), (30, 200, 50, 2), (1, 9000), ()])
def test_the_part_is_the_middle_and_not_too_large(shape):
    samples = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    part = compression._middle(samples, 1000)
    assert part.ndim == samples.ndim
    assert min(samples.size, 300) <= part.size <= 1000
    if samples.ndim:
        before = [int(start[0]) for start in np.nonzero(samples == part.flat[0])]
        after = np.subtract(samples.shape, part.shape) - before
        assert np.abs(before - after).max() <= 1


def test_a_long_fit_says_so_before_its_bar(monkeypatch, capsys):
    monkeypatch.setattr(estimates, "LONG", 0.0)
    monkeypatch.setattr(estimates, "WORTH_TIMING", 0.0)
    refinr.fit(IMAGE, max_steps=2, progress=True)
    first = re.split(r"[\r\n]", capsys.readouterr().err)[0]
    assert re.fullmatch(r"refinr: about \d+ s", first)
