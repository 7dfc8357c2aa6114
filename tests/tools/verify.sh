#!/usr/bin/env bash
# Makes everything generated anew and compares it with what is in the checkout. With --write it is
# written there instead. JASM is the program that generates it; without it the debug build is made.
# The generated parts of the pages are made by a test, which knows the code's own tables.
set -euo pipefail
me=verify
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/tools/lib.sh
source "$here/lib.sh"
cd "$here/../.."

case "${1-}" in
'' | --write) ;;
*) fail "usage: tests/tools/verify.sh [--write]" ;;
esac
jasm=${JASM-}
if [[ -z $jasm ]]; then
	cargo build --quiet --locked
	jasm=$(cargo metadata --format-version 1 --no-deps --locked | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/debug/jasm
fi
tmp=$(mktemp -d)

# One function per thing; each writes below $tmp what belongs at the same path of the checkout.
schema() {
	mkdir -p "$tmp/config"
	"$jasm" config schema >"$tmp/config/jasm.schema.json"
}
crd() {
	mkdir -p "$tmp/config/crd"
	cargo run --quiet --locked --example crd >"$tmp/config/crd/secretmanagerconfigs.yaml"
}
manual() {
	"$jasm" man "$tmp/docs/man" >/dev/null
}
generators=(schema crd manual)
# What a generator owns altogether: a file there that is not generated any more is left over.
owned=(docs/man)

for generator in "${generators[@]}"; do
	"$generator" || fail "$generator cannot be generated"
done

# Sets `said`.
pages() { said=$(JASM_DOCS=${1-} cargo test --quiet --locked --test it docs::generated 2>&1); }

if [[ ${1-} == --write ]]; then
	pages write || fail "the pages cannot be generated: $said"
	for folder in "${owned[@]}"; do rm -rf "$folder"; done
	cp -r "$tmp/." .
	say 'written'
	exit
fi
stale=0
while IFS= read -r file; do
	if ! diff -u "$file" "$tmp/$file"; then stale=1; fi
done < <(cd "$tmp" && find . -type f -printf '%P\n' | sort)
for folder in "${owned[@]}"; do
	if ! diff -rq "$folder" "$tmp/$folder" >/dev/null; then
		diff -rq "$folder" "$tmp/$folder" | grep '^Only in' || true
		stale=1
	fi
done
if ! pages; then
	printf '%s\n' "$said"
	stale=1
fi
((!stale)) || fail 'what is generated differs from what is in the checkout: run tests/tools/verify.sh --write'
say 'everything generated is as it is in the checkout'
