# Everything a person needs: `make demo` and `make test`. Each does all the set-up there is, once;
# a step is redone only when what it is made from has changed.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null 2>&1 && \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
STEP := tools/step.sh
# Two at a time: most of a story test is one engine and one local AWS.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# Where it is set, as containers do, every start of a Python would compile all of the SDKs again: seconds each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check lint bench soak lock docs clean setup
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: .make/installed .make/engine ## .venv with the command, and the Pulumi engine

.make/venv: requirements/bootstrap.txt
	@mkdir -p .make
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or say where it is: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(STEP) "Python environment in .venv" .make/venv.log $(PYTHON) -m venv --clear .venv
	@$(STEP) "Installer" .make/bootstrap.log $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

.make/requirements: .make/venv requirements/dev.txt
	@$(STEP) "Locked requirements" .make/requirements.log $(BIN)/uv pip install --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

.make/installed: .make/requirements pyproject.toml setup.py
	@$(STEP) "The command $(BIN)/fedml-infra" .make/install.log $(BIN)/uv pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.make/engine: .make/installed tools/pulumi/go.mod tools/pulumi/go.sum fedml_infra/engine/version.py
	@$(STEP) "Pulumi engine" - $(BIN)/python -m fedml_infra.engine.install
	@touch $@

demo: setup ## a federation of three organisations, from nothing to nothing; and its picture, demo-federation.svg
	@$(BIN)/fedml-infra demo --picture demo-federation.svg

test: setup ## all tests but the exhaustive ones
	@$(PYTEST) -m "not soak"

soak: setup ## the exhaustive tests, and every property with a hundred thousand inputs (an hour or more)
	@FEDML_INFRA_SOAK=1 $(PYTEST) -m "soak or property"

check: .make/installed ## ruff, format, mypy strict, import arrows, lock files and generated files in step
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tools/lock.py --check

bench: setup ## the table of times and memory
	@$(BIN)/python -m tools.bench

lock: .make/venv ## requirements/*.txt from pyproject.toml
	@$(BIN)/python tools/lock.py

docs: .make/installed ## the generated reference and the schema
	@$(BIN)/python -m fedml_infra.model.schema
	@$(BIN)/python tools/reference.py

clean: ## all that make made here; the engine's cache stays
	@rm -rf .venv .make build dist ./*.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
