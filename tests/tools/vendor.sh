#!/usr/bin/env bash
# Installs the clouds' own Python clients, which judge our fakes, into the user's cache once. Prints the path of a
# Python that has them.
set -euo pipefail
me=vendor
# shellcheck source=tests/tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
venv vendor
printf '%s\n' "$venv/bin/python"
