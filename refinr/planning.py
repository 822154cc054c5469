"""Which layout an array gets: how many bits, which tiles, what the networks are given and how wide they are.

With this you can plan a layout for an array (`plan`) and the training of its networks (`plan_training`), and say which
settings stand where a user gave none (`settings`, `PRESETS`).

What a user states and cannot be held raises; only what nobody stated adapts to the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from refinr import activations, coords, decompositions, encodings, losses, optim, planes, tiling
from refinr.decompositions import Decomposition
from refinr.encodings import Encoding
from refinr.jobs import Options
from refinr.layout import Layout
from refinr.mlp import MLP, get_layer, widths
from refinr.optim import Optimiser, Schedule
from refinr.perceptrons import Perceptrons
from refinr.tables import look_up

AUTO = "auto"
"""A setting that is left to the others, where None has a meaning of its own."""

PRESETS: dict[str, dict[str, Any]] = {
    "fast": {"hidden": widths, "activation": "sine", "encoding": "none", "lr": 1e-2, "optimiser": "adam"},
    "small": {
        "hidden": (13, 13, 13),
        "activation": "sine",
        "encoding": "none",
        "lr": optim.Cosine(1e-2, 600),
        "optimiser": "adam",
    },
}
"""Settings by the name of what they are good for, each some of the keywords of `refinr.fit` whose default is None."""


def settings(layer: str, preset: str | None, given: dict[str, Any], decomposition: str = "planes") -> dict[str, Any]:
    """Settings where the user gave none: those of the preset, and where that has none either, of activation and layer.

    Parameters
    ----------
    layer : str
        A name in `refinr.mlp.LAYERS`.
    preset : str or None
        A name in `PRESETS`.
    given : dict
        What the user gave; None is nothing.
    decomposition : str
        A name in `refinr.decompositions.DECOMPOSITIONS`.

    Examples
    --------
    >>> settings("linear", "fast", {"hidden": (8, 8), "lr": None, "loss": None})["hidden"]
    (8, 8)
    """
    stated = {name: value for name, value in given.items() if value is not None}
    kind = get_layer(layer)
    preset_row = {} if preset is None else look_up(PRESETS, preset, "preset")
    activation = {**kind.defaults, **preset_row, **stated}["activation"]
    by_activation = dict(activations.get(activation).defaults if kind.folds else {})  # others' are for all activations
    if "first_scale" in stated:  # of coordinates, which then go in as they are
        by_activation.pop("encoding", None)
    deep = kind.deep if len(stated.get("hidden", ())) > 2 else {}
    by_cut = look_up(decompositions.DECOMPOSITIONS, decomposition, "decomposition").defaults
    return {**given, **kind.defaults, **by_activation, **deep, **by_cut, **preset_row, **stated}


def plan(
    samples: np.ndarray,
    decomposition: str = "planes",
    *,
    bits: int | None = None,
    radix_bits: int = 1,
    gray: bool = False,
    channels: bool | None = None,
    tile: int | Sequence[int] = 32,
    hidden: Sequence[int] | Callable[[int, int], Sequence[int]],
    layer: str = "linear",
    activation: str = "sine",
    omega: float | None = None,
    scale: float | None = None,
    first_scale: str | float | Sequence[float] | None = AUTO,
    encoding: str = encodings.BARE,
    features: int | None = None,
    seed: int = 0,
) -> Layout:
    """The layout for an array; parameters and errors as in `refinr.fit`.

    Examples
    --------
    >>> image = np.arange(64, dtype="uint8").reshape(8, 8)
    >>> layout = plan(image, tile=4, hidden=(8,))
    >>> layout.cut.bits, layout.tile, layout.networks
    (6, (4, 4), 24)
    """
    signal = signal_of(samples, decomposition, bits, radix_bits, gray, channels, tile)
    *_, shape, cut = signal
    axes = cut.axes(shape)
    lift = _encoding(encoding, layer, axes, features, seed)
    width = len(axes) if lift is None else lift.width(axes)
    inner = hidden(len(axes), math.prod(axes)) if callable(hidden) else hidden
    spec = MLP(
        (width, *inner, 1),
        activation,
        omega=_option("omega", omega, "frequency", activation),
        scale=_option("scale", scale, "width", activation),
        first_scale=_first_scale(first_scale, activation, axes, lift),
        layer=layer,
    )
    return Layout(*signal, Perceptrons(spec, lift))


def signal_of(
    samples: np.ndarray,
    decomposition: str,
    bits: int | None,
    radix_bits: int,
    gray: bool,
    channels: bool | None,
    tile: int | Sequence[int],
) -> tuple[str, tuple[int, ...], bool, int, tuple[int, ...], Decomposition]:
    """All that a layout says of an array, before it comes to the networks."""
    if samples.ndim == 0 or samples.size == 0:
        raise ValueError(f"samples: expected at least one axis and one sample, got shape {samples.shape}")
    planes.code_dtype(samples.dtype)  # raises for dtypes without codes
    channel_axis = tiling.has_channels(samples.shape, channels)
    if channel_axis and samples.ndim < 2:
        raise ValueError(f"channels: samples of shape {samples.shape} have no axis left for a grid")
    grid = samples.shape[:-1] if channel_axis else samples.shape
    with np.errstate(invalid="ignore"):  # signalling NaNs
        ends = np.array([samples.min(), samples.max()], samples.dtype)  # no copy: they may be mapped from a large file
    offset, needed = _range(ends)
    cut = decompositions.choose(decomposition, ends, _bits(bits, needed), radix_bits, gray)
    shape = tiling.tile_shape(grid, tile)
    return samples.dtype.str, samples.shape, channel_axis, offset, shape, cut


def plan_training(
    cut: Decomposition,
    *,
    loss: str | None = None,
    optimiser: str | Optimiser | None = None,
    lr: float | Schedule,
    margin: float = Options.margin,
    max_steps: int = Options.max_steps,
    patience: int | str | None = AUTO,
    seed: int = 0,
) -> Options:
    """How to train networks for a decomposition; parameters and errors as in `refinr.fit`.

    Examples
    --------
    >>> options = plan_training(decompositions.Direct(bits=8), lr=1e-3)
    >>> options.levels, options.loss, options.patience
    (256, 'mse', None)
    """
    return Options(
        levels=cut.levels,
        loss=loss or losses.for_levels(Options.loss, cut.levels),
        optimiser=optim.find(optimiser or "adam"),
        lr=lr,
        margin=margin,
        max_steps=max_steps,
        patience=_patience(patience, cut.regresses),
        seed=seed,
        by_error=cut.regresses,
    )


def _patience(value: int | str | None, regresses: bool) -> int | None:
    if value == AUTO:
        return None if regresses else Options.patience
    if isinstance(value, str):
        raise ValueError(f"patience: expected 1 or more steps, None or 'auto', got {value!r}")
    if regresses and value is not None:
        raise ValueError(f"patience: direct regression never starts again, expected None, got {value}")
    return value


def _range(ends: np.ndarray) -> tuple[int, int]:
    """What is subtracted from codes between those of `ends`, and the bits that are then needed."""
    codes, width = planes.to_codes(ends)
    low, high = map(int, codes)
    if ends.dtype.kind == "f":
        return 0, width
    offset = low if ends.dtype.kind == "i" else 0
    return offset, (high - offset).bit_length()


def _bits(bits: int | None, needed: int) -> int:
    if bits is None:
        return max(1, needed)
    planes.count(bits)  # raises for what is no width
    if bits < needed:
        raise ValueError(f"bits: the samples need {needed}, got {bits}")
    return int(bits)


def _option(name: str, value: float | None, what: str, activation: str) -> float:
    if value is None:
        return getattr(MLP, name)
    if name not in activations.get(activation).parameters:
        raise ValueError(f"{name}: {activation!r} has no {what} to set, got {value}")
    return value


def _encoding(name: str, layer: str, axes: tuple[int, ...], features: int | None, seed: int) -> Encoding | None:
    encoding = encodings.choose(name, axes, features, seed)
    get_layer(layer).check_encoding(name, encoding)
    if features is not None and not (encoding and encoding.drawn):
        raise ValueError(f"features: waves are not drawn with encoding {name!r}, got {features}")
    return encoding


def _first_scale(
    value: str | float | Sequence[float] | None, activation: str, axes: tuple[int, ...], encoding: Encoding | None
) -> Any:
    if not isinstance(value, str):
        return value
    if value not in (AUTO, "half-nyquist"):
        raise ValueError(f"first_scale: expected 'half-nyquist', None or numbers, got {value!r}")
    share = activations.get(activation).nyquist_share
    scale = None if share is None else tuple(share * f for f in coords.nyquist(axes))
    if scale is None and value != AUTO:
        raise ValueError(f"first_scale: {activation!r} takes no scale from the tile, got {value!r}")
    if encoding is None:
        return scale
    if value != AUTO:
        raise ValueError(f"first_scale: the frequencies are in the encoding, expected None, got {value!r}")
    return None
