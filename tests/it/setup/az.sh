# shellcheck shell=bash disable=SC2154 # $calls and $state are set by the test
# Stands in for az: notes each call in $calls, and remembers below $state what was made.
printf '%s\n' "$*" >>"$calls"
absent() {
	echo "ERROR: (ResourceNotFound) The Resource '$1' under resource group 'shop' was not found." >&2
	exit 3
}
option() {
	local name=$1
	shift
	while (($#)); do
		if [[ $1 == "$name" ]]; then printf '%s' "$2" && return; fi
		shift
	done
}
if [[ -e $state/refuse && $* == $(<"$state/refuse")* ]]; then
	echo "ERROR: (AuthorizationFailed) The client does not have authorization to perform action" >&2
	exit 1
fi
name=$(option --name "$@")
case "$*" in
'account show '*)
	if [[ -e $state/signed-out ]]; then
		echo "ERROR: Please run 'az login' to setup account." >&2
		exit 1
	fi
	printf 'Pay as you go\n11111111-1111-1111-1111-111111111111\n'
	;;
'aks show '*)
	[[ $name == main ]] || absent "$name"
	if [[ ! -e $state/no-issuer ]]; then echo https://westeurope.oic.prod-aks.azure.com/tenant/id/; fi
	;;
'identity show '*)
	[[ -e $state/identity-$name ]] || absent "$name"
	printf '22222222-2222-2222-2222-222222222222\n33333333-3333-3333-3333-333333333333\n'
	;;
'identity create '*) echo >"$state/identity-$name" ;;
'identity federated-credential list '*)
	identity=$(option --identity-name "$@")
	[[ -e $state/identity-$identity ]] || absent "$identity"
	query=$(option --query "$@")
	while IFS=$'\t' read -r issuer subject there audiences; do
		[[ $query == *"'$issuer'"*"'$subject'"* ]] || continue
		case $query in
		*"].[name,join(' ',audiences)]") printf '%s\t%s\n' "$there" "$audiences" ;;
		*) echo "$there" ;;
		esac
	done < <(cat "$state/credentials-$identity" 2>/dev/null)
	;;
'identity federated-credential create '*)
	printf '%s\t%s\t%s\t%s\n' "$(option --issuer "$@")" "$(option --subject "$@")" "$name" "$(option --audiences "$@")" \
		>>"$state/credentials-$(option --identity-name "$@")"
	;;
'keyvault show '*)
	[[ $name == shop-vault ]] || absent "$name"
	printf '/vaults/%s\n%s\n' "$name" "$(cat "$state/rbac" 2>/dev/null || echo true)"
	;;
'appconfig show '*)
	[[ $name == shop-config ]] || absent "$name"
	echo "/configurationStores/$name"
	;;
'role assignment list '*)
	query=$(option --query "$@")
	while IFS=$'\t' read -r role scope principal; do
		if [[ "$role $scope" == "$(option --role "$@") $(option --scope "$@")" && $query == *"'$principal'"* ]]; then echo /assignment; fi
	done < <(cat "$state/assignments" 2>/dev/null)
	;;
'role assignment create '*)
	printf '%s\t%s\t%s\n' "$(option --role "$@")" "$(option --scope "$@")" "$(option --assignee-object-id "$@")" >>"$state/assignments"
	;;
*)
	echo "ERROR: '$*' is misspelled or not recognized by the system." >&2
	exit 2
	;;
esac
