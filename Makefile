# Everything works on a machine that has only Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin
RUN_STAMP := .venv/.requirements.stamp
DEV_STAMP := .venv/.requirements-dev.stamp
BENCH_STAMP := .venv/.requirements-bench.stamp
DOCS_SITE_STAMP := tests/docs_site/node_modules/.package-lock.json
export XDG_RUNTIME_DIR ?= /tmp

.PHONY: run demo test check clients lighthouse bench bench-history lint docs lock migration clean

run: $(RUN_STAMP) $(BIN)/warroom ## set up what is missing and start Warroom on the embedded database
	@$(BIN)/python -m bot

demo: $(RUN_STAMP) $(BIN)/warroom ## the same with 28 days of made-up data in a file of its own
	@WARROOM_DATA_DIR=$${WARROOM_DATA_DIR:-data/demo} WARROOM_SERVER__DEMO=on $(BIN)/python -m bot --demo

test: $(DEV_STAMP) $(BIN)/warroom ## the quick tests: under two minutes
	@$(BIN)/python -m pytest -n 3 --dist loadgroup -m "not slow"

check: $(DEV_STAMP) lint ## everything: both databases, browser, kill and hostile-input runs
	@WARROOM_CHECK=1 $(BIN)/python -m pytest -n 2 --dist loadgroup

clients: ## install the real foreign clients that tests/clients runs against the server
	@cd tests/clients && npm ci --silent --no-audit --no-fund
	@test -x tests/clients/.venv/bin/python || $(PYTHON) -m venv tests/clients/.venv
	@tests/clients/.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r tests/clients/requirements.lock

lighthouse: $(DOCS_SITE_STAMP) ## what the script costs a page: PAIRS=7 PRESETS=mobile,desktop
	@cd tests/docs_site && PAIRS="$(PAIRS)" PRESETS="$(PRESETS)" npm run --silent lighthouse

bench: $(BENCH_STAMP) ## the goals of speed as ratios within one run: some minutes
	@$(BIN)/python -m tests.speed.bench

bench-history: $(DEV_STAMP) ## what ten times the history costs, 1 to 10 million events: a quarter of an hour and 3 GB
	@$(BIN)/python -m tests.speed.history

lint: $(DEV_STAMP)
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy

docs: $(DEV_STAMP) ## write the reference pages of the documentation from the code
	@$(BIN)/python -m tests.reference_pages

# The environment is made anew when a lock changes; the development one holds the other.
$(DEV_STAMP): requirements-dev.lock | .venv/bin/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@touch $(DEV_STAMP) $(RUN_STAMP)

# What the benchmark compares with, on top of the development environment.
$(BENCH_STAMP): requirements-bench.lock $(DEV_STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-bench.lock
	@touch $(BENCH_STAMP)

$(RUN_STAMP): requirements.lock | .venv/bin/python
	@echo "Setting up (once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@touch $(RUN_STAMP)

# Node itself is among these packages, so any npm will do. Not `npm ci`: it refuses where a mirror lacks packages of other
# systems, which no lock can then name; this takes the same versions and hashes from the lock.
$(DOCS_SITE_STAMP): tests/docs_site/package-lock.json
	@command -v npm >/dev/null || { echo "This needs npm; on Debian and Ubuntu: apt install npm" >&2; exit 1; }
	@cd tests/docs_site && npm install --no-save --silent --no-audit --no-fund && touch node_modules/.package-lock.json

# `warroom …` without installing the project: a two-line program that knows where the checkout is.
.venv/bin/warroom: Makefile | .venv/bin/python
	@printf '#!/bin/sh\nexec env PYTHONPATH="%s" "%s/.venv/bin/python" -m shared "$$@"\n' '$(CURDIR)' '$(CURDIR)' > $@
	@chmod +x $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Warroom needs Python 3.11 or newer; set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python cannot make environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv || { rm -rf .venv; exit 1; }

lock: ## refresh the locks (needs uv)
	uv pip compile --generate-hashes --no-emit-index-url --universal --python-version 3.11 --no-header --group dev --extra postgres pyproject.toml -o requirements-dev.lock
	uv pip compile --generate-hashes --no-emit-index-url --universal --python-version 3.11 --no-header --extra postgres -c requirements-dev.lock pyproject.toml -o requirements.lock
	uv pip compile --generate-hashes --no-emit-index-url --universal --python-version 3.11 --no-header --group bench --extra postgres -c requirements-dev.lock pyproject.toml -o requirements-bench.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis
