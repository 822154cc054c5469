"""Chunks of samples: they add up to the whole, in one order, whoever computes them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import chunks, coords, decisions, losses, mlp
from refinr.mlp import MLP
from tests.groups import SPEC, noise_job, sine_net
from tests.helpers import assert_close, assert_equal_exact
from tests.strategies import seeds


@given(
    seed=seeds,
    samples=st.integers(1, 40),
    chunk=st.integers(1, 12),
    loss=st.sampled_from(["bce", "mse", "mae"]),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_chunks_add_up_to_the_whole_batch(seed, samples, chunk, loss, dtype):
    spec, rng, E = MLP((2, 4, 1), omega=1.0), np.random.default_rng(seed), 2
    params = mlp.init(spec, E, seed, dtype)
    x = rng.uniform(-1, 1, (samples, 2)).astype(dtype)
    bits = rng.integers(0, 2, (E, samples, 1))
    targets = decisions.targets(bits, 2).astype(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "chunk_length", lambda spec: chunk)
        step = chunks.gradients(spec, params, x, targets, loss=loss)

    # all at once, and each sample with the sizes of its own terms
    z, cache = mlp.forward(spec, params, x)
    value, dz = losses.get(loss)(z, bits.astype(dtype) if loss == "bce" else targets)
    grads, _ = mlp.backward(spec, params, cache, dz)
    sizes: dict[str, np.ndarray] = {name: np.zeros(g.shape) for name, g in grads.items()}
    for n in range(samples):
        _, one = mlp.forward(spec, params, x[n : n + 1])
        terms, _ = mlp.backward(spec, params, one, dz[:, n : n + 1])
        for name, term in terms.items():
            sizes[name] += np.abs(term)
    # mae's gradient is a sign: a difference within rounding of 0 may have either
    if loss != "mae" or (np.abs(z - targets) > 1e-5).all():
        for name, grad in grads.items():
            # another order of adding, and outputs that were rounded otherwise: 4 layers deep, derivatives below 1
            assert_close(step.grads[name], grad, conditioning=sizes[name] + np.abs(dz).sum(), terms=samples)
    assert_close(np.array(step.loss), np.array(value), conditioning=2.0 + np.abs(z).sum() / samples, terms=samples)
    # decisions are counted over all chunks
    z64 = sine_net(params, x, omega=1.0)
    if (np.abs(z64) > 1e-5).all():
        assert step.wrong.tolist() == ((z64 > 0) != (bits == 1)).sum(axis=(1, 2)).tolist()
    lowest = np.where(bits == 1, z64, -z64).min(axis=(1, 2))
    assert_close(step.margin, lowest.astype(dtype), conditioning=8.0, terms=spec.depth)


@pytest.mark.parametrize("samples", [1, 4095, 4096, 4097, 9000])
def test_chunks_are_of_the_networks_own_length(samples):
    length = chunks.chunk_length(SPEC)
    assert length == 4096, "part of the definition of a result"
    seen = []
    x = np.zeros((samples, 2), dtype=np.float32)

    class Spy(ThreadPoolExecutor):
        def map(self, work, items):  # type: ignore[override]
            seen.extend(items)
            return super().map(work, items)

    params = mlp.init(SPEC)
    with Spy(1) as pool:
        z = chunks.evaluate(SPEC, params, x, pool)
    assert z.shape == (1, samples, 1)
    if samples > length:
        assert max(c.stop - c.start for c in seen) <= length
        assert np.concatenate([np.arange(samples)[c] for c in seen]).tolist() == list(range(samples))
    else:
        assert seen == []


@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_same_bytes_for_any_number_of_threads(loss):
    spec = MLP((2, 8, 1))
    params = mlp.init(spec, 2)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (2500, 2)).astype(np.float32)
    targets = decisions.targets(rng.integers(0, 2, (2, 2500, 1)), 2)
    expected = chunks.gradients(spec, params, x, targets, loss=loss)
    outputs = chunks.evaluate(spec, params, x)
    for threads in (1, 2, 4):
        with ThreadPoolExecutor(threads) as pool:
            step = chunks.gradients(spec, params, x, targets, loss=loss, pool=pool)
            assert_equal_exact(chunks.evaluate(spec, params, x, pool), outputs, bitwise=True)
        for name, grad in expected.grads.items():
            assert_equal_exact(step.grads[name], grad, bitwise=True)
        for field in ("loss", "wrong", "margin"):
            assert_equal_exact(np.array(getattr(step, field)), np.array(getattr(expected, field)), bitwise=True)


@given(seeds, st.integers(1, 50), st.integers(1, 13), st.sampled_from([(2, "bce"), (2, "mse"), (4, "mse")]))
def test_evaluate_is_to_the_bit_what_training_saw(seed, samples, chunk, kind):
    levels, loss = kind
    rng = np.random.default_rng(seed)
    params = mlp.init(SPEC, 3, seed)
    x = rng.uniform(-1, 1, (samples, 2)).astype(np.float32)
    targets = decisions.targets(rng.integers(0, levels, (3, samples, 1)), levels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "chunk_length", lambda spec: chunk)
        step = chunks.gradients(SPEC, params, x, targets, loss=loss, levels=levels)
        z = chunks.evaluate(SPEC, params, x)
    margins = decisions.margins(z, targets, levels)
    assert_equal_exact(step.margin, margins.min(axis=(1, 2)), bitwise=True)
    assert_equal_exact(step.wrong, (~(margins > 0)).sum(axis=(1, 2)))


def test_two_outputs_are_twice_as_many_decisions():
    spec = MLP((2, 4, 2), omega=1.0)
    params, x = mlp.init(spec, 3), coords.grid((5, 5))
    targets = decisions.targets(np.random.default_rng(0).integers(0, 2, (3, 25, 2)), 2)
    z, _ = mlp.forward(spec, params, x)
    step = chunks.gradients(spec, params, x, targets)
    assert_equal_exact(np.array(step.loss), np.array(losses.get("bce")(z, targets + 0.5)[0]))
    assert_equal_exact(step.wrong, ((z > 0) != (targets > 0)).sum(axis=(1, 2)))


def test_an_output_on_its_threshold_is_wrong():
    params = {name: np.zeros_like(p) for name, p in mlp.init(SPEC).items()}
    job = noise_job([0])
    step = chunks.gradients(SPEC, params, job.x, job.targets)
    assert (step.wrong.tolist(), step.margin.tolist()) == ([36], [0.0])


def test_lengths_of_chunks():
    """Part of the definition of a result."""
    widths = (1, 16, 64, 100, 128, 256, 300, 1000)
    lengths = [chunks.chunk_length(MLP((2, width, 1))) for width in widths]
    assert lengths == [4096, 4096, 4096, 2621, 2048, 1024, 1024, 1024]


def test_not_a_number_is_wrong_and_spoils_the_margin():
    job = noise_job([0, 1])
    params = mlp.init(SPEC, 2)
    params["b2"][1] = np.nan
    step = chunks.gradients(SPEC, params, job.x, job.targets)
    assert step.wrong[1] == job.x.shape[0]
    assert np.isnan(step.margin[1])
    assert step.wrong[0] < job.x.shape[0]
    assert np.isfinite(step.margin[0])
