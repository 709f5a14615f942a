# Every Pixel: `make book` builds it, `make test` tests it. Every target sets up what it needs by itself.
# PYTHON=...   the Python to make .venv with (default: the first one >= 3.11 that is found)
# TORCH=cpu    PyTorch without CUDA: the same versions, 5 GB less on Linux
# CHROMIUM=... the browser for the site's tests (default: the first one found)

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
PORT ?= 8000
export TORCH COLAB_PYTHON
RUN := $(VENV)/bin/python -m
READY := $(VENV)/.installed
MODULES := node_modules/.package-lock.json
CHAPTERS = $(sort $(wildcard book/*.ipynb))

# A cell that takes two minutes hangs.
NBVAL := pytest --nbval-lax --nbval-current-env --nbval-cell-timeout=120

# What each part of the tests found: read by tools.tested, for the page "How this book is tested".
RECORDS := _build/records

# Training asks for large maps and frees them, step by step. glibc would hand each back to the system and fetch it anew,
# page by page: about half of the time of a dense network.
KEEP_MEMORY := MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184

heading = @printf '\n=== %s ===\n' '$(1)'

# Sets the shell's $python. A Python that calls itself 3.12 may be a shim with nothing behind it, so each is asked. The
# versions that the project is tested with come first; a newer python3 is tried when there is no other.
define find-python
python="$(PYTHON)"; \
for candidate in python3 python3.13 python3.12 python3.11; do \
  if [ -z "$$python" ] && "$$candidate" -c \
    'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then python="$$candidate"; fi; \
done; \
if [ -z "$$python" ] && python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=python3; fi; \
if [ -z "$$python" ]; then \
  echo "No Python from 3.11 on was found. Install one, or name one: make PYTHON=/path/to/python3.11" >&2; exit 1; \
fi
endef

.PHONY: book serve test lint pytest unit js notebooks site widgets weights experiments refresh bench repository constraints colab clean help

book: $(READY) ## execute the chapters and build the book into _build/html (the default)
	@$(RUN) tools.book

serve: book ## build the book and serve it on http://localhost:8000 (PORT=...)
	@printf 'Serving on http://localhost:$(PORT)/ (Ctrl+C ends it)\n'
	@$(RUN) http.server $(PORT) --bind 127.0.0.1 --directory _build/html

test: $(READY) $(MODULES) ## everything below, in this order; what .ci/run calls
	@$(MAKE) lint
	@$(MAKE) pytest
	@$(MAKE) js
	@$(MAKE) notebooks
	@$(MAKE) site

lint: $(READY) ## ruff: rules and layout, of modules and notebooks
	$(call heading,ruff)
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .

pytest unit: $(READY) $(MODULES) ## the Python tests, without the browser's
	$(call heading,pytest)
	@$(RUN) pytest tests --ignore=tests/site --junitxml=$(RECORDS)/pytest.xml

js: $(READY) ## the widgets' arithmetic, in Node
	$(call heading,node --test)
	@mkdir -p $(RECORDS)
	@$(RUN) tools.node --test --test-reporter=spec --test-reporter-destination=stdout \
	  --test-reporter=junit --test-reporter-destination=$(RECORDS)/js.xml 'tests/js/*.test.mjs'

notebooks: $(READY) ## run every chapter and compare its checked outputs
	$(call heading,nbval)
	@$(RUN) $(NBVAL) --junitxml=$(RECORDS)/notebooks.xml $(CHAPTERS)

site: $(READY) $(MODULES) ## build the book with warnings as errors and test its pages in Chromium
	$(call heading,the book with warnings as errors)
	@$(RUN) tools.book --strict
	$(call heading,the pages in Chromium)
	@$(RUN) tools.chromium
	@$(RUN) pytest tests/site --junitxml=$(RECORDS)/site.xml
	@$(RUN) tools.book # once more, for the page that says what was found

widgets: $(READY) $(MODULES) ## bundle the widgets' JavaScript into seglib/widgets/static
	@$(RUN) tools.widgets

weights: $(READY) ## train the small networks from nothing, on 2 cores in less than 3 hours (NAMES=... for some)
	@$(KEEP_MEMORY) $(RUN) seglib.weights $(NAMES)

experiments: $(READY) ## train, measure and compare, three seeds each, on 2 cores in some hours (NAMES=... for some)
	@$(KEEP_MEMORY) $(RUN) seglib.experiments $(NAMES)

refresh: $(READY) ## execute the chapters and store the outputs that nbval checks (FILES=... for some)
	@$(RUN) tools.notebooks refresh $(FILES)

bench: $(READY) ## every benchmark, one after the other
	@for file in benchmarks/*.py; do printf '\n=== %s ===\n' "$$file"; $(RUN) "benchmarks.$$(basename "$$file" .py)"; done

repository: $(READY) ## lead every link to another repository: make repository URL=https://github.com/OWNER/NAME
	@$(RUN) tools.repository $(URL)

constraints: $(READY) ## pin what requirements.txt brings along, in constraints.txt (UPGRADE=1: the newest)
	@$(RUN) pip install --quiet --disable-pip-version-check uv
	@$(RUN) tools.constraints $(if $(UPGRADE),--upgrade)

colab: ## the chapters and tests with Colab's versions, where there is a Python 3.13
	@$(find-python); "$$python" -m tools.colab

clean: ## remove what was built; the environments stay
	rm -rf _build .pytest_cache .ruff_cache .hypothesis book/.ipynb_checkpoints
	find seglib tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@grep -E '^[a-z][a-z ]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z ]+):[^#]*## /\1\t/' | expand -t 16

$(READY): requirements.txt constraints.txt pyproject.toml
	@$(find-python); "$$python" -m tools.environment
	@touch $@

$(MODULES): $(READY) package.json package-lock.json
	@$(RUN) tools.node npm ci --ignore-scripts --no-audit --no-fund
	@touch $@
