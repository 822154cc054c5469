"""False alarms: the reference in float32 and float16, against cases from many seeds.

    python -m examples.backends.seeds 200

Nothing may differ, and in float32 no error may use more than a quarter of its bound.
"""

import sys

from refinr import oracle
from refinr.oracle import operations


def alarms(seeds):
    """Cases that differ, and the largest error over its bound, by dtype."""
    found = {}
    for seed in seeds:
        for dtype in ("float32", "float16"):
            report = oracle.check_backend(operations, dtype=dtype, seed=seed, quiet=True)
            differ, offered, largest = found.get(dtype, (0, 0, 0.0))
            differ += report.count("differ") + report.count("raised")
            shares = [result.share for result in report.results if result.state == "passed"]
            found[dtype] = differ, offered + len(shares), max(largest, *shares)
    return found


def main():
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
    bad = False
    for dtype, (differ, offered, largest) in alarms(seeds).items():
        print(
            f"{dtype}: {len(seeds)} seeds, {offered} cases, {differ} false alarms, largest error / bound {largest:.2g}"
        )
        bad |= differ > 0 or (dtype == "float32" and largest > 0.25)
    return int(bad)


if __name__ == "__main__":
    raise SystemExit(main())
