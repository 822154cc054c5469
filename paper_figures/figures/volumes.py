"""The follow-up, Lossless-INR (arXiv 2607.18150), as far as its abstract states it: volumes, in an octree of blocks.

The abstract says that volumes are cut into bit planes, that an octree divides complex regions, and that each block has
a feature grid whose entries are ternary; that no bit is wrong, and the representation compact.  The rest is our choice:
a block has two grids of `WIDTH` ternary features at each corner, as many cells in a small block as in a large one, a
decoder with one hidden layer for all blocks of a size, and the bits as its outputs.  Blocks that are not exact within
the steps are divided in eight; blocks of one value need no grid.  Latent entries are floats, rounded to trits in each
step, with the gradient taken straight through.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import refinr
from paper_figures import claims, fits, style, tuning
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr import coords, cpu, lookups, losses, mlp, optim, planes, ternary, tiling
from refinr.files import trits
from refinr.xp import Array

PICTURES = {
    "volumes": "Left: bits stored for one bit of the volume, every seed (crosses: wrong bits are left); the volume "
    "itself is at 1. Right: the middle slice of each volume, and the edges of the octree's blocks in it, first seed.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"volumes": ["phantom"], "shape": [4, 4, 4], "edges": [4, 2], "cells": 1, "steps": 30, "sweep": 1,
             "seeds": 1},
    "small": {"volumes": ["phantom", "head"], "shape": [16, 16, 8], "edges": [8, 4, 2], "cells": 3, "steps": 300,
              "sweep": 7, "seeds": 3},
    "paper": {"volumes": ["phantom", "head"], "shape": [64, 64, 16], "edges": [16, 8, 4, 2], "cells": 7, "steps": 600,
              "sweep": 7, "seeds": 3},
}  # fmt: skip
HEAD = (24, 24, 4)
"""Where the piece of the head begins."""
WIDTH = 16
HIDDEN = 32
LESS = 0.95
"""Stored bits over others' that count as fewer because of the octree."""
START = 3e-2
"""Step size at which the sweep starts."""
OCTREE = "octree, ternary grids"
PLANES = "networks a plane"
SOLVED = "solved, weights of a bit"
SOLVE: dict[str, Any] = {"weights": "binary", "effort": "fast", "tile": (8, 8, 4), "gray": True}


class Leaf(NamedTuple):
    """A block that is done, or given up at the smallest edge: where it begins, its edge, its wrong bits."""

    corner: tuple[int, ...]
    edge: int
    wrong: int


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """All volumes in all ways, several seeds each."""
    settings = PRESETS[preset]
    volumes = {name: _volume(name, tuple(settings["shape"])) for name in settings["volumes"]}
    edges = settings["edges"]
    ways = {OCTREE: edges} | {f"blocks of {edge}, ternary grids": [edge] for edge in edges}

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        codes = volumes[case["volume"]]
        seeds = stream.integers(2**31, size=settings["seeds"] + 1).tolist()

        def run(lr: float, seed: int, most: int | None) -> dict[str, Any]:
            return octree(codes, ways[case["way"]], settings["cells"], lr, settings["steps"], seed)

        return tuning.tuned(run, START, seeds, settings["sweep"])

    def rival(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        seeds = stream.integers(2**31, size=settings["seeds"]).tolist()
        return {"found": [_rival(case["way"], volumes[case["volume"]], seed) for seed in seeds]}

    rows = each(measure, [{"volume": name, "way": way} for name in volumes for way in ways], rng)
    rivals = each(rival, [{"volume": name, "way": way} for name in volumes for way in (PLANES, SOLVED)], rng, workers=1)
    slices = {name: {"codes": codes[:, :, codes.shape[2] // 2].tolist()} for name, codes in volumes.items()}
    bits = {name: _bits(codes) for name, codes in volumes.items()}
    return {"rows": rows, "rivals": rivals, "bits": bits, "shape": settings["shape"], "edges": edges,
            "limit": settings["steps"] * len(edges), "slices": slices}  # fmt: skip


def _bits(codes: np.ndarray) -> int:
    return int(codes.max()).bit_length()


def _volume(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Codes (*shape): smooth densities of a phantom without noise, or a piece of a measured head with its rim."""
    if name == "head":
        return _head(shape)
    x = coords.grid(shape).reshape(*shape, len(shape))

    def ellipsoid(centre: tuple[float, ...], radii: tuple[float, ...]) -> np.ndarray:
        return np.linalg.norm((x - np.array(centre)) / np.array(radii), axis=-1)

    outer = ellipsoid((0.1, 0.0, 0.0), (0.8, 0.7, 1.2))
    inner = ellipsoid((0.2, 0.1, 0.2), (0.3, 0.3, 0.6))
    density = np.where(outer < 1, 600.0 - 200.0 * outer, 0.0) + np.where(inner < 1, 300.0, 0.0)
    return np.rint(density).astype(np.uint16)


def _head(shape: tuple[int, ...]) -> np.ndarray:
    """A piece of a head measured by magnetic resonance, half of it air; nibabel (MIT) brings it."""
    try:
        import nibabel
    except ImportError as error:
        raise RuntimeError("head: comes with nibabel; pip install '.[figures]'") from error
    path = Path(nibabel.__file__).parent / "tests" / "data" / "example4d.nii.gz"  # two volumes of 128 x 96 x 24 samples
    whole = np.asanyarray(nibabel.load(path).dataobj.get_unscaled())[..., 0]
    where = tuple(slice(first, first + n) for first, n in zip(HEAD, shape, strict=True))
    return np.ascontiguousarray(whole[where]).astype(np.uint16)  # no sample is negative


# --- the octree ------------------------------------------------------------------------------------------------------


def octree(codes: np.ndarray, edges: list[int], cells: int, lr: float, steps: int, seed: int) -> dict[str, Any]:
    """Blocks of the first edge; those that do not become exact in blocks of the next, and so on.

    Returns
    -------
    dict
        ``exact_at`` (steps of all sizes together, None if wrong bits are left), ``ber``, ``stored`` (bits for one bit
        of the volume: trits packed, scales and decoders in float32, constants, the tree), ``leaves`` (corner, edge),
        ``multiply_adds`` and processor ``seconds``.
    """
    bits = _bits(codes)
    start = time.thread_time()
    waiting = [tuple(s.start for s in where) for where in tiling.tiles(codes.shape, (edges[0],) * codes.ndim)]
    leaves: list[Leaf] = []
    taken = work = stored = 0
    for edge in edges:
        stored += len(waiting)  # a bit a block: whether it is of one value
        blocks = {corner: _block(codes, corner, edge) for corner in waiting}
        leaves += [Leaf(corner, edge, 0) for corner, block in blocks.items() if np.ptp(block) == 0]
        stored += bits * sum(np.ptp(block) == 0 for block in blocks.values())
        waiting = [corner for corner, block in blocks.items() if np.ptp(block) > 0]
        if not waiting:
            break
        found = _train(np.stack([blocks[corner].ravel() for corner in waiting]), edge, bits, cells, lr, steps, seed)
        taken += found.steps
        work += found.multiply_adds
        last = edge == edges[-1]
        kept = [k for k, wrong in enumerate(found.wrong) if wrong == 0 or last]
        stored += found.a_block * len(kept) + (found.decoder if kept else 0)
        stored += 0 if last else len(waiting)  # a bit a block: whether it is divided
        leaves += [Leaf(waiting[k], edge, int(found.wrong[k])) for k in kept]
        divided = [corner for k, corner in enumerate(waiting) if k not in set(kept)]
        waiting = [] if last else [child for corner in divided for child in _children(corner, edge)]
    wrong = sum(leaf.wrong for leaf in leaves)
    return {
        "exact_at": taken if wrong == 0 else None,
        "ber": [wrong / (codes.size * bits)],
        "stored": stored / (codes.size * bits),
        "leaves": [[*leaf.corner, leaf.edge] for leaf in leaves],
        "multiply_adds": work,
        "seconds": time.thread_time() - start,
    }


def _block(codes: np.ndarray, corner: tuple[int, ...], edge: int) -> np.ndarray:
    return codes[tuple(slice(i, i + edge) for i in corner)]


def _children(corner: tuple[int, ...], edge: int) -> list[tuple[int, ...]]:
    half = edge // 2
    return [tuple(i + half * k for i, k in zip(corner, at, strict=True)) for at in np.ndindex((2,) * len(corner))]


class _Trained(NamedTuple):
    """Wrong bits of every block, steps, work, and bits to store: of one block's grids, of the decoder."""

    wrong: np.ndarray
    steps: int
    multiply_adds: int
    a_block: int
    decoder: int


def _train(blocks: np.ndarray, edge: int, bits: int, cells: int, lr: float, steps: int, seed: int) -> _Trained:
    """Grids of all blocks (E, N), with one decoder, until every bit is right or the steps are used up."""
    targets = planes.to_planes(blocks, bits).astype(np.float32)  # (E, N, B)
    finest = max(min(cells, edge - 1), 1)
    coarse = max(finest // 2, 1)
    grid = lookups.beside(lookups.hash_grid((edge,) * 3, 2, coarse, finest / coarse + 1e-9, edge**3 + 8), targets)
    spec = mlp.MLP(sizes=(len(grid) * WIDTH, HIDDEN, bits), activation="relu")
    decoder = mlp.init(spec, 1, seed)
    latent = {n: t / lookups.START for n, t in lookups.init(grid, WIDTH, len(blocks), seed).items()}
    params: dict[str, Array] = decoder | latent
    state = optim.adam_init(params)
    with cpu.single_threaded_blas():
        for step in range(steps + 1):
            weights = {name: params[name] for name in decoder}
            entries = {name: np.multiply(*ternary.weight_codes(params[name])) for name in latent}
            features, looked = lookups.forward(entries, grid)  # (E, N, F)
            z, cache = mlp.forward(spec, weights, features.reshape(1, -1, features.shape[2]))
            wrong = ((z.reshape(targets.shape) > 0) != (targets > 0.5)).sum(axis=(1, 2))
            if not wrong.any() or step == steps:
                break
            _, dz = losses.bce_with_logits(z, targets.reshape(z.shape))
            dx: Array
            grads, dx = mlp.backward(spec, weights, cache, dz)
            grads |= lookups.backward(dx.reshape(features.shape), looked)  # straight through the rounding
            params, state = optim.adam_step(params, grads, state, lr)
    a_block = sum(8 * trits.pack(table[0].astype(np.int8)).nbytes + 32 for table in latent.values())
    products = sum(p.size for name, p in decoder.items() if name[0] == "w") + len(grid) * 8 * WIDTH
    return _Trained(
        wrong, step, 3 * step * products * blocks.size, a_block, 32 * sum(int(p.size) for p in decoder.values())
    )


def _rival(way: str, codes: np.ndarray, seed: int) -> dict[str, Any]:
    """One network a plane and tile, or solved readouts with weights of a bit."""
    bits = _bits(codes)
    start = time.process_time()  # nothing else runs
    fitted: Any
    if way == PLANES:
        fitted = refinr.fit(codes, **fits.PLANES, bits=bits, channels=False, seed=seed)
        stored = sum(p.nbytes for p in fitted.params.values())
    else:
        fitted = refinr.solve(codes, **SOLVE, bits=bits, channels=False, seed=seed)
        stored = fitted.layout.network.packed_bytes(fitted.params, fitted.store)
    seconds = time.process_time() - start
    wrong = int(np.bitwise_count(fitted.decode() ^ codes).sum())
    return {"wrong": wrong, "stored": 8 * stored / (codes.size * bits), "seconds": seconds}


# --- what is drawn ---------------------------------------------------------------------------------------------------


def _exact(run: dict[str, Any]) -> bool:
    return run["ber"][-1] == 0 if "ber" in run else run["wrong"] == 0


def _all(data: dict[str, Any], volume: str) -> list[dict[str, Any]]:
    return [row for row in [*data["rows"], *data["rivals"]] if row["volume"] == volume]


def _found(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Of every seed, trained here or a rival's."""
    found: list[dict[str, Any]] = row["found"] if "found" in row else row["runs"]
    return found


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Stored bits, and where the octree divides."""
    names = list(data["bits"])
    sheet, grid = style.figure(len(names), 2, height=1.9, width_ratios=[3, 2])
    for (left, right), name in zip(grid, names, strict=True):
        rows = _all(data, name)
        for index, row in enumerate(rows):
            for run in _found(row):
                marker = "o" if _exact(run) else "x"
                left.plot(run["stored"], index, marker, color=style.COLOURS[index], markersize=5)
        style.rows_of(left, [row["way"] for row in rows], "", [0.3, 1, 3, 10, 30])
        left.axvline(1.0, color="black", linewidth=0.8, linestyle=":")
        left.set_title(f"{name}, {' x '.join(map(str, data['shape']))}, {data['bits'][name]} bits")
        middle = data["shape"][2] // 2
        style.image(right, np.array(data["slices"][name]["codes"]), f"slice {middle} of {data['shape'][2]}")
        for i, j, k, edge in rows[0]["runs"][0]["leaves"]:
            if k <= middle < k + edge:
                right.plot(np.array([j, j + edge, j + edge, j, j]) - 0.5, np.array([i, i, i + edge, i + edge, i]) - 0.5,
                           color=style.COLOURS[3], linewidth=0.9)  # fmt: skip
    grid[-1, 0].set_xlabel("stored bits for a bit of the volume")
    return {"volumes": sheet}


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Bits stored, steps and work, wrong bits; and the octree's blocks."""
    shown = []
    for row in [row for name in data["bits"] for row in _all(data, name)]:
        stored = [run["stored"] for run in _found(row)]
        cells = {"volume": row["volume"], "way": row["way"],
                 "stored bits / bit": f"{np.mean(stored):.2f} ({min(stored):.2f} to {max(stored):.2f})"}  # fmt: skip
        if "lr" in row:
            shown.append(cells | tuning.columns(row, data["limit"]))
        else:
            rates = [run["wrong"] / (math.prod(data["shape"]) * data["bits"][row["volume"]]) for run in row["found"]]
            ber = f"{np.mean(rates):.4f} +- {np.ptp(rates) / 2:.4f}" if any(rates) else "0"
            seconds = np.mean([run["seconds"] for run in row["found"]])
            blank = dict.fromkeys(("step size", "steps to zero wrong bits", "10^9 multiply-adds"), "-")
            shown.append(cells | blank | {"processor seconds": f"{seconds:.2g}", "BER at the end": ber})
    leaves = []
    for row in data["rows"]:
        if row["way"] == OCTREE:
            edges = [leaf[-1] for leaf in row["runs"][0]["leaves"]]
            leaves.append({"volume": row["volume"]} | {f"blocks of {e}": edges.count(e) for e in data["edges"]})
    return {f"{len(data['rows'][0]['runs'])} seeds": shown, "Blocks of the octree, first seed": leaves}


# --- claims ----------------------------------------------------------------------------------------------------------


def _octrees(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in data["rows"] if row["way"] == OCTREE]


def _mean(row: dict[str, Any]) -> float:
    return float(np.mean([run["stored"] for run in _found(row)]))


def _judge_exact(data: dict[str, Any]) -> Finding:
    found = {row["volume"]: [_exact(run) for run in row["runs"]] for row in _octrees(data)}
    ours = "exact runs: " + ", ".join(f"{name} {sum(runs)} of {len(runs)}" for name, runs in found.items())
    every = [all(runs) for runs in found.values()]
    return Finding(ours, claims.verdict(all(every), any(every)))


def _judge_adaptive(data: dict[str, Any]) -> Finding:
    parts = []
    smaller = []
    for row in _octrees(data):
        same = [
            r for r in data["rows"] if r["volume"] == row["volume"] and r is not row and all(map(_exact, r["runs"]))
        ]
        best = min(map(_mean, same), default=np.inf)
        smaller.append(_mean(row) <= LESS * best)
        parts.append(f"{row['volume']} {_mean(row):.2f} against {best:.2f} stored bits a bit")
    return Finding("; ".join(parts), claims.verdict(all(smaller), any(smaller)))


def _judge_compact(data: dict[str, Any]) -> Finding:
    sizes = {row["volume"]: _mean(row) for row in _octrees(data)}
    ours = ", ".join(f"{name} {size:.2f}" for name, size in sizes.items())
    below = [size < 1 for size in sizes.values()]
    return Finding(f"stored bits a bit: {ours}", claims.verdict(all(below), any(below)))


def _judge_planes(data: dict[str, Any], way: str) -> Finding:
    parts = []
    smaller = []
    for row in _octrees(data):
        (other,) = (r for r in data["rivals"] if (r["volume"], r["way"]) == (row["volume"], way))
        smaller.append(_mean(row) < _mean(other))
        parts.append(f"{row['volume']} {_mean(row):.2f} against {_mean(other):.2f} stored bits a bit")
    return Finding("; ".join(parts), claims.verdict(all(smaller), any(smaller)))


CLAIMS = (
    Claim(
        "An octree of blocks with ternary feature grids represents volumes without a wrong bit.",
        "zero bit error rate on diverse volumes, says the abstract",
        "holds if every seed is exact on all volumes, partly if on some volume",
        _judge_exact,
    ),
    Claim(
        "Dividing complex regions keeps the representation compact: the octree stores fewer bits than blocks of one "
        "size.",
        "the abstract's reason for the octree, without numbers",
        f"at most {LESS} times as many as the best size of which every seed is exact; holds on all volumes, partly on "
        "some",
        _judge_adaptive,
    ),
    Claim(
        "The representation is compact: it stores fewer bits than the volume has.",
        "compact, says the abstract, without numbers",
        "holds on all volumes, partly on some",
        _judge_compact,
    ),
    Claim(
        "(Ours.) It stores fewer bits than one small network a plane and tile.",
        "",
        "networks in float32; holds on all volumes, partly on some",
        lambda data: _judge_planes(data, PLANES),
    ),
    Claim(
        "(Ours.) And fewer than solved readouts with weights of one bit.",
        "",
        "holds on all volumes, partly on some",
        lambda data: _judge_planes(data, SOLVED),
    ),
)

FIGURE = Figure(
    title="Volumes: the octree of ternary grids of Lossless-INR (arXiv 2607.18150)",
    shows="the follow-up",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    tables=tables,
    claims=CLAIMS,
)
