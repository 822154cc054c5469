"""A signal as networks: decode, measure, save, load.

With this you can get the samples back from networks (`INR.decode`), look at their outputs (`INR.logits`), keep them in
a file (`INR.save`, `load`), and make an INR of networks that are there, however they came about (`measured`).

    parameters -> outputs -> decisions -> codes -> samples
"""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from refinr import container, metrics, mlp, planes, ternary
from refinr.decompositions import Direct
from refinr.layout import Layout
from refinr.report import Report


class LosslessError(Exception):
    """Exactness was promised and cannot be kept."""


@dataclass(frozen=True)
class INR:
    """An array as networks.

    Parameters
    ----------
    layout : Layout
    params : dict of arrays
        ``"w0"`` (networks, I, O), ``"b0"`` (networks, 1, O), ...: every array it stores; of ternary networks the codes
        as int8 and the scales ``"s0"`` (networks, 1, 1), ....
    report : Report
        What the fit cost and reached.
    checksum : str
        SHA-256 of the samples' bytes.
    info : dict
        Side information in JSON values, carried along: a sample rate, say.
    """

    layout: Layout
    params: dict[str, np.ndarray]
    report: Report
    checksum: str
    info: dict[str, Any] = field(default_factory=dict)

    @property
    def lossless(self) -> bool:
        """Whether the networks represent every bit."""
        return self.report.lossless

    def decode(self, *, xp: ModuleType | str | None = None) -> np.ndarray:
        """The samples, in the dtype and shape they came in.

        Raises
        ------
        LosslessError
            If the fit was exact and this decode is not: another kind of machine may round differently.
        """
        layout = self.layout
        cells = np.empty((*layout.grid, layout.channels), planes.code_dtype(layout.dtype))
        for tile, z in layout.outputs(self.params, xp):
            cells[tile] = layout.cut.codes(z).reshape(cells[tile].shape)
        samples = layout.samples(cells)
        if self.lossless and container.checksum(samples) != self.checksum:
            raise LosslessError(
                "the decoded samples are not those that were fitted: this machine rounds differently, "
                f"and the smallest margin, {self.report.margin:.3g}, was not enough"
            )
        return samples

    def logits(self, *, xp: ModuleType | str | None = None) -> np.ndarray:
        """The networks' outputs, one for each decision: array (*grid, C, planes)."""
        layout = self.layout
        result: np.ndarray | None = None
        for tile, z in layout.outputs(self.params, xp):
            part = layout.cut.by_sample(z)  # (N, C, P)
            if result is None:
                result = np.empty((*layout.grid, *part.shape[1:]), part.dtype)
            result[tile] = part.reshape(result[tile].shape)
        assert result is not None, "an array has at least one tile"
        return result

    def save(self, path: str | os.PathLike) -> None:
        """Write an `.inr` file, all or nothing.

        Raises
        ------
        OSError
            If it cannot be written; a file already there is then left as it was.
        """
        description = {"layout": self.layout.to_json(), "report": asdict(self.report), "checksum": self.checksum}
        stored = {name: ternary.pack_trits(p) if p.dtype == np.int8 else p for name, p in self.params.items()}
        container.write(path, stored, description | {"info": self.info})


def load(path: str | os.PathLike) -> INR:
    """Read an `.inr` file.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not an `.inr` file, is damaged, or newer than this version.
    """
    stored, description = container.read(path)
    try:
        layout = Layout.from_json(description["layout"])
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in description["report"].items()}
        report = Report(**fields)
        expected = mlp.stored(layout.spec, layout.networks)
        info, checksum = dict(description["info"]), str(description["checksum"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        raise ValueError(f"{path}: its description is damaged ({type(error).__name__}: {error})") from None
    try:
        params = {
            name: ternary.unpack_trits(p, expected[name][0]) if expected[name][1] == "int8" else p
            for name, p in stored.items()
        }
    except (KeyError, ValueError):
        params = {}
    if {name: (p.shape, str(p.dtype)) for name, p in params.items()} != expected:
        raise ValueError(f"{path}: its arrays are not those that its description speaks of")
    return INR(layout, params, report, checksum, info)


# --- what networks represent, compared with what they should ---------------------------------------------------------


def measured(
    layout: Layout,
    params: dict[str, np.ndarray],
    samples: np.ndarray,
    *,
    seconds: float,
    steps: float = 0.0,
    most_steps: int = 0,
    restarts: int = 0,
    info: dict[str, Any] | None = None,
) -> INR:
    """The INR of these networks, with a report counted on what they decode to.

    Parameters
    ----------
    layout : Layout
    params : dict of arrays
        Of all networks of the layout.
    samples : array
        What they should represent.
    seconds, steps, most_steps, restarts
        What it took, for `refinr.report.Report`; no steps for networks that were not trained.
    info : dict, optional
    """
    cells = layout.cells(samples)
    decoded, margins = _decode(layout, params, cells)
    rmse, peak = _distance(samples, cells, decoded, layout)
    report = Report(
        seconds=seconds,
        networks=layout.networks,
        parameters=layout.networks * mlp.parameter_count(layout.spec),
        steps=steps,
        most_steps=most_steps,
        restarts=restarts,
        samples=samples.size,
        wrong_bits=tuple(metrics.wrong_bits_per_plane(cells.astype(decoded.dtype), decoded, layout.cut.bits)),
        margin_per_plane=margins,
        rmse=rmse,
        peak=peak,
    )
    return INR(layout, params, report, container.checksum(samples), dict(info or {}))


def _decode(layout: Layout, params: dict[str, np.ndarray], cells: np.ndarray) -> tuple[np.ndarray, tuple[float, ...]]:
    """What the networks represent, and the smallest margin of each plane: what the report is counted on."""
    cut = layout.cut
    decoded, smallest = np.empty(cells.shape, planes.narrowest(cut.bits)), np.full(1, np.inf)
    for tile, z in layout.outputs(params):
        decoded[tile] = cut.codes(z).reshape(cells[tile].shape)
        targets = cut.targets(cells[tile].reshape(-1, layout.channels))
        margins = cut.by_sample(cut.margins(z, targets))  # (N, C, P)
        smallest = np.minimum(smallest, margins.min(axis=(0, 1)))
    has_decisions = not (isinstance(cut, Direct) and cut.dtype) and np.isfinite(smallest).all()
    return decoded, tuple(smallest.tolist()) if has_decisions else ()


def _distance(samples: np.ndarray, cells: np.ndarray, decoded: np.ndarray, layout: Layout) -> tuple[float, float]:
    """Root mean squared error, and the peak it is related to; the largest float where there is no telling."""
    if samples.dtype.kind != "f":
        return metrics.rmse(cells.astype(decoded.dtype), decoded), float((1 << layout.cut.bits) - 1)
    with np.errstate(invalid="ignore", over="ignore"):  # signalling NaNs; squares of extreme floats
        a, b = samples.astype(np.float64), layout.samples(decoded).astype(np.float64)
        both = np.isfinite(a) & np.isfinite(b)
        a, b = a[both], b[both]
        rmse = float(np.sqrt(np.mean((a - b) ** 2))) if a.size else math.inf
        peak = float(np.ptp(a)) if a.size else math.inf
    limit = float(np.finfo(np.float64).max)  # JSON has no infinity
    return min(rmse, limit), min(peak, limit)
