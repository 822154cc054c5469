"""Hostile files, mutated, cut, extended, forged: an error of refinr's, soon and in little memory, or the samples.

With this you can run ``python -m tests.fuzz --files 100000 --seconds 1200`` (`make fuzz`) or `campaign` in a test.

File i comes from the random stream (seed, i), whoever makes it and however often.  Files are read in a child process
that may take 2 seconds of a processor's time and 500 MB for each; where it dies, another goes on.  An outcome is

- "samples": the samples of the original, to the bit (for what has a checksum: .inr, .rinr and PNG); of WAV and TIFF,
  which have none, an array that the file's bytes can hold;
- "refused": ValueError or LosslessError, or an end of the process that other libraries read in, at its limits;
- "no promise": an .inr file that says of itself that it is not exact;
- "wrong", "crash", "hang", "memory": what must never happen.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import logging
import multiprocessing
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
import wave
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import refinr
from refinr import cpu
from refinr.codec import header
from refinr.files import signals
from refinr.files.budget import COPIES, Budget
from tests import forging, forging_inr, forging_rinr

SECONDS, BYTES = 2.0, 500_000_000
LOADED = "after it was loaded"
STOPPED = "in the process that other libraries read in, at its limits"
STARTING, MAKING, READING = range(3)
PATIENCE = 180
"""Seconds without a word, on a machine that others may keep busy."""

OURS = (".inr", ".rinr")
BAD = ("wrong", "crash", "hang", "memory")


class Seed(NamedTuple):
    """A good file, and what is in it."""

    suffix: str
    content: bytes
    samples: np.ndarray
    name: str = ""
    """Of one of several arrays, or the number of a page."""


class Found(NamedTuple):
    """What came of one file."""

    index: int
    kind: str
    outcome: str
    detail: str


# --- good files ------------------------------------------------------------------------------------------------------


def _drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grey, colour and sound."""
    grey, colour = rng.integers(0, 200, (9, 7)).astype(np.uint8), rng.integers(0, 2**16, (5, 6, 3)).astype(np.uint16)
    return grey, colour, rng.integers(-(2**15), 2**15, (40, 2)).astype(np.int16)


def _written(suffix: str, samples: np.ndarray, write: Callable[[str], Any]) -> Seed:
    with tempfile.TemporaryDirectory() as folder:
        write(f"{folder}/a{suffix}")
        return Seed(suffix, Path(f"{folder}/a{suffix}").read_bytes(), samples)


def make_seeds() -> list[Seed]:
    """A few small files of refinr's own, and of formats that it reads by code of its own, for the most part."""
    return 2 * (inr_seeds() + reader_seeds()) + rinr_seeds()  # fewer of .rinr, of which one takes as long as ten others


@functools.cache
def rinr_seeds() -> list[Seed]:
    """`.rinr` files of all kinds of streams."""
    return [Seed(".rinr", content, samples) for content, samples in forging_rinr.good()]


@functools.cache
def inr_seeds() -> list[Seed]:
    """`.inr` files of every version and kind of network, with residuals and undecided bits."""
    grey, colour, sound = _drawn(np.random.default_rng(0))
    seeds = []
    fits: list[tuple[np.ndarray, dict[str, Any]]] = [
        (grey, {"max_steps": 1}), (grey, {"max_steps": 60, "gray": True}), (colour[:3, :3], {"max_steps": 0}),
        (grey >> 5, {"max_steps": 400}), (grey, {"store": "bfloat16", "max_steps": 3}),
        (grey, {"decomposition": "none", "max_steps": 3}),
        (colour[:, 0].astype("f4"), {"decomposition": "none", "max_steps": 0, "channels": True}),
        (sound[:, 0], {"decomposition": "bit-coordinate", "max_steps": 0, "radix_bits": 2}),
    ]  # fmt: skip
    for samples, options in fits:
        inr = refinr.fit(samples, tile=5, hidden=(4,), exact=True, info={"rate": 8000}, **options)
        seeds.append(_written(".inr", samples, inr.save))
    for weights in ("real", "ternary", "binary"):
        seeds.append(_written(".inr", grey, refinr.solve(grey, tile=5, weights=weights).save))
    near = refinr.fit(colour, decomposition="none", max_steps=1, tile=5, hidden=(4,), exact=True)
    assert near.residual is not None
    assert near.residual.undecided is not None
    seeds.append(_written(".inr", colour, near.save))
    seeds.append(_written(".inr", grey[:3, :3], refinr.constructive.exact(grey[:3, :3]).save))
    return seeds


@functools.cache
def reader_seeds() -> list[Seed]:
    """Those that are no files of refinr's own."""
    rng, seeds = np.random.default_rng(0), list[Seed]()
    grey, colour, sound = _drawn(rng)

    def add(suffix: str, samples: np.ndarray, write: Callable[[str], Any]) -> None:
        seeds.append(_written(suffix, samples, write))

    for samples, info in [(grey, {}), (colour, {}), (grey >> 6, {"bitdepth": 2})]:
        add(".png", samples, lambda path, samples=samples, info=info: signals.write(path, samples, info))
    for samples, info in [(sound, {"rate": 8000}), (sound[:, 0].astype("i4"), {"rate": 8000, "bits": 24}),
                          (sound.astype("f4"), {"rate": 1})]:  # fmt: skip
        add(".wav", samples, lambda path, samples=samples, info=info: signals.write(path, samples, info))
    import tifffile

    for samples, how in [(grey, {}), (colour, {"compression": "zlib"}), (colour, {"bigtiff": True}),
                         (rng.random((3, 20, 18)).astype("f4"), {"photometric": "minisblack"}),
                         (rng.integers(0, 9, (40, 33)).astype("u1"), {"tile": (16, 16)})]:  # fmt: skip
        add(".tif", samples, lambda path, samples=samples, how=how: tifffile.imwrite(path, samples, **how))
    for suffix, samples in ((".nii", colour), (".nii.gz", grey.astype(">f4"))):
        add(suffix, samples, lambda path, samples=samples: signals.write(path, samples))
    for samples in (grey, colour.astype(">f8")):
        add(".npy", samples, lambda path, samples=samples: np.save(path, samples))
    return seeds


@functools.cache
def other_seeds() -> list[Seed]:
    """A few of the formats that were added later; of what refinr does not write, the samples that it reads."""
    import h5py
    from PIL import Image

    rng = np.random.default_rng(0)
    grey, colour = rng.integers(0, 200, (9, 7)).astype(np.uint8), rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    sound = rng.integers(-(2**15), 2**15, (40, 2)).astype(np.int16)
    arrays = {".fits": sound, ".dcm": grey, ".npz": colour, ".h5": grey.astype("f4"), ".bmp": grey, ".ppm": colour}
    arrays |= {".webp": colour, ".jxl": colour.astype("u2"), ".flac": sound, ".aiff": sound, ".nii": colour}
    with tempfile.TemporaryDirectory() as folder:
        for suffix, samples in arrays.items():
            signals.write(f"{folder}/a{suffix}", samples, {"rate": 8000, "channels": True})
        for name, options in (("b.jpg", {}), ("c.jpg", {"progressive": True})):
            Image.fromarray(colour).save(f"{folder}/{name}", **options)
        for name in ("d.gif", "e.png", "f.bmp"):
            Image.fromarray(colour).quantize(16).save(f"{folder}/{name}")
        with h5py.File(f"{folder}/g.h5", "w") as file:
            file.create_dataset("x/a", data=colour, chunks=(2, 3, 3), compression="gzip", shuffle=True)
        seeds = [Seed(p.suffix, p.read_bytes(), signals.read(p).samples) for p in sorted(Path(folder).iterdir())]
    return seeds + image_seeds() + paged_seeds() + several_seeds()


def image_seeds() -> list[Seed]:
    """Compressed FITS images."""
    from astropy.io import fits

    seeds = list[Seed]()
    samples = np.outer(range(16), range(16)).astype("i4")
    for name in ("GZIP_2", "HCOMPRESS_1", "RICE_1"):
        image = fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(samples, compression_type=name)])
        seeds.append(_written(".fits", samples, image.writeto))
    return seeds


def paged_seeds() -> list[Seed]:
    """Animations and files of several pages or arrays, of which one is read; pixmaps in digits."""
    import h5py
    import tifffile
    from PIL import Image

    rng = np.random.default_rng(1)
    grey, colour = rng.integers(0, 200, (9, 7)).astype(np.uint8), rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    shown = [Image.fromarray(np.roll(colour, i, axis=0)) for i in range(3)]
    digits = {"a.pgm": "P2\n# few\n7 9\n255\n" + "\n".join(" ".join(map(str, row)) for row in grey.tolist())}
    digits |= {"b.ppm": "P3 6 5 300 " + " ".join(map(str, colour.ravel().tolist())) + "\n"}
    animations: dict[str, dict[str, Any]] = {"c.gif": {}, "d.png": {}, "e.webp": {"lossless": True}}
    seeds = list[Seed]()
    with tempfile.TemporaryDirectory() as folder:
        for name, more in animations.items():
            shown[0].save(f"{folder}/{name}", save_all=True, append_images=shown[1:], **more)
        for name, text in digits.items():
            Path(f"{folder}/{name}").write_text(text)
        for samples in (grey, colour, grey[:4].astype("f4")):
            tifffile.imwrite(f"{folder}/f.tif", samples, append=True)
        np.savez(f"{folder}/g.npz", a=grey, b=colour)
        with h5py.File(f"{folder}/h.h5", "w") as file:
            file["x/a"] = colour
            file["b"] = grey
        names = {".gif": "2", ".png": "3", ".webp": "2", ".tif": "2", ".npz": "b", ".h5": "x/a"}
        for path in sorted(Path(folder).iterdir()):
            name = names.get(path.suffix, "")
            seeds.append(Seed(path.suffix, path.read_bytes(), signals.read(f"{path}::{name}").samples, name))
    return seeds


def several_seeds() -> list[Seed]:
    """What is more than one file: Zarr stores of both formats, and NIfTI pairs."""
    import nibabel
    import zarr

    rng = np.random.default_rng(2)
    grey, volume = rng.integers(0, 200, (9, 7)).astype(np.uint8), rng.normal(size=(4, 3, 2)).astype("f4")
    seeds = list[Seed]()
    for suffix, name in ((".zarr", ""), (".zarr", "x/b"), (".zarr", "c"), (".hdr", "")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"a{suffix}"
            if suffix == ".hdr":
                nibabel.save(nibabel.Nifti1Pair(volume, np.eye(4)), path)
            elif name:
                group = zarr.open_group(path, mode="w", zarr_format=2 if name == "c" else 3)
                group.create_array(name, data=volume, chunks=(2, 3, 2))
            else:
                zarr.create_array(path, data=grey, chunks=(4, 4), shards=(8, 8))
            files = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}
            samples = signals.read(f"{path}::{name}" if name else path).samples
            seeds.append(Seed(suffix, forging.pack(files), samples, name))
    return seeds


# --- hostile ones ----------------------------------------------------------------------------------------------------

FORGED = {".inr": 0.8, ".rinr": 0.8} | dict.fromkeys(forging.FORGERS, 0.5) | dict.fromkeys(forging.TOGETHER, 1.0)
"""How many of the files of a suffix are forged behind the checks of their heads; the others are mutated or spliced."""

FORGERS = {".inr": forging_inr.forge, ".rinr": forging_rinr.forge} | forging.FORGERS


def hostile(seeds: list[Seed], seed: int, index: int) -> tuple[str, Seed, bytes]:
    """File `index`: how it was made, from which good one, and its bytes."""
    rng = np.random.default_rng([seed, index])
    original = seeds[rng.integers(0, len(seeds))]
    if rng.random() < FORGED.get(original.suffix, 0.0):
        return f"forged {original.suffix}", original, FORGERS[original.suffix](original.content, rng)
    if rng.random() < 0.05:  # the middle of another file
        other = seeds[rng.integers(0, len(seeds))]
        cut = int(rng.integers(0, min(len(other.content), len(original.content))))
        content = original.content[:cut] + other.content[cut:]
        whole = content == other.content and other.suffix == original.suffix  # they begin alike
        return f"spliced {original.suffix}", other if whole else original, content
    return f"mutated {original.suffix}", original, forging.mutate(original.content, rng)


# --- reading them ----------------------------------------------------------------------------------------------------


def place(suffix: str, content: bytes, path: Path) -> None:
    """Put content where it is read from, in place of what was there: a file, a folder, or two files."""
    if suffix not in forging.TOGETHER:
        path.unlink(missing_ok=True)  # some file systems write to the disk at once what is written over
        path.write_bytes(content)
        return
    shutil.rmtree(path, ignore_errors=True)
    for old in path.parent.glob(f"{path.stem}.*"):
        if old.is_file():
            old.unlink()
    for name, part in forging.unpack(content).items():
        (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
        (path.parent / name).write_bytes(part)


def judge(kind: str, original: Seed, content: bytes, path: Path) -> tuple[str, str]:
    """Read a file as users would: outcome and detail."""
    try:
        place(original.suffix, content, path)
        if original.suffix == ".inr":
            inr = refinr.load(path)
            try:
                samples = inr.decode()
            except (ValueError, refinr.LosslessError):
                return "refused", LOADED
            if not inr.lossless:
                return "no promise", ""
        elif original.suffix == ".rinr":
            header.read(content)
            try:
                samples = refinr.decompress(content, limits=forging_rinr.LIMITS)
            except (ValueError, refinr.LosslessError):
                return "refused", LOADED
        else:
            samples, _ = signals.read(f"{path}::{original.name}" if original.name else path)
    except (ValueError, refinr.LosslessError) as error:
        cause: BaseException | None = error
        while cause is not None:  # readers wrap what libraries raise
            if isinstance(cause, MemoryError):
                return "memory", str(error)
            cause = cause.__cause__ or cause.__context__
        stopped = "reading it takes more than" in str(error) or "it ends the library" in str(error)
        return "refused", STOPPED if stopped else type(error).__name__
    ours, theirs = (a.astype(a.dtype.newbyteorder("<")) for a in (samples, original.samples))  # the order is no value
    same = (ours.dtype, ours.shape, ours.tobytes()) == (theirs.dtype, theirs.shape, theirs.tobytes())
    if same:
        return "samples", ""
    if original.suffix in (".inr", ".rinr") or kind == "mutated .png":
        return "wrong", f"{samples.dtype} {samples.shape}"
    if kind.endswith(".wav"):
        return _judge_wav(samples, content)
    return ("samples" if COPIES * samples.nbytes <= Budget().bytes_for(len(content)) else "wrong"), "others"


def _judge_wav(samples: np.ndarray, content: bytes) -> tuple[str, str]:
    """Other samples are right if the standard library reads the same, as far as it can."""
    if samples.nbytes > 2 * len(content):
        return "wrong", f"{samples.nbytes} bytes from {len(content)}"
    whole = content[:4] + (len(content) - 8).to_bytes(4, "little") + content[8:]  # of which the head may be wrong
    try:
        with wave.open(io.BytesIO(whole)) as reader:
            stored, width = reader.readframes(reader.getnframes()), reader.getsampwidth()
            frame = width * reader.getnchannels()
    except Exception:  # formats that it does not know
        return "samples", "others"
    at = content.find(b"fmt ") + 20
    if int.from_bytes(content[at : at + 2], "little") != frame:  # bytes of a frame, which it does not look at
        return "samples", "others"
    ours = np.ascontiguousarray(samples, samples.dtype.newbyteorder("<")).tobytes()
    if width == 3:
        ours = np.frombuffer(ours, np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return ("samples", "others") if ours == stored else ("wrong", f"{len(ours)} bytes, wave reads {len(stored)}")


def _limit_memory() -> None:
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    now = 1024 * int(fields["VmData"].split()[0])
    resource.setrlimit(resource.RLIMIT_DATA, (now + BYTES, now + BYTES))


def _too_long(*_: object) -> None:
    raise TimeoutError


def _child(pipe: Any, at: Any, seeds: list[Seed], seed: int, indices: range, judge: Callable) -> None:
    logging.disable()  # what tifffile has to say
    warnings.simplefilter("ignore")  # numbers that overflow in forged networks
    signal.signal(signal.SIGPROF, _too_long)
    refinr.fit(np.zeros((2, 5), np.uint8), max_steps=1)  # loads what is loaded late
    cpu.cores = lambda: 1  # to start a thread takes longer than most files do
    _limit_memory()
    with tempfile.TemporaryDirectory() as folder:
        for index in indices:
            at[:] = index, MAKING
            kind, original, content = hostile(seeds, seed, index)
            at[1] = READING
            signal.setitimer(signal.ITIMER_PROF, SECONDS)  # processor time: others may keep the machine busy
            try:
                outcome, detail = judge(kind, original, content, Path(folder) / f"a{original.suffix}")
            except TimeoutError:
                outcome, detail = "hang", traceback.format_exc()
            except MemoryError:
                outcome, detail = "memory", traceback.format_exc()
            except Exception:
                outcome, detail = "crash", traceback.format_exc()
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            pipe.send(Found(index, kind, outcome, detail))
    pipe.send(None)


def campaign(
    files: int,
    *,
    seed: int = 0,
    seconds: float = float("inf"),
    first: int = 0,
    judge: Callable = judge,
    make: Callable[[], list[Seed]] = make_seeds,
) -> Iterator[Found]:
    """What comes of hostile files `first`, `first` + 1, ..., until there are enough or time is up."""
    context, seeds, end = multiprocessing.get_context("spawn"), make(), time.monotonic() + seconds
    index, last = first, first + files
    while index < last and time.monotonic() < end:
        ours, theirs = context.Pipe()
        at = context.RawArray("q", [index, STARTING])  # what the child is at, should it end
        child = context.Process(target=_child, args=(theirs, at, seeds, seed, range(index, last), judge))
        child.start()
        theirs.close()
        harm = ""
        try:
            while not harm:
                if time.monotonic() >= end:
                    return
                if not ours.poll(PATIENCE):
                    harm, detail = "hang", f"no word for {PATIENCE} seconds"
                elif (message := ours.recv()) is None:
                    return
                else:
                    index = message.index + 1
                    yield message
        except EOFError:
            child.join()
            harm, detail = "crash", f"the process ended with {child.exitcode}"
        finally:
            child.kill()
            child.join()
        index, doing = at
        kind = hostile(seeds, seed, index)[0] if doing == READING else ("being made" if doing else "nothing yet")
        yield Found(index, kind, harm, detail)
        index += 1


def table(kept: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Lines of Markdown: what came of files by how they were made, of one or several campaigns."""
    counts: dict[str, Counter[str]] = {}
    for row in kept:
        for kind, found in row["kinds"].items():
            counts.setdefault(kind, Counter()).update(found)
    outcomes = ["refused", "samples", "no promise", *BAD]
    total: Counter[str] = sum(counts.values(), Counter())
    yield "| files |" + "".join(f" {name} |" for name in outcomes)
    yield "|---|" + "---:|" * len(outcomes)
    for kind, found in [*sorted(counts.items()), ("all", total)]:
        yield f"| {kind} |" + "".join(f" {found[name]:,} |" for name in outcomes)
    yield ""
    yield f"{sum(total[name] for name in outcomes):,} files; {total[STOPPED]} refused {STOPPED}"
    if ours := sum(sum(n[name] for name in outcomes) for kind, n in counts.items() if kind.endswith(OURS)):
        yield f"{total[LOADED]:,} of {ours:,} .inr and .rinr files were loaded: {total[LOADED] / ours:.0%}"


def main() -> int:
    """Run a campaign and print the summary; 0 if nothing happened that must not."""
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=1200.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first file: to see one again")
    parser.add_argument("--inr", action="store_true", help="of .inr files alone")
    parser.add_argument("--rinr", action="store_true", help="of .rinr files alone")
    parser.add_argument("--readers", action="store_true", help="of formats that refinr reads by code of its own")
    parser.add_argument("--others", action="store_true", help="of the formats that other libraries read, mostly")
    parser.add_argument("--images", action="store_true", help="of compressed FITS images alone")
    parser.add_argument(
        "--keep", type=Path, help="add what came of it to this file, a line of JSON, and print all of it"
    )
    options = parser.parse_args()
    makers = {"others": other_seeds, "readers": reader_seeds, "inr": inr_seeds, "rinr": rinr_seeds}
    makers |= {"images": image_seeds}
    name = next((name for name in makers if getattr(options, name)), "")
    make = makers.get(name, make_seeds)
    kinds: dict[str, Counter[str]] = {}
    bad = count = 0
    for found in campaign(options.files, seed=options.seed, seconds=options.seconds, first=options.first, make=make):
        counter = kinds.setdefault(found.kind, Counter())
        counter[found.outcome] += 1
        counter[STOPPED] += found.detail == STOPPED
        counter[LOADED] += found.kind.endswith(OURS) and (found.detail == LOADED or found.outcome != "refused")
        count += 1
        if found.outcome in BAD:
            bad += 1
            print(f"file {found.index}, {found.kind}: {found.outcome}\n{found.detail}", file=sys.stderr, flush=True)
    rows = [{"of": name, "seed": options.seed, "first": options.first, "files": count, "kinds": kinds}]
    if options.keep is not None:
        with options.keep.open("a") as file:
            file.write(json.dumps(rows[0]) + "\n")
        rows = [json.loads(line) for line in options.keep.read_text().splitlines()]
    print("\n".join(table(rows)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
