"""The command line: ``refinr demo | fit | decode | compress | decompress | verify | ...``.

Exit status 0 only when what was asked holds: 1 when it does not (samples differ, a fit is not exact though bit planes
were asked for, decoding is not certified), 2 when it could not be tried (bad arguments, unreadable files), 128 and the
signal's number when interrupted: 130 by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP, and 141 when nobody reads on.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from refinr import endings
from refinr.cli import streams
from refinr.cli.verbs import VERBS
from refinr.files.checksum import LosslessError
from refinr.summary import printable
from refinr.version import __version__

FIRST = """\
refinr fit photo.png              an exact file of networks, photo.png.inr
refinr verify photo.png photo.png.inr
refinr decode photo.png.inr back.png
refinr info photo.png.inr         what it holds, and how large it is
All commands: refinr --help"""
"""What is said where nothing is asked: the lines most used."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Returns
    -------
    int
        The exit status.
    """
    if not (sys.argv[1:] if arguments is None else arguments):
        print(FIRST)
        return 2  # nothing was asked, so nothing holds
    streams.lenient()
    options = _parser().parse_args(arguments)
    received: list[int] = []
    try:
        cut = f"refinr: {printable(str(getattr(options, 'input', 'a file')))}: it was cut short while it was read"
        with endings.signals_interrupt() as received, endings.cuts_said(cut):
            with streams.opened(options, options.verb.read, options.verb.made) as opened:
                status = options.verb.run(opened)
            sys.stdout.flush()
            return status
    except BrokenPipeError:  # who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left in the buffer
        return 128 + 13  # as if SIGPIPE had ended it
    except LosslessError as error:
        return _complain(error, 1)
    except KeyboardInterrupt as error:
        eval("0")  # Python would end by SIGINT where one came inside `eval`, as named tuples are made: forgotten here
        return _complain(str(error) or "interrupted", 128 + (received or [signal.SIGINT])[0])
    except (ValueError, TypeError, OSError, RuntimeError, MemoryError) as error:
        return _complain(error, 2)


def _complain(what: object, status: int) -> int:
    text = "not enough memory" if isinstance(what, MemoryError) else str(what)
    if isinstance(what, OSError) and what.strerror:
        text = f"{what.filename}: {what.strerror}" if what.filename else what.strerror
    print(f"refinr: {printable(streams.in_words(' '.join(text.split())))}", file=sys.stderr)
    return status


class _Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong, in place of all that there is."""

    def error(self, message: str) -> NoReturn:
        said = printable(message.removeprefix("argument "))
        self.exit(2, f"{self.prog}: {said}; {self.prog} --help lists what there is\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="refinr", description="Exact implicit neural representations of signals.")
    parser.add_argument("--version", action="version", version=f"refinr {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for verb in VERBS.values():
        sub = subparsers.add_parser(verb.name, help=verb.help, description=verb.help)
        sub.set_defaults(verb=verb)
        verb.arguments(sub)
    return parser
