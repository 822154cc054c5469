"""The fingerprint of a process's arithmetic: the same again and elsewhere on this processor, another on another."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from concurrent.futures import Executor, Future

import numpy as np
import pytest

import refinr
from refinr import arithmetic
from refinr.arithmetic import Alike, fingerprint

IMAGE = np.random.default_rng(0).integers(0, 4, (6, 6)).astype(np.uint8)
SAY = "from refinr.arithmetic import fingerprint; print(fingerprint().hex())"
OTHER = {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL"}


class Elsewhere(Executor):
    """Workers of another machine: what they are sent is pickled, and they compute otherwise."""

    def submit(self, fn, /, *args, **kwargs) -> Future:  # type: ignore[override]
        future: Future = Future()
        with pytest.MonkeyPatch.context() as patch:
            call = pickle.loads(pickle.dumps(fn))
            patch.setattr(arithmetic, "fingerprint", lambda: b"elsewher")
            try:
                future.set_result(call(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)
        return future


@pytest.mark.parametrize("kernels", [{}, OTHER], ids=["alike", "other"])
def test_processes_of_one_processor_are_alike_and_others_are_not(kernels):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SAY],
        env=os.environ | kernels,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout.strip() == fingerprint().hex()) == (not kernels)


@pytest.mark.parametrize("what", ["version", "sine", "product"])
def test_what_it_depends_on(monkeypatch, what):
    before = fingerprint()
    if what == "version":
        monkeypatch.setattr(np, "__version__", "2.99")
    elif what == "sine":
        sin = np.sin
        monkeypatch.setattr(
            np, "sin", lambda x, *rest, **options: np.nextafter(sin(x, *rest, **options), x.dtype.type(9))
        )
    else:
        matmul = np.matmul
        monkeypatch.setattr(np, "matmul", lambda a, b: np.nextafter(matmul(a, b), a.dtype.type(9)))
    assert arithmetic.fingerprint.__wrapped__() != before
    monkeypatch.undo()
    assert arithmetic.fingerprint.__wrapped__() == before


@pytest.mark.parametrize("verb", [refinr.fit, refinr.solve])
def test_unlike_workers_are_refused_unless_mixing_is_asked_for(verb):
    with pytest.raises(RuntimeError, match=r"a worker \(refinr .*, NumPy .*\) computes otherwise .*mixed=True"):
        verb(IMAGE, executor=Elsewhere())
    assert verb(IMAGE, executor=Elsewhere(), mixed=True).lossless


def test_whole_numbers_are_the_same_everywhere():
    assert refinr.solve(IMAGE, weights="ternary", executor=Elsewhere()).lossless


def test_alike_calls_with_all_it_is_given():
    assert Alike(dict)([("a", 1)], b=2) == {"a": 1, "b": 2}
