# Each target works as the first command in a fresh clone: it makes the environment that it needs.
.PHONY: help demo test check bench accuracy throughput bulk captures docs clean
VENV := .venv
BIN := $(VENV)/bin

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/runtime.stamp ## a handshake in a private network, probed and explained
	@$(BIN)/handshake demo

test: $(VENV)/dev.stamp ## every test; ARGS="-k name" for some of them
	@command -v tshark >/dev/null || .ci/apt tshark || \
		echo "No tshark: the second-opinion tests are skipped; to have them: sudo apt-get install tshark"
ifdef ARGS
	@$(BIN)/pytest $(ARGS)
else
	@$(BIN)/pytest --numprocesses 2 --dist worksteal --ignore tests/live; status=$$?; \
		$(BIN)/pytest tests/live && exit $$status  # what needs the machine for itself comes last
endif

check: $(VENV)/dev.stamp ## format, lint, types, import order, generated pages
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m docs.generate --check

bench: $(VENV)/dev.stamp ## start-up, decoding, and large captures beside other tools; ARGS="--scale 0.1"
	@$(BIN)/python tests/bench/bench.py
	@$(BIN)/python -m tests.bench.captures $(ARGS)

accuracy: $(VENV)/dev.stamp ## reported times beside those of tcpdump, 200 probes over loopback
	@$(BIN)/python -m tests.bench.accuracy

throughput: $(VENV)/dev.stamp ## handshakes a second beside scapy, connect(), nping, hping3
	@$(BIN)/python -m tests.bench.throughput

bulk: $(VENV)/dev.stamp ## what a bulk transfer costs a watch
	@$(BIN)/python -m tests.bench.bulk

captures: $(VENV)/dev.stamp ## record the bundled captures again (root or user namespaces)
	@$(BIN)/python -m handshake.lab.record captures
	@$(BIN)/python -m docs.generate

docs: $(VENV)/dev.stamp ## write the generated pages, and the output in the others, anew
	@$(BIN)/python -m docs.generate

clean: ## remove the environment and everything else that was made
	@rm -rf $(VENV) build dist handshake.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find handshake tests docs -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/runtime.stamp: pyproject.toml
	@.ci/venv $(VENV) .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml
	@.ci/venv $(VENV) '.[dev]'
	@touch $(VENV)/runtime.stamp $@
