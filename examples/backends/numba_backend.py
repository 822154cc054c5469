"""A backend of fused loops, compiled by Numba: the shape of code that is written for speed.

    refinr oracle check examples.backends.numba_backend

A network is one kernel.  It takes `BLOCK` samples through all layers, on to the loss, and back, while they are in the
caches; what lies between the layers is never stored, and is left out of results.  The last block may be a smaller one,
which is where such kernels go wrong.  Parameters of a network are one row of numbers.
"""

import math

import numpy as np
from numba import njit

BLOCK = 8
"""Samples at a time: the innermost loops run over them."""
FAST = {"nogil": True, "cache": True, "fastmath": {"contract", "reassoc"}}  # sums in any order, fused products
KINDS = ("none", "sine", "finer", "finer-stopped", "gauss", "wire", "relu", "tanh", "gelu")
NONE, SINE, FINER, FINER_STOPPED, GAUSS, WIRE, RELU, TANH, GELU = range(len(KINDS))


def numbers(*arrays):
    """Contiguous arrays of one of the two dtypes that are compiled."""
    if arrays[0].dtype not in (np.float32, np.float64):
        raise NotImplementedError
    return [np.require(array, requirements=["C", "W"]) for array in arrays]


def stacked(x):
    """With an axis of networks: one, where they share x."""
    return x if x.ndim == 3 else x[None]


# --- elementwise -----------------------------------------------------------------------------------------------------


@njit(**FAST)
def activate(kind, z, omega, scale, one):
    """Value and slope of an activation; `one` has the dtype in which everything is computed."""
    if kind == SINE:
        return math.sin(omega * z), omega * math.cos(omega * z)
    if kind in (FINER, FINER_STOPPED):
        size = abs(z)
        phase = omega * (size + one) * z
        slope = omega * math.cos(phase) * (size + one if kind == FINER_STOPPED else size + size + one)
        return math.sin(phase), slope
    if kind in (GAUSS, WIRE):
        far = scale * z
        bell = math.exp(-far * far)
        if kind == GAUSS:
            return bell, -(far + far) * scale * bell
        wave = math.cos(omega * z)
        return wave * bell, -(omega * math.sin(omega * z) + (far + far) * scale * wave) * bell
    if kind == RELU:
        return (z, one) if z > 0 else (z - z, one - one)
    if kind == TANH:
        y = math.tanh(z)
        return y, (one - y) * (one + y)
    if kind == GELU:
        half = one / (one + one)
        below = half * math.erfc(-z * math.sqrt(half))
        return z * below, below + z * math.exp(-half * z * z) * math.sqrt(half / (one * math.pi))
    return z, one


@njit(**FAST)
def elementwise(kind, z, dy, omega, scale, one, y, dz):
    for i in range(z.size):
        y[i], slope = activate(kind, z[i], omega, scale, one)
        dz[i] = slope * dy[i]


def _activation(name, z, dy, omega=0.0, scale=0.0):
    z, dy = numbers(z, dy)
    y, dz = np.empty_like(z), np.empty_like(z)
    kind = z.dtype.type
    flat = [array.reshape(-1) for array in (z, dy, y, dz)]
    elementwise(KINDS.index(name), flat[0], flat[1], kind(omega), kind(scale), kind(1.0), flat[2], flat[3])
    return {"y": y, "dz": dz}


def sine(z, dy, omega):
    return _activation("sine", z, dy, omega)


def finer(z, dy, omega, stopped):
    return _activation("finer-stopped" if stopped else "finer", z, dy, omega)


def gauss(z, dy, scale):
    return _activation("gauss", z, dy, scale=scale)


def wire(z, dy, omega, scale):
    return _activation("wire", z, dy, omega, scale)


def relu(z, dy):
    return _activation("relu", z, dy)


def tanh(z, dy):
    return _activation("tanh", z, dy)


def gelu(z, dy):
    return _activation("gelu", z, dy)


# --- losses ----------------------------------------------------------------------------------------------------------

LOSSES = ("bce", "mse", "mae")


@njit(**FAST)
def lose(kind, z, target, one):
    """Loss of one output, and its slope."""
    off = z - target
    if kind == 1:
        return off * off, off + off
    if kind == 2:
        return abs(off), one if off > 0 else -one if off < 0 else off - off
    small = math.exp(-abs(z))
    probability = (one if z > 0 else small) / (one + small)
    return (z if z > 0 else z - z) - z * target + math.log1p(small), probability - target


@njit(**FAST)
def losses(kind, z, targets, share, one, dz):
    total = one - one
    for i in range(z.size):
        loss, slope = lose(kind, z[i], targets[i], one)
        total += loss * share
        dz[i] = slope * share
    return total


def _loss(name, z, targets):
    if z.shape != targets.shape:
        raise ValueError(f"targets: expected shape {z.shape}, got {targets.shape}")
    z, targets = numbers(z, targets)
    dz, kind = np.empty_like(z), z.dtype.type
    share = kind(1.0) / kind(z.shape[-2] * z.shape[-1])
    total = losses(LOSSES.index(name), z.reshape(-1), targets.reshape(-1), share, kind(1.0), dz.reshape(-1))
    return {"loss": kind(total), "dz": dz}


def bce_with_logits(z, targets):
    return _loss("bce", z, targets)


def mse(z, targets):
    return _loss("mse", z, targets)


def mae(z, targets):
    return _loss("mae", z, targets)


# --- layers in blocks of samples -------------------------------------------------------------------------------------


@njit(**FAST)
def forward(h, w, b, fan_in, fan_out, lanes, z):
    """One layer for one block: h (fan_in, BLOCK) to z (fan_out, BLOCK), parameters row by row."""
    for o in range(fan_out):
        for lane in range(lanes):
            z[o, lane] = b[o]
    for i in range(fan_in):
        for o in range(fan_out):
            weight = w[i * fan_out + o]
            for lane in range(lanes):
                z[o, lane] += weight * h[i, lane]


@njit(**FAST)
def backward(h, w, dz, fan_in, fan_out, lanes, dw, db, dh):
    """Gradients of one layer for one block: those of parameters are added, that of h is written."""
    for o in range(fan_out):
        for lane in range(lanes):
            db[o] += dz[o, lane]
    for i in range(fan_in):
        for lane in range(lanes):
            dh[i, lane] = 0
        for o in range(fan_out):
            weight = w[i * fan_out + o]
            gradient = dw[i * fan_out + o]
            for lane in range(lanes):
                gradient += h[i, lane] * dz[o, lane]
                dh[i, lane] += weight * dz[o, lane]
            dw[i * fan_out + o] = gradient


@njit(**FAST)
def layer(x, w, b, dy, y, dw, db, dx):
    nets, rows, fan_in = x.shape
    fan_out = w.shape[2]
    h, dh = np.zeros((fan_in, BLOCK), x.dtype), np.zeros((fan_in, BLOCK), x.dtype)
    z, dz = np.zeros((fan_out, BLOCK), x.dtype), np.zeros((fan_out, BLOCK), x.dtype)
    for e in range(w.shape[0]):
        net = e if nets > 1 else 0
        weights, gradients = w[e].reshape(-1), dw[e].reshape(-1)
        for start in range(0, rows, BLOCK):
            lanes = min(BLOCK, rows - start)
            for lane in range(lanes):
                for i in range(fan_in):
                    h[i, lane] = x[net, start + lane, i]
                for o in range(fan_out):
                    dz[o, lane] = dy[e, start + lane, o]
            forward(h, weights, b[e, 0], fan_in, fan_out, lanes, z)
            backward(h, weights, dz, fan_in, fan_out, lanes, gradients, db[e, 0], dh)
            for lane in range(lanes):
                for o in range(fan_out):
                    y[e, start + lane, o] = z[o, lane]
                for i in range(fan_in):
                    dx[net, start + lane, i] += dh[i, lane]


def linear(x, w, b, dy):
    nets = w.shape[0]
    if x.shape[-1] != w.shape[1] or (x.ndim == 3 and x.shape[0] != nets):
        raise ValueError(f"x: expected ({nets}, N, {w.shape[1]}), or without the first axis, got {x.shape}")
    if b.shape != (nets, 1, w.shape[2]) or dy.shape != (nets, x.shape[-2], w.shape[2]):
        raise ValueError(f"b, dy: of shapes {b.shape} and {dy.shape}, which do not fit w, {w.shape}")
    x, w, b, dy = numbers(x, w, b, dy)
    y, dw, db, dx = np.empty_like(dy), np.zeros_like(w), np.zeros_like(b), np.zeros_like(x)
    layer(stacked(x), w, b, dy, y, dw, db, stacked(dx))
    return {"y": y, "dw": dw, "db": db, "dx": dx}


# --- coordinates -----------------------------------------------------------------------------------------------------


@njit(**FAST)
def encode(x, octaves, one, y):
    rows, axes = x.shape
    for n in range(rows):
        for j in range(axes):
            y[n, j] = x[n, j]
            phase = one * math.pi * x[n, j]
            for k in range(octaves):
                y[n, axes * (1 + 2 * k) + j] = math.sin(phase)
                y[n, axes * (2 + 2 * k) + j] = math.cos(phase)
                phase += phase


@njit(**FAST)
def encode_backward(dy, x, octaves, one, dx):
    rows, axes = x.shape
    for n in range(rows):
        for j in range(axes):
            dx[n, j] = dy[n, j]
            steep = one * math.pi
            for k in range(octaves):
                phase = steep * x[n, j]
                into_sine, into_cosine = dy[n, axes * (1 + 2 * k) + j], dy[n, axes * (2 + 2 * k) + j]
                dx[n, j] += steep * (math.cos(phase) * into_sine - math.sin(phase) * into_cosine)
                steep += steep


def _encoded(x, octaves):
    y = np.empty((*x.shape[:-1], x.shape[-1] * (1 + 2 * octaves)), x.dtype)
    encode(x.reshape(-1, x.shape[-1]), octaves, x.dtype.type(1.0), y.reshape(-1, y.shape[-1]))
    return y


def _encoded_backward(dy, x, octaves):
    dx = np.empty_like(x)
    flat = [array.reshape(-1, array.shape[-1]) for array in (dy, x, dx)]
    encode_backward(flat[0], flat[1], octaves, x.dtype.type(1.0), flat[2])
    return dx


def positional_encoding(x, dy, octaves):
    x, dy = numbers(x, dy)
    return {"y": _encoded(x, octaves), "dx": _encoded_backward(dy, x, octaves)}


# --- a network in one kernel -----------------------------------------------------------------------------------------


@njit(**FAST)
def network(x, targets, params, sizes, kind, omega, scale, loss_kind, share, one, z, dz, grads, dx):
    """All samples of all networks, forward and back; returns the loss.

    x (1 or E, N, I), targets, z, dz (E, N, O), params, grads (E, P): of each layer weights, then biases.
    """
    nets, rows, _ = targets.shape
    depth = len(sizes) - 1
    widest = max(sizes)
    h, slopes = np.zeros((depth + 1, widest, BLOCK), x.dtype), np.zeros((depth, widest, BLOCK), x.dtype)
    d, dh = np.zeros((widest, BLOCK), x.dtype), np.zeros((widest, BLOCK), x.dtype)
    total = one - one
    for e in range(nets):
        net = e if x.shape[0] > 1 else 0
        p, g = params[e], grads[e]
        for start in range(0, rows, BLOCK):
            lanes = min(BLOCK, rows - start)
            for i in range(sizes[0]):
                for lane in range(lanes):
                    h[0, i, lane] = x[net, start + lane, i]
            at = 0
            for i in range(depth):
                fan_in, fan_out = sizes[i], sizes[i + 1]
                bias = at + fan_in * fan_out
                forward(h[i], p[at:bias], p[bias : bias + fan_out], fan_in, fan_out, lanes, h[i + 1])
                at = bias + fan_out
                if i < depth - 1:
                    for o in range(fan_out):
                        for lane in range(lanes):
                            h[i + 1, o, lane], slopes[i, o, lane] = activate(kind, h[i + 1, o, lane], omega, scale, one)
            for o in range(sizes[depth]):
                for lane in range(lanes):
                    value = h[depth, o, lane]
                    loss, slope = lose(loss_kind, value, targets[e, start + lane, o], one)
                    total += loss * share
                    d[o, lane] = slope * share
                    z[e, start + lane, o] = value
                    dz[e, start + lane, o] = d[o, lane]
            for i in range(depth - 1, -1, -1):
                fan_in, fan_out = sizes[i], sizes[i + 1]
                bias = at - fan_out
                first = bias - fan_in * fan_out
                backward(h[i], p[first:bias], d, fan_in, fan_out, lanes, g[first:bias], g[bias:at], dh)
                at = first
                for j in range(fan_in):
                    for lane in range(lanes):
                        d[j, lane] = dh[j, lane] * slopes[i - 1, j, lane] if i > 0 else dh[j, lane]
            for j in range(sizes[0]):
                for lane in range(lanes):
                    dx[net, start + lane, j] += d[j, lane]
    return total


def mlp(x, targets, activation, omega, scale, loss, octaves, **params):
    x, targets, *arrays = numbers(x, targets, *params.values())
    nets, depth, kind = len(targets), len(arrays) // 2, x.dtype.type
    inputs = _encoded(x, octaves) if octaves else x
    sizes = (inputs.shape[-1], *(array.shape[-1] for array in arrays[::2]))
    rows = np.concatenate([array.reshape(nets, -1) for array in arrays], axis=1)
    z, dz, grads, dx = np.empty_like(targets), np.empty_like(targets), np.zeros_like(rows), np.zeros_like(inputs)
    total = network(
        stacked(inputs), targets, rows, np.array(sizes), KINDS.index(activation), kind(omega), kind(scale),
        LOSSES.index(loss), kind(1.0) / kind(z.shape[-2] * z.shape[-1]), kind(1.0), z, dz, grads, stacked(dx),
    )  # fmt: skip
    ends = np.cumsum([array[0].size for array in arrays])
    parts = {
        f"d{name}": part.reshape(array.shape)
        for name, part, array in zip(params, np.split(grads, ends[:-1], axis=1), arrays, strict=True)
    }
    dx = _encoded_backward(dx, x, octaves) if octaves else dx
    return {f"z{depth - 1}": z, "loss": kind(total), "dz": dz, **parts, "dx": dx}


# --- the optimiser ---------------------------------------------------------------------------------------------------


@njit(**FAST)
def steps(p, g, m, v, lr, beta1, beta2, eps, one):
    """All steps of one parameter after the other: its moments stay in registers."""
    for i in range(p.size):
        first, second, value = m[i], v[i], p[i]
        power1, power2 = one, one
        for t in range(g.shape[0]):
            first = beta1 * first + (one - beta1) * g[t, i]
            second = beta2 * second + (one - beta2) * g[t, i] * g[t, i]
            power1 *= beta1
            power2 *= beta2
            value -= lr * (first / (one - power1)) / (math.sqrt(second / (one - power2)) + eps)
        m[i], v[i], p[i] = first, second, value


def adam(p, g, lr, beta1, beta2, eps):
    p, g = numbers(p, g)
    p, m, v = p.copy(), np.zeros_like(p), np.zeros_like(p)
    settings = (p.dtype.type(value) for value in (lr, beta1, beta2, eps, 1.0))
    steps(p.reshape(-1), g.reshape(len(g), -1), m.reshape(-1), v.reshape(-1), *settings)
    return {"m": m, "v": v, "p": p}
