# The commands of this repository; `make` alone lists them.
# All is installed into .venv with the versions of constraints.txt, and nothing outside this
# folder is touched. A stamp file in .venv says what is installed; it is out of date once
# pyproject.toml or constraints.txt is newer. Remove .venv to start over.

VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest

# As an environment variable the constraints also reach pip's own build environments.
export PIP_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Small matrices are faster on one thread, and two test workers do not fight over cores.
test check check-all bench tutorials: export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help demo test check check-all bench tutorials docs format clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.core ## explain a small classifier; writes demo-report/
	@$(BIN)/explainrelu demo

test: $(VENV)/.test ## run every test but the slow ones
	@$(PYTEST) -n 2

check: $(VENV)/.test ## format, lint, types, layers, tests, doctests, README, tutorials
	@$(BIN)/python tests/check.py

check-all: $(VENV)/.test ## the same, with the slow tests
	@$(BIN)/python tests/check.py --slow

bench: $(VENV)/.test ## run the benchmarks
	@$(PYTEST) benchmarks -m "" --benchmark-only

tutorials: $(VENV)/.test ## run the tutorials again and keep their new outputs
	@$(BIN)/python tests/run_tutorials.py

docs: $(VENV)/.docs ## write the API pages to docs/api/
	@$(BIN)/python -m pdoc --docformat numpy --math --output-directory docs/api explainrelu

format: $(VENV)/.test ## format the code and mend what the linter can
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .
	@$(BIN)/python -m tests.compiled

clean: ## remove what these commands made, except .venv
	@rm -rf build demo-report dist docs/api .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name .venv -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d \
		-prune -exec rm -rf {} +

# A Python that is too old is found out here, in words. Another one is named by
# `make PYTHON=/usr/bin/python3.12 ...`.
PYTHON ?= python3.11 python3
$(VENV)/.created:
	@for python in $(PYTHON); do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
			&& found=$$python && break; \
		tried="$$tried $$python ($$("$$python" --version 2>&1 | grep -i "^python [0-9]" || echo not found)),"; \
	done; \
	if [ -z "$$found" ]; then \
		echo "explainrelu needs Python 3.11 or newer; tried:$${tried%,}." \
			"Install one, or name it: make PYTHON=/path/to/python3.11 ..." >&2; \
		exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv --clear $(VENV)
	@touch $@

$(VENV)/.core: $(VENV)/.created pyproject.toml constraints.txt
	@echo "Installing explainrelu (the first time takes a minute or two)"
	@$(BIN)/python -m pip install -qq --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.core
	@echo "Installing what the tests need (the first time takes a few minutes)"
	@$(BIN)/python -m pip install -qq --editable '.[test]'
	@touch $@

$(VENV)/.docs: $(VENV)/.core
	@echo "Installing what the API pages need"
	@$(BIN)/python -m pip install -qq --editable '.[docs]'
	@touch $@
