# Every target sets up what it needs; `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := bash
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Most tests wait for processes of their own, so they run side by side; many are about time, so not too many at once.
WORKERS ?= 2

.PHONY: anew help setup run demo rehearse test chaos quick unit check lint docs pictures fix bench lock clean

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## make .venv with everything that is tested

# PYTHON=... on the command line asks for that Python, also where an environment is there already.
$(STAMP): pyproject.toml requirements/dev.txt scripts/setup $(if $(filter command%,$(origin PYTHON)),anew)
	@scripts/setup "$(VENV)"

run: setup ## run the bot on WhatsApp; shows a QR code the first time
	@$(BIN)/linda-bot run

demo: setup ## see it link, answer, be killed and come back, on the embedded sandbox
	@$(BIN)/linda-bot demo

rehearse: setup ## see whether your set-up survives everything, in a minute and a half
	@$(BIN)/linda-bot rehearse

lint: setup ## style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup ## all tests; WORKERS=1 runs one after the other
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

chaos: setup ## 500 random damages, every fault in every phase, 50 kills in a flood, 20,000 waiting messages: takes long
	$(BIN)/python -m pytest tests/e2e/test_damage.py --damages 500 -q
	$(BIN)/python -m pytest tests/e2e/test_faults.py tests/e2e/test_every_fault.py tests/e2e/test_every_fault_flood.py tests/e2e/test_rehearse.py tests/e2e/test_crash_loop.py tests/contract/test_openapi.py tests/unit/connection/test_long_lives.py --all-faults -q
	$(BIN)/python -m pytest tests/e2e/test_kills.py tests/e2e/test_flood.py tests/e2e/test_handlers_misbehave.py tests/e2e/test_screens.py --kills 50 --flood 20000 --all-faults --timeout 900 -q

quick: setup ## what to run while working: lint and the tests without child processes, side by side
	@$(MAKE) --no-print-directory -j2 lint unit

unit: setup
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not slow" tests/unit

check: lint test ## what CI runs

docs: setup ## write docs/events.md and docs/settings.md from the program
	$(BIN)/python -m scripts.events_page
	$(BIN)/python -m scripts.settings_page

pictures: setup ## take docs/pictures/ of the web page; needs Chromium
	$(BIN)/python -m scripts.pictures

fix: setup ## mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## measure against a bare neonize script and against sqlite3, side by side, the log, and the web page
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.answers
	$(BIN)/python benchmarks/backup.py
	$(BIN)/python -m benchmarks.log
	$(BIN)/python -m benchmarks.web

lock: ## resolve requirements/dev.txt from pyproject.toml; UPGRADE=1 takes the newest of everything
	@scripts/lock

clean: ## remove what was built; sessions stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist
