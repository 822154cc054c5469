"""Cases: the same whatever the workers, and none twice after an interruption."""

from __future__ import annotations

import json

import numpy as np
import pytest

from paper_figures import resume
from paper_figures.figures import bit_bias


def test_the_same_seed_gives_the_same_data_whatever_the_workers(monkeypatch):
    def curve(seed: int, cores: int) -> list:
        monkeypatch.setattr(resume.cpu, "cores", lambda: cores)
        return [row["runs"][0]["ber"] for row in bit_bias.compute("tiny", np.random.default_rng(seed))["rows"]]

    once = curve(1, 1)
    assert curve(1, 3) == once
    assert curve(2, 1) != once


def test_a_run_cut_short_goes_on_where_it_stopped(tmp_path):
    cases, path = [{"x": x} for x in range(4)], tmp_path / "a.partial"
    calls: list[int] = []
    went_on: list[bool] = []

    def measure(case: dict, rng: np.random.Generator) -> dict:
        calls.append(case["x"])
        if case["x"] == 2 and len(calls) < 4:
            raise KeyboardInterrupt
        return {"drawn": float(rng.random())}

    def run(key: str) -> list[dict]:
        with resume.kept_in(path, key) as resumed:
            went_on.append(resumed)
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
    assert went_on == [False, True, False]
