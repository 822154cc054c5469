"""Following a fit: what a callback is told, when and by whom, what it may raise; the line that shows it."""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import refinr
from refinr import training
from refinr.progress import Live, Moment, Progress

IMAGE = np.random.default_rng(0).integers(0, 4, (8, 8)).astype(np.uint8)
NEVER = {"hidden": (3,), "margin": 1e3}  # so that all steps are taken


def _moments(samples=IMAGE, **options):
    heard: list[Moment] = []
    inr = refinr.fit(samples, callback=heard.append, **{"group": 100, "max_steps": 20} | options)
    return heard, inr


def test_the_callback_is_told_every_few_steps_and_at_the_end():
    heard, inr = _moments(**NEVER)
    assert training.NOTIFY_EVERY == 8
    assert [moment.step for moment in heard] == [0, 8, 16, 20, 20]
    assert [moment.left for moment in heard] == [2, 2, 2, 2, 0]
    seconds = [moment.seconds for moment in heard]
    assert seconds == sorted(seconds)
    assert 0 < seconds[0] <= seconds[-1] <= inr.report.seconds
    assert heard[-1].error_rates == pytest.approx(inr.report.ber_per_plane)


def test_error_rates_are_those_of_the_planes_as_training_would_leave_them():
    heard, _ = _moments(**NEVER)
    for moment in heard:
        inr = refinr.fit(IMAGE, **NEVER, max_steps=moment.step)
        assert moment.error_rates == pytest.approx(inr.report.ber_per_plane)


@pytest.mark.parametrize(
    ("options", "planes"),
    [
        ({}, 2),
        ({"radix_bits": 2}, 1),
        ({"decomposition": "bit-coordinate"}, 1),
        ({"decomposition": "none"}, 1),
        ({"tile": 4, "channels": False}, 2),
    ],
    ids=str,
)
def test_there_is_a_rate_for_each_plane_that_networks_hold_alone(options, planes):
    heard, _ = _moments(**options | {"hidden": (3,)})
    assert {len(moment.error_rates) for moment in heard} == {planes}


def test_channels_share_the_rates_of_their_planes():
    heard, inr = _moments(np.stack([IMAGE, IMAGE[::-1]], axis=-1), channels=True, **NEVER)
    assert heard[-1].error_rates == pytest.approx(inr.report.ber_per_plane)


@pytest.mark.parametrize("workers", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_with_executors_it_is_told_at_least_when_groups_are_done(workers):
    options = {"mp_context": get_context("spawn")} if workers is ProcessPoolExecutor else {}
    with workers(2, **options) as executor:
        heard, _ = _moments(executor=executor, tile=4, group=2, **NEVER)
    left = [moment.left for moment in heard]
    assert left == sorted(left, reverse=True)
    assert set(left) >= {6, 4, 2, 0}
    if workers is ProcessPoolExecutor:
        assert left == [6, 4, 2, 0]
        assert all(moment.step == 20 for moment in heard)


def test_it_is_called_by_one_thread_at_a_time():
    inside = threading.Lock()

    def callback(moment):
        assert inside.acquire(blocking=False)
        time.sleep(0.001)
        inside.release()

    refinr.fit(IMAGE, callback=callback, tile=2, group=1, max_steps=20, hidden=(3,))


class _StopError(Exception):
    pass


@pytest.mark.parametrize("at", [1, 2, 5])
@pytest.mark.parametrize("error", [_StopError, KeyboardInterrupt])
def test_what_it_raises_ends_the_fit(tmp_path, at, error):
    heard = []

    def callback(moment):
        heard.append(moment)
        if len(heard) == at:
            raise error

    before = threading.active_count()
    with pytest.raises(error):
        refinr.fit(IMAGE, callback=callback, tile=4, group=2, max_steps=10**6, journal=tmp_path / "kept", **NEVER)
    assert len(heard) == at, "it is not called again"
    assert threading.active_count() == before, "and nobody trains on"


def test_what_it_raises_when_a_group_is_done_ends_the_others():
    def callback(moment):
        if moment.left < 8:
            raise _StopError

    before = threading.active_count()
    easy = np.zeros((8, 8), np.uint8)
    easy[4:] = IMAGE[4:]  # the upper tiles are learnt at once
    with pytest.raises(_StopError):
        refinr.fit(easy, bits=2, callback=callback, tile=4, group=2, margin=1.0, hidden=(1,), max_steps=10**6)
    assert threading.active_count() == before


def test_the_result_is_the_same_with_and_without():
    followed = refinr.fit(IMAGE, callback=lambda moment: None)
    assert followed == refinr.fit(IMAGE)


def test_networks_of_a_journal_are_no_news(tmp_path):
    refinr.fit(IMAGE, journal=tmp_path / "kept", max_steps=9, **NEVER)
    heard: list[Moment] = []
    refinr.fit(IMAGE, journal=tmp_path / "kept", max_steps=9, callback=heard.append, **NEVER)
    assert heard == []


# --- the line --------------------------------------------------------------------------------------------------------


def test_a_line_is_written_over_the_one_before_and_ended_at_the_end():
    file = io.StringIO()
    live = Live(file, every=0.0)
    live(Moment(8, (0.5, 0.25, 0.001), 100, 0.1))
    live(Moment(16, (0.25, 0.0, 0.0), 9, 0.2))
    live(Moment(17, (0.0, 0.0, 0.0), 0, 0.3))
    first, second, last = file.getvalue().split("\r")
    assert first == "step 8, 0.1 s, 100 networks left, BER of planes 2 to 0: 1e-3 .25 .50"
    assert second.rstrip() == "step 16, 0.2 s, 9 networks left, BER of planes 2 to 0: 0 0 .25"
    assert len(second) == len(first), "what was there is written over"
    assert last.endswith("\n")


def test_lines_are_not_written_more_often_than_asked_but_for_the_last():
    file = io.StringIO()
    live = Live(file, every=1.0)
    for seconds, left in [(0.1, 3), (0.5, 2), (1.05, 2), (1.2, 1), (1.3, 0)]:
        live(Moment(0, (0.5,), left, seconds))
    assert [line.split(",")[1].strip() for line in file.getvalue().split("\r")] == ["0.1 s", "1.2 s", "1.3 s"]


def test_one_line_serves_two_fits(capsys):
    live = refinr.Live()
    refinr.fit(IMAGE, callback=live)
    refinr.fit(IMAGE, callback=live)
    lines = capsys.readouterr().out.rstrip("\n").split("\n")
    assert [line.split("\r")[-1].split(", ")[2] for line in lines] == ["0 networks left"] * 2


def test_the_summary_counts_what_was_heard():
    progress = Progress(networks=3, decisions=10)
    progress.update([0], [5], 8)
    progress.finish([1], np.array([0]), 3)
    assert progress.summary() == "1 of 3 networks done, error rate 0.25 over the 2 begun"
