.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Two processes that test would else compile every module anew, each time.
unexport PYTHONDONTWRITEBYTECODE

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,search,cores,docs,dev]'
	@touch $@

.PHONY: help demo test notebooks check coverage soak hooks docs results schemas wasm wasm-check fuzz bench bench-quantize zoo zoo-quick zoo-check
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(READY) ## train, export, quantize and execute a digit net on the DSP32C
	@$(BIN)/dsplet demo

test: $(READY) ## every test (under 15 minutes on two cores)
	$(BIN)/pytest -n 2 --dist worksteal -m 'not notebook'

notebooks: $(READY) ## examples/notebooks from the first cell to the last (two minutes)
	$(BIN)/pytest -m notebook tests/examples

check: $(READY) ## lint, types, the house's figures and the quick tests (under a minute)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tests/figures.py
	$(BIN)/pytest -n 2 --dist worksteal -m 'not slow' $(COVERAGE)

coverage: ## check, and which lines its tests never reach (half as long again)
	@$(MAKE) check COVERAGE=--cov

SECONDS ?= 600
soak: $(READY) ## two processes on a cache that is damaged under them: no wrong result (10 minutes; SECONDS=60)
	$(BIN)/python -m tests.soak $(SECONDS)

hooks: $(READY) ## before each commit: ruff and mypy
	$(BIN)/pre-commit install

docs: $(READY) ## the site, in build/docs/html; a warning is an error
	$(BIN)/python -m docs.site.build

results: $(READY) ## the tables of docs/, of what was measured
	$(BIN)/python -m bench.results

schemas: $(READY) ## docs/schemas: what every --json looks like
	$(BIN)/python -m dsplet.schemas docs/schemas

.venv-zig/.ready: constraints.txt
	$(PYTHON) -m venv .venv-zig
	.venv-zig/bin/pip install --quiet --disable-pip-version-check -c constraints.txt ziglang
	@touch $@

wasm: .venv-zig/.ready ## the engine as WebAssembly, after a change of its C (fetches a compiler of 400 MB)
	.venv-zig/bin/python firmware_sim/dsp32c/sim/build.py

wasm-check: .venv-zig/.ready ## the committed one is what its sources make, byte for byte
	.venv-zig/bin/python firmware_sim/dsp32c/sim/build.py --check

fuzz: $(READY) ## 20,000 files that were tampered with: refused, or equal in every execution
	$(BIN)/python -m tests.fuzz

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

zoo-check: $(READY) ## the networks that come with the package, held to dsplet.toml and its baseline
	$(BIN)/dsplet check
