# Everything does its own set-up. A machine needs Python 3.11 or newer, and make.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

BIN := .venv/bin
STACK := $(BIN)/python -m deploy.local.stack
PYTEST := $(BIN)/python -m pytest
# Most tests wait more than they compute. Each process has a Kafka and a Cassandra of its own. The long files come first.
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder
CODE := streams tables agents api cli deploy bench tests
PACKAGES := streams tables agents api capacity cli deploy.local deploy.kubernetes.check

.PHONY: help run up down status logs test faults conformance soak check deploy-check audit format bench bench-push lock clean tools \
	image image-check images-check workflows-check sbom release-check

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

run: .venv/ready ## everything in the foreground, with simulated couriers; prints the address of the live page
	@$(STACK) run

up: .venv/ready ## the same in the background, without the couriers; starts what is not running
	@$(STACK) up

down: .venv/ready ## stop everything
	@$(STACK) down

status: .venv/ready ## a line a process: name state pid
	@$(STACK) status

logs: .venv/ready ## the end of each log (FOLLOW=1: and what comes)
	@$(STACK) logs $(if $(FOLLOW),--follow)

test: .venv/ready tools ## all tests, on a Kafka and a Cassandra of their own
	cd clients/js && npm test && npm run types
	$(PYTEST) $(SIDE_BY_SIDE) tests/e2e tests/integration tests/unit tests/model tests/conformance
	$(PYTEST) tests/faults

faults: .venv/ready ## break a whole system on purpose for MINUTES=15, and see that nothing is lost (SEED=: that schedule again)
	$(BIN)/python tests/model/run.py --schedules 20000 $(if $(SEED),--seed $(SEED))
	$(BIN)/python tests/faults/run.py $(if $(SEED),--seed $(SEED)) --minutes $(or $(MINUTES),15)

conformance: .venv/ready ## our WebSocket protocol before Autobahn's cases and 100,000 conversations, the API before 10,000 requests made from its description
	PYTHONPATH=. $(BIN)/python tests/conformance/autobahn.py
	FUZZ_INPUTS=34000 $(PYTEST) tests/unit/test_rfc6455.py
	PYTHONPATH=.:tests $(BIN)/python tests/conformance/openapi.py

soak: .venv/ready tools ## 5,000 live clients while gateways are killed, mixed load while APIs are: nobody misses, and nothing is lost
	$(BIN)/python tests/soak/soak.py
	$(BIN)/python tests/soak/rolling.py
	$(BIN)/python tests/soak/restarts.py
	$(BIN)/python tests/soak/retries.py

check: .venv/ready ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(PACKAGES:%=-p %)
	@$(BIN)/lint-imports

deploy-check: .venv/ready images-check workflows-check ## what is deployed before its own tools, Kubernetes manifests before a real control plane on simulated nodes; needs Go (CRDS=: more definitions)
	$(BIN)/python -m deploy.kubernetes.check.main

# Its answer changes with the day, and it needs the network: so no test asks. A package that nobody knows of is an error.
audit: .venv/audit/bin/pip-audit ## which of our dependencies have known vulnerabilities; asks the package indexes
	@failed=0; for lock in requirements.lock deploy/images/*.lock deploy/local/maven.lock deploy/local/java.lock; do echo $$lock; \
	.venv/audit/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r $$lock || failed=1; done; \
	for npm in clients/js tests/lint; do echo $$npm; (cd $$npm && npm audit --package-lock-only) || failed=1; done; exit $$failed

.venv/audit/bin/pip-audit: | .venv/bin/python
	@$(BIN)/python -m venv .venv/audit
	@.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit

format: .venv/ready ## format the code, and repair what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: .venv/ready ## the benchmarks (RECORD=1: what the capacity model computes with is written down)
	$(BIN)/python bench/worker.py
	$(BIN)/python bench/latency.py
	$(BIN)/python bench/handover.py
	$(BIN)/python bench/tracing.py
	$(BIN)/python bench/figures.py $(if $(RECORD),--record)

bench-push: .venv/ready ## what a live connection costs the gateway
	$(BIN)/python bench/push/run.py
	$(BIN)/python bench/push/stalled.py

# --- images, and what releases them: the same as .github/workflows do -------------------------------------------------

TOOLS := .venv/images/bin

# make image BASE=debootstrap where no registry is reached, CA=FILE where a proxy looks into TLS: deploy/images/build.sh.
image: .venv/bin/python ## the image of all services, lacak:VERSION and lacak:latest (BASE=debootstrap: without a registry)
	deploy/images/build.sh lacak:$$($(BIN)/python -m deploy.release version) lacak:latest

image-check: .venv/ready images-check ## build the image, and see an update go through containers of all services
	deploy/images/build.sh lacak:check
	IMAGE=lacak:check $(PYTEST) tests/image

images-check: .venv/images/ready ## the Containerfile and the scripts before their linters, compose.yaml before its own tool
	$(TOOLS)/hadolint deploy/images/Containerfile
	$(TOOLS)/shellcheck deploy/images/*.sh deploy/compose/*.sh
	deploy/compose/check.sh

workflows-check: $(TOOLS)/actionlint ## the workflows before actionlint
	PATH="$(TOOLS):$$PATH" actionlint

sbom: .venv/images/ready ## what the image holds of Python, as CycloneDX: build/sbom.json
	@mkdir -p build
	$(TOOLS)/cyclonedx-py requirements deploy/images/runtime.lock --pyproject pyproject.toml --output-reproducible -o build/sbom.json

release-check: .venv/ready ## version, tag (TAG=v1.2.0) and changelog agree
	@$(BIN)/python -m deploy.release check $(TAG)

.venv/images/ready: deploy/images/tools.txt | .venv/bin/python
	@$(BIN)/python -m venv .venv/images
	@$(TOOLS)/python -m pip install --quiet --disable-pip-version-check -r deploy/images/tools.txt
	@touch $@

$(TOOLS)/actionlint: | .venv/images/ready
	@command -v go >/dev/null || { echo "actionlint is built with Go. On Debian: sudo apt-get install golang" >&2; exit 1; }
	GOBIN=$(CURDIR)/$(TOOLS) go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

clean: ## stop everything, and remove all that was made here: also the local data
	@if [ -x $(BIN)/python ]; then $(STACK) down; fi
	@if [ -x $(BIN)/python ] && [ -d .lacak/secure ]; then LACAK_LOCAL_SECURE=1 $(STACK) down; fi
	@if [ -x $(BIN)/python ] && [ -d .lacak/cluster ]; then $(BIN)/python -m deploy.local.cluster down; fi
	rm -rf build *.so api/*.so api/live/*.so streams/*.so .lacak .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis clients/js/node_modules tests/lint/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the virtual environment -----------------------------------------------------------------------------------------

# The first of these that is new enough and can make a virtual environment.
FIND_PYTHON = for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then command -v "$$python"; exit; fi; done; \
	echo "Python 3.11 or newer with its venv module is needed (or name one: make PYTHON=/path/to/python)." >&2; \
	echo "On Debian and Ubuntu: sudo apt-get install python3 python3-venv" >&2; exit 1

.venv/bin/python:
	@python=$$($(FIND_PYTHON)) || exit 1; echo "making .venv with $$python"; "$$python" -m venv .venv

.venv/locked: requirements.lock | .venv/bin/python
	@echo "installing requirements.lock"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

# What is compiled: hatch_build.py names it.
SOURCES := $(shell sed -n 's/^.*"\([a-z_/0-9]*\.pyx\?\)".*$$/\1/p' hatch_build.py)

.venv/ready: .venv/locked pyproject.toml hatch_build.py $(SOURCES)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# --- what only tests need --------------------------------------------------------------------------------------------

tools: .venv/ready $(if $(wildcard clients/js/package-lock.json),clients/js/node_modules/.ready) tests/lint/node_modules/.ready
	@$(BIN)/python -m deploy.local.debian
	@ls *.so >/dev/null 2>&1 || $(BIN)/python hatch_build.py

clients/js/node_modules/.ready: clients/js/package-lock.json | .venv/ready
	@$(BIN)/python -m deploy.local.debian
	cd clients/js && npm ci --no-audit --no-fund
	@touch $@

# Scripts of packages would tell their makers who installs them.
tests/lint/node_modules/.ready: tests/lint/package-lock.json | .venv/ready
	@$(BIN)/python -m deploy.local.debian
	cd tests/lint && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

# --- the lock files --------------------------------------------------------------------------------------------------

UV := .venv/lock/bin/uv pip compile --quiet --generate-hashes --universal --python-version 3.11

# What makes the wheel, as pyproject.toml has it.
BUILD_REQUIRES = $(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'

.venv/lock/bin/uv: | .venv/bin/python
	@$(BIN)/python -m venv .venv/lock
	@.venv/lock/bin/python -m pip install --quiet --disable-pip-version-check uv

lock: .venv/lock/bin/uv ## make the lock files anew (UPGRADE=1: with the newest versions); needs Maven
	$(UV) $(if $(UPGRADE),--upgrade) pyproject.toml --extra dev -o requirements.lock
	$(UV) -c requirements.lock pyproject.toml -o deploy/images/runtime.lock
	$(BUILD_REQUIRES) | $(UV) -c requirements.lock - -o deploy/images/build.lock
	cd deploy/local && for name in maven java; do ../../$(UV) $$name.in -o $$name.lock || exit 1; done
	cd deploy/kubernetes/check/strimzi && ../../../../$(UV) java.in -o java.lock
	$(BIN)/python -m deploy.local.lock
