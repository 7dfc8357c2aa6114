#!/usr/bin/env bash
# Builds two versions of the real sops, and age-keygen, from their Go modules into the user's cache once.
# Prints three lines on stdout, progress on stderr:
#   sops=FILE         the newer sops
#   old=FILE          the older one
#   age-keygen=FILE   makes identities, also of the post-quantum kind
set -euo pipefail
me=sops
# shellcheck source=tests/tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
new=3.13.3
old=3.9.4
age=1.3.1
go_min=1.25

dir=$jasm_cache/tools/sops-$new-$old-$age-$(uname -sm | tr ' ' -)
if [[ ! -x $dir/sops || ! -x $dir/sops-old || ! -x $dir/age-keygen ]]; then
	command -v go >/dev/null || fail "go is not installed; Go $go_min or newer builds sops"
	version=$(go env GOVERSION) || fail "go does not work here; Go $go_min or newer builds sops"
	version=${version#go}
	if [[ $(printf '%s\n' "$go_min" "$version" | sort -V | head -n1) != "$go_min" ]]; then
		fail "go is $version; Go $go_min or newer builds sops"
	fi
	lock "$jasm_cache/tools/sops.lock"
	if [[ ! -x $dir/sops || ! -x $dir/sops-old || ! -x $dir/age-keygen ]]; then
		say "building sops $new and $old once: about 4 minutes on two cores, then they are kept in the cache"
		tmp=$(mktemp -d "$jasm_cache/tools/tmp.XXXXXXXX")
		mkdir "$tmp/out" "$tmp/go"
		# Outside of any module, so that a checkout's go.mod has no say.
		cd "$tmp"
		export GOTMPDIR=$tmp/go CGO_ENABLED=0 GOOS='' GOARCH='' GOFLAGS='-trimpath' GOWORK=off
		# install PACKAGE VERSION NAME
		install() {
			mkdir "$tmp/bin"
			GOBIN=$tmp/bin long "$tmp/log" '^[^# ]+$' "packages of $3 compiled" go install -v "$1@v$2" ||
				fail "$1 $2 does not build"
			mv "$tmp/bin/${1##*/}" "$tmp/out/$3"
			rmdir "$tmp/bin"
		}
		install github.com/getsops/sops/v3/cmd/sops "$new" sops
		install github.com/getsops/sops/v3/cmd/sops "$old" sops-old
		install filippo.io/age/cmd/age-keygen "$age" age-keygen
		rm -rf "$dir"
		mv -T "$tmp/out" "$dir"
		rm -rf "$tmp"
		tmp=
		say "built sops"
	fi
	unlock
fi
printf '%s\n' "sops=$dir/sops" "old=$dir/sops-old" "age-keygen=$dir/age-keygen"
