"""Verdicts follow from the data."""

from __future__ import annotations

import json

from paper_figures import claims, datafiles, registry

SMALL = registry.RESULTS / "small"


def test_verdicts_follow_the_data():
    def verdicts(name: str, change) -> list[str]:
        kept = json.loads(json.dumps(datafiles.read(registry.data_path(SMALL, name)).data))
        change(kept)
        return [claim.judge(kept).verdict for claim in registry.find(name).claims]

    def worst_first(kept: dict) -> None:
        for run in _runs(kept):
            run["ber"] = [rates[::-1] for rates in run["ber"]]

    def nothing_exact(kept: dict) -> None:
        for run in _runs(kept):
            run |= {"exact_at": None, "ber": [0.1], "psnr": [50.0] if isinstance(run["psnr"], list) else 50.0}

    def all_exact(kept: dict) -> None:
        for run in _runs(kept):
            run |= {"exact_at": 10, "ber": [0.0], "psnr": [None] if isinstance(run["psnr"], list) else None}

    holds, fails = claims.HOLDS, claims.FAILS
    assert verdicts("bit_bias", worst_first) == [fails, fails]
    assert verdicts("audio", nothing_exact) == [fails, holds]
    assert verdicts("audio", all_exact) == [holds, fails]
    assert verdicts("comparison", nothing_exact)[:5] == [fails, holds, holds, holds, fails]
    assert verdicts("comparison", nothing_exact)[6:8] == [holds, fails]
    assert verdicts("comparison", all_exact)[:5] == [holds, fails, fails, fails, holds]
    assert verdicts("comparison", all_exact)[6:8] == [claims.UNTRIED, holds]
    assert verdicts("microscopy", nothing_exact) == [fails, holds, fails]
    assert verdicts("microscopy", all_exact) == [holds, fails, fails]
    assert verdicts("combined", all_exact)[:3] == [holds, fails, fails]
    assert verdicts("combined", nothing_exact)[:2] == [fails, holds]
    assert verdicts("convergence", all_exact)[:3] == [fails, holds, holds]
    assert verdicts("nary", all_exact)[:4] == [holds, fails, fails, fails]
    assert verdicts("losses", all_exact) == [fails] * 4
    assert verdicts("channels", all_exact)[0] == fails


def test_pairs_of_planes_that_nobody_learned_decide_nothing():
    kept = json.loads(json.dumps(datafiles.read(registry.data_path(SMALL, "bit_bias")).data))
    for run in _runs(kept):
        run["ber"] = [[0.5] * kept["bits"] for _ in run["ber"]]
    finding = registry.find("bit_bias").claims[0].judge(kept)
    assert finding.ours.startswith("0 of 0 pairs")
    assert finding.verdict != claims.HOLDS


def _runs(kept: dict) -> list[dict]:
    rows = [*kept["rows"], *kept.get("held", [])]
    return [run for row in rows for run in row["runs"]]


def test_what_cannot_be_compared_was_not_tried():
    assert {claim.judge({"rows": []}).verdict for claim in registry.find("speech").claims} == {claims.UNTRIED}


def test_verdicts_about_weights_and_expansion_follow_the_data():
    def verdicts(name: str, change) -> list[str]:
        kept = json.loads(json.dumps(datafiles.read(registry.data_path(SMALL, name)).data))
        change(kept)
        return [claim.judge(kept).verdict for claim in registry.find(name).claims]

    def a_wrong_bit(kept: dict) -> None:
        kept["rows"][0]["wrong bits"] = 1

    def large_trits(kept: dict) -> None:
        kept["paper"] = {"bytes": 1e3, "operations as built": 1, "operations as said": 2}
        for row in kept["rows"]:
            row["stored bytes"] = 100

    def as_said(kept: dict) -> None:
        kept["paper"]["operations as built"] = kept["paper"]["operations as said"]

    def change_runs(kept: dict, weights: str, **values) -> None:
        for row in kept["rows"]:
            row["runs"] = [run | (values if row["weights"] == weights else {}) for run in row["runs"]]

    def two_bits_exact(kept: dict) -> None:
        change_runs(kept, "2 bits", exact_at=10, ber=[0.0], psnr=None)
        kept["stored"] = [row | {"ber": 0.0} for row in kept["stored"]]

    def ternary_wrong(kept: dict) -> None:
        change_runs(kept, "ternary", exact_at=None, ber=[0.2], psnr=9.0)
        kept["stored"] = [row | {"ber": 0.1} for row in kept["stored"]]

    def exact_network(kept: dict) -> None:
        for row in kept["rows"]:
            row["psnr"]["network"] = None
        kept["8 to 16: replication is the ideal gain"] = False

    def dark_gain(kept: dict) -> None:
        for row in kept["rows"]:
            row["psnr"] |= {"ideal gain": 16.0, "zero padding": 20.0, "network": 15.0, "half a step": 5.0}

    holds, partly, fails = claims.HOLDS, claims.PARTLY, claims.FAILS
    assert verdicts("ternary", a_wrong_bit) == [holds, partly, partly, holds]
    assert verdicts("ternary", large_trits) == [fails, fails, holds, fails]
    assert verdicts("ternary", as_said) == [holds, holds, holds, holds]
    assert verdicts("weight_precision", two_bits_exact) == [holds, holds, fails, holds]
    assert verdicts("weight_precision", ternary_wrong) == [fails, holds, holds, fails]
    assert verdicts("expansion", exact_network) == [holds, partly, holds, fails, fails]
    assert verdicts("expansion", dark_gain) == [fails, fails, fails, fails, holds]


def test_tables_decide_only_if_they_do_without_the_network_as_with_it():
    kept = json.loads(json.dumps(datafiles.read(registry.data_path(SMALL, "combined")).data))
    claim = registry.find("combined").claims[4]
    assert claim.judge(kept).verdict == claims.PARTLY  # the network is exact with smaller tables
    whole = {(row["outputs"], row["in tables"]): row["runs"] for row in kept["held"] if not row["alone"]}
    for row in kept["held"]:
        row["runs"] = whole[row["outputs"], row["in tables"]]
    assert claim.judge(kept).verdict == claims.HOLDS


def test_planes_that_errors_do_not_predict_are_no_arithmetic():
    kept = json.loads(json.dumps(datafiles.read(registry.data_path(SMALL, "bit_bias")).data))
    claim = registry.find("bit_bias").claims[1]
    assert claim.judge(kept).verdict == claims.PARTLY  # the two highest planes are farther away
    for run in _runs(kept):
        run["ber"] = run["predicted"]
    assert claim.judge(kept).verdict == claims.HOLDS
