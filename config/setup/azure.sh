#!/usr/bin/env bash
# Lets a ServiceAccount of Kubernetes read as a managed identity of Azure (workload identity).
set -euo pipefail
me=azure.sh tool=az
# shellcheck source=config/setup/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
	cat <<-'END'
		Lets a ServiceAccount of Kubernetes read as a managed identity of Azure: makes the identity, its federated credential
		for the ServiceAccount, and its right to read. What is there is left as it is.

		  azure.sh --resource-group NAME --cluster NAME --namespace NAMESPACE --service-account NAME --identity NAME
		           [--vault NAME]... [--configuration NAME]...

		  --resource-group NAME   of the cluster and of the identity
		  --cluster NAME          the AKS cluster
		  --issuer URL            instead of it, for a cluster elsewhere: the issuer of its ServiceAccounts' tokens, whose keys
		                          Entra ID has to reach
		  --namespace NAMESPACE   of the ServiceAccount: a workload's own, or jasm-system for JASM itself
		  --service-account NAME  its name: jasm for JASM itself
		  --identity NAME         the managed identity that it may be
		  --vault NAME            a key vault whose secrets it may read; as often as you like
		  --configuration NAME    an App Configuration store that it may read; as often as you like
		  --yes                   run every command without asking
		  --dry-run               change nothing; only show what would be
	END
}

# What az tells.
subscription='' tenant='' scope='' rbac='' credential='' audiences=''
resource_group='' cluster='' issuer='' namespace='' service_account='' identity='' vault='' configuration=''
parse 'resource-group cluster issuer namespace service-account identity' 'vault configuration' '' "$@"
fits --resource-group "$resource_group" '[A-Za-z0-9_.()-]{1,89}[A-Za-z0-9_()-]' 'the name of a resource group'
if [[ -n $issuer ]]; then
	[[ -z $cluster ]] || misused '--issuer is instead of --cluster'
	fits --issuer "$issuer" 'https://[A-Za-z0-9.-]+(/[A-Za-z0-9._~/-]*)?' 'the URL of an issuer, which begins with https://'
else
	fits --cluster "$cluster" '[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?' 'the name of an AKS cluster'
fi
fits_account "$namespace" "$service_account"
fits --identity "$identity" '[A-Za-z0-9][A-Za-z0-9_-]{2,127}' 'the name of a managed identity: 3 to 128 letters, digits, - and _'
while IFS= read -r name; do
	[[ -z $name ]] || fits --vault "$name" '[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]' 'the name of a key vault'
done <<<"$vault"
while IFS= read -r name; do
	[[ -z $name ]] || fits --configuration "$name" '[A-Za-z0-9][A-Za-z0-9-]{3,48}[A-Za-z0-9]' 'the name of an App Configuration store'
done <<<"$configuration"
begin

# two VARIABLE VARIABLE: takes the two values that az has printed, which are words of one line or two lines.
two() {
	local __text
	__text=$(tr '\t' '\n' <<<"$said")
	{ read -r "$1" && read -r "$2"; } <<<"$__text"
}

missing='ResourceNotFound|ResourceGroupNotFound|was not found|could not be found|not found'
look 'az login|AADSTS|No subscription' az account show --query '[name,tenantId]' --output tsv ||
	fail 'az is not logged in: run "az login"'
two subscription tenant || fail 'az tells no subscription and tenant: run "az login"'
say "this is the subscription $subscription"

if [[ -z $issuer ]]; then
	look "$missing" az aks show --name "$cluster" --resource-group "$resource_group" --query oidcIssuerProfile.issuerUrl --output tsv ||
		fail "there is no AKS cluster $cluster in the resource group $resource_group; for a cluster elsewhere there is --issuer"
	issuer=$said
	[[ $issuer == https://* ]] || fail "the cluster $cluster has no issuer that Entra ID could ask: az aks update \
--name $cluster --resource-group $resource_group --enable-oidc-issuer --enable-workload-identity"
fi

# who: sets client and principal, if the identity is there.
who() {
	look "$missing" az identity show --name "$identity" --resource-group "$resource_group" --query '[clientId,principalId]' --output tsv ||
		return 1
	two client principal || fail "the managed identity $identity tells no client and principal"
}
# What a dry run shows instead of what only the making tells.
client=CLIENT principal=PRINCIPAL
who || {
	change az identity create --name "$identity" --resource-group "$resource_group" --output none
	[[ -n $dry ]] || who || fail "the managed identity $identity was made and is not there yet; a run in a minute goes on"
}

subject=system:serviceaccount:$namespace:$service_account
audience=api://AzureADTokenExchange
look "${dry:+$missing}" az identity federated-credential list --identity-name "$identity" --resource-group "$resource_group" \
	--query "[?issuer=='$issuer' && subject=='$subject'].[name,join(' ',audiences)]" --output tsv || said=
if [[ -z $said ]]; then
	# Of its own for each cluster and ServiceAccount: one of the same name would be replaced.
	sum=$(printf '%s %s' "$issuer" "$subject" | cksum)
	credential=$(printf 'jasm-%s-%s' "$namespace" "$service_account" | tr . _ | cut -c1-100)-${sum%% *}
	change az identity federated-credential create --name "$credential" --identity-name "$identity" \
		--resource-group "$resource_group" --issuer "$issuer" --subject "$subject" --audiences "$audience" --output none
else
	# Another beside it cannot be made: an identity has one credential for an issuer and a subject.
	two credential audiences || fail "the federated credential of the managed identity $identity for $subject tells no audience"
	[[ " $audiences " == *" $audience "* ]] || fail "the federated credential $credential of the managed identity $identity is for \
the audience $audiences and has to be for $audience: az identity federated-credential update --name $credential \
--identity-name $identity --resource-group $resource_group --issuer $issuer --subject $subject --audiences $audience"
fi

# may ROLE SCOPE: gives the identity a role, and no more.
may() {
	look '' az role assignment list --role "$1" --scope "$2" --query "[?principalId=='$principal'].id" --output tsv
	[[ -n $said ]] ||
		change az role assignment create --role "$1" --scope "$2" --assignee-object-id "$principal" \
			--assignee-principal-type ServicePrincipal --output none
}
while IFS= read -r name; do
	if [[ -z $name ]]; then continue; fi
	look "$missing" az keyvault show --name "$name" --query '[id,properties.enableRbacAuthorization]' --output tsv ||
		fail "there is no key vault $name in this subscription"
	two scope rbac || fail "the key vault $name tells no id"
	[[ $rbac == [Tt]rue ]] || fail "the key vault $name has access policies instead of roles: az keyvault update --name $name \
--enable-rbac-authorization true, after you gave roles to those who have policies now"
	may 'Key Vault Secrets User' "$scope"
done <<<"$vault"
while IFS= read -r name; do
	if [[ -z $name ]]; then continue; fi
	look "$missing" az appconfig show --name "$name" --query id --output tsv ||
		fail "there is no App Configuration store $name in this subscription"
	may 'App Configuration Data Reader' "$said"
done <<<"$configuration"
[[ -n $vault$configuration ]] || say 'what it may read is not looked at; --vault and --configuration give it that'
finish
annotate "azure.workload.identity/client-id=$client" "azure.workload.identity/tenant-id=$tenant"
