#!/usr/bin/env bash
# A show of about a minute: one JASM, five namespaces, and in each a Deployment that reads its own cloud as
# its own ServiceAccount: AWS, Google Cloud, Key Vault, App Configuration, Vault. The clouds are those of the
# tests: moto behind a gate that checks who asks, our fakes of Google's and Azure's, and OpenBao. All of them
# check the tokens of the cluster's ServiceAccounts against its keys, and write down who read what.
# Needs Rust, Go and Python, no Docker and no cloud.
# JASM_BINARY=FILE JASM_FAKES=FILE show programs that are built already.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
me=demo-clouds
work=$root/.demo-clouds
# shellcheck source=hack/lib.sh
source "$root/hack/lib.sh"
# shellcheck source=hack/show.sh
source "$root/hack/show.sh"
# shellcheck source=hack/servers.sh
source "$root/hack/servers.sh"

role=arn:aws:iam::123456789012:role/shop-reader
tenant=11111111-1111-1111-1111-111111111111
keyvault_client=22222222-2222-2222-2222-222222222222
appconfig_client=33333333-3333-3333-3333-333333333333
fakes='' fakes_pid='' bao_pid='' bao=''

stop_own() {
	local pid
	exec 5<&- 6>&-
	for pid in $fakes_pid $moto_pid $bao_pid; do end "$pid" 10; done
	fakes_pid='' moto_pid='' bao_pid=''
}

# needs: says at once everything that is not here.
needs() {
	local program missing=()
	for program in cargo go python3; do command -v "$program" >/dev/null || missing+=("$program"); done
	if ((${#missing[@]})); then
		fail "not installed: ${missing[*]}; cargo builds JASM (https://rustup.rs), go the cluster (https://go.dev), Python 3.11 runs moto and OpenBao"
	fi
}

programs() {
	if [[ -n ${JASM_BINARY:-} && -n ${JASM_FAKES:-} ]]; then
		build dev
		fakes=$(realpath -e "$JASM_FAKES") || fail "JASM_FAKES is $JASM_FAKES, which is not there"
		return
	fi
	build_programs dev --package jasm --package jasm-fakes --bins
	jasm=$built/jasm fakes=$built/jasm-fakes
}

tools() {
	local started
	started=$(now)
	fg "$root/tests/tools/moto.sh" >"$work/moto-program" || fail 'moto, which plays AWS, cannot be had'
	fg "$root/tests/tools/openbao.sh" >"$work/bao-program" || fail 'OpenBao cannot be had'
	say "moto and OpenBao are installed: $(since "$started")"
}

start_bao() {
	local port
	port=$(ports)
	bao=http://127.0.0.1:$port
	mkdir -p "$work/bao"
	cat >"$work/bao/audit.hcl" <<-END
		audit "file" "records" {
		  options { file_path = "$work/seen/vault.log" }
		}
	END
	HOME=$work/bao "$(<"$work/bao-program")" server -dev -dev-root-token-id=demo -dev-no-store-token \
		-dev-listen-address="127.0.0.1:$port" -config="$work/bao/audit.hcl" >"$work/logs/openbao.log" 2>&1 </dev/null 5<&- 6>&- 7>&- 8>&- &
	bao_pid=$!
}

start_fakes() {
	mkfifo "$work/orders" "$work/answers"
	"$fakes" --ca "$work/clouds.pem" --plain --upstream "$moto" <"$work/orders" >"$work/answers" 2>"$work/logs/fakes.log" 7>&- 8>&- &
	fakes_pid=$!
	exec 6>"$work/orders" 5<"$work/answers"
	read -r -t 20 -u 5 clouds || fail 'the fakes do not start'
}
address() { json "$1" <<<"$clouds"; }

# order JSON: has the fakes do something; `answer` is what they say.
order() {
	printf '%s\n' "$1" >&6
	read -r -t 20 -u 5 answer || fail 'the fakes do not answer'
	if [[ $answer == '{"error"'* ]]; then fail "the fakes refuse ${1%%,*}: $answer"; fi
}

start_clouds() {
	mkdir "$work/seen"
	start_moto
	start_bao
	start_fakes
	within 60 'moto' answers "$moto/moto-api/"
	within 60 'OpenBao' answers "$bao/v1/sys/health"
}

# What the entries hold; the passwords are new ones.
payload() { printf '{"username": "shop", "password": "%s"}' "$(password)"; }
# quoted: standard input as a JSON text.
quoted() { python3 -c 'import json, sys; print(json.dumps(sys.stdin.read()))'; }

aws_call() {
	http POST "$moto/" "$2" "X-Amz-Target: $1" 'Content-Type: application/x-amz-json-1.1' \
		"Authorization: AWS4-HMAC-SHA256 Credential=ADMIN/20260101/eu-west-1/${3}/aws4_request, SignedHeaders=host, Signature=0" >/dev/null
}
bao_call() { http "$1" "$bao/v1/$2" "$3" 'X-Vault-Token: demo' >/dev/null; }

# The clouds' side of workload identity: whom they believe, who may become whom, who may read what.
trust() {
	local keys
	issuer=$(kubectl get --raw /.well-known/openid-configuration | json issuer)
	keys=$(kubectl get --raw /openid/v1/jwks)
	order "{\"do\": \"trust\", \"issuer\": \"$issuer\", \"jwks\": $keys}"
}
set_up_aws() {
	local session=${role/:iam:/:sts:}
	session=${session/:role/:assumed-role}/jasm-aws-web
	aws_call secretsmanager.CreateSecret "{\"Name\": \"/shop/db\", \"SecretString\": $(payload | quoted)}" secretsmanager
	aws_call AmazonSSM.PutParameter '{"Name": "/shop/motd", "Type": "String", "Value": "open until eight"}' ssm
	order "{\"do\": \"role\", \"arn\": \"$role\", \"issuer\": \"$issuer\", \"namespace\": \"aws\", \"account\": \"web\"}"
	order "{\"do\": \"allow\", \"cloud\": \"aws\", \"principal\": \"$session\", \"resource\": \"secretsmanager:/shop/db\"}"
	order "{\"do\": \"allow\", \"cloud\": \"aws\", \"principal\": \"$session\", \"resource\": \"ssm:/shop/motd\"}"
}
set_up_gcp() {
	local principal='serviceAccount:shop-1.svc.id.goog[gcp/web]'
	order "{\"do\": \"pool\", \"project\": \"shop-1\", \"location\": \"europe-west1\", \"cluster\": \"main\", \"issuer\": \"$issuer\"}"
	order "{\"do\": \"secret\", \"name\": \"projects/shop-1/secrets/shop-db\", \"value\": $(payload | quoted)}"
	order '{"do": "parameter", "name": "projects/shop-1/locations/global/parameters/shop", "version": "v1", "format": "json", "value": "{\"currency\": \"EUR\", \"vat\": 1.190}"}'
	order "{\"do\": \"allow\", \"cloud\": \"gcp\", \"principal\": \"$principal\", \"resource\": \"projects/shop-1/secrets/shop-db\"}"
	order "{\"do\": \"allow\", \"cloud\": \"gcp\", \"principal\": \"$principal\", \"resource\": \"projects/shop-1/locations/global/parameters/shop\"}"
}
set_up_azure() {
	local namespace client
	while read -r namespace client; do
		order "{\"do\": \"app\", \"tenant\": \"$tenant\", \"client\": \"$client\", \"principal\": \"shop-$namespace\", \"issuer\": \"$issuer\", \"namespace\": \"$namespace\", \"account\": \"web\"}"
		# Whose token becomes this application's: what the federated credential says.
		printf '%s %s\n' "shop-$namespace" "$namespace/web" >>"$work/seen/applications"
	done <<<"keyvault $keyvault_client"$'\n'"appconfig $appconfig_client"
	order "{\"do\": \"vault\", \"vault\": \"default\", \"name\": \"shop-db\", \"value\": $(payload | quoted)}"
	order '{"do": "setting", "store": "default", "key": "shop:currency", "value": "EUR"}'
	order '{"do": "setting", "store": "default", "key": "shop:motd", "value": "open until eight"}'
	order '{"do": "allow", "cloud": "azure", "principal": "shop-keyvault", "resource": "vaults/default/secrets/shop-db"}'
	order '{"do": "allow", "cloud": "azure", "principal": "shop-appconfig", "resource": "configurations/default"}'
}
set_up_vault() {
	local server ca reviewer cluster='{.clusters[0].cluster'
	server=$(kubectl config view --raw -o jsonpath="$cluster.server}")
	ca=$(kubectl config view --raw -o jsonpath="$cluster.certificate-authority-data}" | base64 -d | quoted)
	kubectl create namespace openbao
	kubectl create serviceaccount openbao --namespace openbao
	kubectl create clusterrolebinding openbao --clusterrole system:auth-delegator --serviceaccount openbao:openbao
	reviewer=$(kubectl create token openbao --namespace openbao --duration 1h)
	bao_call POST secret/data/shop/db "{\"data\": $(payload)}"
	bao_call POST sys/policies/acl/shop '{"policy": "path \"secret/data/shop/*\" { capabilities = [\"read\"] }"}'
	bao_call POST sys/auth/kubernetes '{"type": "kubernetes"}'
	bao_call POST auth/kubernetes/config "{\"kubernetes_host\": \"$server\", \"kubernetes_ca_cert\": $ca, \"token_reviewer_jwt\": \"$reviewer\", \"disable_local_ca_jwt\": true}"
	bao_call POST auth/kubernetes/role/shop '{"bound_service_account_namespaces": ["vault"], "bound_service_account_names": ["web"], "audience": "vault", "token_policies": ["shop"], "token_ttl": "10m"}'
}
set_up_clouds() {
	trust
	set_up_aws
	set_up_gcp
	set_up_azure
	set_up_vault
} >>"$work/logs/setup"

jasm_yaml() {
	cat >"$work/jasm.yaml" <<-END
		listen: 127.0.0.1:0
		logFormat: text
		stores:
		  - name: aws-secretsmanager
		    kind: aws-secretsmanager
		    region: eu-west-1
		    identity: workload
		    endpoint: $(address aws)
		    stsEndpoint: $(address aws)
		  - name: aws-parameterstore
		    kind: aws-parameterstore
		    region: eu-west-1
		    identity: workload
		    endpoint: $(address aws)
		    stsEndpoint: $(address aws)
		  - name: gcp-secretmanager
		    kind: gcp-secretmanager
		    project: shop-1
		    clusterProject: shop-1
		    clusterLocation: europe-west1
		    clusterName: main
		    identity: workload
		    endpoint: $(address gcp)
		    stsEndpoint: $(address gcp)
		    iamEndpoint: $(address gcp)
		  - name: gcp-parametermanager
		    kind: gcp-parametermanager
		    project: shop-1
		    render: raw
		    clusterProject: shop-1
		    clusterLocation: europe-west1
		    clusterName: main
		    identity: workload
		    endpoint: $(address gcp)
		    stsEndpoint: $(address gcp)
		    iamEndpoint: $(address gcp)
		  - name: azure-keyvault
		    kind: azure-keyvault
		    vault: default
		    tenant: $tenant
		    identity: workload
		    endpoint: $(address key-vault)
		    authority: $(address entra)
		    caFile: .demo-clouds/clouds.pem
		  - name: azure-appconfiguration
		    kind: azure-appconfiguration
		    configuration: default
		    tenant: $tenant
		    identity: workload
		    endpoint: $(address app-configuration)
		    authority: $(address entra)
		    caFile: .demo-clouds/clouds.pem
		  - name: vault
		    kind: vault
		    address: $bao
		    role: shop
		    identity: workload
	END
}

# JASM's rights: a tier, and the component that lets it read as pods, with the audiences of these clouds.
rights() {
	mkdir "$work/rights"
	cat >"$work/rights/kustomization.yaml" <<-'END'
		apiVersion: kustomize.config.k8s.io/v1beta1
		kind: Kustomization
		resources: [../../config/rbac/default]
		components: [../../config/components/workload-identity]
		patches:
		  - target: {kind: ValidatingAdmissionPolicy, name: jasm-tokens}
		    patch: |-
		      - {op: test, path: /spec/variables/0/name, value: allowed}
		      - op: replace
		        path: /spec/variables/0/expression
		        value: '["sts.amazonaws.com", "shop-1.svc.id.goog", "api://AzureADTokenExchange", "vault"]'
	END
}

# account_of NAMESPACE ANNOTATION...: its ServiceAccount web.
account_of() {
	kubectl create namespace "$1"
	kubectl create serviceaccount web --namespace "$1"
	if (($# > 1)); then kubectl annotate serviceaccount web --namespace "$1" "${@:2}"; fi
}

# deployment NAMESPACE SOURCES: with the annotations on standard input, and what its container takes.
deployment() {
	cat <<-END
		---
		apiVersion: apps/v1
		kind: Deployment
		metadata: {name: web, namespace: $1}
		spec:
		  selector: {matchLabels: {app: web}}
		  template:
		    metadata:
		      labels: {app: web}
		      annotations:
		$(sed 's/^/        /')
		    spec:
		      serviceAccountName: web
		      automountServiceAccountToken: false
		      terminationGracePeriodSeconds: 1
		      containers:
		        - name: web
		          image: example.invalid/web:1
		          envFrom: [$2]
	END
}

manifests() {
	local secret='{secretRef: {name: db}}' config='{configMapRef: {name: settings}}'
	{
		deployment aws "$secret, $config" <<-'END'
			jasm.codnod.io/secret.db: aws:/shop/db
			jasm.codnod.io/config.settings: aws-parameterstore:/shop/motd
		END
		deployment gcp "$secret, $config" <<-'END'
			jasm.codnod.io/secret.db: gcp:shop-db
			jasm.codnod.io/config.settings: gcp-parametermanager:shop
		END
		deployment keyvault "$secret" <<<'jasm.codnod.io/secret.db: azure:shop-db'
		deployment appconfig "$config" <<-'END'
			jasm.codnod.io/config-sync: |
			  provider: azure-appconfiguration
			  path: shop:*
			  configMapName: settings
		END
		deployment vault "$secret" <<<'jasm.codnod.io/secret.db: vault:shop/db'
	} >"$work/web.yaml"
	deployment elsewhere "{secretRef: {name: aws}}, {secretRef: {name: gcp}}, {secretRef: {name: keyvault}}, {secretRef: {name: vault}}" \
		>"$work/elsewhere.yaml" <<-'END'
			jasm.codnod.io/secret.aws: aws:/shop/db
			jasm.codnod.io/secret.gcp: gcp:shop-db
			jasm.codnod.io/secret.keyvault: azure:shop-db
			jasm.codnod.io/secret.vault: vault:shop/db
		END
}

phases() { kubectl get pods --all-namespaces --selector app=web -o jsonpath='{.items[*].status.phase}'; }
all_run() { [[ $(phases) == 'Running Running Running Running Running' ]]; }
started() { grep -qs ' started address=' "$work/logs/jasm.log"; }
objects_there() { [[ $(kubectl get secrets,configmaps --all-namespaces --selector app.kubernetes.io/managed-by=jasm -o name | wc -l) == 7 ]]; }
refusals() { kubectl get events --namespace elsewhere --field-selector reason=FetchFailed,involvedObject.kind=Pod "$@"; }
refused_by_all() { (($(refusals -o name | wc -l) >= 4)); }

# who: what the clouds wrote down since the last time.
who() {
	local server
	for server in gcp entra key-vault app-configuration aws; do
		order "{\"do\": \"seen\", \"server\": \"$server\"}"
		printf '%s\n' "$answer" >"$work/seen/$server.json"
	done
	python3 "$root/hack/demo-clouds.py" "$work/seen" "$@"
}

needs
begin
programs
tools
cd "$root"
# Whoever shows this may be signed in to a cloud: nothing of that is for JASM.
for name in ${!AWS_*} ${!AZURE_*} ${!GOOGLE_*} ${!VAULT_*} ${!BAO_*}; do unset "$name"; done
export AWS_EC2_METADATA_DISABLED=true
step 'the cluster runs (the real etcd, API server, controllers, scheduler and kubelet; its containers are pretended)' start_cluster
step 'moto, OpenBao and the fakes of Google and Azure run' start_clouds
step 'the clouds trust the keys of the cluster and have entries, roles and rights' set_up_clouds
jasm_yaml
rights
manifests

heading 'JASM gets an account, and the component that lets it read as pods'
show kubectl create namespace jasm-system
show kubectl apply -k .demo-clouds/rights
show kubectl get validatingadmissionpolicy jasm-tokens -o 'jsonpath={.spec.variables[0].expression}{"\n"}'
note 'for these audiences, bound to a live pod and ten minutes long: the API server gives JASM no other token of a ServiceAccount'
account

heading 'JASM starts; every store of it says: identity: workload'
show grep -E 'name:|kind:|identity:' .demo-clouds/jasm.yaml
prompt 'KUBECONFIG=.demo-clouds/jasm.kubeconfig jasm run --config .demo-clouds/jasm.yaml &'
KUBECONFIG=.demo-clouds/jasm.kubeconfig HOME=$work "$jasm" run --config .demo-clouds/jasm.yaml >"$work/logs/jasm.log" 2>&1 5<&- 6>&- 7>&- 8>&- &
jasm_pid=$!
within 30 'the start of JASM' started

heading 'Five namespaces, each with a ServiceAccount web, which says what the cloud wants to know'
{
	account_of aws "eks.amazonaws.com/role-arn=$role"
	account_of gcp
	account_of keyvault "azure.workload.identity/client-id=$keyvault_client"
	account_of appconfig "azure.workload.identity/client-id=$appconfig_client"
	account_of vault
} >>"$work/logs/setup"
typed='kubectl get serviceaccounts web --all-namespaces' show kubectl get serviceaccounts --all-namespaces --field-selector metadata.name=web \
	-o custom-columns='NAMESPACE:.metadata.namespace,NAME:.metadata.name,ANNOTATIONS:.metadata.annotations'
show grep -E 'namespace: [a-z]|jasm.codnod|provider|path|configMapName' .demo-clouds/web.yaml
applied=$(now)
pace=0 show kubectl apply -f .demo-clouds/web.yaml
within 60 'the Secrets and ConfigMaps' objects_there
there=$(since "$applied")
within 90 'the pods to run' all_run
ran=$(since "$applied")
show kubectl get pods --all-namespaces --selector app=web
note "the Secrets and ConfigMaps were there $there after that, all pods ran after $ran: a kubelet that comes first" \
	"looks again after 10 to 15 s"
typed='kubectl get secrets,configmaps -A' show kubectl get secrets,configmaps --all-namespaces --selector app.kubernetes.io/managed-by=jasm

heading 'Who read what: as the clouds wrote it down'
typed='python3 hack/demo-clouds.py .demo-clouds/seen' show who {aws,gcp,keyvault,appconfig,vault}/web
note 'JASM itself has no identity in any cloud here: no key, no role, no token'

heading 'A ServiceAccount of another namespace asks for the same entries, with the same role and the same client id'
{
	account_of elsewhere "eks.amazonaws.com/role-arn=$role" "azure.workload.identity/client-id=$keyvault_client" \
		"azure.workload.identity/tenant-id=$tenant"
} >>"$work/logs/setup"
show grep jasm.codnod .demo-clouds/elsewhere.yaml
show kubectl apply -f .demo-clouds/elsewhere.yaml
within 60 'the refusals' refused_by_all
typed='kubectl get events -n elsewhere' show refusals -o custom-columns='REASON:.reason,MESSAGE:.message'
typed='python3 hack/demo-clouds.py .demo-clouds/seen --new' show who --new
pace=0 show kubectl get pods --all-namespaces --selector app=web
all_refused=$(kubectl get secrets --namespace elsewhere -o name)
if [[ -n $all_refused ]]; then dump 'something was read that must not be'; fi
note 'nothing was made for it, no other identity was tried, and the five run on'

heading 'The end'
stop_all
note 'all is stopped and .demo-clouds removed; what stays is what the builds left in target, in the caches of cargo and Go,' \
	"and in ${jasm_cache/#$HOME/\~}"
