# The jobs of this repository. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)
export PATH := $(abspath $(TARGET)/tools):$(PATH)

DEMO := captures/office_day_incident/capture.pcap.zst
REPLAY_DEMO := cargo run --quiet --locked -- replay --no-progress $(DEMO)
SCRIPTS := .ci/run $(wildcard benches/*.sh scripts/*.sh captures/*/record.sh)
MIXIN := $(wildcard dashboards/mixin/*sonnet dashboards/mixin/*/*sonnet)

.PHONY: help demo test test-live check format lint docs metrics picture scripts licences package pages evaluate compare-sklearn \
	rules dashboards dashboards-check dashboards-render accessibility deploy-check

help: ## List the jobs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

demo: ## Build, replay a capture with an incident among normal hosts, print what was found
	@scripts/install_deps.sh build
	@scripts/timed.sh demo cargo run --release --locked -- replay $(DEMO)

test: ## Run every test
	@scripts/install_deps.sh test
	@scripts/timed.sh test scripts/test.sh

test-live: ## Is a real agent found within two minutes, by a live sensor that is killed meanwhile? (as root; two minutes)
	@scripts/timed.sh test-live env PYTHONDONTWRITEBYTECODE=1 python3 -m unittest discover --verbose --start-directory tests/agent

check: ## What CI runs: all of the following and the tests
	@scripts/install_deps.sh check
	@scripts/timed.sh check $(MAKE) --no-print-directory --keep-going \
		format lint docs scripts licences metrics rules dashboards-check picture test test-live

format: ## Is everything formatted?
	cargo fmt --check

lint: ## Does clippy have nothing to say, and do the fuzz targets compile?
	cargo clippy --locked --all-targets -- -D warnings
	cargo check --locked --manifest-path fuzz/Cargo.toml --target-dir "$${CARGO_TARGET_DIR:-target}/fuzz"

docs: ## Does the API documentation build without warnings?
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

scripts: ## Are the scripts sound?
	shellcheck --severity=warning $(SCRIPTS)
	PYTHONPYCACHEPREFIX=$(TARGET)/pycache python3 -m compileall -q scripts captures/tools dashboards benches tests/agent tests/python

licences: ## Are all dependencies permissively licensed and from crates.io? (with cargo-deny, where installed)
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --locked check licenses bans sources; \
	else echo "skipped: cargo-deny is not installed (cargo install cargo-deny)"; fi

metrics: ## Does promtool accept the metrics of a replay?
	@if command -v promtool >/dev/null; then \
	$(REPLAY_DEMO) --quiet --metrics $(TARGET)/demo.prom >/dev/null && promtool check metrics <$(TARGET)/demo.prom && \
	echo "promtool accepts the metrics"; \
	else echo "skipped: promtool is not installed"; fi

rules: ## Do promtool and amtool accept the rules of Prometheus and their tests, and the example configurations?
	@if command -v promtool >/dev/null; then \
	promtool check rules --lint=all --lint-fatal dashboards/prometheus/alerts.yaml dashboards/prometheus/recording.yaml && \
	promtool test rules dashboards/prometheus/tests/*.yaml && \
	promtool check config dashboards/prometheus/prometheus.example.yaml && \
	promtool check web-config dashboards/prometheus/web.example.yaml; \
	else echo "skipped: promtool is not installed"; fi
	@if command -v amtool >/dev/null; then amtool check-config dashboards/prometheus/alertmanager.example.yaml; \
	else echo "skipped: amtool is not installed"; fi

dashboards: ## Write the dashboards and rules anew from dashboards/mixin
	jsonnetfmt -i $(MIXIN)
	jsonnet -S -m dashboards dashboards/mixin/render.jsonnet

dashboards-check: ## Are the dashboards and rules what dashboards/mixin makes?
	@if command -v jsonnet >/dev/null; then scripts/check_dashboards.sh $(MIXIN); \
	else echo "skipped: jsonnet is not installed"; fi

dashboards-render: ## Draw the dashboards with Grafana's own components in Chromium (half a gigabyte of npm packages)
	@scripts/timed.sh dashboards-render scripts/render_dashboards.sh

accessibility: ## Do the report and the sensor's page pass axe-core in Chromium? (npm packages, as above)
	@scripts/timed.sh accessibility scripts/check_accessibility.sh

deploy-check: ## Are the files of deploy/ as Kubernetes and Compose want them? (packages of PyPI)
	@scripts/timed.sh deploy-check scripts/check_deploy.sh

picture: ## Is the picture of the demo what the demo prints?
	python3 scripts/render_terminal.py --check docs/images/demo.svg -- $(REPLAY_DEMO)

package: ## Build the Debian package (with cargo-deb)
	@scripts/install_deps.sh build
	@scripts/package_deb.sh

pages: ## Write the generated pages and the picture anew
	UPDATE_GOLDEN=1 cargo test --locked --quiet --test pages
	python3 scripts/render_terminal.py docs/images/demo.svg -- $(REPLAY_DEMO)

evaluate: ## Measure detection on the development captures (../shared/data), with models that have not seen them
	@scripts/timed.sh evaluate scripts/evaluate_shared.sh

compare-sklearn: ## Compare the isolation forest with scikit-learn's (needs a network the first time)
	@scripts/install_deps.sh compare
	@scripts/timed.sh compare-sklearn python3 scripts/compare_sklearn.py
