# The front door.  It installs what is missing and drives SwiftPM, CMake and
# pytest; each of them may be used by hand as well.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

export PATH := $(PATH):/opt/swift/usr/bin
export JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
LIBRARY := build/lib/libcachecore.so
PYTHON := .venv/bin/python
MS ?= 5000

# Python finds the package in its sources and the library where we built it.
export PYTHONPATH := $(CURDIR)/bindings/python/src
export CACHECORE_LIBRARY := $(CURDIR)/$(LIBRARY)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -ts '|'

.PHONY: setup
setup: .venv/.ready ## install what is missing, by apt and into .venv
.venv/.ready: tools/setup.sh tools/requirements.txt tools/requirements-system.txt
	tools/setup.sh
	@touch $@

.PHONY: lib
lib: setup ## build the library that ships: build/lib/libcachecore.so
	tools/build-library.sh build/lib

.PHONY: demo
demo: lib ## replay a recorded workload, from C and from Python
	examples/demo/run

.PHONY: test
test: test-swift test-schedules test-c test-python ## every test there is
	@echo "all tests passed"

.PHONY: test-swift
test-swift: setup ## the engine's own tests
	swift test --disable-xctest --scratch-path .build-tests -j $(JOBS)

.PHONY: test-schedules schedules
test-schedules: ## some seeded schedules of threads
	$(MAKE) schedules COUNT=3000

schedules: setup ## seeded schedules of threads, COUNT=100000 SEED=random
	CACHECORE_SCHEDULED=1 swift build -c release --product schedules \
	  --scratch-path .build-schedules -j $(JOBS)
	.build-schedules/release/schedules $(or $(COUNT),100000) $(SEED)

.PHONY: cmake
cmake: setup
	cmake -S . -B build $(if $(wildcard build/CMakeCache.txt),,-G Ninja)
	cmake --build build -j $(JOBS)

.PHONY: test-c
test-c: cmake ## the contract from C: functions, threads, symbols, examples
	ctest --test-dir build --output-on-failure
	tools/test-consumers.sh build

.PHONY: test-python
test-python: lib ## the Python package on both its paths, and its examples
	PYTHON=$(CURDIR)/$(PYTHON) bindings/python/tools/test.sh
	if [ -x .venv-system/bin/python ]; then \
	  .venv-system/bin/python -m pytest -q bindings/python/tests/test_*.py; \
	fi

.PHONY: check
check: setup ## formatting, style, types
	swift format lint --strict -r Sources Tests fuzz Package.swift
	tools/tidy.py
	MYPYPATH=$(PYTHONPATH) $(PYTHON) -m mypy --strict tools/check_symbols.py tools/tidy.py \
	  tools/mutate.py tools/own_reports.py tools/planted.py
	cd bindings/python && $(CURDIR)/$(PYTHON) -m mypy
	cd bindings/python && $(CURDIR)/$(PYTHON) -m pyright --pythonpath $(CURDIR)/$(PYTHON)

.PHONY: histories faults soak
histories: cmake ## concurrent histories checked for linearizability, MINUTES=5
	CACHECORE_TEST_MS=$$((60000 * $(or $(MINUTES),5) / 12)) \
	  build/Tests/C/history_test

faults: cmake ## every system call fails at each of its occurrences
	FAULTS=all CACHECORE_TEST_MS=3600000 build/Tests/C/fault_test

soak: cmake ## everything at once, MINUTES=60: build/soak.json
	CACHECORE_TEST_MS=$$((60000 * $(or $(MINUTES),60))) \
	  build/Tests/C/soak build/soak.json

.PHONY: sanitize
sanitize: setup ## races and memory errors: TSan and ASan, MS=5000 each stress
	tools/sanitize.sh thread $(MS)
	tools/sanitize.sh address $(MS)

.PHONY: service
service: lib ## start an example: NAME=blacklist, narration, permissions, decisions
	$(PYTHON) examples/services/$(or $(NAME),blacklist).py $(ARGS)

.PHONY: test-browser
test-browser: lib ## the dashboard in a real browser; installs chromium by apt
	tools/setup-browser.sh
	CACHECORE_BROWSER=1 $(PYTHON) -X dev -W error -m pytest -q \
	  bindings/python/tests/services/test_browser.py
.PHONY: sanitize-python valgrind
sanitize-python: setup ## the Python tests: memory errors, leaks, races
	tools/sanitize-python.sh address
	tools/sanitize-python.sh thread

valgrind: lib ## C and Python tests under memcheck
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

mutate: setup ## mistakes in the engine that the tests notice: MINUTES=30
	tools/mutate.py --minutes $(or $(MINUTES),30)

.PHONY: wheel test-wheel test-compat
wheel: lib ## Python wheels and sdist: dist/
	PYTHON=$(CURDIR)/$(PYTHON) bindings/python/tools/build-wheels.sh dist

test-wheel: wheel ## the wheels in empty environments without a compiler
	bindings/python/tools/test-wheels.sh dist

test-compat: lib ## other projects' own tests, from PyPI, on our Python package
	PYTHON=$(CURDIR)/$(PYTHON) bindings/python/tools/build-extension.sh
	$(PYTHON) bindings/python/tests/compat/run.py
	$(PYTHON) bindings/python/tests/compat_frameworks/run.py

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
	$(MAKE) -C bench guard

.PHONY: install
install: cmake ## install header, library, CMake and pkg-config files to PREFIX
	cmake --install build --prefix $(PREFIX)

.PHONY: clean
clean: ## remove everything that was built
	rm -rf build dist .build .build-* .venv .venv-system
