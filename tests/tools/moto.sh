#!/usr/bin/env bash
# Installs moto, the AWS of the tests, into the user's cache once. Prints the path of moto_server.
set -euo pipefail
me=moto
# shellcheck source=tests/tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
venv moto
printf '%s\n' "$venv/bin/moto_server"
