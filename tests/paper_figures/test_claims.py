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
