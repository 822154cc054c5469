"""The command line: ``python -m paper_figures NAME|all|list|gallery|report --preset tiny|small|paper``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import paper_figures
from paper_figures import figures, gallery, registry, report, signals


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 if all that was asked for was done, 2 for a wrong question."""
    parser = argparse.ArgumentParser(
        "python -m paper_figures",
        description=paper_figures.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="+", help="names of figures, or all, list, gallery, report")
    parser.add_argument("--preset", choices=registry.PRESETS, default="small")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--output", type=Path, help="folder for data and pictures; default paper_figures/results/PRESET"
    )
    parser.add_argument("--data", type=Path, help="folder with kodak/, div2k/, testimages/, fivek/ or librispeech/")
    parser.add_argument("--force", action="store_true", help="compute even what is current")
    options = parser.parse_args(arguments)
    folder = options.output or registry.RESULTS / options.preset
    try:
        with signals.taken_from(options.data):
            return _do(options, folder)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"paper_figures: {error}", file=sys.stderr)
        return 2


def _do(options: argparse.Namespace, folder: Path) -> int:
    if options.what == ["list"]:
        for name in figures.NAMES:
            print(f"{name:<25}{registry.find(name).shows:<38}{registry.state(name, options.preset, folder)}")
        return 0
    if options.what == ["report"]:
        path = folder / "report.pdf"
        print(f"report: {path}, {report.write(options.preset, folder, path)} pages")
        return 0
    names = {("all",): figures.NAMES, ("gallery",): ()}.get(tuple(options.what), tuple(options.what))
    for name in names:
        registry.find(name)  # an unknown name is known before hours have passed
    start = time.perf_counter()
    for name in names:
        print(f"{name}: ", end="", flush=True)
        print(registry.run(name, options.preset, folder, options.seed, options.force), flush=True)
    kept = options.output is None and options.preset == "small" and options.data is None
    beside = Path(__file__).parent if kept else folder
    (beside / "README.md").write_text(gallery.page(options.preset, folder, beside))
    print(f"gallery: {beside / 'README.md'}; {time.perf_counter() - start:.0f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
