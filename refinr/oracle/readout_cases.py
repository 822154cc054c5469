"""Cases of readouts of fixed features: what features see, one step of each solver, decisions and proofs.

With this you can make one family's cases (`readout`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from refinr.oracle.case import Case
from refinr.oracle.making import Draw, make, uniform, until_clear
from refinr.readouts.choosing import legendre

TILES: tuple[tuple[int, ...], ...] = ((1,), (7,), (2, 3), (4, 4), (1, 5), (3, 4, 2), (2, 3, 1, 3))
"""Tiles of one to four axes, some of length 1."""

BINARY = [-1, 1]
TERNARY = [-1, 0, 1]


def readout(rng: Draw) -> Iterator[Case]:
    """Features, steps, decisions, proofs."""
    yield from _features(rng)
    yield from _real(rng)
    yield from _integer(rng)
    yield from _proofs(rng)


def _features(rng: Draw) -> Iterator[Case]:
    ordered: list[tuple[tuple[int, ...], float]]
    ordered = [((1,), 1.0), ((7,), 0.0), ((4, 4), 2.0), ((3, 4, 2), 1.0), ((17, 16), 2.0)]
    for shape, order in ordered:
        u = rng.uniform(size=math.prod(shape))
        yield make(f"readout.feature_ranks.{_name(shape)}", {"u": u}, shape=list(shape), order=order)
    yield make("readout.feature_ranks.equals", {"u": np.zeros(12)}, shape=[3, 4], order=0.0)
    for E, shape in enumerate(TILES, start=1):
        arrays = {"y": uniform(rng, math.prod(shape), E), "w": uniform(rng, math.prod(shape), E)}
        yield make(f"readout.cosine_features.{_name(shape)}", arrays | _ranks(rng, shape, E), shape=list(shape))
    for N, prime, features in ((1, 3, 1), (7, 7, 7), (5, 11, 3), (64, 67, 67)):
        index = np.sort(rng.choice(prime, N, replace=False))
        yield make(f"readout.legendre_features.{N}-{prime}", {"index": index}, prime=prime, features=features)


def _real(rng: Draw) -> Iterator[Case]:
    for (E, shape), level in zip(enumerate(TILES, start=1), (0.0, 0.25, 0.0, 0.25, 0.0, 0.25, 0.0), strict=True):
        arrays = {"signs": _signs(rng, math.prod(shape), E), "a": uniform(rng, math.prod(shape), E)}
        arrays |= _ranks(rng, shape, E)
        name = f"readout.douglas_rachford.{_name(shape)}" + "-level" * (level > 0.0)
        yield make(name, arrays, shape=list(shape), level=level)
    for N, E in ((1, 1), (7, 3), (33, 5)):
        z = abs(uniform(rng, N, E)) + 2.0**-6
        z[N // 2, E // 2] *= -1.0 if N > 1 else 1.0
        yield make(f"readout.readout_margins.{N}x{E}", {"z": z}, margin=2.0**-10)


def _integer(rng: Draw) -> Iterator[Case]:
    for N, D, E in ((1, 3, 1), (7, 11, 3), (33, 43, 5)):
        F = legendre(N, D).matrix()
        size = f"{N}x{D}x{E}"
        w = rng.integers(-1, 2, (D, E), dtype="int8")
        yield make(f"readout.integer_readout.{size}", {"F": F, "w": w})
        arrays = {"F": F.astype(float), "signs": _signs(rng, N, E)}
        inner = {"u": uniform(rng, D, E, scale=1.75), "velocity": uniform(rng, D, E)}
        inner["u"][:3, 0] = 0.5, -0.5, 1.5  # ties that everybody sees
        yield make(f"readout.straight_through.{size}", arrays | inner, rate=1.0)
        for name, levels in (("binary", BINARY), ("ternary", TERNARY)):
            yield until_clear(partial(_messages, rng, f"{name}-{size}", (N, D, E), levels))
    many = legendre(3, 331).matrix()
    yield make("readout.integer_readout.all-agree", {"F": many, "w": many.T.copy()})  # 331 is no number of eight bits


def _messages(rng: Draw, name: str, size: tuple[int, int, int], levels: list[int]) -> Case:
    """One exchange: beliefs of which some are sure, and samples of either opinion."""
    N, D, E = size
    arrays = {"F": legendre(N, D).matrix().astype(float), "signs": _signs(rng, N, E), "g": uniform(rng, N, E)}
    arrays |= {"B": uniform(rng, D, E, scale=3.0), "A": abs(uniform(rng, 1, E))}
    return make(f"readout.message_passing.{name}", arrays, keep=0.25, levels=levels)


def _proofs(rng: Draw) -> Iterator[Case]:
    """Rows that add up to nothing prove it; rows on one side of a plane cannot, whatever their multipliers."""
    for N, D in ((3, 2), (9, 4)):
        A = rng.standard_normal((N, D))
        v = rng.uniform(0.5, 1.5, N)
        A[-1] = -(v[:-1] @ A[:-1]) / v[-1]
        one_side = np.where(np.arange(D) == 0, abs(A), A)
        first = np.arange(N) == 0
        for name, rows, multipliers in (
            ("holds", A, v),
            ("small", A, v * 2.0**-40),
            ("one-side", one_side, v),
            ("negative", A * np.where(first, -1.0, 1.0)[:, None], np.where(first, -v, v)),
            ("few", A, np.where(np.arange(N) < D, v, 0.0)),
            ("zero", A, 0.0 * v),
            ("not-a-number", A, np.where(first, np.nan, v)),
        ):
            yield make(f"readout.certificate.{name}-{N}x{D}", {"rows": rows, "multipliers": multipliers})


def _name(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _signs(rng: Draw, N: int, E: int) -> np.ndarray:
    return rng.choice([-1.0, 1.0], (N, E))


def _ranks(rng: Draw, shape: tuple[int, ...], E: int) -> dict[str, np.ndarray]:
    """Ranks of a tile's features, and how many each network has: from 1 to all."""
    N = math.prod(shape)
    return {"ranks": rng.permutation(N), "features": np.linspace(1, N, E).astype(np.int64)}
