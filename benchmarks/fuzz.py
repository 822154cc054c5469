"""Hostile files: what came of all that were tried, from the counts that campaigns keep.

With this you can run ``python -m benchmarks.fuzz``.  It tries no files: ``python -m tests.fuzz`` does, and adds a line
to results/fuzz.jsonl where it is told to, ``--keep benchmarks/results/fuzz.jsonl``.
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks import report

KEPT = report.RESULTS / "fuzz.jsonl"
GOOD = ("refused", "samples", "no promise")
BAD = ("wrong", "crash", "hang", "memory")
LOADED = "after it was loaded"
"""As tests.fuzz counts them."""

OF = {
    "others": "other libraries' formats",
    "readers": "formats read by code of refinr's own",
    "images": "compressed FITS images",
    "inr": ".inr",
    "rinr": ".rinr",
}
FILES = 1_000_000
ACCEPTED = 20.0
"""Percent of the files that are to be accepted behind the checks of their heads."""

WORDS = """
A file is made from a good one by flipped, overwritten, cut, repeated and foreign bytes ("mutated"), by the end of
another ("spliced"), or behind its checksums and lengths by other numbers where its head, chunks, directories or
description have them ("forged"); pages, frames, arrays by name, Zarr stores and pairs of files are among them. File i
depends on the good files, the seed and i alone: "python -m tests.fuzz --inr --seed 15 --first 7 --files 1" makes one
again. "samples": read, as they were, or where nothing protects them as others that the bytes can hold; "no promise": a
file that says of itself that it is not exact; "hang": more than 2 s of a processor's time; "memory": more than 500 MB.
"accepted": read to the end, or of .inr and .rinr files refused only once the head was taken, for what lies behind it;
of .rinr files this was counted in the last campaign. Where every byte has a checksum, as in PNG, hardly anything that
is mutated is accepted, and it is the forged files that reach further.
"""
FOUND = """
Found, mended, and read anew since: two WAV files whose head speaks of samples of three bytes and of four, of which
readers make different samples; two .rinr files whose headers were forged to have no samples, and networks, which ended
in a division by zero.
"""


def _row(name: str, value: str, counts: Mapping[str, int], accepted: float) -> dict[str, Any]:
    """What came of some files."""
    files = sum(counts.get(outcome, 0) for outcome in GOOD + BAD)
    outcomes = {outcome: counts.get(outcome, 0) for outcome in GOOD + BAD}
    return {name: value, "files": files} | outcomes | {"accepted, %": accepted}


def _accepted(campaigns: Iterable[Mapping[str, Counter[str]]], kinds: Iterable[str], head: bool) -> float:
    """Percent of the files of these kinds; of .inr and .rinr files in campaigns that count whose head was taken."""
    files = 0
    taken = 0
    for campaign in campaigns:
        if head and not any(counts[LOADED] for counts in campaign.values()):
            continue
        for kind in kinds:
            counts = campaign.get(kind, Counter())
            files += sum(counts[outcome] for outcome in GOOD + BAD)
            taken += counts[LOADED] if head else counts["samples"] + counts["no promise"]
    return 100 * taken / max(files, 1)


def _shares(summary: list[dict[str, Any]]) -> dict[str, float]:
    """Percent accepted: of refinr's own two kinds of files, and of all other formats together."""
    *others, inr, rinr = summary
    accepted = sum(row["samples"] for row in others)
    return {
        "other formats": 100 * accepted / sum(row["files"] for row in others),
        ".inr": inr["accepted, %"],
        ".rinr": rinr["accepted, %"],
    }


def main() -> None:
    """Add up, print and keep."""
    run = report.Run("fuzz", __doc__, timed=False)
    lines = [json.loads(line) for line in KEPT.read_text().splitlines()]
    summary = []
    tables = {}
    for of, title in OF.items():
        campaigns = [
            {kind: Counter(counts) for kind, counts in line["kinds"].items()} for line in lines if line["of"] == of
        ]
        counts: dict[str, Counter[str]] = {}
        for campaign in campaigns:
            for kind, found in campaign.items():
                counts.setdefault(kind, Counter()).update(found)
        head = of in ("inr", "rinr")
        rows = [_row("kind", kind, counts[kind], _accepted(campaigns, [kind], head)) for kind in sorted(counts)]
        total = sum(counts.values(), Counter())
        summary.append(_row("of", f"{title}: --{of}", total, _accepted(campaigns, counts, head)))
        tables[f"{title[0].upper()}{title[1:]}"] = rows
    files = sum(row["files"] for row in summary)
    bad = sum(row[outcome] for row in summary for outcome in BAD)
    targets = [
        report.Target("hostile files", files, ">=", FILES),
        report.Target("wrong, crashed, hanging or above 500 MB", bad, "<=", 0),
        *(report.Target(f"accepted of {of}, %", share, ">=", ACCEPTED) for of, share in _shares(summary).items()),
    ]
    words = f"{files:,} hostile files: {bad} wrong, crashed, hanging or above 500 MB."
    words = "\n\n".join(textwrap.fill(" ".join(text.split()), 118) for text in (words + WORDS, FOUND))
    run.publish("Hostile files", {"All": summary} | tables, targets, words)


if __name__ == "__main__":
    main()
