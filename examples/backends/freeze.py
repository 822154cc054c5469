"""Freeze the oracle's cases as the corpus: once for every version of it.

    python -m examples.backends.freeze

Writes corpus/refinr-oracle-vN.zip and its table, and puts the digest into refinr/oracle/corpus.py.  Cases that are in
the file stay as they are, and those that are newer are added: to make all anew, remove the file.  A version that has
been released is never frozen again: count `refinr.oracle.corpus.VERSION` up instead.
"""

import re
from pathlib import Path

from refinr.oracle import cases, corpus, load

ROOT = Path(__file__).parents[2]


def main():
    path = corpus.find()
    kept = {case.name: case for case in load(path)} if path else {}
    chosen = [kept.get(case.name, case) for case in cases()]
    digest = corpus.freeze(ROOT / "corpus", chosen)
    source = Path(corpus.__file__)
    source.write_text(re.sub(r'\nDIGEST = "\w+"\n', f'\nDIGEST = "{digest}"\n', source.read_text()))
    print(f"{corpus.NAME}: {len(chosen)} cases, SHA-256 {digest}")


if __name__ == "__main__":
    main()
