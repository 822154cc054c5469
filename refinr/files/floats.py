"""What rounding depends on: the float types that networks are computed and stored in.

With this you can look up a type's unit roundoff, its smallest normal and its largest number (`FLOAT_TYPES`).
"""

from __future__ import annotations

from typing import NamedTuple


class FloatType(NamedTuple):
    """A binary float type: p significant bits, and its smallest and greatest exponent (IEEE 754, Sec. 3.3)."""

    precision: int
    smallest: int
    greatest: int

    @property
    def unit(self) -> float:
        """Unit roundoff, ``2^-p``: rounding to nearest changes a normal number by this share at most."""
        return 2.0**-self.precision

    @property
    def eps(self) -> float:
        """Step from 1 to the next number, ``2^(1 - p)``."""
        return 2.0 * self.unit

    @property
    def tiny(self) -> float:
        """Smallest normal number; below it many machines flush to zero."""
        return 2.0**self.smallest

    @property
    def subnormal(self) -> float:
        """Smallest number above zero of machines that do not."""
        return self.tiny * self.eps

    @property
    def power(self) -> float:
        """Largest power of two."""
        return 2.0**self.greatest

    @property
    def largest(self) -> float:
        """Largest finite number."""
        return (2.0 - self.eps) * self.power


FLOAT_TYPES = {
    "float64": FloatType(53, -1022, 1023),
    "float32": FloatType(24, -126, 127),
    "float16": FloatType(11, -14, 15),
    "bfloat16": FloatType(8, -126, 127),
}
