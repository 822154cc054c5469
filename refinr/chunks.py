"""Outputs and gradients over many samples, a chunk at a time.

With this you can evaluate a stack of networks (`evaluate`) and compute its loss and gradients (`gradients`) on a pool
of threads.  Cuts depend on the network's widths and the number of samples alone, and sums on the cuts: the pool has no
say in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

from refinr import decisions, losses, mlp
from refinr.losses import Loss
from refinr.mlp import MLP, Params
from refinr.xp import Array, namespace

MEGABYTE = 2**20 // 4
"""Values of float32 in a megabyte."""

SHORTEST = 1024
"""Samples of a chunk at least: threads hand each other the interpreter longer than they compute shorter ones."""

LONGEST = 4096
"""Samples of a chunk at most: longer ones leave the caches."""


def chunk_length(spec: MLP) -> int:
    """Samples of a chunk at most: as many as make arrays of a megabyte, between `SHORTEST` and `LONGEST`.

    Changing it changes results in their last bits.

    Examples
    --------
    >>> [chunk_length(MLP(sizes=(2, width, 1))) for width in (16, 64, 128, 256, 512)]
    [4096, 4096, 2048, 1024, 1024]
    """
    return min(max(MEGABYTE // max(spec.sizes), SHORTEST), LONGEST)


class Step(NamedTuple):
    """Loss and gradients of a stack of networks, and how right their decisions are.

    Parameters
    ----------
    loss : array ()
        Of all networks.
    grads : dict of arrays
    wrong : array (E,)
        Wrong decisions.
    margin : array (E,)
        The smallest.
    error : array (E,)
        Squared distance of outputs from targets, where these have more than two levels; else `wrong`.  None in a step
        that is not compared by it.
    """

    loss: Array
    grads: Params
    wrong: Array
    margin: Array
    error: Array = None


def _chunks(spec: MLP, samples: int) -> list[slice]:
    parts = -(-samples // chunk_length(spec))
    edges = [samples * i // parts for i in range(parts + 1)]
    return [slice(a, b) for a, b in pairwise(edges)]


def _map(pool: ThreadPoolExecutor | None, work: Callable[[slice], Any], chunks: list[slice]) -> Iterable[Any]:
    return map(work, chunks) if pool is None or len(chunks) == 1 else pool.map(work, chunks)


def evaluate(spec: MLP, params: Params, x: Array, pool: ThreadPoolExecutor | None = None) -> Array:
    """Outputs (E, N, O), computed in the chunks that training uses: to the bit what training saw."""
    parts = list(_map(pool, lambda c: mlp.forward(spec, params, x[c, :])[0], _chunks(spec, x.shape[0])))
    return parts[0] if len(parts) == 1 else namespace(x).concat(parts, axis=1)


def gradients(
    spec: MLP,
    params: Params,
    x: Array,
    targets: Array,
    *,
    loss: str = "bce",
    levels: int = 2,
    pool: ThreadPoolExecutor | None = None,
) -> Step:
    """Loss and gradients over all samples, computed in chunks and summed in their order.

    Parameters
    ----------
    spec : MLP
    params : dict of arrays (E, I, O), (E, 1, O)
    x : array (N, I)
    targets : array (E, N, O)
        As made by `refinr.decisions.targets`.
    loss : str
        A name in `refinr.losses.LOSSES`.
    levels : int
        Number of different digits the outputs stand for.
    pool : ThreadPoolExecutor, optional
        Where to run the chunks; the result does not depend on it.

    Returns
    -------
    Step
    """
    work = partial(_chunk_gradients, spec, params, x, targets, losses.get(loss), levels)
    parts = iter(_map(pool, work, _chunks(spec, x.shape[0])))
    total = next(parts)
    for part in parts:
        for name, grad in part.grads.items():
            total.grads[name] += grad
        xp = namespace(x)
        margin = xp.minimum(total.margin, part.margin)  # NaN wins, as it must
        error = total.error + part.error
        total = Step(total.loss + part.loss, total.grads, total.wrong + part.wrong, margin, error)
    return total


def _chunk_gradients(
    spec: MLP, params: Params, x: Array, targets: Array, loss: Loss, levels: int, chunk: slice
) -> Step:
    xp = namespace(x)
    count = targets.shape[1] * targets.shape[2]
    t = targets[:, chunk, :]
    z, cache = mlp.forward(spec, params, x[chunk, :])
    value, dz = loss(z, t + loss.shift if loss.shift else t, count)
    grads, _ = mlp.backward(spec, params, cache, dz, input_gradient=False)
    margins = decisions.margins(z, t, levels)
    wrong = xp.sum(xp.astype(xp.logical_not(margins > 0), xp.int64), axis=(1, 2))  # NaN is wrong
    error = wrong if levels == 2 else xp.sum((z - t) * (z - t), axis=(1, 2))
    return Step(value, grads, wrong, xp.min(margins, axis=(1, 2)), error)
