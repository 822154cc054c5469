"""A reader of `.inr` files written down from docs/container.md alone, with NumPy: what it refuses, too.

`tests.solved_reader` has step 4b, and tests/test_container_page.py a reader without NumPy of the most usual files.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import lzma
import math
import zlib

import numpy as np

from tests.solved_reader import readouts

DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "bfloat16", "U8": "|u1", "U16": "<u2", "U32": "<u4", "U64": "<u8"}
BLOCK = 262144


def decode_file(file):
    description, arrays, raw = _parts(file.tobytes())
    samples = _samples(description, arrays, raw)
    _demand(_checksum(samples) == description["checksum"], "other samples")
    return {"samples": samples.astype(samples.dtype.newbyteorder("="))}


def _demand(condition, why):
    if not condition:
        raise ValueError(why)


def _parts(content):
    """The description, arrays as numbers by name, and their bytes."""
    _demand(len(content) >= 8, "no length")
    length = int.from_bytes(content[:8], "little")
    _demand(8 + length <= len(content), "cut short")
    header = json.loads(content[8 : 8 + length])
    body = content[8 + length :]
    metadata = header.pop("__metadata__")
    digests = json.loads(metadata["arrays"])
    _demand(digests.keys() == header.keys(), "other arrays")
    _demand(max((e["data_offsets"][1] for e in header.values()), default=0) == len(body), "more than the header says")
    raw = {name: body[slice(*entry["data_offsets"])] for name, entry in header.items()}
    text = metadata["refinr"]
    for name in sorted(header):
        shape = ",".join(map(str, header[name]["shape"]))
        text += f"\n{name} {DTYPES[header[name]['dtype']]} {shape}\n{digests[name]}"
        _demand(hashlib.sha256(raw[name]).hexdigest() == digests[name], "a damaged array")
    _demand(hashlib.sha256(text.encode()).hexdigest() == metadata["digest"], "a damaged description")
    description = json.loads(metadata["refinr"])
    _demand(description["format"] == "refinr" and description["version"] <= 5, "another format")
    return description, {name: _numbers(raw[name], **header[name]) for name in header}, raw


def _numbers(raw, dtype, shape, data_offsets):
    if dtype == "BF16":
        return (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4").reshape(shape)
    return np.frombuffer(raw, DTYPES[dtype]).reshape(shape)


def _checksum(samples):
    little = samples.dtype.newbyteorder("<")
    text = f"{little.str} {','.join(map(str, samples.shape))}\n".encode()
    return hashlib.sha256(text + samples.astype(little).tobytes()).hexdigest()


def _samples(description, arrays, raw):
    layout = description["layout"]
    dtype = np.dtype(layout["dtype"])
    _demand(dtype.kind in "biuf" and layout["dtype"][0] in "<>|", "no dtype of samples")
    shape, tile, cut = layout["shape"], layout["tile"], layout["cut"]
    grid, channels = (shape[:-1], shape[-1]) if layout["channel_axis"] else (shape, 1)
    _demand(all(1 <= t <= n for t, n in zip(tile, grid, strict=True)) and channels >= 1, "tiles, or an empty grid")
    units = sum(layout.get("spec", {"sizes": [1]})["sizes"])
    room = 64 * sum(map(len, raw.values()))
    pays = math.prod(shape) <= max(2**22, room) and math.prod(tile) * units <= max(1e7, room)
    _demand(pays, "more than it pays for")
    kind = layout["decomposition"]
    _demand(kind in ("planes", "bit-coordinate", "none", "integers"), "an unknown decomposition")
    planes = -(-cut["bits"] // cut.get("radix_bits", 1)) if kind in ("planes", "bit-coordinate") else 1
    each = channels * planes if kind == "planes" else channels
    starts = list(itertools.product(*[range(0, n, t) for n, t in zip(grid, tile, strict=True)]))
    extents = [[min(t, n - s) for s, t, n in zip(start, tile, grid, strict=True)] for start in starts]
    networks = _networks(description, arrays, raw, len(starts) * each)
    sizes = [math.prod(extent) * channels for extent in extents]
    clear = _kept("undecided", description, arrays, raw, sizes, cut["bits"])
    flip = _kept("residual", description, arrays, raw, sizes, cut["bits"])
    result = np.empty((*grid, channels), f"u{dtype.itemsize}" if dtype.kind != "f" or kind != "none" else dtype)
    for number, (start, extent) in enumerate(zip(starts, extents, strict=True)):
        z = networks(range(number * each, (number + 1) * each), extent)  # (each, N), or (each, N P)
        if dtype.kind == "f" and kind == "none":
            middle = cut["low"] / 2 + cut["high"] / 2
            half = (cut["high"] / 2 - cut["low"] / 2) or 1.0
            values = np.clip(middle + 2 * np.clip(z.astype(float), -0.5, 0.5) * half, cut["low"], cut["high"])
            values = values.T.astype(dtype)
        else:
            codes = _codes(z, kind, cut, channels, planes)  # (N, C)
            values = codes & ~clear[number].reshape(codes.shape) ^ flip[number].reshape(codes.shape)
        place = tuple(slice(s, s + n) for s, n in zip(start, extent, strict=True))
        result[place] = values.reshape(*extent, channels)
    result = result.reshape(shape)
    return result if dtype.kind == "f" and kind == "none" else _from_codes(result, layout["offset"], dtype)


def _from_codes(codes, offset, dtype):
    codes = codes + codes.dtype.type(offset)
    top = codes.dtype.type(1 << (8 * dtype.itemsize - 1))
    if dtype.kind == "b":
        return codes.astype(bool)
    if dtype.kind == "i":
        codes = codes ^ top
    if dtype.kind == "f":
        codes = np.where(codes & top, codes ^ top, ~codes)
    return codes.view(dtype.newbyteorder("=")).astype(dtype)


# --- networks --------------------------------------------------------------------------------------------------------


def _networks(description, arrays, raw, count):
    """A function of networks and the extent of a tile: their outputs (networks, N)."""
    layout = description["layout"]
    if "absent" in layout:
        return lambda networks, extent: np.full((len(networks), math.prod(extent)), -1.0)
    if "spec" not in layout:
        numbers = {name: (a.shape, a.ravel().tolist(), raw[name]) for name, a in arrays.items()}
        output = readouts(description, numbers)
        return lambda networks, extent: np.array(
            [[output(e, p, i, extent) for p, i in enumerate(np.ndindex(*extent))] for e in networks]
        )
    spec = layout["spec"]
    _demand(spec["activation"] in ACTIVATIONS, "an unknown activation")
    _demand(spec["layer"] in ("linear", "ternary", "ternary-integer"), "an unknown layer")
    layers = []
    for i, (rows, columns) in enumerate(itertools.pairwise(spec["sizes"])):
        w = arrays[f"w{i}"]
        if spec["layer"] != "linear":
            trits = (w[:, None].astype(int) // 3 ** np.arange(5) % 3 - 1).ravel()[: count * rows * columns]
            w = trits.reshape(count, rows, columns).astype(np.float32)
        beside = {"linear": "b", "ternary": "s"}.get(spec["layer"])
        b = arrays[f"{beside}{i}"] if beside else np.zeros((count, 1, 1))
        _demand(w.shape == (count, rows, columns), "weights of another shape")
        _demand(b.shape == (count, 1, columns if beside == "b" else 1), "biases or scales of another shape")
        layers.append((w.astype(np.float32), b.astype(np.float32)))

    def outputs(networks, extent):
        h = _inputs(layout, extent).astype(np.float32)
        for i, (w, b) in enumerate(layers):
            z = _layer(spec, h, w[networks.start : networks.stop], b[networks.start : networks.stop])
            h = z if i == len(layers) - 1 else ACTIVATIONS[spec["activation"]](z, spec["omega"], spec["scale"])
        return h[..., 0]

    return outputs


def _layer(spec, h, w, b):
    bits = spec["bits"]
    if spec["layer"] == "linear":
        return h @ w + b
    if spec["layer"] == "ternary":
        centred = h - h.mean(-1, keepdims=True)
        n = centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + np.float32(1e-5))
        g = abs(n).max(-1, keepdims=True) / np.float32(2 ** (bits - 1) - 1)
        g = np.where(g > 0, g, np.float32(1))
        return np.rint(n / g) @ w * b * g
    k = max(0, math.floor(math.log2(w.shape[1]) / 2 - 0.5))
    a = np.clip(np.floor(2.0**bits * h), -(2.0**bits), 2.0**bits)
    return ((a @ w + 0.5) / 2.0 ** (bits + k)).astype(np.float32)


_erf = np.vectorize(math.erf, otypes=[np.float32])
ACTIVATIONS = {
    "sine": lambda z, omega, scale: np.sin(omega * z),
    "finer": lambda z, omega, scale: np.sin(omega * (abs(z) + 1) * z),
    "gauss": lambda z, omega, scale: np.exp(-((scale * z) ** 2)),
    "wire": lambda z, omega, scale: np.cos(omega * z) * np.exp(-((scale * z) ** 2)),
    "relu": lambda z, omega, scale: np.maximum(z, 0),
    "tanh": lambda z, omega, scale: np.tanh(z),
    "gelu": lambda z, omega, scale: z * (1 + _erf(z / math.sqrt(2))) / 2,
}
ACTIVATIONS["finer-stopped"] = ACTIVATIONS["finer"]


def _inputs(layout, extent):
    lengths, extent = list(layout["tile"]), list(extent)
    if layout["decomposition"] == "bit-coordinate":
        planes = -(-layout["cut"]["bits"] // layout["cut"]["radix_bits"])
        lengths.append(planes)
        extent.append(planes)
    indices = np.stack([i.ravel() for i in np.meshgrid(*map(np.arange, extent), indexing="ij")], -1)
    if layout["decomposition"] == "integers":
        return indices.astype(float)
    x = np.array([[(2 * i - (m - 1)) / (m - 1) if m > 1 else 0.0 for i, m in zip(row, lengths, strict=True)]
                  for row in indices.tolist()])  # fmt: skip
    encoding = layout["encoding"]
    if encoding is None:
        return x
    if encoding["name"] == "octaves":
        waves = [f(2.0**k * math.pi * x) for k in range(encoding["octaves"]) for f in (np.sin, np.cos)]
        return np.concatenate([x, *waves], -1)
    period = encoding["period"]
    p = indices @ np.array(encoding["steps"]) % period
    if encoding["name"] == "fourier":
        return np.concatenate([np.cos(2 * math.pi * p / period), np.sin(2 * math.pi * p / period)], -1)
    _demand(encoding["name"] == "triangle", "an unknown encoding")
    quarter = period / 4
    triangles = [(abs(q - period / 2) - quarter) / quarter for q in (p, (p - quarter) % period)]
    return np.concatenate(triangles, -1)


# --- decisions, and what is wrong with them --------------------------------------------------------------------------


def _codes(z, kind, cut, channels, planes):
    """(N, C), Python's whole numbers in arrays of uint64."""
    bits = cut["bits"]
    if kind == "integers":
        return np.clip(np.rint(z), 0, 2**bits - 1).T.astype(np.uint64)
    if kind == "none":
        return np.rint((np.clip(z.astype(float), -0.5, 0.5) + 0.5) * (2.0**bits - 1)).T.astype(np.uint64)
    k = cut["radix_bits"]
    z = z.reshape(channels, planes, -1) if kind == "planes" else z.reshape(channels, -1, planes).swapaxes(1, 2)
    codes = np.zeros((z.shape[-1], channels), np.uint64)
    for q in range(planes):
        digit = z[:, q] > 0 if k == 1 else np.rint((np.clip(z[:, q], -0.5, 0.5) + 0.5) * (2**k - 1))
        digit = np.minimum(digit.astype(np.uint64), np.uint64(2 ** min(k, bits - q * k) - 1))
        codes |= digit.T << np.uint64(q * k)
    shift = 1
    while cut["gray"] and shift < 64:
        codes ^= codes >> np.uint64(shift)
        shift *= 2
    return codes


def _inflated(codec, stream, most):
    """All of a stream, which ends where its bytes do."""
    inflate = {"zlib": zlib.decompressobj, "xz": lzma.LZMADecompressor}[codec]()
    content = inflate.decompress(stream, most + 1)
    _demand(inflate.eof and not inflate.unused_data, "a stream that is longer, or does not end")
    return content


def _kept(name, description, arrays, raw, sizes, bits):
    """Bits of every tile's codes, uint64."""
    if name not in description:
        _demand(name not in arrays and f"{name}_ends" not in arrays, f"{name} that nobody speaks of")
        return [np.zeros(size, np.uint64) for size in sizes]
    codec = description[name]["codec"]
    ends = [0, *arrays[f"{name}_ends"].tolist()]
    _demand(ends == sorted(ends) and ends[-1] == len(raw[name]), f"{name} of another length")
    lengths = [bits * -(-size // 8) for size in sizes]
    begins = [0, *itertools.accumulate(lengths)]
    blocks = [begin // BLOCK for begin in begins[:-1]]
    found = []
    for block in range(len(ends) - 1):
        mine = [t for t, b in enumerate(blocks) if b == block]
        stream = raw[name][ends[block] : ends[block + 1]]
        expected = sum(lengths[t] for t in mine)
        content = _inflated(codec, stream, expected) if stream else bytes(expected)
        _demand(len(content) == expected, f"a block of {name} of another length")
        for t in mine:
            packed = np.frombuffer(content[: lengths[t]], np.uint8).reshape(bits, -1)
            content = content[lengths[t] :]
            planes = np.unpackbits(packed, axis=1, count=sizes[t], bitorder="little").astype(np.uint64)
            found.append((planes << np.arange(bits, dtype=np.uint64)[:, None]).sum(0, dtype=np.uint64))
    _demand(len(found) == len(sizes), f"blocks of {name}")
    return found
