# The two commands of the README are `make lab` and `make test`; each sets up what it needs.
# ARGS goes to the program: make lab ARGS="--no-browser --port 8899", make test ARGS="-m 'not slow'".

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
ARGS ?=
export PATH := $(BIN):$(PATH)

.PHONY: lab test build verify book pictures links bench clean

lab: .venv/installed
	$(BIN)/python -m byhand.start
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/course/start.ipynb --LabApp.news_url=None $(ARGS)

test: .venv/installed
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

build: .venv/installed
	$(BIN)/byhand build $(ARGS)

verify: .venv/installed
	$(BIN)/byhand verify $(ARGS)

book: .venv/installed
	$(BIN)/byhand book

# The README's pictures, made from the built book and a real check.
pictures: book
	$(BIN)/python book/readme_pictures.py

# Asks every address of book/links.txt whether it answers; needs the internet.
links: .venv/installed
	$(BIN)/python book/links.py check

bench: .venv/installed
	$(BIN)/python benchmarks/unit_times.py $(ARGS)
	$(BIN)/python benchmarks/numpy_against_torch.py
	$(BIN)/python benchmarks/lstm_against_torch.py

clean:
	rm -rf .venv .cache book/_build

# Made once, and again whenever the pinned versions change.
.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed, this is " + sys.version'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@
