"""Signals as solved readouts: exact, the same bytes whoever computes them, and files that are not believed."""

from __future__ import annotations

import lzma
import subprocess
import sys
import zlib
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import refinr
from refinr import units
from refinr.decompositions import Place
from refinr.files import container
from refinr.files.streams import COMPRESSIONS
from refinr.readouts import choosing, finding
from refinr.readouts.networks import LONGEST, Readouts, certain
from refinr.readouts.ragged import raw_bytes
from refinr.solving import STORES
from refinr.units import units_of
from tests.helpers import assert_equal_exact

DTYPES = ["?", "<u1", "<i1", ">u2", "<i2", "<u4", "<i8", "<f2", ">f4", "<f8"]
FEW = settings(max_examples=25)


def noise(dtype: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Any bit pattern: NaN with payloads, infinities, -0.0."""
    size = int(np.prod(shape))
    raw = np.random.default_rng(seed).integers(0, 256, (size, np.dtype(dtype).itemsize), dtype=np.uint8)
    return (raw[:, 0] > 99 if dtype == "?" else raw.view(dtype)[:, 0]).reshape(shape)


IMAGE = np.add.outer(np.arange(23) ** 2, 7 * np.arange(31)).astype(np.uint16)
"""Smooth, with ragged tiles."""


@st.composite
def signals(draw: st.DrawFn) -> tuple[np.ndarray, dict[str, Any]]:
    """Signals of every dtype, of one to four dimensions, smooth or not, and how to solve them."""
    dims = draw(st.integers(1, 4))
    shape = tuple(draw(st.lists(st.integers(1, [60, 11, 6, 4][dims - 1]), min_size=dims, max_size=dims)))
    samples = noise(draw(st.sampled_from(DTYPES)), shape, draw(st.integers(0, 99)))
    if samples.dtype.kind in "iu" and draw(st.booleans()):
        samples = np.sort(samples, axis=None).reshape(shape) // samples.dtype.type(3)
    if samples.dtype.kind == "f" and draw(st.booleans()):
        samples.ravel()[:2] = np.array([-0.0, np.nan], samples.dtype)[: samples.size]
    channels = draw(st.booleans()) if dims > 1 else False
    tile = tuple(draw(st.integers(1, 12)) for _ in shape[: dims - channels])
    share = draw(st.sampled_from([None, 0.3, 0.7, 1.0]))
    return samples, {"channels": channels, "tile": tile, "share": share, "seed": draw(st.integers(0, 2**64 - 1))}


HOW: list[dict[str, Any]] = [
    *({"store": store} for store in STORES),
    *({"effort": "small", "store": store} for store in ("float16", "smallest")),
    *({"weights": weights} for weights in ("binary", "ternary")),
]
"""Every kind of weights, and what files hold them in."""


@settings(max_examples=40)
@given(signals(), st.sampled_from(HOW), st.booleans())
def test_every_signal_comes_back_bit_for_bit(tmp_path_factory, signal, how, gray):
    samples, settings = signal
    if "weights" in how or how.get("effort") == "small":
        settings |= {"share": None}
    inr = refinr.solve(samples, gray=gray, **settings, **how)
    path = tmp_path_factory.mktemp("solved") / "a.inr"
    inr.save(path)
    again = refinr.load(path, trusted=True)
    assert again == inr
    for decoded in (inr.decode(), again.decode(), again.decode(xp="array-api-strict")):
        assert (decoded.dtype, decoded.shape) == (samples.dtype, samples.shape)
        assert decoded.tobytes() == samples.tobytes()
    assert inr.report.lossless
    assert inr.report.margin >= 1e-4
    assert refinr.certify(inr, "float32").types["float32"].guaranteed


def test_a_fresh_process_decodes_it(tmp_path):
    refinr.solve(IMAGE).save(tmp_path / "a.inr")
    np.save(tmp_path / "a.npy", IMAGE)
    for verb in (["verify", "a.npy", "a.inr"], ["certify", "a.inr"], ["info", "a.inr"], ["decode", "a.inr", "b.npy"]):
        run = subprocess.run(
            [sys.executable, "-m", "refinr", *verb], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
    assert np.load(tmp_path / "b.npy").tobytes() == IMAGE.tobytes()


def _saved(folder: Path, **settings: Any) -> bytes:
    refinr.solve(noise("<u2", (70, 90)), tile=8, **settings).save(folder / "a.inr")
    return (folder / "a.inr").read_bytes()


def test_the_same_bytes_whoever_computes_them(tmp_path, monkeypatch):
    expected = _saved(tmp_path)
    assert len(units_of(refinr.load(tmp_path / "a.inr").layout)) > 2
    for group in (1, 3000, 10**9):
        assert _saved(tmp_path, group=group) == expected
    for threads in (1, 3):
        with ThreadPoolExecutor(threads) as executor:
            assert _saved(tmp_path, executor=executor) == expected
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:  # threads do not survive a fork
        assert _saved(tmp_path, executor=executor) == expected


def test_a_journal_goes_on_where_it_stopped(tmp_path, monkeypatch):
    expected = _saved(tmp_path)
    calls = []

    def interrupted(task: Any, *args: Any) -> Any:
        calls.append(task.number)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return finding.find(task, *args)

    monkeypatch.setattr("refinr.solving.find", interrupted)
    monkeypatch.setattr("refinr.completing.JOBS_AHEAD", 1)  # each is in the journal before the next begins
    with ThreadPoolExecutor(1) as one, pytest.raises(KeyboardInterrupt, match="networks done"):
        _saved(tmp_path, journal=tmp_path / "j", executor=one)
    assert calls == [0, 1]
    assert _saved(tmp_path, journal=tmp_path / "j") == expected
    assert sorted(calls[2:]) == [1, 2, 3]
    solved = len(calls)
    assert _saved(tmp_path, journal=tmp_path / "j") == expected
    assert len(calls) == solved
    with pytest.raises(ValueError, match="other samples or settings"):
        _saved(tmp_path, journal=tmp_path / "j", share=0.9)


def test_regions_and_points():
    inr = refinr.solve(IMAGE, tile=8, store="smallest")
    assert 0 < inr.params["raw"].shape[0] < inr.report.networks
    assert inr[3:20:2, -9:].tobytes() == IMAGE[3:20:2, -9:].tobytes()
    points = np.argwhere(np.ones(IMAGE.shape, bool))
    np.testing.assert_allclose(inr.at(points), inr.logits().reshape(len(points), 1, -1), rtol=1e-4, atol=1e-4)
    assert np.isfinite(inr.at([[0.5, 0.5], [21.9, 29.99]])).all()


def test_smooth_signals_take_fewer_features_than_noise():
    smooth = refinr.solve(IMAGE)
    rough = refinr.solve(noise("<u2", IMAGE.shape))
    assert smooth.report.parameters_per_bit < 0.5 < rough.report.parameters_per_bit < 0.75
    wanted = refinr.solve(noise("<u2", (32, 32)), share=0.7)
    assert np.mean(wanted.params["features"] == round(0.7 * 256)) > 0.95
    fewest = refinr.solve(IMAGE, effort="small")
    assert fewest.report.parameters < smooth.report.parameters
    assert fewest.decode().tobytes() == IMAGE.tobytes()


def test_a_budget_too_small_is_said_or_made_up_for():
    samples = noise("<u1", (32, 32))
    with pytest.raises(refinr.LosslessError, match=r"budget: 0\.4 features a sample leave 32 of 32 .* for 32 there is"):
        refinr.solve(samples, budget=0.4)
    with pytest.raises(
        refinr.LosslessError, match=r"all of planes 0 to 7 in 4 of 4 tiles; for 32 .* \(of planes 0 to 7 in"
    ):
        refinr.solve(samples, budget=0.4)
    upper = np.where(np.arange(32) < 16, samples & 5, 0).astype(np.uint8)  # two planes of half the tiles
    with pytest.raises(
        refinr.LosslessError, match=r"leave 4 of 12 .* all of planes 0, 2 in 2 of 4 tiles; for 4 .* \(of"
    ):
        refinr.solve(upper, budget=0.3, gray=False)
    inr = refinr.solve(samples, budget=0.4, exact=True)
    assert inr.decode().tobytes() == samples.tobytes()
    assert inr.params["raw"].shape == (32, 32)
    assert inr.report.parameters == inr.report.total_bits
    assert "32 as raw bits" in repr(inr)


@pytest.mark.parametrize(
    "settings",
    [{"weights": "binary"}, {"weights": "ternary"}, {}, {"effort": "small"}, {"store": "int5"}, {"store": "smallest"}],
)
def test_what_is_the_same_everywhere_is_solved_once(settings, monkeypatch):
    """Constants, and tiles that repeat with a pixel changed here and there: as many columns as there are patterns."""
    asked = []
    name = "integer_readouts" if "weights" in settings else "real_readouts"
    solver = getattr(choosing, name)

    def counting(*args: Any, **kwargs: Any) -> choosing.Choice:
        choice = solver(*args, **kwargs)
        asked.append(choice.features.size)
        return choice

    monkeypatch.setattr(choosing, name, counting)
    flat = np.full((160, 160), 77, np.uint8)
    assert refinr.solve(flat, **settings).decode().tobytes() == flat.tobytes()
    assert max(asked) == 1
    asked.clear()
    specks = np.tile(noise("<u1", (16, 16)), (10, 10))
    specks[3::32, 5::48] ^= 64
    inr = refinr.solve(specks, gray=False, **settings)
    assert inr.decode().tobytes() == specks.tobytes()
    assert max(asked) == 9


def test_the_report_says_how_many_steps_it_took():
    fast = refinr.solve(noise("<u1", (32, 32)), share=0.7)
    assert 2 < fast.report.steps < 10
    assert fast.report.steps <= fast.report.most_steps <= 50
    fewest = refinr.solve(noise("<u1", (32, 32)), effort="small")
    assert fewest.report.steps > 50  # attempts that fail count
    assert 1 <= refinr.solve(noise("<u1", (16, 16)), weights="ternary").report.steps < 100


def test_one_word_asks_for_the_smallest_file():
    one = refinr.solve(IMAGE, effort="smallest")
    assert one == refinr.solve(IMAGE, effort="small", store="smallest")
    assert one.store == "int5"
    assert refinr.solve(IMAGE, effort="smallest", store="int8").store == "int8"
    binary = (refinr.solve(IMAGE[:9, :9], effort=effort, weights="binary") for effort in ("small", "smallest"))
    assert next(binary) == next(binary)


def test_raw_bits_where_nothing_is_smaller():
    inr = refinr.solve(np.concatenate([IMAGE.ravel(), noise("<u2", (823,))]), store="smallest")
    packed = inr.layout.network.packed_bytes(inr.params, inr.store)
    assert 0 < len(inr.params["raw"]) < inr.report.networks
    assert 8 * packed < 1.1 * inr.report.total_bits


@pytest.mark.parametrize("weights", ["binary", "ternary"])
@pytest.mark.parametrize("kind", ["float32", "float64", "int32", "array-api-strict"])
def test_weights_of_few_levels_are_the_same_numbers_in_every_arithmetic(tmp_path, weights, kind):
    """Outputs computed by hand from the file, in several arithmetics, with sums in any order: all are equal."""
    samples = noise("<u2", (20, 17))
    refinr.solve(samples, weights=weights).save(tmp_path / "a.inr")
    inr = refinr.load(tmp_path / "a.inr")
    if kind == "array-api-strict":
        assert inr.decode(xp=kind).tobytes() == samples.tobytes()
        assert inr.logits(xp=kind).tobytes() == inr.logits().tobytes()
        return
    network = inr.layout.network
    ragged = network.ragged(inr.params)
    order = np.random.default_rng(1)
    for index, where in enumerate(inr.layout.tiles):
        numbers = inr.layout.networks_of(index)
        logits = inr.logits()[where].reshape(-1, len(numbers))  # (N, E)
        for number, expected in zip(numbers, logits.T, strict=True):
            D = int(ragged.counts[number])
            columns = order.permutation(D)
            F = network.features(D)[: len(expected), columns].astype(kind)
            z = F @ ragged.dense(range(number, number + 1), D)[0, columns].astype(kind)
            assert (z == expected).all()
            assert (z != 0).all()


@pytest.mark.parametrize(("weights", "effort"), [("binary", "fast"), ("ternary", "fast"), ("ternary", "small")])
def test_tiles_at_edges_take_the_features_that_their_samples_need(weights, effort):
    samples = noise("<u1", (20, 24))
    with_edges, without = (refinr.solve(x, tile=8, weights=weights, effort=effort) for x in (samples, samples[:16]))
    sizes, whole = (inr.layout.network.sizes(inr.params["rungs"]) for inr in (with_edges, without))
    assert_equal_exact(sizes[: whole.size], whole)
    assert_equal_exact(with_edges.params["weights"][: whole.sum()], without.params["weights"])
    at_edges = sizes[whole.size :]
    assert 32 * (0.9 if effort == "small" else 1.3) < at_edges.min() <= at_edges.max() < whole.min()
    assert with_edges.decode().tobytes() == samples.tobytes()


def test_signs_are_not_defined_between_samples():
    inr = refinr.solve(IMAGE[:9, :9], weights="ternary", tile=4)
    points = np.argwhere(np.ones((9, 9), bool))
    assert inr.at(points).tobytes() == inr.logits().reshape(81, 1, -1).tobytes()
    with pytest.raises(ValueError, match="points: expected samples, because features of signs are not defined between"):
        inr.at([[0.5, 0.0]])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weights": "complex"}, "weights: unknown name 'complex'"),
        ({"budget": 0.0}, "budget: expected"),
        ({"share": 0.8, "budget": 0.7}, "share: expected above 0 and at most the budget of 0.7, got 0.8"),
        ({"effort": "none"}, "effort: unknown name 'none'"),
        ({"effort": "small", "share": 0.5}, "share: effort 'small' looks for the fewest"),
        ({"weights": "binary", "share": 0.5}, "share, budget: binary weights take what features they need"),
        ({"weights": "binary", "store": "int8"}, "store: binary weights have one of their own"),
        ({"weights": "binary", "tile": 65, "channels": False}, "tile: expected at most 4096 samples"),
        ({"group": 0}, "group: expected"),
        ({"store": "int4"}, "store: unknown name"),
        ({"seed": -1}, "seed: expected"),
        ({"bits": 3}, "bits: the samples need 10, got 3"),
        ({"info": {"a": float("nan")}}, "info: expected"),
        ({"tile": (0, 3)}, "tile: expected"),
    ],
)
def test_wrong_settings_are_named(settings, words):
    with pytest.raises(ValueError, match=words):
        refinr.solve(np.tile(IMAGE, (3, 3)) if "tile" in settings else IMAGE, **settings)


def test_wrong_samples_are_named():
    for samples in (np.zeros(()), np.zeros((0, 3))):
        with pytest.raises(ValueError, match="samples: expected"):
            refinr.solve(samples)
    with pytest.raises(TypeError):
        refinr.solve(np.zeros(3, complex))
    with pytest.raises(ValueError, match=f"tile: expected at most {LONGEST} samples on an axis"):
        refinr.solve(np.zeros(LONGEST + 1, "u1"), tile=64)


# --- files that are anybody's ----------------------------------------------------------------------------------------


def _forged(folder: Path, change: Any, **settings: Any) -> Path:
    inr = refinr.solve(IMAGE, tile=8, **settings)
    inr.save(folder / "a.inr")
    arrays, description = container.read(folder / "a.inr")
    arrays = {name: a.copy() for name, a in arrays.items()}
    change(arrays, description)
    container.write(folder / "b.inr", arrays, description)
    return folder / "b.inr"


def _one_more(arrays: dict, description: dict) -> None:
    arrays["features"][5] += 1


def _raw(arrays: dict, description: dict) -> None:
    arrays["features"][5] = 0


def _more_raw(arrays: dict, description: dict) -> None:
    arrays["raw"] = np.zeros((1, 8), np.uint8)


def _too_many(arrays: dict, description: dict) -> None:
    arrays["features"][5] = 64


def _wide(arrays: dict, description: dict) -> None:
    arrays["features"] = arrays["features"].astype(np.uint32)


def _fewer_networks(arrays: dict, description: dict) -> None:
    arrays["features"] = arrays["features"][:-1]


def _no_weights(arrays: dict, description: dict) -> None:
    del arrays["weights"]


def _shorter(arrays: dict, description: dict) -> None:
    arrays["weights"] = arrays["weights"][:-1]


def _many_networks(arrays: dict, description: dict) -> None:
    description["layout"]["shape"] = [2**30, 2**30]


def _long_tile(arrays: dict, description: dict) -> None:
    description["layout"] |= {"shape": [23 * 31 * 8], "tile": [23 * 31 * 8]}


def _endless_order(arrays: dict, description: dict) -> None:
    description["layout"]["readouts"]["order"] = -1.0


def _no_network(arrays: dict, description: dict) -> None:
    del description["layout"]["readouts"]


def _off_the_ladder(arrays: dict, description: dict) -> None:
    (name,) = (name for name in arrays if name.startswith("rungs_"))  # a stream, and numbers as they are do as well
    rungs = np.frombuffer(INFLATE[name.removeprefix("rungs_")](arrays.pop(name)), np.uint8).copy()
    arrays["rungs"] = rungs
    rungs[5] = 1 + len(description["layout"]["signs"]["ladder"])


def _long_rungs(arrays: dict, description: dict) -> None:
    (name,) = (name for name in arrays if name.startswith("rungs_"))
    arrays[name] = np.frombuffer(zlib.compress(bytes(10**6)), np.uint8)


def _compressed_weights(arrays: dict, description: dict) -> None:
    arrays["weights_zlib"] = np.frombuffer(zlib.compress(arrays.pop("weights")), np.uint8)


def _huge_rung(arrays: dict, description: dict) -> None:
    description["layout"]["signs"]["ladder"][0] = 10**12


def _no_ladder(arrays: dict, description: dict) -> None:
    description["layout"]["signs"]["ladder"] = []


def _other_samples(arrays: dict, description: dict) -> None:
    description["layout"]["signs"]["samples"] = 65


@pytest.mark.parametrize(
    "change",
    [_off_the_ladder, _long_rungs, _compressed_weights, _huge_rung, _no_ladder, _other_samples, _shorter, _more_raw],
)
def test_what_a_file_of_signs_says_is_checked_as_well(tmp_path, change):
    with pytest.raises(ValueError, match=r"b\.inr: its (description|arrays)"):
        refinr.load(_forged(tmp_path, change, weights="binary"), trusted=True)


@pytest.mark.parametrize(
    "change",
    [
        _one_more,
        _raw,
        _more_raw,
        _too_many,
        _wide,
        _fewer_networks,
        _no_weights,
        _shorter,
        _many_networks,
        _long_tile,
        _endless_order,
        _no_network,
    ],
)
def test_what_a_file_says_is_checked_before_anything_is_made_of_it(tmp_path, change):
    with pytest.raises(ValueError, match=r"b\.inr: its (description|arrays)"):
        refinr.load(_forged(tmp_path, change), trusted=True)


INFLATE: dict[str, Any] = {"": np.ndarray.tobytes, "zlib": zlib.decompress, "xz": lzma.decompress}
"""By what follows an array's name."""


@pytest.mark.parametrize("settings", [{}, {"store": "int5"}, {"weights": "binary"}])
def test_changed_weights_are_caught(tmp_path, settings):
    def changed(arrays: dict, description: dict) -> None:
        (name,) = (name for name in arrays if name.startswith("weights"))
        codec = name.removeprefix("weights").strip("_")
        weights = np.frombuffer(INFLATE[codec](arrays[name]), arrays[name].dtype).copy()
        weights[:40] = weights[40:80]
        arrays[name] = np.frombuffer(COMPRESSIONS[codec].compress(weights), np.uint8) if codec else weights

    with pytest.raises(refinr.LosslessError, match="not those that were fitted"):
        refinr.load(_forged(tmp_path, changed, **settings)).decode()


def test_older_versions_are_not_handed_what_they_cannot_read(tmp_path):
    refinr.solve(IMAGE).save(tmp_path / "a.inr")
    assert container.read(tmp_path / "a.inr")[1]["version"] == 3
    refinr.fit(IMAGE[:8, :8], max_steps=0).save(tmp_path / "b.inr")
    assert container.read(tmp_path / "b.inr")[1]["version"] == 2
    refinr.solve(IMAGE, store="smallest").save(tmp_path / "c.inr")
    assert container.read(tmp_path / "c.inr")[1]["version"] == 5
    refinr.solve(IMAGE, weights="binary").save(tmp_path / "d.inr")
    arrays, description = container.read(tmp_path / "d.inr")
    arrays = dict(arrays)
    assert description["version"] == 6
    arrays["rungs"] = refinr.load(tmp_path / "d.inr").params["rungs"]
    assert arrays.pop("rungs_zlib").size < arrays["rungs"].size
    del description["layout"]["signs"]["scrambled"]  # as they were before
    container.write(tmp_path / "d.inr", arrays, description | {"version": 3})
    assert not refinr.load(tmp_path / "d.inr").layout.network.scrambled


# --- parts -----------------------------------------------------------------------------------------------------------


@FEW
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 99))
def test_a_certain_margin_is_beyond_rounding(extent, seed):
    """Of weights that are anything at all: the enclosure's radius stays below half of it."""
    rng = np.random.default_rng(seed)
    extent[0] += 1
    N = int(np.prod(extent))
    network = Readouts(order=1.0, seed=seed)
    counts = rng.integers(1, N, 3)
    weights = rng.standard_cauchy(counts.sum()).astype(np.float32)
    params = network.params(counts, weights, np.zeros((0, raw_bytes(N)), np.uint8), N)
    from refinr.balls import Machines

    (z,) = network.enclosed(Machines(["float32"]), params, Place(range(3), tuple(extent), None, tuple(extent)))
    rms = np.sqrt(np.mean(z.mid**2, axis=1, keepdims=True))
    assert (z.rad[0] <= 0.5 * certain(tuple(extent)) * rms).all()


@FEW
@given(st.lists(st.integers(1, 7), min_size=1, max_size=3), st.integers(0, 99))
def test_units_hold_every_network_once(shape, seed):
    samples = noise("<u1", tuple(shape), seed)
    inr = refinr.solve(samples, tile=(2,) * len(shape), channels=False)
    numbers = [n for unit in units_of(inr.layout) for n in unit.networks]
    assert sorted(numbers) == list(range(inr.layout.networks))
    assert units.batches([1, 2, 3], 2) == [[1, 2], [3]]
