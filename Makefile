PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: demo test test-all lint bench bench-mutations clean

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $(READY)

# generated code is isolated by bubblewrap; installed here where that is possible without asking
.PHONY: system
system:
	@command -v bwrap >/dev/null || [ "$$(uname)" != Linux ] || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q bubblewrap; } \
	  || echo "bubblewrap is not installed: sudo apt install bubblewrap"

demo: $(READY) system
	$(BIN)/text-to-ml check examples/iris
	$(BIN)/text-to-ml run examples/iris

lint: $(READY)
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(READY) system lint
	$(BIN)/pytest -m "not slow"

test-all: $(READY) system lint
	$(BIN)/pytest

bench: $(READY) system
	$(BIN)/python benchmarks/tables.py

bench-mutations: $(READY) system
	$(BIN)/python benchmarks/mutations.py $(if $(wildcard ../shared/data),--data ../shared/data)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
