#!/usr/bin/env bash
# Builds the test cluster's programs once and keeps them in the user's cache.
#   build.sh        the Kubernetes of the tests (go.mod here)
#   build.sh old    the oldest one that JASM is tested with (old/go.mod)
# Prints two lines on stdout, progress on stderr:
#   launcher=FILE   starts and stops a cluster
#   bin=DIR         etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubemark, kubectl
# JASM_CLUSTER_BIN=DIR takes programs that are there already, for example of another Kubernetes version.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
me=cluster
# shellcheck source=tests/tools/lib.sh
source "$here/../tools/lib.sh"
cache=$jasm_cache/cluster
module=$here
needed=(etcd kube-apiserver kube-controller-manager kube-scheduler kubemark)
go_min=1.26

# The machine is part of the key since a home folder may be shared between machines.
hash_of() {
	(cd "$module" && {
		uname -sm
		printf '%s\n' "${build_flags[@]}"
		find "$@" -type f ! -name '*_test.go' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
	}) | sha256sum | cut -c1-16
}

need_go() {
	local version
	command -v go >/dev/null || fail "go is not installed; Go $go_min or newer builds the test cluster (or set JASM_CLUSTER_BIN)"
	# Asked inside the module, since Go 1.21 and newer may fetch the toolchain that go.mod names.
	version=$(cd "$here" && go env GOVERSION) || fail "go does not work here; Go $go_min or newer builds the test cluster"
	version=${version#go}
	if [[ $(printf '%s\n' "$go_min" "$version" | sort -V | head -n1) != "$go_min" ]]; then
		fail "go is $version; Go $go_min or newer builds the test cluster (or set JASM_CLUSTER_BIN)"
	fi
}

start_build() {
	tmp=$(mktemp -d "$cache/tmp.XXXXXXXX")
	mkdir "$tmp/out" "$tmp/go"
	export GOTMPDIR=$tmp/go CGO_ENABLED=0 GOOS='' GOARCH='' GOFLAGS='' GOWORK=off
}

finish_build() {
	mv -T "$tmp/out" "$1"
	rm -rf "$tmp"
	tmp=
}

launcher() {
	local -a build_flags=(-trimpath -buildvcs=false -mod=readonly)
	local dir
	dir=$cache/launcher-$(hash_of go.mod cmd/cluster)
	if [[ ! -x $dir/cluster ]]; then
		need_go
		lock "$cache/launcher.lock"
		if [[ ! -x $dir/cluster ]]; then
			start_build
			(cd "$here" && go build "${build_flags[@]}" -o "$tmp/out/cluster" ./cmd/cluster) >&2 || fail 'the launcher does not build'
			finish_build "$dir"
		fi
		unlock
	fi
	launcher=$dir/cluster
}

build_kube() {
	local started=$SECONDS total
	say "building the test cluster (Kubernetes $2) once: about 8 minutes on two cores, then it is kept in the cache"
	start_build
	cd "$module"
	say 'fetching modules'
	long "$tmp/log" '^go: downloading' 'modules fetched' go list -deps ./cmd/kube ||
		fail 'the modules of the test cluster are not to be had'
	total=$(grep -cv '^go: ' "$tmp/log")
	say 'compiling'
	long "$tmp/log" '^[^# ]+$' "of at most $total packages compiled" \
		go build -v "${build_flags[@]}" -o "$tmp/out/kube" ./cmd/kube ||
		fail 'the test cluster does not build'
	local name
	for name in "${needed[@]}" kubectl; do
		ln -s kube "$tmp/out/$name"
	done
	finish_build "$1"
	say "built in $((SECONDS - started)) s"
}

kube() {
	local version dir
	version=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' "$module/go.mod")
	[[ $version =~ ^v([0-9]+)\.([0-9]+)\. ]] || fail "$module/go.mod names no version of k8s.io/kubernetes"
	local stamp=k8s.io/component-base/version
	# Without the stamp the API server calls itself v0.0.0.
	local -a build_flags=(-trimpath -buildvcs=false -mod=readonly
		-ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=${BASH_REMATCH[1]} -X $stamp.gitMinor=${BASH_REMATCH[2]}")
	dir=$cache/kube-$(hash_of go.mod go.sum cmd/kube)
	if [[ ! -x $dir/kube ]]; then
		need_go
		lock "$cache/kube.lock"
		[[ -x $dir/kube ]] || build_kube "$dir" "$version"
		unlock
	fi
	bin=$dir
}

foreign() {
	local name missing=()
	bin=$(cd "$JASM_CLUSTER_BIN" 2>/dev/null && pwd) || fail "JASM_CLUSTER_BIN is $JASM_CLUSTER_BIN, which is not a folder"
	for name in "${needed[@]}"; do
		[[ -x $bin/$name ]] || missing+=("$name")
	done
	if ((${#missing[@]})); then fail "JASM_CLUSTER_BIN is $bin, where these programs are missing: ${missing[*]}"; fi
}

[[ $(uname -s) == Linux ]] || fail 'the test cluster runs on Linux only'
case ${1:-} in
'') ;;
old)
	[[ -z ${JASM_CLUSTER_BIN:-} ]] || fail 'JASM_CLUSTER_BIN names programs that are there already, so nothing older is built; unset it'
	module=$here/old
	;;
*) fail "\"$1\" is none of the clusters that can be built; leave it away, or say \"old\"" ;;
esac
if [[ -n ${JASM_CLUSTER_BIN:-} ]]; then foreign; else kube; fi
module=$here
launcher
printf 'launcher=%s\nbin=%s\n' "$launcher" "$bin"
