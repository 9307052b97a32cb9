# Every target sets up what it needs; `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := bash
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Most tests wait for processes of their own, so they run side by side; many are about time, so not too many at once.
WORKERS ?= 2

.PHONY: anew help setup run demo rehearse test thorough chaos soak fleet coverage mutants quick unit check lint checker types docs pictures fix bench cut release lock clean

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

checker: setup
	@scripts/setup "$(VENV)" requirements/types.txt

types: checker ## are the types of the public names complete? Fetches a type checker of 280 MB
	$(BIN)/python -m pytest -q tests/unit/test_public_types.py

lint: setup ## style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup ## all tests; WORKERS=1 runs one after the other
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

thorough: setup ## 500 random damages, every fault in every phase, 50 kills in a flood, 20,000 waiting messages: takes long
	$(BIN)/python -m pytest tests/e2e/test_damage.py --damages 500 -q
	$(BIN)/python -m pytest tests/e2e/test_faults.py tests/e2e/test_every_fault.py tests/e2e/test_every_fault_flood.py tests/e2e/test_rehearse.py tests/e2e/test_crash_loop.py tests/contract/test_openapi.py tests/unit/connection/test_long_lives.py tests/unit/trials --all-faults -q
	$(BIN)/python -m pytest tests/e2e/test_kills.py tests/e2e/test_flood.py tests/e2e/test_handlers_misbehave.py tests/e2e/test_screens.py --kills 50 --flood 20000 --all-faults --timeout 900 -q

chaos: setup ## everything goes wrong at once: FOR=20m for each of SEEDS="1 2 3"; one round again: SEED=1 ROUNDS=7
	@for seed in $(if $(SEED),$(SEED),$(or $(SEEDS),1 2 3)); do $(BIN)/python -m trials.chaos --seed $$seed --for $(or $(FOR),20m) \
	  --rounds "$(ROUNDS)" --only "$(ONLY)" --result build/chaos/seed-$$seed.json || failed=1; done; exit $${failed:-0}

soak: setup ## let it live long and look for growth: FOR=30m in real time, or MONTH=1 for 30 days in ten minutes
	$(BIN)/python -m trials.soak $(if $(MONTH),--month,--for $(or $(FOR),30m))

fleet: setup ## random hours of hosts, leases and outages in virtual time: HOURS=50 SEEDS=1-20
	$(BIN)/python -m trials.fleet --hours $(or $(HOURS),50) --seeds $(or $(SEEDS),1-20)

coverage: setup ## all tests, with what the processes run that they start: fails under 90 % of the branches; takes long
	$(BIN)/python -m trials.coverage --workers $(WORKERS)

mutants: setup ## small faults in the pure rules, one by one: fails when no test notices one
	$(BIN)/python -m trials.mutants --workers $(WORKERS)

quick: setup ## what to run while working: lint and the tests without child processes, side by side
	@$(MAKE) --no-print-directory -j2 lint unit

unit: setup
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not slow" tests/unit

check: setup ## what CI runs
	@$(MAKE) --no-print-directory -j2 lint checker
	@$(MAKE) --no-print-directory test

docs: setup ## write docs/events.md and docs/settings.md from the program
	$(BIN)/python -m scripts.events_page
	$(BIN)/python -m scripts.settings_page

pictures: setup ## take docs/pictures/ of the web page, which needs Chromium, and of the terminal
	$(BIN)/python -m scripts.pictures
	$(BIN)/python -m scripts.terminal_picture

fix: setup ## mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## measure against a bare neonize script and sqlite3, write the tables, compare with the previous release
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.table
	$(BIN)/python -m benchmarks.answers
	$(BIN)/python -m benchmarks.backup
	$(BIN)/python -m benchmarks.log
	$(BIN)/python -m benchmarks.web
	$(BIN)/python -m benchmarks.houses
	$(BIN)/python -m benchmarks.compare

cut: setup ## make what is unreleased a release: VERSION=0.2.0
	@$(BIN)/python -m scripts.release cut "$(VERSION)"

release: setup ## check, build dist/ and try it; see docs/releasing.md
	@$(BIN)/python -m scripts.release build

lock: ## resolve requirements/dev.txt from pyproject.toml; UPGRADE=1 takes the newest of everything
	@scripts/lock

clean: ## remove what was built; sessions stay
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist
