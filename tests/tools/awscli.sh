#!/usr/bin/env bash
# Installs the CLI of AWS, which the set-up script of the tests calls, into the user's cache once. Prints its path.
set -euo pipefail
me=awscli
# shellcheck source=tests/tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
venv awscli
printf '%s\n' "$venv/bin/aws"
