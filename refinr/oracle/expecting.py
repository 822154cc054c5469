"""What an author expects of a check: what must be there, what is known to fail, and where bounds are wider.

With this you can state expectations (`Expectations`), and read known failures from a file (`read_known`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from refinr.oracle.case import BITS, Case
from refinr.oracle.families import matches
from refinr.oracle.reporting import FAILED, KNOWN, Report, Result


class Wider(NamedTuple):
    """Bounds that are wider than the oracle's, and why."""

    factor: float
    reason: str


@dataclass(frozen=True)
class Expectations:
    """What an author expects; families are patterns as those of `cases`.

    Examples
    --------
    >>> expect = Expectations(loosen={"layers": Wider(2.0, "sums in bfloat16")})
    >>> expect.report(Report("mine", "float32", ())).loosened
    ('layers by 2: sums in bfloat16',)
    """

    require: tuple[str, ...] = ()
    """Families of which every case and every tensor must be there: "*" for all."""
    known: dict[str, str] = field(default_factory=dict)
    """Cases that are known to fail, and why; one that passes is then an error."""
    loosen: dict[str, Wider] = field(default_factory=dict)

    def check(self, cases: Iterable[Case]) -> None:
        """Refuse patterns that match nothing.

        Raises
        ------
        ValueError
        """
        cases = list(cases)
        names = {"require": self.require, "xfail": self.known, "loosen": self.loosen}
        for what, patterns in names.items():
            for pattern in patterns:
                if pattern.startswith("call."):
                    continue
                if not any(matches(case, pattern) for case in cases):
                    raise ValueError(f"{what}: {pattern!r} matches no case")
        for pattern, (factor, reason) in self.loosen.items():
            if not factor >= 1.0 or not reason:
                raise ValueError(f"loosen: expected a factor of 1 or more and a reason for {pattern}, got {factor:g}")

    def loosened(self, case: Case) -> Case:
        """The case, with wider bounds where they are asked for."""
        factors = [wider.factor for pattern, wider in self.loosen.items() if matches(case, pattern)]
        if not factors:
            return case
        factor = max(factors)
        outputs = {
            name: output
            if output.kind == BITS
            else output._replace(units=factor * output.units, floor=factor * output.floor)
            for name, output in case.outputs.items()
        }
        return replace(case, outputs=outputs)

    def report(self, report: Report) -> Report:
        """The report as seen with these expectations."""
        results = [self._seen(result) for result in report.results]
        loosened = tuple(f"{pattern} by {wider.factor:g}: {wider.reason}" for pattern, wider in self.loosen.items())
        return replace(report, results=tuple(results), demands=tuple(self._demands(results)), loosened=loosened)

    def _seen(self, result: Result) -> Result:
        reasons = [reason for pattern, reason in self.known.items() if matches(result.case, pattern)]
        if not reasons:
            return result
        if result.state in FAILED:
            return result._replace(state=KNOWN, text=f"{result.case}: {reasons[0]}")
        if result.state == "passed":
            return result._replace(state="differ", text=f"{result.case}: passes, but is said to fail: {reasons[0]}")
        return result

    def _demands(self, results: list[Result]) -> Iterable[str]:
        for result in results:
            if not any(matches(result.case, pattern) for pattern in self.require):
                continue
            if result.state == "not implemented":
                yield f"{result.case}: {result.operation} is not implemented"
            elif result.left_out:
                yield f"{result.case}: left out {', '.join(result.left_out)}"


def read_known(path: str | Path) -> dict[str, str]:
    """Known failures from a text file: a pattern, a colon, a reason on each line; ``#`` begins a comment.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        For a line without a reason.
    """
    known = {}
    for number, line in enumerate(Path(path).read_text().splitlines(), start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        pattern, colon, reason = (part.strip() for part in text.partition(":"))
        if not colon or not reason:
            raise ValueError(f"{path}, line {number}: expected 'CASE: REASON', got {text!r}")
        known[pattern] = reason
    return known
