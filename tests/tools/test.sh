#!/usr/bin/env bash
# Runs every test of the workspace, with the cluster, the clouds and the tools that they need. Arguments go to cargo test.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cluster=$("$here/../cluster/build.sh")
JASM_TEST_LAUNCHER=$(sed -n 's/^launcher=//p' <<<"$cluster")
JASM_TEST_BIN=$(sed -n 's/^bin=//p' <<<"$cluster")
JASM_TEST_MOTO=$("$here/moto.sh")
JASM_TEST_OPENBAO=$("$here/openbao.sh")
JASM_TEST_VENDOR=$("$here/vendor.sh")
JASM_TEST_AWSCLI=$("$here/awscli.sh")
export JASM_TEST_LAUNCHER JASM_TEST_BIN JASM_TEST_MOTO JASM_TEST_OPENBAO JASM_TEST_VENDOR JASM_TEST_AWSCLI
JASM_TEST_CRDS=$("$here/crds.sh")
JASM_TEST_KUSTOMIZE=$("$here/kustomize.sh")
sops=$("$here/sops.sh")
JASM_TEST_SOPS=$(sed -n 's/^sops=//p' <<<"$sops")
JASM_TEST_SOPS_OLD=$(sed -n 's/^old=//p' <<<"$sops")
JASM_TEST_AGE_KEYGEN=$(sed -n 's/^age-keygen=//p' <<<"$sops")
export JASM_TEST_CRDS JASM_TEST_KUSTOMIZE JASM_TEST_SOPS JASM_TEST_SOPS_OLD JASM_TEST_AGE_KEYGEN
# Most of a story is waiting for the cluster, so more run at once than there are cores.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-4}
cd "$here/../.."
exec cargo test --workspace --locked "$@"
