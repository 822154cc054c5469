"""What the command line's commands do.

Each takes the parsed options and returns the exit status; what goes wrong is raised, and said by `refinr.cli.main`.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from refinr import certificates, estimates, executors, expansion, fitting, solving, summary
from refinr.cli import compression, notes, outputs, streams
from refinr.files import container, signals
from refinr.files.format import PAGES
from refinr.files.journal import discard
from refinr.inr import INR
from refinr.loading import load


def demo(options: argparse.Namespace) -> int:
    """Represent real measurements, and compare with what they were."""
    from refinr.cli import demo  # draws pictures: matplotlib is loaded for it alone

    return demo.main(options.output)


def fit(options: argparse.Namespace) -> int:
    """Fit a signal and write the file."""
    return _represent(options, fitting.fit)


def solve(options: argparse.Namespace) -> int:
    """Solve a signal and write the file."""
    return _represent(options, solving.solve)


def _represent(options: argparse.Namespace, verb: Callable[..., INR]) -> int:
    ours = ("verb", "input", "output", "force", "quiet", "resume", "executor", "workers", "address", "trusted", "page")
    settings = {k: v for k, v in vars(options).items() if k not in ours}
    if options.output is None and options.input == signals.STREAM:
        raise ValueError("OUT.inr: expected a name, as standard input has none")
    if options.output is None:
        path, _, name = options.input.partition("::")
        options.output = ".".join(filter(None, [path, name.strip("/").replace("/", "."), "inr"]))
    if signals.format_of(options.output):  # perhaps the only copy of a signal
        raise ValueError(f"{options.output}: the name of a signal, expected one like OUT.inr")
    outputs.claim(options.output, options.input, force=options.force, ours=container.is_one)
    before = outputs.stamp(options.output)
    samples, info = signals.read(options.input, page=options.page, trusted=options.trusted)
    if settings["channels"] is None:
        settings["channels"] = info.get("channels")
    journal = Path(f"{options.output}.part") if options.resume else None
    with outputs.say_kept(journal):
        opened = executors.open_executor(options.executor, workers=options.workers, address=options.address)
        with notes.noted(options.quiet), opened as executor:
            inr = verb(samples, progress=not options.quiet, info=info, journal=journal, executor=executor, **settings)
        outputs.say_replaced(options.output, before)
        inr.save(options.output)
    said = _summary(inr)
    status = 0 if inr.lossless or inr.layout.cut.regresses else 1
    del inr  # some systems remove no file of which a part is in use
    if journal:
        discard(journal, options.output)
    print(said)
    return status


def expand(options: argparse.Namespace) -> int:
    """Give an image more bits."""
    outputs.claim_signal(options.output, options.input, force=options.force)
    image, info = signals.read(options.input, page=options.page, trusted=options.trusted)
    if info["channels"] is False and image.ndim > 2:
        raise ValueError(f"{options.input}: expected one image, got several of shape {image.shape}: {PAGES}")
    bits = options.from_bits or info.get("bitdepth", 8 * image.dtype.itemsize)
    expanded = EXPANSIONS[options.method](image, bits, options.bits, options)
    signals.write(options.output, expanded, {"channels": info["channels"]})
    return 0


def _by_network(image: np.ndarray, bits: int, to: int, options: argparse.Namespace) -> np.ndarray:
    return expansion.expand(image, bits, to, max_steps=options.max_steps)


def _by_arithmetic(method: Callable[[np.ndarray, int, int], np.ndarray]) -> Callable[..., np.ndarray]:
    return lambda image, bits, to, options: method(image, bits, to)


EXPANSIONS: dict[str, Callable[..., np.ndarray]] = {"network": _by_network}
EXPANSIONS |= {name.replace(" ", "-"): _by_arithmetic(method) for name, method in expansion.BASELINES.items()}
"""How an image comes by more bits: methods by name, (image, bits, to, options) -> image."""


def decode(options: argparse.Namespace) -> int:
    """Write the signal that a file stands for."""
    outputs.claim_signal(options.output, options.input, force=options.force)
    inr = load(options.input, trusted=options.trusted)
    if options.region is None:
        estimates.announce_decoding(inr)
        samples = inr.decode()
    else:
        samples = _region(options, inr)
    outputs.write_signal(options.output, samples, inr.info, whole=options.region is None)
    if not inr.lossless:
        print(f"refinr: not exact, bit error rate {inr.report.ber:.3g}", file=sys.stderr)
    return 0


def _region(options: argparse.Namespace, inr: INR) -> np.ndarray:
    if len(options.region) != len(inr.shape):
        raise ValueError(f"{options.input}: region: expected {len(inr.shape)} slices, got {len(options.region)}")
    return inr.region(options.region)


def verify(options: argparse.Namespace) -> int:
    """Compare a signal with what a file decodes to."""
    if options.original.endswith((".inr", ".rinr")):
        swapped = f"refinr verify {options.input} {options.original}"
        raise ValueError(f"{options.original}: expected the signal first and then the file: {swapped}")
    original, _ = signals.read(options.original, page=options.page, trusted=options.trusted)
    if compression.holds(options.input):
        decoded = compression.decoded(options.input, trusted=options.trusted)
    else:
        decoded = load(options.input, trusted=options.trusted).decode()
    if (original.shape, _native(original)) != (decoded.shape, _native(decoded)):
        print(
            f"differs: {options.original} holds {original.dtype} {original.shape}, "
            f"{streams.in_words(options.input)} decodes to {decoded.dtype} {decoded.shape}"
        )
        return 1
    # compare bytes, so that NaN equals itself and -0.0 does not equal 0.0
    a, b = (np.ascontiguousarray(x, _native(x)).view(np.uint8).reshape(*x.shape, -1) for x in (original, decoded))
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


def _native(samples: np.ndarray) -> np.dtype:
    """Their dtype, but for the byte order: not every format keeps it, and the samples are the same."""
    return samples.dtype.newbyteorder("=")


def certify(options: argparse.Namespace) -> int:
    """Say whether a file decodes to the same bits everywhere."""
    inr = load(options.input, trusted=options.trusted)
    # raises, where the table would only say that there is no bound
    certificates.castable(inr.layout.network.cast(inr.params), options.dtype)
    certificate = certificates.certify(inr, trusted=options.trusted)
    print(certificate)
    return 0 if certificate.types[options.dtype].guaranteed else 1


def info(options: argparse.Namespace) -> int:
    """Say what a file holds."""
    if compression.holds(options.input):
        return compression.info(options)
    if options.planes:
        raise ValueError(f"--planes: expected a .rinr file, got {options.input}")
    inr = load(options.input, trusted=options.trusted)
    layout = inr.layout
    print(f"samples        {np.dtype(layout.dtype)} {layout.shape}, {layout.channels} channel(s)")
    print(f"decomposition  {type(layout.cut).__name__}, {layout.cut.bits} bits, {layout.cut.levels} levels an output")
    print(f"tiles          {len(layout.tiles)} of {layout.tile}")
    print(f"networks       {layout.networks} of {layout.network.words(inr.params)}")
    for name, text in layout.network.details(inr.params, inr.store).items():
        print(f"{name:<15}{text}")
    print(_summary(inr))
    alone = inr.report.samples * np.dtype(layout.dtype).itemsize
    all_of_it = Path(options.input).stat().st_size
    network = layout.network.packed_bytes(inr.params, inr.store)
    rest = 0 if inr.residual is None else inr.residual.nbytes
    larger = "LARGER than the samples" if all_of_it > alone else "smaller than the samples"
    print(f"file           {all_of_it} bytes: networks {network} ({inr.store}), residual {rest}")
    print(f"               {larger}, which are {alone} bytes")
    if inr.info:
        print(f"carried along  {summary.carried(inr.info)}")
        outputs.say_not_carried(inr.info)
    return 0


def _summary(inr: INR) -> str:
    report = inr.report
    alone = f"bit error rate {report.ber:.3g}, {report.psnr:.2f} dB"
    state = "lossless" if inr.lossless else f"NOT lossless, {alone}"
    if inr.residual is not None:
        state += f" with a residual of {inr.residual.nbytes} bytes (the networks alone: {alone})"
    steps = f"{report.steps:.0f} steps on average, " if report.most_steps else ""  # written down takes none
    duration = "" if math.isnan(report.seconds) else f"{report.seconds:.1f} s, "  # files do not say
    return (
        f"{state}: {report.total_bits} bits, {report.parameters} parameters ({report.parameters_per_bit:.2f} a bit), "
        f"{steps}{duration}smallest margin {inr.margin:.3g}"
    ) + summary.elsewhere(inr.portable)
