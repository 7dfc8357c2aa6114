#!/usr/bin/env bash
# Measures how long pods that need a Secret from JASM take until they run, beside the same pods
# without one and with one that is there already: the release build, and a store that always takes
# 50 ms. Prints a table and writes target/bench.json; no time makes it fail. Needs Rust, Go and Python,
# no Docker.
# JASM_BENCH_TURNS=N JASM_BENCH_PODS=N change its size, JASM_BINARY=FILE measures another build.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
me=bench
work=$root/target/bench
# shellcheck source=hack/lib.sh
source "$root/hack/lib.sh"

begin
build release
command -v go >/dev/null || fail 'go is not installed; it builds the benchmark'
mkdir "$work/go"
long "$work/logs/go-build" . 'lines of output' env CGO_ENABLED=0 GOFLAGS='' GOWORK=off GOTMPDIR="$work/go" \
	go -C "$root/hack/bench" build -o "$work/bench" . || fail 'the benchmark does not build'
say 'starting a cluster'
start_cluster
{
	"$kubectl" create namespace jasm-system
	"$kubectl" apply -k "$root/config/rbac/default"
} >"$work/logs/setup"
account
"$kubectl" config view --raw -o json >"$work/admin.json"
fg "$work/bench" --kubeconfig "$work/admin.json" --jasm "$jasm" --jasm-kubeconfig "$work/jasm.kubeconfig" \
	--work "$work" --out "$root/target/bench.json" --pods "${JASM_BENCH_PODS:-100}" --turns "${JASM_BENCH_TURNS:-5}"
say 'written: target/bench.json'
