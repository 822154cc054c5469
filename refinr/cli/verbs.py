"""The verbs of the command line, a row each."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from refinr.cli import arguments, checking, commands, compression, viewing


@dataclass(frozen=True)
class Verb:
    """A verb of the command line.

    Parameters
    ----------
    name : str
        ``refinr NAME ...``.
    help : str
        What it does, in one sentence.
    arguments : callable (parser)
        Adds the arguments it takes.
    run : callable (options) -> int
        Does it, and returns the exit status: 0 if what was asked holds, 1 if not.  What cannot be tried is raised.
    read, made : tuple of str
        Options that name files of refinr's own, which ``-`` can stand for.
    """

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    read: tuple[str, ...] = ()
    made: tuple[str, ...] = ()


VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in [
        Verb("demo", "Represent real measurements exactly, and look at the result.", arguments.demo, commands.demo),
        Verb("fit", "Fit a signal and write it as an .inr file.", arguments.fit, commands.fit, made=("output",)),
        Verb(
            "solve",
            "Solve a signal, in seconds, and write it as an .inr file.",
            arguments.solve,
            commands.solve,
            made=("output",),
        ),
        Verb("decode", "Decode an .inr file and write the signal.", arguments.decode, commands.decode, read=("input",)),
        Verb(
            "expand",
            "Give an image more bits: those below are extrapolated.",
            arguments.expand,
            commands.expand,
        ),
        Verb(
            "compress",
            "Compress a signal without loss and write it as a .rinr file.",
            arguments.compress,
            compression.compress,
            made=("output",),
        ),
        Verb(
            "decompress",
            "Write the signal that a .rinr file holds.",
            arguments.decompress,
            compression.decompress,
            read=("input",),
        ),
        Verb(
            "verify",
            "Compare a signal with what an .inr or .rinr file decodes to, sample by sample.",
            arguments.verify,
            commands.verify,
            read=("input",),
        ),
        Verb(
            "certify",
            "Say whether an .inr file decodes to the same bits on every machine.",
            arguments.certify,
            commands.certify,
            read=("input",),
        ),
        Verb(
            "view",
            "Show a signal, its planes, and where its networks are near their thresholds or wrong.",
            arguments.view,
            viewing.view,
            read=("input",),
        ),
        Verb("info", "Say what an .inr or .rinr file holds.", arguments.info, commands.info, read=("input",)),
        Verb(
            "oracle",
            "Check somebody else's backend against the reference, or export the cases.",
            arguments.oracle,
            checking.oracle,
        ),
    ]
}
"""Verbs by name, in the order in which the help lists them."""
