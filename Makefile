# make lab     opens JupyterLab on the workbench
# make test    runs every check: lint, types, JavaScript and Python tests, and a real browser
# make lint    ruff, formatting, mypy, eslint and TypeScript's checker only
# make bench   measures speed and memory against the peers (2 GB to install, about half an hour, quiet machine)
# make bench-sweeps  measures sweeps against SAEDashboard and delphi (2 GB to install, some 20 minutes, quiet machine)
# make test-hosts  runs the four that follow, one after the other: environments of up to 2 GB each, some 40 minutes in all
# make test-colab  runs tests with Colab's versions (ipykernel 6, ipywidgets 7), in .venv-colab: minutes to build
# make test-notebook  runs browser tests in Notebook 7, in .venv-notebook
# make test-replay  runs every widget in JupyterLab on a recording, in .venv-replay, which has no torch
# make test-binder  does what Binder does in .venv-binder, and runs every tutorial there in 2 GB of memory
# make test-graders  runs nbgrader and otter on every tutorial, in .venv-graders: 1 to 2 GB, under an hour
# make test-sweeps  runs the sweeps of four processes and on Ray too, and of datasets of Hugging Face, in .venv-datasets:
#              some 3 minutes, and an environment of 1 to 2 GB
# make soak    drives a model at random, faults included (10,000 operations, some 15 minutes); 500 widgets of every kind
# make fuzz    runs the tests that make their own examples ROUNDS times, on other examples each time
# make clean   removes what these made
#
# PIP_ARGS     more for pip. On Linux without an NVIDIA GPU this keeps the download small:
#              make lab PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
# LAB_ARGS     more for JupyterLab, such as LAB_ARGS="--no-browser --port 8899"
# NOTEBOOK     what `make lab` opens
# NEWEST=1     make test NEWEST=1 runs the Python tests with the newest version of every package but torch, in .venv-newest
# PYTHON       the Python, 3.11 or later, that .venv is made with
# ROUNDS       how many rounds `make fuzz` runs, 20 unless told
# WORKERS      how many files of Python tests run side by side, 3 unless told; every second one begins with the browser
# PYTEST_ARGS  more for pytest, such as PYTEST_ARGS="-m 'not browser'"

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := lab
# JavaScript's packages and tests while pip installs; types are checked while the tests run.
MAKEFLAGS += --jobs=2
# Dozens of processes import torch: 5 s of CPU with bytecode at hand, 11 s where a shell says that none is to be kept.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
NOTEBOOK ?= tutorials/00_start_here.ipynb
PIP_ARGS ?=
LAB_ARGS ?=
WORKERS ?= 3
ROUNDS ?= 20
PYTEST_ARGS ?=

ifdef NEWEST
VENV := .venv-newest
# torch keeps its version: another one is gigabytes.
PINS := --upgrade --upgrade-strategy eager $(shell grep '^torch==' constraints.txt)
else
VENV := .venv
PINS := -c constraints.txt
endif
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
APT := DEBIAN_FRONTEND=noninteractive apt-get
# Jupyter refuses to run as root unless told so.
AS_ROOT := $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)

always:

.PHONY: always lab test lint test-js test-python test-hosts test-colab test-notebook test-replay test-binder test-graders test-sweeps chromium bench bench-sweeps soak fuzz clean

lab: $(VENV)/lab.stamp
	$(BIN)/python -m jupyter lab $(AS_ROOT) --ServerApp.root_dir="$(CURDIR)" \
	  --LabApp.default_url="/lab/tree/$(NOTEBOOK)" $(LAB_ARGS)

test: $(if $(NEWEST),,lint test-js) test-python

lint: $(VENV)/test.stamp js/node_modules/made.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd js && npm run --silent lint && npm run --silent typecheck

test-js: js/node_modules/made.stamp
	cd js && npm run --silent test:unit

# What a busy machine fails once is run once more and listed as RERUN; more than a few of them fail the run.
test-python: $(VENV)/test.stamp js/node_modules/made.stamp chromium
	$(BIN)/python -m pytest -n $(WORKERS) --no-loadscope-reorder --reruns 1 $(PYTEST_ARGS)

.venv-colab/made.stamp: tests/hosts/colab.txt
	$(PYTHON) -m venv --clear .venv-colab
	.venv-colab/bin/python -m pip install -r tests/hosts/colab.txt $(PIP_ARGS)
	.venv-colab/bin/python -m pip freeze --exclude gscope-widgets > .venv-colab/before.txt
	touch $@

# Installing the package changes none of the versions that were there before it.
test-colab: .venv-colab/made.stamp js/node_modules/made.stamp chromium
	.venv-colab/bin/python -m pip install -e . $(PIP_ARGS)
	.venv-colab/bin/python -m pip freeze --exclude gscope-widgets | diff .venv-colab/before.txt -
	.venv-colab/bin/python -m pip check
	.venv-colab/bin/python -m pytest tests/records tests/widgets tests/browser/test_catalogue.py tests/test_tutorials.py $(PYTEST_ARGS)

# One at a time: two cores are what a browser and a kernel need.
test-hosts:
	$(MAKE) --jobs=1 test-colab test-notebook test-replay test-binder

.venv-notebook/made.stamp: tests/hosts/notebook.txt constraints.txt pyproject.toml
	$(PYTHON) -m venv --clear .venv-notebook
	.venv-notebook/bin/python -m pip install -r tests/hosts/notebook.txt $(PIP_ARGS)
	.venv-notebook/bin/python -m pip install -c constraints.txt -e '.[lab]' $(PIP_ARGS)
	touch $@

# The server and the kernel are of that environment; the tests and the browser's driver of the usual one.
test-notebook: .venv-notebook/made.stamp $(VENV)/test.stamp chromium
	.venv-notebook/bin/python -m pip check
	HOST_PYTHON=$(CURDIR)/.venv-notebook/bin/python HOST_PAGE=notebook $(BIN)/python -m pytest tests/browser/test_catalogue.py tests/browser/test_static_copy.py $(PYTEST_ARGS)

.venv-replay/made.stamp: tests/hosts/replay.txt constraints.txt pyproject.toml
	$(PYTHON) -m venv --clear .venv-replay
	.venv-replay/bin/python -m pip install -r tests/hosts/replay.txt $(PIP_ARGS)
	.venv-replay/bin/python -m pip install --no-deps -e .
	touch $@

# The recording is made with the usual environment's torch.
test-replay: .venv-replay/made.stamp $(VENV)/test.stamp chromium
	! .venv-replay/bin/python -m pip freeze | grep -iE '^(torch|transformers|huggingface)'
	HOST_PYTHON=$(CURDIR)/.venv-replay/bin/python $(BIN)/python -m pytest tests/browser/test_replay.py $(PYTEST_ARGS)

.venv-binder/made.stamp: tests/hosts/binder.txt
	$(PYTHON) -m venv --clear .venv-binder
	.venv-binder/bin/python -m pip install -r tests/hosts/binder.txt $(PIP_ARGS)
	.venv-binder/bin/python -m pip freeze | grep -iE '^(notebook|jupyterlab|jupyter_server|jupyterhub)==' > .venv-binder/before.txt
	touch $@

# binder/requirements.txt without the address of torch's CPU builds, which PIP_ARGS gives where one is needed.
test-binder: .venv-binder/made.stamp $(VENV)/test.stamp chromium
	sed '/^--extra-index-url/d' binder/requirements.txt > .venv-binder/requirements.txt
	.venv-binder/bin/python -m pip install -r .venv-binder/requirements.txt $(PIP_ARGS)
	.venv-binder/bin/python -m pip freeze | grep -iE '^(notebook|jupyterlab|jupyter_server|jupyterhub)==' | diff .venv-binder/before.txt -
	.venv-binder/bin/python -m pip check
	PATH=$(CURDIR)/.venv-binder/bin:$$PATH HF_HUB_OFFLINE=1 binder/postBuild
	HOST_PYTHON=$(CURDIR)/.venv-binder/bin/python $(BIN)/python -m tests.hosts.binder

.venv-graders/made.stamp: tests/hosts/graders.txt constraints.txt pyproject.toml
	$(PYTHON) -m venv --clear .venv-graders
	.venv-graders/bin/python -m pip install -r tests/hosts/graders.txt -c constraints.txt -e . jupytext $(PIP_ARGS)
	touch $@

# nbgrader and otter are no part of our own environment, nor of anybody's who installs the package.
test-graders: .venv-graders/made.stamp
	.venv-graders/bin/python -m pip check
	.venv-graders/bin/python -m tests.graders

$(VENV)/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed, $(PYTHON) is $$($(PYTHON) --version); name another: make PYTHON=python3.12"; exit 1; }
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
	  if [ "$$(id -u)" = 0 ]; then $(APT) update && $(APT) install -y python3-venv; \
	  else echo "Python's venv is missing. Run: sudo apt-get install python3-venv"; exit 1; fi; fi
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/lab.stamp: $(VENV)/made.stamp pyproject.toml constraints.txt $(if $(NEWEST),always)
	$(PIP) install $(PINS) -e '.[lab]' $(PIP_ARGS)
	touch $@

# Not compiled while it installs: tests import a part of it, and compile that.
$(VENV)/test.stamp: $(VENV)/made.stamp pyproject.toml constraints.txt $(if $(NEWEST),always)
	$(PIP) install --no-compile $(PINS) -e '.[lab,test]' $(PIP_ARGS)
	touch $@

js/node_modules/made.stamp: js/package.json js/package-lock.json
	@node -e 'const [a, b] = process.versions.node.split("."); process.exit(a < 20 || (a == 20 && b < 19) ? 1 : 0)' \
	  || { echo "Node.js 20.19 or later is needed, found $$(node --version)"; exit 1; }
	cd js && npm ci --no-audit --no-fund
	touch $@

chromium: | $(VENV)/made.stamp
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ]; then $(APT) update && $(APT) install -y chromium; \
	else echo "The browser tests need Chromium. Run: sudo apt-get install chromium"; exit 1; fi

.venv-bench/made.stamp: tests/bench/requirements.txt constraints.txt pyproject.toml
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install -r tests/bench/requirements.txt -e . $(PIP_ARGS)
	touch $@

bench: .venv-bench/made.stamp
	.venv-bench/bin/python -m tests.bench.parity
	.venv-bench/bin/python -m tests.bench

.venv-datasets/made.stamp: constraints.txt pyproject.toml
	$(PYTHON) -m venv --clear .venv-datasets
	.venv-datasets/bin/python -m pip install -c constraints.txt -e '.[test]' 'datasets>=3' $(PIP_ARGS)
	touch $@

# datasets is no part of the usual environment: with pyarrow it is 200 MB, and asks for a newer huggingface_hub than Colab has.
test-sweeps: $(VENV)/test.stamp .venv-datasets/made.stamp
	GSCOPE_MANY_WORKERS=1 $(BIN)/python -m pytest tests/runtime/sweeps $(PYTEST_ARGS)
	.venv-datasets/bin/python -m pip check
	.venv-datasets/bin/python -m pytest tests/runtime/sweeps/test_datasets.py $(PYTEST_ARGS)

.venv-peers/made.stamp: tests/bench/sweep_peers.txt
	$(PYTHON) -m venv --clear .venv-peers
	.venv-peers/bin/python -m pip install -r tests/bench/sweep_peers.txt $(PIP_ARGS)
	git clone --quiet https://github.com/EleutherAI/delphi .venv-peers/delphi
	git -C .venv-peers/delphi checkout --quiet 3c2e139
	touch $@

# The peers have an environment of their own: SAEDashboard asks for an older transformers.
bench-sweeps: .venv-peers/made.stamp $(VENV)/test.stamp
	$(BIN)/python -m tests.bench.sweeps --peers .venv-peers/bin/python --delphi .venv-peers/delphi

soak: $(VENV)/test.stamp
	$(BIN)/python -m tests.runtime.soak
	$(BIN)/python -m tests.widgets.soak

fuzz: $(VENV)/test.stamp
	for round in $$(seq $(ROUNDS)); do \
	  $(BIN)/python -m pytest -q -n 2 -m hypothesis --hypothesis-profile=random tests $(PYTEST_ARGS); done

clean:
	rm -rf .venv .venv-newest .venv-colab .venv-notebook .venv-replay .venv-binder .venv-graders .venv-datasets .venv-bench .venv-peers js/node_modules build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
