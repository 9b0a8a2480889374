PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
JOBS ?= 2
READY = $(VENV)/.ready

.PHONY: demo test test-all lint bench bench-search bench-mutations bench-sandbox clean

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $(READY)

# generated code is isolated by bubblewrap, and by seccomp within it; installed here where that is possible without asking
.PHONY: system
system:
	@[ "$$(uname)" != Linux ] || { command -v bwrap >/dev/null && PATH="$$PATH:/sbin:/usr/sbin" ldconfig -p | grep -q libseccomp.so.2; } \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -q \
	  && DEBIAN_FRONTEND=noninteractive apt-get install -y -q bubblewrap libseccomp2; } \
	  || echo "generated code cannot be isolated well: sudo apt install bubblewrap libseccomp2"

demo: $(READY) system
	$(BIN)/text-to-ml check examples/iris
	$(BIN)/text-to-ml run examples/iris

lint: $(READY)
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/ruff format --check src tests benchmarks examples
	$(BIN)/mypy
	$(BIN)/lint-imports

# the sandbox's tests count processes and folders of the whole machine, so they run by themselves
test: $(READY) system lint
	$(BIN)/pytest -n $(JOBS) --dist loadfile -m "not slow" --ignore tests/sandbox --ignore tests/conformance
	$(BIN)/pytest -m "not slow" tests/sandbox tests/conformance

test-all: $(READY) system lint
	$(BIN)/pytest -n $(JOBS) --dist loadfile --ignore tests/sandbox --ignore tests/conformance
	$(BIN)/pytest tests/sandbox tests/conformance

# networks: an environment of their own with PyTorch. TORCH: what pip is asked for; on a machine without a card give it the
# index of CPU builds by PIP_INDEX_URL or PIP_EXTRA_INDEX_URL, or it takes gigabytes of CUDA
TORCH ?= torch==2.13.0
DEEP = .venv-deep/bin
.PHONY: test-deep
test-deep: system
	@[ -x $(DEEP)/pip ] || $(PYTHON) -m venv .venv-deep
	$(DEEP)/pip install --quiet '$(TORCH)'
	$(DEEP)/pip install --quiet -e '.[dev,deep]'
	$(DEEP)/pytest -n $(JOBS) --dist loadfile -m "not slow" tests/deep tests/search

bench: $(READY) system
	$(BIN)/python -m benchmarks.tables

# Table 3: tables of real evaluations are kept in benchmarks/cache. TORCH_PYTHON: an interpreter with torch, lightning and Optuna, for
# the set of networks too (may be another environment's); OPTIONS go to the script
bench-search: $(READY)
	$(BIN)/pip install --quiet 'optuna>=5,<6'
	PYTHONPATH=src $(or $(TORCH_PYTHON),$(BIN)/python) -m benchmarks.search $(OPTIONS)

# App. C.5; the interpreter must have torch, lightning and transformers
.PHONY: bench-proxies
bench-proxies: $(READY)
	PYTHONPATH=src $(or $(TORCH_PYTHON),$(BIN)/python) -m benchmarks.proxies $(OPTIONS)

bench-mutations: $(READY) system
	$(BIN)/python benchmarks/mutations.py $(if $(wildcard ../shared/data),--data ../shared/data)

# TORCH_PYTHON: an interpreter with torch and transformers, for the second line (may be another environment's)
bench-sandbox: $(READY) system
	$(BIN)/python benchmarks/sandbox.py
	@[ -z "$(TORCH_PYTHON)" ] || PYTHONPATH=src $(TORCH_PYTHON) benchmarks/sandbox.py
	$(BIN)/pytest -s -m slow tests/sandbox tests/conformance

# the paper's experiments; OPTIONS go to the script (--help names them)
.PHONY: bench-scaling
bench-scaling: $(READY) system
	$(BIN)/python -m benchmarks.scaling $(OPTIONS)

# MODEL: provider:name, replay:FILE or noisy:EPSILON,REPAIR; TASKS and METHODS with commas between
MODEL ?= noisy:0.001,0.5
.PHONY: bench-generation
bench-generation: $(READY) system
	$(BIN)/python -m benchmarks.valid_programs --model $(MODEL) $(if $(TASKS),--tasks $(TASKS)) $(if $(METHODS),--methods $(METHODS)) $(OPTIONS)

# RUNS: run folders; TASKS: combinations of the catalogue's modules
.PHONY: bench-false-positives
bench-false-positives: $(READY) system
	$(BIN)/python -m benchmarks.false_positives $(if $(RUNS),--runs $(RUNS)) $(if $(TASKS),--tasks $(TASKS)) $(OPTIONS)

# each peer is installed in an environment of its own below benchmarks/cache/peers
PEERS ?= boosting,catboost,flaml,autogluon,mljar,sapientml
.PHONY: bench-quality
bench-quality: $(READY) system
	$(BIN)/python -m benchmarks.tables --peers $(PEERS) $(OPTIONS)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
