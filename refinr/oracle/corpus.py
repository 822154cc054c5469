"""The frozen corpus: cases in one file with a digest, the same numbers on every machine and in every version.

With this you can have the corpus's cases (`frozen`; `find` says where the file is), take them unless others are asked
for (`choose`), write them (`freeze`), and compare the cases that are made today with them (`changes`).

What is drawn from a seed is the same everywhere.  What is computed from it is not: other vector instructions round
otherwise, networks trained with them are other networks, and so are the files that hold them.  So cases are made once,
and kept.  Today's code belongs to the corpus as long as inputs that are drawn are the same bits, everything computed
from the corpus's inputs is within the corpus's bounds, and bounds are as wide.

The file is a zip archive of what `refinr.oracle.export` writes.  It is in the repository, and with every release; it is
no part of the installed package, which knows its digest.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from refinr.oracle.case import TRAJECTORY, Case
from refinr.oracle.compare import judge
from refinr.oracle.families import FAMILIES, cases, select
from refinr.oracle.operations import OPERATIONS
from refinr.oracle.vectors import export, load

VERSION = 1
NAME = f"refinr-oracle-v{VERSION}.zip"
DIGEST = "a290d50a6550d7c37f32fd9f58efcada67d58ac7de157376228b5d9c99d098ce"
"""SHA-256 of that file."""
COMPUTED = ("container.*", "inr.decode.*", "readout.certificate.*")
"""Cases whose inputs are trained or computed: another machine makes others, which are as good."""


def find() -> Path | None:
    """Where the corpus is: at REFINR_CORPUS, in the folder for caches, or in the repository; None if nowhere.

    Raises
    ------
    ValueError
        For a file that is not what was frozen.
    """
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "refinr"
    repository = Path(__file__).parents[2] / "corpus"
    places = (
        [Path(os.environ["REFINR_CORPUS"])] if "REFINR_CORPUS" in os.environ else [caches / NAME, repository / NAME]
    )
    for place in places:
        if place.is_file():
            if digest(place) != DIGEST:
                raise ValueError(f"{place}: not version {VERSION} of the corpus: its SHA-256 is {digest(place)}")
            return place
    return None


def digest(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def choose(
    families: str | Iterable[str] | None,
    seed: int | None = None,
    given: Iterable[Case] | None = None,
    source: str = "",
) -> tuple[list[Case], str]:
    """Cases to check, and where they are from, in words: those given, those of a seed, else the corpus, else of seed 0.

    Parameters
    ----------
    families : str or several, optional
        As for `refinr.oracle.cases`.
    seed : int, optional
    given : cases, optional
    source : str
        Of cases that are given.
    """
    if given is not None:
        chosen = select(given, families)
        return chosen, source or f"{len(chosen)} cases given"
    found = frozen(families) if seed is None else None
    return found or (cases(families, seed=seed or 0), f"cases made here from seed {seed or 0}")


def frozen(families: str | Iterable[str] | None = None) -> tuple[list[Case], str] | None:
    """The corpus's cases and where they are from, in words; families that are newer than it are made; None without it.

    They are in the order of `refinr.oracle.families.FAMILIES`, as `cases` makes them.

    Parameters
    ----------
    families : str or several, optional
        As for `refinr.oracle.cases`.
    """
    path = find()
    if path is None:
        return None
    kept = _kept(path)
    newer = FAMILIES.keys() - {case.family for case in kept}
    made = [case for family in FAMILIES if family in newer for case in cases(family)]
    places = list(FAMILIES)
    chosen = select(sorted([*kept, *made], key=lambda case: places.index(case.family)), families)
    source = f"corpus version {VERSION}, SHA-256 {DIGEST}"
    count = sum(case.family in newer for case in chosen)
    return chosen, source + (f", and {count} newer cases made here from seed 0" if count else "")


@functools.lru_cache(maxsize=1)
def _kept(path: Path) -> tuple[Case, ...]:
    return load(path)


# --- made once -------------------------------------------------------------------------------------------------------

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of all files in the archive: the same cases give the same bytes."""


def freeze(folder: str | Path, chosen: Iterable[Case]) -> str:
    """Write the archive, and beside it a table of what is in it, a case a line; returns the archive's digest."""
    chosen = list(chosen)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    with tempfile.TemporaryDirectory() as there, zipfile.ZipFile(path, "w") as archive:
        export(there, chosen)
        for file in sorted(Path(there).iterdir()):
            archive.writestr(zipfile.ZipInfo(file.name, EPOCH), file.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    lines = ["\t".join(("case", *PARTS)), *("\t".join((case.name, *fingerprint(case).values())) for case in chosen)]
    path.with_suffix(".tsv").write_text("\n".join(lines) + "\n")
    return digest(path)


PARTS = ("inputs", "options", "values", "bounds")
"""What a case is made of, each with a digest of its own."""


def fingerprint(case: Case) -> dict[str, str]:
    """Digests of a case's `PARTS`.

    Examples
    --------
    >>> case = cases("losses.mse.1x1")[0]
    >>> list(fingerprint(case)) == list(PARTS), fingerprint(case) == fingerprint(case)
    (True, True)
    """
    outputs = case.outputs.items()
    said = {"operation": case.operation, "options": case.options, "fixed": case.fixed, "refused": bool(case.refused)}
    parts: dict[str, Iterator[Any] | list[Any]] = {
        "inputs": _bytes(case.arrays.items()),
        "options": [json.dumps(said, sort_keys=True).encode()],
        "values": _bytes((name, output.values) for name, output in outputs),
        "bounds": [
            *_bytes((name, np.asarray(output.units)) for name, output in outputs),
            *(repr((name, o.kind, o.floor, o.dtypes)).encode() for name, o in outputs),
            repr(case.dtypes).encode(),
        ],
    }
    return {name: hashlib.sha256(b"\0".join(pieces)).hexdigest()[:16] for name, pieces in parts.items()}


def _bytes(arrays: Iterable[tuple[str, np.ndarray]]) -> Iterator[bytes]:
    for name, array in arrays:
        yield f"{name} {array.dtype.str} {array.shape}".encode()
        yield array.tobytes()


# --- and compared ----------------------------------------------------------------------------------------------------


def changes(kept: Iterable[Case], made: Iterable[Case]) -> Iterator[str]:
    """In words, what today's code has changed: nothing, as long as it belongs to the corpus.

    Parameters
    ----------
    kept : cases
        The corpus's.
    made : cases
        Today's, of the same families.
    """
    today = {case.name: case for case in made}
    for case in kept:
        other = today.pop(case.name, None)
        if other is None:
            yield f"{case.name}: is not made any more"
            continue
        yield from _answered(case)
        yield from _made(case, other)
    for name in today:
        yield f"{name}: is not in the corpus"


def _answered(case: Case) -> Iterator[str]:
    """Of the reference, asked what the corpus asks."""
    try:
        got = OPERATIONS[case.operation].call(**case.inputs(), **case.options)
    except Exception as error:
        if not case.refused:
            yield f"{case.name}: raises {type(error).__name__}: {error}"
        return
    if case.refused:
        yield f"{case.name}: is answered, and must be refused"
    elif difference := judge(got, case, "float64").difference:
        yield difference.text


def _made(case: Case, other: Case) -> Iterator[str]:
    """Of the case as it is made today."""
    same = {"operation": case.operation, "options": case.options, "dtypes": case.dtypes, "fixed": case.fixed}
    for name, value in same.items():
        if getattr(other, name) != value:
            yield f"{case.name}: {name} were {value}, are {getattr(other, name)}"
    if any(fnmatch(case.name, pattern) for pattern in COMPUTED):
        return
    if fingerprint(case)["inputs"] != fingerprint(other)["inputs"]:
        yield f"{case.name}: inputs are other numbers"
    for name, output in case.outputs.items():
        units = other.outputs[name].units if name in other.outputs else np.nan
        # a trajectory's are measured; all others are computed, and round otherwise on other machines
        close = 0.5 if output.kind == TRAJECTORY else 1e-6
        if np.shape(units) != np.shape(output.units) or not np.allclose(units, output.units, rtol=close, atol=1e-300):
            yield f"{case.name}: bounds of {name} are others"
