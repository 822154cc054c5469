"""Freeze the oracle's cases as the corpus: once for every version of it.

    python -m examples.backends.freeze

Writes corpus/refinr-oracle-vN.zip and its table, and puts the digest into refinr/oracle/corpus.py.  A version that has
been released is never frozen again: count `refinr.oracle.corpus.VERSION` up instead.
"""

import re
from pathlib import Path

from refinr.oracle import cases, corpus

ROOT = Path(__file__).parents[2]


def main():
    digest = corpus.freeze(ROOT / "corpus", cases())
    source = Path(corpus.__file__)
    source.write_text(re.sub(r'\nDIGEST = "\w+"\n', f'\nDIGEST = "{digest}"\n', source.read_text()))
    print(f"{corpus.NAME}: {len(cases())} cases, SHA-256 {digest}")


if __name__ == "__main__":
    main()
