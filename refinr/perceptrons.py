"""Multilayer perceptrons as the networks of an array: all of one description, a row of parameters each.

With this you can evaluate, bound, count, pack and describe those of some tiles (`Perceptrons`).

What networks of an array are is one thing, of which there are kinds: these, trained or written down, and the readouts
of `refinr.readouts.networks`, which are solved.  Each is a frozen dataclass that offers the same:

- ``version``, of the class: the version of files that hold them;
- ``check(axes)``: raises ValueError for tiles whose outputs lie on axes that they cannot have;
- ``beside``, of the class: further keys of layouts in files that describe them;
- ``together``, of the class: how many outputs are evaluated side by side, at least those of one tile;
- ``evaluator(params, cut, tile, xp)``: a function of networks, a range, and the extent of their tiles, that gives their
  outputs at all samples, on the host (networks, samples, 1);
- ``at(params, place, points, xp)``: outputs at points (n, d) of one tile, in samples, of the networks of a place
  (`refinr.decompositions.Place`);
- ``enclosed(on, params, place, which)``: their outputs as balls, some samples after others; all of them, or those whose
  numbers are given;
- ``apart(params, place, z)``: how far two machines' outputs may be apart, (networks, 1, 1) or one number, found in few
  operations; `z` are those of one of them; None where nothing is known about rounding;
- ``cast(params)``: those arrays that machines cast to the type that they compute in;
- ``stores``: what files can hold parameters in, by name;
- ``count(params, samples)``: how many parameters they have, of networks with so many samples each;
- ``check_room(networks, size)``: raises ValueError where so many cannot be in so many bytes;
- ``packed_bytes(params, store)``: bytes that files take for them;
- ``pack(params, store)`` and ``unpack(arrays, store, samples, harmed)``: what files hold, and back; `samples` has how
  many each network has, `harmed` the names of damaged arrays, of which little is believed;
- ``words(params)``: what they are, in a few words, and ``details(params, store)``: what else, by headings;
- ``to_json()``: what layouts say of them, by the key that they are known by.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from refinr import activations, encodings, mlp
from refinr.chunks import evaluate
from refinr.decompositions import Decomposition, Place
from refinr.encodings import Encoding
from refinr.envelopes import Envelope
from refinr.files import storing
from refinr.mlp import MLP, Params
from refinr.xp import Array, asarray_like, to_host

PARAMETERS_A_BYTE = 8
"""Parameters that each byte of a file's arrays may stand for: five trits are the most that one holds."""


@dataclass(frozen=True)
class Perceptrons:
    """Networks of one description, each with parameters of its own.

    Parameters
    ----------
    spec : MLP
    encoding : Octaves, Fourier, Triangle or None
        Of their inputs; None: coordinates as they are.
    """

    version: ClassVar[int] = 2
    together: ClassVar[int] = 1
    beside: ClassVar[tuple[str, ...]] = ("encoding",)

    stores: ClassVar[Mapping[str, Any]] = storing.STORES

    spec: MLP
    encoding: Encoding | None = None

    def check(self, axes: tuple[int, ...]) -> None:
        """Raise if the first layer does not take what a tile with such axes has."""
        width = len(axes) if self.encoding is None else self.encoding.width(axes)
        if self.spec.sizes[0] != width:
            raise ValueError(f"sizes: expected {width} inputs, got {self.spec.sizes[0]}")

    # --- outputs -----------------------------------------------------------------------------------------------------

    def inputs(self, extent: tuple[int, ...], cut: Decomposition, tile: tuple[int, ...]) -> np.ndarray:
        """Coordinates, or their encoding, (N, I) in a tile; a smaller one at the edge is the corner of a full one."""
        axes = cut.axes(tile)
        full = cut.inputs(tile) if self.encoding is None else self.encoding.inputs(axes)
        full = full.reshape(*axes, -1)  # (*axes, I)
        corner = tuple(slice(n) for n in cut.axes(extent))
        return full[corner].reshape(-1, full.shape[-1])

    def evaluator(
        self, params: Params, cut: Decomposition, tile: tuple[int, ...], xp: ModuleType
    ) -> Callable[[range, tuple[int, ...]], np.ndarray]:
        """A function of networks and an extent that gives outputs."""
        inputs = functools.cache(lambda extent: xp.asarray(self.inputs(extent, cut, tile)))

        def outputs(networks: range, extent: tuple[int, ...]) -> np.ndarray:
            return self._outputs(params, networks, inputs(extent))

        return outputs

    def at(self, params: Params, place: Place, points: np.ndarray, xp: ModuleType) -> np.ndarray:
        """Outputs at points (n, d) of a tile, in samples from its corner; one row for each output (n P, I)."""
        axes = place.cut.axes(place.tile)
        for length in axes[len(place.tile) :]:  # an axis that the decomposition adds runs through all its samples
            last = np.tile(np.arange(float(length)), len(points))[:, None]
            points = np.concatenate([np.repeat(points, length, axis=0), last], axis=1)
        inputs = self.encoding or place.cut
        return self._outputs(params, place.networks, xp.asarray(inputs.inputs_at(points, axes)))

    def _outputs(self, params: Params, networks: range, x: Array) -> np.ndarray:
        rows = {name: asarray_like(p[networks.start : networks.stop], x) for name, p in params.items()}
        return to_host(evaluate(self.spec, rows, x))

    def enclosed(self, on: Any, params: Params, place: Place, which: Any = ...) -> Iterator[Any]:
        """Outputs as balls of the arithmetic `on`, a few samples at a time."""
        rows = {name: p[place.networks.start : place.networks.stop] for name, p in params.items()}
        x = self.inputs(place.extent, place.cut, place.tile)[which]
        return enclosed(on, self.spec, rows, x, same=self.encoding is None or self.encoding.whole)

    def apart(self, params: Params, place: Place, z: np.ndarray) -> np.ndarray | None:
        """How far two machines' outputs may be apart: either is within the radius of an envelope."""
        if mlp.get_layer(self.spec.layer).enclosure is None or activations.get(self.spec.activation).enclosure is None:
            return None
        (found,) = self.enclosed(Envelope(["float32"]), params, place)
        return 2.0 * found.rad[0] if np.isfinite(found.rad).any() else None

    # --- parameters --------------------------------------------------------------------------------------------------

    def cast(self, params: Params) -> Params:
        """All of them."""
        return params

    def count(self, params: Params, samples: np.ndarray) -> int:
        """The same for each network, biases included; scales of ternary layers are not trained, and do not count."""
        return len(samples) * mlp.parameter_count(self.spec)

    def check_room(self, networks: int, size: int) -> None:
        """The parameters that are spoken of must be there, before anything is made for them."""
        if networks * mlp.parameter_count(self.spec) > PARAMETERS_A_BYTE * size:
            raise ValueError(f"{networks} networks of sizes {self.spec.sizes} in {size} bytes")

    def packed_bytes(self, params: Params, store: str) -> int:
        """Bytes that files take for them."""
        return storing.packed_bytes(params, store)

    def pack(self, params: Params, store: str) -> Params:
        """Arrays as files hold them."""
        return {name: storing.pack(p, store) for name, p in params.items()}

    def unpack(self, arrays: Params, store: str, samples: np.ndarray, harmed: Collection[str] = ()) -> Params:
        """The inverse."""
        expected = mlp.stored(self.spec, len(samples))
        if arrays.keys() != expected.keys():
            raise ValueError(f"expected {', '.join(expected)}, got {', '.join(arrays)}")
        return {
            name: storing.unpack(arrays[name], store, *kind, damaged=name in harmed) for name, kind in expected.items()
        }

    # --- in words ----------------------------------------------------------------------------------------------------

    def words(self, params: Params) -> str:
        """Widths, as they follow each other.

        Examples
        --------
        >>> Perceptrons(MLP((2, 16, 1))).words({})
        'widths 2-16-1'
        """
        return f"widths {'-'.join(map(str, self.spec.sizes))}"

    def details(self, params: Params, store: str) -> dict[str, str]:
        """What the networks are given, and what trits of ternary layers take."""
        found = {"activation": self.spec.activation}
        if self.encoding is not None:
            found["encoding"] = f"{type(self.encoding).__name__}, {self.spec.sizes[0]} inputs"
        trits = {name: p for name, p in params.items() if p.dtype == np.int8}
        if trits:
            count = sum(p.size for p in trits.values())
            scales = sum(p.size for p in params.values()) - count
            packed = storing.packed_bytes(trits, store)
            found["weights"] = f"{self.spec.layer}: {count} trits in {packed} bytes, {scales} scales in {4 * scales}"
        return found

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"spec": asdict(self.spec), "encoding": encodings.to_json(self.encoding)}

    @classmethod
    def from_json(cls, value: dict[str, Any], encoding: dict[str, Any] | None = None) -> Perceptrons:
        """The inverse."""
        return cls(MLP(**value), encodings.from_json(encoding))


def enclosed(on: Any, spec: MLP, params: Params, x: np.ndarray, *, same: bool = True) -> Iterator[Any]:
    """`refinr.mlp.forward` on balls of the arithmetic `on`, for a few of the samples (N, I) at a time.

    Inputs are the `same` on every machine, or sines and cosines that each has computed for itself.

    Raises
    ------
    ValueError
        If the row of the layer or the activation has no formula for it.
    """
    layer = mlp.get_layer(spec.layer).enclosure
    activation = activations.get(spec.activation).enclosure
    if layer is None or activation is None:
        what = f"layer {spec.layer!r}" if layer is None else f"activation {spec.activation!r}"
        raise ValueError(f"certify: nothing is known about rounding in {what}: its row has no enclosure")
    *hidden, output = mlp.by_layer(spec, params)
    rows = max(1, on.meeting // (len(params["w0"]) * max(spec.sizes)))
    for first in range(0, len(x), rows):
        part = x[None, first : first + rows]
        h = on.data(part) if same else on.encoded(part)
        for arrays in hidden:
            z = layer(on, h, *arrays, gain=spec.gain, **spec.layer_options)  # (E, N, D)
            h = activation(on, z, **spec.activation_options)  # (E, N, D)
        yield layer(on, h, *output, gain=1.0, **spec.layer_options)  # (E, N, O)
