"""Forged `.rinr` files: sizes, lanes, tables and states that nobody wrote, and a checksum of the header to match.

With this you can make good files of every kind of stream (`good`) and forge one (`forge`): parts of the header, the
networks, the list of levels, the coder's states and words.  Most of them come past the checks of the header.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import refinr
from refinr.codec import header, values
from refinr.codec.costs import Limits
from tests.codec.strategies import coded_file, counted_file

LIMITS = Limits(operations=1e9)
"""Of a campaign: a second of a core's time and, as always, in proportion to a file."""

NUMBERS = [0, 1, 2, 3, 127, 128, 255, 256, 2**15, 2**16, 2**31 - 1, 2**32 - 1, 2**32, 2**48, 2**63, 2**64 - 1]


def good() -> list[tuple[bytes, np.ndarray]]:
    """Files of all kinds of streams, and their samples."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:9, :8]
    smooth = 120 + 90 * np.sin(x / 5) * np.cos(y / 7) + rng.normal(size=x.shape)
    image = smooth.astype(np.uint8)
    walk = rng.normal(size=(50, 2)).cumsum(axis=0)
    two_slabs = np.zeros((1025, 1024), np.uint8)
    coded = [
        image,
        np.stack([image, image // 2, 255 - image], axis=-1)[:5, :6],
        (50 * walk).round().astype(np.float32) / 4,
        (smooth / 7).astype(np.float64),  # lower bits stand aside
        rng.choice([0, 1000, 2000, 16000, 70000], (12, 11)).astype(np.uint32),  # a list of levels
        smooth.reshape(3, 3, 2, 4).astype(np.uint16),
    ]
    files = [(refinr.compress(two_slabs, steps=0, info={"rate": 8000}), two_slabs)]
    files += [(coded_file(array, channels=array.shape[-1] <= 3), array) for array in coded]
    sound = coded[2][:, 0]
    files += [(coded_file(image, model="planes"), image), (coded_file(image, model="adaptive"), image)]
    sound = np.tile(sound, 6)[:256]
    labels = (image % 5).reshape(3, 6, 4)
    files += [(counted_file(labels), labels)]
    return [*files, (coded_file(sound, model="adaptive", predicted=True), sound)]


def forge(content: bytes, rng: np.random.Generator) -> bytes:
    """One to three things are other than they were written."""
    found, view = header.read(content)
    streams = bytes(view)
    for _ in range(rng.integers(1, 4)):
        choice = rng.random()
        if choice < 0.15 and found.coding is not None:
            found = found._replace(coding=found.coding._replace(parameters=_changed(found.coding.parameters, rng)))
        elif choice < 0.3 and found.slabs:
            states = 8 * found.slabs[0].lanes
            streams = _changed(streams[:states], rng) + streams[states:]
        elif choice < 0.45:
            streams = _changed(streams, rng)
        elif choice < 0.65 and found.coding is not None:
            found = found._replace(coding=_coding(found.coding, rng))
        elif choice < 0.85 and found.slabs:
            which = int(rng.integers(0, len(found.slabs)))
            rows = list(found.slabs)
            rows[which] = _slab(rows[which], rng)
            found = found._replace(slabs=tuple(rows))
        else:
            found = _about_samples(found, rng)
    return found.to_bytes() + streams


def _changed(content: bytes, rng: np.random.Generator) -> bytes:
    """One to eight bytes are others, or the end is missing."""
    changed = bytearray(content)
    for at in rng.integers(0, len(changed), rng.integers(1, 9)) if changed else []:
        changed[at] = int(rng.choice([0, 255, int(rng.integers(0, 256)), changed[at] ^ 1]))
    return bytes(changed[: rng.integers(0, len(changed))] if changed and rng.random() < 0.05 else changed)


def _number(rng: np.random.Generator, old: int) -> int:
    near = [old + 1, max(0, old - 1), 2 * old, old // 2, old + 4]
    return int(near[rng.integers(0, len(near))] if rng.random() < 0.7 else NUMBERS[rng.integers(0, len(NUMBERS))])


def _coding(coding: header.Coding, rng: np.random.Generator) -> header.Coding:
    recipe = coding.recipe
    fields = (*header.Coding._fields[1:-1], *values.Recipe._fields)
    field = fields[int(rng.integers(0, len(fields)))]
    if field == "used":
        occurs = rng.integers(0, 2, max(1, min(recipe.levels, 1 << 16))).astype(np.uint8)
        table = values.pack(np.packbits(occurs).tobytes())
        changed = bytes([b ^ (rng.random() < 0.05) for b in recipe.used])
        return coding._replace(recipe=recipe._replace(used=[table, changed, table[:-1], b""][rng.integers(0, 4)]))
    if field in values.Recipe._fields:
        old = getattr(recipe, field)
        new = (
            -1 + _number(rng, old + 1) if field == "fraction" else max(field in ("factor", "levels"), _number(rng, old))
        )
        return coding._replace(recipe=recipe._replace(**{field: new}))
    old_value: Any = getattr(coding, field)
    if field == "axes":
        return coding._replace(axes=tuple(int(a) for a in rng.permutation(old_value)))
    if field == "model":
        return coding._replace(model=str(rng.choice(header.MODELS)))
    if field == "hidden":
        hidden = list(old_value)
        hidden[rng.integers(0, len(hidden))] = _number(rng, hidden[0] or 0)
        return coding._replace(
            hidden=tuple(hidden[: rng.integers(1, len(hidden) + 1)] if rng.random() < 0.2 else hidden)
        )
    return coding._replace(**{field: not old_value if field == "channels" else _number(rng, old_value)})


def _slab(slab: header.Slab, rng: np.random.Generator) -> header.Slab:
    match int(rng.integers(0, 5)):
        case 0:
            return slab._replace(kind=int(rng.integers(0, 4)), lanes=max(1, slab.lanes))
        case 1:
            return slab._replace(lanes=_number(rng, slab.lanes))
        case 2:
            return slab._replace(size=_number(rng, slab.size))
        case 3:
            return slab._replace(low=_number(rng, slab.low))
        case _:
            return slab._replace(digest=rng.bytes(header.DIGEST))


def _about_samples(found: header.Header, rng: np.random.Generator) -> header.Header:
    match int(rng.integers(0, 4)):
        case 0:
            return found._replace(
                dtype=np.dtype(str(rng.choice(["?", "<u1", ">u2", "<i4", "<u8", "<f2", "<f4", ">f8"])))
            )
        case 1:
            shape = list(found.shape) or [1]
            shape[rng.integers(0, len(shape))] = _number(rng, shape[0])
            return found._replace(shape=tuple(shape))
        case 2:
            shape = list(found.shape) or [1]
            whole = [tuple(shape[::-1]), (int(np.prod(shape)),), (*shape, 2), tuple(shape[1:])]
            return found._replace(shape=whole[int(rng.integers(0, len(whole)))])
        case _:
            return found._replace(slabs=found.slabs * int(rng.choice([0, 1, 2, 100])))
