# shellcheck shell=bash disable=SC2154 # $calls and $state are set by the test
# Stands in for gcloud: notes each call in $calls, and remembers below $state what was made.
printf '%s\n' "$*" >>"$calls"
absent() {
	echo "ERROR: (gcloud) NOT_FOUND: $1 not found" >&2
	exit 1
}
refused() {
	echo "ERROR: (gcloud) PERMISSION_DENIED: Permission denied on resource" >&2
	exit 1
}
# The value of an option in a call.
option() {
	local name=$1
	shift
	while (($#)); do
		if [[ $1 == "$name" ]]; then printf '%s' "$2" && return; fi
		if [[ $1 == "$name="* ]]; then printf '%s' "${1#*=}" && return; fi
		shift
	done
}
if [[ -e $state/refuse && $* == $(<"$state/refuse")* ]]; then refused; fi
# The rights on a thing: one file for each thing and role.
bindings() {
	local thing=${1//[^A-Za-z0-9]/-} role=$2
	printf '%s/bindings-%s-%s' "$state" "$thing" "${role//[^A-Za-z0-9]/-}"
}
call=$*
case $call in
'auth list '*) if [[ ! -e $state/signed-out ]]; then echo me@example.com; fi ;;
'projects describe '*) echo 4711 ;;
'container clusters describe '*)
	[[ $4 == main ]] || absent "$4"
	if [[ ! -e $state/no-pool ]]; then echo "$(option --project "$@").svc.id.goog"; fi
	;;
'services list '*) cat "$state/services" 2>/dev/null || true ;;
'services enable '*)
	shift 2
	while [[ $1 != --* ]]; do
		echo "$1" >>"$state/services"
		shift
	done
	;;
'iam service-accounts describe '*) [[ -e $state/account-$4 ]] || absent "$4" ;;
'iam service-accounts create '*) echo >"$state/account-$4@$(option --project "$@").iam.gserviceaccount.com" ;;
'secrets describe '*) [[ $3 == db || $3 == smtp ]] || absent "$3" ;;
*' get-iam-policy '*)
	thing=${call#* get-iam-policy }
	role=$(option --filter "$@")
	cat "$(bindings "${thing%% *}" "${role#*=}")" 2>/dev/null || true
	;;
*' add-iam-policy-binding '*)
	thing=${call#* add-iam-policy-binding }
	option --member "$@" >>"$(bindings "${thing%% *}" "$(option --role "$@")")"
	;;
*)
	echo "ERROR: (gcloud) Invalid choice: '$*'" >&2
	exit 2
	;;
esac
