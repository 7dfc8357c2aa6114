# shellcheck shell=bash
# What the scripts that fetch and build things for the tests have in common.
# The script that sources it sets `me`, the word in front of its messages.

jasm_cache=${XDG_CACHE_HOME:-${HOME:?neither HOME nor XDG_CACHE_HOME is set}/.cache}/jasm

say() { printf '%s: %s\n' "${me:?}" "$*" >&2; }
fail() {
	say "$*"
	exit 1
}

tmp=
job=
cleanup() {
	if [[ -n $job ]]; then
		# The whole process group, since compilers outlive the program that started them.
		kill -- "-$job" 2>/dev/null || true
		wait "$job" 2>/dev/null || true
	fi
	if [[ -n $tmp ]]; then rm -rf "$tmp"; fi
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# lock FILE: two runs at once must not build the same thing twice.
lock() {
	mkdir -p "$(dirname "$1")"
	exec 9>"$1"
	if ! flock -n 9; then
		say 'another run is building it; waiting for that'
		flock 9
	fi
}

unlock() { exec 9>&-; }

# long LOG PATTERN WHAT COMMAND...: runs it with its output in LOG, and says every 20 s how many
# lines there match PATTERN. In the background, as a signal would else wait for its end.
long() {
	local log=$1 pattern=$2 what=$3 started=$SECONDS next=20
	shift 3
	# A process group of its own.
	set -m
	"$@" </dev/null >"$log" 2>&1 9>&- &
	job=$!
	set +m
	while kill -0 "$job" 2>/dev/null; do
		sleep 0.5
		if ((SECONDS - started >= next)); then
			say "$next s, $(grep -Ec "$pattern" "$log" || true) $what"
			next=$((next + 20))
		fi
	done
	local code=0
	wait "$job" || code=$?
	job=
	if ((code)); then tail -n 40 "$log" >&2; fi
	return "$code"
}

# venv NAME: sets `venv` to a Python environment with what NAME-requirements.txt next to this file pins.
venv() {
	local requirements python key
	requirements=$(dirname "${BASH_SOURCE[0]}")/$1-requirements.txt
	command -v python3 >/dev/null || fail "python3 is not installed; Python 3.11 or newer runs $1"
	# An environment works with the interpreter only that made it.
	python=$(python3 -c 'import sys; print(sys.version_info[:3] >= (3, 11), sys.version, sys.base_prefix)') || fail "python3 does not work here"
	[[ $python == True* ]] || fail "python3 is ${python#* }; Python 3.11 or newer runs $1"
	key=$({ echo "$python" && cat "$requirements"; } | sha256sum | cut -c1-16)
	venv=$jasm_cache/tools/$1-$key
	# It cannot be built elsewhere and then moved, so a file in it says that it is complete.
	if [[ ! -e $venv/complete || ! -x $venv/bin/python ]]; then
		lock "$jasm_cache/tools/$1.lock"
		if [[ ! -e $venv/complete || ! -x $venv/bin/python ]]; then
			say "installing $1 once"
			rm -rf "$venv"
			tmp=$(mktemp -d "$jasm_cache/tools/tmp.XXXXXXXX")
			long "$tmp/log" . 'lines of output' python3 -m venv "$venv" ||
				fail 'python3 has no working venv module (package python3-venv on Debian and Ubuntu)'
			long "$tmp/log" '^Collecting' 'packages found' "$venv/bin/pip" install --disable-pip-version-check --requirement "$requirements" ||
				fail "$1 cannot be installed from the Python package index"
			touch "$venv/complete"
			rm -rf "$tmp"
			tmp=
			say "installed $1"
		fi
		unlock
	fi
}

# cargo_tool NAME VERSION TIME: sets `tool` to a program from crates.io, built into the cache once, which takes TIME.
cargo_tool() {
	local dir
	dir=$jasm_cache/tools/$1-$2-$(uname -sm | tr ' ' -)
	tool=$dir/bin/$1
	if [[ ! -x $tool ]]; then
		command -v cargo >/dev/null || fail "cargo is not installed; it builds $1 (https://rustup.rs)"
		lock "$jasm_cache/tools/$1.lock"
		if [[ ! -x $tool ]]; then
			say "building $1 once: about $3 on two cores, then it is kept in the cache"
			tmp=$(mktemp -d "$jasm_cache/tools/tmp.XXXXXXXX")
			# Here, so that the project's own toolchain is taken.
			cd "$(dirname "${BASH_SOURCE[0]}")" || fail 'the folder of the tools is gone'
			# Unoptimised takes a third of the time to build, and a run still only seconds.
			CARGO_TARGET_DIR=$tmp/target CARGO_PROFILE_DEV_DEBUG=0 long "$tmp/log" '^ +Compiling ' 'crates compiled' \
				cargo install --locked --debug --no-track --root "$tmp/root" --version "$2" "$1" ||
				fail "$1 does not build"
			rm -rf "$dir"
			mv -T "$tmp/root" "$dir"
			rm -rf "$tmp"
			tmp=
			say "built $1"
		fi
		unlock
	fi
}
