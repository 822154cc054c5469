"""Solved readouts: nothing undercuts what no method can, and what is kept is what is solved."""

from __future__ import annotations

import numpy as np
import pytest

from paper_figures import claims, datafiles, registry
from paper_figures.figures import readouts
from refinr import theory

SMALL = registry.RESULTS / "small"


@pytest.fixture(scope="module")
def kept():
    return datafiles.read(registry.data_path(SMALL, "readouts")).data


def test_no_way_stores_noise_in_fewer_bits_than_it_has(kept):
    stored = [row["stored bits a bit"] for row in kept["rows"] if row["signal"] == "noise" and row["exact"]]
    assert min(stored) >= 1


def test_solved_readouts_are_exact_and_no_network_is_both_solved_and_proved_impossible(kept):
    assert all(row["exact"] for row in kept["rows"] if not row["way"].startswith("trained"))
    for row in kept["shares"]:
        assert (np.array(row["solved"]) + row["proved"] <= kept["networks"]).all()
        assert np.min([row["solved"], row["proved"]]) >= 0


def test_shares_count_what_solver_and_certificates_say():
    rng = np.random.default_rng(0)
    row = readouts._shares({"side": 8}, rng, 30)
    for solved, proved, ratio in zip(row["solved"], row["proved"], readouts.RATIOS, strict=True):
        share = float(theory.separable_share(64, round(ratio * 64)))
        spread = 5 * np.sqrt(30 * share * (1 - share)) + 1
        assert solved <= 30 * share + spread
        assert 30 - proved >= 30 * share - spread


def test_the_papers_network_is_counted_from_what_the_paper_prints(kept):
    speed, stored = readouts._papers(kept | {"operations a second": 6.0 * 3450 * 1315841})
    assert speed == pytest.approx(1.0)  # a bit is a sample: so many operations each
    assert stored == pytest.approx(32 * 1315841 / 2**20)


def test_verdicts_follow_the_data(kept):
    def verdicts(data):
        return [claim.judge(data).verdict for claim in readouts.CLAIMS]

    before = verdicts(kept)
    faster = [row | {"bits a second": row["bits a second"] * (1e3 if row["way"] == "float16" else 1)} for row in
              kept["rows"]]  # fmt: skip
    assert verdicts(kept | {"rows": faster})[2] == claims.HOLDS
    larger = [row | {"stored bits a bit": 5.0} for row in kept["rows"]]
    after = verdicts(kept | {"rows": larger})
    assert after[:3] == before[:3]
    assert after[3:] == [claims.FAILS] * 3
    none = [row | {"solved": [0] * len(readouts.RATIOS)} for row in kept["shares"]]
    assert verdicts(kept | {"shares": none})[1] == claims.FAILS
    all_ = [row | {"solved": [kept["networks"]] * len(readouts.RATIOS)} for row in kept["shares"]]
    assert verdicts(kept | {"shares": all_})[0] == claims.FAILS
