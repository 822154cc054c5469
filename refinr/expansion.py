"""Bits that were never there: from the high planes of an image to all of them (the paper's Table 5).

With this you can expand an image of m bits to n by a network (`expand`) or by arithmetic (`BASELINES`).

A bit-coordinate network (Eq. 8) is a function of place *and plane*.  Trained on the m planes that are known, at their
places among n on the bit axis, it also has values at the n - m planes below, where nobody told it any.  Those are what
it adds.  The known planes are kept as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from refinr import coords, cpu, planes, running, tiling
from refinr.chunks import evaluate
from refinr.decompositions import BitCoordinate
from refinr.jobs import Job, Options
from refinr.layout import Layout
from refinr.mlp import MLP
from refinr.perceptrons import Perceptrons


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
        More of `refinr.jobs.Options`.

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
    added = to - bits
    if not added:
        return codes.astype(planes.narrowest(to))
    raised = zero_padding(codes, bits, to).reshape(*codes.shape[:2], -1)  # (H, W, C)
    channels = raised.shape[-1]
    cut = BitCoordinate(to)
    shape = tiling.tile_shape(raised.shape[:2], tile)
    scales = [0.5 * f for f in coords.nyquist(cut.axes(shape))]
    scales[-1] = scales[-1] if bit_scale is None else bit_scale
    spec = MLP((3, *hidden, 1), omega=omega, first_scale=tuple(scales))
    settings = Options(lr=lr, max_steps=max_steps, seed=seed, **options)
    layout = Layout(raised.dtype.str, raised.shape, True, 0, shape, cut, Perceptrons(spec))

    def inputs(extent: tuple[int, ...], part: slice) -> np.ndarray:
        """Of some of the planes, at all samples of a tile."""
        return layout.inputs(extent).reshape(-1, to, 3)[:, part].reshape(-1, 3)

    def targets(where: tuple[slice, ...]) -> np.ndarray:
        """Of all planes (C, N, to), those below being zeros."""
        return cut.targets(raised[where].reshape(-1, channels)).reshape(channels, -1, to)

    def jobs() -> Iterator[Job]:
        for index, where in enumerate(layout.tiles):
            x = inputs(tiling.extent(where), slice(added, to))
            known = targets(where)[:, :, added:].reshape(channels, -1, 1)
            yield Job(spec, range(index * channels, (index + 1) * channels), x, known)

    result = np.zeros_like(raised)
    for job, outcome in running.run(jobs(), settings):
        where = layout.tiles[job.networks[0] // channels]
        x = inputs(tiling.extent(where), slice(added))
        with cpu.single_threaded_blas():
            below = evaluate(spec, outcome.params, x)  # (C, N added, 1)
        z = targets(where)  # as if outputs had met their targets where the planes are known
        z[:, :, :added] = below.reshape(channels, -1, added)
        result[where] = cut.codes(z.reshape(channels, -1, 1)).reshape(result[where].shape)
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
    if bits > 16:
        raise ValueError(f"bits: expected 16 at most, got {bits}")
    top = 2**bits - 1
    whole = 2**to - 1
    table = [(2 * v * whole + top) // (2 * top) for v in range(top + 1)]
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
