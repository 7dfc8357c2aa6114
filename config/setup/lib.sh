# shellcheck shell=bash
# What the set-up scripts have in common. The script that sources it sets `me`, its name in front of its messages,
# `tool`, the cloud's command, and `usage`, a function that prints how it is called.
#
# Everything is looked at first and made only if it is missing, so a second run changes nothing. Each command is
# printed before it runs; for one that changes something there is a question first, unless --yes says yes to all of
# them or --dry-run no. It has to work with the bash of macOS, which is 3.2.

yes=
dry=
# How many commands changed something.
changed=0
# What the last look printed.
said=

say() { printf '%s: %s\n' "${me:?}" "$*" >&2; }
fail() {
	say "$*"
	exit 1
}
# misused TEXT: the call itself is wrong.
misused() {
	say "$* (--help says more)"
	exit 64
}

# parse "SINGLE..." "MANY..." "FLAG..." ARGUMENTS...: the value of --some-name goes into the variable some_name; those
# of an option that may be given many times one on each line; a flag becomes 1.
parse() {
	local single=" $1 " many=" $2 " flags=" yes dry-run $3 " option name
	shift 3
	while (($#)); do
		option=${1#--}
		name=$(printf %s "$option" | tr - _)
		case $1 in
		--help | -h)
			usage
			exit 0
			;;
		--*[!a-z-]*) misused "there is no option \"$1\"" ;;
		--*) ;;
		*) misused "\"$1\" is no option" ;;
		esac
		if [[ $flags == *" $option "* ]]; then
			printf -v "$name" 1
		elif [[ $single == *" $option "* || $many == *" $option "* ]]; then
			(($# > 1)) || misused "$1 needs a value"
			[[ -n $2 && $2 != *$'\n'* ]] || misused "the value of $1 is empty or has several lines"
			if [[ $many == *" $option "* ]]; then
				printf -v "$name" '%s%s\n' "${!name-}" "$2"
			else
				[[ -z ${!name-} ]] || misused "$1 is there twice"
				printf -v "$name" %s "$2"
			fi
			shift
		else
			misused "there is no option $1"
		fi
		shift
	done
	# shellcheck disable=SC2154 # set by its name above
	dry=${dry_run-}
	[[ -z $yes || -z $dry ]] || misused '--yes and --dry-run say the opposite of each other'
}

# fits OPTION VALUE PATTERN WHAT: refuses what is missing or cannot be.
fits() {
	[[ -n $2 ]] || misused "$1 is missing: $4"
	[[ $2 =~ ^($3)$ ]] || misused "$1 is \"$2\", which cannot be $4"
}

# fits_account NAMESPACE NAME: the same for a ServiceAccount.
fits_account() {
	fits --namespace "$1" '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?' 'a namespace of Kubernetes'
	fits --service-account "$2" '[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?' 'the name of a ServiceAccount'
}

# begin: whether the tool is there, and whether somebody can be asked.
begin() {
	command -v "${tool:?}" >/dev/null || fail "$tool is not installed; nothing can be looked at or made without it"
	[[ -n $yes || -n $dry || -t 0 ]] ||
		fail 'nobody can be asked, as this is no terminal: --yes does everything without questions, --dry-run only shows it'
	answer=$(mktemp) || fail 'no temporary file can be made'
	trap 'rm -f "$answer" "$answer.err"' EXIT
}

# show COMMAND...: prints it as one could type it.
show() {
	local word text=+
	for word; do
		case $word in
		*[!A-Za-z0-9_./:=@,%+-]* | '') text="$text '$(printf %s "$word" | sed "s/'/'\\\\''/g")'" ;;
		*) text="$text $word" ;;
		esac
	done
	printf '%s\n' "$text" >&2
}

# in_vain: ends the script with what the tool said.
in_vain() {
	sed 's/^/  /' "$answer.err" >&2
	fail "the last command failed, and $tool says above why; nothing more is done. A run after that begins where this one ended"
}

# look PATTERN COMMAND...: runs what changes nothing; `said` is then what it printed. Returns 1 if it fails with an error
# like PATTERN, which means that the thing is not there. Any other error ends the script.
look() {
	local missing=$1
	shift
	said=
	show "$@"
	if "$@" >"$answer" 2>"$answer.err" </dev/null; then
		said=$(cat "$answer")
		return 0
	fi
	if [[ -n $missing ]] && grep -Eq "$missing" "$answer.err"; then return 1; fi
	in_vain
}

# said_word WORD: whether it is among the words of what was printed.
said_word() {
	local word
	# shellcheck disable=SC2086 # one by one
	for word in $said; do
		if [[ $word == "$1" ]]; then return 0; fi
	done
	return 1
}

# change COMMAND...: runs what changes something, if it may.
change() {
	show "$@"
	changed=$((changed + 1))
	if [[ -n $dry ]]; then return 0; fi
	if [[ -z $yes ]]; then
		local reply=
		read -r -p 'Run it? [y/N] ' reply || true
		[[ $reply == [yY]* ]] || fail 'stopped, as you said; a later run begins here'
	fi
	"$@" >"$answer" 2>"$answer.err" </dev/null || in_vain
}

# finish: says what came of it.
finish() {
	if ((changed == 0)); then
		say 'everything was there already; nothing was changed'
	elif [[ -n $dry ]]; then
		say "a dry run: $changed of the commands above would change something, and were not run"
	else
		say "done; $changed of the commands above changed something"
	fi
}

# annotate ANNOTATION...: prints how the ServiceAccount gets them.
annotate() {
	# JASM's own account is made by its manifests, which would take it away again.
	if [[ ${namespace:?} == jasm-system && ${service_account:?} == jasm ]]; then
		say "JASM's own ServiceAccount gets its annotations in your overlay of config/overlays:"
		printf '%s\n' "$@"
	else
		say 'the ServiceAccount has to say so as well:'
		printf 'kubectl annotate serviceaccount %s --namespace %s --overwrite' "$service_account" "$namespace"
		printf ' %s' "$@"
		printf '\n'
	fi
}
