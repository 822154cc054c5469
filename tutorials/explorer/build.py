"""The explorer's page, one file that needs nothing else: `template.html` with what `record.py` has recorded in it.

python tutorials/explorer/build.py       writes explorer.html beside this file
"""

from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE / "explorer.html"


def page() -> str:
    """The page, from the committed files."""
    recorded = json.dumps(json.loads((HERE / "recorded.json").read_text(encoding="utf-8")), separators=(",", ":"))
    return (HERE / "template.html").read_text(encoding="utf-8").replace("@DATA@", recorded)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
