"""A compression that is gone on with: the same bytes, nothing done twice, and never what is another's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import refinr
from refinr.codec import cuts, models, slabs
from tests.codec.strategies import walk

SOUND = walk(np.random.default_rng(0), (300,), 900).astype("i2")
COLOURS = walk(np.random.default_rng(1), (12, 10, 3), 200).astype("u1")
DRAWING = np.hypot(*np.mgrid[-9:9, -9:9]) < 6


class StopHereError(Exception):
    """Stands in for whatever ends a compression."""


class Work:
    """Counts the networks that are trained and the slabs that are coded, and stops before one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.most = 10**6
        for module, name in ((models, "train"), (slabs, "write")):
            monkeypatch.setattr(module, name, self._counted(name, getattr(module, name)))

    def _counted(self, name, function):
        def call(*arguments, **options):
            if len(self.done) >= self.most:
                raise StopHereError
            result = function(*arguments, **options)
            self.done.append(name)
            return result

        return call

    def of(self, most: int, call) -> list[str] | bytes:
        """What was done until it stopped."""
        self.done = []
        self.most = most
        with pytest.raises(StopHereError):
            call()
        return self.done

    def all(self, call):
        """What comes of it, and what was done for it."""
        self.done = []
        self.most = 10**6
        return call(), self.done


@pytest.fixture
def work(monkeypatch):
    """With slabs so small that there are several."""
    monkeypatch.setattr(cuts, "SLAB", 150)
    return Work(monkeypatch)


@pytest.mark.parametrize("array", [SOUND, COLOURS, DRAWING.astype(">f4")], ids=["sound", "u1", "f4"])
def test_stopped_after_training_and_after_some_slabs_it_ends_with_the_same_bytes(tmp_path, work, array):
    expected, parts = work.all(lambda: refinr.compress(array, steps=3))
    assert {"train", "write"} == set(parts)
    for most in (parts.index("train") + 1, len(parts) - 2):
        path = tmp_path / f"{most}.part"
        done = work.of(most, lambda: refinr.compress(array, steps=3, journal=path))  # noqa: B023
        again = work.all(lambda: refinr.compress(array, steps=3, journal=path))  # noqa: B023
        assert again == (expected, parts[len(done) :]), most
    assert work.all(lambda: refinr.compress(array, steps=3, journal=path)) == (expected, [])


@pytest.mark.parametrize("options", [{"model": "planes"}, {"model": "adaptive"}, {"reproducible": True}], ids=str)
def test_every_model_goes_on(tmp_path, work, options):
    expected, parts = work.all(lambda: refinr.compress(SOUND, steps=2, **options))
    work.of(len(parts) - 2, lambda: refinr.compress(SOUND, steps=2, journal=tmp_path / "a", **options))
    again = work.all(lambda: refinr.compress(SOUND, steps=2, journal=tmp_path / "a", **options))
    assert again == (expected, parts[-2:])


def test_stopped_many_times_and_on_threads(tmp_path, work):
    expected, parts = work.all(lambda: refinr.compress(SOUND, steps=2))
    with ThreadPoolExecutor(1) as pool:
        for _ in range(len(parts) - 1):
            work.of(1, lambda: refinr.compress(SOUND, steps=2, journal=tmp_path / "a", executor=pool))
        again, done = work.all(lambda: refinr.compress(SOUND, steps=2, journal=tmp_path / "a", executor=pool))
    assert (again, len(done)) == (expected, 1)


@pytest.mark.parametrize("shape", [(0, 3), (), (1, 1)])
def test_next_to_nothing(tmp_path, shape):
    array = np.zeros(shape, "i2")
    for _ in range(2):
        assert refinr.compress(array, journal=tmp_path / "a") == refinr.compress(array)


@pytest.mark.parametrize(
    "options", [{"steps": 3}, {"seed": 1}, {"model": "planes"}, {"reproducible": True}, {"channels": False}], ids=str
)
def test_other_settings_are_said_and_not_used(tmp_path, options):
    path = tmp_path / "a.part"
    settings = {"steps": 2, "channels": True}
    refinr.compress(COLOURS, journal=path, **settings)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"a\.part: networks of other samples or settings"):
        refinr.compress(COLOURS, journal=path, **settings | options)
    assert path.read_bytes() == before


def test_other_samples_are_said_and_not_used(tmp_path):
    path = tmp_path / "a.part"
    refinr.compress(COLOURS, steps=1, journal=path)
    other = COLOURS.copy()
    other[-1, -1, -1] ^= 1
    for array in (other, COLOURS.astype("u2"), COLOURS[::-1], COLOURS.reshape(10, 12, 3)):
        with pytest.raises(ValueError, match=r"a\.part: networks of other samples or settings"):
            refinr.compress(array, steps=1, journal=path)
    with pytest.raises(ValueError, match=r"a\.part: networks of other samples or settings"):
        refinr.fit(COLOURS, max_steps=1, journal=path)


def test_side_information_is_that_of_the_last_call(tmp_path):
    path = tmp_path / "a.part"
    refinr.compress(COLOURS, steps=1, journal=path, info={"dpi": 72})
    again = refinr.compress(COLOURS, steps=1, journal=path, info={"dpi": 300})
    assert again == refinr.compress(COLOURS, steps=1, info={"dpi": 300})


def test_what_another_processor_began_is_refused_unless_mixing_is_asked_for(tmp_path, monkeypatch):
    path = tmp_path / "a.part"
    expected = refinr.compress(COLOURS, steps=1, journal=path)
    exact = refinr.compress(COLOURS, steps=1, reproducible=True, journal=tmp_path / "exact.part")
    monkeypatch.setattr("refinr.codec.keeping.fingerprint", lambda: b"elsewher")
    with pytest.raises(ValueError, match=r"mixed=True \(--mixed\)"):
        refinr.compress(COLOURS, steps=1, journal=path)
    assert refinr.compress(COLOURS, steps=1, journal=path, mixed=True) == expected
    assert refinr.compress(COLOURS, steps=1, reproducible=True, journal=tmp_path / "exact.part") == exact
