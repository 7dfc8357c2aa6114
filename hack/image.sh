#!/usr/bin/env bash
# Builds the image of JASM for this architecture.
#   image.sh         all of it in Docker; the base comes from a registry
#   image.sh local   the same image around a program that is built here, statically
# JASM_IMAGE=NAME names it (jasm:dev), JASM_BINARY=FILE is a program that is built already.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
me=image
# shellcheck source=tests/tools/lib.sh
source "$root/tests/tools/lib.sh"
image=${JASM_IMAGE:-jasm:dev}

# static FILE: true if the program needs nothing beside itself.
static() { ! readelf --program-headers --wide "$1" | grep -q INTERP; }

# program: sets `program` to a static program.
program() {
	command -v readelf >/dev/null || fail 'readelf is not installed (package binutils); it shows whether a program is static'
	if [[ -n ${JASM_BINARY:-} ]]; then
		program=$(realpath -e "$JASM_BINARY") || fail "JASM_BINARY is $JASM_BINARY, which is not there"
		static "$program" || fail "JASM_BINARY is $JASM_BINARY, which is not static: the image has no C library; build it with RUSTFLAGS='-C target-feature=+crt-static' and --target"
		return
	fi
	local auditable target started=$SECONDS
	auditable=$("$root/tests/tools/cargo-auditable.sh") || fail 'cargo-auditable cannot be had'
	# Here, so that the project's own toolchain is taken.
	cd "$root" || fail "$root is gone"
	target=$(rustc --print host-tuple)
	say 'building jasm (profile release, static); from nothing it takes about ten minutes on two cores'
	# The target is named so that build scripts and macros, which cannot be static, are left alone.
	PATH=$(dirname "$auditable"):$PATH RUSTFLAGS='-C target-feature=+crt-static' \
		long "$tmp/log" '^ *Compiling' 'crates compiled' \
		cargo auditable build --release --locked --target "$target" --bin jasm || fail 'jasm does not build'
	say "built in $((SECONDS - started)) s"
	program=$(cargo metadata --no-deps --format-version 1 |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/$target/release/jasm
	static "$program" || fail "cargo built $program, but it is not static"
}

# authorities: the file with the certificates that this machine trusts.
authorities() {
	local file
	for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem; do
		if [[ -s $file ]]; then
			printf '%s\n' "$file"
			return
		fi
	done
	fail 'this machine has no file with the public certificate authorities (package ca-certificates)'
}

command -v docker >/dev/null || fail 'docker is not installed'
docker version >/dev/null 2>&1 || fail 'no Docker daemon answers (docker version says why)'
version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")
revision=$(git -C "$root" rev-parse HEAD 2>/dev/null || echo unknown)
arguments=(--tag "$image" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --file "$root/Dockerfile")
mkdir -p "$root/target"
tmp=$(mktemp -d "$root/target/image.XXXXXXXX")
case ${1:-} in
'') context=$root ;;
local)
	program
	context=$tmp/context
	mkdir -p "$context/image"
	cp "$root/image/passwd" "$root/image/group" "$context/image/"
	bundle=$(authorities)
	cp "$bundle" "$context/ca-certificates.crt"
	cp "$program" "$context/jasm"
	# Whatever the rights here, in the image everybody may read and run it.
	chmod 755 "$context/jasm"
	chmod 644 "$context/ca-certificates.crt" "$context/image/"*
	arguments+=(--target local)
	;;
*) fail "\"$1\" is no way to build the image; leave it away, or say \"local\"" ;;
esac
# Long in a full build: its output is for whoever waits.
docker build "${arguments[@]}" "$context" >&2 || fail 'the image does not build'
say "built $image, $(docker image inspect --format '{{.Size}}' "$image" | awk '{ printf "%.1f MB", $1 / 1e6 }')"
