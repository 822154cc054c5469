"""Kinds of layers by name, each with all that a network, a fit, a file and a certificate need to know about it.

With this you can find a kind of layer (`get_layer`) in the table of all (`LAYERS`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from refinr import activations, layers, ternary
from refinr.tables import look_up
from refinr.xp import Array, Cache, namespace

WHOLE = 1 << 23
"""Sums of whole numbers below this, and halves between them, are exact in float32, which has 24 bits."""


def anything(*described: Any) -> None:
    """Refuses nothing.

    Examples
    --------
    >>> anything("none", None)
    """


class Layer(NamedTuple):
    """A kind of layer.

    Shapes are written in letters: "IO" is an array of ``fan_in`` rows and ``fan_out`` columns, "1O" one of a single
    row.  A network has them with its layer's number behind the name, ``w0``, ``b0``, ``w1``, ...

    Parameters
    ----------
    forward, backward : callables
        ``forward(x, *arrays, **options) -> (y, cache)``; it takes the arrays that are trained and, where others are
        stored, those.  ``backward(dy, cache, input_gradient=True) -> (*gradients, dx)``.
    arrays : mapping from str to str
        Names and shapes of the arrays that are trained.  Those called "w" start from the activation's law of weights,
        others from its law of biases.
    stored : mapping from str to (str, str)
        Names, shapes and dtypes of the arrays that are stored: "float32", or "int8" for numbers in {-1, 0, 1}.
    freeze : callable
        ``freeze(*arrays) -> dict``: what is stored of trained arrays.
    defaults : dict
        What `refinr.fit` takes where it is told nothing; there ``hidden`` may be a rule, which is called like `widths`.
    deep : mapping
        Replaces some of them where a network has more than two hidden layers.
    options : tuple of str
        What a network's description supplies (``bits``).
    check : callable
        ``check(spec)`` raises a ValueError for networks that cannot consist of such layers.
    check_encoding : callable
        ``check_encoding(name, encoding)`` raises a ValueError for inputs that such layers cannot take.
    folds : bool
        Whether the layer is linear in its arrays, so that a factor of its outputs may be multiplied into them.
    enclosure : callable or None
        ``enclosure(on, h, *arrays, gain=gain, **options)``: forward on values that carry an error bound, each operation
        a method of the arithmetic `on`, with such a factor.  None: certificates are refused.
    """

    forward: Callable[..., tuple[Array, Cache]]
    backward: Callable[..., tuple[Array | None, ...]]
    arrays: Mapping[str, str]
    stored: Mapping[str, tuple[str, str]]
    freeze: Callable[..., dict[str, Array]]
    defaults: dict[str, Any]
    deep: Mapping[str, Any] = MappingProxyType({})
    options: tuple[str, ...] = ()
    check: Callable[[Any], None] = anything
    check_encoding: Callable[[str, Any], None] = anything
    folds: bool = False
    enclosure: Callable[..., Any] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of all arrays, trained or stored, in the order in which `forward` takes them."""
        return tuple(dict.fromkeys([*self.arrays, *self.stored]))


def widths(axes: int, outputs: int, *, layers: int = 2, share: float = 0.9) -> tuple[int, ...]:
    """Hidden layers of one width, the largest with which a network of one output has `share` parameters per output.

    At least 8, which a handful of samples needs to be learnt in a few steps, and at most 128, where a step begins to
    take seconds.

    Parameters
    ----------
    axes : int
        Coordinates of a sample.
    outputs : int
        Samples of a tile.
    layers : int
    share : float
        Parameters per output.

    Examples
    --------
    >>> widths(2, 32 * 32), widths(2, 16 * 16), widths(1, 3)
    ((27, 27), (12, 12), (8, 8))
    """
    # (axes + 1) w + (layers - 1) (w + 1) w + (w + 1) parameters: square w^2 + linear w + 1 = share * outputs
    square = layers - 1
    linear = axes + layers + 1
    width = (math.sqrt(linear * linear + 4.0 * square * (share * outputs - 1.0)) - linear) / (2.0 * square)
    return (min(max(int(width), 8), 128),) * layers


# --- linear ----------------------------------------------------------------------------------------------------------

LINEAR = Layer(
    layers.linear,
    layers.linear_backward,
    arrays=MappingProxyType({"w": "IO", "b": "1O"}),
    stored=MappingProxyType({"w": ("IO", "float32"), "b": ("1O", "float32")}),
    freeze=lambda w, b: {"w": w, "b": b},
    defaults={"hidden": widths, "activation": "sine", "encoding": "none", "lr": 1e-2},
    deep=MappingProxyType({"lr": 3e-3}),  # of steps of 1e-2, sines behind sines make too much
    folds=True,
    enclosure=lambda on, h, w, b, gain: on.linear(h, w, b, gain),
)


# --- ternary ---------------------------------------------------------------------------------------------------------


def _check_ternary(spec: Any) -> None:
    ternary.check_bits(spec.bits)
    if activations.get(spec.activation).oscillates and not spec.experimental:
        raise ValueError(
            f"activation: ternary weights lose the initialisation that {spec.activation!r} lives by and the fit "
            "collapses: take 'relu', 'gelu' or 'tanh', or set experimental=True to see it"
        )
    if spec.first_scale is not None:
        raise ValueError("first_scale: ternary weights have no scale to choose, expected None")


def _check_ternary_encoding(name: str, encoding: Any) -> None:
    if encoding is None:
        raise ValueError(
            "encoding: a ternary layer normalises its input, which leaves of two bare coordinates only the sign of "
            "their difference: choose 'fourier' or 'octaves'"
        )


def _codes(w: Array) -> tuple[Array, Array]:
    xp = namespace(w)
    codes, scale = ternary.weight_codes(w)
    return xp.astype(codes, xp.int8), scale


TERNARY = Layer(
    ternary.linear,
    ternary.linear_backward,
    arrays=MappingProxyType({"w": "IO"}),
    stored=MappingProxyType({"w": ("IO", "int8"), "s": ("11", "float32")}),
    freeze=lambda w: dict(zip(("w", "s"), _codes(w), strict=True)),
    defaults={"hidden": (32, 32), "activation": "relu", "encoding": "fourier", "lr": 6e-3},
    options=("bits",),
    check=_check_ternary,
    check_encoding=_check_ternary_encoding,
    enclosure=lambda on, h, *arrays, gain, bits: on.unknown(ternary.linear(h.mid, *arrays, bits=bits)[0]),
)


# --- ternary, in whole numbers ---------------------------------------------------------------------------------------


def _check_integer(spec: Any) -> None:
    _check_ternary(spec)
    largest = ternary.largest_sum(max(spec.sizes), spec.bits)
    if activations.get(spec.activation).rounds or largest >= WHOLE:
        whole = " or ".join(name for name, found in activations.ACTIVATIONS.items() if not found.rounds)
        raise ValueError(
            f"layer: {spec.layer!r} needs {whole} and sums below 2^23 to be exact, got {spec.activation} and {largest}"
        )


def _check_integer_encoding(name: str, encoding: Any) -> None:
    if not (encoding and encoding.whole):
        raise ValueError(f"encoding: whole numbers only come from 'triangle', got {name!r} for 'ternary-integer'")


INTEGER = Layer(
    ternary.integer_linear,
    ternary.integer_linear_backward,
    arrays=TERNARY.arrays,
    stored=MappingProxyType({"w": ("IO", "int8")}),
    freeze=lambda w: {"w": _codes(w)[0]},
    defaults={"hidden": (56, 56), "activation": "relu", "encoding": "triangle", "lr": 1e-2},
    options=("bits",),
    check=_check_integer,
    check_encoding=_check_integer_encoding,
    enclosure=lambda on, h, w, gain, bits: on.integer_linear(h, w, bits),
)


# --- by name ---------------------------------------------------------------------------------------------------------

LAYERS = {"linear": LINEAR, "ternary": TERNARY, "ternary-integer": INTEGER}


def get_layer(name: str) -> Layer:
    """The kind of layer of that name.

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> get_layer("ternary").names
    ('w', 's')
    """
    return look_up(LAYERS, name, "layer")
