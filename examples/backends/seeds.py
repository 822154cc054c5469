"""False alarms: the reference in float32 and float16, against cases from many seeds, family by family.

    python -m examples.backends.seeds 200 [FAMILY ...]

Nothing may differ, and in float32 no error may use more than a quarter of its bound.  What has been done is kept in
results/seeds.json, with a digest of the names of each family's cases: a family that has changed is counted anew.
"""

import hashlib
import json
import sys
from pathlib import Path

from refinr import oracle
from refinr.oracle import operations
from refinr.oracle.families import FAMILIES, generate

KEPT = Path(__file__).parent / "results" / "seeds.json"
DTYPES = ("float32", "float16")
AT_ONCE = 25
"""So many seeds of a family are counted, and kept, before the next.  A run that ends early goes on from there."""


def digest(cases):
    """Of the names of a family's cases."""
    return hashlib.sha256("\n".join(case.name for case in cases).encode()).hexdigest()[:16]


def alarms(family, seeds):
    """By dtype: cases, those that differ, and the largest error over its bound."""
    found = {}
    for seed in seeds:
        for dtype in DTYPES:
            report = oracle.check_backend(operations, family, dtype, seed=seed, quiet=True)
            shares = [result.share for result in report.results if result.state == "passed"]
            differ = report.count("differ") + report.count("raised")
            found[dtype] = together(found.get(dtype), (len(shares), differ, max(shares, default=0.0)))
    return found


def together(one, other):
    """Of two counts: cases and those that differ are added, of the largest errors the larger one counts."""
    return other if one is None else (one[0] + other[0], one[1] + other[1], max(one[2], other[2]))


def kept():
    return json.loads(KEPT.read_text()) if KEPT.exists() else {}


def count(seeds, families=()):
    """Do what has not been done, and keep it."""
    for family in families or FAMILIES:
        done = kept().get(family, {})
        cases = generate(family)
        if done.get("digest") != digest(cases):
            done = {"seeds": 0, "cases": len(cases), "digest": digest(cases)}
        while done["seeds"] < seeds:
            following = range(done["seeds"], min(done["seeds"] + AT_ONCE, seeds))
            found = alarms(family, following)
            done |= {dtype: together(done.get(dtype), found[dtype]) for dtype in DTYPES}
            done["seeds"] = following.stop
            all_of_them = kept() | {family: done}
            text = json.dumps({name: all_of_them[name] for name in FAMILIES if name in all_of_them}, indent=1)
            KEPT.write_text(text + "\n")


def show():
    """Print what is kept, and say whether anything is wrong with it."""
    found = kept()
    bad = False
    print("family       seeds  cases of one  digest            float32  float16  false alarms  error / bound")
    for family, row in found.items():
        cases, wrong, largest = zip(*(row[dtype] for dtype in DTYPES), strict=True)
        print(
            f"{family:12} {row['seeds']:5}  {row['cases']:12}  {row['digest']}  {cases[0]:7}  {cases[1]:7}"
            f"  {sum(wrong):12}  {max(largest):13.2g}"
        )
        bad |= sum(wrong) > 0 or largest[0] > 0.25
    counts = sorted({row["seeds"] for row in found.values()})
    seeds = " to ".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    print()
    for dtype in DTYPES:
        cases, wrong, largest = zip(*(row[dtype] for row in found.values()), strict=True)
        print(
            f"{dtype}: {seeds} seeds, {sum(cases)} cases, {sum(wrong)} false alarms,"
            f" largest error / bound {max(largest):.2g}"
        )
    return int(bad)


def main(arguments):
    count(int(arguments[0]) if arguments else 200, arguments[1:])
    return show()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
