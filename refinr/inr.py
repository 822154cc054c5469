"""A signal as networks, which is an array: decode all of it or a part, look between its samples, save.

With this you can get the samples back from networks (`INR.decode`), or those of a region (``inr[10:50, ::3]``), for
which only the tiles that hold it are computed; look at the networks' outputs on the grid (`INR.logits`) and between its
samples (`INR.at`); and keep networks in a file (`INR.save`), which `refinr.loading` reads.

    parameters -> outputs -> decisions -> codes -> samples
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from refinr import decoding, drawing, indexing, scenes, summary
from refinr.files import container
from refinr.files.checksum import LosslessError, checksum, crc32
from refinr.files.residual import Residual
from refinr.incoming import checked
from refinr.indexing import Piece, Selection
from refinr.layout import Layout
from refinr.report import Report
from refinr.sections import Scene


@dataclass(frozen=True, eq=False, repr=False)
class INR(indexing.OnDemand):
    """An array as networks.

    It has an array's `shape`, `dtype`, `ndim`, `size` and ``len``, takes NumPy's basic indices (integers, slices,
    ``...``, None), and `numpy.asarray` and Dask's ``from_array`` decode it.  Two are equal if
    their files would be.

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
    portable : bool or None
        Whether what it decodes to is the same on every machine that `refinr.balls` speaks of, in float32 or more; None
        where nobody has asked: it is not lossless, or of an older file.
    checksums : array of uint32 (tiles,), optional
        CRC-32 of the samples of every tile as it decodes, see `refinr.files.checksum.crc32`; files of version 1 have
        none.
    damaged : tuple of str
        Names of the arrays that were damaged in the file: `refinr.load` with ``damaged="mask"`` gives such an INR.
        Then no tile is handed out whose samples are not those of its checksum.
    """

    layout: Layout
    params: dict[str, np.ndarray]
    report: Report
    checksum: str
    info: dict[str, Any] = field(default_factory=dict)
    residual: Residual | None = None
    store: str = "float32"
    checksums: np.ndarray | None = None
    damaged: tuple[str, ...] = ()
    portable: bool | None = None

    # --- what it is --------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the samples."""
        return self.layout.shape

    @property
    def dtype(self) -> np.dtype:
        """Of the samples."""
        return np.dtype(self.layout.dtype)

    @property
    def chunks(self) -> tuple[int, ...]:
        """What is decoded together, a tile with all its channels: for Dask, as of arrays in HDF5 and Zarr."""
        channels = (self.layout.channels,) if self.layout.channel_axis else ()
        return (*self.layout.tile, *channels)

    @property
    def parameters(self) -> int:
        """Number of parameters of all networks."""
        return sum(p.size for p in self.layout.network.cast(self.params).values())

    @property
    def lossless(self) -> bool:
        """Whether `decode` gives every bit: by the networks alone, or with the residual."""
        return self.report.lossless or self.residual is not None

    @property
    def margin(self) -> float:
        """How far outputs are from where a decision changes; NaN where there are no decisions."""
        return self.report.margin if self.residual is None else self.residual.margin

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, INR):
            return NotImplemented
        described_alike = (self._description(), self.damaged) == (other._description(), other.damaged)
        return described_alike and container.same_arrays(self._arrays(), other._arrays())

    def __hash__(self) -> int:
        return hash((self.layout, self.checksum))

    def __repr__(self) -> str:
        return "\n  ".join(self._lines())

    def _repr_html_(self) -> str:
        return summary.html(self._lines(), scenes.preview(self.layout, self.region))

    @checked
    def scene(self, original: np.ndarray | None = None) -> Scene:
        """What `plot` draws, see `refinr.scenes.of_networks`; as text, `refinr.sections.table` has it."""
        self.refuse_damage()
        say = partial(decoding.evaluate, self.layout, self.params, self.residual)
        return scenes.of_networks(self.layout, self.report, say, self._lines(), original)

    @checked
    def plot(self, original: np.ndarray | None = None) -> Any:
        """Draw the signal, its planes, and where outputs are near their thresholds or wrong.

        Of large signals it is the middle that is drawn, of volumes three sections through it.

        Parameters
        ----------
        original : array, optional
            The samples that were fitted: where networks are wrong is known of them, or of a residual (``exact=True``).

        Returns
        -------
        matplotlib.figure.Figure
            Notebooks show it, and ``inr.plot().savefig("picture.png")`` writes it.

        Raises
        ------
        ValueError
            If `original` has another dtype or shape, or the networks come from a damaged file.
        """
        return drawing.figure(self.scene(original))

    def _lines(self) -> list[str]:
        layout = self.layout
        rest = 0 if self.residual is None else self.residual.nbytes
        return [
            f"INR of {self.dtype} {self.shape}",
            summary.networks(layout.networks, len(layout.tiles), layout.tile, layout.network.words(self.params)),
            summary.cost(self.report, layout.network.packed_bytes(self.params, self.store), self.store, rest),
            summary.exactness(self.report, self.margin, self.residual is not None) + summary.elsewhere(self.portable),
            *([f"damaged in the file: {', '.join(self.damaged)}"] if self.damaged else []),
        ]

    # --- samples -----------------------------------------------------------------------------------------------------

    @checked
    def decode(
        self, *, xp: ModuleType | str | None = None, out: np.ndarray | None = None, damaged: str = "raise"
    ) -> np.ndarray:
        """The samples, in the dtype and shape they came in.

        Parameters
        ----------
        xp : array library or its name, optional
        out : array, optional
            Where to put them, of that dtype and shape: a `numpy.memmap`, say, if they are more than memory holds.
        damaged : {"raise", "mask"}
            What becomes of a tile whose samples are not those that were fitted: raise an error that names its place, or
            give all others, as a `numpy.ma.MaskedArray` in which it is masked.

        Raises
        ------
        LosslessError
            If the fit was exact and this decode is not: another kind of machine may round differently; or if the file
            was damaged.
        ValueError
            If `out` is another kind of array, the residual is damaged, or tiles have no checksums to mask them by.
        """
        samples = np.empty(self.shape, self.dtype) if out is None else out
        if (samples.shape, samples.dtype) != (self.shape, self.dtype):
            raise ValueError(f"out: expected {self.layout.dtype} {self.shape}, got {samples.dtype.str} {samples.shape}")
        masked = self._fill(samples, indexing.select(..., self.shape), xp, damaged)
        if masked is not None:
            return np.ma.MaskedArray(samples, masked)
        if self.lossless and checksum(samples) != self.checksum:
            raise LosslessError(f"the decoded samples are not those that were fitted: {self._excuse}")
        return samples

    @checked
    def region(self, index: Any, *, xp: ModuleType | str | None = None, damaged: str = "raise") -> np.ndarray:
        """The samples at an index, equal to ``decode()[index]``, of which ``inr[index]`` is the short form.

        Only the tiles that hold such samples are decoded, and checked.

        Parameters
        ----------
        index : int, slice, Ellipsis, None, or tuple of these
        xp : array library or its name, optional
        damaged : {"raise", "mask"}
            As `decode` takes it.

        Raises
        ------
        IndexError
            If it is out of range, or no such index.
        LosslessError, ValueError
            As `decode` does.
        """
        selection = indexing.select(index, self.shape)
        if self.lossless and self.checksums is None:  # a file of version 1, whose samples are only checked together
            return self.decode(xp=xp, damaged=damaged)[index]
        samples = np.empty(selection.shape, self.dtype)
        masked = self._fill(samples, selection, xp, damaged)
        if masked is not None:
            return np.ma.MaskedArray(samples, masked)[selection.view]
        return samples[selection.view]

    @checked
    def damaged_tiles(self, *, xp: ModuleType | str | None = None) -> list[tuple[slice, ...]]:
        """The places of all tiles whose samples are not those that were fitted, or not those that were saved.

        Parameters
        ----------
        xp : array library or its name, optional

        Raises
        ------
        ValueError
            If tiles have no checksums.
        """
        every = indexing.select(..., self.shape)
        return [self.layout.tiles[piece.tile] for piece, _, good in self._decoded(every, xp, mask=True) if not good]

    def _fill(
        self, samples: np.ndarray, selection: Selection, xp: ModuleType | str | None, damaged: str
    ) -> np.ndarray | None:
        """Put the selected samples there; where to mask them, if damage is not to raise an error."""
        if damaged not in ("raise", "mask"):
            raise ValueError(f"damaged: expected 'raise' or 'mask', got {damaged!r}")
        masked = np.zeros(samples.shape, bool) if damaged == "mask" else None
        for piece, decoded, good in self._decoded(selection, xp, mask=masked is not None):
            samples[piece.target] = decoded[piece.source]
            if good:
                continue
            if masked is None:
                place = ", ".join(f"{axis.start}:{axis.stop}" for axis in self.layout.tiles[piece.tile])
                raise LosslessError(
                    f"the decoded samples of tile [{place}] are not those that were fitted: {self._excuse}"
                )
            masked[piece.target] = True
        return masked

    def _decoded(
        self, selection: Selection, xp: ModuleType | str | None, mask: bool
    ) -> Iterator[tuple[Piece, np.ndarray, bool]]:
        """The tiles that hold selected positions, their samples, and whether these are as they should be."""
        if mask and self.checksums is None:
            raise ValueError("damaged: files of version 1 have no checksums of tiles, so none can be masked")
        checksums = self.checksums if self.lossless or self.damaged else None
        pieces = list(indexing.pieces(selection.axes, self.shape, self.chunks))
        tiles = [piece.tile for piece in pieces]
        lenient = mask or bool(self.damaged)  # what a damaged block leaves undone, the checksums tell
        decoded = decoding.decode(self.layout, self.params, self.residual, tiles, xp=xp, damaged=lenient)
        for piece, samples in zip(pieces, decoded, strict=True):
            yield piece, samples, checksums is None or crc32(samples) == checksums[piece.tile]

    @property
    def _excuse(self) -> str:
        """Why samples may be others than expected."""
        if self.damaged:
            return f"the file is damaged, in {', '.join(self.damaged)}"
        rounds = "rounds more than float32 needs to" if self.portable else "rounds differently"
        return (
            f"this machine {rounds}, and the smallest margin, {self.margin:.3g}, was not enough; or somebody "
            "has changed the parameters"
        )

    # --- outputs -----------------------------------------------------------------------------------------------------

    def refuse_damage(self) -> None:
        """Raise ValueError if networks are damaged: nothing but samples can be checked."""
        if self.params.keys() & set(self.damaged):
            raise ValueError(f"inr: expected undamaged networks, got damage in {', '.join(self.damaged)}")

    @checked
    def logits(self, *, xp: ModuleType | str | None = None) -> np.ndarray:
        """The networks' outputs, one for each decision: array (*grid, C, planes)."""
        self.refuse_damage()
        layout = self.layout
        result: np.ndarray | None = None
        for where, z in layout.outputs(self.params, xp):
            part = layout.cut.by_sample(z)  # (N, C, P)
            if result is None:
                result = np.empty((*layout.grid, *part.shape[1:]), part.dtype)
            result[where] = part.reshape(result[where].shape)
        assert result is not None, "an array has at least one tile"
        return result

    @checked
    def at(self, points: np.ndarray, *, xp: ModuleType | str | None = None) -> np.ndarray:
        """What the networks say at any points of the grid, between its samples too.

        Parameters
        ----------
        points : array (n, d)
            In samples, as an index counts them: (1, 2.5) is in row 1, half way between columns 2 and 3.
        xp : array library or its name, optional

        Returns
        -------
        array (n, C, planes)
            Logits of every plane: at samples those of `logits`, as far as float32 rounds alike.  Of networks that
            represent values, not decisions, the values, (n, C, 1) in the samples' unit and of float64.

        Raises
        ------
        ValueError
            If points are outside the grid, or not (n, d).

        Notes
        -----
        A tile reaches up to the first sample of the next one, and a point is evaluated by the networks of the tile that
        it is in: what they say jumps from tile to tile.  A residual flips bits of samples, and has no part in it.

        Examples
        --------
        >>> import refinr
        >>> inr = refinr.fit(np.arange(36, dtype="uint8").reshape(6, 6))
        >>> inr.at([[2.0, 3.0], [2.5, 3.25]]).shape
        (2, 1, 6)
        """
        self.refuse_damage()
        layout = self.layout
        points = np.asarray(points, np.float64)
        if points.ndim != 2 or points.shape[1] != len(layout.grid):
            raise ValueError(f"points: expected an array (n, {len(layout.grid)}), got shape {points.shape}")
        outside = ~((points >= 0) & (points <= np.asarray(layout.grid) - 1)).all(axis=1)  # NaN is outside
        if outside.any():
            first = tuple(points[outside][0].tolist())
            raise ValueError(f"points: expected 0 to {tuple(n - 1 for n in layout.grid)}, got {first}")
        planes = layout.outputs_in_all // math.prod(self.shape)
        result: np.ndarray = np.zeros((len(points), layout.channels, planes), np.float32)
        for which, z in layout.outputs_at(self.params, points, xp):
            values = layout.cut.values(z, layout.first)  # (N, C, P)
            result = result.astype(values.dtype, copy=False)
            result[which] = values
        return result

    # --- files -------------------------------------------------------------------------------------------------------

    @checked
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an `.inr` file, all or nothing.

        Raises
        ------
        OSError
            If it cannot be written; a file already there is then left as it was.
        ValueError
            If the parameters are not numbers of the kind that `store` names, or come from a damaged file.
        """
        if self.damaged:
            raise ValueError(f"save: expected an undamaged INR, got one with damage in {', '.join(self.damaged)}")
        packed = self.layout.network.pack(self.params, self.store)
        beside = {name: array for name, array in self._arrays().items() if name not in self.params}
        least = 1 if packed.keys() == self.params.keys() else 5  # some are compressed
        container.write(path, packed | beside, self._description(least))

    def _arrays(self) -> dict[str, np.ndarray]:
        """Every array that it stores."""
        found = self.params if self.checksums is None else self.params | {"checksums": self.checksums}
        return found if self.residual is None else found | self.residual.arrays()

    def _description(self, least: int = 1) -> dict[str, Any]:
        """Everything else, as JSON values."""
        # how long it took is no part of what was made: same seed, same bytes
        report = {name: value for name, value in asdict(self.report).items() if name != "seconds"}
        description: dict[str, Any] = {
            "layout": self.layout.to_json(),
            "report": report,
            "checksum": self.checksum,
            "info": self.info,
            "store": self.store,
        }
        description["version"] = 1 if self.checksums is None else max(self.layout.network.version, least)
        if self.portable is not None:
            description["portable"] = self.portable
        return description if self.residual is None else description | self.residual.described()
