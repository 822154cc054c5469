"""What networks represent, compared with what they should, tile by tile.

With this you can make an INR of networks, however they came about (`measure`): its report is counted on what they
decode to, and what they have wrong can be kept beside them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from refinr import metrics
from refinr.files.checksum import agree, checksum, crc32
from refinr.inr import INR
from refinr.layout import Layout
from refinr.report import LARGEST, Report
from refinr.tiled import Tiled
from refinr.undecided import Kept


def measure(
    tiled: Tiled,
    params: dict[str, np.ndarray],
    *,
    seconds: float,
    steps: float = 0.0,
    most_steps: int = 0,
    restarts: int = 0,
    info: dict[str, Any] | None = None,
    exact: bool = False,
    store: str = "float32",
) -> INR:
    """The INR of these networks, with a report counted on what they decode to.

    Parameters
    ----------
    tiled : Tiled
        What they should represent.
    params : dict of arrays
        Of all networks of its layout.
    seconds, steps, most_steps, restarts
        What it took, for `refinr.report.Report`; no steps for networks that were written down.
    info : dict, optional
        Side information to carry along.
    exact : bool
        Keep what is wrong as a residual.
    store : str
        What files hold the parameters in; see `refinr.files.storing`.

    Raises
    ------
    LosslessError
        If what a file would hold does not give the samples back.
    """
    layout = tiled.layout
    cut = layout.cut
    wrong_bits = np.zeros(cut.bits, dtype=np.int64)
    margins = np.full(1, np.inf)  # of each plane, from where the right decision ends
    nearest = math.inf  # of all, from where the decision that was made ends
    distance = _Distance(layout)
    kept = Kept(layout, params)
    checksums = []
    before = tiled.checksum
    for run, z in layout.runs(params):
        decoded = cut.codes(z)  # (N, tiles C)
        codes = np.concatenate([tiled.codes(index) for index in run], axis=1).astype(decoded.dtype)
        wrong_bits += metrics.wrong_bits_per_plane(codes, decoded, cut.bits)
        distance.add(codes, decoded)
        here = cut.by_sample(cut.margins(z, cut.targets(codes)))  # (N, tiles C, P)
        margins = np.minimum(margins, here.min(axis=(0, 1)))
        promised = exact or not wrong_bits.any()
        if promised:
            nearest = float(np.minimum(nearest, cut.margins(z, cut.targets(decoded)).min()))
            kept.add(run, z, codes, decoded)
        for i, index in enumerate(run):
            of_tile = slice(i * layout.channels, (i + 1) * layout.channels)
            samples = tiled.samples[layout.tiles[index]]
            said = crc32(samples)
            agree(crc32(layout.samples(codes[:, of_tile])), said, "samples: their codes do not give them back")
            right = exact or bool((codes[:, of_tile] == decoded[:, of_tile]).all())
            checksums.append(said if right else crc32(layout.samples(decoded[:, of_tile])))
    has_margins = cut.decides and bool(np.isfinite(margins).all())
    report = Report(
        seconds=seconds,
        networks=layout.networks,
        parameters=layout.network.count(params, layout.outputs_of_networks),
        steps=steps,
        most_steps=most_steps,
        restarts=restarts,
        samples=tiled.samples.size,
        wrong_bits=tuple(wrong_bits.tolist()),
        margin_per_plane=tuple(margins.tolist()) if has_margins else (),
        rmse=distance.rmse,
        peak=distance.peak,
    )
    wrong = kept.finish(max(0.0, nearest) if has_margins else 0.0) if promised else None
    portable = kept.portable if promised else None
    # else nothing could be made of a file that has this checksum
    agree(checksum(tiled.samples), before, "samples: they have changed while they were fitted")
    sums = np.array(checksums, np.uint32)
    beside = dict(info or {})
    return INR(layout, params, report, before, beside, wrong, store, sums, portable=portable)


class _Distance:
    """Root mean squared error, and the peak it is related to; the largest float where there is no telling.

    Integers are compared as codes, floats as they are, as far as both are finite.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._squares = 0.0
        self._count = 0
        self._low = math.inf
        self._high = -math.inf

    def add(self, codes: np.ndarray, decoded: np.ndarray) -> None:
        if np.dtype(self._layout.dtype).kind != "f":
            self._squares += metrics.rmse(codes, decoded) ** 2 * codes.size
            self._count += codes.size
            return
        with np.errstate(invalid="ignore", over="ignore"):  # signalling NaNs; squares of extreme floats
            a = self._layout.samples(codes.reshape(-1, self._layout.channels)).astype(np.float64).ravel()
            b = self._layout.samples(decoded.reshape(-1, self._layout.channels)).astype(np.float64).ravel()
            both = np.isfinite(a) & np.isfinite(b)
            a = a[both]
            b = b[both]
            self._squares += float(((a - b) ** 2).sum())
            self._count += a.size
            self._low = float(a.min(initial=self._low))
            self._high = float(a.max(initial=self._high))

    @property
    def rmse(self) -> float:
        mean = self._squares / self._count if self._count else math.inf
        return min(math.sqrt(mean), LARGEST)

    @property
    def peak(self) -> float:
        if np.dtype(self._layout.dtype).kind != "f":
            return float((1 << self._layout.cut.bits) - 1)
        return min(self._high - self._low if self._count else math.inf, LARGEST)
