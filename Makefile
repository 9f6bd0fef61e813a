# ContainrLab. `make help` lists the targets.

# release, or dev for a quicker build of a slower program
BUILD_PROFILE ?= release
# cargo calls the folder of its dev profile "debug"
profile_folder = $(if $(filter dev,$(BUILD_PROFILE)),debug,$(BUILD_PROFILE))
target_folder = $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
program = $(target_folder)/$(profile_folder)/containrlab

# Where rustup puts cargo, for shells that don't know it yet.
export PATH := $(HOME)/.cargo/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help up down clean demo test soak check bench install build build-for-tests

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

up: install build ## Install what is missing, build, bring the whole system up and print its address; Ctrl-C stops it
	@exec $(program) up

down: ## Stop the system from elsewhere; the data stays
	@$(call with_program,down)

clean: ## Stop the system and remove all that it made: data, sandboxes, volumes, images
	@$(call with_program,clean)

demo: install build ## Do the main job without a browser: start a lab, solve it, see it pass (brings up what doesn't run)
	@exec $(program) demo $(DEMO)

test: install-for-tests build-for-tests ## Run all tests with the real PostgreSQL, Redis, Docker and Chromium
	@exec $(target_folder)/debug/containrlab with-services --docker --images -- cargo test --workspace --locked --no-fail-fast $(TESTS)

soak: install-for-tests build-for-tests ## Hurt a whole system at random for long: make soak SEED=7 SECONDS=600 (FAULTS=kill-runner,flush for some only); SOAK=cycles CYCLES=200 starts and ends sandboxes instead
ifeq ($(SOAK),cycles)
	@env CYCLES=$(or $(CYCLES),200) $(target_folder)/debug/containrlab with-services --docker --images -- \
		cargo test --locked --package containrlab-workers --test cycles -- --nocapture
else
	@env OUTAGE_SECONDS=30 cargo test --locked --package containrlab --test faults -- --nocapture outage
	@env SEED=$(SEED) FAULT_SECONDS=$(or $(SECONDS),600) FAULTS=$(FAULTS) SHRINK_SECONDS=$(SHRINK_SECONDS) \
		cargo test --locked --package containrlab --test faults -- --nocapture nothing_acknowledged
endif

check: ## Formatting, clippy with warnings denied, licences and advisories of all dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- --deny warnings
	@cli/scripts/audit.sh
	@if cargo tree --locked --package containrlab --edges normal,build,features | grep -q '"faults"'; then \
		echo "A release would have fault points in it: the feature faults is for tests only." >&2; exit 1; fi

bench: install build ## Measure our figures beside their baselines, as one table (BENCH="--json FILE" for a file)
	@exec $(program) bench $(BENCH)

install:
	@cli/scripts/install.sh

.PHONY: install-for-tests
install-for-tests:
	@cli/scripts/install.sh --with-tests

build:
	@echo "Building (profile $(BUILD_PROFILE))"
	@cargo build --locked --profile $(BUILD_PROFILE) --package containrlab --package containrlab-agent

build-for-tests:
	@echo "Building the tests"
	@# Programs and tests in one go: asked for apart, with other features, most of it would be compiled twice.
	@cargo build --workspace --all-targets --locked

# down and clean have to work without a build; either profile's program does.
with_program = for program in $(program) $(target_folder)/release/containrlab $(target_folder)/debug/containrlab; do \
		if [ -x "$$program" ]; then exec "$$program" $(1); fi; \
	done; \
	if [ -d "$${STATE_DIR:-.containrlab}" ]; then \
		echo "The program is not built, so it can't tidy up. Build it with: make build" >&2; exit 1; \
	else echo "Nothing runs here."; fi
