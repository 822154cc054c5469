"""Operations on whole networks and on what comes of them, as a backend offers them.

With this you can see what each has to compute: initial parameters (`init`), networks with all gradients (`mlp`,
`ternary_mlp`), the optimiser (`adam`) and a training run (`train`), metrics (`bit_error_rate`, `rmse`, `psnr`, `ssim`),
decisions (`decide`), and networks and files back to samples (`decode`, `decode_file`).

Parameters come by name, ``w0``, ``b0``, ``w1``, ... beside the other arguments: ``w0`` is (E, I, D), ``b0`` (E, 1, D).
What holds for all operations (dtypes, shapes, order, arguments) stands in `refinr.oracle.operations`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from refinr import activations, coords, decisions, decompositions, layers, loading, losses, metrics, optim
from refinr import mlp as networks
from refinr.mlp import MLP
from refinr.oracle.leaf_operations import Tensors
from refinr.xp import Array, namespace, to_host

Disturbance = Callable[[Tensors, Tensors], tuple[Tensors, Tensors, float]]


def spec_of(params: Tensors, **options: Any) -> MLP:
    """The network that these parameters belong to.

    Examples
    --------
    >>> spec_of({"w0": np.zeros((4, 2, 8)), "b0": np.zeros((4, 1, 8)), "w1": np.zeros((4, 8, 1))}).sizes
    (2, 8, 1)
    """
    sizes = [params["w0"].shape[-2], *(w.shape[-1] for name, w in params.items() if name.startswith("w"))]
    return MLP(tuple(sizes), **options)


# --- networks --------------------------------------------------------------------------------------------------------


class _Draws:
    """What `refinr.mlp.init_one` takes for a generator: numbers between -1 and 1 that are already there."""

    def __init__(self, arrays: Any) -> None:
        self.arrays = iter(arrays)

    def uniform(self, low: float, high: float, shape: tuple[int, ...]) -> Array:
        return next(self.arrays)


def init(activation: str, omega: float, scale: float, first_scale: Any, **draws: Array) -> Tensors:
    """Initial parameters of one network: a bound times a number drawn from U(-1, 1), which is given.

    Bounds of a layer with I inputs and O outputs, by activation:

    - sine: w0 1 / I, other weights ``sqrt(6 / I) / omega``; biases ``1 / sqrt(I)``.
    - finer, finer-stopped: weights as for sine; b0 1, other biases ``1 / sqrt(I)``.
    - relu, gelu: weights ``sqrt(6 / I)``; biases 0.
    - tanh: weights ``sqrt(6 / (I + O))``; biases 0.
    - gauss, wire: all ``1 / sqrt(I)``.

    With `first_scale`, those of the first layer are instead ``first_scale / g`` for weights, row by row where it is a
    list, and ``pi / g`` for biases; g is omega for sine, finer and wire, scale for gauss, 1 for the rest.

    Parameters
    ----------
    activation : str
        Or "finer-stopped".
    omega, scale : float
    first_scale : None, float or list of I floats
    **draws : arrays (I, O) and (1, O)
        ``w0``, ``b0``, ``w1``, ...: numbers from -1 to 1 in the parameters' places.

    Returns
    -------
    w0, b0, w1, ... : arrays of the shapes and dtypes of the draws

    Examples
    --------
    >>> draws = {"w0": np.ones((4, 1)), "b0": np.ones((1, 1))}
    >>> {name: p[0].tolist() for name, p in init("sine", 30.0, 10.0, None, **draws).items()}
    {'w0': [0.25], 'b0': [0.5]}
    """
    spec = spec_of(draws, activation=activation, omega=omega, scale=scale, first_scale=first_scale)
    params = networks.init_one(spec, _Draws(draws.values()))  # type: ignore[arg-type]
    return {name: p.astype(draws[name].dtype) for name, p in params.items()}


def mlp(
    x: Array,
    targets: Array,
    activation: str,
    omega: float,
    scale: float,
    loss: str,
    octaves: int,
    **params: Array,
) -> Tensors:
    """A whole network, its loss and all gradients, with everything between by name.

    ``h_0`` is x, or with octaves its `positional_encoding`; ``z_i = h_i w_i + b_i``, ``h_(i+1) = activation(z_i)``, the
    last layer without activation.  Gradients are those of the loss, with every tensor's own shape.

    Parameters
    ----------
    x : array (N, d), shared by all networks, or (E, N, d)
    targets : array (E, N, O)
    activation : str
        A name of an activation here, or "finer-stopped"; refuse others.
    omega : float
        Of sine, finer and wire, and in every layer.
    scale : float
        Of gauss and wire.
    loss : str
        "bce" for `bce_with_logits`, "mse" or "mae"; refuse others.
    octaves : int
        0: no encoding.
    **params : arrays
        ``w0`` (E, I, D), ``b0`` (E, 1, D), ``w1``, ...

    Returns
    -------
    h0 : array (N, I) or (E, N, I)
        Only where there are octaves.
    z0, h1, z1, ... : arrays (E, N, D)
        z before omega is multiplied to it.
    loss : array ()
    dz : array (E, N, O)
        The loss's gradient at the last z.
    dw, db : arrays of the shapes of the parameters
        From the last layer to the first: ``dw1``, ``db1``, ``dw0``, ``db0``.
    dx : array of the shape of x
        Through the encoding; where x is shared, summed over networks.

    Examples
    --------
    >>> x, targets = np.array([[1.0]]), np.array([[[1.0]]])
    >>> params = {"w0": np.array([[[2.0]]]), "b0": np.array([[[-1.0]]])}
    >>> result = mlp(x, targets, "relu", 1.0, 1.0, loss="mse", octaves=0, **params)
    >>> list(result), float(result["loss"])
    (['z0', 'loss', 'dz', 'dw0', 'db0', 'dx'], 0.0)
    """
    spec = spec_of(params, activation=activation, omega=omega, scale=scale)
    h0 = coords.positional_encoding(x, octaves) if octaves else x
    z, cache = networks.forward(spec, params, h0)
    value, dz = losses.get(loss)(z, targets)
    grads, dx = networks.backward(spec, params, cache, dz)
    result = {"h0": h0} if octaves else {}
    for i, (linear_cache, _) in enumerate(cache):
        h = linear_cache[0]
        if i > 0:
            result[f"h{i}"] = h
        result[f"z{i}"] = layers.linear(h, params[f"w{i}"], params[f"b{i}"])[0] if i < spec.depth - 1 else z
    result |= {"loss": value, "dz": dz}
    for i in reversed(range(spec.depth)):
        result |= {f"dw{i}": grads[f"w{i}"], f"db{i}": grads[f"b{i}"]}
    return result | {"dx": coords.positional_encoding_backward(dx, x, octaves) if octaves else dx}


def ternary_mlp(x: Array, targets: Array, activation: str, layer: str, bits: int, **params: Array) -> Tensors:
    """A whole network of ternary layers without biases, its `bce_with_logits` and all gradients, named as in `mlp`.

    Parameters
    ----------
    x : array (N, I)
    targets : array (E, N, O)
    activation : str
    layer : str
        "ternary": every layer is `ternary_linear` with faithful None; "ternary-integer": `integer_linear`.
    bits : int
    **params : arrays
        ``w0`` (E, I, D), ``w1``, ...: the weights that are trained, not their codes.

    Returns
    -------
    z0, h1, z1, ... : arrays (E, N, D)
    loss : array ()
    dz : array (E, N, O)
    ..., dw1, dw0 : arrays of the shapes of the parameters
    dx : array (N, I)

    Examples
    --------
    >>> x, targets = np.array([[0.5]]), np.array([[[1.0]]])
    >>> list(ternary_mlp(x, targets, "relu", "ternary-integer", 8, w0=np.array([[[1.0]]])))
    ['z0', 'loss', 'dz', 'dw0', 'dx']
    """
    spec = spec_of(params, activation=activation, layer=layer, bits=bits)
    z, cache = networks.forward(spec, params, x)
    value, dz = losses.bce_with_logits(z, targets)
    grads, dx = networks.backward(spec, params, cache, dz)
    result: Tensors = {}
    h = x
    for i in range(spec.depth):
        z, _ = networks.get_layer(layer).forward(h, params[f"w{i}"], bits=bits)
        result[f"z{i}"] = z
        if i < spec.depth - 1:
            h, _ = activations.get(activation).forward(z)
            result[f"h{i + 1}"] = h
    result |= {"loss": value, "dz": dz}
    return result | {f"dw{i}": grads[f"w{i}"] for i in reversed(range(spec.depth))} | {"dx": dx}


# --- optimisation ----------------------------------------------------------------------------------------------------


def adam(p: Array, g: Array, lr: float, beta1: float, beta2: float, eps: float) -> Tensors:
    """Adam from rest on given gradients: m, v and p after T steps.

    With ``m = v = 0`` to begin with, step t = 1 .. T takes the gradient ``g = g[t-1]``:
    ``m <- b1 m + (1 - b1) g``, ``v <- b2 v + (1 - b2) g^2``,
    ``p <- p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)``.

    Parameters
    ----------
    p : array (...)
    g : array (T, ...)
        Some zero, some so small that eps counts; T is 1 or more.
    lr, beta1, beta2, eps : float

    Returns
    -------
    m, v, p : arrays of the shape of p

    Examples
    --------
    >>> adam(np.array([1.0]), np.array([[4.0]]), lr=0.1, beta1=0.9, beta2=0.999, eps=1e-8)["p"].round(6).tolist()
    [0.9]
    """
    params = {"p": p}
    state = optim.adam_init(params)
    for t in range(g.shape[0]):
        params, state = optim.adam_step(params, {"p": g[t, ...]}, state, lr, betas=(beta1, beta2), eps=eps)
    return {"m": state.m["p"], "v": state.v["p"], "p": params["p"]}


def train(x: Array, targets: Array, activation: str, omega: float, lr: float, steps: int, **params: Array) -> Tensors:
    """So many steps of `adam` on `bce_with_logits` of all samples at once.

    Betas are 0.9 and 0.999, eps is 1e-8.  A step evaluates the network, and then moves all parameters by the gradients
    there.

    Parameters
    ----------
    x : array (N, d), shared by all networks
    targets : array (E, N, O)
        0.0 or 1.0.
    activation : str
    omega, lr : float
    steps : int
    **params : arrays
        ``w0`` (E, I, D), ``b0`` (E, 1, D), ``w1``, ...: where to start.

    Returns
    -------
    losses : array (steps + 1,)
        Before every step, and after the last.
    z : array (E, N, O)
        Outputs after the last step.
    bits : array (E, N, O), uint8
        Their decisions, ``z > 0``.
    wrong : array (), int64
        How many decisions differ from the targets.

    Examples
    --------
    >>> x, targets = np.array([[1.0]]), np.array([[[1.0]]])
    >>> params = {"w0": np.array([[[2.0]]]), "b0": np.array([[[-1.0]]])}
    >>> result = train(x, targets, "relu", 1.0, lr=0.1, steps=2, **params)
    >>> result["losses"].shape, int(result["wrong"])
    ((3,), 0)
    """
    spec = spec_of(params, activation=activation, omega=omega)
    run = list(descent(spec, params, x, targets, lr, steps))
    _, z = run[-1]
    xp = namespace(x)
    bits = z > 0
    wrong = xp.sum(xp.astype(bits != (targets > 0.5), xp.int64))
    return {"losses": xp.stack([loss for loss, _ in run]), "z": z, "bits": xp.astype(bits, xp.uint8), "wrong": wrong}


def descent(
    spec: MLP, params: Tensors, x: Array, targets: Array, lr: float, steps: int, disturb: Disturbance | None = None
) -> Iterator[tuple[Array, Array]]:
    """Loss and outputs of a training run, before every step and after the last.

    ``disturb(params, grads) -> (params, grads, length)`` may change every step; `length` multiplies the step size.
    """
    state = optim.adam_init(params)
    for _ in range(steps + 1):
        z, cache = networks.forward(spec, params, x)
        loss, dz = losses.bce_with_logits(z, targets)
        yield loss, z
        grads, _ = networks.backward(spec, params, cache, dz, input_gradient=False)
        length = 1.0
        if disturb:
            params, grads, length = disturb(params, grads)
        params, state = optim.adam_step(params, grads, state, lr * length)


# --- results ---------------------------------------------------------------------------------------------------------


def bit_error_rate(a: Array, b: Array, bits: int) -> Tensors:
    """Share of wrong bits, counted on integer codes.

    Parameters
    ----------
    a, b : arrays of codes of one shape, uint8 to uint64
        All below ``2^bits``; refuse others, and two shapes, as in all metrics.
    bits : int, 1 to 64

    Returns
    -------
    per_plane : array (bits,), float64
        Of the codes' bits i, least significant first; float64 whatever dtype is checked, as all metrics are.
    total : array (), float64
        Of all bits.

    Examples
    --------
    >>> a, b = np.array([0, 3], dtype="uint8"), np.array([1, 3], dtype="uint8")
    >>> bit_error_rate(a, b, bits=2)["per_plane"].tolist()
    [0.5, 0.0]
    """
    per_plane = metrics.bit_error_rate_per_plane(a, b, bits)
    return {"per_plane": per_plane, "total": np.asarray(metrics.bit_error_rate(a, b, bits))}


def rmse(a: Array, b: Array) -> Tensors:
    """``sqrt(mean((a - b)^2))`` in steps of the codes; differences do not wrap around.

    Parameters
    ----------
    a, b : arrays of codes of one shape, uint8 to uint64

    Returns
    -------
    rmse : array (), float64

    Examples
    --------
    >>> float(rmse(np.array([0], dtype="uint8"), np.array([3], dtype="uint8"))["rmse"])
    3.0
    """
    return {"rmse": np.asarray(metrics.rmse(a, b))}


def psnr(a: Array, b: Array, bits: int) -> Tensors:
    """``20 log10((2^bits - 1) / rmse)`` in decibels; infinite for equal codes.

    Parameters
    ----------
    a, b : arrays of codes of one shape, uint8 to uint64
    bits : int, 1 to 64

    Returns
    -------
    psnr : array (), float64

    Examples
    --------
    >>> float(psnr(np.array([0], dtype="uint8"), np.array([255], dtype="uint8"), bits=8)["psnr"])
    0.0
    """
    return {"psnr": np.asarray(metrics.psnr(a, b, bits))}


def ssim(a: Array, b: Array, bits: int) -> Tensors:
    """Structural similarity: mean over all 11 x 11 windows that lie inside the image, and over channels.

    In a window, means, variances and the covariance are weighted by a Gaussian with a standard deviation of 1.5 pixels
    in both directions, its weights on the 11 x 11 pixels normalised to a sum of 1; ``var = mean(a^2) - mean(a)^2``.
    The similarity is ``(2 ma mb + C1) (2 cov + C2) / ((ma^2 + mb^2 + C1) (va + vb + C2))`` with ``C1 = (0.01 L)^2``,
    ``C2 = (0.03 L)^2``, ``L = 2^bits - 1``.  Nothing is padded.

    Parameters
    ----------
    a, b : arrays of codes (H, W) or (H, W, C), uint8 to uint64
        H and W at least 11; refuse smaller ones.
    bits : int, 1 to 64

    Returns
    -------
    ssim : array (), float64

    Examples
    --------
    >>> image = np.arange(144, dtype="uint8").reshape(12, 12)
    >>> float(ssim(image, image, bits=8)["ssim"])
    1.0
    """
    return {"ssim": np.asarray(metrics.ssim(a, b, bits))}


def decide(z: Array) -> Tensors:
    """The bit that an output means: ``z > 0``, never a rounded sigmoid, which loses small outputs.

    Parameters
    ----------
    z : array (...)
        Both zeros, infinities and not-a-number among them: these three kinds mean 0, 0 or 1 by their sign, and 0.

    Returns
    -------
    bits : array (...), uint8

    Examples
    --------
    >>> decide(np.array([-1.0, 0.0, 1e-30]))["bits"].tolist()
    [0, 0, 1]
    """
    return {"bits": decisions.decide(to_host(z), 2)}


def decode(x: Array, bits: int, cut: str, activation: str, omega: float, **params: Array) -> Tensors:
    """Networks to codes: outputs, and the codes whose bits they decide.

    Parameters
    ----------
    x : array (N, I), shared by all networks
        The coordinates of the samples; for "bit-coordinate" (N P, I), the plane's index running fastest.
    bits : int
        P planes, of a bit each.
    cut : str
        "planes": E = C P networks, channel by channel, and in each a network for each plane, least significant first.
        "bit-coordinate": E = C networks, a network for each channel.
    activation : str
    omega : float
    **params : arrays
        ``w0`` (E, I, D), ``b0`` (E, 1, D), ``w1``, ...

    Returns
    -------
    z : array (E, N, 1), or (E, N P, 1)
    codes : array (N, C)
        ``sum_i 2^i (z_i > 0)``, in the narrowest of uint8 to uint64 that has `bits` bits.

    Examples
    --------
    >>> params = {"w0": np.array([[[1.0]], [[-1.0]]]), "b0": np.zeros((2, 1, 1))}
    >>> result = decode(np.array([[-1.0], [1.0]]), bits=2, cut="planes", activation="sine", omega=30.0, **params)
    >>> result["codes"].tolist()
    [[2], [1]]
    """
    z, _ = networks.forward(spec_of(params, activation=activation, omega=omega), params, x)
    return {"z": z, "codes": decompositions.DECOMPOSITIONS[cut](bits).codes(to_host(z))}


def decode_file(file: Array) -> Tensors:
    """The bytes of an ``.inr`` file to its samples; docs/container.md describes these files.

    Parameters
    ----------
    file : array (bytes,), uint8

    Returns
    -------
    samples : array, of the shape and dtype that the file says
        In the machine's byte order.  A file that is damaged, or that makes no sense, is refused: an exception.

    Examples
    --------
    >>> from refinr.fitting import fit
    >>> signal = np.array([[3, 1], [0, 2]], dtype="uint8")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "signal.inr"
    ...     fit(signal, channels=False).save(path)
    ...     file = np.frombuffer(path.read_bytes(), dtype="uint8")
    >>> decode_file(file)["samples"].tolist()
    [[3, 1], [0, 2]]
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.inr"
        path.write_bytes(file.tobytes())
        samples = loading.load(path).decode()
    return {"samples": samples.astype(samples.dtype.newbyteorder("="))}
