# Every target prepares what it needs; `make` alone lists them. STATE and PORT_BASE choose the stack (.run/local, 18000).

PYTHON ?= python3
BIN    := .venv/bin
LOCAL   = $(PYTHON) -m infra.local
PYTEST  = $(BIN)/python -m pytest

# `AS` is make's own name for an assembler: only a value that somebody gave counts.
ifeq ($(origin AS),default)
AS      := officer
endif
NAME    ?=
T       ?= $(wildcard tests/unit tests/contract tests/integration tests/e2e)
SECONDS ?= 60
SEED    ?= 1
B       ?= backbone dossier_clock dossier_import dossier_watch dossier_read cameras watcher pictures
CHECKED  = $(wildcard services infra tests)
SERVICES = dossier notify stats ipcam

.DEFAULT_GOAL := help
.PHONY: help venv up down clean ps logs token test test-unit test-contract test-integration test-e2e \
        lint format contracts bench chaos

help:  ## this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

##@ Run the platform on this machine
up:  ## servers, mailbox, accounts and every service; prints the addresses
	@$(LOCAL) up

down:  ## stop what `up` started, keep the data
	@$(LOCAL) down

clean:  ## stop everything and delete the data
	@$(LOCAL) clean

ps:  ## every process and whether it is ready
	@$(LOCAL) ps

logs:  ## follow the logs (NAME=dossier or NAME=dossier-web: only those)
	@$(LOCAL) logs $(NAME)

token:  ## print an access token (AS=officer, officer18, leader, admin or auditor)
	@$(LOCAL) token $(AS)

##@ Test
test: venv  ## unit, contract, integration and e2e tests on private servers (T=path: only that)
	@$(PYTEST) $(T) $(PYTEST_ARGS)

test-unit: venv  ## no servers, seconds
	@$(PYTEST) tests/unit $(PYTEST_ARGS)

test-contract: venv  ## committed contracts against the code
	@$(PYTEST) tests/contract $(PYTEST_ARGS)

test-integration: venv  ## against real PostgreSQL and RabbitMQ
	@$(PYTEST) tests/integration $(PYTEST_ARGS)

test-e2e: venv  ## the whole platform from outside
	@$(PYTEST) tests/e2e $(PYTEST_ARGS)

chaos: venv  ## load with random faults (SECONDS=60 SEED=1); fails when anything is lost or doubled
	@$(BIN)/python -m tests.chaos --seconds $(SECONDS) --seed $(SEED)

bench:  ## the platform beside its peers, interleaved (B=dossier_read: only that part)
	@$(LOCAL) venv --with bench
	@set -e; for part in $(B); do \
	  echo "=== $$part"; \
	  module=tests.load.$$part; [ $$part != backbone ] || module=tests.load; \
	  $(BIN)/python -m $$module; \
	done

##@ Write
venv:  ## .venv from infra/requirements; nothing to do when they have not changed
	@$(LOCAL) venv

lint: venv  ## ruff, mypy, layers
	@$(BIN)/ruff check $(CHECKED)
	@$(BIN)/ruff format --check $(CHECKED)
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: venv  ## put the code into the house style
	@$(BIN)/ruff check --fix $(CHECKED)
	@$(BIN)/ruff format $(CHECKED)

contracts: venv  ## write the contracts again (JSON Schema, AsyncAPI, OpenAPI) from the code
	@set -e; for service in $(SERVICES); do \
	  (cd services/$$service && ../../$(BIN)/python -m $$service contracts); \
	done
