# make demo    set everything up, run the main job on sample images, write demo-output/report.html
# make test    set everything up, check style and types, run every test
# make napari  open the viewer with the CT phantom
.DEFAULT_GOAL := demo
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

VENV ?= .venv
PEERS ?= .venv-peers
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PYTEST_ARGS ?=

# Some tests and benchmarks use real images; they skip where there is no such folder.
ifndef NAPARI_MEDAI_DATA
ifneq ($(wildcard ../shared/data),)
export NAPARI_MEDAI_DATA := $(abspath ../shared/data)
endif
endif

.PHONY: demo test napari venv lint format types reference bench peers wheel clean

demo: venv
	$(BIN)/napari-medai demo --output demo-output

test: lint types
	scripts/with-display.sh $(BIN)/python -m pytest $(PYTEST_ARGS)

napari: venv
	scripts/system-packages.sh
	$(BIN)/python -m napari_medai.gui.open

venv: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	scripts/make-venv.sh $(VENV) -c constraints.txt -e ".[napari,cluster,dev,onnx,openvino]"
	touch $@

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: venv
	$(BIN)/mypy

# Write docs/reference from the declarations; a test says when it is stale.
reference: venv
	$(BIN)/python scripts/make_reference.py

# Where the peers are installed (make peers), our figures stand beside theirs.
bench: venv
	bin=$(BIN); [ ! -e $(PEERS)/.installed ] || bin=$(PEERS)/$(notdir $(BIN)); \
	for script in benchmarks/*.py; do echo "== $$script"; scripts/with-display.sh $$bin/python $$script; done

peers: $(PEERS)/.installed

$(PEERS)/.installed: benchmarks/peers.txt pyproject.toml constraints.txt
	scripts/make-venv.sh $(PEERS) -c constraints.txt -r benchmarks/peers.txt -e ".[napari]"
	touch $@

wheel: venv
	rm -rf dist
	$(BIN)/python -m build --no-isolation

clean:
	rm -rf $(VENV) $(PEERS) dist build demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis
