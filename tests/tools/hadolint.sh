#!/usr/bin/env bash
# Installs hadolint into the user's cache once. Prints its path.
set -euo pipefail
me=hadolint
# shellcheck source=tests/tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
venv hadolint
printf '%s\n' "$venv/bin/hadolint"
