#!/usr/bin/env bash
# All of it on minikube: set-up, every story, teardown, which comes after a failure too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
if [[ ${JASM_E2E_TARGET:-minikube} == minikube ]]; then
	# A refusal ends it here, where nothing has been done yet.
	./setup.sh
	trap ./teardown.sh EXIT
fi
./test_aws_sync.sh
./test_config_sync.sh
