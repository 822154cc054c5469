"""The scoreboard: which backend passes which families in which dtype, and in what time.

    python -m examples.backends.scoreboard numpy torch     # checks these anew, and writes the page
    python -m examples.backends.scoreboard jax-float64     # in one dtype
    python -m examples.backends.scoreboard                 # writes the page from the reports that are kept

A backend that takes long (`Backend.pieces`) is checked family by family, and a check that was ended goes on with the
next one: pieces lie in the folder for temporary files until the report is whole.

Reports are kept in results/ as JSON, without cases that pass, and as text; docs/scoreboard.md is made of them alone.
"""

import json
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from paper_figures import machine
from refinr import oracle

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results"
PAGE = ROOT / "docs" / "scoreboard.md"


class Backend(NamedTuple):
    title: str
    path: str
    """As `refinr oracle check` takes it; or a program in C."""
    dtypes: tuple[str, ...] = ("float64", "float32")
    pieces: bool = False
    """Family by family."""


BACKENDS = {
    "numpy": Backend("refinr on NumPy", "refinr.oracle.operations", ("float64", "float32", "float16")),
    "strict": Backend("refinr on array-api-strict", "examples.backends.array_api:strict"),
    "cupy": Backend("refinr on CuPy", "examples.backends.array_api:cupy"),
    "torch": Backend("PyTorch, autograd", "examples.backends.torch_backend", ("float64", "float32", "bfloat16")),
    "jax": Backend("JAX, compiled", "examples.backends.jax_backend", pieces=True),
    "numba": Backend("Numba, fused loops", "examples.backends.numba_backend"),
    "c": Backend("C, answers in files", "examples/backend.c"),
}
"""By the names of their results."""


# --- checks ----------------------------------------------------------------------------------------------------------


def check(name, dtype):
    """Check a backend, keep its report, and say whether all is well."""
    given, source = oracle.frozen()
    path = BACKENDS[name].path
    watch = machine.Watch()
    start = time.perf_counter()
    if path.endswith(".c"):
        report = answers(ROOT / path, dtype, given, source)
    elif BACKENDS[name].pieces:
        report, start = in_pieces(path, dtype, given, source)
    else:
        report = oracle.check_backend(path, dtype=dtype, given=given, source=source, quiet=True, isolate=True)
    seconds = time.perf_counter() - start
    (RESULTS / f"{name}-{dtype}.txt").write_text(f"{report}\n")
    kept = json.loads(report.to_json())
    kept["results"] = [result for result in kept["results"] if result["state"] in ("differ", "raised")]
    facts = machine.facts()
    kept |= {"seconds": round(seconds, 1), "others": round(watch.spent().cores_of_others, 1), "machine": facts}
    (RESULTS / f"{name}-{dtype}.json").write_text(json.dumps(kept, indent=1) + "\n")
    print(f"{name}, {dtype}: {seconds:.1f} s, {'all is well' if report else 'fails'}", flush=True)
    return report.ok


def in_pieces(path, dtype, given, source):
    """The report, one family after the other, and the clock less the seconds of those that were there already."""
    start = time.perf_counter()
    folder = Path(tempfile.gettempdir()) / f"scoreboard-{path}-{dtype}-{oracle.corpus.DIGEST[:16]}"
    folder.mkdir(exist_ok=True)
    found = []
    for family in dict.fromkeys(case.family for case in given):
        piece = folder / f"{family}.pickle"
        if not piece.exists():
            began = time.perf_counter()
            report = oracle.check_backend(path, family, dtype, given=given, source=source, quiet=True, isolate=True)
            partial = piece.with_suffix(".partial")
            partial.write_bytes(pickle.dumps((report, time.perf_counter() - began)))
            partial.replace(piece)
        else:
            start -= pickle.loads(piece.read_bytes())[1]
        found.append(pickle.loads(piece.read_bytes())[0])
        print(f"{path}, {dtype}, {family}: {'all is well' if found[-1] else 'nothing, or fails'}", flush=True)
    results = [result for report in found for result in report.results]
    results.sort(key=lambda result: result.case.startswith("call."))  # at the end, as in a check of everything
    times = {operation: t for report in found for operation, t in (report.times or {}).items()}
    shutil.rmtree(folder)
    return replace(found[0], results=tuple(results), times=times), start


def answers(source, dtype, given, where):
    """The report of a program in C, compiled and run on the cases in files."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit("c: needs a compiler")
    real = {"float64": "double", "float32": "float"}[dtype]
    with tempfile.TemporaryDirectory() as folder:
        cases, program, answered = (Path(folder) / name for name in ("cases", "program", source.stem))
        oracle.export(cases, given)
        answered.mkdir()
        subprocess.run([compiler, "-std=c11", "-O2", f"-DREAL={real}", "-o", program, source, "-lm"], check=True)
        subprocess.run([program, cases, answered], check=True)
        return oracle.compare_answers(answered, dtype=dtype, given=given, source=where)


# --- the page --------------------------------------------------------------------------------------------------------


def kept():
    """All reports, by backend and dtype."""
    return {
        (name, dtype): json.loads((RESULTS / f"{name}-{dtype}.json").read_text())
        for name, backend in BACKENDS.items()
        for dtype in backend.dtypes
    }


def cell(row):
    """Cases of a family that pass, of those that are offered."""
    if row is None:
        return ""
    wrong = row["differ"] + row["raised"]
    asked = row["cases"] - row["not offered"]
    if wrong:
        return f"**{wrong} wrong**"
    if not asked:
        return ""
    if row["passed"] == asked:
        return str(asked)
    return f"{row['passed']} of {asked}" if row["passed"] else "–"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def families(reports):
    """A row a backend and dtype, a column a family."""
    names = list(next(iter(reports.values()))["families"])
    rows = []
    for (name, dtype), report in reports.items():
        cells = [cell(report["families"].get(family)) for family in names]
        rows.append([BACKENDS[name].title + "*" * ("remark" in report), dtype, *cells])
    return table(["backend", "dtype", *names], rows)


def times(reports, dtype="float32"):
    """A row an operation, a column a backend: milliseconds of a call, and how many times refinr's that is."""
    timed = {name: report["times"] for (name, of), report in reports.items() if of == dtype and report["times"]}
    operations = list(dict.fromkeys(operation for found in timed.values() for operation in found))
    rows = []
    for operation in operations:
        row = [operation, next(found[operation]["case"] for found in timed.values() if operation in found)]
        for found in timed.values():
            entry = found.get(operation)
            text = f"{1e3 * entry['backend']:.2f} ({entry['backend'] / entry['reference']:.2g})" if entry else ""
            row.append(text)
        rows.append(row)
    return table(["operation", "case", *(BACKENDS[name].title for name in timed)], rows)


def page():
    """The page's text, from what is kept."""
    reports = kept()
    current = {report["source"] for report in reports.values() if "remark" not in report}
    stars = "".join(
        f"- \\* {BACKENDS[name].title}, {dtype}: {report['remark']}\n"
        for (name, dtype), report in reports.items()
        if "remark" in report
    )
    measured = [report for report in reports.values() if "machine" in report]
    machines = "; ".join(sorted({f"{r['machine']['processor']}, {r['machine']['cores']} cores" for r in measured}))
    others = max(report["others"] for report in measured)
    seconds = ", ".join(
        f"{BACKENDS[name].title} {report['seconds']:g} s"
        for (name, dtype), report in reports.items()
        if dtype == "float32" and "seconds" in report
    )
    return f"""# Scoreboard

Who passes which families of [the oracle](../examples/backends/README.md), in which dtype, and in what time. Made by
`python -m examples.backends.scoreboard` of reports that are kept in
`examples/backends/results`. Cases: {"; ".join(sorted(current))}.

## Families

Cases that pass, of those that are offered in the dtype; *call* is what surrounds a call. What is wrong would stand in
bold. "–": the backend has nothing of the kind. A fused backend leaves out what is between its layers.

{families(reports)}
{stars}
## Times

Milliseconds of a call, in float32, on the largest case that is looked at, and in brackets how many times as long as
refinr on NumPy takes beside it: below 1 is faster. These are cases for being right, most of them small: what counts
there is the cost of a call. The shortest of three, on {machines},
of which other processes kept up to {others:g} busy meanwhile.

{times(reports)}
A whole check in float32, with making processes and compiling: {seconds}.
"""


def main(arguments):
    known = [(name, dtype) for name, backend in BACKENDS.items() for dtype in backend.dtypes]
    asked = [(name, dtype) for name, dtype in known if name in arguments or f"{name}-{dtype}" in arguments]
    strange = set(arguments) - {name for name, _ in asked} - {f"{name}-{dtype}" for name, dtype in asked}
    if strange:
        raise SystemExit(f"expected names of {', '.join(BACKENDS)}, got {', '.join(sorted(strange))}")
    wrong = [(name, dtype) for name, dtype in asked if not check(name, dtype)]
    PAGE.write_text(page())
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
