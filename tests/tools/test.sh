#!/usr/bin/env bash
# Runs every test of the workspace, with the cluster and the AWS that they need. Arguments go to cargo test.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cluster=$("$here/../cluster/build.sh")
JASM_TEST_LAUNCHER=$(sed -n 's/^launcher=//p' <<<"$cluster")
JASM_TEST_BIN=$(sed -n 's/^bin=//p' <<<"$cluster")
JASM_TEST_MOTO=$("$here/moto.sh")
export JASM_TEST_LAUNCHER JASM_TEST_BIN JASM_TEST_MOTO
# Most of a story is waiting for the cluster, so more run at once than there are cores.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-4}
cd "$here/../.."
exec cargo test --workspace --locked "$@"
