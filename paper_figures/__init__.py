"""The paper's figures and tables, each computed anew and compared with what the paper says.

With this you can run ``python -m paper_figures NAME|all|list|gallery --preset tiny|small|paper``.

One module is one figure or table.  To add one, write a module with

- ``TITLE``, a heading, ``SHOWS``, what in the paper it answers to, and ``PICTURES``, its pictures with their captions;
- ``PRESETS``, settings in JSON values for "tiny" (seconds: the tests run it), "small" (minutes on two cores: its
  results are kept in the repository) and "paper" (the paper's sizes, on a GPU);
- ``compute(preset, rng) -> dict`` in JSON values, where ``preset`` is the name and ``rng`` a NumPy generator; it runs
  its cases through `paper_figures.resume.each`, so that a run that was cut short goes on where it stopped;
- ``plot(data) -> dict`` of matplotlib figures by name, drawn from those data alone; if wanted, ``tables(data)``, rows
  by heading;
- ``CLAIMS``, a tuple of `paper_figures.claims.Claim`, each judged from the data by a stated rule;

and name it in `paper_figures.registry.NAMES`.  Files, provenance, checksums, staleness, the list and the gallery page
follow.  What happens after the data file (``plot``, ``tables``, ``CLAIMS``, titles, and functions whose names begin
with ``_draw`` or ``_judge``) may change without the data becoming stale.

The paper: Han et al., "Towards Lossless Implicit Neural Representation via Bit Plane Decomposition", CVPR 2025.
"""
