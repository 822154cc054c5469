"""Networks that are done, kept while others still train: in memory, or on disk, so that a fit can be gone on with.

With this you can collect networks (`Ledger.add`), ask which there are (`done`) and read their parameters (`params`).  A
`Journal` is a ledger in a file, where parameters stay: memory does not grow with their number.  When all that was made
of it is on the disk, it can go (`discard`).  `begin` writes or compares the head alone: `refinr.files.log` has it, too.

    64 bytes: "refinr journal 2" and a newline, zeros, 8 bytes of the machine, and the key, 32 bytes
    one record a network, in the order of the networks: a digest of 8 bytes, steps, restarts, parameters

The file has its full length from the beginning, full of holes that take no space on disk.  A record counts if its
digest is right; so one that was being written when the power went is trained again.  The key is a digest of the samples
and all settings that decide results: records are never mistaken for those of another fit.  The 8 bytes are a
fingerprint of the arithmetic that records came about with.  The file is locked as long as a fit is at it, and has to
stay the one under its name.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import numpy as np

from refinr.files.locking import Locked, on_disk

_MAGIC = b"refinr journal 2\n"
HEAD = 64
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is to be closed."""


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
    machine : bytes (8,), optional
        A fingerprint of the arithmetic that records come about with; zeros where it is the same everywhere.
    mixed : bool
        Go on with a journal of another machine.

    Raises
    ------
    ValueError
        If there is a file that is no journal, another key's, or another machine's.
    OSError
        If the file cannot be read or written, is a link, or somebody else is at it.

    Examples
    --------
    >>> import tempfile
    >>> one = {"w0": np.zeros((1, 2), "float32")}
    >>> with tempfile.TemporaryDirectory() as folder, Journal(folder + "/a.part", bytes(32), 3, one) as journal:
    ...     journal.add([2], {"w0": np.ones((1, 2), "float32")}, np.array([50]), np.array([0]))
    ...     sorted(journal.done), journal.params["w0"].tolist()
    ([2], [[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        key: bytes,
        networks: int,
        params: Mapping[str, np.ndarray],
        *,
        machine: bytes = bytes(8),
        mixed: bool = False,
    ) -> None:
        self.path = os.fspath(path)
        self._key = key
        fields: list[Any] = [("digest", "V8"), ("steps", "<i8"), ("restarts", "<i8")]
        fields += [(name, p.dtype.newbyteorder("<"), p.shape[1:]) for name, p in params.items()]
        self._record_dtype = np.dtype(fields)
        size = HEAD + networks * self._record_dtype.itemsize
        self._locked = Locked(self.path)
        try:
            with self._locked.named():
                begin(self._locked, key, machine, mixed=mixed)
                self._locked.file.truncate(size)
                self._locked.file.flush()
                self._records = np.memmap(self._locked.file, self._record_dtype, "r", HEAD, (networks,))
        except BaseException:
            self.close()
            raise
        records = self._records
        self.params = {name: records[name] for name in params}
        self.steps = records["steps"]
        self.restarts = records["restarts"]
        self.done = self._intact(records)

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
        self._locked.check()
        file = self._locked.file
        with self._locked.named():
            for network, record in zip(networks, records, strict=True):
                content = record.tobytes()[8:]
                file.seek(HEAD + network * self._record_dtype.itemsize)
                file.write(self._digest(network, content) + content)
            file.flush()
        self.done.update(networks)

    def close(self) -> None:
        """Let others have the file; records can still be read."""
        with suppress(OSError):  # what could not be written has been said
            self._locked.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Check once more that all records are what was written, where a fit has come to its end."""
        try:
            if kind is None:
                self._locked.check()
                if self.done - self._intact(self._records):
                    raise ValueError(f"{self.path}: somebody has changed networks of the journal while it was in use")
        finally:
            self.close()


def begin(locked: Locked, key: bytes, machine: bytes, *, mixed: bool) -> None:
    """Write the head of a new journal, or compare that of an old one.

    Raises
    ------
    ValueError
        If there is a file that is no journal, another key's, or another machine's.
    """
    head = _MAGIC.ljust(HEAD - len(machine + key), b"\0") + machine + key
    found = locked.file.read(HEAD)
    if not head.startswith(found):
        theirs = slice(HEAD - len(machine + key), HEAD - len(key))
        if found[: theirs.start] + found[theirs.stop :] != head[: theirs.start] + head[theirs.stop :]:
            raise ValueError(_mismatch(locked.path, found))
        if not mixed:
            raise ValueError(
                f"{locked.path}: networks of a machine that rounds differently, or of another NumPy or refinr: what "
                "came of both, neither would make alone; mixed=True (--mixed) goes on all the same"
            )
        head = found
    locked.file.seek(0)
    locked.file.write(head)


def _mismatch(path: str, found: bytes) -> str:
    """Why a file that begins so is not this journal."""
    if not found.startswith(_MAGIC[:15]):
        return f"{path}: there is another file in the place of the journal"
    return f"{path}: networks of other samples or settings; give those it was begun with, or delete it"


def discard(journal: str | os.PathLike[str], output: str | os.PathLike[str]) -> None:
    """Remove a journal when all that was made of it is on the disk, unless another process is at it by now.

    Raises
    ------
    OSError
        If it cannot be said that the output is on the disk; the journal then stays.
    """
    on_disk(output)
    path = os.fspath(journal)
    if not os.path.isfile(path):
        return
    with suppress(OSError):
        with Locked(path) as locked:
            ours = locked.file.read(len(_MAGIC)) == _MAGIC
        if ours:
            os.unlink(path)  # closed before: some systems remove nothing that is open
