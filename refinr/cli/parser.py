"""The command line: ``refinr demo | fit | decode | verify | certify | info | expand | oracle``.

Exit status 0 only when what was asked holds: 1 when it does not (samples differ, a fit is not exact though bit planes
were asked for, decoding is not certified), 2 when it could not be tried (bad arguments, unreadable files), 130 when
interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refinr import (
    activations,
    decompositions,
    encodings,
    executors,
    expansion,
    losses,
    mlp,
    optim,
    planning,
)
from refinr.cli import commands
from refinr.files import signals, storing
from refinr.files.floats import FLOAT_TYPES
from refinr.inr import LosslessError


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
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except LosslessError as error:
        return _complain(error, 1)
    except KeyboardInterrupt as error:
        return _complain(str(error) or "interrupted", 130)
    except (ValueError, TypeError, OSError, RuntimeError, MemoryError) as error:
        return _complain(error, 2)


def _complain(what: object, status: int) -> int:
    text = "not enough memory" if isinstance(what, MemoryError) else str(what)
    if isinstance(what, OSError) and what.strerror:
        text = f"{what.filename}: {what.strerror}" if what.filename else what.strerror
    print(f"refinr: {' '.join(text.split())}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="refinr", description="Exact implicit neural representations of signals.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    known = ", ".join(signals.by_suffix())
    demo = command("demo", commands.demo, "Represent real measurements exactly, and look at the result.")
    demo.add_argument("--output", type=Path, default=Path("demo-output"), help="folder for files and picture")

    fitting = command("fit", commands.fit, "Fit a signal and write it as an .inr file.")
    fitting.add_argument("input", metavar="IN", help=f"signal to fit: {known}")
    fitting.add_argument("output", metavar="OUT.inr")
    text = "bit-coordinate wants --hidden 64,64,64,64 --lr 1e-3"
    fitting.add_argument("--decomposition", choices=list(decompositions.DECOMPOSITIONS), default="planes", help=text)
    fitting.add_argument("--bits", type=int, help="width of the codes; default: what the samples need")
    fitting.add_argument("--tile", type=lengths, default=32, help="32 (32*32 samples in any dimension) or 16,16,8")
    fitting.add_argument("--preset", choices=list(planning.PRESETS), help="settings that stand where none is given")
    fitting.add_argument("--hidden", type=widths, help="widths of the hidden layers: 16,16,16")
    fitting.add_argument("--layer", choices=list(mlp.LAYERS), default="linear", help="ternary: weights -1, 0, 1")
    fitting.add_argument("--encoding", choices=["none", *encodings.ENCODINGS], help="of the coordinates")
    fitting.add_argument("--features", type=int, help="waves in a fourier or triangle encoding; default: 60")
    fitting.add_argument("--activation", choices=list(activations.ACTIVATIONS))
    fitting.add_argument("--loss", choices=list(losses.LOSSES), help="default: bce, or mse for more than two levels")
    fitting.add_argument("--optimiser", choices=list(optim.OPTIMISERS), help="default: adam")
    fitting.add_argument("--lr", type=float, help="step size")
    fitting.add_argument("--margin", type=float, default=0.5, help="distance outputs must keep from their threshold")
    fitting.add_argument("--max-steps", type=int, default=2000, help="steps a network may take")
    fitting.add_argument("--seed", type=int, default=0)
    fitting.add_argument("--radix-bits", type=int, default=1, help="bits a plane (more than 1: regression of digits)")
    fitting.add_argument("--gray", action="store_true", help="planes of the Gray code")
    fitting.add_argument("--channels", action=argparse.BooleanOptionalAction, help="last axis counts channels")
    text = "keep what the networks have wrong as a residual, so that decoding is exact whatever the budget"
    fitting.add_argument("--exact", action=argparse.BooleanOptionalAction, default=True, help=text)
    text = "what the file holds parameters in; what half floats make wrong, the residual takes up"
    fitting.add_argument("--store", choices=list(storing.STORES), default="float32", help=text)
    text = "keep networks as they are done in OUT.inr.part, and go on from there if it is there"
    fitting.add_argument("--resume", action="store_true", help=text)
    text = "who trains: threads or processes of this machine, Dask's workers, or MPI's"
    fitting.add_argument("--executor", choices=list(executors.EXECUTORS), default="threads", help=text)
    fitting.add_argument("--workers", type=int, help="how many processes; default: as many as cores")
    fitting.add_argument("--address", help="of Dask's scheduler: tcp://host:8786")
    fitting.add_argument("--xp", default="numpy", help="array library: numpy, cupy")
    fitting.add_argument("--quiet", action="store_true", help="no progress bar")

    decoding = command("decode", commands.decode, "Decode an .inr file and write the signal.")
    decoding.add_argument("input", metavar="FILE.inr")
    decoding.add_argument("output", metavar="BACK", help=f"signal to write: {known}")

    expanding = command("expand", commands.expand, "Give an image more bits: those below are extrapolated.")
    expanding.add_argument("input", metavar="IN", help="image of unsigned integers")
    expanding.add_argument("output", metavar="OUT", help=f"signal to write: {known}")
    expanding.add_argument("--bits", type=int, default=16, help="what it is to have")
    expanding.add_argument("--from-bits", type=int, help="what it has; default: what its file stores")
    methods = ["network", *(name.replace(" ", "-") for name in expansion.BASELINES)]
    expanding.add_argument("--method", choices=methods, default="network")
    expanding.add_argument("--max-steps", type=int, default=1000, help="steps a network may take")

    verifying = command(
        "verify", commands.verify, "Compare a signal with what an .inr file decodes to, sample by sample."
    )
    verifying.add_argument("original", metavar="IN")
    verifying.add_argument("input", metavar="FILE.inr")

    certifying = command(
        "certify", commands.certify, "Say whether an .inr file decodes to the same bits on every machine."
    )
    certifying.add_argument("input", metavar="FILE.inr")
    certifying.add_argument("--dtype", choices=list(FLOAT_TYPES), default="float32", help="type that must")

    about = command("info", commands.info, "Say what an .inr file holds.")
    about.add_argument("input", metavar="FILE.inr")
    for sub in (decoding, verifying, about):
        sub.add_argument("--trusted", action="store_true", help="take a small file that stands for a large signal, too")

    oracle = command(
        "oracle", commands.oracle, "Check somebody else's backend against the reference, or export the cases."
    )
    oracle.add_argument("what", choices=["check", "export"], help="check MODULE[:OBJECT], or export FOLDER")
    oracle.add_argument("target", metavar="MODULE[:OBJECT] | FOLDER")
    oracle.add_argument(
        "--families", type=lambda text: text.split(","), help="layers,mlp or patterns: 'mlp.mlp.siren*'"
    )
    oracle.add_argument("--dtype", choices=["float64", "float32", "float16", "bfloat16"], default="float32")
    oracle.add_argument("--cases", metavar="FOLDER", help="check the cases exported there")
    return parser


def lengths(text: str) -> int | tuple[int, ...]:
    """``32``, or ``16,16,8`` for every axis."""
    found = widths(text)
    return found[0] if len(found) == 1 and "," not in text else found


def widths(text: str) -> tuple[int, ...]:
    """``16,16,16``."""
    return tuple(int(n) for n in text.split(",") if n)
