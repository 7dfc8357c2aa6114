.DEFAULT_GOAL := help
.PHONY: help build fmt lint test cluster demo bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build JASM: target/release/jasm
	cargo build --release --locked

fmt: ## format the code
	cargo fmt --all

lint: ## check format, clippy, dependencies and shell scripts
	@tests/tools/lint.sh

test: ## run every test, against a real cluster and a local AWS (the first run builds them: minutes)
	@tests/tools/test.sh

cluster: ## run a local cluster until Ctrl-C, and say how to use it
	@tests/cluster/run.sh

demo: ## show JASM at work in a local cluster
	@hack/demo.sh

bench: ## measure JASM in a local cluster
	@hack/bench.sh

clean: ## remove what cargo built (the cluster and the tools stay in the user's cache)
	cargo clean
