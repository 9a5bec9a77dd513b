# The targets are short on purpose: the work is in scripts/.

VENV := .venv
DEV  := .tmp/venv
BENCH := .tmp/bench-venv

# The needs of a machine that runs the platform, and the additional needs of the demo, the tests and the benchmarks.
RUN_DEPS  := certificates engine builder nginx git mmdebstrap venv
DEMO_DEPS := $(RUN_DEPS) ssh curl
TEST_DEPS := $(DEMO_DEPS) ip sshd openssl pebble chromium registry rsyslog nginx-modules isolation
BENCH_DEPS := $(TEST_DEPS) wrk

.DEFAULT_GOAL := help
.PHONY: help lock venv demo demo-stop test check bench docs clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo:  ## Install what is missing, start the platform on loopback, push a sample app
	@scripts/install-deps $(DEMO_DEPS)
	@$(MAKE) --no-print-directory venv
	@scripts/demo.sh start

demo-stop:  ## Remove the demo completely
	@scripts/demo.sh stop

test:  ## Install what the tests need and run all of them
	@scripts/install-deps $(TEST_DEPS)
	@$(MAKE) --no-print-directory $(DEV)/.stamp
	@scripts/test $(DEV)

check: $(DEV)/.stamp  ## Run the fast tests, ruff and mypy: no root, no Docker
	@scripts/check $(DEV)

bench:  ## Compare with the hand-written floor, write docs/benchmarks.md; ARGS="--quick --only push"
	@scripts/install-deps $(BENCH_DEPS)
	@$(MAKE) --no-print-directory $(BENCH)/.stamp
	@scripts/bench $(BENCH) $(ARGS)

docs: $(DEV)/.stamp  ## Write the generated pages of docs/, and docs/openapi.json
	@$(DEV)/bin/python -m paas.dispatch.reference docs

lock:  ## Write requirements.lock, with the newest versions of the packages in setup.cfg
	@scripts/lock

venv: $(VENV)/.stamp  ## Install only the package, in .venv
	@:

$(VENV)/.stamp: setup.cfg pyproject.toml requirements.lock
	@scripts/make-venv $(VENV)

$(DEV)/.stamp: setup.cfg pyproject.toml requirements.lock
	@scripts/make-venv $(DEV) dev

$(BENCH)/.stamp: setup.cfg pyproject.toml requirements.lock
	@scripts/make-venv $(BENCH) bench

clean:  ## Remove everything the other targets created here
	@scripts/demo.sh stop
	@rm -rf $(VENV) .tmp build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
