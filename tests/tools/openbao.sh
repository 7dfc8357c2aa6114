#!/usr/bin/env bash
# Installs OpenBao, the Vault of the tests, into the user's cache once. Prints the path of bao.
set -euo pipefail
me=openbao
# shellcheck source=tests/tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
venv openbao
printf '%s\n' "$venv/bin/bao"
