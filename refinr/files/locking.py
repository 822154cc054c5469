"""A file that one process at a time may work on, and that stays the one under its name.

With this you can open such a file (`Locked`), notice when it has been moved away, replaced or removed (`Locked.check`),
and have everything on the disk before something else is given up (`on_disk`).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

BEYOND = 1 << 40
"""Where Windows locks a byte: nobody else may read what is locked there, so it is one that no file has."""

NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
"""What network file systems without locks say; digests still tell which records are whole."""

IN_USE = "another process is at it: wait for it, or give another name"
"""Said by whoever comes second."""


class Locked:
    """A regular file, made if there is none, open to read and write, and locked until it is closed.

    Parameters
    ----------
    path : str

    Raises
    ------
    BlockingIOError
        If another process has locked it, or this one elsewhere.
    OSError
        If it cannot be opened, is no regular file, or one of several names.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Locked(folder + "/a") as file:
    ...     Locked(folder + "/a")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    BlockingIOError: [Errno ...] another process is at it: wait for it, or give another name: '.../a'
    """

    def __init__(self, path: str) -> None:
        self.path = path
        # what is no file may wait for somebody to open its other end; what is a link points at who knows what
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            number = os.open(path, flags | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise OSError(errno.ELOOP, "a link, expected a file or nothing", path) from None
            raise
        try:
            self._refuse_others(number)
            self.file = os.fdopen(number, "r+b")
        except BaseException:
            os.close(number)
            raise
        try:
            _lock(self.file.fileno(), path)
            self.check()
        except BaseException:
            self.file.close()
            raise

    def _refuse_others(self, number: int) -> None:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "expected a file or nothing, found something else", self.path)
        if found.st_nlink > 1:
            raise OSError(errno.EMLINK, "a file that has other names too, expected one of its own", self.path)

    def check(self) -> None:
        """Raise OSError unless this file is still the one under its name."""
        ours = os.fstat(self.file.fileno())
        theirs = None
        with suppress(FileNotFoundError):
            theirs = os.lstat(self.path)
        if theirs is None or (ours.st_dev, ours.st_ino) != (theirs.st_dev, theirs.st_ino):
            raise OSError(errno.ESTALE, "somebody has moved, replaced or removed it", self.path)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Inside, errors of the system name this file."""
        try:
            yield
        except OSError as error:
            error.filename = self.path
            raise

    def close(self) -> None:
        """Let others have it."""
        if not self.file.closed:
            with suppress(OSError):
                _lock(self.file.fileno(), self.path, unlock=True)  # a map of it in memory would keep the lock
            self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _lock(number: int, path: str, *, unlock: bool = False) -> None:
    """Lock an open file for as long as it is open, or raise BlockingIOError."""
    try:
        import fcntl
    except ImportError:
        _lock_byte(number, path, unlock)
        return
    try:
        fcntl.flock(number, fcntl.LOCK_UN if unlock else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BlockingIOError(errno.EWOULDBLOCK, IN_USE, path) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise


def _lock_byte(number: int, path: str, unlock: bool) -> None:
    """The same on Windows."""
    import msvcrt

    place = os.lseek(number, 0, os.SEEK_CUR)
    os.lseek(number, BEYOND, os.SEEK_SET)
    try:
        msvcrt.locking(number, msvcrt.LK_UNLCK if unlock else msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        raise BlockingIOError(errno.EWOULDBLOCK, IN_USE, path) from None
    finally:
        os.lseek(number, place, os.SEEK_SET)


def on_disk(path: str | os.PathLike[str]) -> None:
    """Wait until a file, and its name in its folder, are on the disk.

    Raises
    ------
    OSError
        If it cannot be said that they are.
    """
    target = os.path.realpath(path)
    if not os.path.isfile(target):
        return  # a pipe or a device keeps nothing
    with open(target, "r+b") as file:
        os.fsync(file.fileno())
    if hasattr(os, "O_DIRECTORY"):  # elsewhere folders cannot be opened, and names are written with files
        folder = os.open(os.path.dirname(target), os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
