# Every target sets itself up first: .venv, filled once, again when pyproject.toml changes. No network is
# needed after that. PYTHON names the interpreter (3.11 or newer), VENV another folder, PIP_* is respected.
VENV ?= .venv
PYTHON ?=
# For `make layer`.
RUNTIME ?= provided.al2023
ARCH ?= $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)
LAYER_PYTHON ?= 3.13
READY := $(VENV)/.ready
COMPAT := $(VENV)/compat/.ready
BIN := $(VENV)/bin

.PHONY: help demo test test-all lint types bench bench-compare bench-pieces layer clean
help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## / - /'
demo: $(READY)  ## run an example in the real runtime, cold and warm, then the table against awslambdaric
	@scripts/demo $(BIN)
test: $(READY)  ## the tests, in at most five minutes
	@$(BIN)/python -m pytest -m "not slow" -n 2
test-all: $(COMPAT)  ## everything: the slow tests too, and branch coverage
	@scripts/test-all $(BIN)
lint: $(READY)  ## ruff: rules and format
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
types: $(READY)  ## mypy --strict
	@$(BIN)/mypy
bench: $(READY)  ## the whole benchmark, ten minutes at most (ARGS="--only 16 --peers bootstrap,go" for less)
	@$(BIN)/python -m benchmarks --python $(VENV)/peers/bin/python $(ARGS)
bench-compare: $(READY)  ## name what became slower by more than 10 % since BASE=commit, a minute
	@$(BIN)/python -m benchmarks.compare $(BASE) $(ARGS)
bench-pieces: $(READY)  ## time the pieces of the hot path, and save the figures in .benchmarks
	@scripts/bench-pieces $(BIN) $(ARGS)
layer: $(READY)  ## a Lambda layer into dist/ (RUNTIME=provided.al2023 ARCH=arm64 LAYER_PYTHON=3.13 ARGS="--with boto3")
	@scripts/make-layer $(BIN) '$(RUNTIME)' '$(ARCH)' '$(LAYER_PYTHON)' $(ARGS)
clean:  ## remove what the other targets made
	@scripts/clean '$(VENV)'
$(READY): pyproject.toml scripts/setup
	@PYTHON='$(PYTHON)' scripts/setup '$(VENV)'
$(COMPAT): $(READY) scripts/compat
	@scripts/compat '$(VENV)'
