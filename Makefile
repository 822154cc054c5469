# `make demo` and `make test` each work alone on a fresh clone: they make .venv and install what they need.

PYTHON ?= python3
BIN := .venv/bin
EXACT := tests/theorems $(patsubst %,tests/test_%.py,planes decisions decompositions tiling inr) \
	tests/files/test_container.py tests/files/test_signals.py
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint docs bench fuzz corpus oracle mutants nightly tutorials notebooks figures report clean

demo: .venv/demo
	$(BIN)/refinr demo

test: lint
	$(BIN)/python -m pytest -n 2 -q

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The site: open docs/_build/html/index.html.  A warning is an error.
docs: .venv/docs
	$(BIN)/python -m sphinx -q -W --keep-going -j auto -c docs . docs/_build/html

fuzz: .venv/test
	$(BIN)/python -m tests.fuzz --files 100000 --seconds 1800
	$(BIN)/python -m tests.fuzz --files 100000 --seconds 1800 --others

corpus: .venv/bench
	$(BIN)/python -m benchmarks.corpus

bench: .venv/bench
	$(BIN)/python -m benchmarks.step_time
	$(BIN)/python -m benchmarks.time_to_lossless
	$(BIN)/python -m benchmarks.scaling
	$(BIN)/python -m benchmarks.resume
	$(BIN)/python -m benchmarks.kills
	$(BIN)/python -m benchmarks.cores
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.large
	$(BIN)/python -m benchmarks.region
	$(BIN)/python -m benchmarks.sizes
	$(BIN)/python -m benchmarks.prior
	$(BIN)/python -m benchmarks.directions
	$(BIN)/python -m benchmarks.photograph
	$(BIN)/python -m benchmarks.solve
	$(BIN)/python -m benchmarks.rivals
	$(BIN)/python -m benchmarks.large_solved
	$(BIN)/python -m benchmarks.fair
	$(BIN)/python -m benchmarks.demonstration
	$(BIN)/python -m benchmarks.activations
	$(BIN)/python -m benchmarks.pages
	$(BIN)/python -m benchmarks.expansion
	$(BIN)/python -m benchmarks.ternary
	$(BIN)/python -m benchmarks.weight_precision

tutorials: .venv/tutorials
	$(BIN)/jupyter lab tutorials

notebooks: .venv/tutorials
	$(BIN)/python tutorials/build.py

figures: .venv/figures
	$(BIN)/python -m paper_figures all --preset small

# Six to eight pages from the kept results: paper_figures/results/small/report.pdf
report: .venv/figures
	$(BIN)/python -m paper_figures report --preset small

# More than ten thousand mutants of refinr, each run against the tests that reach it: some hours on two idle cores.
# The first line of three makes them, finds out which test reaches which function, and runs one to see that all works.
mutants: export HYPOTHESIS_PROFILE = mutants
mutants: .venv/mutants
	rm -rf mutants
	$(BIN)/mutmut run refinr.losses.x_get__mutmut_1
	cd mutants && ../$(BIN)/python -m tests.mutants run
	$(BIN)/python -m tests.mutants

# What claims to be exact, on a hundred thousand examples and more: the last line counts them.
nightly: .venv/test
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -n 2 -q -m hypothesis $(EXACT)

oracle: .venv/bench
	$(BIN)/python -m examples.backends.report

clean:
	rm -rf .venv docs/_build docs/api mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis demo-output

$(BIN)/python:
	$(PYTHON) -m venv .venv

.venv/demo: pyproject.toml | $(BIN)/python
	$(PIP) -e .
	touch $@

EXTRAS := test docs figures mutants bench tutorials
$(EXTRAS:%=.venv/%): .venv/%: pyproject.toml | $(BIN)/python
	$(PIP) -e '.[$*]'
	touch $@
