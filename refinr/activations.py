"""Between the layers: the activations INRs are built from, each with its gradient right below.

With this you can apply an activation (``y, cache = sine(z)``), pull a gradient back through it
(``dz = sine_backward(dy, cache)``), and find either by name (`get`).

All act elementwise on real arrays of any shape; those without an absolute value or a comparison (sine, gauss, wire,
tanh) also run on complex arrays, so that the complex step can check their gradients.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from refinr import initialisation
from refinr.tables import look_up
from refinr.xp import Array, Cache, namespace


def sine(z: Array, omega: float = 30.0) -> tuple[Array, Cache]:
    """``y = sin(omega z)``.

    References
    ----------
    Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions" (SIREN), NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = sine(np.array([0.0]), omega=30.0)
    >>> y.tolist(), sine_backward(np.array([1.0]), cache).tolist()
    ([0.0], [30.0])
    """
    u = z if omega == 1.0 else omega * z
    return namespace(z).sin(u), (u, omega)


def sine_backward(dy: Array, cache: Cache) -> Array:
    """``dz = dy omega cos(omega z)``."""
    u, omega = cache
    dz = namespace(u).cos(u)
    dz *= dy
    if omega != 1.0:
        dz *= omega
    return dz


def finer(z: Array, omega: float = 30.0, stopped: bool = False) -> tuple[Array, Cache]:
    """``y = sin(omega (|z| + 1) z)``: a sine whose frequency grows with the distance from zero.

    Parameters
    ----------
    z : array
    omega : float
    stopped : bool
        Take ``|z| + 1`` for a constant in the gradient, as the authors' code does by default.

    References
    ----------
    Liu et al., "FINER: Flexible Spectral-bias Tuning in Implicit NEural Representation by Variable-periodic Activation
    Functions", CVPR 2024.

    Examples
    --------
    >>> import numpy as np
    >>> z = np.array([0.5])
    >>> y, cache = finer(z, omega=1.0)
    >>> y.round(6).tolist(), finer_backward(np.array([1.0]), cache).round(6).tolist()
    ([0.681639], [1.463378])
    """
    xp = namespace(z)
    a = xp.abs(z) + 1.0
    u = omega * (a * z)
    return xp.sin(u), (u, a, omega, stopped)


def finer_backward(dy: Array, cache: Cache) -> Array:
    """``dz = dy omega cos(omega (|z| + 1) z) s``, with ``s = 2 |z| + 1``, or ``|z| + 1`` if stopped."""
    u, a, omega, stopped = cache
    dz = namespace(u).cos(u)
    dz *= a if stopped else 2.0 * a - 1.0
    dz *= dy
    dz *= omega
    return dz


def gauss(z: Array, scale: float = 10.0) -> tuple[Array, Cache]:
    """``y = exp(-(scale z)^2)``.

    References
    ----------
    Ramasinghe and Lucey, "Beyond Periodicity: Towards a Unifying Framework for Activations in Coordinate-MLPs",
    ECCV 2022.

    Examples
    --------
    >>> import numpy as np
    >>> gauss(np.array([0.0, 0.1]), scale=10.0)[0].round(6).tolist()
    [1.0, 0.367879]
    """
    u = scale * z
    y = namespace(z).exp(-u * u)
    return y, (u, y, scale)


def gauss_backward(dy: Array, cache: Cache) -> Array:
    """``dz = -2 scale (scale z) y dy``."""
    u, y, scale = cache
    dz = u * y
    dz *= dy
    dz *= -2.0 * scale
    return dz


def wire(z: Array, omega: float = 30.0, scale: float = 10.0) -> tuple[Array, Cache]:
    """``y = cos(omega z) exp(-(scale z)^2)``, the real Gabor wavelet.

    The complex wavelet of the paper, ``exp(i omega z - |scale z|^2)``, has this as its real part.

    References
    ----------
    Saragadam et al., "WIRE: Wavelet Implicit Neural Representations", CVPR 2023.

    Examples
    --------
    >>> import numpy as np
    >>> wire(np.array([0.0, 0.1]), omega=10.0, scale=10.0)[0].round(6).tolist()
    [1.0, 0.198766]
    """
    xp = namespace(z)
    u = omega * z
    v = scale * z
    envelope = xp.exp(-v * v)
    wave = xp.cos(u)
    return wave * envelope, (u, v, wave, envelope, omega, scale)


def wire_backward(dy: Array, cache: Cache) -> Array:
    """``dz = -(omega sin(omega z) + 2 scale (scale z) cos(omega z)) exp(-(scale z)^2) dy``."""
    u, v, wave, envelope, omega, scale = cache
    slope = omega * namespace(u).sin(u) + (2.0 * scale) * (v * wave)
    return -slope * envelope * dy


def relu(z: Array) -> tuple[Array, Cache]:
    """``y = max(z, 0)``.

    Examples
    --------
    >>> import numpy as np
    >>> relu(np.array([-1.0, 2.0]))[0].tolist()
    [0.0, 2.0]
    """
    y = namespace(z).maximum(z, namespace(z).zeros_like(z))
    return y, (y,)


def relu_backward(dy: Array, cache: Cache) -> Array:
    """``dz = dy`` where ``z > 0``, else 0."""
    (y,) = cache
    xp = namespace(y)
    return xp.where(y > 0, dy, xp.zeros_like(dy))


def tanh(z: Array) -> tuple[Array, Cache]:
    """``y = tanh(z)``.

    Examples
    --------
    >>> import numpy as np
    >>> tanh(np.array([0.0, 1.0]))[0].round(6).tolist()
    [0.0, 0.761594]
    """
    y = namespace(z).tanh(z)
    return y, (y,)


def tanh_backward(dy: Array, cache: Cache) -> Array:
    """``dz = (1 - y^2) dy``, factored so that nothing cancels where y is near 1."""
    (y,) = cache
    return (1.0 - y) * (1.0 + y) * dy


# Chebyshev coefficients of exp(u^2) erfc(u) for u >= 0, in the variable t = (u - 4) / (u + 4): computed with 40 digits,
# cut where the rest stays below 2e-17 (all) and 2e-9 (the first 13, enough for float32).
_ERFCX = (
    0.2981017936936576, -0.42908644125580536, 0.18027256568771055, -0.06523752449734899, 0.020367256576744864,
    -0.005449087066459008, 0.0012278515372606755, -0.0002246979421877305, 3.068543113098951e-05,
    -2.3178234999468535e-06, -1.4628356484727578e-07, 6.927830518748949e-08, -6.8831107633628464e-09,
    -6.858489149445451e-10, 2.4593734989496684e-10, -7.814909174028096e-12, -5.889394733817263e-12,
    6.869230438567993e-13, 1.255049258010826e-13, -2.8232509502798152e-14, -2.6031646343175433e-15,
    1.0249960195009236e-15, 5.72841468125685e-17, -3.692875129327215e-17,
)  # fmt: skip


@functools.singledispatch  # arrays that carry error bounds have a rule of their own (refinr.oracle.rounding)
def normal_cdf(z: Array) -> Array:
    """The normal distribution function ``Phi(z) = erfc(-z / sqrt 2) / 2``, to rounding, without an erf to call.

    With ``u = |z| / sqrt 2``: ``erfc(u) = exp(-u^2) g(u)``, where g is smooth on all of [0, inf) and so has a short
    Chebyshev series, summed here by Clenshaw's recurrence.

    Examples
    --------
    >>> import numpy as np
    >>> normal_cdf(np.array([-1.0, 0.0, 1.0])).round(12).tolist()
    [0.158655253931, 0.5, 0.841344746069]
    """
    xp = namespace(z)
    u = xp.clip(xp.abs(z) * math.sqrt(0.5), 0.0, 40.0)  # exp(-40^2) is zero in float64, and infinity has no t
    t = (u - 4.0) / (u + 4.0)
    series = _ERFCX[:13] if z.dtype == xp.float32 else _ERFCX
    b1 = b2 = xp.zeros_like(u)
    for c in series[:0:-1]:
        b1, b2 = c + 2.0 * t * b1 - b2, b1
    tail = 0.5 * xp.exp(-u * u) * (series[0] + t * b1 - b2)  # Phi(-|z|)
    return xp.where(z < 0, tail, 1.0 - tail)


def gelu(z: Array) -> tuple[Array, Cache]:
    """``y = z Phi(z)`` with the exact normal distribution function (the tanh formula is off by up to 4.7e-4).

    References
    ----------
    Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)", arXiv 1606.08415.

    Examples
    --------
    >>> import numpy as np
    >>> gelu(np.array([-1.0, 0.0, 1.0]))[0].round(6).tolist()
    [-0.158655, 0.0, 0.841345]
    """
    cdf = normal_cdf(z)
    return z * cdf, (z, cdf)


def gelu_backward(dy: Array, cache: Cache) -> Array:
    """``dz = (Phi(z) + z exp(-z^2 / 2) / sqrt(2 pi)) dy``."""
    z, cdf = cache
    density = namespace(z).exp(-0.5 * z * z) * (1.0 / math.sqrt(2.0 * math.pi))
    return (cdf + z * density) * dy


# --- by name ---------------------------------------------------------------------------------------------------------


class Activation(NamedTuple):
    """An activation, and all that a network, a fit and a certificate need to know about it.

    Parameters
    ----------
    forward, backward : callables
        ``forward(z, **options) -> (y, cache)`` and ``backward(dy, cache) -> dz``.
    parameters : tuple of str
        Options that a network's description supplies (``omega``, ``scale``).
    constants : mapping
        Options that are fixed by the name.
    frequency : str or None
        The option that sets how fast y changes with z; None for activations without a scale of their own.
    folds : bool
        Whether this option does nothing but multiply z, and with 1.0 nothing is multiplied: the layer below may do it.
    law : callable
        Of the first weights and biases, see `refinr.initialisation`.
    nyquist_share : float or None
        Scale of the first layer that a fit takes by default, as a share of the tile's Nyquist frequency; None: that of
        the law.
    defaults : mapping
        What a fit takes by default besides what suits linear layers: keywords of `refinr.fit`.  Measured: with them
        networks of `refinr.kinds.widths` learn planes of 32 x 32 samples, noise or not, in 29 to 60 steps on average.
    oscillates : bool
        Whether y rises and falls with z.  Then a layer whose weights have no scale of their own destroys the fit.
    rounds : bool
        Whether computing y rounds.  If not, whole numbers stay whole.
    enclosure : callable or None
        ``enclosure(on, z, **options)``: forward on values that carry an error bound, each operation a method of the
        arithmetic `on` (`refinr.balls.Machines` is one).  None: certificates are refused.
    """

    forward: Callable[..., tuple[Array, Cache]]
    backward: Callable[[Array, Cache], Array]
    parameters: tuple[str, ...] = ()
    constants: Mapping[str, Any] = MappingProxyType({})
    frequency: str | None = None
    folds: bool = False
    law: initialisation.Law = initialisation.inverse_root
    nyquist_share: float | None = None
    defaults: Mapping[str, Any] = MappingProxyType({})
    oscillates: bool = False
    rounds: bool = True
    enclosure: Callable[..., Any] | None = None


def _finer_enclosure(on: Any, z: Any, omega: float, stopped: bool = False) -> Any:
    return on.sin(on.scaled(on.product(on.plus(on.abs(z), 1.0), z), omega))


# Half the Nyquist frequency: above it a first layer cannot represent more on the grid, and far below it fits take
# thousands of steps instead of tens.
_WAVE: dict[str, Any] = {"frequency": "omega", "nyquist_share": 0.5, "oscillates": True}

# Activations that do not oscillate cannot make the high frequencies of a plane out of bare coordinates: they get waves.
_ON_WAVES: Mapping[str, Any] = MappingProxyType({"encoding": "fourier"})

ACTIVATIONS = {
    "sine": Activation(
        sine,
        sine_backward,
        ("omega",),
        folds=True,
        law=initialisation.siren,
        enclosure=lambda on, z, omega: on.sin(z if omega == 1.0 else on.scaled(z, omega)),
        **_WAVE,
    ),
    "finer": Activation(
        finer,
        finer_backward,
        ("omega",),
        law=initialisation.finer,
        enclosure=_finer_enclosure,
        **_WAVE,
    ),
    "finer-stopped": Activation(
        finer,
        finer_backward,
        ("omega",),
        {"stopped": True},
        law=initialisation.finer,
        enclosure=_finer_enclosure,
        **_WAVE,
    ),
    "gauss": Activation(
        gauss,
        gauss_backward,
        ("scale",),
        # hidden layers sum values of one sign: bells as narrow as the paper's would see nothing but their tails
        defaults=MappingProxyType({"encoding": "fourier", "scale": 1.0}),
        enclosure=lambda on, z, scale: on.bell(on.scaled(z, scale)),
        **_WAVE | {"frequency": "scale"},
    ),
    "wire": Activation(
        wire,
        wire_backward,
        ("omega", "scale"),
        # the weights of hidden layers are as large as PyTorch's: with omega 30 they would be noise to the layers above
        defaults=MappingProxyType({"omega": 4.0, "scale": 0.12}),
        enclosure=lambda on, z, omega, scale: on.product(on.cos(on.scaled(z, omega)), on.bell(on.scaled(z, scale))),
        **_WAVE,
    ),
    "relu": Activation(
        relu,
        relu_backward,
        law=initialisation.he,
        defaults=_ON_WAVES,
        rounds=False,
        enclosure=lambda on, z: on.relu(z),
    ),
    "tanh": Activation(
        tanh,
        tanh_backward,
        law=initialisation.glorot,
        defaults=_ON_WAVES,
        enclosure=lambda on, z: on.tanh(z),
    ),
    "gelu": Activation(
        gelu,
        gelu_backward,
        law=initialisation.he,
        defaults=_ON_WAVES,
        enclosure=lambda on, z: on.product(z, on.normal_cdf(z)),
    ),
}


def get(name: str) -> Activation:
    """The activation of that name.

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> get("wire").parameters
    ('omega', 'scale')
    """
    return look_up(ACTIVATIONS, name, "activation")
