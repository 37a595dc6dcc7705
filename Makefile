# Mainspring's commands. `make` alone prints them; each sets up whatever it needs first.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
BROWSER := $(VENV)/.chromium
BENCH_VENV := .venv-bench
BENCH_READY := $(BENCH_VENV)/.ready
TOOLS_VENV := .venv-tools
CODE := $(wildcard src tests examples benchmarks)
CODE_OF_OURS := $(wildcard src examples benchmarks tools)

# Overridable: PYTHON=python3.13, PYTEST_ARGS="-k claim" (instead of two tests at a time), SEED=17, N=500
PYTHON ?= $(shell sh tools/find-python.sh)
PYTEST_ARGS ?=
SEED ?=
N ?=
DAYS ?=

.PHONY: help setup run test check fix format lint types contracts governance sim chaos bench lock reference clean

help:  ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## Make .venv with the locked dependencies and Mainspring itself, editable

run: $(READY)  ## Run the demo on an embedded SQLite file
	$(PY) examples/demo/run.py

test: check $(BROWSER)  ## Set up, pass every gate of `make check`, then run all tests
	$(PY) -m pytest $(or $(PYTEST_ARGS),-n 2)

check: format lint types contracts governance  ## Check format, lint, types, import contracts and background work

fix: $(READY)  ## Apply the formatter and the safe lint fixes
	$(VENV)/bin/ruff check --fix $(CODE)
	$(VENV)/bin/ruff format $(CODE)

sim: $(READY)  ## Simulate whole clusters with faults, and a year of schedules (SEED= replays one, N= sets how many, DAYS=)
	$(if $(SEED),MAINSPRING_TEST_SEED=$(SEED)) $(if $(N),MAINSPRING_TEST_SEEDS=$(N)) MAINSPRING_TEST_DAYS=$(or $(DAYS),365) $(PY) -m pytest tests/simulation $(PYTEST_ARGS)

chaos: $(READY)  ## Hurt real processes: kill -9, SIGSTOP, database restarts (minutes)
	$(PY) -m pytest tests -m chaos $(PYTEST_ARGS)

bench: $(BENCH_READY)  ## Measure Mainspring beside its peers and write a report (minutes)
	$(BENCH_VENV)/bin/python -m benchmarks $(BENCH_ARGS)

lock: $(READY)  ## Resolve requirements/*.txt anew, newest versions, with hashes
	sh tools/lock.sh

reference: $(READY)  ## Write docs/reference from the code
	$(PY) tools/reference.py

clean:  ## Remove everything that these commands made
	rm -rf $(VENV) $(BENCH_VENV) $(TOOLS_VENV) build dist .hypothesis .import_linter_cache .mainspring_cache .mypy_cache .pytest_cache .ruff_cache
	find $(CODE) -type d -name __pycache__ -prune -exec rm -rf {} +

# The gates, one by one.
format: $(READY)
	$(VENV)/bin/ruff format --check $(CODE)
lint: $(READY)
	$(VENV)/bin/ruff check $(CODE)
types: $(READY)
	$(VENV)/bin/mypy $(CODE)
contracts: $(READY)
	$(VENV)/bin/lint-imports --no-logo
governance: $(READY)
	$(VENV)/bin/mainspring check $(CODE_OF_OURS)

# The environments. A stamp keeps the second time quick.
$(READY): requirements/dev.txt requirements/uv.txt pyproject.toml
	@PYTHON="$(PYTHON)" sh tools/venv.sh $(VENV) requirements/dev.txt
	@touch $@
# The browser of the tests: the system's, installed where it is missing and we may. The stamp holds its path.
$(BROWSER): tools/chromium.sh $(READY)
	@sh tools/chromium.sh > $@.new && mv $@.new $@
$(BENCH_READY): requirements/bench.txt requirements/uv.txt pyproject.toml
	@PYTHON="$(PYTHON)" sh tools/venv.sh $(BENCH_VENV) requirements/bench.txt
	@touch $@
