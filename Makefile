# What people type. Recipes are short: the work is in simrec, jobs/ and demo/.

PYTHON ?= python3
BIN ?= .venv/bin
CONFIG ?= configs/default.toml
WORKSPACE ?= workspace
DEMO := build/demo

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench nightly retrain pretrain housekeeping

help: ## Print this list.
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

setup: .venv/all ## Make .venv with all that development, training and the demo need.

demo: .venv/demo ## Related passages and presidents from 236 years of annual messages, in about five minutes.
	@mkdir -p $(DEMO)
	$(BIN)/python demo/corpus.py $(DEMO)/passages.jsonl
	$(BIN)/python jobs/retrain.py --config configs/demo.toml --workspace $(DEMO)/workspace --verbose
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

nightly: ## Run the nightly job on CONFIG and WORKSPACE.
	@$(BIN)/python jobs/nightly.py --config $(CONFIG) --workspace $(WORKSPACE)

retrain: ## Train on the articles of now, then release, on CONFIG and WORKSPACE.
	@$(BIN)/python jobs/retrain.py --config $(CONFIG) --workspace $(WORKSPACE)

pretrain: ## Make a pretrained encoder from the text files of CONFIG, such as configs/pretrain.toml.
	@$(BIN)/python jobs/pretrain.py --config $(CONFIG) --workspace $(WORKSPACE)

housekeeping: ## Verify the current release, prune old ones and compact the embedding cache.
	@$(BIN)/python jobs/housekeeping.py --config $(CONFIG) --workspace $(WORKSPACE)

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt -e '.[demo]'
	@touch $@

.venv/all: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt -e '.[demo,dev]'
	@touch $@
