"""``python -m refinr``: the command line."""

import sys

from refinr.cli import main

if __name__ == "__main__":
    sys.exit(main())
