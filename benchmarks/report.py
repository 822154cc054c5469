"""What the benchmarks share: fair timing, and results that say where they come from.

With this you can time rivals against each other (`fastest`), compare a number with its target (`Target`), count what is
not exact (`incomplete`), and print and keep the results of a run (`Run`).
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import operator
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from paper_figures import machine
from paper_figures.markdown import Row, table

RESULTS = Path(__file__).parent / "results"

_CALLS = 2
"""Of a candidate in each of its turns, at least."""

_BUSY = 0.1
"""Cores that other processes may keep busy while times are measured."""

_RELATIONS: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le, "<": operator.lt}


class Target(NamedTuple):
    """A number, and what it should be."""

    what: str
    value: float
    relation: str
    limit: float

    @property
    def met(self) -> bool:
        """Whether it is; not-a-number is not."""
        return bool(_RELATIONS[self.relation](self.value, self.limit))


def incomplete(rows: Iterable[Mapping[str, Any]]) -> int:
    """How many rows have fits that are not exact: all but those whose "exact" is "3 of 3", say."""
    return sum(exact != of for exact, of in (row["exact"].split(" of ") for row in rows))


def log(what: str) -> None:
    """Say on the error stream what is being measured: some of it takes minutes."""
    print(f"... {what}", file=sys.stderr, flush=True)


def fastest(candidates: Mapping[str, Callable[[], Any]], rounds: int, turn: float = 0.2) -> dict[str, float]:
    """Seconds of the fastest call of each candidate.

    They take turns, so that a machine that slows down slows all of them.  A turn lasts `turn` seconds and two calls at
    least: the first pays for what the one before has left behind, cold caches and threads that still spin.
    """
    best = dict.fromkeys(candidates, math.inf)
    for _ in range(rounds):
        for name, call in candidates.items():
            end = time.perf_counter() + turn
            calls = 0
            while calls < _CALLS or time.perf_counter() < end:
                start = time.perf_counter()
                call()
                best[name] = min(best[name], time.perf_counter() - start)
                calls += 1
    return best


class Run:
    """One run of a benchmark, from its command line to its results.

    Parameters
    ----------
    name : str
        Of the result files.
    description : str
        For the command line's help.
    timed : bool
        Whether time is measured, so that it matters what else the machine is doing.
    """

    def __init__(self, name: str, description: str | None, timed: bool = True) -> None:
        layout = argparse.RawDescriptionHelpFormatter
        parser = argparse.ArgumentParser(
            f"python -m benchmarks.{name}", description=description, formatter_class=layout
        )
        parser.add_argument("--quick", action="store_true", help="tiny sizes, no result files: just see that it runs")
        self.name = name
        self.quick = bool(parser.parse_args().quick)
        self._watch = machine.Watch() if timed else None

    def publish(
        self, title: str, tables: Mapping[str, Sequence[Row]], targets: Sequence[Target], words: str = ""
    ) -> None:
        """Print words, tables, targets, machine; unless quick, write them to ``results/NAME.json`` and ``NAME.md``."""
        others = self._watch.spent().cores_of_others if self._watch else math.nan
        if not math.isnan(others):
            targets = [*targets, Target("cores busy with other processes", others, "<", _BUSY)]
        facts = machine.facts()
        date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        checks = [t._asdict() | {"met": t.met} for t in targets]
        parts = [f"# {title}"] + ([words] if words else [])
        parts += [f"## {heading}\n\n{table(rows)}" for heading, rows in {**tables, "Targets": checks}.items()]
        parts.append(f"{date}; " + "; ".join(f"{key} {value}" for key, value in facts.items()))
        text = "\n\n".join(parts) + "\n"
        print(text)
        if self.quick:
            return
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{self.name}.md").write_text(text)
        record = {"title": title, "date": date, "machine": facts, "tables": tables, "targets": checks}
        (RESULTS / f"{self.name}.json").write_text(json.dumps(record, indent=1, default=float) + "\n")
