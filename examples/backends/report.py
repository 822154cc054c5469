"""All that the oracle has to show, printed and kept in results/: what ``make oracle`` runs.

python -m examples.backends.report [--no-seeds]
"""

import contextlib
import io
import re
import sys
import time
from pathlib import Path

from examples.backends import alarms, broken, defects, first, official, scoreboard, seeds
from refinr import oracle

RESULTS = Path(__file__).parent / "results"


def keep(name, run):
    """Print what `run` prints, and keep it."""
    start, text = time.perf_counter(), io.StringIO()
    with contextlib.redirect_stdout(text):
        failed = run()
    print(f"{text.getvalue()}\n({name}: {time.perf_counter() - start:.1f} s)\n", flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text(text.getvalue())
    return bool(failed)


def quote():
    """Put the kept results into the page, where it quotes them."""
    page = Path(__file__).parent / "README.md"
    pattern = r"(<!-- results/([\w-]+\.txt) -->\n```text\n).*?(```)"
    text = re.sub(pattern, lambda m: m[1] + (RESULTS / m[2]).read_text() + m[3], page.read_text(), flags=re.DOTALL)
    page.write_text(text)


def main(arguments):
    failed = keep("defects.txt", defects.main)
    keep("before.txt", defects.show_before)
    failed |= scoreboard.main([name for name in scoreboard.BACKENDS if name != "cupy"])  # that needs a GPU
    keep("broken.txt", lambda: oracle.check_backend(broken.backend(), ["layers", "mlp.mlp.*"]) and None)  # on purpose
    keep("first.txt", lambda: oracle.check_backend(first) and None)  # wrong on purpose
    keep("official.txt", official.main)
    if "--no-seeds" not in arguments:
        failed |= keep("seeds.txt", lambda: seeds.main([]))
        failed |= keep("legitimate.txt", lambda: alarms.main([]))
    quote()
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
