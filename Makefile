# `make` alone lists the targets. Needs Python 3.11 or newer and nothing else: what the targets use is
# installed into .venv. PYTHON=/path/to/python chooses the interpreter that makes it.

VENV := .venv
BIN := $(VENV)/bin
DEMO := $(VENV)/.installed-demo
DEV := $(VENV)/.installed-dev
PROOFS := crash kill_points isolation callers_at_length

PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$name; exit; fi; done)

.DEFAULT_GOAL := help
.PHONY: help demo serve test check lint types bench bench-quick prove clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(DEMO) ## the whole story in a few seconds: events out, verified, retried, counted
	@$(BIN)/hum-gateway demo

serve: $(DEMO) ## the gateway on http://127.0.0.1:8080, its data in var/; it may send to this machine
	@HUM_GATEWAY_ALLOW_NETWORKS="$${HUM_GATEWAY_ALLOW_NETWORKS-127.0.0.0/8,::1/128}" $(BIN)/hum-gateway serve

test: $(DEV) ## the test suite, two processes
	$(BIN)/pytest -n 2 --dist worksteal -m "not long"

check: lint types test ## lint, types and tests: what must pass before a change goes in

lint: $(DEV) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV) ## mypy, strict
	$(BIN)/mypy

bench: $(DEV) ## measure speed on this machine, beside floors and targets: twenty minutes
	$(BIN)/python -m bench

bench-quick: $(DEV) ## the main figures from smaller loads: a minute
	$(BIN)/python -m bench --quick

prove: $(PROOFS:%=prove-%) prove-others ## the long form of every proof; one alone: make prove-crash

prove-%: $(DEV)
	$(BIN)/pytest -m long -rA tests/acceptance/test_$*.py

prove-others: $(DEV)
	$(BIN)/pytest -m long -rA $(PROOFS:%=--ignore=tests/acceptance/test_%.py)

clean: ## remove .venv, caches and build results; data in var/ stays
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './node_modules/*' -prune -exec rm -rf {} +

$(DEMO): pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	@touch $@

# pip 25.1 is the first that knows --group.
$(DEV): pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install --quiet 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[demo]' --group dev
	@touch $@ $(DEMO)

# A half-made environment is removed: the next run starts anew.
$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name one with PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make a virtual environment: \
	install its venv package (Debian, Ubuntu: apt-get install python3-venv) or name another with PYTHON=" >&2; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
