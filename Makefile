# mailferry: `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help build demo test browser torture mutants lint fuzz bench dist reproduce clean

SETUP := sh tests/support/setup.sh

# How long `make fuzz` spends on each target.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS := $(basename $(notdir $(wildcard fuzz/targets/*.rs)))

# What `make torture` tries on PROPERTY_ROUNDS (100) times as many generated cases as `make test`.
PROPERTIES := $(patsubst tests/%.rs,--test %,$(wildcard tests/*_properties.rs)) $(patsubst tests/%/main.rs,--test %,$(wildcard tests/*_properties/main.rs))

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the program: target/release/mailferry
	cargo build --release --locked

demo: ## Move three accounts between two real servers, killed and resumed on the way; installs Dovecot if need be
	$(SETUP) dovecot
	cargo build --release --locked --bin mailferry --example private_servers
	sh examples/demo.sh

test: lint ## All tests, on real servers; installs what they need
	$(SETUP) all
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$(( 4 * $$(nproc) ))} cargo test --locked

browser: ## The pages in Chromium, with pictures of them in target/tmp/pages; installs it if need be
	$(SETUP) browser
	cargo test --locked --test migration browser -- --ignored

torture: ## Properties from a fresh seed; faults and kills, on real servers, for TORTURE_SECONDS (3600); all cases; MAILFERRY_SEED replays
	$(SETUP) all
	PROPERTY_ROUNDS=$${PROPERTY_ROUNDS:-100} cargo test --release --locked --no-fail-fast $(PROPERTIES)
	PROPERTY_ROUNDS=$${PROPERTY_ROUNDS:-100} cargo test --release --locked --test hostile histories
	cargo test --release --locked --test faults torture -- --ignored --nocapture
	MAILFERRY_ALL_CASES=1 cargo test --release --locked --no-fail-fast --test faults --test hostile --test migration
	cargo test --release --locked --test migration tokens_that_live -- --ignored --nocapture

mutants: ## Changes that bring lost mail back, each tried on its test; MUTANTS=text chooses some
	$(SETUP) dovecot
	cargo test --locked --test mutants -- --ignored --nocapture

lint: ## Formatting, lints, the library's pages, and licences and advisories of dependencies where cargo-deny is there
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --all-targets --locked -- -D warnings
	cargo clippy --bench micro --features fuzzing --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib
	@if ! cargo deny --version >/dev/null 2>&1; then \
	  echo "cargo-deny is not installed: licences and advisories are not checked (cargo install cargo-deny)"; \
	elif timeout 60 cargo deny fetch db >/dev/null 2>&1; then cargo deny check; \
	else echo "the advisory database cannot be fetched: advisories are not checked"; \
	  cargo deny check bans licenses sources; fi

# What `make bench` measures is chosen by variables: make bench BENCH_CORPORA=mixed BENCH_RTT=40 BENCH_SCALE=1
#   BENCH_CORPORA     small,mixed,many,big,fleet,scaling,desk,shards   which corpora; of mailferry alone are scaling, at
#                             growing sizes, desk, what is waited for with 5,000 accounts, and shards, 100,000 in 64 shards;
#                             moved: what it takes to follow moves and renames; both-ways: not how fast tools are, but which are
#                             exact where both users act and runs are killed
#   BENCH_WAYS        one     one or both: whether tools bring what changed on one side to the other, or what changed on both
#   BENCH_SCENARIO    of both-ways, those with this text in their names
#   BENCH_SCALE       0.1     the share of their messages: 1 is 20,000 messages for mixed, 100,000 for many
#   BENCH_SCALING     1       the share of the sizes of scaling, desk, shards and moved: 1 is up to 1,000,000 messages, 10,000 mailboxes, 1,000
#                             accounts, and a message of 1 GB
#   BENCH_RTT         0,40    milliseconds of round trip between the tools and each server
#   BENCH_TLS         on      on, off or both (on,off): whether the tools speak with the servers over TLS
#   BENCH_RUNS        3       runs of each tool, of which the median is told
#   BENCH_TOOLS       all that are installed of mailferry,interimap,mbsync,doveadm,imapsync,offlineimap,pipe
#   BENCH_JOBS        4       accounts at once, for fleet
#   BENCH_TIME_LIMIT  120     seconds after which a tool is ended
#   BENCH_SEED        1       other messages
#   BENCH_DIRECTORY   where servers and mail are put; a memory disk is quieter than a shared one
bench: ## Speed beside other tools, on real servers (BENCH_CORPORA, BENCH_SCALE, …: see the Makefile); then micro-benchmarks
	$(SETUP) dovecot
	cargo bench --locked --bench migration
	cargo bench --locked --bench micro --features fuzzing

fuzz: ## Fuzz each target for FUZZ_SECONDS (60); needs a nightly toolchain and cargo-fuzz
	@cargo fuzz --version >/dev/null 2>&1 || { echo "cargo-fuzz is not installed: cargo install cargo-fuzz"; exit 1; }
	cargo +nightly fuzz build
	@set -e; for target in $(FUZZ_TARGETS); do \
	  echo "fuzzing $$target for $(FUZZ_SECONDS) seconds"; mkdir -p fuzz/corpus/$$target; \
	  cargo +nightly fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1; \
	done

dist: ## Packages of all kinds in target/dist, each used as its user would; installs what that takes. DIST_TARGETS chooses some
	sh packaging/tools.sh
	sh packaging/dist.sh $(DIST_TARGETS)
	sh packaging/check.sh

reproduce: ## The program of `make dist` once more, from another directory: equal octets?
	sh packaging/reproduce.sh

clean: ## Remove what was built
	cargo clean
