# Every target bootstraps its own environment in .venv on a fresh machine. PYTHON picks the interpreter (3.11 to 3.13).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOB ?= full_repro

.PHONY: help repro test ui check planted clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(STAMP): pyproject.toml mgc_dagster_default.pth
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	touch $@

repro: $(STAMP) ## build everything on the configured data (none configured: the sample corpus); ends with Table 6.9
	PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONWARNINGS=ignore $(BIN)/dagster job execute -j $(JOB)

test: $(STAMP) ## run the tests
	$(BIN)/python -m pytest

ui: $(STAMP) ## the Dagster web UI on http://127.0.0.1:3000
	PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONWARNINGS=ignore $(BIN)/dagster dev

check: $(STAMP) ## lint, format, types and tests: what CI runs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) test

planted: $(STAMP) ## train on larger planted corpora (up to 30 minutes) and write docs/planted.md
	$(BIN)/python -m pipelines.planted

clean: ## remove the environment and everything produced
	rm -rf $(VENV) .dagster warehouse/store
