# Everything happens in .venv, made from the hashed requirement files; nothing else on the machine changes.
# Another interpreter: make test PYTHON=python3.12

PYTHON ?= python3
UV ?= uv==0.13.9
QUICKSTART = .venv/bin/python run_tune.py --space quickstart
BENCH = .venv/bin/python -m benchmarks
STUDY = .venv/bin/python -m benchmarks.study $(if $(DATA_DIR),--data-dir "$(DATA_DIR)")
PYTEST_OPTIONS ?= -n auto --maxprocesses 4 --dist loadgroup
TEST = .venv/bin/python -m pytest $(PYTEST_OPTIONS)

# uv installs, in a third of pip's time. Compiling at installation spares every Ray worker half a minute.
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_ROOT_USER_ACTION = ignore
export UV_HTTP_TIMEOUT ?= 600
export UV_COMPILE_BYTECODE = 1
RUNTIME = .venv/.installed
DEVELOPMENT = .venv/.installed-dev
SHELL = /bin/sh
.SHELLFLAGS = -ec
.DEFAULT_GOAL = help
MAKEFLAGS += --no-print-directory

help:  ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-22s %s\n", $$1, $$2}'

quickstart: $(RUNTIME)  ## install, then run a small real search with a report (minutes, no download of data)
	@$(QUICKSTART)

test: $(DEVELOPMENT)  ## install the development extras, then lint, type-check and test (12 minutes)
	@checks=0; tests=0; \
	$(MAKE) lint || checks=$$?; \
	$(TEST) -m "not slow" || tests=$$?; \
	if [ $$checks -ne 0 ]; then echo "make lint failed, see above the tests" >&2; fi; \
	exit $$((checks + tests > 0))

test-slow: $(DEVELOPMENT)  ## the tests left out there: faults, the wheel, odd machines, every command in the docs
	@$(TEST) -m slow

slurm-test: $(DEVELOPMENT)  ## the recipe of Slurm on a real Slurm (as root; apt install slurm-wlm munge)
	@.venv/bin/python -m pytest tests/cluster/test_slurm.py

jobs-test: $(DEVELOPMENT)  ## the recipe of `ray job submit` (as root; installs what ray[default] adds into build/jobs)
	@.venv/bin/uv pip install --quiet --python .venv/bin/python --target build/jobs --no-deps --require-hashes \
	  -r requirements-jobs.txt
	@PYTHONPATH="$(CURDIR)/build/jobs" .venv/bin/python -m pytest tests/cluster/test_job_submit.py

chaos-cluster: $(DEVELOPMENT)  ## every fault of a cluster at 2 and 12 slots a host (as root, an hour and a half)
	@.venv/bin/python -m tests.cluster.faults

test-fast: $(DEVELOPMENT)  ## what neither starts a process, trains nor simulates, while you edit (a minute)
	@$(TEST) --fast -n logical --dist loadfile

format: $(DEVELOPMENT)  ## mend what ruff can mend, and format
	@.venv/bin/python -m ruff check --quiet --fix-only
	@.venv/bin/python -m ruff format --quiet

lint: $(DEVELOPMENT)  ## ruff, mypy and the import contracts, without the tests
	@failed=; \
	.venv/bin/python -m ruff check --quiet --output-format concise || failed="$$failed ruff-check"; \
	.venv/bin/python -m ruff format --check --quiet || failed="$$failed ruff-format"; \
	.venv/bin/python -m mypy --no-error-summary || failed="$$failed mypy"; \
	contracts=$$(.venv/bin/lint-imports --no-logo 2>&1) || { echo "$$contracts"; failed="$$failed imports"; }; \
	if [ -n "$$failed" ]; then echo "lint: failed:$$failed" >&2; exit 1; fi; \
	echo "lint: ruff, mypy and import contracts pass"

bench: $(DEVELOPMENT)  ## measure the speed of what matters and print it beside the recorded numbers
	@$(BENCH)

study: $(RUNTIME)  ## run or continue the published study (half a day of two cores; DATA_DIR=DIR names CIFAR-10)
	@$(STUDY)

study-small: $(RUNTIME)  ## its smallest part: the order of families at equal size (15 minutes; DATA_DIR=DIR)
	@$(STUDY) --small

architecture: $(DEVELOPMENT)  ## draw docs/architecture.md from the import contracts
	@.venv/bin/python .ci/architecture.py

api: $(DEVELOPMENT)  ## an API page from the docstrings: build/api/index.html
	@.venv/bin/python .ci/api.py build/api

wheel: $(DEVELOPMENT)  ## build the wheel that pip install . would
	@.venv/bin/python -m build --wheel --no-isolation --outdir build

requirements: .venv/bin/uv  ## compile the requirement files from pyproject.toml (UPGRADE=--upgrade for newer)
	@.venv/bin/python .ci/requirements.py .venv/bin/uv $(UPGRADE)

clean:  ## remove .venv and every cache; searches' results stay
	@rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# One line saying why beats the trace of a syntax error deep in a library.
.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "RankTune needs Python 3.11 or newer; there is no $(PYTHON)." \
	  "Name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "RankTune needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)." \
	  "Name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Creating .venv with $$($(PYTHON) -V)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/bin/uv: | .venv/bin/python
	@.venv/bin/python -m pip install --quiet "$(UV)"

$(RUNTIME): requirements.txt | .venv/bin/uv
	@echo "Installing requirements.txt (5 GB when nothing is cached)"
	@$(call install,requirements.txt)
	@touch $@

$(DEVELOPMENT): requirements-dev.txt | .venv/bin/uv
	@echo "Installing requirements-dev.txt (5 GB when nothing is cached)"
	@$(call install,requirements-dev.txt)
	@touch $@

install = .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r $(1) \
  || { echo "uv could not; pip tries (slower)"; .venv/bin/python -m pip install --quiet --require-hashes -r $(1); }

.PHONY: help quickstart test test-slow slurm-test jobs-test chaos-cluster test-fast lint format bench study study-small architecture api wheel requirements clean
