# mailferry: `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help build demo test torture lint fuzz bench clean

SETUP := sh tests/support/setup.sh

# How long `make fuzz` spends on each target.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS := $(basename $(notdir $(wildcard fuzz/targets/*.rs)))

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the program: target/release/mailferry
	cargo build --release --locked

demo: ## Move three accounts between two real servers, killed and resumed on the way; installs Dovecot if need be
	$(SETUP) dovecot
	cargo build --release --locked --bin mailferry --example private_servers
	sh examples/demo.sh

test: lint ## All tests, on real servers; installs what they need
	$(SETUP) all
	cargo test --locked

torture: ## Faults and kills, seed after seed, on real servers, for TORTURE_SECONDS (3600); MAILFERRY_SEED replays
	$(SETUP) all
	cargo test --release --locked --test faults torture -- --ignored --nocapture

lint: ## Formatting, lints, and licences and advisories of dependencies where cargo-deny is there
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --all-targets --locked -- -D warnings
	@if ! cargo deny --version >/dev/null 2>&1; then \
	  echo "cargo-deny is not installed: licences and advisories are not checked (cargo install cargo-deny)"; \
	elif timeout 60 cargo deny fetch db >/dev/null 2>&1; then cargo deny check; \
	else echo "the advisory database cannot be fetched: advisories are not checked"; \
	  cargo deny check bans licenses sources; fi

fuzz: ## Fuzz each target for FUZZ_SECONDS (60); needs a nightly toolchain and cargo-fuzz
	@cargo fuzz --version >/dev/null 2>&1 || { echo "cargo-fuzz is not installed: cargo install cargo-fuzz"; exit 1; }
	cargo +nightly fuzz build
	@set -e; for target in $(FUZZ_TARGETS); do \
	  echo "fuzzing $$target for $(FUZZ_SECONDS) seconds"; mkdir -p fuzz/corpus/$$target; \
	  cargo +nightly fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1; \
	done

clean: ## Remove what was built
	cargo clean
