.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,search,dev]'
	@touch $@

.PHONY: help demo test check schemas bench bench-quantize zoo zoo-quick
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(READY) ## train, export, quantize and execute a digit net on the DSP32C
	@$(BIN)/dsplet demo

test: $(READY) ## every test (under 15 minutes on two cores)
	$(BIN)/pytest -n 2 --dist worksteal

check: $(READY) ## lint and the quick tests (under a minute)
	$(BIN)/ruff check .
	$(BIN)/pytest -n 2 --dist worksteal -m 'not slow'

schemas: $(READY) ## docs/schemas: what every --json looks like
	$(BIN)/python -m dsplet.schemas docs/schemas

bench: $(READY) ## the measured tables
	$(BIN)/python -m bench

.venv-bench/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	.venv-bench/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@touch $@

bench-quantize: $(READY) .venv-bench/.ready ## accuracy by width, beside ONNX Runtime and Brevitas
	$(BIN)/python -m bench.quantize

zoo: $(READY) ## every model on its data, the whole way (hours), for dsplet zoo
	$(BIN)/python -m bench.zoo

zoo-quick: $(READY) ## the same on a few images of each
	$(BIN)/python -m bench.zoo --quick
