#!/usr/bin/env bash
# Installs shellcheck into the user's cache once. Prints its path.
set -euo pipefail
me=shellcheck
# shellcheck source=tests/tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
venv shellcheck
printf '%s\n' "$venv/bin/shellcheck"
