# Two commands on a fresh machine: `make demo`, `make test`. Both make .venv first.
PYTHON ?= python3
BIN := .venv/bin
PEERS := optimum openvino litert coreai-torch
# torch first and by itself: pinned, so that no other package's wish brings a newer build with gigabytes of CUDA.
INSTALL = pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-all check docs coverage mutants bench fuzz optimum-env mediapipe-env swift-toolchain arm64-runtime npm-packages jvm-packages clean

demo: .venv/made
	$(BIN)/python -m benchmarks.demo

# Beside each other, a module to a worker: what a module's fixtures make is made once. Those that take longest come first
# (tests/longest.py). WORKERS=0: one after another.
WORKERS ?= logical
BESIDE = --numprocesses $(WORKERS) --maxprocesses 4 --dist loadscope --no-loadscope-reorder
test: .venv/made
	$(BIN)/python -m pytest -m "not slow" $(BESIDE)

test-all: .venv/made .venv-optimum/made .venv-mediapipe/made
	$(BIN)/python -m pytest

check: .venv/made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin

# The documentation site in site/; a page or an anchor that is not there is an error.
docs: .venv/made
	$(BIN)/python -m benchmarks.results.pages --check
	$(BIN)/zensical build --strict --clean

# The quick tests again, counting what they run of lines and branches; what `make test` takes and half of that.
coverage: .venv/made
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest -m "not slow"
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m benchmarks.results.coverage_record

# One change at a time to what must not be wrong, and whether a test notices. CI=true: hypothesis draws the same each time.
mutants: .venv/made
	$(BIN)/$(INSTALL) --editable '.[mutants]'
	rm -rf mutants
	CI=true $(BIN)/mutmut run --max-children 1
	$(BIN)/python -m benchmarks.results.mutants

# Side by side with the peers, each in its own environment; one that does not install becomes a row that says so.
# DATA names a folder with the AG News test, without it the kept rows are used.
bench: .venv/made
	-$(MAKE) --keep-going $(PEERS:%=.venv-%/made)
	$(BIN)/python -m benchmarks.peers.run $(if $(DATA),--data $(DATA))
	$(BIN)/python -m benchmarks.peers.coreai_assets
	$(BIN)/python -m benchmarks.results.pages

# Ten thousand hostile files for every reader, one bit of every byte of six bundles, then SECONDS of atheris each.
SECONDS ?= 60
fuzz: .venv/made
	$(BIN)/$(INSTALL) --editable '.[fuzz]'
	$(BIN)/python -m benchmarks.fuzz mutations
	$(BIN)/python -m benchmarks.fuzz flips
	$(BIN)/python -m benchmarks.fuzz guided --seconds $(SECONDS)

optimum-env: .venv-optimum/made

mediapipe-env: .venv-mediapipe/made

# Swift for Linux, 2.5 GB beside the checkout (or where BERTPORT_SWIFT says): with it `make test` builds and runs iOS kits.
swift-toolchain:
	.ci/swift-toolchain make

# What `bertport verify --arch arm64` runs on an x86 machine; into the user's cache, once.
arm64-runtime: .venv/made
	$(BIN)/python -m runtimes.backends.emulation.arm64_setup

# What the tests of the web and Android kits run with: Node's packages in .npm, a JVM's in .jvm.
npm-packages: .npm/made

jvm-packages: .npm/made
	PYTHON=$(PYTHON) .ci/jvm-packages

.npm/made: tests/npm/package.json
	mkdir -p .npm
	cp tests/npm/package.json .npm/
	cd .npm && npm install --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error
	touch $@

.venv/made: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/$(INSTALL) torch
	$(BIN)/$(INSTALL) --editable '.[test]'
	touch $@

.venv-%/made: benchmarks/peers/%-requirements.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/pip install --quiet --upgrade pip
	.venv-$*/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

clean:
	rm -rf .venv site $(PEERS:%=.venv-%) .venv-mediapipe .npm .jvm dist mutants .coverage*
