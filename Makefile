# Everything runs in .venv, which is made when missing; only python3 (3.11 or later) and make are needed.

PYTHON ?= python3
PYTEST_ARGS ?= -n 2
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test test-arviz1 test-arviz1-there lint docs clean
.DELETE_ON_ERROR:

help:
	@echo "make demo    three worlds and their agents: figures, trajectory and table in demo/"
	@echo "make test    the tests and the doctests"
	@echo "make test-arviz1   tests of export and comparison with ArviZ 1.x, where Python 3.12 is at hand"
	@echo "make lint    ruff, mypy and the import contracts"
	@echo "make docs    the site, in docs/_build/html"
	@echo "make clean   remove what the targets above made (but for $(VENV))"

demo: $(VENV)/.installed
	$(BIN)/python -m pyro_activeinf demo --output demo

test: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_ARGS)

# ArviZ 1.x needs Python 3.12: an environment of its own.
LATER := $(shell for p in python3.12 $(wildcard $(HOME)/.pyenv/versions/3.12*/bin/python); do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo $$p && break; done)
LATER_VENV := .venv-arviz1
ARVIZ1_AT_HAND := $(LATER) -m pip install --dry-run --no-deps --retries 1 --disable-pip-version-check 'arviz>=1' >/dev/null 2>&1
ARVIZ1_TESTS := tests/export tests/behavior/compare tests/behavior/test_behavior_fit.py tests/behavior/test_quality.py \
	tests/diagnostics/test_convergence.py

test-arviz1:
ifeq ($(LATER),)
	@echo "test-arviz1: no Python from 3.12 on was found, nothing is tested"
else
	@if test -e $(LATER_VENV)/.installed || $(ARVIZ1_AT_HAND); then \
		$(MAKE) --no-print-directory test-arviz1-there; \
	else \
		echo "test-arviz1: pip finds no ArviZ 1.x from here, nothing is tested"; \
	fi
endif

test-arviz1-there: $(LATER_VENV)/.installed
	OMP_NUM_THREADS=1 $(LATER_VENV)/bin/python -m pytest $(PYTEST_ARGS) $(ARVIZ1_TESTS)

# Versions are those of constraints.txt but for ArviZ and what it brings.
$(LATER_VENV)/.installed: pyproject.toml constraints.txt
	$(LATER) -m venv $(LATER_VENV)
	grep -viE '^(arviz|xarray)' constraints.txt > $(LATER_VENV)/constraints.txt
	$(LATER_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(LATER_VENV)/constraints.txt --editable '.[test]' 'arviz>=1'
	@touch $@

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

clean:
	rm -rf build dist demo docs/_build .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find pyro_activeinf tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

# One stamp per set of extras: a set-up is repeated only when what it follows from has changed.
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-%: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$*]'
	@touch $@
