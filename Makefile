# Two commands do all set-up: `make circles` trains and draws the main experiment on tinynn (no torch is
# installed), `make test` runs every test, those against PyTorch included. Each makes its own .venv first.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

.PHONY: circles test test-all golden parity-report mutants lint bench gallery clean help

help:            ## list the targets
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

circles: $(VENV)/.experiments  ## train on the circles and draw what was learned: make circles ARGS="--model v2"
	$(BIN)/python experiments/circles.py $(ARGS)

# A process for each core, so a thread for each process.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto

test: $(VENV)/.test  ## every test but the slow ones, against PyTorch too
	$(PYTEST) $(ARGS)

test-all: $(VENV)/.test-all  ## the slow tests as well
	$(PYTEST) -m "" $(ARGS)

golden: $(VENV)/.golden  ## compare with recorded answers of PyTorch, in seconds; no torch is installed
	$(BIN)/python -m pytest parity_tests --golden $(ARGS)

parity-report: $(VENV)/.test  ## measure anew what agrees with PyTorch: docs/PARITY.md and the README's totals
	$(BIN)/python -m parity_tests.report

mutants: $(VENV)/.test  ## put 100 errors into the table and the optimizers, and see tests fail; takes an hour
	OMP_NUM_THREADS=1 $(BIN)/python -m parity_tests.mutants --jobs 2 $(ARGS)

lint: $(VENV)/.test  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.test  ## speed against PyTorch, as ratios; wants a quiet machine
	$(BIN)/python -m benchmarks.circles $(ARGS)

gallery: $(VENV)/.experiments  ## run every experiment, and make the README's pictures
	$(BIN)/python experiments/run_all.py --out runs/gallery --resume
	$(BIN)/python docs/gallery.py runs/gallery

clean:           ## remove what make made
	rm -rf $(VENV) runs build *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.experiments: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[experiments]"
	touch $@

$(VENV)/.golden: $(VENV)/.experiments
	$(BIN)/python -m pip install --quiet --editable ".[experiments,golden]"
	touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[experiments,parity,test]"
	touch $@ $(VENV)/.experiments

$(VENV)/.test-all: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --editable ".[experiments,parity,test,sweep-dask,sweep-ray]"
	touch $@
