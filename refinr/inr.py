"""A signal as networks: decode, measure, save, load.

With this you can get the samples back from networks (`INR.decode`), look at their outputs (`INR.logits`), and keep them
in a file (`INR.save`, `load`).

    parameters -> outputs -> decisions -> codes -> samples
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from types import ModuleType
from typing import Any

import numpy as np

from refinr import mlp, tiling
from refinr.files import container, residual, storing
from refinr.files.checksum import checksum
from refinr.files.residual import Residual
from refinr.layout import Layout
from refinr.report import Report
from refinr.tables import look_up

MOST_OUTPUTS, OUTPUTS_A_BYTE = 1 << 22, 64
"""What a file may ask for that nobody has vouched for."""


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
        What the fit cost, and what the networks alone reached.
    checksum : str
        SHA-256 of the samples, see `refinr.files.checksum.checksum`.
    info : dict
        Side information in JSON values, carried along: a sample rate, say.
    residual : Residual or None
        What the networks have wrong, where the fit was asked to be exact.
    store : str
        What files hold the parameters in, one of `refinr.files.storing.STORES`; they are numbers of that kind already.
    """

    layout: Layout
    params: dict[str, np.ndarray]
    report: Report
    checksum: str
    info: dict[str, Any] = field(default_factory=dict)
    residual: Residual | None = None
    store: str = "float32"

    @property
    def lossless(self) -> bool:
        """Whether `decode` gives every bit: by the networks alone, or with the residual."""
        return self.report.lossless or self.residual is not None

    @property
    def margin(self) -> float:
        """How far outputs are from where a decision changes; NaN where there are no decisions."""
        return self.report.margin if self.residual is None else self.residual.margin

    def decode(self, *, xp: ModuleType | str | None = None, out: np.ndarray | None = None) -> np.ndarray:
        """The samples, in the dtype and shape they came in.

        Parameters
        ----------
        xp : array library or its name, optional
        out : array, optional
            Where to put them, of that dtype and shape: a `numpy.memmap`, say, if they are more than memory holds.

        Raises
        ------
        LosslessError
            If the fit was exact and this decode is not: another kind of machine may round differently.
        ValueError
            If `out` is another kind of array, or the residual is damaged.
        """
        layout = self.layout
        samples = np.empty(layout.shape, layout.dtype) if out is None else out
        if (samples.shape, samples.dtype) != (layout.shape, np.dtype(layout.dtype)):
            raise ValueError(f"out: expected {layout.dtype} {layout.shape}, got {samples.dtype.str} {samples.shape}")
        for (tile, z), wrong in zip(layout.outputs(self.params, xp), self._wrong(), strict=True):
            codes = layout.cut.codes(z)  # (N, C)
            codes = codes if wrong is None else codes ^ wrong.reshape(codes.shape)
            samples[tile] = layout.samples(codes).reshape(samples[tile].shape)
        if self.lossless and checksum(samples) != self.checksum:
            raise LosslessError(
                "the decoded samples are not those that were fitted: this machine rounds differently, and the smallest "
                f"margin, {self.margin:.3g}, was not enough; or somebody has changed the parameters"
            )
        return samples

    def _wrong(self) -> Iterator[np.ndarray | None]:
        """What to flip in each tile."""
        tiles = self.layout.tiles
        if self.residual is None:
            return itertools.repeat(None, len(tiles))
        sizes = (math.prod(tiling.extent(tile)) * self.layout.channels for tile in tiles)
        return residual.read(self.residual, sizes, self.layout.cut.bits)

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
        ValueError
            If the parameters are not numbers of the kind that `store` names.
        """
        report = asdict(self.report)
        del report["seconds"]  # how long it took is no part of what was made: same seed, same bytes
        description = {"layout": self.layout.to_json(), "report": report, "checksum": self.checksum, "info": self.info}
        description["store"] = self.store
        arrays, wrong = {name: storing.pack(p, self.store) for name, p in self.params.items()}, self.residual
        if wrong is not None:
            arrays["residual"] = wrong.data
            description["residual"] = {"codec": wrong.codec, "margin": wrong.margin}
        container.write(path, arrays, description)


def load(path: str | os.PathLike, *, trusted: bool = False) -> INR:
    """Read an `.inr` file.

    Parameters
    ----------
    path : path
    trusted : bool
        Take a small file that stands for a large array, too: a few numbers may ask for gigabytes, or for hours.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not an `.inr` file, is damaged, or newer than this version; or if it is not trusted and has more than
        `MOST_OUTPUTS` outputs and more than `OUTPUTS_A_BYTE` for each byte of its arrays.
    """
    arrays, description = container.read(path)
    stored = sum(p.nbytes for p in arrays.values())
    try:
        layout = Layout.from_json(description["layout"])
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in description["report"].items()}
        report = Report(seconds=math.nan, **fields)
        wrong = None
        if "residual" in description:
            wrong = Residual(data=arrays.pop("residual"), **description["residual"])
        said = (report.samples, report.networks, len(report.wrong_bits))
        if said != (math.prod(layout.shape), layout.networks, layout.cut.bits):
            raise ValueError(f"the report is about {said} samples, networks and bits: the layout has others")
        if mlp.parameter_count(layout.spec) * layout.networks > 8 * stored:
            raise ValueError(f"{layout.networks} networks of sizes {layout.spec.sizes} in {stored} bytes")
        expected, store = mlp.stored(layout.spec, layout.networks), description["store"]
        look_up(storing.STORES, store, "store")
        inr = INR(layout, {}, report, str(description["checksum"]), dict(description["info"]), wrong, store)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        raise ValueError(f"{path}: its description is damaged ({type(error).__name__}: {error})") from None
    try:
        if arrays.keys() != expected.keys():
            raise ValueError(f"expected {', '.join(expected)}, got {', '.join(arrays)}")
        params = {name: storing.unpack(arrays[name], store, *kind) for name, kind in expected.items()}
    except ValueError as error:
        raise ValueError(f"{path}: its arrays are not those that its description speaks of ({error})") from None
    if layout.outputs_in_all > max(MOST_OUTPUTS, OUTPUTS_A_BYTE * stored) and not trusted:
        raise ValueError(
            f"{path}: {stored} bytes of arrays stand for {layout.outputs_in_all} outputs: say that it is trusted if it "
            "is, and it will be decoded"
        )
    return replace(inr, params=params)
