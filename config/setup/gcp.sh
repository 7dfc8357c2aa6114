#!/usr/bin/env bash
# Lets a ServiceAccount of Kubernetes on GKE read as itself, or as a Google service account (workload identity).
set -euo pipefail
me=gcp.sh tool=gcloud
# shellcheck source=config/setup/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
	cat <<-'END'
		Lets a ServiceAccount of Kubernetes on GKE read secrets and parameters of Google Cloud: as its own principal in the
		workload identity pool of the cluster's project, or as a Google service account. What is there is left as it is.

		  gcp.sh --project ID --cluster NAME --cluster-location PLACE --namespace NAMESPACE --service-account NAME
		         [--google-service-account NAME] [--secret NAME]... [--location PLACE] [--parameters]

		  --project ID                   where secrets and parameters are
		  --cluster NAME                 the GKE cluster
		  --cluster-location PLACE       its region or zone
		  --cluster-project ID           its project, if it is another one
		  --namespace NAMESPACE          of the ServiceAccount: a workload's own, or jasm-system for JASM itself
		  --service-account NAME         its name: jasm for JASM itself
		  --google-service-account NAME  read as this account of the project, made if it is not there; only its name, without
		                                 @PROJECT.iam.gserviceaccount.com
		  --secret NAME                  a secret that it may read; as often as you like
		  --location PLACE               where those secrets are, if they are regional
		  --parameters                   it may read and render every parameter of the project
		  --yes                          run every command without asking
		  --dry-run                      change nothing; only show what would be
	END
}

project='' cluster='' cluster_location='' cluster_project='' namespace='' service_account='' google_service_account=''
secret='' location='' parameters=''
parse 'project cluster cluster-location cluster-project namespace service-account google-service-account location' \
	secret parameters "$@"
cluster_project=${cluster_project:-$project}
for pair in "--project=$project" "--cluster-project=$cluster_project"; do
	fits "${pair%%=*}" "${pair#*=}" '([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]' 'the id of a project'
done
fits --cluster "$cluster" '[a-z]([-a-z0-9]{0,38}[a-z0-9])?' 'the name of a GKE cluster'
fits --cluster-location "$cluster_location" '[a-z]+-[a-z]+[0-9]+(-[a-z])?' 'a region or zone, such as europe-west1'
fits_account "$namespace" "$service_account"
[[ -z $google_service_account ]] ||
	fits --google-service-account "$google_service_account" '[a-z][-a-z0-9]{4,28}[a-z0-9]' \
		'the name of a Google service account: 6 to 30 letters, digits and hyphens, without what follows the @'
[[ -z $location ]] || fits --location "$location" '[a-z]+-[a-z]+[0-9]+' 'a region, such as europe-west1'
while IFS= read -r name; do
	[[ -z $name ]] || fits --secret "$name" '[A-Za-z0-9_-]{1,255}' 'the name of a secret'
done <<<"$secret"
begin

# bound ROLE MEMBER COMMAND...: whether the policy that the command prints gives the role to the member. In a dry run
# what the policy is of may not have been made.
bound() {
	local role=$1 member=$2
	shift 2
	look "${dry:+NOT_FOUND|not exist|not found}" \
		"$@" '--flatten=bindings[].members' "--filter=bindings.role=$role" '--format=value(bindings.members)' || return 1
	said_word "$member"
}

look '' gcloud auth list --filter=status:ACTIVE '--format=value(account)'
[[ -n $said ]] || fail 'gcloud is not logged in: run "gcloud auth login"'
say "this is $said"
look '' gcloud projects describe "$cluster_project" '--format=value(projectNumber)'
number=$said
[[ $number =~ ^[0-9]+$ ]] || fail "the project $cluster_project says no number"

look 'NOT_FOUND|not found|code=404' gcloud container clusters describe "$cluster" \
	--location "$cluster_location" --project "$cluster_project" '--format=value(workloadIdentityConfig.workloadPool)' ||
	fail "there is no GKE cluster $cluster in $cluster_location of $cluster_project"
pool=$said
[[ -n $pool ]] || fail "the cluster $cluster has no workload identity: gcloud container clusters update $cluster \
--location $cluster_location --project $cluster_project --workload-pool $cluster_project.svc.id.goog"

look '' gcloud services list --enabled --project "$project" '--format=value(config.name)'
wanted=()
for service in sts iamcredentials secretmanager ${parameters:+parametermanager}; do
	said_word "$service.googleapis.com" || wanted+=("$service.googleapis.com")
done
((${#wanted[@]} == 0)) || change gcloud services enable "${wanted[@]}" --project "$project"

if [[ -n $google_service_account ]]; then
	email=$google_service_account@$project.iam.gserviceaccount.com
	if [[ $project == *:* ]]; then email=$google_service_account@${project#*:}.${project%%:*}.iam.gserviceaccount.com; fi
	look 'NOT_FOUND|not found|does not exist' \
		gcloud iam service-accounts describe "$email" --project "$project" '--format=value(email)' ||
		change gcloud iam service-accounts create "$google_service_account" --project "$project" \
			--description "For the ServiceAccount $namespace/$service_account"
	user="serviceAccount:${pool}[$namespace/$service_account]"
	bound roles/iam.workloadIdentityUser "$user" gcloud iam service-accounts get-iam-policy "$email" --project "$project" ||
		change gcloud iam service-accounts add-iam-policy-binding "$email" --project "$project" \
			--role roles/iam.workloadIdentityUser --member "$user"
	member=serviceAccount:$email
else
	member=principal://iam.googleapis.com/projects/$number/locations/global/workloadIdentityPools/$pool
	member=$member/subject/ns/$namespace/sa/$service_account
fi

while IFS= read -r name; do
	if [[ -z $name ]]; then continue; fi
	look 'NOT_FOUND|not found' gcloud secrets describe "$name" --project "$project" ${location:+--location "$location"} '--format=value(name)' ||
		fail "there is no secret $name in the project $project${location:+, in $location}: make it first, as rights are given on it"
	bound roles/secretmanager.secretAccessor "$member" \
		gcloud secrets get-iam-policy "$name" --project "$project" ${location:+--location "$location"} ||
		change gcloud secrets add-iam-policy-binding "$name" --project "$project" ${location:+--location "$location"} \
			--role roles/secretmanager.secretAccessor --member "$member"
done <<<"$secret"
if [[ -n $parameters ]]; then
	# The first finds the newest version and reads what is not rendered; the second only renders.
	for role in roles/parametermanager.parameterViewer roles/parametermanager.parameterAccessor; do
		bound "$role" "$member" gcloud projects get-iam-policy "$project" ||
			change gcloud projects add-iam-policy-binding "$project" --condition None --role "$role" --member "$member"
	done
fi
[[ -n $secret$parameters ]] || say 'what it may read is not looked at; --secret and --parameters give it that'
finish
say "the policy of config/components/workload-identity has to list $pool"
if [[ -n $google_service_account ]]; then
	annotate "iam.gke.io/gcp-service-account=$email"
else
	say 'the ServiceAccount needs no annotation: it reads as its own principal'
fi
