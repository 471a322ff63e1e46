# The front door.  It installs what is missing and drives SwiftPM, CMake and
# pytest; each of them may be used by hand as well.
#
# What is built goes to BUILD, which is `build`, or a folder of the user's cache
# directory if the sources cannot be written to.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

export PATH := $(PATH):/opt/swift/usr/bin
export JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
MS ?= 5000

ifeq ($(shell test -w . && echo yes),yes)
  BUILD ?= $(CURDIR)/build
  VENV ?= $(CURDIR)/.venv
else
  BUILD ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/cachecore/$(firstword $(shell echo $(CURDIR) | cksum))
  VENV ?= $(BUILD)/venv
endif
override BUILD := $(abspath $(BUILD))
export BUILD VENV
LIBRARY := $(BUILD)/lib/libcachecore.so
PYTHON := $(VENV)/bin/python
CTEST := ctest --test-dir $(BUILD) --output-on-failure

# Python finds the package in its sources, or in a copy where those cannot be
# written to (the compiled path lies beside them), and the library where we built it.
ifeq ($(BUILD),$(CURDIR)/build)
  PYTHON_SOURCES := $(CURDIR)/bindings/python/src
else
  PYTHON_SOURCES := $(BUILD)/python
endif
export PYTHONPATH := $(PYTHON_SOURCES):$(CURDIR)/services/src
export CACHECORE_LIBRARY := $(LIBRARY)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -ts '|'

# ---- Setting up: apt and PyPI, only where something is missing ---------------

.PHONY: setup-lib setup setup-all
setup-lib: ## what building the library needs
	tools/setup.sh lib

setup: ## and what the core's tests and the demo need
	tools/setup.sh core

setup-all: ## and what all other targets need
	tools/setup.sh all

# ---- The main things ---------------------------------------------------------

.PHONY: lib
lib: setup-lib ## build the library: build/lib, with symbols; what ships is build/lib/release
	tools/build-library.sh $(BUILD)/lib

.PHONY: python
python: setup lib ## and the Python package's compiled path
	tools/python-sources.sh $(PYTHON_SOURCES)
	PYTHON=$(PYTHON) bindings/python/tools/build-extension.sh $(PYTHON_SOURCES)/cachecore

.PHONY: demo
demo: python ## replay a recorded workload, from C and from Python; kill workers
	examples/demo/run

.PHONY: test
test: ## the core: engine, C contract, Python package (under 15 minutes)
	@echo "make test: the engine (Swift), schedules of threads, the C contract and"
	@echo "  its examples, the Python package by the compiled path and by ctypes."
	@echo "  About 8 minutes on two cores.  make test-all has the rest."
	$(MAKE) test-swift test-schedules test-c test-python
	@echo "all tests of the core passed"

.PHONY: test-all
test-all: setup-all ## and services, browser, packages, style, guard, sanitizers, fuzzing
	@echo "make test-all: what make test does, then formatting and types, services,"
	@echo "  a browser, packages, other projects' tests, instruction counts,"
	@echo "  sanitizers, fuzzing.  About half an hour on two cores.  A test that is"
	@echo "  skipped is a failure."
	CACHECORE_NO_SKIPS=1 $(MAKE) check docs test test-tier test-services test-browser test-wheel \
	  test-checkout test-compat test-languages bench-guard test-fuzz test-litmus test-dist
	CACHECORE_NO_SKIPS=1 $(MAKE) sanitize MS=2000
	@echo "all tests passed"

# ---- The core's tests --------------------------------------------------------

.PHONY: test-swift
test-swift: setup ## the engine's own tests
	swift test --disable-xctest --scratch-path $(BUILD)/swift-tests -j $(JOBS)

.PHONY: test-schedules schedules
test-schedules: ## some seeded schedules of threads, and deaths of threads
	$(MAKE) schedules COUNT=3000
	$(MAKE) deaths SECONDS=30

schedules: setup ## seeded schedules of threads, COUNT=100000 SEED=random
	CACHECORE_SCHEDULED=1 swift build -c release --product schedules \
	  --scratch-path $(BUILD)/swift-schedules -j $(JOBS)
	$(BUILD)/swift-schedules/release/schedules $(or $(COUNT),100000) $(SEED)

.PHONY: deaths
deaths: setup ## threads that die with a lock, and recovery: SECONDS=30 SEED=random; 0: all steps
	CACHECORE_SCHEDULED=1 swift build -c release --product deaths \
	  --scratch-path $(BUILD)/swift-schedules -j $(JOBS)
	$(BUILD)/swift-schedules/release/deaths $(or $(SECONDS),30) $(SEED)

.PHONY: cmake
cmake: setup
	cmake -S . -B $(BUILD) $(if $(wildcard $(BUILD)/CMakeCache.txt),,-G Ninja)
	cmake --build $(BUILD) -j $(JOBS)

.PHONY: test-c
test-c: cmake ## the contract from C: functions, threads, symbols, examples
	$(CTEST)
	tools/test-consumers.sh $(BUILD)

.PHONY: test-python
test-python: python ## the Python package on both its paths, and its examples
	PYTHON=$(PYTHON) bindings/python/tools/test.sh
	tools/test-system-python.sh

.PHONY: test-languages
test-languages: lib setup-all ## the bindings in other languages, and the flat declarations
	PYTHON=$(PYTHON) tools/test-languages.sh $(NAME)

# ---- Documentation ----------------------------------------------------------

.PHONY: docs
docs: python ## the documentation site: build/site/index.html
	tools/setup.sh docs
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build -q -f tools/site/mkdocs.yml -d $(BUILD)/site
	tools/check_links.py
	tools/doc_examples.py
	@echo "the site is $(BUILD)/site/index.html"

# ---- Everything else ---------------------------------------------------------

.PHONY: check
check: setup-all ## formatting, style, types
	swift format lint --strict -r Sources Tests fuzz bindings/swift Package.swift
	tools/tidy.py
	tools/layers.py
	tools/layout.py
	tools/coverage_table.py --check
	tools/cdef.py --check
	MYPYPATH=$(PYTHONPATH) $(PYTHON) -m mypy --strict tools/cdef.py tools/check_links.py tools/check_symbols.py \
	  tools/coverage_table.py tools/doc_examples.py tools/layers.py tools/layout.py \
	  tools/pytest_hooks.py tools/region.py tools/site/header_reference.py \
	  tools/tidy.py tools/mutate.py tools/own_reports.py tools/planted.py packaging/sbom.py \
	  bindings/tools/test_together.py
	cd bindings/python && $(PYTHON) -m mypy
	cd bindings/python && $(PYTHON) -m pyright --pythonpath $(PYTHON)
	cd services && $(PYTHON) -m mypy
	cd services && $(PYTHON) -m pyright --pythonpath $(PYTHON)

.PHONY: histories faults soak
histories: cmake ## concurrent histories checked for linearizability, MINUTES=5
	CACHECORE_TEST_MS=$$((60000 * $(or $(MINUTES),5) / 12)) \
	  $(BUILD)/Tests/C/history_test

faults: cmake ## every system call fails at each of its occurrences
	FAULTS=all CACHECORE_TEST_MS=3600000 $(BUILD)/Tests/C/fault_test

soak: cmake ## everything at once, MINUTES=60: build/soak.json
	CACHECORE_TEST_MS=$$((60000 * $(or $(MINUTES),60))) \
	  $(BUILD)/Tests/C/soak $(BUILD)/soak.json

.PHONY: soak-shared
soak-shared: cmake ## kills processes that share a cache: KILLS=1000000 in four kinds
	CACHECORE_KILLS=$(or $(KILLS),1000000) CACHECORE_TEST_MS=1000000000 \
	  $(BUILD)/Tests/C/shared_kill_test

.PHONY: sanitize
sanitize: setup-all ## races and memory errors: TSan and ASan, MS=5000 each stress
	tools/sanitize.sh thread $(MS)
	tools/sanitize.sh address $(MS)

.PHONY: service
service: python setup-all ## start an example: NAME=blacklist, narration, permissions, decisions
	$(PYTHON) examples/services/$(or $(NAME),blacklist).py $(ARGS)

.PHONY: test-services
test-services: python setup-all ## policy, jobs, the four services, the dashboard
	CACHECORE_PURE=0 $(PYTHON) -X dev -W error -m pytest -q -p no:cacheprovider services/tests \
	  --ignore services/tests/apps/test_browser.py
	CACHECORE_PURE=1 $(PYTHON) -X dev -W error -m pytest -q -p no:cacheprovider services/tests/policy

.PHONY: test-tier soak-tier
test-tier: python setup-all ## the near cache before Redis and Valkey, by both paths
	PYTHON=$(PYTHON) bindings/python/tools/test-tier.sh

soak-tier: python setup-all ## the same through a proxy with faults: MINUTES=60
	cd bindings/python/tests && PYTHONPATH=$(PYTHONPATH):$(CURDIR)/tools \
	  $(PYTHON) -m tiered.soak $(or $(MINUTES),60)

.PHONY: test-browser
test-browser: python setup-all ## the dashboard in a real browser; installs chromium by apt
	tools/setup-browser.sh
	CACHECORE_BROWSER=1 $(PYTHON) -X dev -W error -m pytest -q \
	  services/tests/apps/test_browser.py

.PHONY: sanitize-python valgrind
sanitize-python: setup-all ## the Python tests: memory errors, leaks, races
	tools/sanitize-python.sh address
	tools/sanitize-python.sh thread

valgrind: setup-all lib ## C and Python tests under memcheck
	tools/valgrind.sh
	tools/valgrind-python.sh

.PHONY: fuzz test-fuzz coverage mutate
SECONDS_EACH ?= 600
fuzz: setup ## fuzz calls, structs, regions: SECONDS_EACH=600 for each
	fuzz/run.sh $(SECONDS_EACH)

test-fuzz: setup ## the committed corpus, and ten repeatable seconds of each target
	fuzz/run.sh corpus
	SEED=1 fuzz/run.sh 10

coverage: setup ## lines of the engine that the tests reach, 95 % at least
	tools/coverage.sh

mutate: setup-all ## mistakes in the engine that the tests notice: MINUTES=30
	tools/mutate.py --minutes $(or $(MINUTES),30)

.PHONY: test-checkout
test-checkout: setup ## a copied, a moved and a read-only checkout build
	tools/test-checkout.sh

.PHONY: wheel test-wheel test-compat test-compat-latest test-minimums
wheel: setup lib ## Python wheels and sdists, of libcachecore and libcachecore-services: dist/
	PYTHON=$(PYTHON) bindings/python/tools/build-wheels.sh dist
	PYTHON=$(PYTHON) services/tools/build-wheel.sh dist

test-wheel: wheel ## the wheels in empty environments without a compiler
	bindings/python/tools/test-wheels.sh dist
	services/tools/test-wheel.sh dist

test-compat: python setup-all ## other projects' own tests, pinned, on our Python package
	PIP_CONSTRAINT=$(CURDIR)/bindings/python/tests/compat/constraints.txt $(MAKE) test-compat-latest

test-compat-latest: python setup-all ## the same, of their newest versions
	$(PYTHON) bindings/python/tests/compat/run.py
	$(PYTHON) bindings/python/tests/compat_frameworks/run.py

test-minimums: lib ## the oldest packages that each extra allows, from PyPI
	$(PYTHON) bindings/python/tests/minimums/run.py $(EXTRA)

.PHONY: bench bench-quick bench-services hitratio bench-guard
bench: lib ## measure everything beside the peers: docs/benchmarks.md (half an hour)
	$(MAKE) -C bench full $(if $(NAME),NAME=$(NAME))

bench-quick: lib ## the same, roughly, in three minutes: build/bench/quick
	$(MAKE) -C bench quick

hitratio: lib ## replay the traces in TRACES=DIR beside reference hit ratios
	$(MAKE) -C bench hitratio TRACES=$(abspath $(TRACES))

bench-services: lib ## load the decision service over loopback, beside the same on Redis
	command -v wrk >/dev/null || bench/setup.sh build/bench-venv
	$(PYTHON) bench/services.py $(ARGS)

bench-guard: lib ## instructions a call, against bench/guard.json
	command -v valgrind >/dev/null || tools/setup.sh all
	$(MAKE) -C bench guard

.PHONY: dist test-dist aarch64 test-aarch64 test-litmus
dist: setup-all lib ## what else a release has: tarballs, .deb, musl wheels, SHA256SUMS: dist/
	PYTHON=$(PYTHON) packaging/dist.sh $(BUILD) dist

# kill_while_saving wants a save to be in the middle of a file within a second.
test-dist: setup-all lib ## make dist, and all of it used where nothing else is
	packaging/root.sh $(BUILD)/roots/amd64.tar amd64 gcc libc6-dev make cmake pkg-config & \
	  root=$$!; PYTHON=$(PYTHON) packaging/dist.sh $(BUILD) dist; wait $$root
	PYTHON=$(PYTHON) packaging/test-tarball.sh $(BUILD)/lib dist
	packaging/test-deb.sh dist $(BUILD)/roots/amd64.tar
	EXCEPT=kill_while_saving packaging/test-contract.sh $(BUILD)/musl/lib "musl-gcc -Wl,-rpath-link,$(BUILD)/musl/stub"

aarch64: setup-all ## the library for aarch64: build/aarch64/lib; `make dist` then packs it
	packaging/aarch64/build-library.sh $(BUILD)/aarch64/lib

test-aarch64: aarch64 ## the C contract and the wheels for aarch64, run by qemu (10 minutes)
	PYTHON=$(PYTHON) packaging/aarch64/test.sh $(BUILD)/aarch64 $(BUILD)/roots/arm64.tar

test-litmus: setup-all ## the read protocol under the C++ memory model, in all schedules
	Tests/Litmus/run.sh $(BUILD)/litmus

.PHONY: install
install: cmake ## install header, library, CMake and pkg-config files to PREFIX
	cmake --install $(BUILD) --prefix $(PREFIX)

.PHONY: clean
clean: ## remove everything that was built
	rm -rf $(BUILD) $(VENV) $(VENV)-system dist
