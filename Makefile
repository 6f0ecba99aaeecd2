# make tour     see what minae does, in about two minutes
# make check    style, types and the fast tests, in under a minute
# make test     everything that has to pass
# make format   put the code into its form
# make bench    time training steps against PyTorch

VENV ?= .venv
EXTRAS ?= dev
PYTHON ?= $(if $(filter Windows_NT,$(OS)),python,python3)
BIN = $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# engine, operations, layers, models, and what notices that something is missing; not what compiles
# for GPUs, installs, trains or starts processes
FAST = $(filter-out tests/test_gpu.py tests/test_package.py,$(wildcard tests/test_*.py)) \
	tests/nn tests/optim tests/models tests/train/test_settings.py \
	tests/ops/test_registry.py tests/ops/test_methods.py tests/kernels/test_contract.py

.PHONY: tour check test style format bench

tour: $(VENV)/.installed
	$(BIN)/minae tour

check: style
	$(BIN)/python -m pytest -n 2 $(FAST)

test: style
# two workers with one thread each: with more they would wait for each other's; one that is done takes
# over what is left of the other's, such as lessons, which take a minute each
	MINAE_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

style: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-bench
	$(BIN)/minae bench

# Python compiles a module when it is first imported, and most of what is installed here never is: that
# saves half of the time. It has to keep what it compiles, even where the environment says otherwise:
# hundreds of tests start processes, in each of which PyTorch alone would cost seconds
export PYTHONDONTWRITEBYTECODE :=
PIP = $(BIN)/python -m pip install --quiet --no-compile

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.installed: pyproject.toml | $(VENV)/.made
	$(PIP) -e .
	touch $@

$(VENV)/.installed-%: pyproject.toml | $(VENV)/.made
	$(PIP) -e ".[$*]"
	touch $@ $(VENV)/.installed
