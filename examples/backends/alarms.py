"""False alarms: backends that are right in another way, against the same cases of many seeds.

    python -m examples.backends.alarms 200

Cases, values and bounds of a seed are made once, and all of `examples.backends.legitimate` have to pass them.  It is
done in portions: of every seed two dtypes first, in turn these and those, then the other two; families of whole
training runs and files (`RARE`) are drawn for every fourth seed.  What has been counted is kept in
results/legitimate.jsonl, a line a portion, so a run that ends early goes on from there; several may run at once.  A
line belongs to the names of cases and variants: where these change, it is counted anew.
"""

import hashlib
import itertools
import json
import math
import random
import sys
from pathlib import Path

from examples.backends.legitimate import variants
from refinr.oracle import compare
from refinr.oracle.calling import run
from refinr.oracle.case import DTYPES
from refinr.oracle.families import FAMILIES, generate

KEPT = Path(__file__).parent / "results" / "legitimate.jsonl"


DRAWN = tuple(family for family in FAMILIES if family not in ("hostile", "counts"))
"""Families that are counted: hostile files are the same whatever the seed, and no other means change whole counts."""
RARE = ("training", "container")
"""Families that take half of all time: of every `SELDOM`-th seed."""
SELDOM = 4
HALVES = (("float32", "bfloat16"), ("float64", "float16"))


def verdict(variant, case, dtype, inputs, known):
    """The largest error over its bound, and what is wrong; None where there is no answer.

    `known` has the verdicts on this case in this dtype: of the same bits no two are made.
    """
    try:
        got = run(variant, case, inputs)
    except NotImplementedError:
        return None
    except Exception as error:
        text = "" if case.refused else f"{case.name}: raised {type(error).__name__}: {error}"
        return (0.0 if case.refused else math.inf), text
    if case.refused:
        return math.inf, f"{case.name}: answered, where a call must raise"
    bits = tuple((name, a.dtype.str, a.shape, a.tobytes()) for name, a in got.items())
    if bits not in known:
        difference, shares = compare.judge(got, case, dtype)
        known[bits] = max(shares.values()), difference.text if difference else ""
    return known[bits]


def asked(cases, dtypes=DTYPES, fixed=True):
    """Cases, the dtypes in which they are asked for, their inputs there, and room for verdicts; fixed dtypes once."""
    for case in cases:
        for dtype in dtypes[:fixed] if case.fixed else dtypes:
            if case.fixed or dtype in case.dtypes:
                yield case, dtype, case.inputs(dtype), {}


def alarms(seed, families=None, dtypes=DTYPES, fixed=True):
    """By variant and family of one seed: case runs, those that differ, the largest error over its bound; and texts."""
    found = {}
    texts = []
    families = families or [family for family in DRAWN if seed % SELDOM == 0 or family not in RARE]
    given = {family: list(asked(generate(family, seed), dtypes, fixed)) for family in families}
    for variant in variants(seed):
        for family, cases in given.items():
            verdicts = [(one[1], verdict(variant, *one)) for one in cases]
            bad = [(dtype, v[1]) for dtype, v in verdicts if v and v[1]]
            shares = [v[0] for _, v in verdicts if v]
            largest = max((share for share in shares if share <= 1.0), default=0.0)
            found.setdefault(variant.__name__, {})[family] = (len(shares), len(bad), largest)
            texts += [f"seed {seed}, {dtype}, {variant.__name__}: {text}" for dtype, text in bad]
    return found, texts


# --- kept, a line a portion ------------------------------------------------------------------------------------------


def digest():
    """Of the names of variants and of all cases."""
    names = [variant.__name__ for variant in variants()]
    names += [case.name for family in DRAWN for case in generate(family)]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


def kept():
    """What has been counted, by seed and half."""
    lines = KEPT.read_text().splitlines() if KEPT.exists() else []
    rows = [json.loads(line) for line in lines]
    return {(row["seed"], row["half"]): row for row in rows if row["digest"] == digest()}


def portions(seeds):
    """Seeds and halves of the dtypes, in the order in which they are done; a seed's first has the fixed dtypes, too."""
    first = [(seed, seed // SELDOM % 2) for seed in range(seeds)]
    return first, [(seed, 1 - half) for seed, half in first]


def count(seeds):
    """Count what is missing; what others have done in the meantime is left out."""
    for fixed, some in zip((True, False), portions(seeds), strict=True):
        for seed, half in random.sample(some, seeds):
            if (seed, half) in kept():
                continue
            found, texts = alarms(seed, dtypes=HALVES[half], fixed=fixed)
            row = {"seed": seed, "half": half, "digest": digest(), "alarms": texts}
            row |= {"variants": {name: total(rows.values()) for name, rows in found.items()}}
            families = next(iter(found.values()))
            row |= {"families": {family: total(rows[family] for rows in found.values()) for family in families}}
            with KEPT.open("a") as file:
                file.write(json.dumps(row) + "\n")


def total(rows):
    """Counts are added, of the largest errors the largest one counts."""
    cases, wrong, largest = zip(*rows, strict=True)
    return sum(cases), sum(wrong), float(f"{max(largest):.3g}")


def show():
    """Print what has been counted, by variant and by family, and say whether anything is wrong with it."""
    rows = [row for _, row in sorted(kept().items())]
    seeds = {dtypes: len({row["seed"] for row in rows if row["half"] == i}) for i, dtypes in enumerate(HALVES)}
    counted = "; ".join(f"{' and '.join(dtypes)}: {number} seeds" for dtypes, number in seeds.items())
    print(f"{len(DRAWN)} families; {counted};")
    print(
        f"operations of fixed dtypes once a seed; {' and '.join(RARE)} (whole runs, files) of every {SELDOM}th seed\n"
    )
    for what, title in (("variants", "variant"), ("families", "family")):
        print(f"{title:44}  seeds  case runs  false alarms  error / bound")
        for name in max((row[what] for row in rows), key=len):
            counted = [row for row in rows if name in row[what]]
            runs, wrong, largest = total(row[what][name] for row in counted)
            number = len({row["seed"] for row in counted})
            print(f"{name:44}  {number:5}  {runs:9}  {wrong:12}  {largest:13.2g}")
        print()
    texts = list(itertools.chain.from_iterable(row["alarms"] for row in rows))
    for text in texts[:20]:
        print(text)
    runs, wrong, largest = total(total(row["variants"].values()) for row in rows)
    number = len({row["seed"] for row in rows})
    print(
        f"{len(rows[0]['variants'])} variants, {number} seeds, {runs} case runs, {wrong} false alarms,"
        f" largest error / bound {largest:.2g}"
    )
    return int(wrong > 0)


def main(arguments):
    count(int(arguments[0]) if arguments else 200)
    return show()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
