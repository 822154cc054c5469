"""Networks of digits: what is counted is what would be stored, and verdicts follow their rules."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from paper_figures import claims
from paper_figures.figures import digit_networks
from refinr import mlp
from refinr.mlp import MLP

BLOCKS = np.stack([np.repeat(np.arange(12, dtype=np.uint8), 12).reshape(12, 12) % 4 * 60, np.eye(12, dtype=np.uint8)])


@pytest.mark.parametrize("outputs", digit_networks.WAYS)
def test_a_network_that_is_exact_has_nothing_beside_it(outputs):
    run = digit_networks.fit(BLOCKS, 8, outputs, width=24, weight_bits=32, lr=3e-3, steps=400, seed=0)
    assert run["exact_at"] is not None
    assert (run["ber"], run["psnr"], run["rmse"], run["beside"]) == ([0.0], None, 0.0, 0.0)
    short = digit_networks.fit(BLOCKS, 8, outputs, width=24, weight_bits=32, lr=3e-3, steps=2, seed=0)
    assert short["exact_at"] is None
    assert short["beside"] > 0


def test_weights_of_few_bits_have_few_levels():
    spec = MLP((2, 9, 9, 1))
    params = mlp.init(spec, nets=2)
    for name, p in digit_networks.rounded(params, 3).items():
        assert max(len(np.unique(net)) for net in p) <= 7
        assert abs(p - params[name]).max() <= abs(params[name]).max() / 6 * 1.001
    assert digit_networks.rounded(params, 32)["w1"] is params["w1"]


def test_what_is_stored_is_counted_to_the_bit():
    run = digit_networks.fit(BLOCKS, 8, "bits", width=5, weight_bits=6, lr=3e-3, steps=1, seed=0)
    numbers = 2 * 5 + 5 + 5 * 5 + 5 + 5 * 8 + 8
    assert run["network"] == (6 * numbers + 6 * 32) / 144
    run = digit_networks.fit(BLOCKS, 8, "values", width=5, weight_bits=32, lr=3e-3, steps=1, seed=0)
    assert run["network"] == 32 * (2 * 5 + 5 + 5 * 5 + 5 + 5 + 1) / 144


def test_what_is_wrong_gives_the_digits_back():
    samples = BLOCKS.reshape(2, -1, 1)
    decoded = np.roll(samples, 1, axis=1)
    stored = digit_networks._stored(MLP((2, 4, 1)), samples, decoded, 8)
    packed = zlib.compress((samples - decoded).tobytes(), 9)
    assert stored["beside"] == 8 * len(packed) / samples.size
    wrong = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(samples.shape)
    np.testing.assert_array_equal(decoded + wrong, samples)


def _data(*rows: tuple[str, int, float, bool]) -> dict:
    """Outputs, bits of a weight, bits a pixel, exact or not."""
    made = []
    for outputs, weights, network, exact in rows:
        run = {"exact_at": 9 if exact else None, "ber": [0.0 if exact else 0.1], "multiply_adds": 0.0, "seconds": 0.0,
               "network": network, "beside": 0.0 if exact else 1.0}  # fmt: skip
        made.append({"outputs": outputs, "weights": weights, "runs": [run, run]})
    return {"rows": made, "bits": 8, "zlib": 2.0}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([("values", 32, 20.0, True)], [claims.HOLDS, claims.HOLDS, claims.HOLDS, claims.HOLDS]),
        ([("values", 12, 12.0, True)], [claims.PARTLY, claims.HOLDS, claims.PARTLY, claims.HOLDS]),
        ([("values", 8, 9.0, True)], [claims.FAILS, claims.HOLDS, claims.FAILS, claims.HOLDS]),
        ([("values", 32, 40.0, False)], [claims.HOLDS, claims.HOLDS, claims.HOLDS, claims.HOLDS]),
        ([("values", 32, 12.0, False)], [claims.PARTLY, claims.HOLDS, claims.HOLDS, claims.HOLDS]),
        ([("values", 8, 5.0, True)], [claims.FAILS, claims.FAILS, claims.FAILS, claims.FAILS]),
    ],
)
def test_verdicts_follow_their_rules(values, expected):
    data = _data(("bits", 8, 10.0, True), ("bits", 8, 7.0, False), *values)
    *verdicts, alone = [claim.judge(data).verdict for claim in digit_networks.CLAIMS]
    assert verdicts == expected
    assert alone == claims.HOLDS
    assert digit_networks.CLAIMS[-1].judge(data | {"zlib": 9.0}).verdict == claims.FAILS


def test_without_the_package_nothing_was_tried(monkeypatch):
    monkeypatch.setattr(digit_networks.importlib.util, "find_spec", lambda name: None)
    data = digit_networks.compute("small", np.random.default_rng(0))
    assert {claim.judge(data).verdict for claim in digit_networks.CLAIMS} == {claims.UNTRIED}
    assert digit_networks.tables(data) == {}
