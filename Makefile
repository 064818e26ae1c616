# The two commands of the README are `make lab` and `make test`; each sets up what it needs. What they do stands in
# setup_course.py, for those who have no make.
# ARGS goes to the program: make lab ARGS="--no-browser --port 8899", make test ARGS="-m 'not slow'".

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
ARGS ?=
export PATH := $(BIN):$(PATH)

.PHONY: lab test install lint build verify book pictures links bench locks clean

lab:
	@$(PYTHON) setup_course.py lab $(ARGS)

test:
	@$(PYTHON) setup_course.py test $(ARGS)

# Everything that those need who change the course or grade with it.
install:
	@$(PYTHON) setup_course.py install all

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

build: install
	$(BIN)/byhand build $(ARGS)

verify: install
	$(BIN)/byhand verify $(ARGS)

book: install
	$(BIN)/byhand book

# The README's pictures, made from the built book and a real check.
pictures: book
	$(BIN)/python book/readme_pictures.py

# Asks every address of book/links.txt whether it answers; needs the internet.
links: install
	$(BIN)/python book/links.py check

bench: install
	$(BIN)/python benchmarks/unit_times.py $(ARGS)
	$(BIN)/python benchmarks/numpy_against_torch.py
	$(BIN)/python benchmarks/lstm_against_torch.py

# Resolves pyproject.toml anew, for every system and Python 3.11 or newer. What is locked keeps its version, unless it is
# asked to move: make locks ARGS="--upgrade", or ARGS="--upgrade-package numpy".
LOCK := uv pip compile --quiet --universal --no-strip-extras --python-version 3.11 --generate-hashes --custom-compile-command "make locks" \
	pyproject.toml --constraints requirements/torch.txt --no-emit-package torch
locks: install
	$(BIN)/$(LOCK) --all-extras --output-file requirements/all.txt $(ARGS)
	$(BIN)/$(LOCK) --constraints requirements/all.txt --extra teach --extra hub --output-file requirements/hub.txt
	$(BIN)/$(LOCK) --constraints requirements/all.txt --output-file requirements/student.txt

clean:
	rm -rf .venv .cache book/_build
