"""Training: chunks, freezing, restarts, and results that do not depend on who computed them beside what."""

from __future__ import annotations

import math
import threading
import time
import types
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from multiprocessing import get_context

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinr import chunks, coords, cpu, decisions, losses, mlp, optim, running, training
from refinr.mlp import MLP
from tests.helpers import assert_close, assert_equal_exact
from tests.strategies import seeds

SPEC = MLP((2, 16, 16, 1), first_scale=tuple(0.5 * f for f in coords.nyquist((6, 6))))
OPTIONS = training.Options(max_steps=400)


def _job(networks: list[int], seed: int = 0, levels: int = 2, side: int = 6, spec: MLP = SPEC) -> training.Job:
    """Noise: every network of the signal `seed` gets digits of its own, whatever the company."""
    x = coords.grid((side, side))
    digits = [np.random.default_rng([seed, n]).integers(0, levels, (side * side, 1)) for n in networks]
    return training.Job(spec, networks, x, np.stack([decisions.targets(d, levels) for d in digits]))


def _sine_net(params: dict[str, np.ndarray], x: np.ndarray, omega: float = 30.0) -> np.ndarray:
    """The forward pass of a SIREN, written down in float64."""
    p = {name: value.astype(np.float64) for name, value in params.items()}
    h, layers = x.astype(np.float64), len(p) // 2
    for i in range(layers):
        h = h @ p[f"w{i}"] + p[f"b{i}"]
        h = np.sin(omega * h) if i < layers - 1 else h
    return h


def _row(outcome: training.Outcome, i: int) -> dict[str, np.ndarray]:
    """All there is to know of one network."""
    rest = {name: np.array(getattr(outcome, name)[i]) for name in ("wrong", "margin", "steps", "restarts")}
    return {name: p[i] for name, p in outcome.params.items()} | rest


def _assert_same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert_equal_exact(a[name], b[name], bitwise=True)


def _rows(results: list[tuple[training.Job, training.Outcome]]) -> dict[int, dict[str, np.ndarray]]:
    return {n: _row(outcome, i) for job, outcome in results for i, n in enumerate(job.networks)}


# --- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"loss": "l2"}, "loss: unknown name 'l2'; known are bce, mse, mae"),
        ({"lr": 0.0}, "lr: expected a positive step size, got 0.0"),
        ({"lr": -1e-3}, "lr: expected a positive step size, got -0.001"),
        ({"lr": math.nan}, "lr: expected a positive step size, got nan"),
        ({"lr": math.inf}, "lr: expected a positive step size, got inf"),
        ({"levels": 4}, "loss: 'bce' is for bits, and there are 4 levels: use 'mse' or 'mae'"),
        ({"margin": -0.1}, "margin: expected 0 or a finite number, got -0.1"),
        ({"margin": math.inf}, "margin: expected 0 or a finite number, got inf"),
        ({"margin": math.nan}, "margin: expected 0 or a finite number, got nan"),
        ({"loss": "mse", "margin": 1.0}, r"margin: expected 0 or a number below 1 \(half steps of mse\), got 1.0"),
        ({"loss": "mae", "margin": -1.0}, r"margin: expected 0 or a number below 1 \(half steps of mae\), got -1.0"),
        ({"max_steps": -1}, "max_steps: expected 0 or more, got -1"),
        ({"seed": -5}, "seed: expected 0 or more, got -5"),
        ({"patience": 0}, "patience: expected .*, got 0"),
        ({"patience": -3}, "patience: expected .*, got -3"),
    ],
)
def test_values_out_of_range_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        training.Options(**values)


@pytest.mark.parametrize(("loss", "margin", "goal"), [("bce", 3.0, 3.0), ("mse", 0.5, 0.25), ("mae", 0.0, 0.0)])
def test_the_goal_is_in_logits_or_in_steps(loss, margin, goal):
    assert training.Options(loss=loss, margin=margin).goal == goal


# --- one step --------------------------------------------------------------------------------------------------------


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
    z64 = _sine_net(params, x, omega=1.0)
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
    job = _job([0])
    step = chunks.gradients(SPEC, params, job.x, job.targets)
    assert (step.wrong.tolist(), step.margin.tolist()) == ([36], [0.0])


def test_lengths_of_chunks():
    """Part of the definition of a result."""
    widths = (1, 16, 64, 100, 128, 256, 300, 1000)
    lengths = [chunks.chunk_length(MLP((2, width, 1))) for width in widths]
    assert lengths == [4096, 4096, 4096, 2621, 2048, 1024, 1024, 1024]


def test_not_a_number_is_wrong_and_spoils_the_margin():
    job = _job([0, 1])
    params = mlp.init(SPEC, 2)
    params["b2"][1] = np.nan
    step = chunks.gradients(SPEC, params, job.x, job.targets)
    assert step.wrong[1] == job.x.shape[0]
    assert np.isnan(step.margin[1])
    assert step.wrong[0] < job.x.shape[0]
    assert np.isfinite(step.margin[0])


# --- training --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        training.Options(margin=0.5),
        training.Options(margin=0.0),
        training.Options(margin=4.0),
        training.Options(loss="mse", margin=0.5),
        training.Options(loss="mse", margin=0.5, levels=4),
        training.Options(loss="mae", margin=0.25, lr=1e-2),
        training.Options(lr=optim.Cosine(3e-3, steps=500)),
    ],
    ids=str,
)
def test_networks_reach_their_margin(options):
    job = _job([0, 1, 2], levels=options.levels)
    outcome = training.train(job, options)
    assert (outcome.wrong == 0).all()
    assert (outcome.margin >= options.goal).all()
    # in another precision, by another program
    z = _sine_net(outcome.params, job.x)
    steps = options.levels - 1
    digits = np.rint((job.targets + 0.5) * steps)
    if options.levels == 2:
        margins = np.where(digits == 1, z, -z)
    else:
        position = (z + 0.5) * steps
        above = np.where(digits == steps, np.inf, digits + 0.5 - position)
        below = np.where(digits == 0, np.inf, position - digits + 0.5)
        margins = np.minimum(np.minimum(above, below), 0.5)
    assert (margins.min(axis=(1, 2)) > options.goal - 1e-3).all()
    assert np.abs(margins.min(axis=(1, 2)) - outcome.margin).max() < 1e-3 * max(1.0, options.goal)
    # and to the bit, by the function that decoding uses
    seen = decisions.margins(chunks.evaluate(SPEC, outcome.params, job.x), job.targets, options.levels)
    assert_equal_exact(outcome.margin, seen.min(axis=(1, 2)).astype(float), bitwise=True)


def test_no_steps_leave_the_initial_parameters():
    job = _job([4, 2])
    outcome = training.train(job, training.Options(max_steps=0, seed=7))
    for name, p in mlp.init(SPEC, [4, 2], 7).items():
        assert_equal_exact(outcome.params[name], p, bitwise=True)
    assert outcome.steps.tolist() == outcome.restarts.tolist() == [0, 0]
    z = chunks.evaluate(SPEC, outcome.params, job.x)
    assert outcome.wrong.tolist() == ((z > 0) != (job.targets > 0)).sum(axis=(1, 2)).tolist()
    assert (outcome.wrong > 0).all()


def test_counts_are_whole_numbers():
    outcome = training.train(_job([0, 1]), training.Options(max_steps=3))
    assert {getattr(outcome, name).dtype.kind for name in ("wrong", "steps", "restarts")} == {"i"}
    assert outcome.margin.dtype == np.float64


def test_a_network_without_wrong_decisions_stops_when_its_margin_no_longer_grows():
    job = _job([0])
    z = chunks.evaluate(SPEC, mlp.init(SPEC, [0]), job.x)
    options = training.Options(lr=1e-30, margin=1e6, patience=5)  # steps so small that nothing moves
    outcome = training.train(job._replace(targets=decisions.targets(z > 0, 2)), options)
    assert (outcome.wrong.tolist(), outcome.steps.tolist(), outcome.restarts.tolist()) == ([0], [5], [0])


def test_steps_are_used_up_and_not_exceeded():
    outcome = training.train(_job([0, 1]), training.Options(max_steps=3))
    assert outcome.steps.tolist() == [3, 3]


def test_nothing_is_written_into_a_job():
    job = _job([0, 1])
    job.x.setflags(write=False)
    job.targets.setflags(write=False)
    assert (training.train(job, OPTIONS).wrong == 0).all()


def _replay(job: training.Job, options: training.Options) -> dict[str, np.ndarray]:
    """One network, one step after the other, by the rules: no groups, nothing frozen.

    Without a margin to reach: right decisions end it.
    """
    assert options.goal == 0.0
    (network,) = job.networks
    attempt, fewest, since, age = 0, math.inf, 0, 0
    best, best_key, best_attempt = None, (math.inf, math.inf), 0
    params = mlp.init(job.spec, [network], options.seed)
    state = optim.adam_init(params)
    step = 0
    while True:
        now = chunks.gradients(job.spec, params, job.x, job.targets, loss=options.loss, levels=options.levels)
        wrong, margin = int(now.wrong[0]), float(now.margin[0])
        since = 0 if wrong < fewest else since + 1
        fewest = min(fewest, wrong)
        stalled = options.patience is not None and since >= options.patience
        if (wrong == 0 or stalled or step == options.max_steps) and (wrong, -margin) < best_key:
            best, best_key, best_attempt = params, (wrong, -margin), attempt
        if wrong == 0 or step == options.max_steps:
            break
        step += 1
        if stalled:
            attempt, fewest, since, age = attempt + 1, math.inf, 0, 0
            params = mlp.init(job.spec, [network], options.seed, attempt=attempt)
            state = optim.adam_init(params)
            continue
        rate = options.lr * options.backoff**attempt
        params, state = optim.adam_step(params, now.grads, state._replace(t=age), rate)
        age += 1
    assert best is not None
    result = {name: p[0] for name, p in best.items()}
    counts = {"wrong": best_key[0], "margin": -best_key[1], "steps": step, "restarts": best_attempt}
    return result | {name: np.array(value) for name, value in counts.items()}


STALLING = [
    training.Options(max_steps=60, patience=4),
    training.Options(max_steps=61, patience=1, seed=3),
    training.Options(max_steps=300, patience=12, lr=1e-2, backoff=0.5),
    training.Options(max_steps=200, patience=6, margin=100.0),
    training.Options(max_steps=50, patience=3, loss="mse", levels=4),
]


@pytest.mark.parametrize("options", [*STALLING, OPTIONS, training.Options(max_steps=40, patience=None)], ids=str)
def test_train_vs_one_network_step_by_step(options):
    options = replace(options, margin=0.0)
    networks = [0, 1, 5, 8]
    outcome = training.train(_job(networks, levels=options.levels), options)
    for i, network in enumerate(networks):
        expected = _replay(_job([network], levels=options.levels), options)
        actual = _row(outcome, i)
        for name in ("wrong", "steps"):
            assert int(actual[name]) == int(expected[name]), (network, name)
        if expected["wrong"] == 0:
            assert int(actual["restarts"]) == int(expected["restarts"])
        _assert_same({n: v for n, v in actual.items() if n in outcome.params},
                     {n: v for n, v in expected.items() if n in outcome.params})  # fmt: skip
        assert float(actual["margin"]) == float(expected["margin"])


def test_a_restart_takes_a_new_stream():
    # steps too small to change any decision: every attempt stalls where it began
    options = training.Options(lr=1e-9, max_steps=23, patience=3)
    networks = list(range(6))
    outcome = training.train(_job(networks), options)
    assert (outcome.steps == 23).all()
    luckiest = []
    for i, network in enumerate(networks):
        for attempt in range(8):
            start = mlp.init(SPEC, [network], 0, attempt=attempt)
            moved = max(np.abs(outcome.params[name][i] - p[0]).max() for name, p in start.items())
            if moved <= 4e-9 + 2.0**-22:  # rounding at most
                luckiest.append(attempt)
                break
    assert len(luckiest) == len(networks), "all ended where one of their attempts began"
    assert set(luckiest) - {0}, "and not all where the first did"


def test_stalling_networks_do_get_there_in_the_end():
    # steps this large lose their way, and every restart makes them smaller
    outcome = training.train(_job([0, 1, 2, 3]), training.Options(max_steps=2000, patience=20, lr=0.1, backoff=0.5))
    assert (outcome.wrong == 0).all()
    assert outcome.restarts.sum() > 0


# --- whoever computes it, beside whatever ----------------------------------------------------------------------------


@pytest.mark.parametrize("options", [OPTIONS, *STALLING], ids=str)
@settings(max_examples=5)
@given(st.data())
def test_a_network_is_the_same_alone_and_in_any_company_and_order(options, data):
    company = data.draw(st.lists(st.integers(0, 12), min_size=2, max_size=6, unique=True))
    together = training.train(_job(company, levels=options.levels), options)
    for i in data.draw(st.permutations(range(len(company))))[:2]:
        alone = training.train(_job([company[i]], levels=options.levels), options)
        _assert_same(_row(together, i), _row(alone, 0))
    order = data.draw(st.permutations(company))
    again = training.train(_job(order, levels=options.levels), options)
    _assert_same(_row(together, 0), _row(again, order.index(company[0])))


def test_networks_that_leave_early_leave_the_others_alone():
    networks = list(range(8))
    together = training.train(_job(networks), OPTIONS)
    assert len(set(together.steps.tolist())) > 3, "they leave at different times"
    for i, network in enumerate(networks):
        _assert_same(_row(together, i), _row(training.train(_job([network]), OPTIONS), 0))


def test_networks_leave_and_start_again_on_another_array_library():
    job, options = _job(list(range(4))), training.Options(max_steps=120, patience=4)
    here, there = (training.train(job, options, xp=library) for library in (np, array_api_strict))
    assert len(set(here.steps.tolist())) > 1, "some leave before others"
    assert here.restarts.any()
    for i in range(4):
        _assert_same(_row(here, i), _row(there, i))


@pytest.mark.parametrize("threads", [1, 2])
def test_training_takes_place_where_it_is_told_to(threads, monkeypatch):
    seen = []

    class Spy(training._Group):
        def __init__(self, job, options, xp):
            seen.append(xp)
            super().__init__(job, options, xp)

    monkeypatch.setattr(training, "_Group", Spy)
    options = training.Options(max_steps=1)
    training.train(_job([0]), options, threads=threads, xp=array_api_strict)
    list(running.run([_job([0])], options, threads=threads, xp=array_api_strict))
    assert seen == [array_api_strict] * 2


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_hear_and_are_heard(threads):
    stop, heard = threading.Event(), []
    stop.set()
    job = _job([0, 1])
    outcome = training.train(job, OPTIONS, threads=threads, notify=lambda who, wrong: heard.append(who), stop=stop)
    assert heard == [[0, 1]]
    assert outcome.steps.tolist() == [0, 0]


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_within_a_job_change_nothing(threads, monkeypatch):
    monkeypatch.setattr(chunks, "chunk_length", lambda spec: 7)
    job = _job([0, 1])
    one, many = training.train(job, OPTIONS), training.train(job, OPTIONS, threads=threads)
    for i in range(2):
        _assert_same(_row(one, i), _row(many, i))


EXECUTORS = {
    "default": lambda: None,
    "one thread": lambda: ThreadPoolExecutor(1),
    "two threads": lambda: ThreadPoolExecutor(2),
    "two processes": lambda: ProcessPoolExecutor(2, mp_context=get_context("spawn")),
}


@pytest.mark.parametrize("name", EXECUTORS)
def test_same_bytes_from_every_executor(name):
    options = training.Options(max_steps=60, patience=10)
    jobs = [_job([0, 1, 2]), _job([3, 4], side=5), _job([5])]
    expected = {n: _row(training.train(job, options), i) for job in jobs for i, n in enumerate(job.networks)}
    executor = EXECUTORS[name]()
    try:
        actual = _rows(list(running.run(jobs, options, executor=executor)))
    finally:
        if executor is not None:
            executor.shutdown()
    assert actual.keys() == expected.keys()
    for network in expected:
        _assert_same(actual[network], expected[network])


@pytest.mark.parametrize("size", [1, 3, 8])
def test_same_bytes_in_groups_of_any_size(size):
    networks, options = list(range(8)), training.Options(max_steps=80, patience=8)
    jobs = [_job(networks[i : i + size]) for i in range(0, 8, size)]
    expected = _rows([(_job(networks), training.train(_job(networks), options))])
    actual = _rows(list(running.run(jobs, options)))
    for network in networks:
        _assert_same(actual[network], expected[network])


# --- being told, and being stopped -----------------------------------------------------------------------------------


def test_notify_hears_of_active_networks_and_of_the_end():
    heard = []
    networks = [3, 9, 11]
    outcome = training.train(_job(networks), OPTIONS, notify=lambda who, wrong: heard.append((list(who), list(wrong))))
    assert heard[0][0] == networks
    assert all(len(who) == len(wrong) for who, wrong in heard)
    for i, network in enumerate(networks):
        last = [wrong[who.index(network)] for who, wrong in heard if network in who][-1]
        assert last == outcome.wrong[i] == 0
    # one that has left is not heard of again
    assert all(set(later[0]) <= set(earlier[0]) for earlier, later in pairwise(heard))


def test_a_set_stop_ends_training_as_if_the_steps_were_used_up():
    stop = threading.Event()
    stop.set()
    outcome = training.train(_job([0, 1]), OPTIONS, stop=stop)
    _assert_same(_row(outcome, 1), _row(training.train(_job([0, 1]), training.Options(max_steps=0)), 1))


def test_stop_in_the_middle():
    stop, calls = threading.Event(), []

    def notify(who, wrong):
        calls.append(who)
        if len(calls) == 3:
            stop.set()

    outcome = training.train(_impossible(0), ENDLESS, notify=notify, stop=stop)
    assert 16 <= outcome.steps[0] < 100


# --- many jobs -------------------------------------------------------------------------------------------------------


class _Inline(Executor):
    """An executor that computes at once, and says how many workers it has or not; it counts what is asked of it."""

    def __init__(self, workers: int | None = 1) -> None:
        self.submitted = 0
        if workers is not None:
            self._max_workers = workers

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[override]
        self.submitted += 1
        future: Future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.mark.parametrize("workers", [1, 3])
def test_jobs_are_drawn_as_they_are_needed(workers):
    drawn = 0

    def source() -> Iterator[training.Job]:
        nonlocal drawn
        for n in range(200):
            drawn += 1
            yield _job([n])

    with ThreadPoolExecutor(workers) as pool:
        for done, _ in enumerate(running.run(source(), training.Options(max_steps=0), executor=pool)):
            assert drawn - done <= 8 * workers, "a few more than there are workers"
    assert drawn == 200


@pytest.mark.parametrize(("workers", "window"), [(1, 4), (3, 12), (None, 256)])
def test_four_jobs_a_worker_are_under_way(workers, window):
    """256 where an executor does not say how many workers it has: enough for a cluster."""
    executor = _Inline(workers)
    job = _job([0], side=1)
    next(running.run((job for _ in range(1000)), training.Options(max_steps=0), executor=executor))
    assert executor.submitted == window


def test_a_gpu_is_kept_busy_by_one_group_at_a_time():
    assert cpu.workers(types.SimpleNamespace(__name__="cupy")) == 1
    assert cpu.workers(np) == cpu.workers() == cpu.cores()


def test_any_executor_will_do():
    executor = _Inline()
    jobs = [_job([n]) for n in range(10)]
    results = list(running.run(jobs, training.Options(max_steps=2), executor=executor))
    assert executor.submitted == 10
    assert sorted(job.networks[0] for job, _ in results) == list(range(10))


def test_no_jobs_no_results():
    assert list(running.run([], OPTIONS)) == []


@pytest.mark.parametrize("name", ["default", "two threads", "two processes"])
def test_an_error_of_a_worker_comes_out(name):
    broken = _job([0])._replace(x=np.zeros((36, 3), dtype=np.float32))  # three inputs for a network of two
    executor = EXECUTORS[name]()
    try:
        with pytest.raises(ValueError, match=r"matmul|shape"):
            list(running.run([_job([1]), broken], training.Options(max_steps=1), executor=executor))
    finally:
        if executor is not None:
            executor.shutdown()


ENDLESS = training.Options(max_steps=400_000, patience=None)  # minutes: a test that fails should still end


def _impossible(network: int) -> training.Job:
    """Zeros and ones at one and the same point."""
    job = _job([network])
    return job._replace(x=np.zeros_like(job.x))


def _threads_of_workers() -> int:
    return sum("ThreadPoolExecutor" in thread.name for thread in threading.enumerate())


@pytest.mark.parametrize("executor", [None, "own"])
def test_an_interrupt_in_a_worker_stops_the_others_promptly(executor):
    def notify(who, wrong):
        if 1 in who:
            raise KeyboardInterrupt

    before = _threads_of_workers()
    pool = ThreadPoolExecutor(2) if executor else None
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(running.run([_impossible(n) for n in (0, 1, 2, 3)], ENDLESS, executor=pool, notify=notify))
    if pool is not None:
        pool.shutdown()
    assert time.monotonic() - start < 10
    assert _threads_of_workers() == before


def test_an_interrupted_consumer_stops_the_workers_promptly():
    before = _threads_of_workers()
    easy = _job([0])._replace(targets=np.full((1, 36, 1), -0.5, dtype=np.float32))
    start = time.monotonic()
    results = running.run([easy, *(_impossible(n) for n in (1, 2, 3))], ENDLESS)
    job, outcome = next(results)
    assert list(job.networks) == [0]
    assert (outcome.wrong == 0).all()
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt())
    assert time.monotonic() - start < 10
    assert _threads_of_workers() == before


def test_a_consumer_that_walks_away_stops_the_workers():
    before = _threads_of_workers()
    results = running.run([_job([n]) for n in range(20)], training.Options(max_steps=10))
    next(results)
    results.close()
    assert _threads_of_workers() == before


@pytest.mark.parametrize(
    ("library", "budget", "most"),
    [(None, 12 << 20, 64), (np, 12 << 20, 64), (types.SimpleNamespace(__name__="cupy"), 1 << 30, 1024)],
)
@pytest.mark.parametrize("hidden", [(16, 16, 16), (4,), (512,) * 4, (1000,), ()])
def test_a_group_is_as_large_as_fits(library, budget, most, hidden):
    spec = MLP((2, *hidden, 1))
    for samples in (1, 100, 1024, 10**6):
        size = running.group_size(spec, samples, library)
        # of a chunk: inputs and outputs of the activations (or of the only layer), four bytes each
        each = 2 * 4 * min(samples, chunks.chunk_length(spec)) * (sum(hidden) if hidden else 3)
        assert isinstance(size, int)
        assert 1 <= size <= most
        assert size == 1 or size * each <= budget
        assert size == most or (size + 1) * each > budget


def test_restarts_keep_the_dtype():
    """A restart once drew float32 parameters for a float64 network: its every parameter was a rounded one."""
    job = _job([0])
    job = job._replace(x=job.x.astype(np.float64), targets=job.targets.astype(np.float64))
    outcome = training.train(job, training.Options(max_steps=2, patience=1, margin=1e6))
    drawn = [mlp.init(job.spec, [0], 0, "float64", attempt=attempt)["w0"] for attempt in range(3)]
    assert outcome.params["w0"].dtype == np.float64
    assert (outcome.params["w0"] != outcome.params["w0"].astype(np.float32)).any()
    assert all((w != w.astype(np.float32)).any() for w in drawn)
