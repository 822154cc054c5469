"""The example backend in PyTorch that is compiled, before it is: a file of its own, for few have PyTorch."""

from __future__ import annotations

import torch

from examples.backends import torch_compiled
from refinr import oracle


def test_torch_compiled():
    """Its functions as they are before they are compiled, which takes a minute each on a busy machine."""
    with torch.compiler.set_stance("force_eager"):
        report = oracle.check_backend(torch_compiled, ["activations", "layers", "losses", "refused.[lm]*"], quiet=True)
    assert report.ok, str(report)
    assert report.families()["all"]["not implemented"] == 2  # mlp
    assert not any(result.left_out for result in report.results)
