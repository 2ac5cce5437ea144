# make demo   sets everything up, indexes real logos, searches them, writes the page
# make test   sets everything up, runs the tests
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
MARKERS ?= not gpu

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Marklens needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing Marklens into $(VENV) (once) ..."
	$(PIP) -e '.[demo,serve]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing Marklens with its test and training tools into $(VENV) (once) ..."
	$(PIP) -e '.[demo,dev,train,tesseract,phonetics,postgres,serve,cluster]'
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo  ## index real logos, search them with logos drawn by another hand, write the page
	$(BIN)/marklens demo --out build/demo

test: $(VENV)/.dev   ## all tests that run without a GPU
	$(BIN)/python -m pytest -n 2 -m "$(MARKERS)"

lint: $(VENV)/.dev   ## style, types, floors of the house, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

docs: $(VENV)/.dev   ## build the documentation site into site/
	$(BIN)/python docs/reference.py
	$(BIN)/mkdocs build --strict

bench: $(VENV)/.dev  ## throughput of every stage on this machine
	$(BIN)/python -m benchmarks.throughput

train-default: $(VENV)/.dev ## train the bundled network again, from nothing (needs npm; hours on two cores)
	$(BIN)/python -m benchmarks.train_default --work build/train

clean:           ## remove what was built, keep the installation
	rm -rf build site dist

.PHONY: help demo test lint docs bench train-default clean
