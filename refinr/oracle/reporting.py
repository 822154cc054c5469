"""What came of a check: a result a case, and a report that explains what fails.

With this you can keep results (`Result`), and put them together (`Report`): ``str`` of it is for people, `to_json` and
`to_junit` are for programs.  `explain` says what cases that fail have in common, beside those that pass.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple
from xml.sax.saxutils import quoteattr

from refinr.oracle.facts import Facts, told_apart
from refinr.version import __version__

STATES = ("passed", "differ", "raised", "not implemented", "not offered")
FAILED = ("differ", "raised")
KNOWN = "known"
"""State of a case that fails as it was said to; not among `STATES`, for most reports have none."""


class Result(NamedTuple):
    """What came of one case."""

    case: str
    operation: str
    state: str
    """One of `STATES`, or `KNOWN`; "not offered": the case says nothing in this dtype."""
    text: str = ""
    left_out: tuple[str, ...] = ()
    """Tensors that the backend did not return."""
    share: float = 0.0
    """Largest error over its bound: above 1 something differs."""
    trace: str = ""
    """Where an exception came from."""
    facts: Facts = {}  # noqa: RUF012  # nobody writes into it
    """Sizes and options of the case."""


class Times(NamedTuple):
    """Seconds of the shortest of some calls, the backend's and the reference's."""

    case: str
    backend: float
    reference: float


@dataclass(frozen=True)
class Report:
    """What came of all cases; `str` of it is the table, and it is true if all is well."""

    backend: str
    dtype: str
    results: tuple[Result, ...]
    source: str = "cases made here from seed 0"
    """Where the cases are from."""
    demands: tuple[str, ...] = ()
    """What was required and is not there."""
    loosened: tuple[str, ...] = ()
    """Bounds that were widened, and why."""
    times: dict[str, Times] | None = None
    """By operation."""
    traceback: bool = False
    """Show where exceptions come from."""
    timed: bool = False
    """Show times."""

    def count(self, state: str) -> int:
        """Number of cases in that state."""
        return sum(result.state == state for result in self.results)

    @property
    def ok(self) -> bool:
        """Whether nothing differs, nothing was raised, nothing required is missing, and something was checked."""
        return self.count("passed") > 0 and not self.demands and not any(r.state in FAILED for r in self.results)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        head = [f"{self.backend}, checked against refinr in {self.dtype}", f"refinr {__version__}, {self.source}"]
        lines = [*head, "", *self._table()]
        wrong = self._by_operation(*FAILED)
        for operation, failures in wrong.items():
            lines.append(f"\n{failures[0].text}")
            if self.traceback and failures[0].trace:
                lines.append(failures[0].trace.rstrip())
            if len(failures) > 1:
                others = [result.case for result in failures[1:]]
                names = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
                lines.append(f"  {operation} fails in {len(others)} more: {names}")
            lines += [f"  {line}" for line in self.explain(operation)]
        lines += self._lists()
        verdict = "nothing differs" if self.ok else "nothing was checked"
        if wrong:
            verdict = f"fails: {', '.join(wrong)}"
        elif self.demands:
            verdict = "not complete"
        return "\n".join([*lines, f"\n{verdict}"])

    def _lists(self) -> list[str]:
        """What is missing, what was known, what was widened, what was required, how long it took."""
        missing = self._by_operation("not implemented")
        known = [result for result in self.results if result.state == KNOWN]
        lines = [f"\nnot implemented: {', '.join(missing)}"] if missing else []
        if known:
            lines += ["", *(f"known to fail: {result.text}" for result in known)]
        if self.loosened:
            lines += ["", *(f"loosened: {line}" for line in self.loosened)]
        if self.demands:
            lines += ["", *(f"required: {line}" for line in self.demands)]
        if self.timed and self.times:
            lines += ["", f"{'shortest call':20}  {'backend':>10}  {'refinr':>10}  case"]
            lines += [
                f"{name:20}  {1e3 * t.backend:7.2f} ms  {1e3 * t.reference:7.2f} ms  {t.case}"
                for name, t in self.times.items()
            ]
        return lines

    def explain(self, operation: str) -> list[str]:
        """What this operation's cases that fail have in common, and those that pass have not; no lines if nothing."""
        mine = [r for r in self.results if r.operation == operation and not r.case.startswith("call.")]
        failed = [result.facts for result in mine if result.state in FAILED]
        passed = [result.facts for result in mine if result.state == "passed"]
        if not failed or not passed:
            return []
        common = told_apart(failed, passed)
        what = f"fails in {len(failed)}" + (f", all with {common}" if common else "")
        return [f"{what}; passes in {len(passed)}" + (", none with that" if common else "")]

    def _by_operation(self, *states: str) -> dict[str, list[Result]]:
        found: dict[str, list[Result]] = {}
        for result in self.results:
            if result.state in states:
                found.setdefault(result.operation, []).append(result)
        return found

    def families(self) -> dict[str, dict[str, Any]]:
        """By family, and for "all" of them: numbers of cases, also by state, tensors left out, the largest share.

        Examples
        --------
        >>> Report("mine", "float32", (Result("a.b.c", "b", "passed", share=0.5),)).families()["a"]["share"]
        0.5
        """
        found: dict[str, list[Result]] = {}
        for result in self.results:
            found.setdefault(result.case.partition(".")[0], []).append(result)
        return {family: self._counts(results) for family, results in [*found.items(), ("all", list(self.results))]}

    def _counts(self, results: list[Result]) -> dict[str, Any]:
        states = [*STATES, *([KNOWN] if self.count(KNOWN) else [])]
        counts: dict[str, Any] = {"cases": len(results)}
        counts |= {state: sum(result.state == state for result in results) for state in states}
        counts["tensors left out"] = sum(len(result.left_out) for result in results)
        counts["share"] = max((r.share for r in results if r.state in ("passed", "differ")), default=0.0)
        return counts

    def _table(self) -> list[str]:
        families = self.families()
        names = [name for name in families["all"] if name != "share"]
        rows = [("family", *names, "error / bound")]
        rows += [(name, *(str(row[key]) for key in names), f"{row['share']:.2g}") for name, row in families.items()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return [
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
            for row in rows
        ]

    # --- for programs ---

    def to_json(self) -> str:
        """The report as a JSON object: heading, the table by family, and a list of results."""
        times = {name: t._asdict() for name, t in (self.times or {}).items()}
        head: dict[str, Any] = {"backend": self.backend, "dtype": self.dtype, "refinr": __version__, "ok": self.ok}
        head |= {"source": self.source, "demands": self.demands, "loosened": self.loosened, "times": times}
        families = {name: row | {"share": _number(row["share"])} for name, row in self.families().items()}
        results = [r._asdict() | {"share": _number(r.share)} for r in self.results]
        return json.dumps(head | {"families": families, "results": results}, indent=1) + "\n"

    def to_junit(self) -> str:
        """The report as JUnit's XML, which continuous integration shows case by case."""
        failures = sum(result.state in FAILED for result in self.results) + len(self.demands)
        skipped = sum(result.state not in (*FAILED, "passed") for result in self.results)
        counts = f'tests="{len(self.results) + len(self.demands)}" failures="{failures}" skipped="{skipped}"'
        lines = ['<?xml version="1.0" encoding="utf-8"?>', f"<testsuite name={quoteattr(self.backend)} {counts}>"]
        for result in self.results:
            family, _, name = result.case.partition(".")
            inner = ""
            if result.state in FAILED:
                inner = f"<failure message={quoteattr(result.text)}/>"
            elif result.state != "passed":
                inner = f"<skipped message={quoteattr(result.text or result.state)}/>"
            lines.append(f"<testcase classname={quoteattr(family)} name={quoteattr(name)}>{inner}</testcase>")
        for demand in self.demands:
            inner = f"<failure message={quoteattr(demand)}/>"
            lines.append(f'<testcase classname="required" name={quoteattr(demand)}>{inner}</testcase>')
        return "\n".join([*lines, "</testsuite>"]) + "\n"


def _number(share: float) -> float | None:
    """JSON has no infinity."""
    return share if share < float("inf") else None
