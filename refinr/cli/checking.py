"""What `refinr oracle` does: check a backend, export the cases, compare answers of other programs.

Each function takes the parsed options and returns the exit status; what goes wrong is raised, and said by
`refinr.cli.main`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any


def oracle(options: argparse.Namespace) -> int:
    """Check somebody else's backend, or export the cases."""
    return ORACLE[options.what](options)


def _export(options: argparse.Namespace) -> int:
    from refinr import oracle  # many cases: loaded for this verb alone
    from refinr.oracle import corpus

    given, source = _given(options)
    oracle.export(options.target, corpus.choose(options.families, options.seed, given, source)[0])
    return 0


def _given(options: argparse.Namespace) -> tuple[Any, str]:
    """The cases in a folder and its name, or none."""
    from refinr import oracle

    return (oracle.load(options.cases), f"cases of {options.cases}") if options.cases else (None, "")


def _check(options: argparse.Namespace) -> int:
    from refinr import oracle

    given, source = _given(options)
    report = oracle.check_backend(
        options.target,
        options.families,
        options.dtype,
        seed=options.seed,
        given=given,
        source=source,
        quiet=True,
        expect=_expected(options),
        repeat=options.repeat,
        take=options.arrays,
        isolate=options.isolate,
        timeout=options.timeout if options.isolate else None,
        notify=_say if options.progress else None,
    )
    return _told(options, report)


def _compare(options: argparse.Namespace) -> int:
    from refinr import oracle

    given, source = _given(options)
    report = oracle.compare_answers(
        options.target,
        options.families,
        options.dtype,
        seed=options.seed,
        given=given,
        source=source,
        expect=_expected(options),
    )
    return _told(options, report)


def _expected(options: argparse.Namespace) -> Any:
    from refinr import oracle

    return oracle.Expectations(
        require=("*",) if options.complete else tuple(options.require or ()),
        known=oracle.read_known(options.xfail) if options.xfail else {},
        loosen={case: oracle.Wider(factor, reason) for case, factor, reason in options.loosen or ()},
    )


def _told(options: argparse.Namespace, report: Any) -> int:
    print(replace(report, traceback=options.traceback, timed=options.times))
    for path, text in ((options.json, report.to_json), (options.junit, report.to_junit)):
        if path:
            Path(path).write_text(text(), encoding="utf-8")
    return 0 if report else 1


def _say(name: str) -> None:
    print(name, file=sys.stderr, flush=True)  # before the call, which may be the last


ORACLE: dict[str, Callable[[argparse.Namespace], int]] = {
    "check": _check,
    "export": _export,
    "compare": _compare,
}
"""What the oracle can be asked to do, by name."""
