"""The example backends are right, the first one is wrong as its page says, and the official conventions are kept."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from examples.backends import array_api, broken, first, jax_backend, numba_backend, scoreboard, seeds
from refinr import losses, mlp, oracle
from refinr.mlp import MLP
from tests.conftest import BACKENDS
from tests.helpers import assert_close

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "examples" / "backends" / "results"
# something of every operation that the backend has; all of it takes long to compile: `make oracle` does
COMPILED = [
    *("coords.grid.1", "coords.grid.3x5", "encodings.*.7x[23]-[34]", "activations.*-special", "layers.linear.3x7x3x5*"),
    *("losses.*.2x7x3", "losses.mae.ties", "losses.bce_with_logits.extreme-1", "mlp.init.*", "optim.adam.10-steps"),
    *("mlp.mlp.siren-7", "mlp.mlp.siren-own-inputs", "mlp.mlp.relu-encoded", "training.train.line", "inr.dec*.*-*"),
]


DOUBLE = ["activations.gelu.*-special", "layers.linear.3x7x3x5", "losses.mae.ties", "mlp.mlp.siren-7", "optim.adam.1-*"]


@pytest.mark.parametrize(("dtype", "cases"), [("float32", COMPILED), ("float64", DOUBLE)])
def test_jax(dtype, cases):
    report = oracle.check_backend(jax_backend, cases, dtype, quiet=True)
    assert report.ok, str(report)
    assert report.count("passed") == len(report.results)
    assert not any(result.left_out for result in report.results)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("library", [array_api.strict, *([array_api.cupy] if "cupy" in map(str, BACKENDS) else [])])
def test_array_libraries(library, dtype):
    report = oracle.check_backend(library(), dtype=dtype, quiet=True)
    assert report.ok, str(report)
    assert report.count("passed") + report.count("not offered") == len(report.results)


# the kernels of loops; those of single numbers are inside them, and compiling each takes a second
NUMBA = ["layers.*", "mlp.mlp.*", "optim.*", "refused.linear.*"]


def test_numba():
    report = oracle.check_backend(numba_backend, NUMBA, quiet=True)
    assert report.ok, str(report)
    assert report.count("passed") == len(report.results)
    assert not any(
        result.left_out for result in report.results if result.operation != "mlp"
    )  # fused: none between layers
    assert oracle.check_backend(numba_backend, "losses.mse.1x1", "float16", quiet=True).count("not implemented") == 1


def test_a_broken_fused_kernel_is_told_by_where_its_blocks_are_not_full():
    report = oracle.check_backend(broken.backend(), "layers", quiet=True)
    text = str(report)
    assert "layers.linear.1x300x7x5-shared: db differs\n  in forward order, agree before it: y, dw\n" in text
    assert "  fails in 9, all with N > 8 and no multiple of it; passes in 38, none with that\n" in text
    page = (ROOT / "examples" / "backends" / "README.md").read_text()
    assert f"```python{broken.RIGHT}```" in page


def test_the_first_backend_is_wrong_where_its_page_says():
    with np.errstate(all="ignore"):
        report = oracle.check_backend(first, quiet=True)
    wrong = {result.operation: result.text.split(" differs")[0] for result in reversed(report.results) if result.text}
    assert wrong == {"sine": "activations.sine.30-7: dz", "linear": "layers.linear.1x7x3x5-shared: db"}
    page = (ROOT / "examples" / "backends" / "README.md").read_text()
    assert all(f"{text} differs" in page for text in wrong.values())
    assert (ROOT / "examples" / "backends" / "first.py").read_text().split('"""\n\n')[1].strip() in page


def test_the_page_quotes_the_results_as_they_are_kept():
    page = (ROOT / "examples" / "backends" / "README.md").read_text()
    quoted = re.findall(r"<!-- results/([\w-]+\.txt) -->\n```text\n(.*?)```", page, re.DOTALL)
    assert {name for name, _ in quoted} >= {"first.txt", "torch-float32.txt", "jax-float32.txt", "defects.txt"}
    for name, text in quoted:
        assert text == (RESULTS / name).read_text(), name


def test_the_kept_results_are_good():
    for framework, dtype in itertools.product(("torch", "jax"), ("float32", "float64")):
        text = (RESULTS / f"{framework}-{dtype}.txt").read_text()
        assert f"checked against refinr in {dtype}" in text
        assert text.endswith("nothing differs\n")
    assert re.search(r"\n[3-9]\d\d defects, 0 missed\n$", (RESULTS / "defects.txt").read_text())
    assert re.search(r"\n[3-9]\d\d defects, \d+ found\n$", (RESULTS / "before.txt").read_text())
    assert len(re.findall(r"\d\d+ seeds, \d+ cases, 0 false alarms", (RESULTS / "seeds.txt").read_text())) == 2
    last = r"\n2\d variants, \d+ seeds, \d+ case runs, 0 false alarms, largest error / bound 0.\d+\n$"
    assert re.search(last, (RESULTS / "legitimate.txt").read_text())


def test_the_scoreboard_is_made_of_the_reports_that_are_kept():
    assert scoreboard.PAGE.read_text() == scoreboard.page()
    reports = scoreboard.kept()
    assert {name for name, _ in reports} == {"numpy", "strict", "cupy", "torch", "jax", "numba", "c"}
    for (name, dtype), report in reports.items():
        assert report["ok"], (name, dtype)
        assert not report["results"]
        assert report["dtype"] == dtype
        counted = sum(row["cases"] for family, row in report["families"].items() if family != "all")
        assert counted == report["families"]["all"]["cases"]
        assert ("remark" in report) == (oracle.corpus.DIGEST not in report["source"])
        if "remark" in report:  # of fewer cases than there are now: the page says so
            assert f"a report of {counted} cases" in scoreboard.PAGE.read_text()


COUNTED = 200


def test_no_seed_gives_a_false_alarm():
    found = seeds.kept()
    chosen, _ = oracle.frozen()
    families = {case.family for case in oracle.load(oracle.corpus.find())}
    assert set(found) >= families
    for family, row in found.items():
        cases = [case for case in chosen if case.family == family]
        assert (row["cases"], row["digest"]) == (len(cases), seeds.digest(cases)), f"{family} has other cases"
        assert row["seeds"] == COUNTED
        assert all(row[dtype][1] == 0 for dtype in seeds.DTYPES)
        assert row["float32"][2] <= 0.25


# --- the official conventions ----------------------------------------------------------------------------------------


def _official(params, x, targets):
    """The paper's code in JAX: weights (O, I) as modules hold them, and the cross-entropy of the sigmoid."""
    h = x
    for weight, bias in params[:-1]:
        h = jnp.sin(30.0 * (h @ weight.T + bias))
    weight, bias = params[-1]
    z = h @ weight.T + bias
    p = jax.nn.sigmoid(z)
    logs = targets * jnp.maximum(jnp.log(p), -100.0) + (1.0 - targets) * jnp.maximum(jnp.log(1.0 - p), -100.0)
    return -logs.mean(), z


def test_the_official_network_loss_and_gradients():
    spec = MLP.official(width=12, hidden=2)
    assert spec.sizes == (3, 12, 12, 12, 1)
    params = mlp.init(spec, seed=3, dtype="float64")
    rng = np.random.default_rng(0)
    x, targets = rng.uniform(-1.0, 1.0, (40, 3)), rng.integers(0, 2, (40, 1)).astype(float)
    z, cache = mlp.forward(spec, params, x)
    loss, dz = losses.bce_of_sigmoid(z, targets[None])
    grads, dx = mlp.backward(spec, params, cache, dz)
    modules = [(params[f"w{i}"][0].T, params[f"b{i}"][0, 0]) for i in range(spec.depth)]
    (expected, outputs), (module_grads, input_grad) = jax.value_and_grad(_official, (0, 1), has_aux=True)(
        modules, x, targets
    )
    # arguments of the sines reach 100, and every layer multiplies errors by at most omega times sqrt(6 / 12) / 30 * 12
    grown = 100.0 * (1.0 + 12.0 * 0.5**0.5) ** spec.depth
    assert_close(z[0], np.asarray(outputs), conditioning=grown)
    assert_close(np.asarray(loss), np.asarray(expected), conditioning=grown, terms=40)
    size = max(abs(np.asarray(g)).max() for pair in module_grads for g in pair)
    for i, (weight, bias) in enumerate(module_grads):
        assert_close(grads[f"w{i}"][0], np.asarray(weight).T, conditioning=size * grown, terms=40)
        assert_close(grads[f"b{i}"][0, 0], np.asarray(bias), conditioning=size * grown, terms=40)
    assert_close(dx, np.asarray(input_grad), conditioning=size * grown, terms=40)


def test_the_official_initial_laws():
    spec = MLP.official(width=8, hidden=1)
    params = mlp.init(spec, nets=200, dtype="float64")
    for i, bound in enumerate((1.0 / 3.0, (6.0 / 8.0) ** 0.5 / 30.0, (6.0 / 8.0) ** 0.5 / 30.0)):
        assert 0.99 * bound < abs(params[f"w{i}"]).max() <= bound
        fan_in = spec.sizes[i]
        assert 0.95 / fan_in**0.5 < abs(params[f"b{i}"]).max() <= 1.0 / fan_in**0.5


@pytest.mark.parametrize(("dtype", "saturated"), [("float32", 17.0), ("float64", 37.0)])
def test_the_official_loss_saturates_where_the_one_on_logits_does_not(dtype, saturated):
    z = np.array([[saturated], [-saturated], [saturated - 1.0], [0.0]], dtype=dtype)
    targets = np.array([[0.0], [0.0], [0.0], [1.0]], dtype=dtype)
    loss, dz = losses.bce_of_sigmoid(z, targets)
    assert (loss.dtype, dz.dtype) == (dtype, dtype)
    assert dz[0] == 0.0  # confidently wrong, and no gradient at all
    assert losses.bce_with_logits(z, targets)[1][0] > 0.24
    assert dz[2] > 0.0
    assert float(losses.bce_of_sigmoid(z[:1], targets[:1])[0]) == 100.0
    assert float(losses.bce_of_sigmoid(-2000.0 * z[:1], 1.0 - targets[:1])[0]) == 100.0  # and nothing overflows


@pytest.mark.parametrize(("dtype", "logit"), [("float32", -102.0), ("float64", -700.0)])
def test_the_official_logarithm_stops_at_minus_100(dtype, logit):
    z = np.array([[logit]], dtype=dtype)  # the sigmoid is not zero yet
    assert float(losses.bce_of_sigmoid(z, np.ones_like(z))[0]) == 100.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_cross_entropies_agree_while_the_sigmoid_is_far_from_its_ends(dtype):
    z = np.linspace(-4.0, 4.0, 41, dtype=dtype)[:, None]
    targets = (np.arange(41) % 2).astype(dtype)[:, None]
    ours, official = losses.bce_with_logits(z, targets), losses.bce_of_sigmoid(z, targets)
    # 1 - p of p up to 0.98 loses two digits
    assert_close(np.asarray(official[0]), np.asarray(ours[0]), dtype=dtype, conditioning=60.0, terms=41)
    assert_close(official[1], ours[1], dtype=dtype, conditioning=60.0)
