# Everything a newcomer needs: `make first-run` and `make test`. Both make .venv/ themselves. `make help` lists the rest.
#
# PIP_ARGS passes extra arguments to pip, for another build of torch for example:
#   make install PIP_ARGS="--extra-index-url <index with CPU builds>"
# An index with builds that the locks don't list is refused; install such a build over the environment afterwards.

PYTHON ?= python3
PIP_ARGS ?=
# What is installed is in a lock with its sha256 (`make lock`), dependencies of dependencies too, and what builds those
# that are sources only. Our own distributions follow from their folders. $1: the environment, $2: its lock.
PIP = bin/python -m pip --disable-pip-version-check --quiet
locked = $1/$(PIP) install --require-hashes --no-deps --no-build-isolation $(PIP_ARGS)
define install_locked
	$(call say,$1: what builds packages)
	$(call locked,$1) --requirement .ci/build-lock.txt
	$(call say,$1: $(shell grep -c == $2) packages of $2)
	$(call locked,$1) --requirement $2
endef
# a line a step: pip is quiet, and some of them take minutes
say = @echo "$$(date +%H:%M:%S) $1"
ours = $1/$(PIP) install --no-deps --no-build-isolation
PYTEST_ARGS ?=
PATIENT := -o faulthandler_timeout=7200
VENV := .venv
BIN := $(VENV)/bin
SLMWORKS := $(BIN)/slmworks
FAMILIES := text torch onnx inc gguf hosted serve kubernetes lm-eval
PROJECTS := pyproject.toml $(FAMILIES:%=plugins/%/pyproject.toml)

AIRFLOW_VENV := .venv-airflow
DOCS_VENV := .venv-docs
TOOLS_VENV := .venv-tools

.PHONY: help install install-run install-airflow install-spark first-run first-generator airflow check test test-slow test-kills test-airflow test-spark test-docker lint types format \
	schema docs site pictures goldens chart conformance families generator-families findings wheels images lock sbom clean
.NOTPARALLEL:
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(VENV)/installed ## .venv/ with slmworks, every family and the tools

install-run: $(VENV)/runs ## .venv/ with what recipes need here: without the tools of tests and Kubeflow

# torch's CPU build where an index offers it, else PyPI's, which needs CUDA's libraries on Linux.
TORCH_LOCKS := .ci/torch-cpu-lock.txt .ci/cuda-lock.txt
NEEDS_CUDA = import sys, importlib.metadata as m; sys.exit(not any("nvidia" in r for r in m.requires("torch")))

define install_main
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(call say,$(VENV): torch without CUDA$(comma) where an index has it)
	$(call locked,$(VENV)) --requirement .ci/torch-cpu-lock.txt 2>/dev/null || true
	$(call install_locked,$(VENV),$1)
	$(call say,$(VENV): CUDA$(comma) if this torch needs it)
	if $(BIN)/python -c '$(NEEDS_CUDA)'; then $(call locked,$(VENV)) --requirement .ci/cuda-lock.txt; fi
	$(call say,$(VENV): slmworks and its families)
	$(call ours,$(VENV)) --editable . $(FAMILIES:%=--editable plugins/%)
	$(VENV)/$(PIP) check
endef
comma := ,

$(VENV)/installed: $(PROJECTS) .ci/build-lock.txt .ci/lock.txt $(TORCH_LOCKS)
	$(call install_main,.ci/lock.txt)
	touch $@ $(VENV)/runs

$(VENV)/runs: $(PROJECTS) .ci/build-lock.txt .ci/run-lock.txt $(TORCH_LOCKS)
	$(call install_main,.ci/run-lock.txt)
	touch $@

# Airflow has an environment of its own: the light forms of the families, and its Kubernetes provider, which
# excludes kfp's version of the same client.
install-airflow: $(AIRFLOW_VENV)/installed ## .venv-airflow/ with Airflow

$(AIRFLOW_VENV)/installed: $(PROJECTS) plugins/airflow/pyproject.toml .ci/build-lock.txt .ci/airflow-lock.txt
	test -x $(AIRFLOW_VENV)/bin/python || $(PYTHON) -m venv $(AIRFLOW_VENV)
	$(call install_locked,$(AIRFLOW_VENV),.ci/airflow-lock.txt)
	$(call say,$(AIRFLOW_VENV): slmworks and its families)
	$(call ours,$(AIRFLOW_VENV)) --editable . $(FAMILIES:%=--editable plugins/%) --editable plugins/airflow
	$(AIRFLOW_VENV)/$(PIP) check
	touch $@

first-run: install-run ## the first recipe, to an approved and answering model
	$(SLMWORKS) run pipelines/first-run.yaml
	if $(SLMWORKS) models reviews | grep -q candidate; then $(SLMWORKS) approve reviews --because "first run"; fi
	$(SLMWORKS) serve reviews --ask "The screen is gorgeous, but the battery died after two days."

ASKED := Good evening, could you do a table for six on Friday at half past seven? It's Moreau.
first-generator: install-run ## a tuned generator, SmolLM2 that writes bookings as JSON, to an approved and chatting model
	$(SLMWORKS) run pipelines/first-generator.yaml
	if $(SLMWORKS) models bookings | grep -q candidate; then $(SLMWORKS) approve bookings --because "first generator"; fi
	echo "$(ASKED)" | $(SLMWORKS) chat bookings --system "The booking in JSON, null for what is missing."

airflow: install install-airflow ## Airflow with our DAGs on 127.0.0.1; Ctrl-C stops it
	$(AIRFLOW_VENV)/bin/python -m slmworks_airflow --mlflow-python $(BIN)/python $(AIRFLOW_ARGS)

# What a change is checked with while it is made: nothing that trains, serves or starts another program for long.
QUICK := tests/contract --ignore=tests/contract/test_runtime.py tests/recipe tests/gate tests/registry tests/machine \
	tests/house/test_docs.py tests/house/test_habits.py tests/house/test_readme.py tests/house/test_rooms.py

check: install lint types ## under a minute: ruff, mypy and the quick tests
	$(BIN)/python -m pytest -q -n 2 $(QUICK) $(PYTEST_ARGS)

test: install install-airflow $(DOCS_VENV)/installed lint types ## ruff, mypy and every test but the marked ones
	$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

test-slow: install install-airflow ## tests that take minutes
	$(BIN)/python -m pytest $(PATIENT) -m slow $(PYTEST_ARGS)

KILLED := tests/text/test_curation_kills.py tests/retention/test_kills.py tests/teachers/test_killed.py tests/teachers/test_killed_distillation.py
test-kills: install ## of the slow tests those that kill `slmworks gc` 50 times, a curation and each kind of teacher 20 times: 8 minutes
	$(BIN)/python -m pytest -n 0 -m slow $(KILLED) $(PYTEST_ARGS)

test-airflow: install install-airflow ## tests that start Airflow's components
	$(BIN)/python -m pytest $(PATIENT) -m airflow tests/airflow $(PYTEST_ARGS)

install-spark: install ## into .venv/ the engine spark and pyspark (0.5 GB); it needs Java 17
	$(VENV)/$(PIP) install --no-build-isolation --editable 'plugins/spark[run]'

test-spark: install-spark ## tests that start Apache Spark
	$(BIN)/python -m pytest $(PATIENT) -n 0 -m spark tests/spark $(PYTEST_ARGS)

test-docker: install ## tests that run the images in a Docker Engine
	IMAGE="$(call tag,{})" DOCKER="$(DOCKER)" $(BIN)/python -m pytest $(PATIENT) -m docker tests/docker $(PYTEST_ARGS)

FINDING ?= *
findings: ## what other people's software does that nobody would guess: runs findings/*.sh, or FINDING=name
	for script in findings/$(FINDING).sh; do echo "== $$script"; bash "$$script" || exit 1; done

families: install ## every step on a small model of each family, and the tables for the docs: half an hour
	OMP_NUM_THREADS=1 $(BIN)/python tests/e2e/family_table.py --work build/families --to docs/families.md
	OMP_NUM_THREADS=1 $(BIN)/python tests/e2e/smaller_table.py --work build/families --to docs/families.md

generator-families: install ## the same for generators: sft, students, pruning, quantization, release, chat: 10 minutes
	OMP_NUM_THREADS=1 $(BIN)/python tests/e2e/generator_table.py --work build/families --to docs/families.md

RECIPE ?= pipelines/first-run.yaml
TO ?= docs/conformance.md
SMALLER ?=
conformance: install install-airflow ## one recipe on every engine, and the table of its digests for the docs
	$(BIN)/python tests/e2e/conformance.py $(RECIPE) --to $(TO) $(SMALLER)

lint: install ## ruff
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: install ## mypy
	$(BIN)/mypy

format: install ## mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

chart: install ## the chart's README, schema and golden renders, from its values and templates
	$(BIN)/python helm/readme.py
	GOLDEN=write $(BIN)/python -m pytest tests/helm $(PYTEST_ARGS)

schema: install ## the JSON schemas of recipes and engine files
	$(SLMWORKS) schema > pipelines/recipe.schema.json
	$(SLMWORKS) schema engine-file > pipelines/engines/engine.schema.json

docs: install ## what docs/ says of plugins, commands and formats
	$(BIN)/python docs/reference.py

# What makes the site has an environment of its own: nothing of it is needed to run or to test a recipe.
$(DOCS_VENV)/installed: .ci/docs-lock.txt
	test -x $(DOCS_VENV)/bin/python || $(PYTHON) -m venv $(DOCS_VENV)
	$(call say,$(DOCS_VENV): MkDocs)
	$(call locked,$(DOCS_VENV)) --requirement .ci/docs-lock.txt
	touch $@

site: $(DOCS_VENV)/installed ## the documentation as a site: build/site/index.html
	$(DOCS_VENV)/bin/python docs/site/stage.py build
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs --quiet build --strict --config-file build/mkdocs.yml

pictures: install ## the pictures in docs/, from a small run
	$(BIN)/python docs/pictures.py

goldens: install install-airflow ## what is compiled for Kubeflow and Airflow; look at the difference
	GOLDEN=write $(BIN)/python -m pytest -q -n 0 tests/engines/test_golden.py tests/airflow/test_dags.py $(PYTEST_ARGS)

# Container images, one for the core and one a family:
#   make images IMAGES="text serve" REGISTRY=registry.example/team TAG=v1 DOCKER=podman
# Wheels are downloaded for this machine's Python and platform, which must be the base image's.

IMAGES ?= core $(FAMILIES)
DOCKER ?= docker
DOCKER_ARGS ?=
BASE ?= python:3.11-slim
REGISTRY ?=
TAG ?= $(VERSION)
VERSION = $(lastword $(shell $(SLMWORKS) --version))
REVISION = $(or $(shell git rev-parse HEAD),unknown)$(if $(shell git status --porcelain),-dirty)
WHEELS := build/wheels
SOURCES = $(shell find components plugins ! -path '*/__pycache__*' ! -path '*.egg-info*')

include .ci/images.mk
tag = $(addsuffix /,$(REGISTRY:%/=%))slmworks-$1:$(TAG)

wheels: $(IMAGES:%=$(WHEELS)/%/complete) ## the wheelhouses that images are built from

# setuptools would also pack what older builds left in build/lib.
$(WHEELS)/ours/complete: $(VENV)/installed $(SOURCES) pyproject.toml README.md LICENSE
	rm -rf $(@D) build/lib plugins/*/build
	SOURCE_DATE_EPOCH=315532800 $(BIN)/python -m pip --disable-pip-version-check --quiet wheel \
		--no-deps --no-build-isolation --wheel-dir $(@D) . $(FAMILIES:%=./plugins/%)
	rm -rf build/lib build/bdist.* plugins/*/build
	touch $@

# What several images need is there once: links to one folder. Our own wheels come with every change, in the next rule.
$(IMAGES:%=$(WHEELS)/%/resolved): $(WHEELS)/%/resolved: .ci/images.mk $(PROJECTS) .ci/constraints.txt \
		.ci/lock.txt $(TORCH_LOCKS) | $(WHEELS)/ours/complete
	rm -rf $(@D)
	mkdir -p $(@D) $(WHEELS)/all
	$(BIN)/python -m pip --disable-pip-version-check --quiet download --only-binary :all: \
		--constraint .ci/constraints.txt $(PIP_ARGS) --dest $(@D)/dependencies $(WHEELS)/ours/*.whl $(install-$*)
	rm $(@D)/dependencies/slmworks*.whl
	$(BIN)/python .ci/wheelhouse.py $(@D)/dependencies > $(@D)/requirements.txt
	cd $(@D)/dependencies && for wheel in *.whl; do \
		ln $$wheel ../../all/$$wheel 2>/dev/null || ln -f ../../all/$$wheel $$wheel; done
	touch $@

$(IMAGES:%=$(WHEELS)/%/complete): $(WHEELS)/%/complete: $(WHEELS)/%/resolved $(WHEELS)/ours/complete
	rm -rf $(@D)/slmworks
	mkdir $(@D)/slmworks
	ln $(WHEELS)/ours/*.whl $(@D)/slmworks
	touch $@

.PHONY: $(IMAGES:%=image-%)
images: $(IMAGES:%=image-%) ## container images, one for the core and one a family

$(IMAGES:%=image-%): image-%: $(WHEELS)/%/complete
	$(DOCKER) build $(DOCKER_ARGS) --file Containerfile --tag $(call tag,$*) --build-arg BASE=$(BASE) \
		--build-arg INSTALL="$(install-$*)" --build-arg TITLE=slmworks-$* --build-arg DESCRIPTION="$(about-$*)" \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) $(WHEELS)/$*

# Tools of releases have an environment of their own, so that they are no part of what they describe.
$(TOOLS_VENV)/installed: .ci/tools-lock.txt
	test -x $(TOOLS_VENV)/bin/python || $(PYTHON) -m venv $(TOOLS_VENV)
	$(call locked,$(TOOLS_VENV)) --requirement .ci/tools-lock.txt
	touch $@

lock: $(TOOLS_VENV)/installed ## the locks: every file with its sha256, from the constraints
	$(TOOLS_VENV)/bin/python .ci/lock.py $(TOOLS_VENV)/bin/uv

SBOM := build/sbom
CYCLONEDX = $(TOOLS_VENV)/bin/cyclonedx-py
SBOM_ARGS := --output-reproducible --output-format JSON

sbom: $(SBOM)/environment.json $(SBOM)/airflow-environment.json ## CycloneDX: both environments and each wheelhouse
	for image in $(notdir $(patsubst %/requirements.txt,%,$(wildcard $(WHEELS)/*/requirements.txt))); do \
		$(CYCLONEDX) requirements $(SBOM_ARGS) --output-file $(SBOM)/image-$$image.json \
			$(WHEELS)/$$image/requirements.txt || exit 1; done

$(SBOM)/environment.json: $(VENV)/installed $(TOOLS_VENV)/installed
	mkdir -p $(@D)
	$(CYCLONEDX) environment $(SBOM_ARGS) --pyproject pyproject.toml --output-file $@ $(BIN)/python

$(SBOM)/airflow-environment.json: $(AIRFLOW_VENV)/installed $(TOOLS_VENV)/installed
	mkdir -p $(@D)
	$(CYCLONEDX) environment $(SBOM_ARGS) --pyproject plugins/airflow/pyproject.toml --output-file $@ \
		$(AIRFLOW_VENV)/bin/python

clean: ## all that make made
	rm -rf $(VENV) $(AIRFLOW_VENV) $(DOCS_VENV) $(TOOLS_VENV) build dist .mypy_cache .ruff_cache .pytest_cache
