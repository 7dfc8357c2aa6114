#!/usr/bin/env bash
# Removes from minikube what setup.sh and the stories made. minikube itself goes on.
set -euo pipefail

me=teardown
# shellcheck source=e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

guard
[[ $target == minikube ]] || fail 'there is nothing to remove: on the test cluster each story removes its own'
if [[ $(minikube_state) != Running ]]; then fail 'minikube does not run, so nothing can be removed from it (minikube start)'; fi
begin
minikube_up
say 'removing JASM'
"$kubectl" delete -k "$root/config/default" --ignore-not-found >"$work/logs/delete" || fail 'not all of config/default could be removed'
mapfile -t namespaces < <("$kubectl" get namespaces -o name | grep '^namespace/jasm-e2e-' || true)
if ((${#namespaces[@]})); then
	say "removing ${namespaces[*]}"
	"$kubectl" delete "${namespaces[@]}" --ignore-not-found >>"$work/logs/delete"
fi
# Not while a container may still use it, so last.
mapfile -t images < <(minikube image ls 2>/dev/null | grep -E '(^|/)jasm:e2e-' || true)
if ((${#images[@]})); then minikube image rm "${images[@]}" >/dev/null || say "not removed from minikube: ${images[*]}"; fi
stop_all
printf '%s: done\n' "$me"
