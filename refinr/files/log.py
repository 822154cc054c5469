"""What is done of a long work, each part under a name, in a file that only grows, so that it can be gone on with.

With this you can write parts down as they are done (`Log.add`), ask which there are (`in`), and read them
(`log[name]`).

    64 bytes: the head of a journal, see `refinr.files.journal`
    records of any length: a digest of 8 bytes, the name in 24, the content's length in 8, the content

What is behind the last record with the right digest was being written when the power went, and is cut off.
"""

from __future__ import annotations

import hashlib
import os
import struct
from contextlib import suppress
from types import TracebackType
from typing import Self

from refinr.files.journal import HEAD, begin
from refinr.files.locking import Locked

_FIELDS = struct.Struct("<8s24sQ")


class Log:
    """Parts that are done, by name.

    Parameters
    ----------
    path : path
        Begun anew if there is no such file, gone on with if there is.
    key : bytes (32,)
        A digest of all that decides the parts.
    machine : bytes (8,), optional
        A fingerprint of the arithmetic that parts come about with; zeros where it is the same everywhere.
    mixed : bool
        Go on with a log of another machine.

    Raises
    ------
    ValueError
        If there is a file that is no journal, another key's, or another machine's.
    OSError
        If the file cannot be read or written, is a link, or somebody else is at it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Log(folder + "/a.part", bytes(32)) as log:
    ...     log.add("slab 1", b"stream")
    ...     "slab 1" in log, "slab 2" in log, log["slab 1"]
    (True, False, b'stream')
    """

    def __init__(
        self, path: str | os.PathLike[str], key: bytes, *, machine: bytes = bytes(8), mixed: bool = False
    ) -> None:
        self.path = os.fspath(path)
        self._key = key
        self._places: dict[str, tuple[int, int]] = {}
        self._locked = Locked(self.path)
        try:
            with self._locked.named():
                begin(self._locked, key, machine, mixed=mixed)
                self._end = self._find()
                self._locked.file.truncate(self._end)
                self._locked.file.flush()
        except BaseException:
            self.close()
            raise

    def _find(self) -> int:
        """Note where whole records are, and say where the last of them ends."""
        file = self._locked.file
        size = file.seek(0, os.SEEK_END)
        end = HEAD
        while size - end >= _FIELDS.size:
            file.seek(end)
            digest, name, length = _FIELDS.unpack(file.read(_FIELDS.size))
            start = end + _FIELDS.size
            if length > size - start or self._digest(name, file.read(length)) != digest:
                break
            self._places[name.rstrip(b"\0").decode()] = (start, length)
            end = start + length
        return end

    def _digest(self, name: bytes, content: bytes) -> bytes:
        return hashlib.blake2b(name + content, digest_size=8, key=self._key).digest()

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __getitem__(self, name: str) -> bytes:
        """The content of a part; raises ValueError if it is not what was written."""
        start, length = self._places[name]
        self._locked.file.seek(start - _FIELDS.size)
        digest, stored, _ = _FIELDS.unpack(self._locked.file.read(_FIELDS.size).ljust(_FIELDS.size, b"\0"))
        content = self._locked.file.read(length)
        if self._digest(stored, content) != digest or stored.rstrip(b"\0") != name.encode():
            raise ValueError(f"{self.path}: somebody has changed the journal while it was in use")
        return content

    def add(self, name: str, content: bytes) -> None:
        """Write down a part that is done, under a name of at most 24 bytes.

        Raises
        ------
        OSError
            If the disk is full, say; what was written before stays.
        """
        padded = name.encode().ljust(24, b"\0")
        self._locked.check()
        with self._locked.named():
            self._locked.file.seek(self._end)
            self._locked.file.write(_FIELDS.pack(self._digest(padded, content), padded, len(content)))
            self._locked.file.write(content)
            self._locked.file.flush()
        self._places[name] = (self._end + _FIELDS.size, len(content))
        self._end += _FIELDS.size + len(content)

    def close(self) -> None:
        """Let others have the file."""
        with suppress(OSError):  # what could not be written has been said
            self._locked.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Check that it still is the file under its name, where the work has come to its end."""
        try:
            if kind is None:
                self._locked.check()
        finally:
            self.close()
