"""The paper's figures and tables, each computed anew and compared with what the paper says.

With this you can run ``python -m paper_figures NAME|all|list|gallery|report --preset tiny|small|paper``.

One module in `paper_figures.figures` is one figure or table.  To add one, write a module with a row ``FIGURE``, a
`paper_figures.figure.Figure`, and name it in `paper_figures.figures.NAMES`.  Files, provenance, checksums, staleness,
the list and the gallery page follow.

What happens after the data file (drawing, tables, claims, texts) may change without the data becoming stale: what
counts is the code that ``compute`` uses, and its settings.  So a figure states all settings of its fits (see
`paper_figures.fits`) and relies on none of `refinr`'s defaults.

The paper: Han et al., "Towards Lossless Implicit Neural Representation via Bit Plane Decomposition", CVPR 2025.
"""
