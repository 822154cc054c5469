"""A signal as networks: decode, save, load.

With this you can get the samples back from networks (`INR.decode`), look at their outputs (`INR.logits`), and keep them
in a file (`INR.save`, `load`).

    parameters -> outputs -> decisions -> codes -> samples
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from refinr import container, mlp, planes, ternary
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
        template = mlp.freeze(layout.spec, mlp.init(layout.spec))
        expected = {name: ((layout.networks, *p.shape[1:]), p.dtype) for name, p in template.items()}
        info, checksum = dict(description["info"]), str(description["checksum"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        raise ValueError(f"{path}: its description is damaged ({type(error).__name__}: {error})") from None
    try:
        params = {
            name: ternary.unpack_trits(p, expected[name][0]) if expected[name][1] == np.int8 else p
            for name, p in stored.items()
        }
    except (KeyError, ValueError):
        params = {}
    if {name: (p.shape, p.dtype) for name, p in params.items()} != expected:
        raise ValueError(f"{path}: its arrays are not those that its description speaks of")
    return INR(layout, params, report, checksum, info)
