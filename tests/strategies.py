"""What the properties are about: samples, codes, planes, grids and networks, as Hypothesis strategies.

Large things are drawn by seed and shape, not element by element: a network shrinks to a smaller network with the same
generator, and drawing stays cheap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refinr.mlp import MLP
from refinr.mlp import shapes as shapes_of

INTEGERS = [f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)]
FLOATS = ["f2", "f4", "f8"]
SAMPLE_DTYPES = [np.dtype("bool")] + [np.dtype(order + name) for order in "<>" for name in INTEGERS + FLOATS]
ANALYTIC = ("sine", "gauss", "wire", "tanh")

bit_counts = st.integers(1, 64)
radices = st.integers(1, 8)
seeds = st.integers(0, 2**32 - 1)


def shapes(min_dims: int = 0, max_dims: int = 3, max_side: int = 5) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes of signals, none empty."""
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, max_side=max_side)


def levels(bits: int) -> st.SearchStrategy[int]:
    """One quantisation level of a `bits`-bit signal, as a Python integer; the ends come often."""
    return st.sampled_from([0, 2**bits - 1]) | st.integers(0, 2**bits - 1)


@st.composite
def samples(draw: st.DrawFn, dtypes: list[np.dtype] = SAMPLE_DTYPES) -> np.ndarray:
    """A signal of any sample dtype and byte order, from raw bits: every NaN payload and -0.0 can occur."""
    dtype = draw(st.sampled_from(dtypes))
    shape = draw(shapes())
    if dtype.kind == "b":
        return draw(hnp.arrays(dtype, shape))
    raw = draw(hnp.arrays(f"u{dtype.itemsize}", shape))
    return raw.astype(raw.dtype.newbyteorder(dtype.byteorder)).view(dtype)


@st.composite
def codes(draw: st.DrawFn, bits: int) -> np.ndarray:
    """A signal of unsigned codes below ``2**bits``, in any unsigned dtype that holds them."""
    dtype = draw(st.sampled_from([f"u{size}" for size in (1, 2, 4, 8) if 8 * size >= bits]))
    return draw(hnp.arrays(dtype, draw(shapes()), elements=levels(bits)))


@st.composite
def code_pairs(draw: st.DrawFn, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Two signals of `bits`-bit codes with the same shape and dtype: an original and a reconstruction."""
    a = draw(codes(bits))
    return a, draw(hnp.arrays(a.dtype, a.shape, elements=levels(bits)))


@dataclass(frozen=True)
class Net:
    """Networks with everything a gradient needs: float64 parameters, samples, and the gradient at the outputs."""

    spec: MLP
    params: dict[str, np.ndarray]
    x: np.ndarray
    dz: np.ndarray


def net(spec: MLP, nets: int, samples: int, seed: int, *, shared: bool = True) -> Net:
    """`nets` networks of one description, from a generator of the tests' own.

    Weights are scaled so that the activations' arguments stay of order one, whatever the activation and the width.
    """
    rng = np.random.default_rng(seed)
    gain = max(spec.omega, spec.scale) if spec.activation not in ("relu", "tanh", "gelu") else 1.0
    params = {}
    for name, shape in shapes_of(spec).items():
        scale = 1.5 / (gain * spec.sizes[int(name[1:])] ** 0.5)
        params[name] = scale * rng.uniform(-1.0, 1.0, (nets, *shape))
    x = rng.uniform(-1.0, 1.0, (samples, spec.sizes[0]) if shared else (nets, samples, spec.sizes[0]))
    return Net(spec, params, x, rng.uniform(-1.0, 1.0, (nets, samples, spec.sizes[-1])))


@st.composite
def tiny_nets(draw: st.DrawFn, activations: tuple[str, ...] = ANALYTIC) -> Net:
    """Up to three networks with up to three layers of up to four neurons, at up to five samples."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4).map(tuple))
    omega, scale = draw(st.sampled_from([1.0, 2.0, 30.0])), draw(st.sampled_from([1.0, 10.0]))
    spec = MLP(sizes=sizes, activation=draw(st.sampled_from(activations)), omega=omega, scale=scale)
    return net(spec, draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(seeds), shared=draw(st.booleans()))
