"""A file is the old one or all of the new one, never a part.

With this you can write a file so that whoever reads it, and whatever fails, finds it whole (`replace_file`), and know
before the work whether that can be done (`check`).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def check(path: str | os.PathLike[str]) -> None:
    """Raise what writing would raise, as far as that can be known before.

    Raises
    ------
    OSError
        If there is no such folder, it cannot be written to, or `path` is something that takes no content: a folder, a
        socket, a disk.
    """
    target = Path(os.path.realpath(path)) if os.fspath(path) else Path()
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"no such folder: {target.parent}", str(path))
    kind = _kind(target)
    if kind == "folder":
        raise IsADirectoryError(errno.EISDIR, "a folder, expected the name of a file", str(path))
    if kind == "other":
        raise OSError(errno.EINVAL, "a socket or a disk, expected the name of a file", str(path))
    if not os.access(target if kind else target.parent, os.W_OK):
        raise PermissionError(errno.EACCES, "cannot be written to", str(path))
    if kind == "file" and not os.access(target.parent, os.W_OK):
        raise PermissionError(errno.EACCES, f"{target.parent} cannot be written to", str(path))


def replace_file(path: str | os.PathLike[str], content: bytes | memoryview | Iterable[bytes | memoryview]) -> None:
    """Write to a temporary file, then rename: under that name is the old file or all of the new one, never a part.

    Mode and owner of an older file are kept, the owner as far as this process may.  Pipes and devices are written into.

    Raises
    ------
    OSError
        If the folder cannot be written to.  Whatever happens, `path` is as it was and nothing else is left behind.
    """
    target = Path(os.path.realpath(path))  # where a symbolic link points
    kind = _kind(target)
    if kind in ("folder", "other"):
        check(path)
    if kind == "stream":
        _write(target, content)
        return
    part = target.with_name(f".{os.urandom(8).hex()}.part")  # in the same folder, so that the move is atomic
    try:
        older = target.stat() if kind else None
        if older:
            part.touch(mode=0o600, exist_ok=False)  # nobody reads what the older file kept from them
        _write(part, content)
        if older:
            _take_over(part, older)
        os.replace(part, target)
    except OSError as error:
        error.filename, error.filename2 = str(path), None  # not the name of the temporary file
        raise
    finally:
        part.unlink(missing_ok=True)


def _write(path: Path, content: bytes | memoryview | Iterable[bytes | memoryview]) -> None:
    if isinstance(content, bytes | memoryview):
        path.write_bytes(content)
        return
    with path.open("wb") as file:
        file.writelines(content)


def _take_over(part: Path, older: os.stat_result) -> None:
    """Mode and owner of the file that will be replaced."""
    mine = part.stat()
    if (mine.st_uid, mine.st_gid) != (older.st_uid, older.st_gid):
        with suppress(PermissionError):
            os.chown(part, older.st_uid, older.st_gid)
    part.chmod(stat.S_IMODE(older.st_mode))


def _kind(target: Path) -> str | None:
    """What stands under a name: a file, a stream (a pipe or a device), a folder, something other, nothing."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        return "stream"
    return "folder" if stat.S_ISDIR(mode) else "other"
