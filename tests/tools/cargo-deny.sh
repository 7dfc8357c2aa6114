#!/usr/bin/env bash
# Builds cargo-deny into the user's cache once. Prints its path.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
me=cargo-deny
# shellcheck source=tests/tools/lib.sh
source "$here/lib.sh"
version=0.20.2
tools=$jasm_cache/tools
dir=$tools/cargo-deny-$version-$(uname -sm | tr ' ' -)

if [[ ! -x $dir/bin/cargo-deny ]]; then
	command -v cargo >/dev/null || fail 'cargo is not installed; it builds cargo-deny (https://rustup.rs)'
	lock "$tools/cargo-deny.lock"
	if [[ ! -x $dir/bin/cargo-deny ]]; then
		say 'building cargo-deny once: about a minute and a half on two cores, then it is kept in the cache'
		tmp=$(mktemp -d "$tools/tmp.XXXXXXXX")
		# Here, so that the project's own toolchain is taken.
		cd "$here"
		# Unoptimised takes a third of the time to build, and a check still only seconds.
		CARGO_TARGET_DIR=$tmp/target CARGO_PROFILE_DEV_DEBUG=0 long "$tmp/log" '^ +Compiling ' 'crates compiled' \
			cargo install --locked --debug --no-track --root "$tmp/root" --version "$version" cargo-deny ||
			fail 'cargo-deny does not build'
		rm -rf "$dir"
		mv -T "$tmp/root" "$dir"
		rm -rf "$tmp"
		tmp=
		say 'built cargo-deny'
	fi
	unlock
fi
printf '%s\n' "$dir/bin/cargo-deny"
