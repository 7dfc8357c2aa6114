#!/usr/bin/env bash
# Builds cargo-auditable, of the version that the Dockerfile pins, into the user's cache once. Prints its path.
set -euo pipefail
me=cargo-auditable
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/tools/lib.sh
source "$here/lib.sh"
version=$(sed -n 's/^ARG CARGO_AUDITABLE_VERSION=//p' "$here/../../Dockerfile")
[[ -n $version ]] || fail 'the Dockerfile has no line "ARG CARGO_AUDITABLE_VERSION=…"'
cargo_tool cargo-auditable "$version" 'half a minute'
printf '%s\n' "${tool:?}"
