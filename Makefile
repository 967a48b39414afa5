# Every target bootstraps its own environment in .venv on a fresh machine. PYTHON picks the interpreter (3.11 to 3.13).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOB ?= full_repro
PORT ?= # of `make ui`; empty: 3000, or the next one that is free

SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
# pip writes the list of a package's files last: one without it was left by an interrupted installation.
WHOLE := from importlib.metadata import distributions; import pip, sys; sys.exit(any(d.files is None for d in distributions()))
runs = $(shell $(1) -I -c '$(2)' >/dev/null 2>&1 && echo yes)
USABLE := $(and $(call runs,$(BIN)/python,$(SUPPORTED)),$(call runs,$(BIN)/python,$(WHOLE)))
found = $(or $(shell $(PYTHON) --version 2>&1 | grep Python),not there)

.PHONY: help repro test ui check faults robustness planted clean anew

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(STAMP): pyproject.toml mgc_dagster_default.pth $(if $(USABLE),,anew)
	$(if $(USABLE),,$(PYTHON) -m venv --clear $(VENV))
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	touch $@

anew: # an environment that is broken, or of another version, is made again; checked before anything is done
	$(if $(call runs,$(PYTHON),$(SUPPORTED)),,$(error $(PYTHON) is $(found), and Python 3.11, 3.12 or 3.13 is needed; name one that you have, as in: make $(or $(MAKECMDGOALS),repro) PYTHON=python3.12))

repro: $(STAMP) ## build everything on the configured data (none configured: the sample corpus); ends with Table 6.9
	PATH="$(abspath $(BIN)):$$PATH" PYTHONWARNINGS=ignore $(BIN)/dagster job execute -j $(JOB)

test: $(STAMP) ## run the tests
	$(BIN)/python -m pytest -n auto --dist loadgroup

ui: $(STAMP) ## the Dagster web UI on http://127.0.0.1:3000 (another: make ui PORT=3001); Ctrl-C ends it
	PATH="$(abspath $(BIN)):$$PATH" PYTHONWARNINGS=ignore $(BIN)/dagster dev $(if $(PORT),--port $(PORT))

check: $(STAMP) ## lint, format, types and tests: what CI runs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) test

faults: $(STAMP) ## make each seeded fault in a copy; the tests must notice 95 % (some 15 minutes)
	$(BIN)/python -m tests.faults

robustness: $(STAMP) ## mutate 1,000 inputs of the datasets and damage a store 20 times over (half an hour; another sweep: SEED=1)
	ROBUSTNESS_ROUNDS=20 ROBUSTNESS_SEED=$(or $(SEED),0) $(BIN)/python -m pytest tests/robustness --mutations 1000 --seed $(or $(SEED),0)

planted: $(STAMP) ## train on larger planted corpora (up to an hour; can be stopped and goes on) and write docs/planted.md
	$(MAKE) repro JOB=planted
	cp "$(or $(MGC_STORE),warehouse/store)/planted/planted.md" docs/planted.md

clean: ## remove the environment and everything produced
	rm -rf $(VENV) warehouse/store
