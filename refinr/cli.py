"""The command line: ``refinr demo | fit | decode | verify | info | oracle``.

Exit status 0 only when what was asked holds: 1 when it does not (samples differ, a fit is not exact though bit planes
were asked for), 2 when it could not be tried (bad arguments, unreadable files), 130 when interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinr import activations, decompositions, losses, signals
from refinr.fitting import fit
from refinr.inr import INR, LosslessError, load


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
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    known = ", ".join(signals.FORMATS)
    demo = command("demo", _demo, "Represent real measurements exactly, and look at the result.")
    demo.add_argument("--output", type=Path, default=Path("demo-output"), help="folder for files and picture")

    fitting = command("fit", _fit, "Fit a signal and write it as an .inr file.")
    fitting.add_argument("input", metavar="IN", help=f"signal to fit: {known}")
    fitting.add_argument("output", metavar="OUT.inr")
    text = "bit-coordinate wants --hidden 64,64,64,64 --lr 1e-3"
    fitting.add_argument("--decomposition", choices=list(decompositions.DECOMPOSITIONS), default="planes", help=text)
    fitting.add_argument("--bits", type=int, help="width of the codes; default: what the samples need")
    fitting.add_argument("--tile", type=lengths, default=32, help="32 (32*32 samples in any dimension) or 16,16,8")
    fitting.add_argument("--hidden", type=widths, default=(16, 16, 16), help="widths of the hidden layers: 16,16,16")
    fitting.add_argument("--activation", choices=list(activations.ACTIVATIONS), default="sine")
    fitting.add_argument("--loss", choices=list(losses.LOSSES), default="bce")
    fitting.add_argument("--lr", type=float, default=3e-3, help="step size of Adam")
    fitting.add_argument("--margin", type=float, default=0.5, help="distance outputs must keep from their threshold")
    fitting.add_argument("--max-steps", type=int, default=2000, help="steps a network may take")
    fitting.add_argument("--seed", type=int, default=0)
    fitting.add_argument("--radix-bits", type=int, default=1, help="bits a plane (more than 1: regression of digits)")
    fitting.add_argument("--gray", action="store_true", help="planes of the Gray code")
    fitting.add_argument("--channels", action=argparse.BooleanOptionalAction, help="last axis counts channels")
    fitting.add_argument("--xp", default="numpy", help="array library: numpy, cupy")
    fitting.add_argument("--quiet", action="store_true", help="no progress bar")

    decoding = command("decode", _decode, "Decode an .inr file and write the signal.")
    decoding.add_argument("input", metavar="FILE.inr")
    decoding.add_argument("output", metavar="BACK", help=f"signal to write: {known}")

    verifying = command("verify", _verify, "Compare a signal with what an .inr file decodes to, sample by sample.")
    verifying.add_argument("original", metavar="IN")
    verifying.add_argument("input", metavar="FILE.inr")

    about = command("info", _info, "Say what an .inr file holds.")
    about.add_argument("input", metavar="FILE.inr")

    oracle = command("oracle", _oracle, "Check somebody else's backend against the reference, or export the cases.")
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


# --- the commands ----------------------------------------------------------------------------------------------------


def _demo(options: argparse.Namespace) -> int:
    from refinr import demo  # draws pictures: matplotlib is loaded for it alone

    return demo.main(options.output)


def _fit(options: argparse.Namespace) -> int:
    settings = {k: v for k, v in vars(options).items() if k not in ("run", "input", "output", "quiet")}
    if Path(options.output).suffix.lower() in signals.FORMATS:  # perhaps the only copy of a signal
        raise ValueError(f"{options.output}: the name of a signal, expected one like OUT.inr")
    folder = Path(options.output).absolute().parent
    if not os.access(folder, os.W_OK):  # better known before the fit than after it
        raise OSError(f"{folder}: cannot be written to" if folder.is_dir() else f"{folder}: no such folder")
    samples, info = signals.read(options.input)
    if settings["channels"] is None:
        settings["channels"] = info.get("channels")
    try:
        inr = fit(samples, progress=not options.quiet, info=info, **settings)
        inr.save(options.output)
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"{str(error) or 'interrupted'}; nothing was written") from None
    print(_summary(inr))
    return 0 if inr.lossless or options.decomposition == "none" else 1


def _decode(options: argparse.Namespace) -> int:
    inr = load(options.input)
    signals.write(options.output, inr.decode(), inr.info)
    if not inr.lossless:
        print(f"refinr: not exact, bit error rate {inr.report.ber:.3g}", file=sys.stderr)
    return 0


def _verify(options: argparse.Namespace) -> int:
    original, _ = signals.read(options.original)
    decoded = load(options.input).decode()
    if (original.shape, original.dtype) != (decoded.shape, decoded.dtype):
        print(
            f"differs: {options.original} holds {original.dtype} {original.shape}, "
            f"{options.input} decodes to {decoded.dtype} {decoded.shape}"
        )
        return 1
    # compare bytes, so that NaN equals itself and -0.0 does not equal 0.0
    a, b = (np.ascontiguousarray(x).view(np.uint8).reshape(*x.shape, -1) for x in (original, decoded))
    wrong = np.argwhere((a != b).any(axis=-1))
    if len(wrong) == 0:
        print(f"equal: all {original.size} samples")
        return 0
    first = tuple(int(i) for i in wrong[0])
    print(
        f"differs: {len(wrong)} of {original.size} samples, the first at {list(first)}: "
        f"{original[first]} in {options.original}, {decoded[first]} decoded"
    )
    return 1


def _info(options: argparse.Namespace) -> int:
    inr = load(options.input)
    layout, spec = inr.layout, inr.layout.spec
    print(f"samples        {np.dtype(layout.dtype)} {layout.shape}, {layout.channels} channel(s)")
    print(f"decomposition  {type(layout.cut).__name__}, {layout.cut.bits} bits, {layout.cut.levels} levels an output")
    print(f"tiles          {len(layout.tiles)} of {layout.tile}")
    print(f"networks       {layout.networks} of sizes {spec.sizes}, {spec.activation}")
    print(_summary(inr))
    alone = inr.report.samples * np.dtype(layout.dtype).itemsize
    print(f"file           {Path(options.input).stat().st_size} bytes; the samples alone {alone}")
    if inr.info:
        print("carried along  " + ", ".join(f"{key} {value}" for key, value in inr.info.items()))
    return 0


def _oracle(options: argparse.Namespace) -> int:
    from refinr import oracle  # many cases: loaded for this command alone

    if options.what == "export":
        oracle.export(options.target, oracle.cases(options.families))
        return 0
    backend = oracle.find_backend(options.target)
    given = oracle.load(options.cases) if options.cases else None
    return 0 if oracle.check_backend(backend, options.families, options.dtype, given=given) else 1


def _summary(inr: INR) -> str:
    report = inr.report
    state = "lossless" if inr.lossless else f"NOT lossless, bit error rate {report.ber:.3g}, {report.psnr:.2f} dB"
    return (
        f"{state}: {report.total_bits} bits, {report.parameters} parameters ({report.parameters_per_bit:.2f} a bit), "
        f"{report.steps:.0f} steps on average, {report.seconds:.1f} s, smallest margin {report.margin:.3g}"
    )
