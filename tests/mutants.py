"""Mutants of the code, run against the tests that reach them, and a score for each module: `make mutants`.

mutmut writes the mutants into ``mutants/``, a copy of refinr and tests, and learns which test reaches which function.
``run`` (in that copy) then tries every mutant in a fork of one pytest session that has collected the tests, so that no
mutant pays for imports and collection; if interrupted, it goes on where it was.  Without an argument, the verdicts are
counted and printed.

A mutant that no test can tell from the code is listed in ``tests/survivors.txt`` with a reason.  It is known there by
its function and by the lines that it changes, not by its number, which moves with the code:

    refinr.losses.bce_with_logits
    - sigmoid = xp.where(z >= 0, xp.ones_like(e), e) / (1.0 + e)
    + sigmoid = xp.where(z > 0, xp.ones_like(e), e) / (1.0 + e)
    = for z = 0 both are 1

A reason holds for all mutants of its function above it, up to the reason before.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LISTED = ROOT / "tests" / "survivors.txt"

Change = tuple[str, ...]
"""The lines of a mutant's difference, "- old" and "+ new", without indentation."""


KILLED, SURVIVED, NO_TESTS, TIMEOUT = 1, 0, 33, 36  # as mutmut numbers its verdicts


# --- verdicts --------------------------------------------------------------------------------------------------------


class Forks:
    """In place of pytest's loop over tests: one fork a mutant, which runs the tests that reach it until one fails."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        stats = json.loads(Path("mutmut-stats.json").read_text(encoding="utf-8"))
        seconds = stats["duration_by_test"]
        # the quick ones first, and those that train networks last
        items = sorted(
            session.items, key=lambda item: (item.path.stem in ("test_running", "test_training"), seconds[item.nodeid])
        )
        unharmed = _wait({_fork(session, items, "no mutant", 3600): "no mutant"})
        if unharmed[1] != SURVIVED:
            pytest.exit("The tests fail without a mutant.", returncode=1)
        for path in sorted(Path("refinr").rglob("*.meta")):
            module = json.loads(path.read_text(encoding="utf-8"))
            verdicts, running = module["exit_code_by_key"], {}
            for mutant in [name for name, verdict in verdicts.items() if verdict is None]:
                names = stats["tests_by_mangled_function_name"].get(mutant.rpartition("__mutmut_")[0], ())
                reaching = [item for item in items if item.nodeid in set(names)]
                if len(running) == os.cpu_count():
                    verdicts.update([_wait(running)])
                    path.write_text(json.dumps(module, indent=4), encoding="utf-8")
                limit = 30 + 5 * sum(seconds[item.nodeid] for item in reaching)  # of processor time
                running[_fork(session, reaching, mutant, int(limit))] = mutant
            while running:
                verdicts.update([_wait(running)])
            path.write_text(json.dumps(module, indent=4), encoding="utf-8")
            print(module_of(path), Counter(verdicts.values())[KILLED], "of", len(verdicts), flush=True)
        return True


def _fork(session: pytest.Session, items: list[pytest.Item], mutant: str, limit: int) -> int:
    if pid := os.fork():
        return pid
    try:
        os.environ["MUTANT_UNDER_TEST"] = mutant  # what the functions in mutants/ look at
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
        signal.alarm(20 * limit)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        for item, following in zip(items, [*items[1:], None], strict=True) if items else ():
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                os._exit(KILLED)
        os._exit(SURVIVED if items else NO_TESTS)
    finally:
        os._exit(KILLED)


def _wait(running: dict[int, str]) -> tuple[str, int]:
    pid, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    return running.pop(pid), code if code >= 0 else TIMEOUT


def run() -> int:
    config = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    os.environ["MUTANT_UNDER_TEST"] = ""
    selection = config["pytest_add_cli_args"] + config["pytest_add_cli_args_test_selection"]
    return pytest.main(["--rootdir=.", "-q", "-s", "--tb=no", *selection], plugins=[Forks()])


# --- scores ----------------------------------------------------------------------------------------------------------


def listed(text: str) -> dict[tuple[str, Change], str]:
    """Reasons by function and change.

    >>> listed("f\\n- a\\n+ b\\n- a\\n+ c\\n= why\\n")
    {('f', ('- a', '+ b')): 'why', ('f', ('- a', '+ c')): 'why'}
    """
    reasons: dict[tuple[str, Change], str] = {}
    function, changes = "", [[]]
    for line in text.splitlines():
        if line.startswith("="):
            reasons |= {(function, tuple(change)): line[1:].strip() for change in changes if change}
            changes = [[]]
        elif line[:1] in "-+" and line:
            if line[0] == "-" and changes[-1] and changes[-1][-1][0] == "+":
                changes.append([])
            changes[-1].append(f"{line[0]} {line[1:].strip()}")
        elif line and line[0] != "#":
            function = line.strip()
    return reasons


def function_of(mutant: str) -> str:
    """The function that a mutant is of, by mutmut's name for the mutant.

    >>> function_of("refinr.planes.x__shift_right__mutmut_3"), function_of("refinr.mlp.xǁMLPǁ__post_init____mutmut_1")
    ('refinr.planes._shift_right', 'refinr.mlp.MLP.__post_init__')
    """
    module, _, name = mutant.rpartition("__mutmut_")[0].rpartition(".")
    name = name[1:].replace("ǁ", ".").strip(".") if "ǁ" in name else name.removeprefix("x_")
    return f"{module}.{name}"


def module_of(path: Path) -> str:
    """The module whose verdicts a file has.

    >>> module_of(Path("mutants/refinr/codec/rans.py.meta")), module_of(Path("refinr/planes.py.meta"))
    ('codec.rans', 'planes')
    """
    parts = path.with_suffix("").with_suffix("").parts
    return ".".join(parts[len(parts) - parts[::-1].index("refinr") :])


def change_of(mutant: str) -> Change:
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    lines = [line for line in get_diff_for_mutant(mutant).splitlines() if line[:3] not in ("---", "+++")]
    return tuple(f"{line[0]} {line[1:].strip()}" for line in lines if line[:1] in "-+")


def main() -> int:
    from mutmut.stats import status_by_exit_code

    reasons, used, bad, complete = listed(LISTED.read_text(encoding="utf-8")), set(), [], set()
    total: Counter[str] = Counter()
    row = "| {:15} | {:>7} | {:>6} | {:>8} | {:>6} | {:>8} |"
    print(row.format("module", "mutants", "killed", "survived", "listed", "score"))
    print("|-----------------|--------:|-------:|---------:|-------:|---------:|")
    for path in sorted((ROOT / "mutants" / "refinr").rglob("*.meta")):
        verdicts = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        count = Counter()
        for mutant, code in verdicts.items():
            status = status_by_exit_code[code]
            if status == "not checked":
                count["waiting"] += 1
                continue
            count["mutants"] += 1
            if status in ("killed", "timeout"):
                count["killed"] += 1
                continue
            count["survived"] += 1
            key = function_of(mutant), change_of(mutant)
            if key in reasons:
                count["listed"] += 1
                used.add(key)
            else:
                bad.append(f"{mutant} ({status})\n    " + "\n    ".join(key[1]))
        if not count["waiting"]:
            complete.add(f"refinr.{module_of(path)}")
        if count["mutants"]:
            print(_row(row, module_of(path), count))
        total += count
    print(_row(row, "all", total))
    if total["waiting"]:
        print(f"{total['waiting']} mutants have not been run.")
    gone = [key for key in reasons.keys() - used if key[0].startswith(tuple(f"{name}." for name in complete))]
    if bad:
        print("\nNeither killed nor listed:", *bad, sep="\n")
    if gone:
        print("\nListed, but killed or no mutant any more:", *("\n    ".join((name, *change)) for name, change in gone))
    return 1 if bad or gone else 0


def _row(row: str, name: str, count: Counter[str]) -> str:
    score = f"{100 * count['killed'] / max(count['mutants'], 1):.1f} %"
    return row.format(name, *(count[column] for column in ("mutants", "killed", "survived", "listed")), score)


if __name__ == "__main__":
    sys.exit(run() if sys.argv[1:] == ["run"] else main())
