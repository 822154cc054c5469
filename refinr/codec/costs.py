"""What a `.rinr` file may ask for: samples, work and memory, counted from its header before any of them is spent.

With this you can count what decoding a file takes (`cost`) and refuse what is out of proportion to its size (`check`).

Memory is an upper bound on what decoding holds at once, beside the file, without an executor.  Operations are
nanoseconds of one core's time, about: so the same file is taken by fast machines and slow ones.  Most of them are calls
of small arrays: a wave of samples takes some hundred microseconds however few they are, and so does every turn of the
coder's lanes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from refinr.codec import bits, contexts, counts, cuts, header, network, parameters, stream, symbols
from refinr.codec.arrangement import Arrangement
from refinr.files.budget import Budget, Cost, at_most

WAVE = 300_000
"""Operations of a wave, its contexts and its networks."""

TURN = 20_000
BRANCH = 35_000
"""Operations of a turn of the lanes, and of each choice among branches in it."""

SAMPLE = 1_500
"""Operations of a choice among branches for one sample."""

NEIGHBOUR = 40
"""Operations of a neighbour of a sample."""

PLANE = 500
"""Operations of a plane for one sample, beside its network's."""

STEP = 5_000_000
"""Operations of a step of an adaptive model, beside its products."""

COUNTED = 5_000
"""Operations of a sample whose level is counted, beside its levels."""

BYTE = 20
"""Operations of a byte that xz unpacks, or that is copied and checked."""

XZ_MEMORY = 10_000_000
"""Bytes that xz's dictionary takes."""


@dataclass(frozen=True)
class Limits(Budget):
    """What a file may ask for: a budget, as for files of other formats but with more time, and samples.

    Parameters
    ----------
    memory, memory_a_byte : float
        As in `refinr.files.budget.Budget`.
    operations : float
        Operations that any file may ask for: a slab of networks' samples.
    operations_a_byte : float
        Operations that each byte of a file may ask for besides.
    samples, samples_a_byte : int
        Samples, in the same way as memory.
    """

    operations: float = 1.5e10
    operations_a_byte: float = 2e5
    samples: int = 1 << 22
    samples_a_byte: int = 4096


def check(found: header.Header, size: int, limits: Limits | None = None) -> None:
    """Refuse what is out of proportion to `size`, the bytes of a file.

    Raises
    ------
    ValueError
        If more is asked for than `limits`, by default `Limits()`.
    """
    allowed = limits or Limits()
    what = f"{size} bytes"
    at_most(what, math.prod(found.shape), max(allowed.samples, allowed.samples_a_byte * size), "{:.0f} samples")
    needed = cost(found)
    most = max(allowed.memory, allowed.memory_a_byte * size)
    at_most(what, needed.memory, most, "up to {:.3g} bytes of memory")
    at_most(what, needed.operations, allowed.operations + allowed.operations_a_byte * size, "{:.3g} operations")


def cost(found: header.Header) -> Cost:
    """What decoding all of a file takes at most."""
    grid = cuts.grid_of(found.shape)
    blocks = cuts.blocks(grid) if len(found.slabs) > 1 else [tuple(slice(0, n) for n in grid)]
    itemsize = found.dtype.itemsize
    memory = 0.0
    operations = 0.0
    unpacked = any(slab.kind == header.XZ or slab.low for slab in found.slabs)
    networks = Cost(0.0, 0.0) if found.coding is None else _networks(found.coding, grid)
    known: dict[tuple[tuple[int, ...], int, int], Cost] = {}
    for slab, block in zip(found.slabs, blocks, strict=False):
        shape = tuple(side.stop - side.start for side in block)
        key = (shape, slab.kind, slab.lanes)
        if key not in known:
            plain = math.prod(shape) * itemsize
            known[key] = Cost(4.0 * plain, BYTE * plain)
            if slab.kind == header.MODEL and found.coding is not None:
                coded = _coded(found.coding, shape, slab.lanes)
                known[key] = Cost(4.0 * plain + coded.memory, BYTE * plain + coded.operations)
        memory = max(memory, known[key].memory + slab.size + slab.low)
        operations += known[key].operations
    return Cost(
        math.prod(found.shape) * itemsize + 500 * len(blocks) + XZ_MEMORY * unpacked + memory + networks.memory,
        operations + networks.operations,
    )


def _networks(coding: header.Coding, grid: tuple[int, ...]) -> Cost:
    """Reading the networks, and the list of levels that occur."""
    sizes = [size for size in parameters.sizes_of(coding, grid) if size is not None]
    counts = [math.prod(shape) for size in sizes for shape in network.shapes(size).values()]
    lanes = 1 + sum(counts) // parameters.LANE
    turn, branches = _turn(parameters.LEVELS)
    turns = sum(counts) / lanes + len(counts)
    listed = coding.recipe.levels if coding.recipe.used else 0
    operations = turns * turn + sum(counts) * branches * SAMPLE + len(counts) * WAVE + 100 * listed
    return Cost(_distributions(max(counts, default=0)) + 40.0 * sum(counts) + 40.0 * listed, operations)


def _coded(coding: header.Coding, shape: tuple[int, ...], lanes: int) -> Cost:
    """Decoding a slab with its networks."""
    arrangement = Arrangement(shape, coding.axes, coding.channels)
    samples = math.prod(shape)
    waves = min(samples, arrangement.steps * len(arrangement.roles))
    widest = min(samples, arrangement.size // max(arrangement.work_shape))
    if coding.model == header.COUNTS:
        levels = min(coding.recipe.levels, counts.MOST_LEVELS)
        operations = waves * WAVE + (samples / lanes + waves) * TURN + samples * (COUNTED + 100 * levels)
        tables = 8.0 * levels * len(counts.REACH) * counts.PLACES
        return Cost(180.0 * arrangement.size + tables + (2000.0 + 60.0 * levels) * widest + 32.0 * lanes, operations)
    turn, branches = _turn(coding.recipe.levels)
    neighbours = max(contexts.widths(arrangement, role)[1] for role in arrangement.roles)
    products = 0
    hidden = 0
    for size in parameters.sizes_of(coding, shape):
        if size is not None:
            products = max(products, size.hidden * (size.inputs + size.outputs) + 40 * size.lags)
            hidden = max(hidden, size.hidden)
    planes = bits.planes(coding.recipe.levels)
    if coding.model == "planes":  # a network for every bit, and a turn of the lanes
        turn = planes * (TURN + BRANCH)
        waves *= planes
        products = planes * (products + PLANE)
    groups = 0
    if coding.model == "adaptive":
        groups = min(waves, 1 + samples // (stream.ADAPTED // 2) * len(arrangement.roles))
        products *= 4
    operations = (
        waves * WAVE
        + (samples / lanes + waves) * turn
        + groups * STEP
        + samples * (branches * SAMPLE + NEIGHBOUR * neighbours + products)
    )
    chunk = min(samples, max(stream.CHUNK, widest))
    neighbours += coding.lags
    memory = (
        180.0 * arrangement.size  # times, places, levels, samples while they are put in order
        + 64.0 * neighbours * chunk  # places of neighbours while they are found
        + (80.0 * neighbours + 40.0 * hidden) * widest
        + _distributions(widest)
        + 32.0 * lanes
    )
    return Cost(memory, operations)


def _turn(levels: int) -> tuple[int, int]:
    """Operations of a turn of the lanes, and choices among branches in it."""
    turns = symbols.digits(levels)
    branches = sum(-(-width // symbols.BRANCH_BITS) for width, _ in turns)
    return len(turns) * TURN + branches * BRANCH, branches


def _distributions(count: int) -> float:
    """Bytes of distribution functions at the ends of all branches, while they are computed."""
    return 3600.0 * count
