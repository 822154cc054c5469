"""The reference as a backend: every operation that the oracle checks, in the form in which a backend offers it.

With this you can see what to write: a backend is a module, or an object, with functions of these names.  What each
computes stands in its docstring, in `refinr.oracle.leaf_operations`, `refinr.oracle.network_operations` and
`refinr.oracle.readout_operations`; a row of `OPERATIONS` says how its results are compared.  What holds for all:

- **Arguments** are arrays and plain options (bool, int, float, str, None, lists of these), all by name.  Leave arrays
  as they are.  They are NumPy arrays in the machine's byte order, mostly contiguous: but they may be read-only, in
  column-major order, have gaps between their numbers, or run backwards.
- **Refuse** by an exception what cannot be answered as it stands: files that are damaged, shapes that do not fit
  together, names that are not known, numbers that are not what the argument says (codes of more than `bits` bits,
  digits beyond the radix, a dtype too narrow for the result).  Never crop, cast, stretch or repeat.  The family
  `refused` and some cases of `container`, `codec` and `counts` have such calls; all others are valid.
- **Results** are a dict of arrays by name, in any order, that NumPy can read (``np.asarray``); numbers are arrays
  without axes.  They must stay as they are when the operation is called again.  Gradients are in the same call as the
  forward.  Whether the same call gives the same bits is only looked at if you ask for it (``--repeat``).
- **Dtypes**: float arguments come in the dtype that is checked, and float results must be in it.  Integers, and all
  arrays of an operation whose row is `fixed`, keep the dtypes that its docstring names, whatever is checked.  Inside
  you may compute in a wider dtype.
- **Shapes** are exact: E networks, N samples, I inputs and O outputs of a layer, each of which may be 1; N may be 0
  where the docstring says so.  Where x is (N, I), all networks share it.
- **Gradients** have the shape of what they belong to.  ``dy`` is the gradient of some number with respect to y, and
  ``dx`` the gradient of that number with respect to x.
- **Constants** like pi are those of float64, rounded once to the dtype; omega and other options are float64 too.
- **Not-a-number and infinities** are expected only where the docstring says so.
- **Leave out** what you have not got, functions as well as tensors of a result: the report counts it.  A function that
  is not finished raises NotImplementedError.
- **Errors** up to `refinr.oracle.compare.tolerance` are allowed, where the class of a tensor is not "bits": that is for
  any order of summation, and for functions that are off by up to about 4 ulp.  There results below the smallest normal
  number may be zero, but in float16.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from refinr.oracle.bounds import (
    Errors,
    disturbed,
    known,
    of_adam,
    of_margins,
    of_psnr,
    of_rmse,
    of_ssim,
    outputs,
    running,
)
from refinr.oracle.case import BITS, BOUNDED, DTYPES, TRAJECTORY
from refinr.oracle.codec_operations import (
    codec_contexts,
    codec_counts,
    codec_decode,
    codec_encode,
    codec_frequencies,
    codec_network,
)
from refinr.oracle.leaf_operations import (
    Tensors,
    activation_codes,
    bce_with_logits,
    finer,
    fourier_features,
    from_codes,
    from_planes,
    gauss,
    gelu,
    grid,
    integer_linear,
    layer_norm,
    linear,
    lookup,
    mae,
    mse,
    positional_encoding,
    relu,
    sine,
    tanh,
    ternary_linear,
    to_codes,
    to_planes,
    weight_codes,
    wire,
)
from refinr.oracle.network_operations import (
    adam,
    bit_error_rate,
    decide,
    decode,
    decode_file,
    init,
    mlp,
    psnr,
    rmse,
    ssim,
    ternary_mlp,
    train,
)
from refinr.oracle.readout_operations import (
    certificate,
    cosine_features,
    douglas_rachford,
    feature_ranks,
    integer_readout,
    legendre_features,
    message_passing,
    readout_margins,
    straight_through,
)


class Operation(NamedTuple):
    """All that the oracle knows of an operation."""

    call: Callable[..., Tensors]
    kind: str = BOUNDED
    """Comparison class of its float64 tensors; all others are compared by their bits."""
    errors: Errors = running
    """How far these may be off; without meaning where their class is "bits"."""
    fixed: bool = False
    """All arrays keep their dtypes, whatever dtype is checked."""
    dtypes: tuple[str, ...] = DTYPES
    """In which it is asked for at all."""


OPERATIONS: dict[str, Operation] = {
    "to_codes": Operation(to_codes, BITS, fixed=True),
    "from_codes": Operation(from_codes, BITS, fixed=True),
    "to_planes": Operation(to_planes, BITS, fixed=True),
    "from_planes": Operation(from_planes, BITS, fixed=True),
    "grid": Operation(grid, errors=known(1.0, 1.0)),  # steps added to an end of size 1
    "positional_encoding": Operation(positional_encoding),
    "fourier_features": Operation(fourier_features),
    "sine": Operation(sine),
    "finer": Operation(finer),
    "gauss": Operation(gauss),
    "wire": Operation(wire),
    "relu": Operation(relu),
    "tanh": Operation(tanh),
    "gelu": Operation(gelu),
    "linear": Operation(linear),
    "lookup": Operation(lookup),
    "weight_codes": Operation(weight_codes),
    "activation_codes": Operation(activation_codes),
    "layer_norm": Operation(layer_norm),
    "ternary_linear": Operation(ternary_linear),
    "integer_linear": Operation(integer_linear),
    "bce_with_logits": Operation(bce_with_logits),
    "mse": Operation(mse),
    "mae": Operation(mae),
    "init": Operation(init, errors=known(4.0)),  # a bound times a draw; the bound from a quotient, a root, a quotient
    "mlp": Operation(mlp),
    "ternary_mlp": Operation(ternary_mlp),
    "adam": Operation(adam, errors=of_adam),
    # in the narrower ones the squares of gradients vanish
    "train": Operation(train, TRAJECTORY, disturbed, dtypes=("float64", "float32")),
    "bit_error_rate": Operation(bit_error_rate, errors=known(1.0), fixed=True),
    "rmse": Operation(rmse, errors=of_rmse, fixed=True),
    "psnr": Operation(psnr, errors=of_psnr, fixed=True),
    "ssim": Operation(ssim, errors=of_ssim, fixed=True),
    "decide": Operation(decide, BITS),
    "decode": Operation(decode, errors=outputs),
    "decode_file": Operation(decode_file, BITS, fixed=True),
    "feature_ranks": Operation(feature_ranks, BITS, fixed=True),
    "cosine_features": Operation(cosine_features),
    "legendre_features": Operation(legendre_features, BITS, fixed=True),
    "douglas_rachford": Operation(douglas_rachford),
    "straight_through": Operation(straight_through),
    "message_passing": Operation(message_passing),
    "readout_margins": Operation(readout_margins, errors=of_margins),
    "integer_readout": Operation(integer_readout, BITS, fixed=True),
    "certificate": Operation(certificate, BITS, fixed=True),
    "codec_contexts": Operation(codec_contexts, BITS, fixed=True),
    "codec_network": Operation(codec_network, BITS, fixed=True),
    "codec_frequencies": Operation(codec_frequencies, BITS, fixed=True),
    "codec_encode": Operation(codec_encode, BITS, fixed=True),
    "codec_decode": Operation(codec_decode, BITS, fixed=True),
    "codec_counts": Operation(codec_counts, BITS, fixed=True),
}
"""Every operation, by its name."""
