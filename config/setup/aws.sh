#!/usr/bin/env bash
# Lets a ServiceAccount of Kubernetes read as an IAM role (IRSA).
set -euo pipefail
me=aws.sh tool=aws
# shellcheck source=config/setup/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
	cat <<-'END'
		Lets a ServiceAccount of Kubernetes read as an IAM role (IRSA): makes the IAM OIDC provider of the cluster, the
		role and its trust policy, and gives the role an inline policy "jasm". What is there is left as it is.

		  aws.sh --cluster NAME --region REGION --namespace NAMESPACE --service-account NAME --role NAME [--policy FILE]

		  --cluster NAME          the EKS cluster
		  --region REGION         its region; for a cluster elsewhere that of the stores
		  --issuer URL            instead of --cluster, for one elsewhere: the issuer of its ServiceAccounts' tokens, whose keys
		                          AWS has to reach
		  --namespace NAMESPACE   of the ServiceAccount: a workload's own, or jasm-system for JASM itself
		  --service-account NAME  its name: jasm for JASM itself
		  --role NAME             the role that it may take
		  --policy FILE           what the role may read, as "jasm policy iam" prints it
		  --audience NAME         of the tokens, if not sts.amazonaws.com
		  --yes                   run every command without asking
		  --dry-run               change nothing; only show what would be
	END
}

cluster='' region='' issuer='' namespace='' service_account='' role='' policy='' audience=''
parse 'cluster region issuer namespace service-account role policy audience' '' '' "$@"
audience=${audience:-sts.amazonaws.com}
if [[ -n $issuer ]]; then
	[[ -z $cluster ]] || misused '--issuer is instead of --cluster'
	fits --issuer "$issuer" 'https://[A-Za-z0-9.-]+(/[A-Za-z0-9._~/-]*)?' 'the URL of an issuer, which begins with https://'
else
	fits --cluster "$cluster" '[A-Za-z0-9][A-Za-z0-9_-]{0,99}' 'the name of an EKS cluster'
fi
fits --region "$region" '[a-z]{2}(-[a-z]+)+-[0-9]' 'a region, such as eu-west-1'
fits_account "$namespace" "$service_account"
fits --role "$role" '[A-Za-z0-9_+=,.@-]{1,64}' 'the name of a role'
fits --audience "$audience" '[A-Za-z0-9._:/-]{1,255}' 'an audience'
if [[ -n $policy ]]; then
	[[ -r $policy && -f $policy ]] || misused "--policy is \"$policy\", a file that cannot be read"
	[[ $(tr -d '[:space:]' <"$policy") == '{'*'"Statement":'*'}' ]] ||
		misused "--policy is \"$policy\", which is no policy of IAM; jasm policy iam prints one"
fi
begin

look 'credentials|ExpiredToken|InvalidClientTokenId|[Ss]ession has expired|[Ll]ogin' \
	aws --region "$region" sts get-caller-identity --query '[Account,Arn]' --output text ||
	fail 'aws is not logged in: run "aws sso login", or set AWS_PROFILE to a profile that has credentials'
read -r account who <<<"$said"
partition=${who#arn:}
partition=${partition%%:*}
say "this is the account $account, as $who"

if [[ -z $issuer ]]; then
	look ResourceNotFoundException \
		aws --region "$region" eks describe-cluster --name "$cluster" --query cluster.identity.oidc.issuer --output text ||
		fail "there is no EKS cluster $cluster in $region in this account; for a cluster elsewhere there is --issuer"
	issuer=$said
	[[ $issuer == https://* ]] || fail "the EKS cluster $cluster says no issuer"
fi
issuer=${issuer%/}
host=${issuer#https://}
provider=arn:$partition:iam::$account:oidc-provider/$host
subject=system:serviceaccount:$namespace:$service_account

if look NoSuchEntity \
	aws --region "$region" iam get-open-id-connect-provider --open-id-connect-provider-arn "$provider" --query ClientIDList --output text; then
	said_word "$audience" ||
		change aws --region "$region" iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn "$provider" --client-id "$audience"
else
	change aws --region "$region" iam create-open-id-connect-provider --url "$issuer" --client-id-list "$audience"
fi

statement='{"Effect":"Allow","Principal":{"Federated":"'$provider'"},"Action":"sts:AssumeRoleWithWebIdentity",'
statement=$statement'"Condition":{"StringEquals":{"'$host:sub'":"'$subject'","'$host:aud'":"'$audience'"}}}'
if look NoSuchEntity aws --region "$region" iam get-role --role-name "$role" --query Role.Arn --output text; then
	arn=$said
	# What others have put there is theirs: a statement is not added, but told.
	look '' aws --region "$region" iam get-role --role-name "$role" --output text --query \
		"Role.AssumeRolePolicyDocument.Statement[?Effect=='Allow' && Principal.Federated=='$provider'].Condition.StringEquals.\"$host:sub\"[]"
	said_word "$subject" || {
		printf '%s\n' "$statement" >&2
		fail "the role $role is there and does not trust $subject: add the statement above to its trust policy, or name another role"
	}
else
	arn=arn:$partition:iam::$account:role/$role
	change aws --region "$region" iam create-role --role-name "$role" --description "For the ServiceAccount $namespace/$service_account" \
		--assume-role-policy-document '{"Version":"2012-10-17","Statement":['"$statement"']}'
fi

if [[ -n $policy ]]; then
	there=
	if look NoSuchEntity aws --region "$region" iam get-role-policy --role-name "$role" --policy-name jasm --query PolicyDocument --output json; then
		there=$(tr -d '[:space:]' <<<"$said")
	fi
	[[ $there == "$(tr -d '[:space:]' <"$policy")" ]] ||
		change aws --region "$region" iam put-role-policy --role-name "$role" --policy-name jasm --policy-document "file://$policy"
else
	say "what the role may read is not looked at; --policy gives it what \"jasm policy iam\" prints"
fi
finish
if [[ $audience == sts.amazonaws.com ]]; then
	annotate "eks.amazonaws.com/role-arn=$arn"
else
	say "the policy of config/components/workload-identity has to list $audience"
	annotate "eks.amazonaws.com/role-arn=$arn" "eks.amazonaws.com/audience=$audience"
fi
