#!/usr/bin/env bash
# Measures JASM beside the floor, the least program that does its work (hack/floor), in turns, in one
# cluster, with a store of fixed latency. Prints tables and writes target/figures/: bench.json, the
# tables as figures.md, and the plots. No time makes it fail. Needs Rust, Go and Python, no Docker.
#   JASM_BENCH_SCENARIOS=NAME,…  chooses from burst-100 burst-1000 running replicas restart identities
#                                hang faults kinds push crowd-10000 crowd-50000
#   JASM_BENCH_TURNS=N           turns of each scenario
#   JASM_BENCH_SMOKE=1           everything small, to see that it works
#   JASM_BENCH_PUBLISH=1         copies the tables and plots of a whole run to docs/
#   JASM_BINARY=FILE JASM_BENCH_FLOOR=FILE   measure other builds
#   JASM_BENCH_FAKES=FILE        a jasm-fakes that is there already; kinds and push need one
#   JASM_BENCH_DECRYPT=FILE      the example decrypt of jasm-sops that is there already; push needs one
#   JASM_BENCH_SMALL=FILE        a JASM without the features age, pgp and git: push tells its size
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
me=bench
work=$root/target/bench
out=$root/target/figures
# shellcheck source=hack/lib.sh
source "$root/hack/lib.sh"

if [[ -n ${JASM_BENCH_PUBLISH:-} && -n ${JASM_BENCH_SMOKE:-}${JASM_BENCH_SCENARIOS:-}${JASM_BENCH_TURNS:-} ]]; then
	fail 'JASM_BENCH_PUBLISH is for a whole run: unset JASM_BENCH_SMOKE, JASM_BENCH_SCENARIOS and JASM_BENCH_TURNS'
fi
begin
mkdir -p "$out"
floor=${JASM_BENCH_FLOOR:-}
if [[ -z ${JASM_BINARY:-} || -z $floor ]]; then
	# In one go, so that what they share is built once.
	build_programs release --package jasm --package jasm-floor
	floor=${floor:-$built/jasm-floor}
	JASM_BINARY=${JASM_BINARY:-$built/jasm}
fi
jasm=$(realpath -e "$JASM_BINARY") || fail "JASM_BINARY is $JASM_BINARY, which is not there"
floor=$(realpath -e "$floor") || fail "JASM_BENCH_FLOOR is $floor, which is not there"
fakes=
# chosen NAME: whether the scenario is to be run.
chosen() { [[ -z ${JASM_BENCH_SCENARIOS:-} || ,${JASM_BENCH_SCENARIOS// /}, == *,$1,* ]]; }
if chosen kinds || chosen push; then
	fakes=${JASM_BENCH_FAKES:-}
	if [[ -z $fakes ]]; then
		# By itself: what is measured must not be built with the features that this needs.
		build_programs dev --package jasm-fakes
		fakes=$built/jasm-fakes
	fi
	fakes=$(realpath -e "$fakes") || fail "JASM_BENCH_FAKES is $fakes, which is not there"
fi
push=()
if chosen push; then
	decrypt=${JASM_BENCH_DECRYPT:-}
	if [[ -z $decrypt ]]; then
		# By itself, for the same reason.
		build_programs release --package jasm-sops --example decrypt
		decrypt=$built/examples/decrypt
	fi
	decrypt=$(realpath -e "$decrypt") || fail "JASM_BENCH_DECRYPT is $decrypt, which is not there"
	fg "$root/tests/tools/sops.sh" >"$work/sops" || fail 'SOPS cannot be had'
	fg "$root/tests/tools/crds.sh" >"$work/crds" || fail "Flux's CRDs cannot be had"
	push=(--decrypt "$decrypt" --sops "$(sed -n 's/^sops=//p' "$work/sops")" --age-keygen "$(sed -n 's/^age-keygen=//p' "$work/sops")"
		--push-crd "$root/config/crd/secretmanagerconfigs.yaml"
		--flux-crd "$(<"$work/crds")/source.toolkit.fluxcd.io_gitrepositories.yaml")
	if [[ -n ${JASM_BENCH_SMALL:-} ]]; then
		small=$(realpath -e "$JASM_BENCH_SMALL") || fail "JASM_BENCH_SMALL is $JASM_BENCH_SMALL, which is not there"
		push+=(--small "$small")
	fi
fi
command -v go >/dev/null || fail 'go is not installed; it builds the benchmark'
mkdir "$work/go"
long "$work/logs/go-build" . 'lines of output' env CGO_ENABLED=0 GOFLAGS='' GOWORK=off GOTMPDIR="$work/go" \
	go -C "$root/hack/bench" build -o "$work/bench" . || fail 'the benchmark does not build'
say 'starting a cluster'
start_cluster
# What JASM has where it reads stores as the pods themselves.
mkdir "$work/rights"
cat >"$work/rights/kustomization.yaml" <<-END
	resources: [../../../config/rbac/default, ../../../config/rbac/push]
	components: [../../../config/components/workload-identity]
	patches:
	  - target: {kind: ValidatingAdmissionPolicy, name: jasm-tokens}
	    patch: |-
	      - {op: test, path: /spec/variables/0/name, value: allowed}
	      - {op: replace, path: /spec/variables/0/expression,
	         value: '["sts.amazonaws.com", "api://AzureADTokenExchange", "vault", "bench-project.svc.id.goog"]'}
END
{
	"$kubectl" create namespace jasm-system
	"$kubectl" apply -k "$work/rights"
} >"$work/logs/setup"
"$kubectl" config view --raw -o json >"$work/admin.json"
arguments=(--kubeconfig "$work/admin.json" --audit-log "$(json auditLog <"$work/cluster.json")"
	--jasm "$jasm" --floor "$floor" --fakes "$fakes" --work "$work" --out "$out"
	--scenarios "${JASM_BENCH_SCENARIOS:-}" --turns "${JASM_BENCH_TURNS:-0}")
if ((${#push[@]})); then arguments+=("${push[@]}"); fi
if [[ -n ${JASM_BENCH_SMOKE:-} ]]; then arguments+=(--smoke); fi
fg "$work/bench" "${arguments[@]}"
say "written: ${out#"$root/"}"
if [[ -n ${JASM_BENCH_PUBLISH:-} ]]; then
	mkdir -p "$root/docs"
	cp "$out/figures.md" "$out/figures-secret.svg" "$out/figures-running.svg" "$root/docs/"
	say 'published: docs/figures.md and its plots'
fi
