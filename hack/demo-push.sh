#!/usr/bin/env bash
# A show of about a minute: a team commits an encrypted application.secrets.env and an application.properties,
# pushes, and a pod gets both, by way of the cloud's stores. JASM carries them to Secrets Manager and Parameter
# Store, which moto plays, and from there to the pod's Secret and ConfigMap. Then a second commit changes one
# value. The repository, Git, SOPS, age and the cluster are real. Flux is not here: its CRD is, and what its
# source-controller does, packing a commit and saying so in the status of a GitRepository, this script does.
# Needs Rust, Go, Git and Python, no Docker and no cloud.
# JASM_BINARY=FILE shows a JASM that is built already.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
me=demo-push
work=$root/.demo-push
# shellcheck source=hack/lib.sh
source "$root/hack/lib.sh"
# shellcheck source=hack/show.sh
source "$root/hack/show.sh"
# shellcheck source=hack/servers.sh
source "$root/hack/servers.sh"

artifacts_pid='' artifacts=''

stop_own() {
	local pid
	for pid in $artifacts_pid $moto_pid; do end "$pid" 10; done
	artifacts_pid='' moto_pid=''
}

# needs: says at once everything that is not here.
needs() {
	local program missing=()
	for program in cargo git go python3; do command -v "$program" >/dev/null || missing+=("$program"); done
	if ((${#missing[@]})); then
		fail "not installed: ${missing[*]}; cargo builds JASM (https://rustup.rs), go the cluster and SOPS (https://go.dev), Python 3.11 runs moto and the AWS CLI"
	fi
}

# tools: moto, the AWS CLI, SOPS and age, and Flux's CRDs, each of a pinned version.
tools() {
	local folder
	fg "$root/tests/tools/moto.sh" >"$work/moto-program" || fail 'moto, which plays AWS, cannot be had'
	fg "$root/tests/tools/awscli.sh" >"$work/aws-program" || fail 'the AWS CLI cannot be had'
	fg "$root/tests/tools/sops.sh" >"$work/sops-programs" || fail 'SOPS cannot be had'
	fg "$root/tests/tools/crds.sh" >"$work/crds-folder" || fail "Flux's CRDs cannot be had"
	mkdir "$work/bin"
	ln -s "$(sed -n 's/^sops=//p' "$work/sops-programs")" "$work/bin/sops"
	ln -s "$(sed -n 's/^age-keygen=//p' "$work/sops-programs")" "$work/bin/age-keygen"
	ln -s "$(<"$work/aws-program")" "$work/bin/aws"
	folder=$(<"$work/crds-folder")
	flux_crd=$folder/source.toolkit.fluxcd.io_gitrepositories.yaml
	PATH=$work/bin:$PATH
}

# Nothing of whoever shows this: no settings of Git, no keys of SOPS, no account of a cloud.
strangers() {
	local name
	for name in ${!AWS_*} ${!AZURE_*} ${!GOOGLE_*} ${!GIT_*} ${!SOPS_*} ${!VAULT_*} ${!BAO_*}; do unset "$name"; done
	export AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo AWS_EC2_METADATA_DISABLED=true AWS_PAGER='' \
		AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_DEFAULT_REGION=eu-west-1
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0
	local author='the demo' mail=demo@example.invalid
	export GIT_AUTHOR_NAME=$author GIT_AUTHOR_EMAIL=$mail GIT_COMMITTER_NAME=$author GIT_COMMITTER_EMAIL=$mail
}

start_artifacts() {
	local port
	port=$(ports)
	artifacts=http://127.0.0.1:$port
	mkdir "$work/artifacts"
	python3 -m http.server "$port" --bind 127.0.0.1 --directory "$work/artifacts" >"$work/logs/artifacts.log" 2>&1 </dev/null 7>&- 8>&- &
	artifacts_pid=$!
}
start_servers() {
	start_moto
	start_artifacts
	within 60 'moto' answers "$moto/moto-api/"
	within 20 'the server of archives' answers "$artifacts/"
	AWS_ENDPOINT_URL=$moto
	export AWS_ENDPOINT_URL
	# It reads the code of a service with the first call of it, which takes seconds.
	{
		secrets
		parameters
	} >>"$work/logs/setup"
}

repository() {
	git init --quiet --bare --initial-branch=main "$work/shop.git"
	git init --quiet --initial-branch=main "$work/shop"
	git -C "$work/shop" remote add origin ../shop.git
	mkdir -p "$work/shop/$files"
	cat >"$work/shop/$files/application.properties" <<-'END'
		# What everybody may know.
		server.port=8080
		shop.currency=EUR
		shop.vat=1.190
	END
	first=$(password) second=$(password)
	printf 'DB_USERNAME=shop\nDB_PASSWORD=%s\n' "$first" >"$work/shop/$files/application.secrets.env"
}

# announce: what source-controller does with a new commit: an archive of its files, and the status that tells where.
announce() {
	local commit archive now
	commit=$(git -C "$work/shop.git" rev-parse main)
	archive=$work/artifacts/$commit.tar.gz
	git -C "$work/shop.git" archive --format=tar.gz --output="$archive" main
	now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
	kubectl patch gitrepository shop --namespace shop --subresource status --type merge --patch "{\"status\": {
		\"observedGeneration\": 1,
		\"conditions\": [{\"type\": \"Ready\", \"status\": \"True\", \"reason\": \"Succeeded\", \"message\": \"stored artifact for revision main@sha1:$commit\",
			\"lastTransitionTime\": \"$now\", \"observedGeneration\": 1}],
		\"artifact\": {\"url\": \"$artifacts/$commit.tar.gz\", \"path\": \"$commit.tar.gz\", \"revision\": \"main@sha1:$commit\",
			\"digest\": \"sha256:$(sha256sum "$archive" | cut -d ' ' -f 1)\", \"size\": $(stat -c %s "$archive"), \"lastUpdateTime\": \"$now\"}}}"
}

manifests() {
	cat >"$work/jasm.yaml" <<-END
		listen: 127.0.0.1:0
		logFormat: text
		stores:
		  - name: aws-secretsmanager
		    kind: aws-secretsmanager
		    region: eu-west-1
		    identity: controller
		    endpoint: $moto
		    allow:
		      - {namespaces: [shop], paths: ["shop-*"]}
		    allowWrite:
		      - {namespaces: [shop], paths: ["shop-*"], identities: [controller]}
		  - name: aws-parameterstore
		    kind: aws-parameterstore
		    region: eu-west-1
		    identity: controller
		    endpoint: $moto
		    allow:
		      - {namespaces: [shop], paths: ["/shop/**"]}
		    allowWrite:
		      - {namespaces: [shop], paths: ["/shop/**"], identities: [controller]}
	END
	cat >"$work/smc.yaml" <<-'END'
		apiVersion: source.toolkit.fluxcd.io/v1
		kind: GitRepository
		metadata: {name: shop, namespace: shop}
		spec: {url: "https://git.example.invalid/shop.git", interval: 1m, ref: {branch: main}}
		---
		apiVersion: secret-manager.microscaler.io/v1alpha1
		kind: SecretManagerConfig
		metadata: {name: shop, namespace: shop}
		spec:
		  sourceRef: {kind: GitRepository, name: shop}
		  provider: {type: aws, aws: {region: eu-west-1}}
		  secrets: {environment: prod}
		  configs: {enabled: true}
		  decryption: {secretRef: {name: sops-age}}
	END
	cat >"$work/web.yaml" <<-'END'
		apiVersion: apps/v1
		kind: Deployment
		metadata: {name: web, namespace: shop}
		spec:
		  selector: {matchLabels: {app: web}}
		  template:
		    metadata:
		      labels: {app: web}
		      annotations:
		        jasm.codnod.io/secret.shop-db: |
		          aws:shop-DB_USERNAME -> DB_USERNAME
		          aws:shop-DB_PASSWORD -> DB_PASSWORD
		        jasm.codnod.io/config-sync: |
		          provider: aws-parameterstore
		          path: /shop/prod/**
		          configMapName: shop-config
		          file: application.properties
		    spec:
		      terminationGracePeriodSeconds: 1
		      containers:
		        - name: web
		          image: example.invalid/web:1
		          envFrom: [{secretRef: {name: shop-db}}]
		          volumeMounts: [{name: config, mountPath: /etc/shop}]
		      volumes: [{name: config, configMap: {name: shop-config}}]
	END
}

# Flux's definition goes in as Flux brings it: it is too large for the annotation of a plain apply.
definitions() {
	kubectl apply --server-side -f "$flux_crd"
	kubectl apply --server-side -k config/crd
	kubectl wait --for condition=Established --timeout 30s crd/gitrepositories.source.toolkit.fluxcd.io \
		crd/secretmanagerconfigs.secret-manager.microscaler.io
}

started() { grep -qs ' started address=' "$work/logs/jasm.log"; }
applied_revision() { kubectl get smc shop --namespace shop -o 'jsonpath={.status.lastAppliedRevision}'; }
carried() { [[ $(applied_revision) == "main@sha1:$(git -C "$work/shop.git" rev-parse main)" ]]; }
pod_runs() { [[ $(kubectl get pods --namespace shop --selector app=web -o 'jsonpath={.items[*].status.phase}') == Running ]]; }
# holds PASSWORD: the pod's Secret holds what was committed.
holds() { [[ $(kubectl get secret shop-db --namespace shop -o 'jsonpath={.data.DB_PASSWORD}' 2>/dev/null | base64 -d) == "$1" ]]; }
keys() { kubectl describe secret "$1" --namespace shop | sed -n '/^Data/,$p'; }

# Names, versions, descriptions: no value is asked for.
secrets() { aws secretsmanager list-secrets --query 'sort_by(SecretList, &Name)[].[Name, Description]' --output text; }
parameters() { aws ssm describe-parameters --query 'sort_by(Parameters, &Name)[].[Name, Version, Description]' --output text; }
versions() {
	aws secretsmanager list-secret-version-ids --secret-id "$1" --query 'Versions[].[VersionId, VersionStages[0]]' --output text
}
tags() { aws secretsmanager describe-secret --secret-id "$1" --query '{Description: Description, Tags: Tags}' --output json; }

needs
begin
tools
build dev
cd "$root"
strangers
files=shop/deployment-configuration/profiles/prod
step 'the cluster runs (the real etcd, API server, controllers, scheduler and kubelet; its containers are pretended)' start_cluster
step 'moto runs, and a server of archives' start_servers
manifests
repository

heading 'JASM gets an account, these rights and the definition of its object; Flux brought its own'
{
	kubectl create namespace jasm-system
	definitions
	kubectl create namespace shop
} >>"$work/logs/setup" 2>&1
show kubectl apply -k config/rbac/default
show kubectl apply -k config/rbac/push
account
show grep -vE 'listen|logFormat' .demo-push/jasm.yaml
prompt 'KUBECONFIG=.demo-push/jasm.kubeconfig jasm run --config .demo-push/jasm.yaml &'
KUBECONFIG=.demo-push/jasm.kubeconfig HOME=$work "$jasm" run --config .demo-push/jasm.yaml >"$work/logs/jasm.log" 2>&1 7>&- 8>&- &
jasm_pid=$!
within 30 'the start of JASM' started

heading 'The team has a key, whose secret half is in the cluster only, and a repository with two files'
show age-keygen -o .demo-push/shop.agekey
show kubectl create secret generic sops-age --namespace shop --from-file .demo-push/shop.agekey
recipient=$(age-keygen -y "$work/shop.agekey")
show cat ".demo-push/shop/$files/application.properties"
show sops encrypt --age "$recipient" --in-place ".demo-push/shop/$files/application.secrets.env"
typed="cut -c 1-60 .demo-push/shop/$files/application.secrets.env" show cut -c 1-60 ".demo-push/shop/$files/application.secrets.env"

heading 'Committed and pushed'
show git -C .demo-push/shop add .
show git -C .demo-push/shop commit --quiet --message 'The shop in production'
show git -C .demo-push/shop push --quiet origin main
show git -C .demo-push/shop log --oneline --stat

heading 'The object says which source, which cloud, which environment'
show cat .demo-push/smc.yaml
show kubectl apply -f .demo-push/smc.yaml
note 'Flux does not run here: its definition of a GitRepository is, and the line below packs the commit and writes the status' \
	'that source-controller would write'
begun=$(now)
typed='source-controller: kubectl patch gitrepository shop --subresource status …' show announce
within 60 'the object to be carried' carried
took=$(since "$begun")
typed='kubectl get smc -n shop' show kubectl get smc --namespace shop
note "$took after the status said that there is a commit, every key of it was an entry of its own"

heading 'What the stores hold now, and of which commit and file it is'
typed='aws secretsmanager list-secrets' show secrets
typed='aws ssm describe-parameters' show parameters
typed='aws secretsmanager describe-secret --secret-id shop-DB_PASSWORD' show tags shop-DB_PASSWORD
note 'the owner is the object, and what has another owner, or none, is never written; a fingerprint, in the id of the' \
	'version or the description, tells whether a value changed without reading it, and nothing to whoever has not the key'

heading 'A Deployment asks for both, as ever'
show grep -A 9 annotations: .demo-push/web.yaml
begun=$(now)
show kubectl apply -f .demo-push/web.yaml
within 90 'the pod to run' pod_runs
note "the pod ran $(since "$begun") after that"
typed="kubectl describe secret shop-db -n shop | sed -n '/^Data/,\$p'" show keys shop-db
show kubectl get configmap shop-config --namespace shop -o 'jsonpath={.data.application\.properties}'
holds "$first" || dump 'the Secret does not hold what was committed'
note 'the Secret holds what was committed; from here on nothing but a commit is needed'

heading 'A second commit changes one value'
show_set() { printf '"%s"' "$second" | sops set --value-stdin ".demo-push/shop/$files/application.secrets.env" '["DB_PASSWORD"]'; }
export SOPS_AGE_KEY_FILE=$work/shop.agekey
typed="sops set --value-stdin .demo-push/shop/$files/application.secrets.env '[\"DB_PASSWORD\"]'" show show_set
show git -C .demo-push/shop commit --quiet --all --message 'Another password'
show git -C .demo-push/shop push --quiet origin main
begun=$(now)
typed='source-controller: kubectl patch gitrepository shop --subresource status …' show announce
within 60 'the second commit to be carried' carried
took=$(since "$begun")
typed='kubectl get smc -n shop' show kubectl get smc --namespace shop
show kubectl get smc shop --namespace shop -o 'jsonpath={.status.conditions[0].message}{"\n"}{.status.entries}{"\n"}'
note "$took, one entry written, one version more; no other entry was touched, or read"
typed='aws secretsmanager list-secret-version-ids --secret-id shop-DB_PASSWORD' show versions shop-DB_PASSWORD
typed='aws secretsmanager list-secrets' show secrets
show kubectl get events --namespace shop --field-selector involvedObject.kind=SecretManagerConfig -o custom-columns='TYPE:.type,REASON:.reason,MESSAGE:.message'

heading 'The next pods get it'
note 'one read of the stores serves every pod that starts within 5 s of it; these start later'
sleep 5
begun=$(now)
pace=0 show kubectl rollout restart deployment/web --namespace shop
within 60 'the Secret to hold the second value' holds "$second"
note "the Secret held the value of the second commit $(since "$begun") after that"

heading 'The end'
stop_all
note 'all is stopped and .demo-push removed; what stays is what the builds left in target, in the caches of cargo and Go,' \
	"and in ${jasm_cache/#$HOME/\~}"
