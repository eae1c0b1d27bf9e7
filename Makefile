# What people type. Recipes are short: the work is in simrec and demo/.

PYTHON ?= python3
BIN ?= .venv/bin
CONFIG ?= configs/default.toml
WORKSPACE ?= workspace
DEMO := build/demo
# The simrec of .venv, or else the one that is installed anywhere.
SIMREC ?= $(or $(wildcard $(BIN)/simrec),$(shell command -v simrec))
PLACES = -c $(CONFIG) -w $(WORKSPACE)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench nightly retrain pretrain housekeeping

help: ## Print this list.
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

setup: .venv/all ## Make .venv with all that development, training and the demo need.

demo: .venv/demo ## Related passages and presidents from 236 years of annual messages, in about five minutes.
	@mkdir -p $(DEMO)
	$(BIN)/python demo/corpus.py $(DEMO)/passages.jsonl
	$(BIN)/simrec retrain -c configs/demo.toml -w $(DEMO)/workspace --verbose
	@$(BIN)/python demo/tour.py $(DEMO)/workspace

test: .venv/all lint ## Lint, check types and run all tests.
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: .venv/all ## Check style, imports and types.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: .venv/all ## Print the benchmarks; CORPUS=articles.jsonl names your own articles, VECTORS=file.npy vectors.
	$(BIN)/python -m tests.benchmarks $(CORPUS)
	$(BIN)/python -m tests.benchmarks.index $(if $(VECTORS),--vectors $(VECTORS))

nightly: installed ## Run the nightly job on CONFIG and WORKSPACE.
	@$(SIMREC) nightly $(PLACES)

retrain: installed ## Train on the articles of now, then release, on CONFIG and WORKSPACE.
	@$(SIMREC) retrain $(PLACES)

pretrain: installed ## Make a pretrained encoder from the text files of CONFIG, such as configs/pretrain.toml.
	@$(SIMREC) pretrain $(PLACES)

housekeeping: installed ## Verify the current release, prune old ones and compact the embedding cache.
	@$(SIMREC) housekeeping $(PLACES)

.PHONY: installed
installed:
	@test -n "$(SIMREC)" || { echo "simrec is not installed here: make setup, or pip install ., \
	or SIMREC=/where/it/is/simrec" >&2; exit 3; }

# pip would look for packages for minutes before it says so.
.PHONY: python-version
python-version:
	@$(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) -c 'import sys; \
	version = sys.version_info[:2]; \
	sys.exit(None if (3, 11) <= version <= (3, 13) else "make demo, setup and test need Python 3.11, \
	3.12 or 3.13, for there is no TensorFlow for others; this is %d.%d. Name another and remove .venv, \
	if there is one: make PYTHON=python3.13" % version)'

.venv/bin/python: | python-version
	$(PYTHON) -m venv .venv

.venv/demo: pyproject.toml constraints.txt | python-version .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt -e '.[demo]'
	@touch $@

.venv/all: pyproject.toml constraints.txt | python-version .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt -e '.[demo,dev]'
	@touch $@
