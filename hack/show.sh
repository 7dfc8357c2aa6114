# shellcheck shell=bash
# What the demos have in common: how they print what a user would type and see. The script sources
# hack/lib.sh before it.

bold='' dim='' plain='' pace=0
if [[ -t 1 ]]; then
	pace=1.5
	if [[ -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
		bold=$'\e[1;36m' dim=$'\e[2m' plain=$'\e[0m'
	fi
fi

heading() {
	printf '\n%s== %s%s\n' "$bold" "$*" "$plain"
	sleep "$pace"
}
note() { printf '%s# %s%s\n' "$dim" "$*" "$plain"; }
prompt() { printf '%s$ %s%s\n' "$bold" "$*" "$plain"; }

# show COMMAND...: as a user would type it, and what it prints. `typed` stands for what is no command.
show() {
	prompt "${typed:-$*}"
	# An installed one may be too old or too new for the cluster.
	if [[ $1 == kubectl ]]; then set -- "${kubectl:?}" "${@:2}"; fi
	fg "$@" || dump 'that failed'
	sleep "$pace"
}
kubectl() { "${kubectl:?}" "$@"; }

now() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }
since() { awk -v us="$(($(now) - $1))" 'BEGIN { printf "%.1f s", us / 1e6 }'; }
password() { head -c 12 /dev/urandom | base64; }
