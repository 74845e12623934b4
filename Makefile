# mailferry: `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help build demo test torture lint bench clean

SETUP := sh tests/support/setup.sh

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
	cargo clippy --all-targets --locked -- -D warnings
	@if ! cargo deny --version >/dev/null 2>&1; then \
	  echo "cargo-deny is not installed: licences and advisories are not checked (cargo install cargo-deny)"; \
	elif timeout 60 cargo deny fetch db >/dev/null 2>&1; then cargo deny check; \
	else echo "the advisory database cannot be fetched: advisories are not checked"; \
	  cargo deny check bans licenses sources; fi

clean: ## Remove what was built
	cargo clean
