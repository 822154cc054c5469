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
import gzip
import io
import json
import logging
import multiprocessing
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
import wave
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import refinr
from refinr.files import container, signals
from refinr.files.budget import COPIES, Budget
from tests import forging_rinr

SECONDS, BYTES = 2.0, 500_000_000
LOADED = "after it was loaded"
STOPPED = "in the process that other libraries read in, at its limits"
BAD = ("wrong", "crash", "hang", "memory")


class Seed(NamedTuple):
    """A good file, and what is in it."""

    suffix: str
    content: bytes
    samples: np.ndarray


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
    return inr_seeds() + reader_seeds() + rinr_seeds()


def rinr_seeds() -> list[Seed]:
    """`.rinr` files of all kinds of streams."""
    return [Seed(".rinr", content, samples) for content, samples in forging_rinr.good()]


def inr_seeds() -> list[Seed]:
    """`.inr` files of every version and kind of network, with residuals and undecided bits."""
    grey, colour, sound = _drawn(np.random.default_rng(0))
    seeds = []
    fits: list[tuple[np.ndarray, dict[str, Any]]] = [
        (grey, {"max_steps": 1}), (grey, {"max_steps": 60, "gray": True}), (colour[:3, :3], {"max_steps": 0}),
        (grey >> 5, {"max_steps": 400}), (grey, {"store": "bfloat16", "max_steps": 3}),
        (grey, {"decomposition": "none", "max_steps": 3}),
        (colour[:, 0].astype("f4"), {"decomposition": "none", "max_steps": 0}),
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
        return [Seed(p.suffix, p.read_bytes(), signals.read(p).samples) for p in sorted(Path(folder).iterdir())]


# --- hostile ones ----------------------------------------------------------------------------------------------------

NUMBERS = [0, 1, 2, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**60, 2**63 - 1, 2**63, 2**64 - 1]


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip, overwrite, cut, extend, delete, repeat; one to four times."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        at, end = sorted(int(i) for i in rng.integers(0, len(data) + 1, 2))
        if rng.random() < 0.5:  # where headers are
            at, end = min(at, int(rng.integers(0, 200))), min(end, at + int(rng.integers(1, 40)))
        match int(rng.integers(0, 8)):
            case 0 if data:
                data[at % len(data)] ^= 1 << int(rng.integers(0, 8))
            case 1:
                data[at : at + 1] = rng.bytes(1)
            case 2:
                size = int(rng.choice([1, 2, 4, 8]))
                number = int(NUMBERS[rng.integers(0, len(NUMBERS))]) % 256**size
                data[at : at + size] = number.to_bytes(size, "little" if rng.random() < 0.6 else "big")
            case 3:
                del data[at:]
            case 4:
                data += (
                    rng.bytes(int(rng.integers(1, 100))) if rng.random() < 0.5 else bytes(int(rng.integers(1, 5000)))
                )
            case 5:
                del data[at:end]
            case 6:
                data[at:at] = data[at:end]
            case _:
                data[at:end] = rng.bytes(end - at)
    return bytes(data)


DEEP = "a deep place"


def _hostile_value(rng: np.random.Generator, old: Any) -> Any:
    values: list[Any] = [
        2**60, 2**31, 2**200, 10**400, -1, 0, 1, 2, 3, 65, 1e300, -0.5, 1.5, 8.0, 1e-320, "", "x", "<f8", "<u8", ">i2",
        "V8", "O", "(1000000000)u8", "zlib", "xz", "none", "planes", "bit-coordinate", "relu", "wire",
        None, True, False,
        [], {}, [2**60], [2**30, 2**30], [2**20, 2**20, 2**20], [1] * 70, [1] * 100_000, [-1, 4], "9" * 5000,
        DEEP,
    ]  # fmt: skip
    if isinstance(old, int | float) and not isinstance(old, bool):
        values += [old + 1, old - 1, old * 2, old * 2**20, -old]
    if isinstance(old, list) and old:
        values += [old[::-1], old + old[:1], old[1:], [n * 2**20 if isinstance(n, int) else n for n in old], [old]]
    return values[rng.integers(0, len(values))]


def forge_inr(content: bytes, rng: np.random.Generator) -> bytes:
    """Another description or other arrays, with the digest to match."""
    (length,) = struct.unpack("<Q", content[:8])
    header, body = json.loads(content[8 : 8 + length]), content[8 + length :]
    description = json.loads(header.pop("__metadata__")["refinr"])
    arrays = {name: container._array(entry, np.frombuffer(body, np.uint8)) for name, entry in header.items()}
    if rng.random() < 0.5:  # behind the checks of the description: other numbers in arrays of the right kind
        return _inr(json.dumps(description), _other_numbers(arrays, rng))
    for _ in range(rng.integers(1, 4)):
        if rng.random() < 0.2:
            name = list(arrays)[rng.integers(0, len(arrays))]
            array = arrays[name]
            match int(rng.integers(0, 6)):
                case 0:
                    arrays[name] = array[1:]
                case 1:
                    arrays[name] = np.concatenate([array, array])
                case 2:
                    arrays[name] = array.astype(rng.choice(["f2", "f8", "i4", "u1"]))
                case 3:
                    arrays[name] = array[..., None]
                case 4 if len(arrays) > 1:
                    del arrays[name]
                case _:
                    arrays[name] = np.frombuffer(rng.bytes(array.nbytes), array.dtype).reshape(array.shape)
            continue
        parent: Any = description
        while True:
            keys: list[Any] = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
            key = keys[rng.integers(0, len(keys))]
            if not isinstance(parent[key], dict | list) or not parent[key] or rng.random() < 0.3:
                break
            parent = parent[key]
        if rng.random() < 0.1:
            del parent[key]
        else:
            parent[key] = _hostile_value(rng, parent[key])
        if not description:
            break
    depth = int(rng.choice([50, 500, 5000, 200_000]))
    left, right = ("[", "]") if rng.random() < 0.5 else ('{"a":', "}")
    text = json.dumps(description)  # NaN and Infinity included, which JSON has not
    return _inr(text.replace(f'"{DEEP}"', left * depth + "1" + right * depth), arrays)


def _other_numbers(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The same arrays with a few bits, numbers or all of them changed in one or two."""
    found = {name: array.copy() for name, array in arrays.items()}
    for name in rng.choice(list(found), int(rng.integers(1, 3))):
        raw = found[name].reshape(-1).view(np.uint8)
        places = rng.integers(0, max(1, raw.size), int(rng.choice([1, 3, 40])))
        if raw.size:
            raw[places] = rng.integers(0, 256, len(places)) if rng.random() < 0.7 else rng.choice([0, 127, 255])
    return found


def _inr(text: str, arrays: dict[str, np.ndarray]) -> bytes:
    version = 1 if '"version": 1,' in text else 2
    header: dict[str, Any] = {"__metadata__": {"refinr": text} | container._digests(arrays, text, version)}
    names, parts, end = {v: k for k, v in container._NAMES.items()}, [], 0
    for name, array in arrays.items():
        raw = np.ascontiguousarray(array).tobytes()
        dtype = names[array.dtype]
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [end, end := end + len(raw)]}
        parts.append(raw)
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + b"".join(parts)


def forge_png(content: bytes, rng: np.random.Generator) -> bytes:
    """Other chunks, with the checksums to match."""
    chunks, at = [], 8
    while at < len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        chunks.append([content[at + 4 : at + 8], bytearray(content[at + 8 : at + 8 + size])])
        at += 12 + size
    for _ in range(rng.integers(1, 4)):
        which = int(rng.integers(0, len(chunks)))
        name, data = chunks[which]
        match int(rng.integers(0, 4)):
            case 0 if name == b"IHDR" or rng.random() < 0.3:
                field = int(rng.choice([0, 4]))
                data[field : field + 4] = (int(rng.choice(NUMBERS[:11])) % 2**32).to_bytes(4, "big")
            case 1:
                chunks[which][1] = bytearray(mutate(bytes(data), rng))
            case 2:
                chunks.insert(which, [name, bytearray(data)])
            case _ if len(chunks) > 1:
                del chunks[which]
    framed = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return content[:8] + b"".join(framed)


def forge_gzip(content: bytes, rng: np.random.Generator) -> bytes:
    """Other bytes, with the checksum to match."""
    return gzip.compress(mutate(gzip.decompress(content), rng), mtime=0)


def forge_npz(content: bytes, rng: np.random.Generator) -> bytes:
    """Another array in the archive, with the checksum to match; perhaps under another name, or twice."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name if rng.random() < 0.9 else name[:-4], mutate(data, rng))
            if rng.random() < 0.1:
                archive.writestr(f"other{name}", data)
    return file.getvalue()


def forge_fits(content: bytes, rng: np.random.Generator) -> bytes:
    """Other values, or keywords, on the cards of the header."""
    data = bytearray(content)
    cards = [at for at in range(0, 2880, 80) if data[at : at + 80].strip()]
    for at in rng.choice(cards, int(rng.integers(1, 3))):
        if rng.random() < 0.8:
            value = str(int(NUMBERS[rng.integers(0, len(NUMBERS))]) * int(rng.choice([1, 1, 1, -1])))
            data[at + 10 : at + 80] = (
                rng.choice([value, "T", "'text'", "", "1.5", "16", "-64"]).rjust(20).ljust(70).encode()
            )
        else:
            data[at : at + 8] = bytes(data[rng.choice(cards) :][:8])
    return bytes(data)


FORGERS: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    ".nii.gz": forge_gzip,
    ".npz": forge_npz,
    ".fits": forge_fits,
}
"""Who makes files that checksums and heads let pass, by suffix."""


def hostile(seeds: list[Seed], seed: int, index: int) -> tuple[str, Seed, bytes]:
    """File `index`: how it was made, from which good one, and its bytes."""
    rng = np.random.default_rng([seed, index])
    original = seeds[rng.integers(0, len(seeds))]
    if original.suffix == ".inr" and rng.random() < 0.8:
        return "forged .inr", original, forge_inr(original.content, rng)
    if original.suffix == ".png" and rng.random() < 0.4:
        return "forged .png", original, forge_png(original.content, rng)
    if original.suffix == ".rinr" and rng.random() < 0.8:
        return "forged .rinr", original, forging_rinr.forge(original.content, rng)
    if original.suffix in FORGERS and rng.random() < 0.5:
        return f"forged {original.suffix}", original, FORGERS[original.suffix](original.content, rng)
    if rng.random() < 0.05:  # the middle of another file
        other = seeds[rng.integers(0, len(seeds))]
        cut = int(rng.integers(0, min(len(other.content), len(original.content))))
        content = original.content[:cut] + other.content[cut:]
        whole = content == other.content and other.suffix == original.suffix  # they begin alike
        return f"spliced {original.suffix}", other if whole else original, content
    return f"mutated {original.suffix}", original, mutate(original.content, rng)


# --- reading them ----------------------------------------------------------------------------------------------------


def judge(kind: str, original: Seed, content: bytes, path: Path) -> tuple[str, str]:
    """Read a file as users would: outcome and detail."""
    path.write_bytes(content)
    try:
        if original.suffix == ".inr":
            inr = refinr.load(path)
            try:
                samples = inr.decode()
            except (ValueError, refinr.LosslessError):
                return "refused", LOADED
            if not inr.lossless:
                return "no promise", ""
        elif original.suffix == ".rinr":
            samples = refinr.decompress(path.read_bytes(), limits=forging_rinr.LIMITS)
        else:
            samples, _ = signals.read(path)
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
    try:
        with wave.open(io.BytesIO(content)) as reader:
            stored, width = reader.readframes(reader.getnframes()), reader.getsampwidth()
    except Exception:  # formats that it does not know
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


def _child(pipe: Any, seeds: list[Seed], seed: int, indices: range, judge: Callable) -> None:
    logging.disable()  # what tifffile has to say
    warnings.simplefilter("ignore")  # numbers that overflow in forged networks
    signal.signal(signal.SIGPROF, _too_long)
    refinr.fit(np.zeros((2, 2), np.uint8), max_steps=1)  # loads what is loaded late
    _limit_memory()
    with tempfile.TemporaryDirectory() as folder:
        for index in indices:
            pipe.send((index, "being made"))
            kind, original, content = hostile(seeds, seed, index)
            pipe.send((index, kind))
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
        child = context.Process(target=_child, args=(theirs, seeds, seed, range(index, last), judge))
        child.start()
        theirs.close()
        kind = "nothing yet"
        try:
            while time.monotonic() < end:
                if not ours.poll(60):
                    yield Found(index, kind, "hang", "no word for a minute")
                    break
                message = ours.recv()
                if message is None:
                    return
                if isinstance(message, Found):
                    yield message
                    index = message.index + 1
                else:
                    index, kind = message
            else:
                return
        except EOFError:
            child.join()
            yield Found(index, kind, "crash", f"the process ended with {child.exitcode}")
        finally:
            child.kill()
            child.join()
        index += 1


def main() -> int:
    """Run a campaign and print the summary; 0 if nothing happened that must not."""
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=1200.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first file: to see one again")
    parser.add_argument("--inr", action="store_true", help="of .inr files alone")
    parser.add_argument("--rinr", action="store_true", help="of .rinr files alone")
    parser.add_argument("--others", action="store_true", help="of the formats that other libraries read, mostly")
    options = parser.parse_args()
    makers = {"others": other_seeds, "inr": inr_seeds, "rinr": rinr_seeds}
    make = next((makers[name] for name in makers if getattr(options, name)), make_seeds)
    table: dict[str, Counter[str]] = {}
    start, bad, stopped, loaded = time.monotonic(), 0, 0, 0
    for found in campaign(options.files, seed=options.seed, seconds=options.seconds, first=options.first, make=make):
        stopped += found.detail == STOPPED
        loaded += found.kind.endswith(".inr") and (found.detail == LOADED or found.outcome != "refused")
        table.setdefault(found.kind, Counter())[found.outcome] += 1
        if found.outcome in BAD:
            bad += 1
            print(f"file {found.index}, {found.kind}: {found.outcome}\n{found.detail}", file=sys.stderr, flush=True)
    outcomes = ["refused", "samples", "no promise", *BAD]
    print("| files |" + "".join(f" {name} |" for name in outcomes))
    print("|---|" + "---:|" * len(outcomes))
    total: Counter[str] = sum(table.values(), Counter())
    for kind, counts in [*sorted(table.items()), ("all", total)]:
        print(f"| {kind} |" + "".join(f" {counts[name]} |" for name in outcomes))
    print(f"{sum(total.values())} files in {time.monotonic() - start:.0f} s, seed {options.seed}; {stopped} refused")
    print(STOPPED)
    ours = sum(sum(counts.values()) for kind, counts in table.items() if kind.endswith(".inr"))
    print(f"{loaded} of {ours} .inr files were loaded: {loaded / max(1, ours):.0%}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
