"""What is collected: where a library is missing that not everybody has, the files that need it are not."""

from __future__ import annotations

from pathlib import Path

from tests import present

NOT_COLLECTED: set[str] = set()


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave a file out that cannot be loaded; None: others decide."""
    if not present.MISSING or collection_path.suffix != ".py" or not present.lacks(collection_path):
        return None
    NOT_COLLECTED.add(collection_path.name)
    return True


def pytest_report_collectionfinish() -> str:
    """Say which files were left out."""
    names = ", ".join(sorted(NOT_COLLECTED))
    return f"without {', '.join(sorted(present.MISSING))}, not collected: {names}" if NOT_COLLECTED else ""
