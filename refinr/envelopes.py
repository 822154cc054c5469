"""All samples at once: a bound on the radii of `refinr.balls`, from the parameters alone and what inputs reach.

With this you can say how far any machine's outputs may be apart, whatever the sample (`Envelope`), for about what one
sample costs.  It is wide: where outputs come closer to a threshold than this, the balls of their samples decide.
"""

from __future__ import annotations

import numpy as np

from refinr.balls import NORMAL_CDF, Ball, Machines


class Envelope(Machines):
    """The arithmetic of `Machines` on bounds: what is in a ball's `mid` here is the largest magnitude of any sample.

    Formulas are those of rows of layers and activations.  Functions are taken at their largest, and at their steepest.
    """

    meeting = 2**62  # all samples are one

    def data(self, x: np.ndarray) -> Ball:
        """The largest of all samples."""
        z = super().data(x)
        return Ball(np.abs(z.mid).max(axis=1, keepdims=True), z.rad.max(axis=2, keepdims=True))

    def linear(self, h: Ball, w: np.ndarray, b: np.ndarray, gain: float) -> Ball:
        """Sums of magnitudes."""
        return super().linear(h, np.abs(w), np.abs(b), gain)

    def are_whole(self, h: Ball, *arrays: np.ndarray) -> bool:
        """Bounds do not say it."""
        return False

    def relu(self, z: Ball) -> Ball:
        """No larger than it was."""
        return z

    def sin(self, z: Ball) -> Ball:
        """At most 1, with slopes of at most 1."""
        return self.function(np.minimum(z.mid, 1.0), z, 1.0)

    def cos(self, z: Ball) -> Ball:
        """The same."""
        return self.function(np.ones_like(z.mid), z, 1.0)

    def tanh(self, z: Ball) -> Ball:
        """The same."""
        return self.sin(z)

    def bell(self, v: Ball) -> Ball:
        """``exp(-v^2)`` has slopes of at most ``sqrt(2 / e)``; what squares are off by, ``u v^2``, counts ``u / e``."""
        q = self.product(v, v)  # infinite where it overflows
        rad = np.where(np.isfinite(q.rad), v.rad + self.unit + self.tiny, np.inf)
        return self.function(np.ones_like(v.mid), Ball(v.mid, rad), 0.86)

    def normal_cdf(self, z: Ball) -> Ball:
        """Its slope is the density, at most 0.4."""
        return self.function(np.ones_like(z.mid), z, 0.4, NORMAL_CDF)
