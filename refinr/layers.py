"""The linear layer, for one network or many at once: forward, and its gradient right below.

With this you can map N samples through E networks' weights (`linear`) and pull gradients back (`linear_backward`).
"""

from __future__ import annotations

from refinr.xp import Array, Cache, namespace


def linear(x: Array, w: Array, b: Array) -> tuple[Array, Cache]:
    """``y = x w + b``.

    Parameters
    ----------
    x : array (N, I), of one network or shared by all; or (E, N, I)
    w : array (I, O), of one network with x (N, I); or (E, I, O)
    b : array (1, O) or (E, 1, O), as w

    Returns
    -------
    y : array (N, O) or (E, N, O)
    cache : tuple
        For `linear_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> x, w, b = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([[5.0]])
    >>> y, cache = linear(x, w, b)
    >>> y.tolist(), [g.tolist() for g in linear_backward(np.ones((1, 1)), cache)]
    ([[16.0]], [[[1.0], [2.0]], [[1.0]], [[3.0, 4.0]]])
    """
    y = namespace(x).matmul(x, w)  # (E, N, O)
    y += b
    return y, (x, w)


def linear_backward(dy: Array, cache: Cache, *, input_gradient: bool = True) -> tuple[Array, Array, Array | None]:
    """``dw = x^T dy``, ``db = 1^T dy``, ``dx = dy w^T`` (summed over networks if they shared x).

    Parameters
    ----------
    dy : array, shape of y
    cache : tuple
    input_gradient : bool
        Without it dx is None and not computed: a first layer needs none.

    Returns
    -------
    dw, db, dx : arrays of the shapes of w, b, x
    """
    x, w = cache
    xp = namespace(dy)
    dw = xp.matmul(xp.matrix_transpose(x), dy)  # (E, I, O)
    ones = xp.ones_like(dy[..., :1] if dy.shape[-1] else xp.sum(dy, axis=-1, keepdims=True))  # (E, N, 1)
    db = xp.matmul(xp.matrix_transpose(ones), dy)  # (E, 1, O); as a product: ten times faster than a sum over axis -2
    return dw, db, through_weights(dy, w, x.ndim) if input_gradient else None


def through_weights(dy: Array, w: Array, axes: int) -> Array:
    """``dx = dy w^T``, the gradient of ``x w`` with respect to x; summed over networks if they shared x.

    Parameters
    ----------
    dy : array (N, O) or (E, N, O)
    w : array (I, O) or (E, I, O)
    axes : int
        Of x: with fewer than dy has, it was shared.

    Examples
    --------
    >>> import numpy as np
    >>> dy, w = np.ones((3, 1, 2)), np.ones((3, 4, 2))
    >>> through_weights(dy, w, 3).shape, through_weights(dy, w, 2).tolist()
    ((3, 1, 4), [[6.0, 6.0, 6.0, 6.0]])
    """
    xp = namespace(dy)
    wt = xp.matrix_transpose(w)  # (E, O, I)
    dx = dy * wt if dy.shape[-1] == 1 else xp.matmul(dy, wt)  # (E, N, I); one output: an outer product, no BLAS needed
    return xp.sum(dx, axis=0) if dx.ndim > axes else dx
