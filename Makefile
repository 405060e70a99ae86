# One command for each thing a newcomer does. `make install` runs by itself when it is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo serve test fix lint unit security sbom revision clean

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

# What reviewers of a supply chain ask for; reports lie in build/.
security: $(VENV)/.security
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive service layers verdict
	$(BIN)/python .ci/licences.py build/licences.md
	$(BIN)/python .ci/audit.py build/audit.json

sbom: $(VENV)/.security
	mkdir -p build
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --mc-type application \
		--output-reproducible --output-file build/sbom.json $(BIN)/python

$(VENV)/.security: $(VENV)/.installed
	$(BIN)/pip install --quiet --editable '.[security]' || { echo "the tools could not be installed"; exit 1; }
	@touch $@

revision: install
	$(BIN)/python -m service.migrations "$(m)"

fix: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build *.egg-info
