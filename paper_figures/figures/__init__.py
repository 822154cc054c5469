"""The paper's figures and tables, a module each; `paper_figures` says what one consists of.

`NAMES` has them in the order of the gallery page: a new module is named there.
"""

NAMES = (
    "bounds",
    "bit_bias",
    "bit_weights",
    "first_scale",
    "nary",
    "losses",
    "convergence",
    "comparison",
    "microscopy",
    "combined",
    "bit_spectral",
    "audio",
    "speech",
    "channels",
    "time_to_lossless",
    "decoding",
    "readouts",
    "ternary",
    "weight_precision",
    "weight_precision_direct",
    "volumes",
    "expansion",
    "compression",
    "digits",
    "digit_networks",
)
