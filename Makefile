# Everything a newcomer needs: `make first-run` and `make test`. Both make .venv/ themselves.
#
# PIP_ARGS passes extra arguments to pip, for another build of torch for example:
#   make install PIP_ARGS="--extra-index-url <index with CPU builds>"

PYTHON ?= python3
PIP_ARGS ?=
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet install --constraint .ci/constraints.txt
PYTEST_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
SLMWORKS := $(BIN)/slmworks
FAMILIES := text torch onnx inc serve
PROJECTS := pyproject.toml $(FAMILIES:%=plugins/%/pyproject.toml)

.PHONY: install first-run test test-slow lint types format schema clean

install: $(VENV)/installed

$(VENV)/installed: $(PROJECTS) .ci/constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) $(PIP_ARGS) pip setuptools wheel
	$(PIP) $(PIP_ARGS) --no-build-isolation \
		--editable '.[run,dev]' $(FAMILIES:%=--editable 'plugins/%[run]')
	touch $@

first-run: install
	$(SLMWORKS) run pipelines/first-run.yaml
	if $(SLMWORKS) models reviews | grep -q candidate; then $(SLMWORKS) approve reviews --because "first run"; fi
	$(SLMWORKS) serve reviews --ask "The screen is gorgeous, but the battery died after two days."

test: install lint types
	$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

test-slow: install
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: install
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

schema: install
	$(SLMWORKS) schema > pipelines/recipe.schema.json

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
