"""A reader of `.rinr` files written from docs/rinr.md and the oracle's operations alone: mixtures, xz and raw slabs.

Sample by sample, in Python's numbers: slow, and with no line of refinr's.
"""

from __future__ import annotations

import hashlib
import itertools
import lzma
import math
import zlib

import numpy as np

from tests.oracle.from_the_page import AWAY, _exp, _logistic, _quarter, from_codes

AHEAD = [(0, 1), (1, 0), (1, -1), (1, 1)]
LINE = [(0, -j) for j in range(1, 33)]
XZ = [{"id": lzma.FILTER_LZMA2, "preset": 6}]


class Bytes:
    def __init__(self, content):
        self.content = content
        self.place = 0

    def take(self, count):
        part = self.content[self.place : self.place + count]
        assert len(part) == count
        self.place += count
        return part

    def number(self):
        value = 0
        for shift in itertools.count(0, 7):
            (byte,) = self.take(1)
            value |= (byte & 127) << shift
            if byte < 128:
                return value

    def text(self):
        return self.take(self.number())


def read(content):
    """The samples."""
    file = Bytes(content)
    assert file.take(5) == b"RINR\x03"
    head = Bytes(file.text())
    assert zlib.crc32(content[: file.place]) == int.from_bytes(file.take(4), "little")
    dtype = np.dtype(head.text().decode())
    shape = tuple(head.number() for _ in range(head.number()))
    head.text()
    slabs = head.number()
    coding = _coding(head, dtype, len(shape)) if head.number() else None
    table = []
    for _ in range(slabs):
        kind, size, digest = head.number(), head.number(), head.take(8)
        table.append((kind, size, digest, *((head.number(), head.number()) if kind == 2 else ())))
    assert head.place == len(head.content)
    cuts = [tuple(slice(n) for n in shape)] if table[0][0] == 0 and slabs == 1 else _cuts(shape)
    result = np.empty(shape, dtype)
    for (kind, size, _, *more), place in zip(table, cuts, strict=True):
        part = result[place].shape
        stream = file.take(size)
        if kind == 1:
            stream = lzma.decompress(stream, lzma.FORMAT_RAW, filters=XZ)
        if kind < 2:
            result[place] = np.frombuffer(stream, dtype.newbyteorder("<")).reshape(part)
        else:
            lanes, lower = more
            result[place] = _decoded(coding, part, stream, lanes, file.take(lower), dtype)
    assert file.place == len(content)
    return result


def _coding(head, dtype, axes):
    names = ("fraction", "offset", "factor", "low_bits", "levels")
    found = {name: head.number() for name in names}
    found["fraction"] -= 1
    found["levels"] += 1
    found["axes"] = [head.number() for _ in range(axes)]
    found |= {name: head.number() for name in ("channels", "outside", "model", "lags")}
    found["hidden"] = [head.number() - 1 for _ in range(head.number())]
    found["list"] = head.text()
    found["parameters"] = head.text()
    return found


def _cuts(shape):
    lengths = list(shape)
    while math.prod(lengths) > 2**20:
        longest = lengths.index(max(lengths))
        lengths[longest] = -(-lengths[longest] // 2)
    starts = itertools.product(*[range(0, n, m) for n, m in zip(shape, lengths, strict=True)])
    return [tuple(slice(s, s + m) for s, m in zip(start, lengths, strict=True)) for start in starts]


def _decoded(coding, shape, stream, lanes, lower, dtype):
    levels = _levels(coding, shape, stream, lanes)
    if coding["list"]:
        bits = np.unpackbits(np.frombuffer(lzma.decompress(coding["list"], lzma.FORMAT_RAW, filters=XZ), np.uint8))
        levels = np.flatnonzero(bits)[levels]
    codes = [int(level) << coding["low_bits"] for level in levels.ravel()]
    if coding["low_bits"]:
        packed = lzma.decompress(lower[1:], lzma.FORMAT_RAW, filters=XZ) if lower[0] else lower[1:]
        for k in range(-(-coding["low_bits"] // 8)):
            codes = [c | byte << 8 * k for c, byte in zip(codes, packed[k * len(codes) :], strict=False)]
    codes = [c * coding["factor"] + coding["offset"] for c in codes]
    if dtype.kind == "f" and coding["fraction"] >= 0:
        numbers = [(c - 2**63) / 2.0 ** coding["fraction"] for c in codes]
        return np.array(numbers, dtype).reshape(shape)
    codes = np.array(codes, f"u{dtype.itemsize}").reshape(shape)
    return from_codes(codes, dtype.newbyteorder("="))["samples"].astype(dtype)


# --- the order of samples --------------------------------------------------------------------------------------------


def _levels(coding, shape, stream, lanes):
    assert coding["model"] == 0
    assert coding["lags"] == 0
    lengths = [shape[a] for a in coding["axes"]]
    channels = lengths.pop(0) if coding["channels"] else 1
    outer, page = lengths[:-2], [*[1] * (2 - len(lengths)), *lengths[-2:]]
    outer = [math.prod(outer[:-1]), outer[-1]] if len(outer) > 2 else outer
    lengths = [channels, *outer, *page]
    factors = [6] * (len(lengths) - 2) + [4, 1]
    durations = [f * (n - 1) for f, n in zip(factors, lengths, strict=True)]
    steps = 1 + sum(durations)
    cut = max(range(1, len(lengths)), key=lambda a: durations[a])
    wanted = max(math.ceil(64 / (math.prod(lengths) / steps)), steps // 4096)
    segments = max(1, min(durations[cut] // 1024, wanted))
    whole = list(lengths)
    lengths[cut] = -(-lengths[cut] // segments)
    work_shape = [lengths[0], segments, *lengths[1:]]
    strides = [math.prod(work_shape[a + 1 :]) for a in range(len(work_shape))]
    roles = []
    for channel in range(channels):
        before = [-k * strides[0] for k in range(1, min(channel, 2) + 1)]
        for mask in range(1 << len(outer)):
            roles.append([*before, *(-strides[2 + i] for i in range(len(outer)) if mask >> i & 1)])
    batches = {}
    for place, index in enumerate(np.ndindex(*work_shape)):
        inside = (index[0], *index[2:])
        at = list(inside)
        at[cut] += index[1] * lengths[cut]
        if at[cut] >= whole[cut]:
            continue
        time = sum(f * i for f, i in zip(factors, inside, strict=True))
        role = index[0] * (1 << len(outer)) + sum((index[2 + i] > 0) << i for i in range(len(outer)))
        batches.setdefault((time, role), []).append((place, tuple(at)))
    networks = _networks(coding, roles, work_shape[-2])
    work = [coding["outside"]] * (math.prod(work_shape) + 1)
    samples = np.zeros(whole, np.int64)
    decoder = Decoder(stream, lanes)
    for (_, role), places in sorted(batches.items()):
        wanted = []
        for place, _ in places:
            context = _context(work, place, work_shape[-2:], roles[role])
            wanted.append(_distribution(networks[role], *context, coding["levels"]))
        found = decoder.read(wanted, coding["levels"])
        for (place, at), level in zip(places, found, strict=True):
            work[place] = samples[at] = level
    decoder.finish()
    axes = coding["axes"]
    return samples.reshape([shape[a] for a in axes]).transpose(np.argsort(axes))


# --- contexts, networks ----------------------------------------------------------------------------------------------


def _context(work, place, page, references):
    rows, columns = page
    row, column = place // columns % rows, place % columns
    line = rows == 1
    near = LINE if line else AWAY

    def inside(step):
        down = min(max(row + step[0], 0), rows - 1) - row
        right = min(max(column + step[1], 0), columns - 1) - column
        return down, right

    nearest = place - 1 if column else place - columns if row else len(work) - 1
    values = []
    for step in near:
        down, right = inside(step)
        values.append(work[place + down * columns + right if 4 * down + right < 0 else nearest])
    groups = []
    for reference in references:
        steps = [(0, 0), *(near[:16] if line else near), *(AHEAD if not line else [(0, 1), (0, 2)])]
        moved = [inside(step) for step in steps]
        groups.append([work[place + reference + down * columns + right] for down, right in moved])
    first = 1 if line else 4
    base = sum(values[:first]) / first
    c = [v - base for v in values]
    others = [[v - sum(group[1 : 1 + first]) / first for v in group] for group in groups]
    scale = sum(map(abs, c[:12])) / 12
    if groups:
        scale = 0.5 * (scale + sum(map(abs, others[0][:9])) / 9)
    scale += 0.4
    linear = [min(max(math.floor(v * (64 / scale) + 0.5), -512), 512) / 64 for v in itertools.chain(c, *others)]
    at = dict(zip(near, c, strict=True))
    changes = [sum(abs(sum(k * at[p] for p, k in term)) for term in group) for group in (LINES if line else PAGES)]
    squashed = [math.floor(128 * u / (1 + abs(u)) + 0.5) / 128 for u in linear]
    sizes = [_quarter(x) for x in (scale, *(change / scale + 2**-6 for change in changes))]
    return base, scale, [*squashed, *sizes], linear


NEAR = [(0, -1), (-1, 0), (-1, 1)]
PAGES = [
    [[(p, 1), ((p[0], p[1] - 1), -1)] for p in NEAR],
    [[(p, 1), ((p[0] - 1, p[1]), -1)] for p in NEAR],
    [[((r, k), 1), ((r, k - 1), -1), ((r - 1, k), -1), ((r - 1, k - 1), 1)] for r, k in [*NEAR, (-1, -1)]],
]
LINES = [
    [[((0, -j), 1), ((0, -j - 1), -1)] for j in range(1, 5)],
    [[((0, -j), 1), ((0, -j - 1), -1)] for j in range(1, 17)],
    [[((0, -j), 1), ((0, -j - 1), -2), ((0, -j - 2), 1)] for j in range(1, 9)],
]


def _networks(coding, roles, rows):
    """Parameters of every role, in their units."""
    page, reference = (32, 19) if rows == 1 else (16, 21)
    shapes = []
    for role, hidden in zip(roles, coding["hidden"], strict=True):
        linear = page + len(role) * reference
        sizes = [(linear + 4, hidden), (1, hidden), (hidden, 9), (1, 9), (linear, 1)]
        shapes.append([] if hidden < 0 else sizes)
    flat = [shape for sizes in shapes for shape in sizes]
    widths = coding["parameters"][: len(flat)]
    decoder = Decoder(coding["parameters"][len(flat) :], 1 + sum(map(math.prod, flat)) // 1024)
    arrays = []
    for shape, k in zip(flat, widths, strict=True):
        rate = 1 / ((4 + k % 4) / 4 * 2.0 ** (k // 4 - 2))
        given = ([1.0], [2047.5], [rate], 2**-12 / 4095)
        arrays.append(np.array(decoder.read([given] * math.prod(shape), 4095), float).reshape(shape) - 2047)
    decoder.finish()
    units = itertools.cycle((16, 16, 64, 64, 256))
    numbers = iter([a / unit for a, unit in zip(arrays, units, strict=False)])
    return [[next(numbers) for _ in sizes] for sizes in shapes]


def _distribution(network, base, scale, inputs, linear, levels):
    w0, b0, w1, b1, skip = network
    hidden = np.clip(np.floor(128 * np.maximum(np.array(inputs) @ w0 + b0, 0) + 0.5) / 128, 0, 255)
    z = (np.floor(128 * (hidden @ w1 + b1) + 0.5) / 128)[0].tolist()
    s = float((np.array(linear) @ skip)[0])
    w = [_exp(min(max(z[i] - max(z[:3]), -16), 0)) for i in range(3)]
    p = [(base + scale * (s + z[3 + i])) + 0.5 for i in range(3)]
    r = [_exp(-min(max(z[6 + i], -6), 4)) / scale for i in range(3)]
    return w, p, r, ((w[0] + w[1]) + w[2]) * (2**-12 / levels)


# --- slots -----------------------------------------------------------------------------------------------------------


def _below(given, x):
    w, p, r, u = given
    total = x * u
    for i in range(len(w)):
        total = total + w[i] * _logistic((x - p[i]) * r[i])
    return total


class Decoder:
    def __init__(self, content, lanes):
        self.x = [int.from_bytes(content[8 * i : 8 * i + 8], "little") for i in range(lanes)]
        self.words = Bytes(content[8 * lanes :])

    def finish(self):
        assert self.words.place == len(self.words.content)
        assert all(x == 2**31 for x in self.x)

    def read(self, wanted, levels):
        """The samples of a batch: the first digit of all, then the second."""
        bits = (levels - 1).bit_length()
        parts = -(-bits // 16)
        widths = [bits // parts + (i < bits % parts) for i in range(parts)]
        low = [0] * len(wanted)
        for i, width in enumerate(widths):
            shift = sum(widths[i + 1 :])
            for k, given in enumerate(wanted):
                low[k] += self._digit(k % len(self.x), given, low[k], width, shift, levels) << shift
        return low

    def _digit(self, lane, given, low, width, shift, levels):
        high = min(low + (1 << width + shift), levels)
        R = 2**24 - 2**width
        floor = _below(given, low)
        rate = R / (_below(given, high) - floor)

        def slot(digit):
            x = low + (digit << shift)
            return (min(math.floor((_below(given, x) - floor) * rate), R) if x < high else R) + digit

        x = self.x[lane]
        first, last = 0, 1 << width
        while last - first > 1:
            middle = (first + last) // 2
            first, last = (middle, last) if slot(middle) <= x % 2**24 else (first, middle)
        start, end = slot(first), 2**24 if first + 1 == 1 << width else slot(first + 1)
        x = (end - start) * (x >> 24) + x % 2**24 - start
        if x < 2**31:
            x = (x << 32) + int.from_bytes(self.words.take(4), "little")
        self.x[lane] = x
        return first


def checksum(samples):
    little = samples.dtype.newbyteorder("<")
    text = f"{little.str} {','.join(map(str, samples.shape))}\n".encode()
    return hashlib.sha256(text + samples.astype(little).tobytes()).hexdigest()
