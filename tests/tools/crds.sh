#!/usr/bin/env bash
# Copies the CRDs of Flux and Argo CD out of their Go modules into the user's cache once. Prints the folder with them.
set -euo pipefail
me=crds
# shellcheck source=tests/tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Module, version, checksum, and the files that are taken.
flux=(github.com/fluxcd/source-controller v1.9.6 'h1:nG534/bI6nVpyHra7ONAk6xDB3xPsVT+EOLHZHXPrrc=')
flux_files=(config/crd/bases/source.toolkit.fluxcd.io_{gitrepositories,ocirepositories,buckets,externalartifacts}.yaml)
argo=(github.com/argoproj/argo-cd/v3 v3.5.7 'h1:Xm1BF+I5OgDKUG3SDK49vn2/Y5AMyaNVko+/JT08gj0=')
argo_files=(manifests/crds/application-crd.yaml)

# copy MODULE VERSION CHECKSUM FILE...: copies files of a module into $tmp.
copy() {
	local module=$1 version=$2 checksum=$3 said folder
	shift 3
	said=$(cd "$tmp" && go mod download -json "$module@$version") || fail "$module $version cannot be downloaded"
	grep -qF "\"Sum\": \"$checksum\"" <<<"$said" || fail "$module $version is not what it was: its checksum is another one"
	folder=$(sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p' <<<"$said")
	local file
	for file in "$@"; do
		install -m 0644 "$folder/$file" "$tmp/crds/$(basename "$file")"
	done
}

key=$(printf '%s\n' "${flux[@]}" "${flux_files[@]}" "${argo[@]}" "${argo_files[@]}" | sha256sum | cut -c1-16)
crds=$jasm_cache/tools/crds-$key
if [[ ! -d $crds ]]; then
	command -v go >/dev/null || fail 'go is not installed; Go 1.26 or newer fetches the CRDs (https://go.dev/dl)'
	lock "$jasm_cache/tools/crds.lock"
	if [[ ! -d $crds ]]; then
		say 'fetching the CRDs of Flux and Argo CD once'
		tmp=$(mktemp -d "$jasm_cache/tools/tmp.XXXXXXXX")
		mkdir "$tmp/crds"
		copy "${flux[@]}" "${flux_files[@]}"
		copy "${argo[@]}" "${argo_files[@]}"
		mv -T "$tmp/crds" "$crds"
		rm -rf "$tmp"
		tmp=
	fi
	unlock
fi
printf '%s\n' "$crds"
