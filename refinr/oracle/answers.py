"""Answers that another program wrote: a safetensors file a case, judged as a backend's are.

With this you can read what was answered to a case (`read`), and report on a folder of such files (`compare_answers`).

The file of a case is called ``CASE.safetensors`` and has the tensors that the case expects, by their names.  Of a call
that failed, as some have to, there is a file with ``raised`` and a reason in its metadata.  Without a file, the case
counts as not implemented.  docs/oracle-format.md describes both ways, and examples/backend.c goes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from refinr.incoming import checked
from refinr.oracle.case import Case, numpy_dtype
from refinr.oracle.corpus import choose
from refinr.oracle.expecting import Expectations
from refinr.oracle.families import select
from refinr.oracle.judging import judged, not_called
from refinr.oracle.reporting import Report, Result

SUFFIX = ".safetensors"
DTYPES = {f"F{8 * size}": f"<f{size}" for size in (2, 4, 8)} | {"BOOL": "bool"}
DTYPES |= {f"{kind.upper()}{8 * size}": f"<{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)}
"""By their names in safetensors, dtypes that NumPy has."""


def read(path: str | Path) -> tuple[dict[str, np.ndarray], str | None]:
    """Tensors by name, and why the call failed, or None.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no safetensors file.
    """
    from safetensors import SafetensorError, deserialize

    content = Path(path).read_bytes()
    try:
        tensors = deserialize(content)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise ValueError(f"{path}: no safetensors file: {error}") from None
    size = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + size]).get("__metadata__") or {}
    arrays = {}
    for name, tensor in tensors:
        kind = tensor["dtype"]
        dtype = numpy_dtype("bfloat16") if kind == "BF16" else DTYPES.get(kind)
        if dtype is None:
            raise ValueError(f"{path}: {name} is of dtype {kind}, which no case has")
        arrays[name] = np.frombuffer(tensor["data"], dtype).reshape(tensor["shape"])
    return arrays, metadata.get("raised")


@checked
def compare_answers(
    folder: str | Path,
    families: str | Iterable[str] | None = None,
    dtype: str = "float32",
    *,
    given: Iterable[Case] | None = None,
    expect: Expectations | None = None,
    seed: int | None = None,
    source: str = "",
) -> Report:
    """Judge what another program answered.

    Parameters
    ----------
    folder : path
        With a file for every case that was answered.
    families : str or several, optional
        As for `refinr.oracle.cases`.
    dtype : {"float64", "float32", "float16", "bfloat16"}
        In which it computed.
    given : cases, optional
        Those that the program had, from `refinr.oracle.load`.
    expect : Expectations, optional
    seed : int, optional
        As for `refinr.oracle.check_backend`.
    source : str
        Of cases that are given: where they are from, for the heading.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        For a file of no case, and one that is no safetensors file.
    """
    numpy_dtype(dtype)
    expect = expect or Expectations()
    known, source = choose(None, seed, given, source)
    files = {path.name.removesuffix(SUFFIX): path for path in Path(folder).iterdir() if path.suffix == SUFFIX}
    for name in sorted(files.keys() - {case.name for case in known}):
        raise ValueError(f"{files[name]}: there is no case of this name")
    chosen = select(known, families)
    expect.check(chosen)
    results = tuple(_results([expect.loosened(case) for case in chosen], files, dtype))
    return expect.report(Report(f"answers in {Path(folder).name}", dtype, results, source))


def _results(chosen: Iterable[Case], files: dict[str, Path], dtype: str) -> Iterator[Result]:
    for case in chosen:
        if case.name not in files:
            yield not_called(case, "not implemented")
        elif not case.fixed and dtype not in case.dtypes:
            yield not_called(case, "not offered")
        else:
            yield _result(case, files[case.name], dtype)


def _result(case: Case, file: Path, dtype: str) -> Result:
    arrays, failed = read(file)
    if failed is None:
        return judged(case, arrays, dtype)
    if case.refused:
        return not_called(case, "passed")
    return not_called(case, "raised", f"{case.name}: raised: {failed}")
