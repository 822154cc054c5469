# `make demo` and `make test` each work alone on a fresh clone: they make .venv and install what they need.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint bench oracle clean

demo: .venv/demo
	$(BIN)/refinr demo

test: lint
	$(BIN)/python -m pytest -n 2 -q

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/bench
	$(BIN)/python -m benchmarks.step_time
	$(BIN)/python -m benchmarks.time_to_lossless
	$(BIN)/python -m benchmarks.scaling

oracle: .venv/bench
	$(BIN)/python -m examples.backends.report

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis demo-output

$(BIN)/python:
	$(PYTHON) -m venv .venv

.venv/demo: pyproject.toml | $(BIN)/python
	$(PIP) -e .
	touch $@

.venv/test: pyproject.toml | $(BIN)/python
	$(PIP) -e '.[test]'
	touch $@

.venv/bench: pyproject.toml | $(BIN)/python
	$(PIP) -e '.[bench]'
	touch $@
