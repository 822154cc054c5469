"""Long computations in cases, each kept as soon as it is done.

With this you can run a function over cases (`each`); inside `kept_in`, results go to a file as they come, and a run
that was cut short goes on where it stopped.
"""

from __future__ import annotations

import contextvars
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refinr import cpu

Row = dict[str, Any]


class _Keeper(NamedTuple):
    path: Path
    rows: dict[str, Row]
    lock: threading.Lock

    def keep(self, key: str, row: Row) -> None:
        with self.lock, self.path.open("a") as file:
            file.write(json.dumps([key, row]) + "\n")


_keeper: contextvars.ContextVar[_Keeper | None] = contextvars.ContextVar("keeper", default=None)


@contextmanager
def kept_in(path: Path, key: str) -> Iterator[bool]:
    """Within, `each` keeps its results in `path` and finds those of an earlier run with the same key there.

    Yields whether there are any.  The file goes when all went well; what it held is then in the data file.
    """
    rows: dict[str, Row] = {}
    if path.exists():
        first, *lines = path.read_text().split("\n")
        if first == key:
            rows = dict(json.loads(line) for line in lines[:-1])  # the last line is empty, or cut short
    path.write_text("\n".join([key, *(json.dumps(list(item)) for item in rows.items())]) + "\n")
    token = _keeper.set(_Keeper(path, rows, threading.Lock()))
    try:
        yield bool(rows)
        path.unlink()
    finally:
        _keeper.reset(token)


def each(
    measure: Callable[[Row, np.random.Generator], Row],
    cases: Sequence[Row],
    rng: np.random.Generator,
    workers: int | None = None,
) -> list[Row]:
    """``measure(case, rng)`` for every case: rows that hold the case, its results, and the seconds it took.

    Every case has a random stream of its own, so that results do not depend on what was kept from an earlier run, nor
    on the number of workers (threads; as many as cores by default, 1 where seconds matter).

    Examples
    --------
    >>> rows = each(lambda case, rng: {"square": case["x"] ** 2}, [{"x": 2}, {"x": 3}], np.random.default_rng(0))
    >>> [row["square"] for row in rows]
    [4, 9]
    """
    keeper = _keeper.get()
    keys = [f"{index} {json.dumps(case, sort_keys=True)}" for index, case in enumerate(cases)]

    def run(key: str, case: Row, stream: np.random.Generator) -> Row:
        if keeper is not None and key in keeper.rows:
            return keeper.rows[key]
        start = time.perf_counter()
        row = case | measure(case, stream)
        row["seconds"] = time.perf_counter() - start
        if keeper is not None:
            keeper.keep(key, row)
        return row

    with cpu.single_threaded_blas(), ThreadPoolExecutor(workers or cpu.cores()) as pool:
        return list(pool.map(run, keys, cases, rng.spawn(len(cases))))
