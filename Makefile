# Everything from a fresh checkout: `make demo`, `make test`. Only Python 3.11 or later is needed beforehand.
# Paths are relative throughout, so that a checkout in a folder with spaces in its name works.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo quick test fast every coverage check lint types docs format clean

ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif
SOURCES := $(wildcard *.py nodes/*.py plugin/*.py testing/*.py pipeline/*.py pipeline/*/*.py pipeline/*/*/*.py pipeline/*/*/*/*.py presets/*)
TYPED := build/typecheck

help:
	@echo 'make demo    set up, then re-express a segment of a made clip and show the page'
	@echo 'make quick   set up, then make check and the fast tests: for daily work'
	@echo 'make test    set up, then make check and all tests'
	@echo 'make coverage  set up, then the fast tests, and which lines and branches they cover'
	@echo 'make docs    set up, then build the documentation into build/site; a broken link fails'
	@echo 'make check   make lint (ruff) and make types (mypy --strict, pyright; tsc for the pages where npm is)'
	@echo 'make format  let ruff put the code in order'
	@echo 'make clean   remove all that make has made, .venv too'
	@echo 'PYTHON=/path/to/python3.12 chooses the Python of .venv'

demo: .venv/.demo
	$(BIN)/react1 demo

# Two workers more than there are cores: tests wait for servers, tools and killed processes.
WORKERS = $$($(BIN)/python -c 'import os; print(2 + (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()))')
PYTEST = $(BIN)/python -m pytest --dist worksteal -n $(WORKERS)

# Tests and modules are compiled once, not by every worker of every run.
unexport PYTHONDONTWRITEBYTECODE
BESIDE = @$(MAKE) --no-print-directory -j2

# The checkers use one core each, so they run beside the tests; both need the same two things beforehand.
quick: .venv/.dev $(TYPED)/.stamp
	$(BESIDE) check fast

test: .venv/.dev $(TYPED)/.stamp
	$(BESIDE) check every

fast: .venv/.compiled
	$(PYTEST) -m 'not slow'

every: .venv/.compiled
	$(PYTEST)

# Tracing costs a half of the fast tests' time again, and finds little more in the slow ones.
coverage: .venv/.compiled
	$(PYTEST) -m 'not slow' --cov --cov-report=
	@echo "Lines and branches covered by the fast tests: $$($(BIN)/python -m coverage report --format=total) %"

docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet --site-dir build/site
	@echo 'The documentation is in build/site/index.html'

check: lint types

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The folder of a checkout may have any name, so it is not taken for a package (--explicit-package-bases).
types: $(TYPED)/.stamp
	cd $(TYPED) && MYPYPATH=. ../../$(BIN)/mypy --config-file ../../pyproject.toml --cache-dir ../../.mypy_cache \
		--python-executable ../../$(BIN)/python -p react1
	MYPYPATH=$(TYPED) $(BIN)/mypy --config-file=tests/typing/mypy.ini --strict --follow-imports=silent --explicit-package-bases \
		--cache-dir .mypy_cache/api --python-executable $(BIN)/python tests/typing/api.py
	$(BIN)/pyright --pythonpath $(BIN)/python --project tests/typing/pyrightconfig.json
	@if [ -x .venv/node/node_modules/.bin/tsc ] || \
			npm install --silent --no-audit --no-fund --prefix .venv/node typescript@5 >/dev/null 2>&1; then \
		.venv/node/node_modules/.bin/tsc -p tests/typing/jsconfig.json; \
	else \
		echo 'The types of the pages were not checked: that needs npm, and a network for its first time'; \
	fi

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis react1_nodes.egg-info

.venv/bin/python:
	@if [ -n "$$PYTHON" ]; then set -- "$$PYTHON"; else set -- python3.12 python3.13 python3.14 python3.11 python3; fi; \
	for candidate in "$$@"; do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Making .venv with $$candidate"; \
			"$$candidate" -m venv .venv && exit 0; \
			rm -rf .venv; \
			echo "$$candidate cannot make virtual environments; on Debian and Ubuntu install python3-venv" >&2; \
			exit 1; \
		fi; \
	done; \
	echo "No Python 3.11 or later found (tried: $$*)." \
		"Install one, or name it: make PYTHON=/path/to/python3.12" >&2; \
	exit 1

.venv/.demo: .venv/bin/python pyproject.toml
	@echo 'Installing react1-nodes and what its demo needs into .venv'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo]'
	@touch $@

.venv/.dev: .venv/bin/python pyproject.toml
	@echo 'Installing react1-nodes and what its development needs into .venv'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch .venv/.demo $@

.venv/.docs: .venv/.dev
	@echo 'Installing what builds the documentation into .venv'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@

# By one process, beside the checkers: the workers read all tests at the same time, and each would compile them.
.venv/.compiled: .venv/.dev
	@echo 'Compiling the tests'
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null || true
	@touch $@

# Type checkers cannot see through an editable install of a package whose folder is the checkout itself.
$(TYPED)/.stamp: .venv/.dev $(SOURCES)
	@echo 'Installing a copy to check the types of'
	@rm -rf build
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-compile \
		--target $(TYPED) .
	@touch $@
