"""The command line: what it is told (`parser`), and what it then does (`commands`)."""

from refinr.cli.parser import main

__all__ = ["main"]
