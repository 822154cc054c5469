"""Forged `.inr` files: another description or other numbers in arrays, with the digests to match.

With this you can forge one (`forge`), write one that says anything (`written`), and change a value somewhere in what
JSON describes (`change`, `as_json`).
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from refinr.files import container

DEEP = "a deep place"


def _hostile_value(rng: np.random.Generator, old: Any) -> Any:
    values: list[Any] = [
        2**60, 2**31, 2**200, 10**400, -1, 0, 1, 2, 3, 65, 1e300, -0.5, 1.5, 8.0, 1e-320, "", "x", "<f8", "<u8", ">i2",
        "V8", "O", "(1000000000)u8", "zlib", "xz", "none", "planes", "bit-coordinate", "relu", "wire",
        None, True, False,
        [], {}, [2**60], [2**30, 2**30], [2**20, 2**20, 2**20], [1] * 70, [1] * 100_000, [-1, 4], "9" * 5000,
        DEEP,
    ]  # fmt: skip
    if isinstance(old, int | float) and not isinstance(old, bool):
        values += [old + 1, old - 1, old * 2, old * 2**20, -old]
    if isinstance(old, list) and old:
        values += [old[::-1], old + old[:1], old[1:], [n * 2**20 if isinstance(n, int) else n for n in old], [old]]
    return values[rng.integers(0, len(values))]


def forge(content: bytes, rng: np.random.Generator) -> bytes:
    """Another description or other arrays, with the digest to match."""
    (length,) = struct.unpack("<Q", content[:8])
    header, body = json.loads(content[8 : 8 + length]), content[8 + length :]
    description = json.loads(header.pop("__metadata__")["refinr"])
    arrays = {name: container._array(entry, np.frombuffer(body, np.uint8)) for name, entry in header.items()}
    if rng.random() < 0.5:  # behind the checks of the description: other numbers in arrays of the right kind
        return written(json.dumps(description), _other_numbers(arrays, rng))
    for _ in range(rng.integers(1, 4)):
        if rng.random() < 0.2:
            name = list(arrays)[rng.integers(0, len(arrays))]
            array = arrays[name]
            match int(rng.integers(0, 6)):
                case 0:
                    arrays[name] = array[1:]
                case 1:
                    arrays[name] = np.concatenate([array, array])
                case 2:
                    arrays[name] = array.astype(rng.choice(["f2", "f8", "i4", "u1"]))
                case 3:
                    arrays[name] = array[..., None]
                case 4 if len(arrays) > 1:
                    del arrays[name]
                case _:
                    arrays[name] = np.frombuffer(rng.bytes(array.nbytes), array.dtype).reshape(array.shape)
            continue
        change(description, rng)
        if not description:
            break
    return written(as_json(description, rng), arrays)


def change(described: dict[str, Any], rng: np.random.Generator) -> None:
    """Another value in place of one, or none, somewhere in what JSON describes."""
    parent: Any = described
    while parent:
        keys: list[Any] = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
        key = keys[rng.integers(0, len(keys))]
        if isinstance(parent[key], dict | list) and parent[key] and rng.random() >= 0.3:
            parent = parent[key]
        elif rng.random() < 0.1:
            del parent[key]
            return
        else:
            parent[key] = _hostile_value(rng, parent[key])
            return


def as_json(described: Any, rng: np.random.Generator) -> str:
    """The text, with places as deep as they can be; NaN and Infinity included, which JSON has not."""
    depth = int(rng.choice([50, 500, 5000, 200_000]))
    left, right = ("[", "]") if rng.random() < 0.5 else ('{"a":', "}")
    return json.dumps(described).replace(f'"{DEEP}"', left * depth + "1" + right * depth)


def _other_numbers(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The same arrays with a few bits, numbers or all of them changed in one or two."""
    found = {name: array.copy() for name, array in arrays.items()}
    for name in rng.choice(list(found), int(rng.integers(1, 3))):
        raw = found[name].reshape(-1).view(np.uint8)
        places = rng.integers(0, max(1, raw.size), int(rng.choice([1, 3, 40])))
        if raw.size:
            raw[places] = rng.integers(0, 256, len(places)) if rng.random() < 0.7 else rng.choice([0, 127, 255])
    return found


def written(text: str, arrays: dict[str, np.ndarray]) -> bytes:
    """A file of these arrays whose description is `text`, whatever it says."""
    version = 1 if '"version": 1,' in text else 2
    header: dict[str, Any] = {"__metadata__": {"refinr": text} | container._digests(arrays, text, version)}
    names, parts, end = {v: k for k, v in container._NAMES.items()}, [], 0
    for name, array in arrays.items():
        raw = np.ascontiguousarray(array).tobytes()
        dtype = names[array.dtype]
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [end, end := end + len(raw)]}
        parts.append(raw)
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + b"".join(parts)
