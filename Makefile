# make tour    see what minae does, in about two minutes
# make test    run the tests
# make bench   time training steps against PyTorch

VENV ?= .venv
EXTRAS ?= dev
PYTHON ?= python3
BIN = $(VENV)/bin

.PHONY: tour test bench

tour: $(VENV)/.installed
	$(BIN)/minae tour

test: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
# two workers with one BLAS thread each: with more they would wait for each other's
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

bench: $(VENV)/.installed-bench
	$(BIN)/minae bench

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e .
	touch $@

$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e ".[$*]"
	touch $@ $(VENV)/.installed
