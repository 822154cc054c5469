"""Options that several verbs of the command line take: a function each, which adds them to a parser."""

from __future__ import annotations

import argparse

from refinr import executors
from refinr.cli import values
from refinr.files import signals


def known() -> str:
    """What signals are read and written, for a help text."""
    return ", ".join(signals.by_suffix()) + ", - for standard input or output"


def page(parser: argparse.ArgumentParser, of: str = "IN") -> None:
    """``--page N``, or ``--frame N``."""
    text = f"which page or frame of {of}: a TIFF file or an animation (GIF, PNG, WebP); the first is 1"
    parser.add_argument("--page", "--frame", type=values.whole, metavar="N", help=text)


def region(parser: argparse.ArgumentParser, pieces: str) -> None:
    """``--region``; a file is decoded in such pieces."""
    text = f"a part of every axis, as in NumPy: only {pieces} that it touches are decoded"
    parser.add_argument("--region", type=values.region, metavar="0:64,128:", help=text)


def machine(parser: argparse.ArgumentParser) -> None:
    """Who trains or solves, and how a file is made."""
    text = "keep networks as they are done in OUT.inr.part, and go on from there if it is there"
    parser.add_argument("--resume", action="store_true", help=text)
    executor(parser)
    trusted(parser)
    text = "let workers, and networks kept before, be of machines that round differently"
    parser.add_argument("--mixed", action="store_true", help=text)
    parser.add_argument("--xp", default="numpy", help="array library: numpy, cupy")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    force(parser)


def executor(parser: argparse.ArgumentParser) -> None:
    """``--executor``, and where its workers are."""
    text = "who computes: threads or processes of this machine, Dask's workers, or MPI's"
    parser.add_argument("--executor", choices=list(executors.EXECUTORS), default="threads", help=text)
    parser.add_argument("--workers", type=values.whole, help="how many processes; default: as many as cores")
    parser.add_argument("--address", help="of Dask's scheduler: tcp://host:8786")


def force(parser: argparse.ArgumentParser) -> None:
    """``--force``."""
    parser.add_argument("--force", action="store_true", help="replace a file that is there already")


def trusted(parser: argparse.ArgumentParser) -> None:
    """``--trusted``."""
    parser.add_argument("--trusted", action="store_true", help="take a small file that stands for a large signal, too")
