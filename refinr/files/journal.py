"""Networks that are done, kept while others still train: in memory, or on disk, so that a fit can be gone on with.

With this you can collect networks (`Ledger.add`), ask which there are (`done`) and read their parameters (`params`).  A
`Journal` is a ledger in a file, where parameters stay: memory does not grow with their number.

    64 bytes: "refinr journal 1" and a newline, zeros, and the key, 32 bytes
    one record a network, in the order of the networks: a digest of 8 bytes, steps, restarts, parameters

The file has its full length from the beginning, full of holes that take no space on disk.  A record counts if its
digest is right; so one that was being written when the power went is trained again.  The key is a digest of the samples
and all settings that decide results: records are never mistaken for those of another fit.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_MAGIC = b"refinr journal 1\n"
_HEAD = 64
_RECORDS_AT_ONCE = 1024  # looked at together when a journal is gone on with


class Ledger:
    """Finished networks, in memory.

    Parameters
    ----------
    networks : int
    params : dict of arrays (1, ...)
        What the parameters of one network look like.

    Attributes
    ----------
    params : dict of arrays (networks, ...)
    steps, restarts : arrays of ints (networks,)
    done : set of ints
        The networks that have been added.
    """

    def __init__(self, networks: int, params: Mapping[str, np.ndarray]) -> None:
        self.params = {name: np.empty((networks, *p.shape[1:]), p.dtype) for name, p in params.items()}
        self.steps = np.zeros(networks, np.int64)
        self.restarts = np.zeros(networks, np.int64)
        self.done: set[int] = set()

    def add(
        self, networks: Sequence[int], params: Mapping[str, np.ndarray], steps: np.ndarray, restarts: np.ndarray
    ) -> None:
        """Add networks that are done."""
        rows = list(networks)
        for name, p in params.items():
            self.params[name][rows] = p
        self.steps[rows] = steps
        self.restarts[rows] = restarts
        self.done.update(rows)


class Journal(Ledger):
    """Finished networks, in a file.

    Parameters
    ----------
    path : path
        Begun anew if there is no such file, gone on with if there is.
    key : bytes (32,)
        A digest of all that decides the results.
    networks : int
    params : dict of arrays (1, ...)
        What the parameters of one network look like.

    Raises
    ------
    ValueError
        If there is a file that is no journal, or another key's.
    OSError
        If the file cannot be read or written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     journal = Journal(folder + "/a.part", bytes(32), 3, {"w0": np.zeros((1, 2), "float32")})
    ...     journal.add([2], {"w0": np.ones((1, 2), "float32")}, np.array([50]), np.array([0]))
    ...     sorted(journal.done), journal.params["w0"].tolist()
    ([2], [[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    """

    def __init__(
        self, path: str | os.PathLike[str], key: bytes, networks: int, params: Mapping[str, np.ndarray]
    ) -> None:
        self.path = os.fspath(path)
        self._key = key
        fields: list[Any] = [("digest", "V8"), ("steps", "<i8"), ("restarts", "<i8")]
        fields += [(name, p.dtype.newbyteorder("<"), p.shape[1:]) for name, p in params.items()]
        self._record_dtype = np.dtype(fields)
        size = _HEAD + networks * self._record_dtype.itemsize
        head = _MAGIC.ljust(_HEAD - len(key), b"\0") + key
        try:
            with open(self.path, "ab"):
                pass  # there from now on
            with open(self.path, "r+b") as file:
                found = file.read(_HEAD)
                if not head.startswith(found):
                    raise ValueError(self._mismatch(found))
                file.seek(0)
                file.write(head)
                file.truncate(size)
            records = np.memmap(self.path, self._record_dtype, "r", _HEAD, (networks,))
        except OSError as error:
            error.filename = self.path
            raise
        self.params = {name: records[name] for name in params}
        self.steps = records["steps"]
        self.restarts = records["restarts"]
        self.done = self._intact(records)

    def _mismatch(self, found: bytes) -> str:
        """Why a file that begins so is not this journal."""
        if not found.startswith(_MAGIC):
            return f"{self.path}: there is another file in the place of the journal"
        return f"{self.path}: networks of other samples or settings; give those it was begun with, or delete it"

    def _intact(self, records: np.ndarray) -> set[int]:
        """The networks whose records have the right digest."""
        done = set()
        for first in range(0, len(records), _RECORDS_AT_ONCE):
            portion = np.array(records[first : first + _RECORDS_AT_ONCE])
            for i in np.flatnonzero(portion["digest"] != np.void(bytes(8))):
                if portion["digest"][i].tobytes() == self._digest(first + int(i), portion[i].tobytes()[8:]):
                    done.add(first + int(i))
        return done

    def _digest(self, network: int, content: bytes) -> bytes:
        return hashlib.blake2b(network.to_bytes(8, "little") + content, digest_size=8, key=self._key).digest()

    def add(
        self, networks: Sequence[int], params: Mapping[str, np.ndarray], steps: np.ndarray, restarts: np.ndarray
    ) -> None:
        """Write down networks that are done.

        Raises
        ------
        OSError
            If the disk is full, say; what was written before stays.
        """
        records = np.zeros(len(networks), self._record_dtype)
        records["steps"] = steps
        records["restarts"] = restarts
        for name, p in params.items():
            records[name] = p
        try:
            with open(self.path, "r+b") as file:
                for network, record in zip(networks, records, strict=True):
                    content = record.tobytes()[8:]
                    file.seek(_HEAD + network * self._record_dtype.itemsize)
                    file.write(self._digest(network, content) + content)
        except OSError as error:
            error.filename = self.path
            raise
        self.done.update(networks)
