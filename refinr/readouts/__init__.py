"""Networks whose hidden features are fixed: only the linear readout is unknown, and it is solved, not trained.

A network is ``z = F w``: N samples, D features, F (N, D) shared by all networks, w the readout of one of them.  It says
bit 1 where z > 0.  With a the outputs times the wanted signs S, the readouts that reproduce every bit are a convex set,
``a = S (F w) > 0``: whether there is one is decided by projections, and where there is none, a certificate says so.

One idea a module, in reading order: `features` (what F is), `real` (readouts of real numbers, two lines of algebra a
step), `infeasible` (why there is none), `integer` (readouts of a few whole levels), `choosing` (how many features each
network gets), `quantise` (real readouts in few bits).  Networks of a group are the last axis: signs and outputs (N, E).
"""
