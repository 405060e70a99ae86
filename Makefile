# One command for each thing a newcomer does. `make install` runs by itself when it is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo serve test fix lint unit revision clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] < (3, 13)))' || \
		{ echo "Bonafide needs Python 3.11 or 3.12: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet --editable '.[dev]'
	@# The weights of the speaker encoder; its own dependencies would need a compiler (docs/adr/0006).
	$(BIN)/pip install --quiet --no-deps resemblyzer==0.1.4
	@touch $@

demo: install
	$(BIN)/bonafide demo

serve: install
	$(BIN)/bonafide serve

test: install lint unit

lint:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit:
	$(BIN)/pytest

revision: install
	$(BIN)/python -m service.migrations "$(m)"

fix: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build *.egg-info
