"""What is done of a compression: networks that are trained and slabs that are coded, kept in a file to go on from.

With this you can open the log of an array and a wish (`opened`), have networks trained (`networks`) and slabs coded
(`coded`), or taken from there.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from refinr import version
from refinr.arithmetic import fingerprint
from refinr.codec import header, models, parameters, slabs
from refinr.codec.ordered import in_order
from refinr.files.checksum import checksum
from refinr.files.log import Log

_ROW = struct.Struct("<BQ8sQQ")
"""A `refinr.codec.header.Slab`, before its stream."""


def opened(
    path: str | os.PathLike[str] | None, array: np.ndarray, channels: bool, wish: models.Wish, *, mixed: bool
) -> AbstractContextManager[Log | None]:
    """The log of these samples and settings; None without a path.

    Raises
    ------
    ValueError
        If it is one of other samples, settings or arithmetic.
    OSError
        If it cannot be written, or another process is at it.
    """
    if path is None:
        return nullcontext()
    identity = ["compress", header.VERSION, version.__version__, checksum(array), channels, wish]
    key = hashlib.sha256(json.dumps(identity).encode()).digest()
    return Log(path, key, machine=bytes(8) if wish.reproducible else fingerprint(), mixed=mixed)


def networks(
    log: Log | None, name: str, array: np.ndarray, train: Callable[[], slabs.Given | None]
) -> slabs.Given | None:
    """What `train` gives for an array, or has given before."""
    if log is None:
        return train()
    if name not in log:
        log.add(name, _written(array, train()))
    return _read(log[name])


def _written(array: np.ndarray, given: slabs.Given | None) -> bytes:
    """The header of a file of these networks, with one empty stream."""
    if given is None or given.coding is None:
        return b""
    coding = given.coding._replace(
        parameters=parameters.write([units for units in given.networks if units is not None])
    )
    empty = header.Slab(header.RAW, 0, bytes(header.DIGEST))
    return header.Header(array.dtype, array.shape, {}, coding, (empty,)).to_bytes()


def _read(content: bytes) -> slabs.Given | None:
    return slabs.given_by(header.read(content)[0]) if content else None


def coded(
    log: Log | None,
    name: str,
    given: slabs.Given,
    array: np.ndarray,
    blocks: Sequence[tuple[slice, ...]],
    executor: Executor | None,
) -> list[tuple[header.Slab, bytes]]:
    """The rows and streams of all slabs, those that are not there yet coded first."""
    names = [f"{name}, {number}" for number in range(len(blocks))]
    missing = [number for number, each in enumerate(names) if log is None or each not in log]
    parts = (np.asarray(array[blocks[number]]) for number in missing)
    found = in_order(executor, functools.partial(slabs.write, given), parts)
    if log is None:
        return list(found)
    for number, (slab, stream) in zip(missing, found, strict=True):
        log.add(names[number], _ROW.pack(*slab) + stream)
    contents = map(log.__getitem__, names)
    return [(header.Slab(*_ROW.unpack(each[: _ROW.size])), each[_ROW.size :]) for each in contents]
