"""Settings of fits, all of them: what a figure shows must not depend on what `refinr` takes by default.

With this you can fit one small network a plane (`PLANES`, or with ternary weights, `TERNARY` and `WHOLE_NUMBERS`):
``fit(samples, **fits.PLANES)``, or with some settings changed, ``fit(samples, **(fits.PLANES | {"margin": 0.0}))``.
"""

from __future__ import annotations

from typing import Any

_BITS: dict[str, Any] = {
    "decomposition": "planes",
    "tile": 32,
    "loss": "bce",
    "margin": 0.5,
    "max_steps": 2000,
    "patience": 300,
}

PLANES = _BITS | {
    "hidden": (16,) * 4,
    "activation": "sine",
    "omega": 30.0,
    "first_scale": "half-nyquist",
    "encoding": "none",
    "lr": 3e-3,
}
"""Sine networks that are exact after tens of steps on tiles of 32 x 32 samples."""

DIRECT = PLANES | {"decomposition": "none", "loss": "mse", "patience": None}
"""The values themselves in one network, which does not start again."""

TERNARY = _BITS | {
    "layer": "ternary",
    "hidden": (32, 32),
    "activation": "relu",
    "first_scale": None,  # frequencies are in the encoding
    "encoding": "fourier",
    "features": 60,
    "lr": 6e-3,
}
"""Weights of -1, 0 and 1."""

WHOLE_NUMBERS = TERNARY | {"layer": "ternary-integer", "hidden": (56, 56), "encoding": "triangle", "lr": 1e-2}
"""Ternary networks that compute in whole numbers."""
