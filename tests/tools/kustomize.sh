#!/usr/bin/env bash
# Builds kustomize, which says what our reading of kustomizations has to give, into the user's cache once. Prints its path.
set -euo pipefail
me=kustomize
# shellcheck source=tests/tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
version=v5.8.1
dir=$jasm_cache/tools/kustomize-$version-$(uname -sm | tr ' ' -)
if [[ ! -x $dir/kustomize ]]; then
	command -v go >/dev/null || fail 'go is not installed; it builds kustomize (https://go.dev/dl/)'
	lock "$jasm_cache/tools/kustomize.lock"
	if [[ ! -x $dir/kustomize ]]; then
		say 'building kustomize once: about a minute on two cores, then it is kept in the cache'
		tmp=$(mktemp -d "$jasm_cache/tools/tmp.XXXXXXXX")
		mkdir "$tmp/bin"
		GOBIN=$tmp/bin CGO_ENABLED=0 long "$tmp/log" . 'lines of output' \
			go install "sigs.k8s.io/kustomize/kustomize/v5@$version" ||
			fail 'kustomize does not build'
		rm -rf "$dir"
		mv -T "$tmp/bin" "$dir"
		rm -rf "$tmp"
		tmp=
		say 'built kustomize'
	fi
	unlock
fi
printf '%s\n' "$dir/kustomize"
