"""Training: freezing, restarts, and results that do not depend on who computed them beside what."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from itertools import pairwise

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinr import chunks, decisions, mlp, optim, running, training
from refinr.jobs import Job, Options
from tests.groups import ENDLESS, OPTIONS, SPEC, assert_same, impossible_job, noise_job, row_of, sine_net
from tests.helpers import assert_equal_exact

# --- training --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        Options(margin=0.5),
        Options(margin=0.0),
        Options(margin=4.0),
        Options(loss="mse", margin=0.5),
        Options(loss="mse", margin=0.5, levels=4),
        Options(loss="mae", margin=0.25, lr=1e-2),
        Options(lr=optim.Cosine(3e-3, steps=500)),
    ],
    ids=str,
)
def test_networks_reach_their_margin(options):
    job = noise_job([0, 1, 2], levels=options.levels)
    outcome = training.train(job, options)
    assert (outcome.wrong == 0).all()
    assert (outcome.margin >= options.goal).all()
    # in another precision, by another program
    z = sine_net(outcome.params, job.x)
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
    job = noise_job([4, 2])
    outcome = training.train(job, Options(max_steps=0, seed=7))
    for name, p in mlp.init(SPEC, [4, 2], 7).items():
        assert_equal_exact(outcome.params[name], p, bitwise=True)
    assert outcome.steps.tolist() == outcome.restarts.tolist() == [0, 0]
    z = chunks.evaluate(SPEC, outcome.params, job.x)
    assert outcome.wrong.tolist() == ((z > 0) != (job.targets > 0)).sum(axis=(1, 2)).tolist()
    assert (outcome.wrong > 0).all()


def test_counts_are_whole_numbers():
    outcome = training.train(noise_job([0, 1]), Options(max_steps=3))
    assert {getattr(outcome, name).dtype.kind for name in ("wrong", "steps", "restarts")} == {"i"}
    assert outcome.margin.dtype == np.float64


def test_a_network_without_wrong_decisions_stops_when_its_margin_no_longer_grows():
    job = noise_job([0])
    z = chunks.evaluate(SPEC, mlp.init(SPEC, [0]), job.x)
    options = Options(lr=1e-30, margin=1e6, patience=5)  # steps so small that nothing moves
    outcome = training.train(job._replace(targets=decisions.targets(z > 0, 2)), options)
    assert (outcome.wrong.tolist(), outcome.steps.tolist(), outcome.restarts.tolist()) == ([0], [5], [0])


def test_steps_are_used_up_and_not_exceeded():
    outcome = training.train(noise_job([0, 1]), Options(max_steps=3))
    assert outcome.steps.tolist() == [3, 3]


def test_nothing_is_written_into_a_job():
    job = noise_job([0, 1])
    job.x.setflags(write=False)
    job.targets.setflags(write=False)
    assert (training.train(job, OPTIONS).wrong == 0).all()


def _replay(job: Job, options: Options) -> dict[str, np.ndarray]:
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
    Options(max_steps=60, patience=4),
    Options(max_steps=61, patience=1, seed=3),
    Options(max_steps=300, patience=12, lr=1e-2, backoff=0.5),
    Options(max_steps=200, patience=6, margin=100.0),
    Options(max_steps=50, patience=3, loss="mse", levels=4),
]


@pytest.mark.parametrize("options", [*STALLING, OPTIONS, Options(max_steps=40, patience=None)], ids=str)
def test_train_vs_one_network_step_by_step(options):
    options = replace(options, margin=0.0)
    networks = [0, 1, 5, 8]
    outcome = training.train(noise_job(networks, levels=options.levels), options)
    for i, network in enumerate(networks):
        expected = _replay(noise_job([network], levels=options.levels), options)
        actual = row_of(outcome, i)
        for name in ("wrong", "steps"):
            assert int(actual[name]) == int(expected[name]), (network, name)
        if expected["wrong"] == 0:
            assert int(actual["restarts"]) == int(expected["restarts"])
        assert_same({n: v for n, v in actual.items() if n in outcome.params},
                     {n: v for n, v in expected.items() if n in outcome.params})  # fmt: skip
        assert float(actual["margin"]) == float(expected["margin"])


def test_a_restart_takes_a_new_stream():
    # steps too small to change any decision: every attempt stalls where it began
    options = Options(lr=1e-9, max_steps=23, patience=3)
    networks = list(range(6))
    outcome = training.train(noise_job(networks), options)
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
    outcome = training.train(noise_job([0, 1, 2, 3]), Options(max_steps=2000, patience=20, lr=0.1, backoff=0.5))
    assert (outcome.wrong == 0).all()
    assert outcome.restarts.sum() > 0


# --- whoever computes it, beside whatever ----------------------------------------------------------------------------


@pytest.mark.parametrize("options", [OPTIONS, *STALLING], ids=str)
@settings(max_examples=5)
@given(st.data())
def test_a_network_is_the_same_alone_and_in_any_company_and_order(options, data):
    company = data.draw(st.lists(st.integers(0, 12), min_size=2, max_size=6, unique=True))
    together = training.train(noise_job(company, levels=options.levels), options)
    for i in data.draw(st.permutations(range(len(company))))[:2]:
        alone = training.train(noise_job([company[i]], levels=options.levels), options)
        assert_same(row_of(together, i), row_of(alone, 0))
    order = data.draw(st.permutations(company))
    again = training.train(noise_job(order, levels=options.levels), options)
    assert_same(row_of(together, 0), row_of(again, order.index(company[0])))


def test_networks_that_leave_early_leave_the_others_alone():
    networks = list(range(8))
    together = training.train(noise_job(networks), OPTIONS)
    assert len(set(together.steps.tolist())) > 3, "they leave at different times"
    for i, network in enumerate(networks):
        assert_same(row_of(together, i), row_of(training.train(noise_job([network]), OPTIONS), 0))


def test_networks_leave_and_start_again_on_another_array_library():
    job, options = noise_job(list(range(4))), Options(max_steps=120, patience=4)
    here, there = (training.train(job, options, xp=library) for library in (np, array_api_strict))
    assert len(set(here.steps.tolist())) > 1, "some leave before others"
    assert here.restarts.any()
    for i in range(4):
        assert_same(row_of(here, i), row_of(there, i))


@pytest.mark.parametrize("threads", [1, 2])
def test_training_takes_place_where_it_is_told_to(threads, monkeypatch):
    seen = []

    class Spy(training._Group):
        def __init__(self, job, options, xp):
            seen.append(xp)
            super().__init__(job, options, xp)

    monkeypatch.setattr(training, "_Group", Spy)
    options = Options(max_steps=1)
    training.train(noise_job([0]), options, threads=threads, xp=array_api_strict)
    list(running.run([noise_job([0])], options, threads=threads, xp=array_api_strict))
    assert seen == [array_api_strict] * 2


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_hear_and_are_heard(threads):
    stop, heard = threading.Event(), []
    stop.set()
    job = noise_job([0, 1])
    outcome = training.train(
        job, OPTIONS, threads=threads, notify=lambda who, wrong, step: heard.append(who), stop=stop
    )
    assert heard == [[0, 1]]
    assert outcome.steps.tolist() == [0, 0]


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_within_a_job_change_nothing(threads, monkeypatch):
    monkeypatch.setattr(chunks, "chunk_length", lambda spec: 7)
    job = noise_job([0, 1])
    one, many = training.train(job, OPTIONS), training.train(job, OPTIONS, threads=threads)
    for i in range(2):
        assert_same(row_of(one, i), row_of(many, i))


# --- being told, and being stopped -----------------------------------------------------------------------------------


def test_notify_hears_of_active_networks_and_of_the_end():
    heard = []
    networks = [3, 9, 11]
    outcome = training.train(
        noise_job(networks), OPTIONS, notify=lambda who, wrong, step: heard.append((list(who), list(wrong)))
    )
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
    outcome = training.train(noise_job([0, 1]), OPTIONS, stop=stop)
    assert_same(row_of(outcome, 1), row_of(training.train(noise_job([0, 1]), Options(max_steps=0)), 1))


def test_stop_in_the_middle():
    stop, calls = threading.Event(), []

    def notify(who, wrong, step):
        calls.append(who)
        if len(calls) == 3:
            stop.set()

    outcome = training.train(impossible_job(0), ENDLESS, notify=notify, stop=stop)
    assert 16 <= outcome.steps[0] < 100


def test_restarts_keep_the_dtype():
    """A restart once drew float32 parameters for a float64 network: its every parameter was a rounded one."""
    job = noise_job([0])
    job = job._replace(x=job.x.astype(np.float64), targets=job.targets.astype(np.float64))
    outcome = training.train(job, Options(max_steps=2, patience=1, margin=1e6))
    drawn = [mlp.init(job.spec, [0], 0, "float64", attempt=attempt)["w0"] for attempt in range(3)]
    assert outcome.params["w0"].dtype == np.float64
    assert (outcome.params["w0"] != outcome.params["w0"].astype(np.float32)).any()
    assert all((w != w.astype(np.float32)).any() for w in drawn)
