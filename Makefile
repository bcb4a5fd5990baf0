# What CI and contributors run. Each target builds the environment it needs first.
VENV ?= .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# pip downloads two gigabytes the first time; uv does the same in seconds from its cache.
UV := $(shell command -v uv 2>/dev/null)

.PHONY: help check test test-slow test-spark soak scale fuzz audit lint format lock lock-peers licences clean

# Seconds of each target of `make fuzz`; the fast suite gives each a moment, a release ten minutes: FUZZ_SECONDS=600
FUZZ_SECONDS ?= 30

help:  ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

check: lint test  ## everything CI holds
	$(MAKE) -j2 test-slow test-spark

test: $(STAMP)  ## the fast suite: no network, no photos, three minutes on two cores
	$(PYTHON) -m pytest -n auto

test-slow: $(STAMP)  ## real `mlflow run`, servers, kills, a browser; two files at a time: they mostly wait for imports
	$(PYTHON) -m pytest -m slow -n 2 --dist loadfile

# PySpark is 470 MB of Java for one test: in requirements-dev.txt everybody would wait for it.
PYSPARK := pyspark==4.1.2

test-spark: $(STAMP)  ## the logged model asked by Spark, where there is Java; PySpark comes for this alone
	@if command -v java >/dev/null; \
	then VIRTUAL_ENV=$(VENV) $(PYTHON) -m uv run -q --no-project --with $(PYSPARK) \
		python -m pytest -m slow -p no:cacheprovider tests/serving/test_spark.py; \
	else echo "test-spark skipped: Spark needs Java (apt-get install default-jre-headless)"; fi

soak: $(STAMP)  ## fifty runs in one store: nothing left behind, no slower (half an hour on two idle cores)
	$(PYTHON) -m tools.soak --runs 50

scale: $(STAMP)  ## every step on 100,000 photos of 1000 classes: seconds and memory of each
	$(PYTHON) -m benchmarks.scale --photos 100000 --classes 1000

fuzz: $(STAMP)  ## broken files of every format, fed to what reads them
	PAWPRINT_FUZZ_SECONDS=$(FUZZ_SECONDS) $(PYTHON) -m pytest -s tests/hostile/test_fuzz.py

# The address that pip-audit asks for each package. A mirror may have the packages and know nothing of vulnerabilities.
KNOWN_VULNERABILITIES := https://pypi.org/pypi/pillow/10.0.0/json

audit: $(STAMP)  ## known vulnerabilities of what is in the lock; skipped, and said so, where none can be asked
	@if $(PYTHON) -c "import requests as r; assert r.get('$(KNOWN_VULNERABILITIES)', timeout=10).json()['vulnerabilities']" \
		2>/dev/null; \
	then $(PYTHON) -m uv tool run pip-audit --require-hashes --disable-pip -r requirements.txt; \
	else echo "audit skipped: pypi.org can't be asked for vulnerabilities from here"; fi

lint: $(STAMP)  ## format, style and types, as CI wants them
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy

format: $(STAMP)  ## mends the format and what else can be mended
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

lock:  ## requirements.in, -dev.in and -gpu.in -> the locks, with hashes, for every platform (-gpu: Linux on x86-64)
	uv pip compile -q --universal --python-version 3.11.7 --generate-hashes --custom-compile-command "make lock" \
		-o requirements.txt requirements.in
	uv pip compile -q --universal --python-version 3.11.7 --generate-hashes --custom-compile-command "make lock" \
		-o requirements-dev.txt requirements-dev.in
	uv pip compile -q --universal --python-version 3.11.7 --generate-hashes --custom-compile-command "make lock" \
		-o requirements-ray.txt requirements-ray.in
	uv pip compile -q --python-platform x86_64-manylinux_2_28 --python-version 3.11.7 --generate-hashes \
		--custom-compile-command "make lock" --no-emit-package tensorflow-cpu \
		-o requirements-gpu.txt requirements.in requirements-gpu.in

lock-peers:  ## requirements-peers.in -> requirements-peers.txt, what benchmarks.peers installs; torch names the rest itself
	uv pip compile -q --universal --python-version 3.11.7 --no-annotate --custom-compile-command "make lock-peers" \
		requirements-peers.in | grep -vE '^(nvidia|cuda|triton)' > requirements-peers.txt

LOCKED = $(shell sed -nE 's/^([A-Za-z0-9._-]+)(\[[^]]*\])?==.*/\1/p' requirements.txt | sort -u)

licences: $(STAMP)  ## what is in the lock and installed here -> docs/licences.md; after `make lock`
	printf '# Licences\n\nOf everything in the lock, as each package says itself. Made by `make licences`, after `make lock`.\n\n' \
		> docs/licences.md
	$(PYTHON) -m piplicenses --with-system --format=markdown --packages $(LOCKED) >> docs/licences.md

$(STAMP): requirements.txt requirements-dev.txt
ifdef UV
	test -x $(PYTHON) || uv venv -q --python 3.11.7 $(VENV)
	VIRTUAL_ENV=$(VENV) uv pip install -q --require-hashes -r requirements.txt -r requirements-dev.txt
else
	test -x $(PYTHON) || python3.11 -m venv $(VENV)
	$(PYTHON) -m pip install -q --require-hashes -r requirements.txt -r requirements-dev.txt
endif
	touch $@

clean:  ## removes the environment and the tools' caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
