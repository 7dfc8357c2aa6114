#!/usr/bin/env bash
# Builds cargo-deny into the user's cache once. Prints its path.
set -euo pipefail
me=cargo-deny
# shellcheck source=tests/tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cargo_tool cargo-deny 0.20.2 'a minute and a half'
printf '%s\n' "${tool:?}"
