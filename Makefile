.DEFAULT_GOAL := help
.PHONY: help build fmt lint test verify manifests test-old test-image cluster demo demo-clouds demo-push bench image image-local e2e clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build JASM: target/release/jasm
	cargo build --release --locked

fmt: ## format the code
	cargo fmt --all

lint: ## check format, clippy, dependencies and shell scripts
	@tests/tools/lint.sh

test: ## run every test, against a real cluster and a local AWS (the first run builds them: minutes)
	@tests/tools/test.sh

test-old: ## run the stories against the oldest Kubernetes that JASM is tested with (the first run builds it: minutes)
	@tests/tools/test-old.sh

test-image: ## build the image around a program built here, look into it, and run it against a local cluster (needs Docker)
	@tests/image.sh

image: ## build the image jasm:dev, all of it in Docker (needs a registry for the base)
	@hack/image.sh

image-local: ## build the image jasm:dev around a program built here
	@hack/image.sh local

e2e: ## run the stories on minikube against AWS, as the profile AWS_PROFILE=codnod and nobody else
	@e2e/run.sh

verify: ## check that everything generated is as it is in the checkout (tests/tools/verify.sh --write makes it so)
	@tests/tools/verify.sh

manifests: ## make the CRD and everything else that is generated anew
	@tests/tools/verify.sh --write

cluster: ## run a local cluster until Ctrl-C, and say how to use it
	@tests/cluster/run.sh

demo: ## show JASM at work in a local cluster
	@hack/demo.sh

demo-clouds: ## show every cloud read as the pods' own ServiceAccounts, side by side in a local cluster
	@hack/demo-clouds.sh

demo-push: ## show a commit carried to the stores of a cloud and on to a pod, in a local cluster
	@hack/demo-push.sh

bench: ## measure JASM in a local cluster
	@hack/bench.sh

clean: ## remove what cargo built (the cluster and the tools stay in the user's cache)
	cargo clean
