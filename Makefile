# The commands of this repository; `make` alone lists them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Two test processes: more threads than that in each would only wait for one another.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadscope

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint format docs bench clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## find the resonance in the bundled sample (about three minutes)
	$(BIN)/hepflow demo

test: $(VENV)/.installed ## the tests, less those that take minutes each
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/.installed ## all tests
	$(PYTEST)

lint: $(VENV)/.installed ## style, types and the one-way imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed ## correct what the style check can correct
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/.installed ## the configuration reference from the schema, then the site in site/
	$(BIN)/python -m hepflow.config > docs/configuration.md
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[docs]"
	$(BIN)/mkdocs build --strict

bench: $(VENV)/.installed ## hepflow beside its peers
	for script in benchmarks/[a-z]*.py; do $(BIN)/python $$script || exit 1; done

clean: ## remove what was built, the environment too
	rm -rf $(VENV) build dist site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# For those who want hashes. Written whole or not at all; it names no host.
constraints-hashed.txt: constraints.txt tools/hashed_constraints.py $(VENV)/.installed
	$(BIN)/pip install --dry-run --ignore-installed --quiet --report $(VENV)/report.json --requirement constraints.txt
	$(BIN)/python tools/hashed_constraints.py < $(VENV)/report.json > $@.new
	mv $@.new $@

# constraints.txt chooses the versions; with them the CPU build of torch, where the machine has one at hand.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[test,dev,generate]"
	@touch $@
