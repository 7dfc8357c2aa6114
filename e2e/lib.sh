# shellcheck shell=bash
# What the scripts here have in common. JASM_E2E_TARGET says where the stories run:
#   minikube      (if nothing is said) JASM as e2e/setup.sh has deployed it, and AWS as the project's profile
#   testcluster   JASM as a process beside a test cluster of its own, and moto instead of AWS; no set-up
# JASM_E2E_PROFILE=NAME is the project's AWS profile if not codnod, JASM_E2E_REGION=NAME its region if not
# eu-west-1. The script that sources it sets `me`. Whatever is written is below target/e2e.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${JASM_E2E_TARGET:-minikube}
work=$root/target/e2e/${me:?}-$target
# shellcheck source=hack/lib.sh
source "$root/hack/lib.sh"

profile=${JASM_E2E_PROFILE:-codnod}
region=${JASM_E2E_REGION:-eu-west-1}
endpoint=${JASM_E2E_AWS_ENDPOINT:-}
moto_pid=
aws_python=
# The namespace of this run, and the folder of its entries in the stores.
space=
secrets=()
parameters=()

# guard: refuses to touch any cluster but minikube, and any account but the project's.
guard() {
	case $target in
	minikube) ;;
	testcluster) return ;;
	*) fail "JASM_E2E_TARGET is \"$target\"; it may be minikube or testcluster" ;;
	esac
	local name context
	for name in minikube kubectl aws python3; do
		command -v "$name" >/dev/null || fail "$name is not installed; the stories on minikube need minikube, kubectl, aws and python3 (JASM_E2E_TARGET=testcluster needs none of the first three)"
	done
	[[ ${AWS_PROFILE:-} == "$profile" ]] ||
		fail "AWS_PROFILE is \"${AWS_PROFILE:-}\", not \"$profile\": entries are made only in the project's account (JASM_E2E_PROFILE names another one)"
	# It would stand before the profile.
	[[ -z ${AWS_ACCESS_KEY_ID:-} ]] || fail 'AWS_ACCESS_KEY_ID is set and would be taken instead of the profile; unset it'
	# minikube stop leaves no context behind; none is no other cluster either.
	context=$(kubectl config current-context 2>/dev/null || true)
	[[ $context == minikube || -z $context ]] ||
		fail "the kube context is \"$context\", not \"minikube\": nothing is done in any other cluster (kubectl config use-context minikube)"
}

minikube_state() { minikube status --format '{{.Host}}' 2>/dev/null || true; }

# minikube_up: starts it if it does not run. Sets `kubectl`, and KUBECONFIG to a file that knows minikube alone:
# minikube writes it, so that the one in the home folder stays as it is.
minikube_up() {
	kubectl=$(command -v kubectl)
	export KUBECONFIG=$work/kubeconfig
	if [[ $(minikube_state) == Running ]]; then
		fg minikube update-context >"$work/logs/minikube" 2>&1 || fail "minikube runs, but does not say how to reach it: $(<"$work/logs/minikube")"
	else
		say 'starting minikube'
		fg minikube start >&2 || fail 'minikube does not start'
	fi
}

# Otherwise than in hack/lib.sh: the way to minikube and to AWS may be a proxy, and JASM is no process here.
if [[ $target == minikube ]]; then
	isolate() { export KUBECACHEDIR=$work/kubectl KUBERC=off; }
	jasm_log() { "$kubectl" logs --namespace jasm-system deployment/jasm --tail 40; }
fi

# aws_api ARGUMENTS...: an AWS call, by the AWS CLI or what stands in for it; a value goes in a file, never as an argument.
aws_api() {
	if [[ -n $aws_python ]]; then
		"$aws_python" "$root/e2e/aws.py" "$@"
	else
		aws --region "$region" ${endpoint:+--endpoint-url "$endpoint"} --output text "$@"
	fi
}

# file_of TEXT: a file with the text, of a name that says nothing.
file_of() {
	local file
	file=$(mktemp "$work/value.XXXXXXXX")
	printf '%s' "$1" >"$file"
	printf '%s\n' "$file"
}

random() { head -c 15 /dev/urandom | base64 | tr '+/' 'xy'; }

# Each is noted before it is made, so that it is removed even when the script is ended between.
# new_secret NAME FILE
new_secret() {
	secrets+=("$1")
	aws_api secretsmanager create-secret --name "$1" --secret-string "file://$2" >/dev/null
}
# new_version NAME FILE
new_version() { aws_api secretsmanager put-secret-value --secret-id "$1" --secret-string "file://$2" >/dev/null; }
# new_parameter NAME TYPE FILE
new_parameter() {
	parameters+=("$1")
	aws_api ssm put-parameter --name "$1" --type "$2" --value "file://$3" >/dev/null
}

# stop_own: removes what this run made, also after a failure or a signal.
stop_own() {
	local name failed=()
	for name in ${secrets[@]+"${secrets[@]}"}; do
		aws_api secretsmanager delete-secret --secret-id "$name" --force-delete-without-recovery >/dev/null 2>&1 || failed+=("secret $name")
	done
	for name in ${parameters[@]+"${parameters[@]}"}; do
		aws_api ssm delete-parameter --name "$name" >/dev/null 2>&1 || failed+=("parameter $name")
	done
	if [[ -n $space && -n $kubectl ]]; then
		"$kubectl" delete namespace "$space" --ignore-not-found --wait=false >/dev/null || failed+=("namespace $space")
	fi
	if ((${#failed[@]})); then say "could not be removed, or was never made: ${failed[*]}"; fi
	if [[ -n $moto_pid ]]; then end "$moto_pid" 10; fi
	secrets=() parameters=() space='' moto_pid=''
}

# config: the two stores, open to each namespace of a run for what is below its own name.
config() {
	local store kind
	printf 'stores:\n'
	for store in aws-secretsmanager aws-parameterstore; do
		kind=$store
		cat <<-END
			  - name: $store
			    kind: $kind
			    region: $region
			    identity: controller${endpoint:+
			    endpoint: $endpoint}
			    allow: [{namespaces: ["jasm-e2e-*"], paths: ["/{namespace}/**"]}]
		END
	done
}

# arrive: what a story needs: JASM at work, and a namespace for this run alone.
arrive() {
	guard
	begin
	case $target in
	minikube)
		minikube_up
		"$kubectl" rollout status deployment/jasm --namespace jasm-system --timeout 60s >/dev/null 2>&1 ||
			fail 'JASM does not run in minikube; run e2e/setup.sh first'
		;;
	testcluster) beside_testcluster ;;
	esac
	space=jasm-e2e-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
	"$kubectl" create namespace "$space" >/dev/null
	# All that follows is about this namespace.
	"$kubectl" config set-context --current --namespace "$space" >/dev/null
	say "the namespace of this run is $space"
}

beside_testcluster() {
	# Nobody's profile is for an emulator.
	unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_CA_BUNDLE
	export AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=not-a-secret-key AWS_EC2_METADATA_DISABLED=true
	export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_PAGER=''
	build dev
	moto
	say 'starting a cluster'
	start_cluster
	"$kubectl" create namespace jasm-system >/dev/null
	"$kubectl" apply -k "$root/config/rbac/default" >/dev/null
	account
	config >"$work/jasm.yaml"
	KUBECONFIG=$work/jasm.kubeconfig "$jasm" run --config "$work/jasm.yaml" --listen 127.0.0.1:0 \
		>"$work/logs/jasm.log" 2>&1 7>&- 8>&- &
	jasm_pid=$!
	within 60 'JASM to start' grep -q '"started"' "$work/logs/jasm.log"
}

moto_answers() { (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
# moto: an AWS of its own, unless JASM_E2E_AWS_ENDPOINT says where one is; and who speaks to it.
moto() {
	local server port
	server=$("$root/tests/tools/moto.sh") || fail 'moto cannot be had'
	# The one on the PATH may be there and not work.
	if ! aws --version >/dev/null 2>&1; then
		aws_python=$(dirname "$server")/python
		export JASM_E2E_REGION=$region
	fi
	if [[ -z $endpoint ]]; then
		port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
		"$server" -H 127.0.0.1 -p "$port" >"$work/logs/moto.log" 2>&1 7>&- 8>&- &
		moto_pid=$!
		within 60 'moto to answer' moto_answers
		endpoint=http://127.0.0.1:$port
	fi
	export JASM_E2E_AWS_ENDPOINT=$endpoint
}

# deploy NAME SECRET-OR-CONFIGMAP...: a Deployment whose annotations are on standard input; its pods need the
# objects, each named as secret/NAME or configmap/NAME.
deploy() {
	local name=$1 reference annotations
	shift
	annotations=$(sed 's/^/        /')
	{
		cat <<-END
			apiVersion: apps/v1
			kind: Deployment
			metadata:
			  name: $name
			spec:
			  replicas: 2
			  selector: {matchLabels: {app: $name}}
			  template:
			    metadata:
			      labels: {app: $name}
			      annotations:
			$annotations
			    spec:
			      terminationGracePeriodSeconds: 0
			      containers:
			        - name: main
			          image: registry.k8s.io/pause:3.10
			          envFrom:
		END
		for reference; do
			case $reference in
			secret/*) printf '            - secretRef: {name: %s}\n' "${reference#*/}" ;;
			configmap/*) printf '            - configMapRef: {name: %s}\n' "${reference#*/}" ;;
			esac
		done
	} >"$work/$name.yaml"
	"$kubectl" apply --filename "$work/$name.yaml" >/dev/null
}

# rolled_out NAME: its pods run, so everything that they need is there.
rolled_out() {
	"$kubectl" rollout status "deployment/$1" --timeout 180s >/dev/null || dump "the pods of $1 do not run"
}

# holds OBJECT KEY=FILE...: true if the object has exactly these keys, with what the files have.
holds() {
	"$kubectl" get "$1" -o json 2>/dev/null | python3 "$root/e2e/holds.py" "${@:2}"
}
# has OBJECT KEY=FILE...: as `holds`, or the end; says keys, never values.
has() {
	holds "$@" 2>"$work/difference" || dump "$1: $(<"$work/difference")"
	say "$1 has what it should have"
}

# told REASON WORD: an event of JASM with the reason, about something that the word stands for.
told() {
	"$kubectl" get events --field-selector "reason=$1" -o jsonpath='{range .items[*]}{.involvedObject.name}{" "}{.message}{"\n"}{end}' |
		grep -e "$2" >/dev/null
}
absent() { [[ -z $("$kubectl" get "$1" --ignore-not-found -o name) ]]; }
