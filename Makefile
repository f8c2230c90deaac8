# Two commands on a fresh machine with Python 3.11: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo test lint format types bench bench-peers counts validation clean

help: ## show the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 13

demo: .venv/demo ## run the quickstart study and write its report
	$(BIN)/accelsim run studies/quickstart.yaml

test: .venv/test ## run the tests
	$(BIN)/python -m pytest -n auto

lint: .venv/lint ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/lint ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv/lint ## check types
	$(BIN)/mypy

bench: .venv/demo ## print how fast it is
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.mapper

# Seconds for each tool and piece of work; what is not done by then is extrapolated.
LIMIT ?= 600
bench-peers: .venv/demo ## measure it beside SCALE-Sim and ZigZag (half an hour; LIMIT=60 for less)
	$(BIN)/python -m benchmarks.peers.run --limit $(LIMIT)

counts: .venv/demo ## rewrite the table of counts in docs/networks.md
	$(BIN)/python docs/tables.py

# Folders with files of reference sets that do not come along.
REFERENCE ?=
validation: .venv/demo ## rewrite docs/validation.md and its plots (REFERENCE=FOLDER for more sets)
	$(BIN)/python -m accelsim validate --all $(addprefix --reference ,$(REFERENCE)) \
		--markdown --plots docs/images --output docs/validation.md

clean: ## remove what these commands made
	rm -rf .venv .venv-peers results .mypy_cache .ruff_cache .pytest_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "accelsim needs Python 3.11 or newer; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) -e '.[search]'
	@touch $@

.venv/test: .venv/demo
	$(PIP) -e '.[search,onnx,tflite,torch,test]'
	@touch $@

.venv/lint: .venv/test
	$(PIP) -e '.[search,onnx,tflite,torch,test,lint]'
	@touch $@
