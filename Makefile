# Everything runs in .venv, which is made when missing; only python3 (3.11 or later) and make are needed.

PYTHON ?= python3
PYTEST_ARGS ?= -n 2
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test lint docs clean
.DELETE_ON_ERROR:

help:
	@echo "make demo    three worlds and their agents: figures, trajectory and table in demo/"
	@echo "make test    the tests and the doctests"
	@echo "make lint    ruff, mypy and the import contracts"
	@echo "make docs    the site, in docs/_build/html"
	@echo "make clean   remove what the targets above made (but for $(VENV))"

demo: $(VENV)/.installed
	$(BIN)/python -m pyro_activeinf demo --output demo

test: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_ARGS)

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
