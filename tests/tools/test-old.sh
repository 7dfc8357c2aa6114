#!/usr/bin/env bash
# Runs the stories of tests/it against the oldest Kubernetes that JASM is tested with (tests/cluster/old).
# Arguments go to the tests, for example the beginning of a name.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cluster=$("$here/../cluster/build.sh" old)
JASM_TEST_LAUNCHER=$(sed -n 's/^launcher=//p' <<<"$cluster")
JASM_TEST_BIN=$(sed -n 's/^bin=//p' <<<"$cluster")
JASM_TEST_MOTO=$("$here/moto.sh")
export JASM_TEST_LAUNCHER JASM_TEST_BIN JASM_TEST_MOTO
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-4}
cd "$here/../.."
exec cargo test --locked --test it -- "$@"
