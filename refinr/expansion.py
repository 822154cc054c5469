"""Bits that were never there: from the high planes of an image to all of them (the paper's Table 5).

With this you can expand an image of m bits to n by a network (`expand`) or by arithmetic (`BASELINES`).

A bit-coordinate network (Eq. 8) is a function of place *and plane*.  Trained on the m planes that are known, at their
places among n on the bit axis, it also has values at the n - m planes below, where nobody told it any.  Those are what
it adds.  The known planes are kept as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from refinr import coords, cpu, decisions, planes, tiling, training
from refinr.chunks import evaluate
from refinr.mlp import MLP


def expand(
    codes: np.ndarray,
    bits: int,
    to: int,
    *,
    tile: int = 32,
    hidden: Sequence[int] = (64, 64, 64, 64),
    omega: float = 30.0,
    bit_scale: float | None = None,
    lr: float = 1e-3,
    max_steps: int = 1000,
    seed: int = 0,
    **options: Any,
) -> np.ndarray:
    """Codes of more bits whose high bits are those given, and whose low ones a network extrapolates.

    Parameters
    ----------
    codes : array (H, W) or (H, W, C) of unsigned integers
    bits : int
        What they have.
    to : int
        What they are to have; at most 64.
    tile, hidden, omega, lr, max_steps, seed
        As in `refinr.fit`, for ``decomposition="bit-coordinate"``.
    bit_scale : float, optional
        Scale of the first layer along the bit axis, see `refinr.mlp.MLP`; half the axis's Nyquist frequency by default.
    options
        More of `refinr.training.Options`.

    Returns
    -------
    expanded : array of the narrowest unsigned dtype
        ``expanded >> (to - bits)`` equals `codes`.

    Raises
    ------
    ValueError
        For codes that are no image, are wider than `bits`, or for `to` below `bits`.

    Examples
    --------
    >>> image = (np.arange(64).reshape(8, 8) * 4 % 256).astype("uint8")
    >>> expanded = expand(image, 8, 10, max_steps=50)
    >>> expanded.dtype, bool((expanded >> 2 == image).all())
    (dtype('uint16'), True)
    """
    _check(codes, bits, to)
    grid, channels = codes.shape[:2], (*codes.shape, 1)[2]
    shape = tiling.tile_shape(grid, tile)
    added = to - bits
    if not added:
        return codes.astype(planes.narrowest(to))
    axes = (*shape, to)
    scales = [0.5 * f for f in coords.nyquist(axes)]
    scales[-1] = scales[-1] if bit_scale is None else bit_scale
    spec = MLP((3, *hidden, 1), omega=omega, first_scale=tuple(scales))
    x = coords.grid(axes).reshape(*axes, 3)  # the planes of the result run along the third axis
    settings = training.Options(lr=lr, max_steps=max_steps, seed=seed, **options)
    result = np.zeros((*grid, channels), planes.narrowest(to))
    tiles = tiling.tiles(grid, shape)

    def inputs(extent: tuple[int, ...], first: int, last: int) -> np.ndarray:
        return x[: extent[0], : extent[1], first:last].reshape(-1, 3)

    def jobs() -> Any:
        for index, where in enumerate(tiles):
            known = planes.to_planes(codes[where].reshape(-1, channels), bits)  # (N, C, B)
            targets = decisions.targets(known, 2).transpose(1, 0, 2).reshape(channels, -1, 1)
            networks = range(index * channels, (index + 1) * channels)
            yield training.Job(spec, networks, inputs(tiling.extent(where), added, to), targets)

    for job, outcome in training.run(jobs(), settings):
        where = tiles[job.networks[0] // channels]
        extent = tiling.extent(where)
        with cpu.single_threaded_blas():
            z = evaluate(spec, outcome.params, inputs(extent, 0, added))  # (C, N added, 1)
        low = decisions.decide(z.reshape(channels, -1, added).transpose(1, 0, 2), 2)  # (N, C, added)
        known = planes.to_planes(codes[where].reshape(-1, channels), bits)
        both = np.concatenate([low, known], axis=-1)
        part = planes.from_planes(both, to, dtype=result.dtype)
        result[where] = part.reshape(result[where].shape)
    return result.reshape(codes.shape)


def _check(codes: np.ndarray, bits: int, to: int) -> None:
    if codes.ndim not in (2, 3) or codes.size == 0 or codes.dtype.kind != "u":
        raise ValueError(f"codes: expected an image of unsigned integers, got {codes.dtype} of shape {codes.shape}")
    if not planes.count(bits) <= planes.count(to):
        raise ValueError(f"to: expected {bits} bits or more, got {to}")
    if int(codes.max()) >> bits:
        raise ValueError(f"codes: expected values of {bits} bits, got {codes.max()}")


# --- arithmetic ------------------------------------------------------------------------------------------------------


def zero_padding(codes: np.ndarray, bits: int, to: int) -> np.ndarray:
    """Zeros below: ``v 2^(n-m)``.

    Examples
    --------
    >>> zero_padding(np.array([[255]], dtype="uint8"), 8, 12).tolist()
    [[4080]]
    """
    _check(codes, bits, to)
    return (codes.astype(planes.narrowest(to)) << (to - bits)).astype(planes.narrowest(to))


def ideal_gain(codes: np.ndarray, bits: int, to: int) -> np.ndarray:
    """From full range to full range: ``round(v (2^n - 1) / (2^m - 1))``, in integers; halves up.

    Examples
    --------
    >>> ideal_gain(np.array([[1, 255]], dtype="uint8"), 8, 12).tolist()
    [[16, 4095]]
    """
    _check(codes, bits, to)
    top, whole = 2**bits - 1, 2**to - 1
    table = [(2 * v * whole + top) // (2 * top) for v in range(top + 1)] if bits <= 16 else None
    if table is None:
        raise ValueError(f"bits: expected 16 at most, got {bits}")
    return np.array(table, planes.narrowest(to))[codes]


def replication(codes: np.ndarray, bits: int, to: int) -> np.ndarray:
    """The bits again, from the top, as often as they fit.  From 8 to 16 bits that is `ideal_gain`: both are 257 v.

    Examples
    --------
    >>> replication(np.array([[0b1011]], dtype="uint8"), 4, 10).tolist() == [[0b1011101110]]
    True
    """
    result = zero_padding(codes, bits, to)
    shift = to - bits
    while shift > 0:
        shift -= bits
        again = codes.astype(result.dtype)
        result = result | (again << shift if shift >= 0 else again >> -shift).astype(result.dtype)
    return result


BASELINES: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {
    "zero padding": zero_padding,
    "ideal gain": ideal_gain,
    "replication": replication,
}
