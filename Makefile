# What CI calls, people call. `make help` lists the targets.
SHELL := bash
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)
# cargo-nextest where it is there: it runs tests in parallel over all crates.
RUNNER := $(shell command -v cargo-nextest >/dev/null 2>&1 && echo "nextest run --no-fail-fast" || echo "test --no-fail-fast")
DATA ?= .tandem

.PHONY: help setup build run test test-million test-full lint proto prepare clean

help: ## What there is to call
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: ## Install what the system's packages give: PostgreSQL's binaries, a C compiler, Python
	@tests/scripts/setup

build: ## Build the five programs and the development search engine
	cargo build --bins
	@# Apart from the products: its dependencies would turn features on in theirs.
	cargo build -p tandem-dev-search --bins --tests

run: setup build ## Start the whole suite with a small sample in it; Ctrl-C ends it (DATA=folder, default .tandem)
	$(TARGET)/debug/tandem up --data $(DATA) --sample

test: setup build ## Every test, and a replay of the project's sample
	@echo "== tests, on a PostgreSQL and a search engine of their own"
	tests/scripts/with-servers cargo $(RUNNER)
	cargo test --doc --quiet
	cargo $(RUNNER) -p tandem-dev-search
	@echo "== the sample, replayed through the running suite"
	tests/scripts/replay services/tandem/sample
	@tests/scripts/skipped

test-million: setup build ## What lists cost in an inbox of a million conversations, and of a million customers
	TANDEM_TEST_CONVERSATIONS=1000000 tests/scripts/with-servers --no-search cargo test -p tandem-tests --test cost
	TANDEM_TEST_CUSTOMERS=1000000 tests/scripts/with-servers --no-search cargo test -p tandem-customer-profile --test service -- cost

test-full: setup build ## The real conversations in ../shared/data, replayed, verified, and found again
	tests/scripts/replay ../shared/data

lint: setup ## Formatting, clippy, protos, dependencies
	cargo fmt --all --check
	cargo clippy --all-targets
	cargo clippy -p tandem-dev-search --all-targets
	cd proto && "$$(../tests/scripts/tool buf)" lint
	"$$(tests/scripts/tool cargo-deny)" check bans licenses sources

proto: ## Write proto/src/gen anew from the .proto files
	TANDEM_UPDATE=1 cargo test -p tandem-proto --test generated

prepare: setup ## Write .sqlx anew: what the queries' types are, for builds without a database
	tests/scripts/with-servers --no-search tests/scripts/prepare

clean: ## Remove what was built, and the data of `make run`
	cargo clean
	rm -rf $(DATA)
