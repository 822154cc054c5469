"""refinr itself on another array library: CuPy on a GPU, array-api-strict in the tests.

    refinr oracle check examples.backends.array_api:cupy
    refinr oracle check examples.backends.array_api:strict

The functions are those of `refinr.oracle.operations`; arrays are taken to the library and brought back.
"""

import numpy as np

from refinr.oracle import operations
from refinr.xp import get, to_host

ON_THE_HOST = {"to_codes", "from_codes", "grid", "init", "decide", "decode_file"}


class Library:
    """A backend made of the reference and an array library, by its name in `refinr.xp`."""

    def __init__(self, name):
        self.xp, self.__name__ = get(name), f"refinr on {name}"

    def __getattr__(self, operation):
        function = getattr(operations, operation)
        if operation in ON_THE_HOST:
            return function
        return lambda **arguments: self._run(function, arguments)

    def _run(self, function, arguments):
        there = {k: self._to(v) if isinstance(v, np.ndarray) else v for k, v in arguments.items()}
        result = function(**there)
        return {k: v if isinstance(v, np.ndarray | np.generic) else to_host(v) for k, v in result.items()}

    def _to(self, array):
        if self.xp.__name__ == "array_api_strict":  # a device that mixes with no other: transfers unasked for raise
            return self.xp.asarray(array, copy=True, device=self.xp.Device("device1"))
        return self.xp.asarray(array)


def cupy():
    return Library("cupy")


def strict():
    return Library("array-api-strict")
