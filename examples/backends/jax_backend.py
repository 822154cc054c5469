"""A backend in JAX: compiled functions, one network's code for many by vmap, gradients by autodiff.

    refinr oracle check examples.backends.jax_backend --dtype float64

Every function has the name and the arguments of one in `refinr.oracle.operations`, gets NumPy arrays, and returns a
dict of arrays; the dtype of what comes in is that of what goes out.  What is not here (planes, metrics, files) counts
as not implemented.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)  # or everything is float32, whatever comes in

OPTIONS = ("octaves", "omega", "scale", "stopped", "activation", "loss", "steps", "lr", "shape", "bits", "cut")


def compiled(function):
    """The function under jit, its options static."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    call = jax.jit(function, static_argnames=[name for name in names if name in OPTIONS])

    @functools.wraps(function)
    def run(**arguments):
        fixed = {name: tuple(value) if isinstance(value, list) else value for name, value in arguments.items()}
        return call(**fixed)

    return run


def _pull(function, dy, **inputs):
    """``y = function(*inputs)``, and the gradients of ``sum(y dy)``."""
    y, back = jax.vjp(function, *inputs.values())
    return {"y": y} | {f"d{name}": g for name, g in zip(inputs, back(dy), strict=True)}


# --- coordinates and encodings ---------------------------------------------------------------------------------------


@compiled
def grid(ends, shape):
    axes = [jnp.linspace(ends[0], ends[1], n) if n > 1 else jnp.zeros_like(ends[:1]) for n in shape]
    mesh = jnp.meshgrid(*axes, indexing="ij")
    return {"x": jnp.stack([axis.ravel() for axis in mesh], -1)}


def _encode(x, octaves):
    parts = [x]
    for k in range(octaves):
        u = 2.0**k * math.pi * x
        parts += [jnp.sin(u), jnp.cos(u)]
    return jnp.concatenate(parts, -1)


@compiled
def positional_encoding(x, dy, octaves):
    return _pull(lambda x: _encode(x, octaves), dy, x=x)


@compiled
def fourier_features(x, frequencies, dy):
    return _pull(lambda x: jnp.concatenate([jnp.cos(x @ frequencies), jnp.sin(x @ frequencies)], -1), dy, x=x)


# --- activations -----------------------------------------------------------------------------------------------------

ACTIVATIONS = {
    "sine": lambda z, omega, scale: jnp.sin(omega * z),
    "finer": lambda z, omega, scale: jnp.sin(omega * (jnp.abs(z) + 1) * z),
    "finer-stopped": lambda z, omega, scale: jnp.sin(omega * jax.lax.stop_gradient(jnp.abs(z) + 1) * z),
    "gauss": lambda z, omega, scale: jnp.exp(-((scale * z) ** 2)),
    "wire": lambda z, omega, scale: jnp.cos(omega * z) * jnp.exp(-((scale * z) ** 2)),
    "relu": lambda z, omega, scale: jax.nn.relu(z),  # jnp.maximum would share the gradient at 0
    "tanh": lambda z, omega, scale: jnp.tanh(z),
    "gelu": lambda z, omega, scale: jax.nn.gelu(z, approximate=False),
}


def _activation(name, z, dy, omega=None, scale=None):
    return _pull(lambda z: ACTIVATIONS[name](z, omega, scale), dy, z=z)


@compiled
def sine(z, dy, omega):
    return _activation("sine", z, dy, omega)


@compiled
def finer(z, dy, omega, stopped):
    return _activation("finer-stopped" if stopped else "finer", z, dy, omega)


@compiled
def gauss(z, dy, scale):
    return _activation("gauss", z, dy, scale=scale)


@compiled
def wire(z, dy, omega, scale):
    return _activation("wire", z, dy, omega, scale)


@compiled
def relu(z, dy):
    return _activation("relu", z, dy)


@compiled
def tanh(z, dy):
    return _activation("tanh", z, dy)


@compiled
def gelu(z, dy):
    return _activation("gelu", z, dy)


# --- layers, losses, networks ----------------------------------------------------------------------------------------


@compiled
def linear(x, w, b, dy):
    return _pull(lambda x, w, b: x @ w + b, dy, x=x, w=w, b=b)


def _bce(z, targets):
    logs = targets * jax.nn.log_sigmoid(z) + (1 - targets) * jax.nn.log_sigmoid(-z)
    return -logs.mean((-2, -1)).sum()


def _mse(z, targets):
    return ((z - targets) ** 2).mean((-2, -1)).sum()


def _mae(z, targets):
    distance = jnp.where(z == targets, 0, jnp.abs(z - targets))  # the gradient of jnp.abs at 0 is 1
    return distance.mean((-2, -1)).sum()


LOSSES = {"bce": _bce, "mse": _mse, "mae": _mae}


def _loss(name, z, targets):
    if z.shape != targets.shape:
        raise ValueError(f"targets: expected shape {z.shape}, got {targets.shape}")  # or they would be stretched
    value, dz = jax.value_and_grad(LOSSES[name])(z, targets)
    return {"loss": value, "dz": dz}


@compiled
def bce_with_logits(z, targets):
    return _loss("bce", z, targets)


@compiled
def mse(z, targets):
    return _loss("mse", z, targets)


@compiled
def mae(z, targets):
    return _loss("mae", z, targets)


def init(activation, omega, scale, first_scale, **draws):
    params = {}
    for name, draw in draws.items():
        i, (fan_in, fan_out) = int(name[1:]), draws[f"w{name[1:]}"].shape
        default = 1 / math.sqrt(fan_in)
        weight, bias = default, default
        if activation in ("sine", "finer", "finer-stopped"):
            weight = 1 / fan_in if i == 0 else math.sqrt(6 / fan_in) / omega
            bias = 1.0 if i == 0 and activation != "sine" else default
        elif activation in ("relu", "gelu"):
            weight, bias = math.sqrt(6 / fan_in), 0.0
        elif activation == "tanh":
            weight, bias = math.sqrt(6 / (fan_in + fan_out)), 0.0
        if i == 0 and first_scale is not None:
            gain = {"gauss": scale, "relu": 1.0, "tanh": 1.0, "gelu": 1.0}.get(activation, omega)
            weight, bias = np.array(first_scale, float).reshape(-1, 1) / gain, math.pi / gain
        params[name] = jnp.asarray(weight if name[0] == "w" else bias, draw.dtype) * draw
    return params


def _network(params, h, activation, omega, scale=None):
    """One network: everything by name, in forward order."""
    steps, depth = {}, len(params) // 2
    for i in range(depth):
        z = steps[f"z{i}"] = h @ params[f"w{i}"] + params[f"b{i}"]
        if i < depth - 1:
            h = steps[f"h{i + 1}"] = ACTIVATIONS[activation](z, omega, scale)
    return z, steps


def _networks(params, x, *options):
    """Many: the same code, mapped over the first axis of the parameters."""
    return jax.vmap(lambda p, x: _network(p, x, *options), in_axes=(0, None if x.ndim == 2 else 0))(params, x)


@functools.partial(jax.jit, static_argnames=OPTIONS)
def mlp(x, targets, activation, omega, scale, loss, octaves, **params):
    def everything(params, x, shift):
        h = _encode(x, octaves) if octaves else x
        z, steps = _networks(params, h, activation, omega, scale)
        return LOSSES[loss](z + shift, targets), ({"h0": h} if octaves else {}) | steps

    shift = jnp.zeros_like(targets)  # its gradient is that of the outputs
    both = jax.value_and_grad(everything, (0, 1, 2), has_aux=True)
    (value, steps), (grads, dx, dz) = both(params, x, shift)
    return steps | {"loss": value, "dz": dz, **{f"d{name}": g for name, g in grads.items()}, "dx": dx}


# --- optimisation and decoding ---------------------------------------------------------------------------------------


def _adam_step(p, m, v, g, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    root = jnp.sqrt(v / (1 - beta2**t)) + eps  # eps outside the root
    return p - lr * (m / (1 - beta1**t)) / root, m, v


@functools.partial(jax.jit, static_argnames=("lr", "beta1", "beta2", "eps"))
def adam(p, g, lr, beta1, beta2, eps):
    m = v = jnp.zeros_like(p)
    for t in range(len(g)):
        p, m, v = _adam_step(p, m, v, g[t], t + 1, lr, beta1, beta2, eps)
    return {"m": m, "v": v, "p": p}


@functools.partial(jax.jit, static_argnames=OPTIONS)
def train(x, targets, activation, omega, lr, steps, **params):
    def loss(params):
        z, _ = _networks(params, x, activation, omega)
        return _bce(z, targets), z

    def step(state, t):
        params, m, v = state
        (value, _), grads = jax.value_and_grad(loss, has_aux=True)(params)
        new = {name: _adam_step(p, m[name], v[name], grads[name], t, lr) for name, p in params.items()}
        return tuple({name: parts[i] for name, parts in new.items()} for i in range(3)), value

    zeros = jax.tree.map(jnp.zeros_like, params)
    times = jnp.arange(1, steps + 1).astype(x.dtype)
    (params, _, _), losses = jax.lax.scan(step, (params, zeros, zeros), times)
    last, z = loss(params)
    bits = z > 0
    wrong = (bits != (targets > 0.5)).sum()
    return {"losses": jnp.append(losses, last), "z": z, "bits": bits.astype(jnp.uint8), "wrong": wrong}


@jax.jit
def decide(z):
    return {"bits": (z > 0).astype(jnp.uint8)}


@functools.partial(jax.jit, static_argnames=OPTIONS)
def decode(x, bits, cut, activation, omega, **params):
    z, _ = _networks(params, x, activation, omega)
    # (C P, N, 1), or (C, N P, 1) with the bit as a coordinate; either way to (N, C, P)
    by_bit = z.reshape(-1, bits, len(x)) if cut == "planes" else z.reshape(len(z), -1, bits)
    by_bit = jnp.moveaxis(by_bit, *((2, 0) if cut == "planes" else (0, 1)))
    width = next(width for width in (8, 16, 32, 64) if width >= bits)
    powers = jnp.left_shift(jnp.ones(bits, f"uint{width}"), jnp.arange(bits, dtype=f"uint{width}"))
    return {"z": z, "codes": ((by_bit > 0) * powers).sum(-1, dtype=f"uint{width}")}
