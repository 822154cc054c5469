"""The command line: ``refinr demo | fit | decode | verify | certify | info | expand``.

Exit status 0 only when what was asked holds: 1 when it does not (samples differ, a fit is not exact though bit planes
were asked for, decoding is not certified), 2 when it could not be tried (bad arguments, unreadable files), 130 when
interrupted.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinr import activations, certify, decompositions, encodings, executors, expansion, losses, mlp, signals, storing
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
    fitting.add_argument("--hidden", type=widths, help="widths of the hidden layers: 16,16,16")
    fitting.add_argument("--layer", choices=list(mlp.LAYERS), default="linear", help="ternary: weights -1, 0, 1")
    fitting.add_argument("--encoding", choices=["none", *encodings.ENCODINGS], help="of the coordinates")
    fitting.add_argument("--features", type=int, default=60, help="waves in a fourier or triangle encoding")
    fitting.add_argument("--activation", choices=list(activations.ACTIVATIONS))
    fitting.add_argument("--loss", choices=list(losses.LOSSES), default="bce")
    fitting.add_argument("--lr", type=float, help="step size of Adam")
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
    fitting.add_argument("--executor", choices=executors.NAMES, default="threads", help=text)
    fitting.add_argument("--workers", type=int, help="how many processes; default: as many as cores")
    fitting.add_argument("--address", help="of Dask's scheduler: tcp://host:8786")
    fitting.add_argument("--xp", default="numpy", help="array library: numpy, cupy")
    fitting.add_argument("--quiet", action="store_true", help="no progress bar")

    decoding = command("decode", _decode, "Decode an .inr file and write the signal.")
    decoding.add_argument("input", metavar="FILE.inr")
    decoding.add_argument("output", metavar="BACK", help=f"signal to write: {known}")

    expanding = command("expand", _expand, "Give an image more bits: those below are extrapolated.")
    expanding.add_argument("input", metavar="IN", help="image of unsigned integers")
    expanding.add_argument("output", metavar="OUT", help=f"signal to write: {known}")
    expanding.add_argument("--bits", type=int, default=16, help="what it is to have")
    expanding.add_argument("--from-bits", type=int, help="what it has; default: what its file stores")
    methods = ["network", *(name.replace(" ", "-") for name in expansion.BASELINES)]
    expanding.add_argument("--method", choices=methods, default="network")
    expanding.add_argument("--max-steps", type=int, default=1000, help="steps a network may take")

    verifying = command("verify", _verify, "Compare a signal with what an .inr file decodes to, sample by sample.")
    verifying.add_argument("original", metavar="IN")
    verifying.add_argument("input", metavar="FILE.inr")

    certifying = command("certify", _certify, "Say whether an .inr file decodes to the same bits on every machine.")
    certifying.add_argument("input", metavar="FILE.inr")
    certifying.add_argument("--dtype", choices=list(certify.FLOAT_TYPES), default="float32", help="type that must")

    about = command("info", _info, "Say what an .inr file holds.")
    about.add_argument("input", metavar="FILE.inr")
    for sub in (decoding, verifying, about):
        sub.add_argument("--trusted", action="store_true", help="take a small file that stands for a large signal, too")
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
    ours = ("run", "input", "output", "quiet", "resume", "executor", "workers", "address")
    settings = {k: v for k, v in vars(options).items() if k not in ours}
    if signals.format_of(options.output):  # perhaps the only copy of a signal
        raise ValueError(f"{options.output}: the name of a signal, expected one like OUT.inr")
    folder = Path(options.output).absolute().parent
    if not os.access(folder, os.W_OK):  # better known before the fit than after it
        raise OSError(f"{folder}: cannot be written to" if folder.is_dir() else f"{folder}: no such folder")
    samples, info = signals.read(options.input)
    if settings["channels"] is None:
        settings["channels"] = info.get("channels")
    journal = Path(f"{options.output}.part") if options.resume else None
    try:
        with executors.open_executor(options.executor, workers=options.workers, address=options.address) as executor:
            inr = fit(samples, progress=not options.quiet, info=info, journal=journal, executor=executor, **settings)
        inr.save(options.output)
    except KeyboardInterrupt as error:
        kept = f"what is done is in {journal}, and the same command goes on" if journal else "nothing was written"
        raise KeyboardInterrupt(f"{str(error) or 'interrupted'}; {kept}") from None
    if journal:
        journal.unlink()
    print(_summary(inr))
    return 0 if inr.lossless or options.decomposition == "none" else 1


def _expand(options: argparse.Namespace) -> int:
    image, info = signals.read(options.input)
    bits = options.from_bits or info.get("bitdepth", 8 * image.dtype.itemsize)
    if options.method == "network":
        expanded = expansion.expand(image, bits, options.bits, max_steps=options.max_steps)
    else:
        expanded = expansion.BASELINES[options.method.replace("-", " ")](image, bits, options.bits)
    signals.write(options.output, expanded, {"channels": info["channels"]})
    return 0


def _decode(options: argparse.Namespace) -> int:
    inr = load(options.input, trusted=options.trusted)
    signals.write(options.output, inr.decode(), inr.info)
    if not inr.lossless:
        print(f"refinr: not exact, bit error rate {inr.report.ber:.3g}", file=sys.stderr)
    return 0


def _verify(options: argparse.Namespace) -> int:
    original, _ = signals.read(options.original)
    decoded = load(options.input, trusted=options.trusted).decode()
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


def _certify(options: argparse.Namespace) -> int:
    inr = load(options.input)
    certify.castable(inr.params, options.dtype)  # raises, where the table would only say that there is no bound
    certificate = certify.certify(inr)
    print(certificate)
    return 0 if certificate.types[options.dtype].guaranteed else 1


def _info(options: argparse.Namespace) -> int:
    inr = load(options.input, trusted=options.trusted)
    layout, spec = inr.layout, inr.layout.spec
    print(f"samples        {np.dtype(layout.dtype)} {layout.shape}, {layout.channels} channel(s)")
    print(f"decomposition  {type(layout.cut).__name__}, {layout.cut.bits} bits, {layout.cut.levels} levels an output")
    print(f"tiles          {len(layout.tiles)} of {layout.tile}")
    print(f"networks       {layout.networks} of sizes {spec.sizes}, {spec.activation}")
    if layout.encoding is not None:
        print(f"encoding       {type(layout.encoding).__name__}, {spec.sizes[0]} inputs")
    print(_summary(inr))
    if spec.layer != "linear":
        trits = [p for p in inr.params.values() if p.dtype == np.int8]
        scales = sum(p.size for p in inr.params.values()) - sum(p.size for p in trits)
        packed = sum(storing.pack(p, inr.store).nbytes for p in trits)
        count = sum(p.size for p in trits)
        print(f"weights        {spec.layer}: {count} trits in {packed} bytes, {scales} scales in {4 * scales}")
    alone, all_of_it = inr.report.samples * np.dtype(layout.dtype).itemsize, Path(options.input).stat().st_size
    network = sum(storing.pack(p, inr.store).nbytes for p in inr.params.values())
    rest = 0 if inr.residual is None else inr.residual.data.nbytes
    larger = "LARGER than the samples" if all_of_it > alone else "smaller than the samples"
    print(f"file           {all_of_it} bytes: networks {network} ({inr.store}), residual {rest}")
    print(f"               {larger}, which are {alone} bytes")
    if inr.info:
        print("carried along  " + ", ".join(f"{key} {value}" for key, value in inr.info.items()))
    return 0


def _summary(inr: INR) -> str:
    report = inr.report
    alone = f"bit error rate {report.ber:.3g}, {report.psnr:.2f} dB"
    state = "lossless" if inr.lossless else f"NOT lossless, {alone}"
    if inr.residual is not None:
        state += f" with a residual of {inr.residual.data.nbytes} bytes (the networks alone: {alone})"
    duration = "" if math.isnan(report.seconds) else f"{report.seconds:.1f} s, "  # files do not say
    return (
        f"{state}: {report.total_bits} bits, {report.parameters} parameters ({report.parameters_per_bit:.2f} a bit), "
        f"{report.steps:.0f} steps on average, {duration}smallest margin {inr.margin:.3g}"
    )
