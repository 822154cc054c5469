"""What a file may ask for: work and memory, counted from its description before either is spent.

With this you can count what decoding a layout takes (`cost`), and its certificate (`certificate_cost`), and refuse what
is out of proportion to the file that asks for it (`check`).

Memory is an upper bound on what decoding holds at once, beside the file and what was loaded before: the samples, lists
of tiles, inputs, and in every thread parameters as they are computed with and activations of a chunk.  Operations are
multiply-adds, and what takes as long as so many: so the same file is taken by fast machines and slow ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from refinr import cpu, tiling
from refinr.absent import Absent
from refinr.balls import Machines
from refinr.chunks import chunk_length
from refinr.files.budget import Budget, Cost, at_most
from refinr.layout import PORTION, Layout
from refinr.perceptrons import Perceptrons
from refinr.readouts.networks import Readouts
from refinr.readouts.signs import SignReadouts

TILE = 200_000
"""Operations: what a tile takes besides its networks, a fifth of a millisecond of calls."""

VALUE = 20
"""Operations: a sine, or what turns an output into a sample."""

ACTIVATIONS = 10
"""Arrays of the size of a hidden layer's outputs that an evaluation holds for it at most; GELU has most."""

FEWER = {"sine": 3, "finer": 5, "finer-stopped": 5, "wire": 7, "relu": 4, "tanh": 4, "gauss": 5}
"""What is known of others."""

ONCE = 200_000
"""Bytes: what is made once, however small the array is."""

OUTPUTS = 4
"""Arrays of the size of the outputs."""

WEIGHTS = 3
"""Arrays of the size of the parameters that a thread makes of them."""

COORDINATE = 12
"""Bytes that a bare coordinate takes while it is made, and `ENCODED`, those of an encoded one."""

ENCODED = 28


@dataclass(frozen=True)
class Limits(Budget):
    """What a file may ask for: a budget, as for files of other formats, and outputs.

    Parameters
    ----------
    memory, memory_a_byte, operations, operations_a_byte : float
        As in `refinr.files.budget.Budget`, for each byte of a file's arrays.
    outputs, outputs_a_byte : int
        Outputs of networks, in the same way as memory: refinr's own files stay far below.
    """

    outputs: int = 1 << 22
    outputs_a_byte: int = 64


def check(layout: Layout, size: int, limits: Limits | None = None, needed: Cost | None = None) -> None:
    """Refuse what is out of proportion to `size`, the bytes of a file's arrays; `needed` is by default decoding's cost.

    Raises
    ------
    ValueError
        If more is asked for than `limits`, by default `Limits()`.
    """
    allowed = limits or Limits()
    needed = needed or cost(layout)
    what = f"{size} bytes of arrays"
    at_most(what, layout.outputs_in_all, max(allowed.outputs, allowed.outputs_a_byte * size), "{:.0f} outputs")
    at_most(what, needed.memory, allowed.bytes_for(size), "up to {:.3g} bytes of memory")
    at_most(what, needed.operations, allowed.operations + allowed.operations_a_byte * size, "{:.3g} operations")


def cost(layout: Layout, threads: int | None = None) -> Cost:
    """What decoding all of a layout takes at most.

    Parameters
    ----------
    layout : Layout
    threads : int, optional
        As many as decoding would have, by default.
    """
    outputs = layout.networks_each * layout.outputs_each  # of a tile
    samples = math.prod(layout.shape)
    job = _job(layout, threads)
    tiles = job.tiles
    each = job.each
    axes = len(layout.grid)
    work_memory, work_operations = COSTS[type(layout.network)](layout.network, job)
    memory = (
        ONCE
        + samples * np.dtype(layout.dtype).itemsize
        + tiles * (440 + 120 * axes)  # slices, sizes, and what is under way
        + 40 * tiles * each  # numbers of every network
        + 4 * outputs * min(PORTION, tiles)  # evaluated ahead
        + 24 * outputs  # decisions, digits
        + (64 + 3 * layout.cut.bits) * math.prod(layout.tile) * layout.channels  # codes, what is wrong and undecided
        + work_memory
    )
    operations = tiles * TILE + VALUE * layout.outputs_in_all + work_operations
    return Cost(memory, operations)


def certificate_cost(layout: Layout, types: int, threads: int | None = None) -> Cost:
    """What certifying all of a layout takes at most, in so many float types.

    Parameters
    ----------
    layout : Layout
    types : int
    threads : int, optional
        As many as certifying would have, by default.
    """
    job = _job(layout, threads)
    outputs = layout.networks_each * layout.outputs_each  # of a tile
    work = CERTIFIED[type(layout.network)](layout.network, job, types)
    memory = (
        ONCE
        + math.prod(layout.shape) * 8  # bits that the file keeps itself, of all tiles
        + job.tiles * (2400 + 120 * len(layout.grid) + 16 * types * layout.cut.bits)  # what is found of each
        + job.at_once * 8 * (4 * types + 4) * outputs  # balls, distances and what is to spare
        + work.memory
    )
    return Cost(memory, 2 * job.tiles * TILE + VALUE * types * layout.outputs_in_all + work.operations)


# --- kinds of networks -----------------------------------------------------------------------------------------------


class Job(NamedTuple):
    """What networks are to be evaluated on."""

    axes: tuple[int, ...]
    """Of a full tile."""
    each: int
    """Networks of a tile."""
    tiles: int
    extents: int
    """Different extents of tiles."""
    at_once: int
    """Tiles, or runs of them, that are under way at any time."""


def _job(layout: Layout, threads: int | None) -> Job:
    tiles = tiling.tile_count(layout.grid, layout.tile)
    ragged = sum(n % t > 0 for n, t in zip(layout.grid, layout.tile, strict=True))
    at_once = min(threads or cpu.workers(), tiles)  # no more are under way than there are
    return Job(layout.cut.axes(layout.tile), layout.networks_each, tiles, min(tiles, 2**ragged), at_once)


def _perceptrons(network: Perceptrons, job: Job) -> Cost:
    widths = network.spec.sizes
    samples = math.prod(job.axes)
    chunk = min(samples, chunk_length(network.spec))
    products = sum(a * b for a, b in pairwise(widths))
    layers = ACTIVATIONS if network.spec.layer != "linear" else FEWER.get(network.spec.activation, ACTIVATIONS)
    held = layers * sum(widths[1:-1]) + OUTPUTS * widths[-1]
    evaluated = WEIGHTS * (products + sum(widths)) + chunk * held + 2 * samples
    inputs = samples * widths[0]
    made = (COORDINATE if network.encoding is None else ENCODED) * inputs
    memory = job.at_once * (4 * job.each * evaluated + made) + job.extents * 4 * inputs  # float32
    operations = job.tiles * job.each * samples * (products + VALUE * sum(widths)) + job.extents * VALUE * inputs
    return Cost(memory, operations)


def _readouts(network: Readouts, job: Job) -> Cost:
    samples = math.prod(job.axes)
    outputs = job.each * samples
    together = max(outputs, min(network.together, job.tiles * outputs))  # tiles that are evaluated side by side
    waves = sum(n * n for n in job.axes) * 40 + samples * 80  # angles, cosines and ranks while they are made
    memory = job.at_once * (24 * together + waves)
    return Cost(memory, job.tiles * outputs * (sum(job.axes) + VALUE) + job.extents * waves)


def _signs(network: SignReadouts, job: Job) -> Cost:
    most = max(network.ladder)
    together = max(job.each, min(network.together // network.samples, job.tiles * job.each))  # networks, side by side
    matrix = network.samples * most
    memory = job.at_once * (24 * matrix + 16 * together * (most + network.samples))
    calls = -(-job.tiles * job.each // together)
    rungs = min(len(network.ladder), together)
    return Cost(memory, job.tiles * job.each * matrix + VALUE * calls * rungs * matrix)


def _absent(network: Absent, job: Job) -> Cost:
    outputs = job.each * math.prod(job.axes)
    return Cost(8 * job.at_once * outputs, job.tiles * outputs)


COSTS: dict[type, Callable[[Any, Job], Cost]] = {
    Perceptrons: _perceptrons,
    Readouts: _readouts,
    SignReadouts: _signs,
    Absent: _absent,
}
"""What evaluating each kind of `refinr.layout.NETWORKS` takes."""


# --- and their certificates ------------------------------------------------------------------------------------------


def _certified_perceptrons(network: Perceptrons, job: Job, types: int) -> Cost:
    """Radii beside every value, of a few samples at a time."""
    widths = network.spec.sizes
    samples = math.prod(job.axes)
    products = [a * b for a, b in pairwise(widths)]
    values = min(max(Machines.meeting, job.each * max(widths)), samples * job.each * max(widths))  # of a layer
    inputs = samples * widths[0]
    made = (COORDINATE if network.encoding is None else ENCODED) * inputs
    held = 8 * (12 * types + 4) * values + 8 * WEIGHTS * job.each * max(products)
    memory = job.at_once * (held + made) + job.extents * 4 * inputs
    each = (types + 2) * sum(products) + 5 * VALUE // 2 * types * sum(widths)
    return Cost(memory, job.tiles * job.each * samples * each + job.extents * VALUE * inputs)


def _certified_readouts(network: Readouts, job: Job, types: int) -> Cost:
    outputs = job.each * math.prod(job.axes)
    waves = sum(n * n for n in job.axes) * 40 + math.prod(job.axes) * 80
    memory = job.at_once * (8 * (6 * types + 4) * outputs + waves)
    each = (2 * types + 1) * sum(job.axes) + VALUE * types * len(job.axes)
    return Cost(memory, job.tiles * outputs * each + job.extents * waves)


def _certified_signs(network: SignReadouts, job: Job, types: int) -> Cost:
    return _signs(network, job)


def _certified_absent(network: Absent, job: Job, types: int) -> Cost:
    return _absent(network, job)


CERTIFIED: dict[type, Callable[[Any, Job, int], Cost]] = {
    Perceptrons: _certified_perceptrons,
    Readouts: _certified_readouts,
    SignReadouts: _certified_signs,
    Absent: _certified_absent,
}
"""What enclosing the outputs of each kind takes in so many float types."""
