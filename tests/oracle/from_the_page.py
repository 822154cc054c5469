"""Operations written down from the specification alone: docstrings of `refinr.oracle.*_operations`, nothing else.

Loops and Python's numbers where they are the shortest way.  Layers, activations, losses, networks and Adam are those of
`examples.backends.legitimate`, which are written from the same docstrings; files, those of
`tests.oracle.files_from_the_page`.
"""

from __future__ import annotations

import functools
import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np

from examples.backends.legitimate import WRITTEN, Alternative
from tests.oracle import files_from_the_page

FORMULAS = Alternative("formulas as they stand")


def __getattr__(name):
    if name in WRITTEN:
        return getattr(FORMULAS, name)
    raise AttributeError(name)


decode_file = files_from_the_page.decode_file

# --- samples, codes, planes ------------------------------------------------------------------------------------------


def to_codes(samples):
    kind = samples.dtype.kind
    width = 8 * samples.dtype.itemsize
    top = 1 << (width - 1)
    if kind == "b":
        return {"codes": samples.astype(np.uint8)}
    bits = samples.view(f"u{samples.dtype.itemsize}") if samples.size else samples.astype(f"u{samples.dtype.itemsize}")
    codes = [_code(int(b), kind, top) for b in bits.ravel()]
    return {"codes": np.array(codes, bits.dtype).reshape(samples.shape)}


def _code(bits, kind, top):
    if kind == "u":
        return bits
    if kind == "i":
        return bits ^ top
    return bits ^ (2 * top - 1) if bits & top else bits | top


def from_codes(codes, dtype):
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return {"samples": codes != 0}
    top = 1 << (8 * dtype.itemsize - 1)
    bits = [_bits(int(c), dtype.kind, top) for c in codes.ravel()]
    return {"samples": np.array(bits, codes.dtype).view(dtype).reshape(codes.shape)}


def _bits(code, kind, top):
    if kind == "u":
        return code
    if kind == "i":
        return code ^ top
    return code ^ top if code & top else code ^ (2 * top - 1)


def _demand(condition, why):
    if not condition:
        raise ValueError(why)


def to_planes(codes, bits, radix_bits, gray):
    _demand(all(int(c) < 2**bits for c in codes.ravel()), "codes of more bits")
    values = [int(c) ^ (int(c) >> 1) if gray else int(c) for c in codes.ravel()]
    digits = [[v >> i & ((1 << radix_bits) - 1) for i in range(0, bits, radix_bits)] for v in values]
    return {"planes": np.array(digits, np.uint8).reshape(*codes.shape, -(-bits // radix_bits))}


def from_planes(planes, bits, radix_bits, gray, dtype):
    _demand(
        8 * np.dtype(dtype).itemsize >= bits and planes.shape[-1] == -(-bits // radix_bits), "too narrow, or too many"
    )
    widths = [min(radix_bits, bits - i) for i in range(0, bits, radix_bits)]
    _demand((planes < 2 ** np.array(widths)).all(), "a digit that is too large")
    codes = []
    for digits in planes.reshape(-1, planes.shape[-1]):
        code = sum(int(d) << i * radix_bits for i, d in enumerate(digits))
        if gray:
            code = sum((code >> i).bit_count() % 2 << i for i in range(bits))
        codes.append(code)
    return {"codes": np.array(codes, dtype).reshape(planes.shape[:-1])}


def grid(ends, shape):
    axes = [[(2 * i - (n - 1)) / (n - 1) if n > 1 else 0.0 for i in range(n)] for n in shape]
    rows = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], -1)
    return {"x": rows.astype(ends.dtype)}


def relu(z, dy):
    return {"y": np.maximum(z, z.dtype.type(0)), "dz": np.where(z > 0, dy, z.dtype.type(0))}


# --- ternary layers --------------------------------------------------------------------------------------------------


def weight_codes(w):
    s = abs(w).mean(axis=(-2, -1), keepdims=True)
    t = np.clip(np.rint(w / np.where(s > 0, s, 1)), -1, 1)
    return {"s": s, "t": np.where(s > 0, t, 0).astype(w.dtype)}


def activation_codes(x, bits):
    s = abs(x).max(axis=-1, keepdims=True) / x.dtype.type(2 ** (bits - 1) - 1)
    return {"s": s, "a": np.where(s > 0, np.rint(x / np.where(s > 0, s, 1)), 0).astype(x.dtype)}


def layer_norm(x, dy):
    y, r = _norm(x)
    return {"y": y, "dx": _norm_backward(dy, y, r)}


def _norm(x):
    centred = x - x.mean(-1, keepdims=True)
    r = 1 / np.sqrt((centred * centred).mean(-1, keepdims=True) + x.dtype.type(1e-5))
    return centred * r, r


def _norm_backward(dy, y, r):
    return (dy - dy.mean(-1, keepdims=True) - y * (dy * y).mean(-1, keepdims=True)) * r


def lookup(table, rows, weights, dy):
    y = np.zeros(dy.shape, dy.dtype)
    dtable = np.zeros(table.shape, dy.dtype)
    for n, k in np.ndindex(rows.shape):
        y[:, n] += weights[n, k] * table[:, rows[n, k]]
        dtable[:, rows[n, k]] += weights[n, k] * dy[:, n]
    return {"y": y, "dtable": dtable}


def ternary_linear(x, w, dy, bits, faithful):
    n, r = _norm(x)
    if faithful == "official":
        q = x.dtype.type(2**bits - 1) / np.maximum(abs(n).max(-1, keepdims=True), x.dtype.type(1e-5))
        a = np.rint(n * q) / q
        m = np.maximum(abs(w).mean(axis=(-2, -1), keepdims=True), x.dtype.type(1e-5))
        t = m * np.clip(np.rint(w / m), -1, 1)
    else:
        codes = activation_codes(n, bits)
        weights = weight_codes(w)
        a = codes["s"] * codes["a"]
        t = weights["s"] * weights["t"]
    dn = (dy @ t.swapaxes(-1, -2)).sum(0)
    return {"y": a @ t, "dw": a.T @ dy, "dx": _norm_backward(dn, n, r)}


def integer_linear(x, w, dy, bits):
    t = weight_codes(w)["t"]
    k = max(0, math.floor(math.log2(w.shape[-2]) / 2 - 0.5))
    a = np.clip(np.floor(2.0**bits * x), -(2.0**bits), 2.0**bits).astype(x.dtype)
    inside = abs(2.0**bits * x) <= 2.0**bits
    dx = (dy @ t.swapaxes(-1, -2)).sum(0) * 2.0**-k
    return {"y": (a @ t + 0.5) * 2.0 ** -(bits + k), "dw": a.T @ dy * 2.0 ** -(bits + k), "dx": np.where(inside, dx, 0)}


def ternary_mlp(x, targets, activation, layer, bits, **params):
    def linear(h, w, dy):
        if layer == "ternary-integer":
            return [integer_linear(one, w[None], d[None], bits) for one, w, d in zip(h, w, dy, strict=True)]
        return [ternary_linear(one, w[None], d[None], bits, None) for one, w, d in zip(h, w, dy, strict=True)]

    def activate(z, dy):
        return getattr(FORMULAS, activation)(z=z, dy=dy)

    found = {}
    E, N, depth = len(params["w0"]), len(x), len(params)
    kept = [np.broadcast_to(x, (E, *x.shape))]
    for i in range(depth):
        w = params[f"w{i}"]
        z = np.concatenate([part["y"] for part in linear(kept[-1], w, np.zeros((E, N, w.shape[-1]), x.dtype))])
        found[f"z{i}"] = z
        if i < depth - 1:
            kept.append(activate(z, z)["y"])
            found[f"h{i + 1}"] = kept[-1]
    found |= FORMULAS.bce_with_logits(z=z, targets=targets)
    dy = found["dz"]
    for i in reversed(range(depth)):
        dy = dy if i == depth - 1 else activate(found[f"z{i}"], dy)["dz"]
        parts = linear(kept[i], params[f"w{i}"], dy)
        found[f"dw{i}"] = np.concatenate([part["dw"] for part in parts])
        dy = np.stack([part["dx"] for part in parts])
    return found | {"dx": dy.sum(0)}


# --- readouts --------------------------------------------------------------------------------------------------------


def feature_ranks(u, shape, order):
    f = [math.sqrt(sum((k / n) ** 2 for k, n in zip(index, shape, strict=True))) for index in np.ndindex(*shape)]
    places = [order * (a / f[-1] if f[-1] else 0.0) + float(b) for a, b in zip(f, u, strict=True)]
    ranks = np.empty(len(places), np.int64)
    for rank, feature in enumerate(sorted(range(len(places)), key=lambda i: places[i])):
        ranks[feature] = rank
    return {"ranks": ranks}


def _waves(shape, dtype):
    """Q (samples, features)."""
    q = np.ones((1, 1))
    for n in shape:
        i, k = np.mgrid[:n, :n]
        q = np.kron(q, np.where(k == 0, math.sqrt(1 / n), math.sqrt(2 / n)) * np.cos(math.pi * (i + 0.5) * k / n))
    return q.astype(dtype)


def cosine_features(y, w, ranks, features, shape):
    q = _waves(shape, y.dtype)
    m = (ranks[:, None] < features).astype(y.dtype)
    return {"analysis": m * (q.T @ y), "synthesis": q @ (m * w)}


def legendre_features(index, prime, features):
    squares = {k * k % prime for k in range(prime)}
    F = [[1 if (k - int(i)) % prime in squares else -1 for k in range(features)] for i in index]
    return {"F": np.array(F, np.int8).reshape(len(index), features)}


def douglas_rachford(signs, a, ranks, features, shape, level):
    q = _waves(shape, a.dtype)
    m = (ranks[:, None] < features).astype(a.dtype)
    w = m * (q.T @ (signs * (abs(a - level) + level)))
    z = signs * (q @ w)
    return {"w": w, "z": z, "next": a + 1.5 * (z - np.maximum(a, a.dtype.type(level)))}


def straight_through(F, signs, u, velocity, rate):
    N, D = F.shape
    w = np.clip(np.rint(u), -1, 1)
    z = signs * (F @ w)
    lack = signs * np.maximum(0, u.dtype.type(0.3 * math.sqrt(2 * D / 3)) - z)
    velocity = 0.9 * velocity + rate / math.sqrt(N * D) * (F.T @ lack)
    return {"w": w, "z": z, "next_u": np.clip(u + velocity, -1.5, 1.5), "next_velocity": velocity}


def _hazard(t):
    positive = ((math.pi - 1) * t + np.sqrt(t * t + 2 * math.pi)) / math.pi
    mirrored = ((math.pi - 1) * -t + np.sqrt(t * t + 2 * math.pi)) / math.pi
    phi = np.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    return np.where(t > 0, positive, phi / (1 - phi / mirrored))


def message_passing(F, signs, g, B, A, keep, levels):
    D = F.shape[1]
    unit = math.sqrt(sum(level**2 for level in levels) / len(levels))
    p = np.stack([np.exp(B * (level / unit) - A * (level / unit) ** 2 / 2) for level in levels])
    p = p / p.sum(0)
    mean = sum(p[i] * (level / unit) for i, level in enumerate(levels))
    squares = sum(p[i] * (level / unit) ** 2 for i, level in enumerate(levels))
    V = np.maximum((squares - mean * mean).mean(0, keepdims=True), B.dtype.type(1e-4))
    x = signs * ((F @ mean) / math.sqrt(D) - V * g) / np.sqrt(V)
    h = _hazard(-x)
    next_g = signs * h / np.sqrt(V)
    r = (h * (h + x)).sum(0, keepdims=True) / (V * D)
    next_B = F.T @ next_g / math.sqrt(D) + r * mean + keep * B
    choice = np.array(levels, B.dtype)[p.argmax(0)]
    found = {"choice": choice, "mean": mean, "V": V, "next_g": next_g, "next_B": next_B, "next_A": r + keep * A}
    return {name: a.astype(B.dtype) for name, a in found.items()}


def readout_margins(z, margin):
    margins = z.min(0) / np.sqrt((z * z).mean(0))
    return {"margins": margins, "solved": (margins > margin).astype(np.uint8)}


def integer_readout(F, w):
    z = F.astype(np.int32) @ w.astype(np.int32)
    return {"z": z, "bits": (z > 0).astype(np.uint8)}


def certificate(rows, multipliers):
    proved = False
    if np.isfinite(multipliers).all() and (multipliers >= 0).all() and (multipliers > 0).sum() > rows.shape[1]:
        held = multipliers > 0
        s = np.linalg.svd(multipliers[held, None] * rows[held], compute_uv=False)[-1]
        proved = np.linalg.norm(rows.T @ multipliers) < s / 2
    return {"proved": np.asarray(proved, np.uint8)}


# --- metrics, decisions ----------------------------------------------------------------------------------------------


def bit_error_rate(a, b, bits):
    _demand(all(int(c) < 2**bits for c in [*a.ravel(), *b.ravel()]), "codes of more bits")
    wrong = [[(int(x) ^ int(y)) >> i & 1 for i in range(bits)] for x, y in zip(a.ravel(), b.ravel(), strict=True)]
    per_plane = np.array(wrong, float).mean(0)
    return {"per_plane": per_plane, "total": np.asarray(per_plane.mean())}


def rmse(a, b):
    squares = sum((int(x) - int(y)) ** 2 for x, y in zip(a.ravel(), b.ravel(), strict=True))
    return {"rmse": np.asarray(math.sqrt(Fraction(squares, a.size)))}


def psnr(a, b, bits):
    error = float(rmse(a, b)["rmse"])
    return {"psnr": np.asarray(20 * math.log10((2**bits - 1) / error) if error else math.inf)}


def ssim(a, b, bits):
    if min(a.shape[:2]) < 11 or a.shape != b.shape:
        raise ValueError("an image smaller than a window")
    i, j = np.mgrid[-5:6, -5:6]
    window = np.exp(-(i * i + j * j) / (2 * 1.5**2))
    window /= window.sum()
    L = 2**bits - 1
    a, b = (x.astype(float).reshape(*x.shape[:2], -1) for x in (a, b))
    found = []
    for top in range(a.shape[0] - 10):
        for left in range(a.shape[1] - 10):
            x, y = (image[top : top + 11, left : left + 11] for image in (a, b))
            ma, mb, aa, bb, ab = (np.tensordot(window, v, 2) for v in (x, y, x * x, y * y, x * y))
            va, vb, cov = aa - ma * ma, bb - mb * mb, ab - ma * mb
            C1, C2 = (0.01 * L) ** 2, (0.03 * L) ** 2
            found.append((2 * ma * mb + C1) * (2 * cov + C2) / ((ma * ma + mb * mb + C1) * (va + vb + C2)))
    return {"ssim": np.asarray(np.mean(found))}


def decode(x, bits, cut, activation, omega, **params):
    h = np.broadcast_to(x, (len(params["w0"]), *x.shape))
    depth = len(params) // 2
    for i in range(depth):
        z = h @ params[f"w{i}"] + params[f"b{i}"]
        h = np.sin(omega * z) if activation == "sine" else np.tanh(z)
    set_bits = (z[..., 0] > 0).astype(object)
    if cut == "planes":  # (C P, N)
        set_bits = set_bits.reshape(-1, bits, set_bits.shape[-1]).transpose(2, 0, 1)
    else:  # (C, N P)
        set_bits = set_bits.reshape(len(set_bits), -1, bits).transpose(1, 0, 2)
    codes = (set_bits * [1 << i for i in range(bits)]).sum(-1)
    return {"z": z, "codes": codes.astype(next(f"uint{b}" for b in (8, 16, 32, 64) if b >= bits))}


def decide(z):
    return {"bits": (z > 0).astype(np.uint8)}


# --- initial parameters ----------------------------------------------------------------------------------------------


def init(activation, omega, scale, first_scale, **draws):
    found = {}
    depth = sum(name.startswith("w") for name in draws)
    for i in range(depth):
        w, b = draws[f"w{i}"], draws[f"b{i}"]
        I, O = w.shape  # noqa: E741  # the page's letters
        if activation in ("sine", "finer", "finer-stopped"):
            weights = 1 / I if i == 0 else math.sqrt(6 / I) / omega
            biases = 1.0 if i == 0 and activation != "sine" else 1 / math.sqrt(I)
        elif activation in ("relu", "gelu"):
            weights, biases = math.sqrt(6 / I), 0.0
        elif activation == "tanh":
            weights, biases = math.sqrt(6 / (I + O)), 0.0
        else:
            weights = biases = 1 / math.sqrt(I)
        if i == 0 and first_scale is not None:
            g = {"gauss": scale, "relu": 1.0, "gelu": 1.0, "tanh": 1.0}.get(activation, omega)
            weights = np.reshape(first_scale, (-1, 1)) / g
            biases = math.pi / g
        found |= {f"w{i}": (weights * w).astype(w.dtype), f"b{i}": (biases * b).astype(b.dtype)}
    return found


def train(x, targets, activation, omega, lr, steps, **params):
    def evaluate():
        return FORMULAS.mlp(
            x=x, targets=targets, activation=activation, omega=omega, scale=1.0, loss="bce", octaves=0, **params
        )

    m = {name: np.zeros_like(p) for name, p in params.items()}
    v = dict(m)
    losses = []
    for t in range(1, steps + 1):
        found = evaluate()
        losses.append(found["loss"])
        for name, p in params.items():
            g = found[f"d{name}"]
            m[name] = 0.9 * m[name] + 0.1 * g
            v[name] = 0.999 * v[name] + 0.001 * g * g
            params[name] = p - lr * (m[name] / (1 - 0.9**t)) / (np.sqrt(v[name] / (1 - 0.999**t)) + 1e-8)
    found = evaluate()
    z = found[f"z{len(params) // 2 - 1}"]
    bits = (z > 0).astype(np.uint8)
    wrong = np.asarray((bits != targets).sum(), np.int64)
    return {"losses": np.stack([*losses, found["loss"]]), "z": z, "bits": bits, "wrong": wrong}


# --- compression -----------------------------------------------------------------------------------------------------

AWAY = [(0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, -2), (-1, 2)]
AWAY += [(-2, -1), (-2, 1), (-2, -2), (-2, 2), (0, -3), (-3, 0), (-1, -3), (-1, 3)]


def codec_contexts(values):
    found = {"base": [], "scale": [], "linear": [], "inputs": []}
    for row in values.tolist():
        base = sum(row[:4]) / 4
        c = [v - base for v in row]
        scale = sum(map(abs, c[:12])) / 12 + 0.4
        at = dict(zip(AWAY, c, strict=True))
        linear = [min(max(math.floor(v * (64 / scale) + 0.5), -512), 512) / 64 for v in c]
        near = [(0, -1), (-1, 0), (-1, 1)]
        across = sum(abs(at[p] - at[p[0], p[1] - 1]) for p in near)
        down = sum(abs(at[p] - at[p[0] - 1, p[1]]) for p in near)
        crossed = sum(abs(at[r, k] - at[r, k - 1] - at[r - 1, k] + at[r - 1, k - 1]) for r, k in [*near, (-1, -1)])
        found["base"].append(base)
        found["scale"].append(scale)
        found["linear"].append(linear)
        squashed = [math.floor(128 * u / (1 + abs(u)) + 0.5) / 128 for u in linear]
        sizes = [scale, *(change / scale + 2**-6 for change in (across, down, crossed))]
        found["inputs"].append([*squashed, *map(_quarter, sizes)])
    shapes = {"base": (-1,), "scale": (-1,), "linear": (-1, 16), "inputs": (-1, 20)}
    return {name: np.array(found[name], float).reshape(shape) for name, shape in shapes.items()}


def _quarter(x):
    m, e = math.frexp(x)
    return math.floor(32 * (e + 2 * m - 2) + 0.5) / 128


def codec_network(inputs, linear, w0, b0, w1, b1, skip):
    def rounded(x):
        return np.floor(128 * x + 0.5) / 128

    hidden = np.clip(rounded(np.maximum(inputs @ (w0 / 16) + b0 / 16, 0)), 0, 255)
    return {"z": rounded(hidden @ (w1 / 64) + b1 / 64), "s": linear @ (skip / 256)}


@functools.cache
def _exp(x):
    if x > 0:
        return 1 / _exp(-x)
    with localcontext() as context:
        context.prec = 40
        return int(Decimal(2) ** 30 * (Decimal(int(128 * x)) / 128).exp()) / 2**30


@functools.cache
def _height(k):
    with localcontext() as context:
        context.prec = 40
        return int(Decimal(2) ** 45 / (1 + (Decimal(-k) / 32).exp())) / 2**45


def _logistic(y):
    t = min(max(32 * y, -768.0), 768.0)
    k = math.floor(t)
    return _height(k) + (t - k) * (_height(k + 1) - _height(k))


def codec_frequencies(z, s, base, scale, samples, levels):
    starts, frequencies = [], []
    R = 2**24 - 2 ** (levels - 1).bit_length()
    for z_, s_, base_, scale_, sample in zip(z.tolist(), s[:, 0], base, scale, samples, strict=True):
        w = [_exp(min(max(z_[i] - max(z_[:3]), -16), 0)) for i in range(3)]
        p = [(base_ + scale_ * (s_ + z_[3 + i])) + 0.5 for i in range(3)]
        r = [_exp(-min(max(z_[6 + i], -6), 4)) / scale_ for i in range(3)]
        u = ((w[0] + w[1]) + w[2]) * (2**-12 / levels)

        def below(x, w=w, p=p, r=r, u=u):
            total = x * u
            for i in range(3):
                total = total + w[i] * _logistic((x - p[i]) * r[i])
            return total

        rate = R / (below(levels) - below(0))
        slots = [
            (min(math.floor((below(v) - below(0)) * rate), R) if v < levels else R) + int(v)
            for v in (sample, sample + 1)
        ]
        starts.append(slots[0])
        frequencies.append(slots[1] - slots[0])
    return {"starts": np.array(starts, np.int64), "frequencies": np.array(frequencies, np.int64)}


def codec_encode(starts, frequencies, lanes):
    x = [2**31] * lanes
    words = []
    for i in reversed(range(len(starts))):
        start, frequency = int(starts[i]), int(frequencies[i])
        state = x[i % lanes]
        if state >= frequency << 39:
            words.append(state % 2**32)
            state >>= 32
        x[i % lanes] = (state // frequency << 24) + start + state % frequency
    content = b"".join(state.to_bytes(8, "little") for state in x)
    content += b"".join(word.to_bytes(4, "little") for word in reversed(words))
    return {"content": np.frombuffer(content, np.uint8)}


def codec_decode(content, ends, count, lanes):
    data = content.tobytes()
    x = [int.from_bytes(data[8 * i : 8 * i + 8], "little") for i in range(lanes)]
    place = 8 * lanes
    symbols = []
    for i in range(count):
        state = x[i % lanes]
        slot = state % 2**24
        symbol = next(k for k in range(len(ends) - 1) if slot < ends[k + 1])
        start, frequency = int(ends[symbol]), int(ends[symbol + 1] - ends[symbol])
        state = frequency * (state >> 24) + slot - start
        if state < 2**31:
            if place + 4 > len(data):
                raise ValueError("bytes are missing")
            state = (state << 32) + int.from_bytes(data[place : place + 4], "little")
            place += 4
        x[i % lanes] = state
        symbols.append(symbol)
    if place != len(data) or any(state != 2**31 for state in x):
        raise ValueError("not what was written")
    return {"symbols": np.array(symbols, np.int64)}


def codec_counts(samples, levels, outside):
    if levels > 16:
        raise ValueError("too many levels")
    multiplier = 0x9E3779B97F4A7C15
    rows, columns = samples.shape
    tables = [{}, {}, {}, {}]
    starts, frequencies = (np.zeros(samples.shape, np.int64) for _ in range(2))
    for time in range(4 * (rows - 1) + columns):
        wave = [(r, time - 4 * r) for r in range(rows) if 0 <= time - 4 * r < columns]
        added = []
        for r, c in wave:
            above = samples[r - 1, c] if r else outside
            nearest = samples[r, c - 1] if c else above
            h = multiplier
            keys = [0]
            for i, (down, right) in enumerate(AWAY[:12]):
                y, x = max(r + down, 0), min(max(c + right, 0), columns - 1)
                v = samples[y, x] if 4 * y + x < time else nearest
                h = (h ^ (int(v) + 1)) * multiplier % 2**64
                h ^= h >> 29
                if i + 1 in (2, 6, 12):
                    keys.append(h % 2**16)
            p = [1.0 / levels] * levels
            for table, key in zip(tables, keys, strict=True):
                n = table.get(key, [0] * levels)
                p = [(n[v] + 2.0 * p[v]) / (sum(n) + 2.0) for v in range(levels)]
            owned = [math.floor(p[v] * (2**24 - levels)) + 1 for v in range(levels)]
            level = int(samples[r, c])
            starts[r, c] = sum(owned[:level])
            frequencies[r, c] = owned[level]
            added.append((keys, level))
        for keys, level in added:
            for table, key in zip(tables, keys, strict=True):
                table.setdefault(key, [0] * levels)[level] += 1
    return {"starts": starts, "frequencies": frequencies}
