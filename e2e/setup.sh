#!/usr/bin/env bash
# Puts JASM into minikube: builds the image, loads it, applies config/default with it and with a config that
# names two AWS stores. Starts minikube if it does not run. Run again, it brings what has changed.
# JASM_E2E_IMAGE=NAME takes an image that Docker has already.
set -euo pipefail

me=setup
# shellcheck source=e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
image=${JASM_E2E_IMAGE:-}

guard
[[ $target == minikube ]] || fail 'the set-up is for minikube; on the test cluster each story makes its own'
begin
minikube_up
command -v docker >/dev/null || fail 'docker is not installed; it builds the image'
if [[ -z $image ]]; then
	JASM_IMAGE=jasm:dev fg "$root/hack/image.sh" || fail 'the image cannot be had (JASM_E2E_IMAGE takes one that is there already)'
	# A name that changes with the content, as a node never looks again for a name that it knows.
	id=$(docker image inspect --format '{{.Id}}' jasm:dev)
	image=jasm:e2e-${id:7:12}
	docker tag jasm:dev "$image"
fi
say "loading $image into minikube"
fg minikube image load "$image" >&2 || fail "minikube does not take the image $image"

# The rights that JASM has at AWS are those of the profile, or of its role, as long as that session lasts.
touch "$work/credentials"
chmod 600 "$work/credentials"
aws configure export-credentials --profile "$profile" --format env-no-export >"$work/credentials" ||
	fail "the profile $profile gives no credentials (aws sso login --profile $profile)"
mkdir "$work/overlay"
config >"$work/overlay/jasm.yaml"
cat >"$work/overlay/kustomization.yaml" <<-END
	apiVersion: kustomize.config.k8s.io/v1beta1
	kind: Kustomization
	resources: [../../../../config/default]
	images:
	  - {name: ghcr.io/codnod/jasm, newName: ${image%:*}, newTag: "${image##*:}"}
	configMapGenerator:
	  - name: jasm-config
	    namespace: jasm-system
	    behavior: replace
	    files: [jasm.yaml]
	secretGenerator:
	  - name: jasm-aws
	    namespace: jasm-system
	    envs: [credentials]
	patches:
	  - target: {kind: Deployment, name: jasm}
	    patch: |
	      - op: add
	        path: /spec/template/spec/containers/0/envFrom
	        value: [{secretRef: {name: jasm-aws}}]
END
mv "$work/credentials" "$work/overlay/credentials"
"$kubectl" apply -k "$work/overlay" >"$work/logs/apply" || fail 'minikube does not take config/default'
say 'waiting for JASM to be ready'
fg "$kubectl" rollout status deployment/jasm --namespace jasm-system --timeout 180s >&2 ||
	dump 'JASM does not become ready'
stop_all
printf '%s: done\n' "$me"
