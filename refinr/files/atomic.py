"""A file is the old one or all of the new one, never a part.

With this you can write a file so that whoever reads it, and whatever fails, finds it whole (`replace_file`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def replace_file(path: str | os.PathLike[str], content: bytes | memoryview | Iterable[bytes | memoryview]) -> None:
    """Write to a temporary file, then rename: under that name is the old file or all of the new one, never a part.

    Raises
    ------
    OSError
        If the folder cannot be written to.  Whatever happens, `path` is as it was and nothing else is left behind.
    """
    target = Path(os.path.realpath(path))  # where a symbolic link points
    part = target.with_name(f".{os.urandom(8).hex()}.part")  # in the same folder, so that the move is atomic
    try:
        if isinstance(content, bytes | memoryview):
            part.write_bytes(content)
        else:
            with part.open("wb") as file:
                file.writelines(content)
        os.replace(part, target)
    except OSError as error:
        error.filename = str(path)  # not the name of the temporary file
        error.filename2 = None
        raise
    finally:
        part.unlink(missing_ok=True)
