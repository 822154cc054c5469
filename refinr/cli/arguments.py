"""What the command line's verbs are told: for each a function that adds its arguments to a parser.

Choices are the names of tables, so a new row is a new choice.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from refinr import activations, decompositions, encodings, losses, mlp, optim, planning, solving
from refinr.cli import checking, commands, options, values
from refinr.codec.header import NETWORKS
from refinr.codec.verbs import EFFORTS
from refinr.files import storing
from refinr.files.floats import FLOAT_TYPES
from refinr.readouts import choosing
from refinr.readouts.finding import Search


def demo(parser: argparse.ArgumentParser) -> None:
    """``--output``."""
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder for files and picture")


def fit(parser: argparse.ArgumentParser) -> None:
    """``IN [OUT.inr]`` and the settings of a fit."""
    parser.add_argument("input", metavar="IN", help=f"signal to fit: {options.known()}")
    parser.add_argument("output", metavar="OUT.inr", nargs="?", help="default: IN.inr, as in photo.png.inr")
    options.page(parser)
    text = "bit-coordinate wants --hidden 64,64,64,64 --lr 1e-3"
    parser.add_argument("--decomposition", choices=list(decompositions.DECOMPOSITIONS), default="planes", help=text)
    parser.add_argument("--bits", type=values.whole, help="width of the codes; default: what the samples need")
    parser.add_argument(
        "--tile", type=values.lengths, default=32, help="32 (32*32 samples in any dimension) or 16,16,8"
    )
    parser.add_argument("--preset", choices=list(planning.PRESETS), help="settings that stand where none is given")
    parser.add_argument("--hidden", type=values.widths, help="widths of the hidden layers: 16,16,16")
    parser.add_argument("--layer", choices=list(mlp.LAYERS), default="linear", help="ternary: weights -1, 0, 1")
    parser.add_argument("--encoding", choices=["none", *encodings.ENCODINGS], help="of the coordinates")
    parser.add_argument("--features", type=values.whole, help="waves in a fourier or triangle encoding; default: 60")
    parser.add_argument("--activation", choices=list(activations.ACTIVATIONS))
    parser.add_argument("--omega", type=values.number, help="frequency of sine, finer and wire")
    parser.add_argument("--scale", type=values.number, help="inverse width of gauss and wire")
    parser.add_argument("--loss", choices=list(losses.LOSSES), help="default: bce, or mse for more than two levels")
    parser.add_argument("--optimiser", choices=list(optim.OPTIMISERS), help="default: adam")
    parser.add_argument("--lr", type=values.number, help="step size")
    parser.add_argument(
        "--margin", type=values.number, default=0.5, help="distance outputs must keep from their threshold"
    )
    parser.add_argument("--max-steps", type=values.whole, default=2000, help="steps a network may take")
    parser.add_argument("--seed", type=values.whole, default=0)
    parser.add_argument(
        "--radix-bits", type=values.whole, default=1, help="bits a plane (more than 1: regression of digits)"
    )
    parser.add_argument("--gray", action="store_true", help="planes of the Gray code")
    parser.add_argument("--channels", action=argparse.BooleanOptionalAction, help="last axis counts channels")
    text = "keep what the networks have wrong as a residual, so that decoding is exact whatever the budget"
    parser.add_argument("--exact", action=argparse.BooleanOptionalAction, default=True, help=text)
    text = "what the file holds parameters in; what half floats make wrong, the residual takes up"
    parser.add_argument("--store", choices=list(storing.STORES), default="float32", help=text)
    options.machine(parser)


def solve(parser: argparse.ArgumentParser) -> None:
    """``IN [OUT.inr]`` and how to solve it."""
    parser.add_argument("input", metavar="IN", help=f"signal to solve: {options.known()}")
    parser.add_argument("output", metavar="OUT.inr", nargs="?", help="default: IN.inr, as in photo.png.inr")
    options.page(parser)
    parser.add_argument("--weights", choices=list(solving.WEIGHTS), default="real", help="what weights can be")
    parser.add_argument("--bits", type=values.whole, help="width of the codes; default: what the samples need")
    parser.add_argument(
        "--tile", type=values.lengths, default=16, help="16 (16*16 samples in any dimension) or 16,16,8"
    )
    parser.add_argument(
        "--share", type=values.number, help="features a sample to begin with; default: as smoothness says"
    )
    parser.add_argument("--budget", type=values.number, default=1.0, help="features a sample at most")
    text = "fast: more features until it does; small: the fewest that are found; smallest: the smallest file"
    parser.add_argument("--effort", choices=list(choosing.EFFORTS), default=Search.effort, help=text)
    parser.add_argument("--seed", type=values.whole, default=0)
    parser.add_argument("--gray", action=argparse.BooleanOptionalAction, default=True, help="planes of the Gray code")
    parser.add_argument("--channels", action=argparse.BooleanOptionalAction, help="last axis counts channels")
    text = "keep as raw bits what a budget leaves undecided"
    parser.add_argument("--exact", action=argparse.BooleanOptionalAction, default=False, help=text)
    text = "what the file holds real weights in; default: float16, with --effort smallest int5 or raw bits"
    parser.add_argument("--store", choices=list(solving.STORES), help=text)
    options.machine(parser)


def decode(parser: argparse.ArgumentParser) -> None:
    """``FILE.inr BACK``."""
    parser.add_argument("input", metavar="FILE.inr")
    parser.add_argument("output", metavar="BACK", help=f"signal to write: {options.known()}")
    options.region(parser, "tiles")
    options.force(parser)
    options.trusted(parser)


def compress(parser: argparse.ArgumentParser) -> None:
    """``IN OUT.rinr`` and how long to train."""
    parser.add_argument("input", metavar="IN", help=f"signal to compress: {options.known()}")
    parser.add_argument("output", metavar="OUT.rinr")
    options.page(parser)
    text = "how long networks are trained: files get smaller, and every one is exact"
    parser.add_argument("--effort", choices=list(EFFORTS), default="normal", help=text)
    parser.add_argument("--steps", type=values.whole, help="training steps of a network, in place of an effort")
    parser.add_argument("--model", choices=NETWORKS, default=NETWORKS[0], help="what networks say")
    parser.add_argument("--reproducible", action="store_true", help="the same bytes from every machine")
    parser.add_argument("--channels", action=argparse.BooleanOptionalAction, help="last axis counts channels")
    parser.add_argument("--seed", type=values.whole, default=0)
    text = "keep networks and slabs as they are done in OUT.rinr.part, and go on from there if it is there"
    parser.add_argument("--resume", action="store_true", help=text)
    options.executor(parser)
    text = "let what is kept be of a machine that rounds differently"
    parser.add_argument("--mixed", action="store_true", help=text)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    options.trusted(parser)
    options.force(parser)


def decompress(parser: argparse.ArgumentParser) -> None:
    """``FILE.rinr BACK``."""
    parser.add_argument("input", metavar="FILE.rinr")
    parser.add_argument("output", metavar="BACK", help=f"signal to write: {options.known()}")
    options.region(parser, "slabs")
    options.executor(parser)
    options.trusted(parser)
    options.force(parser)


def expand(parser: argparse.ArgumentParser) -> None:
    """``IN OUT`` and how many bits."""
    parser.add_argument("input", metavar="IN", help="image of unsigned integers")
    parser.add_argument("output", metavar="OUT", help=f"signal to write: {options.known()}")
    options.page(parser)
    parser.add_argument("--bits", type=values.whole, default=16, help="what it is to have")
    parser.add_argument("--from-bits", type=values.whole, help="what it has; default: what its file stores")
    parser.add_argument("--method", choices=list(commands.EXPANSIONS), default="network")
    parser.add_argument("--max-steps", type=values.whole, default=1000, help="steps a network may take")
    options.trusted(parser)
    options.force(parser)


def view(parser: argparse.ArgumentParser) -> None:
    """``FILE`` and where the picture goes."""
    parser.add_argument("input", metavar="FILE", help=f".inr, .rinr, or a signal: {options.known()}")
    parser.add_argument("--out", metavar="PICTURE", help="write a picture: .png, .pdf, .svg")
    parser.add_argument("--against", metavar="IN", help="the signal, to show where networks without residual are wrong")
    options.page(parser, "the signal, FILE or IN")
    options.trusted(parser)
    options.force(parser)


def verify(parser: argparse.ArgumentParser) -> None:
    """``IN FILE.inr``."""
    parser.add_argument("original", metavar="IN")
    parser.add_argument("input", metavar="FILE.inr")
    options.page(parser)
    options.trusted(parser)


def certify(parser: argparse.ArgumentParser) -> None:
    """``FILE.inr`` and a float type."""
    parser.add_argument("input", metavar="FILE.inr")
    parser.add_argument("--dtype", choices=list(FLOAT_TYPES), default="float32", help="type that must")
    options.trusted(parser)


def info(parser: argparse.ArgumentParser) -> None:
    """``FILE.inr``."""
    parser.add_argument("input", metavar="FILE.inr")
    text = "of a .rinr file, also what each plane takes, and other formats where installed: decodes it"
    parser.add_argument("--planes", action="store_true", help=text)
    options.trusted(parser)


def oracle(parser: argparse.ArgumentParser) -> None:
    """``check MODULE``, ``export FOLDER`` or ``compare FOLDER``."""
    text = "check MODULE[:OBJECT]; export the cases to FOLDER; or compare answers that another program wrote to FOLDER"
    parser.add_argument("what", choices=list(checking.ORACLE), help=text)
    parser.add_argument("target", metavar="MODULE[:OBJECT] | FOLDER")
    parser.add_argument(
        "--families", type=lambda text: text.split(","), help="layers,mlp or patterns: 'mlp.mlp.siren*'"
    )
    parser.add_argument("--dtype", choices=list(FLOAT_TYPES), default="float32")
    parser.add_argument("--cases", metavar="FOLDER", help="take the cases exported there, not those of the corpus")
    text = "make cases from this seed: other numbers in the same places (default: the frozen corpus, where it is)"
    parser.add_argument("--seed", type=values.whole, help=text)
    parser.add_argument(
        "--repeat", type=values.whole, default=0, metavar="N", help="the same call N times more: the same bits"
    )
    text = "in which arrays the backend is given numbers"
    parser.add_argument("--arrays", choices=["numpy", "torch", "jax", "cupy"], default="numpy", help=text)
    text = "call the backend in this process, where debuggers see it, and a crash ends the check"
    parser.add_argument("--no-isolate", dest="isolate", action="store_false", help=text)
    text = "a call that takes longer has failed (default: %(default)g)"
    parser.add_argument("--timeout", type=values.seconds, default=120.0, metavar="SECONDS", help=text)
    parser.add_argument("--progress", action="store_true", help="name each case on standard error before its call")
    text = "families or patterns of which every operation and every tensor must be there"
    parser.add_argument("--require", type=lambda text: text.split(","), metavar="FAMILIES", help=text)
    parser.add_argument("--complete", action="store_true", help="require all")
    parser.add_argument("--xfail", metavar="FILE", help="known failures, 'CASE: REASON' a line; one that passes fails")
    text = "wider bounds, for a reason that the report shows"
    parser.add_argument("--loosen", type=values.wider, action="append", metavar="CASE=FACTOR:REASON", help=text)
    parser.add_argument("--json", metavar="FILE", help="the report for programs")
    parser.add_argument("--junit", metavar="FILE", help="the report for continuous integration")
    parser.add_argument("--traceback", action="store_true", help="show where exceptions come from")
    parser.add_argument("--times", action="store_true", help="show the times of calls beside refinr's")
