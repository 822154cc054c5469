"""Measurements of speed and memory: each prints a table beside its targets and keeps both in `benchmarks/results`.

With this you can time one training step against the frameworks (`python -m benchmarks.step_time`), the way to zero
wrong bits (`python -m benchmarks.time_to_lossless`), and growth with the size of the image
(`python -m benchmarks.scaling`).  All take ``--quick``: tiny sizes, to see that everything runs, and no result files.

Times are for a quiet machine: nothing else may run.
"""
