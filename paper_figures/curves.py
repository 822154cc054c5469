"""One network on one signal, watched while it learns.

With this you can say how a network is built and trained (`Method`), train it and record its bit errors on the way
(`follow`, `watched`), and space the looks evenly on a logarithmic axis (`looks`).

It is the loop of `refinr.training` with the lights on: no restarts, no freezing, decoded at chosen steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from paper_figures.datafiles import finite, pack
from refinr import chunks, coords, cpu, decisions, lookups, losses, metrics, mlp, optim, planes
from refinr.decompositions import BitCoordinate, Direct, Planes
from refinr.xp import get, to_host


@dataclass(frozen=True)
class Method:
    """How a network is built and trained.

    Parameters
    ----------
    label : str
        For legends.
    lr : float
        Step size of Adam.
    activation : str
    octaves : bool
        Encode coordinates by octaves, up to the last one below the Nyquist frequency of the grid.
    first_scale : float or None
        Scale of the first layer in units of the grid's Nyquist frequency on every axis; None: the activation's own.
    loss : str
    omega, scale : float
        Of the activation.
    table : {"", "a row a sample", "hash grid"}
        Features from a trained table (`refinr.lookups`) in place of coordinates.
    features : int
        Columns of a table.
    rows : int
        Of a level's table at most, for the hash grid.
    """

    label: str
    lr: float
    activation: str = "sine"
    octaves: bool = False
    first_scale: float | None = None
    loss: str = "mse"
    omega: float = 30.0
    scale: float = 10.0
    table: str = ""
    features: int = 2
    rows: int = 1 << 14


LEVELS = 8
"""Of a hash grid, from 4 cells on an axis to one cell between neighbouring samples."""

BASELINES = {
    "Tanh+PE": Method("Tanh+PE", 1e-3, "tanh", octaves=True),
    "ReLU+PE": Method("ReLU+PE", 1e-3, "relu", octaves=True),
    "WIRE": Method("WIRE", 5e-3, "wire", omega=20.0, scale=10.0),
    "Gauss": Method("Gauss", 5e-3, "gauss", scale=30.0),
    "SIREN": Method("SIREN", 1e-4, "sine"),
    "FINER": Method("FINER", 5e-4, "finer"),
}
"""Direct regression as others do it: SIREN's rate from its paper, the other rates and scales from the scripts that
FINER's authors published for their comparison on images."""

OURS = Method("bit coordinate", 1e-3, "sine", first_scale=0.5, loss="bce")
PLANES = Method("bit planes", 3e-3, "sine", first_scale=0.5, loss="bce")


def looks(steps: int, number: int = 24) -> list[int]:
    """Steps at which to look: 0, and then about evenly spaced on a logarithmic axis.

    Examples
    --------
    >>> looks(100, 6)
    [0, 1, 3, 6, 16, 40, 100]
    """
    return [0, *sorted({max(1, round(s)) for s in np.geomspace(1, steps, number)})] if steps else [0]


def specification(method: Method, cut: Any, grid: Sequence[int], hidden: Sequence[int], outputs: int = 1) -> Any:
    """The network's description and its inputs: (N, I), or a grid of tables."""
    axes = cut.axes(tuple(grid))
    x: Any = cut.inputs(tuple(grid))
    if method.octaves:
        last = math.floor(math.log2(max(grid) / 2))  # 2^last periods over the grid: the last at or below Nyquist
        x = coords.positional_encoding(x, last + 1)
    scale = None
    if method.first_scale is not None:
        scale = tuple(method.first_scale * f for f in coords.nyquist(axes))
    if method.table:
        x = trained_inputs(method, axes)
    spec = mlp.MLP(
        sizes=(len(x) * method.features if method.table else x.shape[1], *hidden, outputs),
        activation=method.activation,
        omega=method.omega,
        first_scale=scale,
        scale=method.scale,
    )
    return spec, x


def trained_inputs(method: Method, axes: tuple[int, ...]) -> lookups.Grid:
    """The tables that a method looks its features up in."""
    if method.table == "a row a sample":
        return lookups.per_sample(math.prod(axes))
    finest = max(axes) - 1
    coarsest = min(4, finest)
    return lookups.hash_grid(axes, LEVELS, coarsest, (finest / coarsest) ** (1 / (LEVELS - 1)) + 1e-9, method.rows)


def parameters(method: Method, spec: mlp.MLP, x: Any, nets: int, seed: int) -> mlp.Params:
    """First parameters, those of tables included."""
    params = mlp.init(spec, nets, seed)
    return params | lookups.init(x, method.features, nets, seed) if method.table else params


def multiply_adds(spec: mlp.MLP, x: Any, nets: int, samples: int) -> int:
    """Of one step of training: the products of all layers forward, and twice as many back; rows of tables likewise."""
    products = sum(a * b for a, b in pairwise(spec.sizes))
    if isinstance(x, tuple):
        products += sum(level.rows.shape[1] for level in x) * (spec.sizes[0] // len(x))
    return 3 * products * nets * samples


def follow(
    codes: np.ndarray,
    bits: int,
    cut: Any,
    method: Method,
    hidden: Sequence[int],
    *,
    steps: int,
    seed: int,
    at: Sequence[int] = (),
    images_at: Sequence[int] = (),
    observe: Callable[[np.ndarray], dict[str, Any]] | None = None,
    channels: bool = False,
    by_plane: bool = False,
    xp: str | None = None,
    threads: int = 1,
) -> dict[str, Any]:
    """Train until every bit is right or the steps are used up, looking on the way.

    Parameters
    ----------
    codes : array of unsigned codes (*grid,), or (*grid, C) with `channels`
    bits : int
    cut : a decomposition
        What the network is asked for: `refinr.decompositions` has three; whatever has `levels`, `axes`, `inputs`,
        `targets` and `codes` will do.
    method : Method
    hidden : sequence of ints
    steps, seed : int
    at : steps at which to decode and count
    images_at : those at which to keep the decoded image
    observe : callable, optional
        ``observe(decoded codes)``: more to record at every look.
    by_plane : bool
        Record the bit error rate of every plane (least significant first), not their mean.
    xp : str, optional
        Array library; "cupy" for a GPU.
    threads : int
        Over which the chunks of samples are spread.

    Returns
    -------
    dict in JSON values
        ``exact_at``: the first step at which nothing was wrong, or None; ``at``, ``ber``, ``psnr`` (None where
        infinite), ``rmse`` at every look; ``steps`` taken, ``parameters``, ``multiply_adds`` and processor ``seconds``
        of all steps (looking not included; on a GPU, and with threads, the clock's); ``images`` by step; and lists of
        what `observe` found.
    """
    grid = codes.shape[:-1] if channels else codes.shape
    samples = codes.reshape(math.prod(grid), -1).astype(planes.narrowest(bits))  # (N, C)
    targets = cut.targets(samples)  # (E, N, O)
    spec, inputs = specification(method, cut, grid, hidden, targets.shape[2])
    library = get(xp)
    t = library.asarray(targets)
    x: Any = lookups.beside(inputs, t) if method.table else library.asarray(inputs)
    first = parameters(method, spec, inputs, targets.shape[0], seed)
    params: Any = {n: library.asarray(p) for n, p in first.items()}
    state = optim.adam_init(params)
    record: dict[str, list[Any]] = {"at": [], "ber": [], "psnr": [], "rmse": []}
    images: dict[str, Any] = {}
    loss = "mse" if method.loss == "bce" and cut.levels > 2 else method.loss
    clock = time.thread_time if threads == 1 and library is np else time.perf_counter
    seconds = 0.0
    cpu.recycle_memory()
    with cpu.single_threaded_blas(), ThreadPoolExecutor(threads) as pool:
        helpers = pool if threads > 1 else None
        for step in range(steps + 1):
            start = clock()
            now = _gradients(spec, params, x, t, loss, cut.levels, helpers)
            wrong = int(to_host(now.wrong).sum())
            seconds += clock() - start
            last = wrong == 0 or step == steps
            if last or step in at or step in images_at:
                decoded = cut.codes(_outputs(spec, params, x, helpers)).astype(samples.dtype)
                look(record, step, samples, decoded, bits, observe, by_plane)
                if step in images_at or last:
                    images[str(step)] = pack(decoded.reshape(codes.shape))
            if last:
                break
            start = clock()
            params, state = optim.adam_step(params, now.grads, state, method.lr)
            seconds += clock() - start
    exact_at = step if record["psnr"][-1] is None else None
    return {
        "exact_at": exact_at,
        "steps": step,
        "parameters": sum(int(p.size) for p in params.values()),
        "multiply_adds": step * multiply_adds(spec, inputs, *targets.shape[:2]),
        "seconds": seconds,
        **record,
        "images": images,
    }


def watched(*arguments: Any, steps: int, **options: Any) -> dict[str, Any]:
    """`follow` with `looks` at it, and no image kept: what most figures want of a run."""
    run = follow(*arguments, steps=steps, **({"at": looks(steps)} | options))
    del run["images"]
    return run


def _gradients(spec: mlp.MLP, params: Any, x: Any, t: Any, loss: str, levels: int, pool: Any) -> chunks.Step:
    """`refinr.chunks.gradients`; those of tables with all samples at once."""
    if not isinstance(x, tuple):
        return chunks.gradients(spec, params, x, t, loss=loss, levels=levels, pool=pool)
    tables = {name: p for name, p in params.items() if name[0] == "t"}
    rest = {name: p for name, p in params.items() if name not in tables}
    features, looked = lookups.forward(tables, x)
    z, cache = mlp.forward(spec, rest, features)
    row = losses.get(loss)
    value, dz = row(z, t + row.shift if row.shift else t)
    grads, dx = mlp.backward(spec, rest, cache, dz)
    margins = decisions.margins(z, t, levels)
    right = margins > 0  # NaN is wrong
    wrong = (~right).sum(axis=(1, 2))
    return chunks.Step(value, grads | lookups.backward(dx, looked), wrong, margins.min(axis=(1, 2)))


def _outputs(spec: mlp.MLP, params: Any, x: Any, pool: Any) -> np.ndarray:
    if not isinstance(x, tuple):
        return to_host(chunks.evaluate(spec, params, x, pool))
    return to_host(mlp.forward(spec, params, lookups.forward(params, x)[0])[0])


def look(
    record: dict[str, list[Any]],
    step: int,
    samples: np.ndarray,
    decoded: np.ndarray,
    bits: int,
    observe: Callable[[np.ndarray], dict[str, Any]] | None,
    by_plane: bool,
) -> None:
    """Add one look to a record; the PSNR is None where all samples are right."""
    rates = metrics.bit_error_rate_per_plane(samples, decoded, bits)
    psnr = finite(metrics.psnr(samples, decoded, bits))
    found: dict[str, Any] = {
        "at": step,
        "ber": rates.tolist() if by_plane else _short(float(rates.mean())),
        "psnr": None if psnr is None else _short(psnr),
        "rmse": _short(metrics.rmse(samples, decoded)),
    }
    if observe is not None:
        found |= observe(decoded)
    for name, value in found.items():
        record.setdefault(name, []).append(value)


def _short(number: float) -> float:
    """Six digits: data files are kept in the repository."""
    return float(f"{number:.6g}")


def cut_named(name: str, bits: int) -> Any:
    """A decomposition of `refinr` by the name that `refinr.fit` gives it."""
    return {"planes": Planes, "bit-coordinate": BitCoordinate, "none": Direct}[name](bits)


@dataclass(frozen=True)
class Outputs:
    """One network a signal whose *outputs* are the digits: k bits each, as in the paper's Table 3 (d = 2).

    Examples
    --------
    >>> cut = Outputs(bits=8, radix_bits=4)
    >>> cut.targets(np.array([[255], [15]], dtype="uint8")).tolist()
    [[[0.5, 0.5], [0.5, -0.5]]]
    """

    bits: int
    radix_bits: int = 1

    @property
    def levels(self) -> int:
        """``2^radix_bits``."""
        return 1 << self.radix_bits

    @property
    def _planes(self) -> Planes:
        return Planes(self.bits, self.radix_bits)

    def axes(self, grid: tuple[int, ...]) -> tuple[int, ...]:
        """The grid's own."""
        return grid

    def inputs(self, grid: tuple[int, ...]) -> np.ndarray:
        """Coordinates in [-1, 1]."""
        return coords.grid(grid)

    def targets(self, codes: np.ndarray) -> np.ndarray:
        """Codes (N, C) to targets (1, N, C P)."""
        return np.ascontiguousarray(self._planes.targets(codes)[:, :, 0].T[None])

    def codes(self, z: np.ndarray) -> np.ndarray:
        """Outputs (1, N, C P) to codes (N, C)."""
        return self._planes.codes(z[0].T[:, :, None])
