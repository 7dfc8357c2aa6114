#!/usr/bin/env bash
# Runs a test cluster in the foreground until Ctrl-C; it says itself how to use it.
set -euo pipefail
parts=$("$(dirname "${BASH_SOURCE[0]}")/build.sh")
exec "$(sed -n 's/^launcher=//p' <<<"$parts")" up --foreground --bin "$(sed -n 's/^bin=//p' <<<"$parts")" >/dev/null
