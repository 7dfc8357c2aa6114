#!/usr/bin/env bash
# A show of about a minute: annotated pods get their Secret and ConfigMap, a typo is told and mended,
# all is cleared away. Needs Rust, Go and Python, no Docker.
# JASM_BINARY=FILE shows a JASM that is built already.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
me=demo
work=$root/.demo
# shellcheck source=hack/lib.sh
source "$root/hack/lib.sh"
# shellcheck source=hack/show.sh
source "$root/hack/show.sh"

keys() { kubectl describe secret "$1" | sed -n '/^Data/,$p'; }
difference() { diff "$@" || true; }

of_pods() { kubectl get pods --selector "app=shop${2:-}" -o jsonpath="{.items[*].$1}"; }
reasons() { of_pods 'status.containerStatuses[*].state.waiting.reason'; }
pods_wait() { [[ $(reasons) == 'ContainerCreating ContainerCreating ContainerCreating' ]]; }
pods_run() { [[ $(of_pods status.phase "${1:-}") == 'Running Running Running' ]]; }
available() { [[ $(kubectl get deployment shop -o jsonpath='{.status.availableReplicas}') == 3 ]]; }
objects_there() { kubectl get secret/shop-db configmap/shop-config >/dev/null 2>&1; }
# told: the new pods wait, and they and their Deployment have the warning.
told() {
	local kinds error=CreateContainerConfigError
	kinds=$(kubectl get events --field-selector reason=AnnotationInvalid -o jsonpath='{.items[*].involvedObject.kind}')
	[[ $kinds == *Deployment* && $kinds == *Pod*Pod*Pod* && $(reasons) == "$error $error $error" ]]
}
# revision N: the selector of the pods of the N-th version, from 1.
revision() {
	local name
	name=$(kubectl get replicasets --selector app=shop -o jsonpath="{range .items[?(@.metadata.annotations.deployment\.kubernetes\.io/revision=='$1')]}{.metadata.labels.pod-template-hash}{end}")
	printf ',pod-template-hash=%s' "${name:-none}"
}
mended() { pods_run "$(revision 3)"; }

# total NAME: the sum of one of the metrics of JASM.
total() {
	local address
	address=$(sed -n 's/.* started address=\([^ ]*\).*/\1/p' "$work/logs/jasm.log")
	python3 - "$address" "$1" <<-'END'
		import sys, urllib.request
		opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
		text = opener.open(f"http://{sys.argv[1]}/metrics", timeout=5).read().decode()
		print(sum(int(line.split()[-1]) for line in text.splitlines() if line.startswith(sys.argv[2])))
	END
}

# manifest [REQUEST REFERENCE]: the Deployment, with the lines for one Secret more. This kubelet calls
# every pod ready, so without minReadySeconds a pod that waits would replace one that runs.
manifest() {
	cat <<-END
		apiVersion: apps/v1
		kind: Deployment
		metadata:
		  name: shop
		spec:
		  replicas: 3
		  minReadySeconds: 15
		  strategy: {rollingUpdate: {maxSurge: 3, maxUnavailable: 0}}
		  selector: {matchLabels: {app: shop}}
		  template:
		    metadata:
		      labels: {app: shop}
		      annotations:
		        jasm.codnod.io/secret-sync: |
		          - provider: local
		            path: shop/db
		            secretName: shop-db${1:-}
		        jasm.codnod.io/config-sync: |
		          provider: local
		          path: shop/config
		          configMapName: shop-config
		          file: application.properties
		    spec:
		      terminationGracePeriodSeconds: 1
		      containers:
		        - name: shop
		          image: example.invalid/shop:1
		          envFrom:
		            - secretRef: {name: shop-db}${2:-}
		          volumeMounts:
		            - {name: config, mountPath: /etc/shop}
		      volumes:
		        - name: config
		          configMap: {name: shop-config}
	END
}

files() {
	mkdir -p "$work/store/shop"
	printf '{"username": "shop", "password": "%s", "port": 5432}\n' "$(password)" >"$work/store/shop/db"
	printf '{"username": "mailer", "password": "%s"}\n' "$(password)" >"$work/store/shop/mail"
	printf '{"server.port": 8080, "shop.currency": "EUR", "shop.vat": 1.190}\n' >"$work/store/shop/config"
	manifest >"$work/shop.yaml"
	manifest $'\n          - provder: local\n            path: shop/mail\n            secretName: shop-mail' \
		$'\n            - secretRef: {name: shop-mail}' >"$work/shop-2.yaml"
	cat >"$work/jasm.yaml" <<-'END'
		listen: 127.0.0.1:0
		logFormat: text
		stores:
		  - name: local
		    kind: file
		    root: .demo/store
		    configs: true
		    allow:
		      - namespaces: ["default"]
		        paths: ["shop/**"]
	END
}

begin
build dev
cd "$root"
files
say 'starting a cluster: the real etcd, API server, controllers, scheduler and kubelet; its containers are pretended'
start_cluster

heading 'JASM gets an account and these rights, no others'
show kubectl create namespace jasm-system
show kubectl apply -k config/rbac/default
show kubectl describe clusterrole jasm
account

heading 'A Deployment refers to a Secret and a ConfigMap that are not there'
show grep -A 9 annotations: .demo/shop.yaml
applied=$(now)
show kubectl apply -f .demo/shop.yaml
within 60 'the pods to wait for their ConfigMap' pods_wait
sleep 2
show kubectl get pods

heading 'JASM starts'
show cat .demo/jasm.yaml
typed='wc -c .demo/store/shop/*' show wc -c .demo/store/shop/{config,db,mail}
prompt 'KUBECONFIG=.demo/jasm.kubeconfig jasm run --config .demo/jasm.yaml &'
waited=$(since "$applied")
started=$(now)
KUBECONFIG=.demo/jasm.kubeconfig "$jasm" run --config .demo/jasm.yaml >"$work/logs/jasm.log" 2>&1 7>&- 8>&- &
jasm_pid=$!
within 30 'the Secret and the ConfigMap' objects_there
objects=$(since "$started")
within 90 'the pods to run' pods_run
running=$(since "$started")
show kubectl get pods
note "Secret and ConfigMap were there $objects after the start of JASM, all pods ran after $running:"
note "they had waited for $waited before, and the longer they wait, the less often the kubelet looks"
show kubectl get events --field-selector source=jasm.codnod.io/jasm
typed="kubectl describe secret shop-db | sed -n '/^Data/,\$p'" show keys shop-db
show kubectl get configmap shop-config -o 'jsonpath={.data.application\.properties}'

# Else they would count as no better than the ones that are going to wait.
within 60 'the pods to be available' available

heading 'The next version wants one Secret more; its annotation has a typo'
typed='diff .demo/shop.yaml .demo/shop-2.yaml' show difference .demo/shop.yaml .demo/shop-2.yaml
show kubectl apply -f .demo/shop-2.yaml
within 60 'the new pods to wait, and the warnings' told
show kubectl get pods
show kubectl get events --field-selector reason=AnnotationInvalid

heading 'Mended'
show sed -i s/provder/provider/ .demo/shop-2.yaml
applied=$(now)
pace=0 show kubectl apply -f .demo/shop-2.yaml
within 90 'the new pods to run' mended
mended=$(since "$applied")
show kubectl get pods
note "the mended pods ran $mended after that$(if pods_run "$(revision 1)"; then echo '; the first ones ran all the time, and go 15 s later (minReadySeconds)'; fi)"
typed="kubectl describe secret shop-mail | sed -n '/^Data/,\$p'" show keys shop-mail
note "in all, for nine pods, JASM made $(total jasm_provider_calls_total) reads of the store" \
	"and $(total jasm_object_writes_total) writes of Secrets and ConfigMaps"

heading 'The end'
stop_all
note 'all is stopped and .demo removed; what stays is what the builds left in target, in the caches of cargo and Go,' \
	"and in ${jasm_cache/#$HOME/\~}"
