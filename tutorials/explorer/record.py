"""What the explorer shows: every bit of a picture while three ways learn it, step by step, kept in `recorded.json`.

    python tutorials/explorer/record.py      takes about two minutes

Pictures have 64 x 64 samples in four tiles. Direct regression and planes get the same number of parameters, a first
layer at half the Nyquist frequency, and each its own best step size of a sweep (benchmarks/results/fair.md). A network
stays as it is once it has no wrong bit, as in `refinr.fit`.

Arrays are base64 of zlib: samples as uint16, least significant byte first; wrong bits as one bit a sample, (steps,
planes, samples), the first sample in the highest bit of a byte.
"""

from __future__ import annotations

import base64
import itertools
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refinr import coords, cpu, losses, mlp, optim, planes
from refinr.cli import demo
from refinr.decompositions import Direct, Planes
from refinr.readouts import real
from refinr.readouts.features import Cosines

RECORDED = Path(__file__).parent / "recorded.json"
STEPS = (*range(9), 10, 12, 14, 16, 18, 20, 23, 26, 29, 32, 36, 40, 45, 50, 55, 60, 66, 72, 80, 90, 100, 110, 120, 130)
STEPS += (140, 150, 160, 170, 180, 190, 200, 210, 220, 230, 240)
SEEDS = 8
SIDE, TILE = 64, 32
N = TILE * TILE
PLANES_LR = 2**-6
HALF = tuple(0.5 * f for f in coords.nyquist((TILE, TILE)))
NARROW = mlp.MLP(sizes=(2, 27, 27, 1), first_scale=HALF)
FEATURES = round(0.6 * N)
"""Of a solved readout: a little above N / 2, which planes of noise need (Cover)."""


class Signal(NamedTuple):
    """A picture, and the step size at which direct regression of it takes the fewest steps."""

    title: str
    codes: np.ndarray
    direct_lr: float


class Way(NamedTuple):
    """A way to represent tiles (T, N): its decisions, codes (T, N), after every step from 0 on."""

    title: str
    about: str
    decisions: Callable[[Signal, np.ndarray, int, int], Iterator[np.ndarray]]
    size: Callable[[int], tuple[int, int]]
    """From the number of bits: parameters of all networks, and multiply-adds of a step of all, in millions."""


def pictures() -> list[Signal]:
    """A landscape of 10 bits, and README's image of 16."""
    heights = demo.demo_signals()["elevation"][100 : 100 + SIDE, 100 : 100 + SIDE]
    y, x = np.mgrid[0:SIDE, 0:SIDE] / 64
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE))
    waves = 50000 * (0.5 + 0.5 * np.sin(9 * x + 5 * y * y)) + noise
    return [
        Signal("a landscape, 10 bits", (heights - heights.min()).astype("uint16"), direct_lr=2**-9),
        Signal("waves and noise, 16 bits", waves.astype("uint16"), direct_lr=2**-10),
    ]


def wide(bits: int) -> mlp.MLP:
    """Direct regression's network: two hidden layers, as many parameters as all planes' networks of a tile."""
    budget = bits * mlp.parameter_count(NARROW)
    specs = (mlp.MLP(sizes=(2, d, d, 1), first_scale=HALF) for d in range(300, 0, -1))
    return next(spec for spec in specs if mlp.parameter_count(spec) <= budget)


def trained(spec: mlp.MLP, targets: np.ndarray, cut: Any, loss: Any, lr: float, seed: int) -> Iterator[np.ndarray]:
    """Outputs (E, N, 1) after every step; networks whose codes are right stay as they are."""
    params = mlp.init(spec, nets=len(targets), seed=seed)
    x, state = coords.grid((TILE, TILE)), optim.adam_init(params)
    kept, done = np.zeros(targets.shape, "float32"), np.zeros(len(targets), bool)
    while True:
        z, cache = mlp.forward(spec, params, x)
        kept[~done] = z[~done]
        done |= (cut(z) == cut(targets)).all(axis=(1, 2))
        yield kept
        grads, _ = mlp.backward(spec, params, cache, loss(z, targets)[1])
        params, state = optim.adam_step(params, grads, state, lr=lr)


def direct(signal: Signal, tiles: np.ndarray, bits: int, seed: int) -> Iterator[np.ndarray]:
    """One network a tile, trained towards the value."""
    cut = Direct(bits)
    targets = np.concatenate([cut.targets(tile[:, None]) for tile in tiles])  # (T, N, 1)

    def codes(z: np.ndarray) -> np.ndarray:
        return np.stack([cut.codes(net[None]) for net in z])  # (T, N, 1)

    for z in trained(wide(bits), targets, codes, losses.mse, signal.direct_lr, seed):
        yield codes(z)[..., 0]


def bit_planes(signal: Signal, tiles: np.ndarray, bits: int, seed: int) -> Iterator[np.ndarray]:
    """One network a tile and plane, trained towards the bit."""
    cut = Planes(bits)
    targets = np.concatenate([cut.targets(tile[:, None]) + 0.5 for tile in tiles])  # (T * B, N, 1)

    def decided(z: np.ndarray) -> np.ndarray:
        return z > (0.5 if z is targets else 0)

    for z in trained(NARROW, targets, decided, losses.bce_with_logits, PLANES_LR, seed):
        yield joined((z > 0)[..., 0], bits)


def solved(signal: Signal, tiles: np.ndarray, bits: int, seed: int) -> Iterator[np.ndarray]:
    """One readout a tile and plane, of fixed cosines: the steps of the convex solver."""
    basis = Cosines((TILE, TILE), order=1.0, seed=seed)
    cut = planes.to_planes(tiles, bits)  # (T, N, B)
    S = np.where(cut.transpose(1, 0, 2).reshape(N, -1) == 1, np.float32(1), np.float32(-1))  # (N, T * B)
    a, mask = np.ones_like(S), basis.mask(FEATURES, S)
    kept, done = np.zeros(S.shape, bool), np.zeros(S.shape[1], bool)
    while True:
        yield joined(kept.T, bits)
        _, z, a = real.douglas_rachford(basis, S, a, mask)
        kept[:, ~done] = (z * S > 0)[:, ~done]
        done |= real.clear(z, real.MARGIN)


def joined(decided: np.ndarray, bits: int) -> np.ndarray:
    """From decisions (T * B, N) to codes (T, N)."""
    cut = decided.reshape(-1, bits, N).transpose(0, 2, 1).astype("uint8")
    return planes.from_planes(cut, bits, dtype="uint16")


def of_networks(count: int, spec: mlp.MLP) -> tuple[int, int]:
    """Parameters and, of a step (forward and back), million multiply-adds of so many networks."""
    forward = sum(a * b for a, b in itertools.pairwise(spec.sizes))
    return count * mlp.parameter_count(spec), round(3 * count * N * forward / 1e6)


WAYS = [
    Way(
        "Direct regression",
        "One network for each tile, trained towards the value, which is then rounded.",
        direct,
        lambda bits: of_networks(4, wide(bits)),
    ),
    Way(
        "Bit planes",
        "One small network for each tile and plane, trained to answer yes or no.",
        bit_planes,
        lambda bits: of_networks(4 * bits, NARROW),
    ),
    Way(
        "Solved readouts",
        "One linear readout of fixed cosines for each tile and plane, found by a convex solver.",
        solved,
        lambda bits: (4 * bits * FEATURES, round(4 * bits * N * 4 * TILE / 1e6)),
    ),
]


def tiles_of(picture: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE) as tiles (T, N)."""
    return picture.reshape(SIDE // TILE, TILE, -1, TILE).swapaxes(1, 2).reshape(-1, N)


def picture_of(tiles: np.ndarray) -> np.ndarray:
    """The inverse of `tiles_of`."""
    return tiles.reshape(SIDE // TILE, -1, TILE, TILE).swapaxes(1, 2).reshape(SIDE, SIDE)


def steps_until_exact(codes: Iterator[np.ndarray], wanted: np.ndarray) -> int | None:
    """The first step after which nothing is wrong; None if there is none up to the last."""
    return next((step for step, these in enumerate(codes) if np.array_equal(these, wanted)), None)


def record(signal: Signal, way: Way) -> dict[str, Any]:
    """Wrong bits of seed 0 after `STEPS`, and for all seeds the steps until there are none."""
    tiles, bits = tiles_of(signal.codes), int(signal.codes.max()).bit_length()

    def run(seed: int) -> Iterator[np.ndarray]:
        return itertools.islice(way.decisions(signal, tiles, bits, seed), STEPS[-1] + 1)

    wrong = [picture_of(codes ^ tiles).reshape(-1) for step, codes in enumerate(run(0)) if step in STEPS]
    cut = planes.to_planes(np.array(wrong), bits)  # (steps, samples, B)
    parameters, million = way.size(bits)
    return {
        "title": way.title,
        "about": way.about,
        "parameters": parameters,
        "million": million,
        "until": [steps_until_exact(run(seed), tiles) for seed in range(SEEDS)],
        "wrong": packed(np.packbits(cut.swapaxes(1, 2), axis=-1)),  # (steps, B, samples / 8)
    }


def packed(array: np.ndarray) -> str:
    """Bytes of an array, deflated, as text."""
    return base64.b64encode(zlib.compress(array.tobytes(), 9)).decode()


def main() -> None:
    """Record all and keep it."""
    recorded: dict[str, Any] = {"side": SIDE, "steps": STEPS, "signals": []}
    with cpu.single_threaded_blas():
        for signal in pictures():
            ways = [record(signal, way) for way in WAYS]
            print(signal.title, {way["title"]: way["until"] for way in ways})
            bits = int(signal.codes.max()).bit_length()
            recorded["signals"].append(
                {"title": signal.title, "bits": bits, "codes": packed(signal.codes), "ways": ways}
            )
    RECORDED.write_text(json.dumps(recorded, indent=1) + "\n")


if __name__ == "__main__":
    main()
