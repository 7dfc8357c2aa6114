#!/usr/bin/env bash
# Every check that runs nothing of the project: format, clippy, dependencies, shell scripts, the Dockerfile.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings
deny=$("$here/cargo-deny.sh")
"$deny" --locked check bans licenses sources
shellcheck=$("$here/shellcheck.sh")
mapfile -t scripts < <(git ls-files -- '*.sh' .ci/run)
((${#scripts[@]})) || {
	echo 'lint: git knows of no shell script here' >&2
	exit 1
}
"$shellcheck" --external-sources "${scripts[@]}"
hadolint=$("$here/hadolint.sh")
"$hadolint" Dockerfile
