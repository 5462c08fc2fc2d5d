# Users need Python 3.11 and make; uv is brought if it is missing.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --frozen --no-sync
# Where Python may not keep what it compiles, as in many containers, each process would compile TensorFlow again: 7 of 11 s.
COMPILED := $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode)
STAMP := .venv/.darkroom-ready
DIGITS := quickstart

.PHONY: help quickstart test lint format docs bench clean

help:  ## What there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

.uv/bin/uv:
	$(PYTHON) -m venv .uv && .uv/bin/pip install --quiet uv

$(STAMP): pyproject.toml uv.lock $(wildcard compat/*/pyproject.toml) $(filter .uv/bin/uv,$(UV))
	$(UV) sync --frozen $(COMPILED) --extra pipeline --extra serving
	@touch $@

quickstart: $(STAMP)  ## Set up, train on real images, serve, predict
	@$(RUN) python -m darkroom.quickstart --folder $(DIGITS)

# One more than there are cores: many tests wait, for servers, for processes, for heartbeats.
test: $(STAMP)  ## Set up, then pass the tests
	$(RUN) pytest --numprocesses $$(($$(nproc 2>/dev/null || sysctl -n hw.ncpu) + 1)) --dist loadfile --no-loadscope-reorder

lint: $(STAMP)  ## Style and types
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

format: $(STAMP)  ## Put the code into shape
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

docs: $(STAMP)  ## Write the generated pages
	$(RUN) darkroom config reference > docs/configuration.md
	$(RUN) darkroom config schema > docs/darkroom.schema.json
	$(RUN) python k8s/overlays/monitoring/render_prometheus_rule.py > k8s/overlays/monitoring/prometheus-rule.yaml

bench: $(STAMP)  ## Measure; prints tables, writes bench/results/*.json
	@for script in bench/*.py; do echo "== $$script"; $(RUN) python $$script || exit 1; done

clean:  ## Remove what runs and builds leave; the environment stays
	rm -rf $(DIGITS) bench/results .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
