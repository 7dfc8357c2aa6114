#!/usr/bin/env bash
# Builds the image around a program that is built here (hack/image.sh local), looks what is in it, and
# runs it as a cluster would, against the test cluster: no root, nothing writable, no capability.
# It needs Docker: the daemon that runs, or, as root, dockerd, which it then starts for itself.
# JASM_BINARY=FILE takes a static program that is built already. Exit code 69: Docker cannot be had.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
me=test-image
work=$root/target/test-image
# shellcheck source=hack/lib.sh
source "$root/hack/lib.sh"

most=20000000
name=jasm-test-image-$$
docker_dir=
docker_pid=
stand_pid=
built=

stop_own() {
	if [[ -n $stand_pid ]]; then
		exec 6>&-
		end "$stand_pid" 10
	fi
	if [[ -n ${DOCKER_HOST:-}$built ]]; then
		docker rm --force "$name" >/dev/null 2>&1 || true
		docker image rm "$name" >/dev/null 2>&1 || true
	fi
	if [[ -n $docker_pid ]]; then end "$docker_pid" 30; fi
	if [[ -n $docker_dir ]]; then
		# It leaves the network of the machine mounted there.
		umount "$docker_dir"/exec/netns/* 2>/dev/null || true
		rm -rf "$docker_dir"
	fi
	stand_pid='' docker_pid='' docker_dir='' built=''
}

# jasm_log: what Docker and the container say; values are in none of it.
jasm_log() {
	tail -n 5 "$work/logs/dockerd.log" "$work/logs/stand.log" 2>/dev/null || true
	if docker inspect "$name" >/dev/null 2>&1; then
		docker inspect --format '{{json .State}}' "$name"
		docker logs --tail 40 "$name"
	fi
}

answers() { docker version >/dev/null 2>&1; }
unavailable() {
	say "$*"
	exit 69
}
own_answers() {
	kill -0 "$docker_pid" 2>/dev/null || unavailable "dockerd does not run here: $(grep -v level=info "$work/logs/dockerd.log" | tail -n 1)"
	answers
}
# daemon: one that runs, else one of its own, in a folder of its own and without a network.
daemon() {
	((EUID == 0)) || unavailable 'run this as root: nobody else can start dockerd, nor serve names on port 53, which the container must be seen to ask'
	command -v docker >/dev/null || unavailable 'docker is not installed (on Debian: apt-get install --no-install-recommends docker.io)'
	if answers; then
		say 'the Docker daemon that runs is taken'
		return
	fi
	command -v dockerd >/dev/null ||
		unavailable 'no Docker daemon answers, and dockerd is not installed: start one, or install it (on Debian: apt-get install --no-install-recommends docker.io)'
	# Not below the checkout: the path of a socket may have only 107 characters.
	docker_dir=$(mktemp -d /tmp/jasm-docker.XXXXXXXX)
	export DOCKER_HOST=unix://$docker_dir/socket
	dockerd --host "$DOCKER_HOST" --data-root "$docker_dir/data" --exec-root "$docker_dir/exec" --pidfile "$docker_dir/pid" \
		--iptables=false --bridge=none --storage-driver=vfs >"$work/logs/dockerd.log" 2>&1 7>&- 8>&- &
	docker_pid=$!
	say 'started a Docker daemon'
	within 60 'dockerd to answer' own_answers
}

inspect() { docker image inspect --format "$1" "$name"; }
# is WHAT FOUND WANTED
is() { [[ $2 == "$3" ]] || fail "$1 of the image is \"$2\", not \"$3\""; }

# contents: what is in the image is this and nothing else; the rest of the list is what Docker makes.
contents() {
	local size wanted found
	size=$(inspect '{{.Size}}')
	((size < most)) || fail "the image has $size bytes; the most is $most"
	is 'the user' "$(inspect '{{.Config.User}}')" 65532:65532
	is 'the entrypoint' "$(inspect '{{json .Config.Entrypoint}} {{json .Config.Cmd}}')" '["/jasm"] ["run"]'
	is 'the licence' "$(inspect '{{index .Config.Labels "org.opencontainers.image.licenses"}}')" Apache-2.0
	is 'the revision' "$(inspect '{{index .Config.Labels "org.opencontainers.image.revision"}}')" "$(git -C "$root" rev-parse HEAD)"
	docker create --name "$name" "$name" >/dev/null
	docker export "$name" >"$work/rootfs.tar"
	docker rm "$name" >/dev/null
	wanted=$'etc/group\netc/passwd\netc/ssl/certs/ca-certificates.crt\njasm'
	found=$(tar --list --file "$work/rootfs.tar" | grep -v '/$' | LC_ALL=C sort |
		grep -vxE '\.dockerenv|dev/console|etc/(hosts|hostname|resolv\.conf|mtab)')
	is 'the list of files' "$found" "$wanted"
	tar --extract --to-stdout --file "$work/rootfs.tar" etc/ssl/certs/ca-certificates.crt >"$work/bundle.pem"
	(($(grep -c 'BEGIN CERTIFICATE' "$work/bundle.pem") > 50)) || fail 'the image has hardly any public certificate authority'
	say "the image is as it should be: $size bytes, user 65532, the program, the certificate authorities and two lists of users"
}

stand_answers() { [[ -s $work/stand.json ]]; }
# stand: the stores and the name server; python is that of moto.
stand() {
	local moto
	moto=$("$root/tests/tools/moto.sh") || fail 'moto cannot be had'
	mkdir "$work/stand"
	mkfifo "$work/stand-alive"
	"$(dirname "$moto")/python" "$root/tests/image/stand.py" "$work/stand" <"$work/stand-alive" >"$work/stand.json" \
		2>"$work/logs/stand.log" 7>&- 8>&- &
	stand_pid=$!
	exec 6>"$work/stand-alive"
	within 60 'the stores' stand_answers
}

# settings: what the container gets to see, all of it read-only.
settings() {
	local server
	mkdir "$work/config"
	cp "$work/stand/store-a.jasm.test/ca.pem" "$work/config/"
	server=$("$kubectl" config view --raw -o jsonpath='{.clusters[0].cluster.server}')
	# By name, as the API server's certificate has it and as a pod would reach it.
	sed "s|$server|https://kubernetes.default.svc:${server##*:}|" "$work/jasm.kubeconfig" >"$work/config/kubeconfig"
	cat "$work/bundle.pem" "$work/stand/store-b.jasm.test/ca.pem" >"$work/config/bundle.pem"
	cat >"$work/config/jasm.yaml" <<-END
		stores:
		  - name: by-file
		    kind: aws-secretsmanager
		    region: eu-west-1
		    identity: controller
		    endpoint: https://store-a.jasm.test:$(json file_port <"$work/stand.json")
		    caFile: /config/ca.pem
		    allow: [{namespaces: ["image"], paths: ["/{namespace}/**"]}]
		  - name: by-dns
		    kind: aws-parameterstore
		    region: eu-west-1
		    identity: controller
		    endpoint: https://store-b.jasm.test:$(json dns_port <"$work/stand.json")
		    allow: [{namespaces: ["image"], paths: ["/{namespace}/**"]}]
	END
	printf '%s\n' KUBECONFIG=/config/kubeconfig AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=not-a-secret-key \
		AWS_EC2_METADATA_DISABLED=true >"$work/environment"
	# The folder around it is closed to everybody else.
	chmod -R a+rX "$work/config"
}

started() {
	[[ $(docker inspect --format '{{.State.Running}}' "$name") == true ]] || dump 'the container ended by itself'
	docker logs "$name" 2>&1 | grep '"started"' >/dev/null
}
runs() { [[ $("$kubectl" get pod shop --namespace image -o jsonpath='{.status.phase}') == Running ]]; }
# same SECRET: it has what the stores have under these names, and nothing else.
same() {
	"$kubectl" get secret "$1" --namespace image -o json | python3 -c '
import base64, json, sys
data = {key: base64.b64decode(value).decode() for key, value in json.load(sys.stdin)["data"].items()}
expected = json.load(open(sys.argv[1]))
sys.exit(data != {key: expected[key] for key in sys.argv[2:]})' "$work/stand/expected.json" "${@:2}" ||
		dump "the Secret $1 has not what the store has"
}

begin
daemon
say 'building the image'
built=yes
JASM_IMAGE=$name fg "$root/hack/image.sh" local || fail 'the image cannot be had'
contents
stand
say 'starting a cluster'
start_cluster
{
	"$kubectl" create namespace jasm-system
	"$kubectl" apply -k "$root/config/rbac/default"
	"$kubectl" create namespace image
} >"$work/logs/setup"
account
settings

docker run --detach --name "$name" --read-only --user 65532 --cap-drop ALL --security-opt no-new-privileges --network host \
	--add-host store-a.jasm.test:127.0.0.1 --add-host kubernetes.default.svc:127.0.0.1 --dns 127.0.53.53 \
	--volume "$work/config:/config:ro" --volume "$work/config/bundle.pem:/etc/ssl/certs/ca-certificates.crt:ro" \
	--env-file "$work/environment" "$name" run --config /config/jasm.yaml --listen 127.0.0.1:0 >"$work/logs/run" 2>&1 ||
	dump "Docker does not start the container: $(<"$work/logs/run")"
within 60 'JASM to start in the container' started
"$kubectl" apply --namespace image --filename - <<-'END' >/dev/null
	apiVersion: v1
	kind: Pod
	metadata:
	  name: shop
	  annotations:
	    jasm.codnod.io/secret-sync: |
	      - provider: by-file
	        path: /image/db
	        secretName: shop-db
	      - provider: by-dns
	        path: /image/token
	        secretName: shop-token
	        key: TOKEN
	spec:
	  terminationGracePeriodSeconds: 0
	  containers:
	    - name: shop
	      image: example.invalid/shop:1
	      envFrom:
	        - secretRef: {name: shop-db}
	        - secretRef: {name: shop-token}
END
within 120 'the pod to run' runs
same shop-db PASSWORD
same shop-token TOKEN
say 'a pod runs with Secrets from two stores behind TLS: one found in /etc/hosts and trusted by a file, one found by DNS and trusted by the bundle'

docker stop --time 25 "$name" >/dev/null
code=$(docker inspect --format '{{.State.ExitCode}}' "$name")
[[ $code == 0 ]] || dump "after SIGTERM it ended with exit code $code"
docker logs "$name" 2>&1 | grep 'everything under way is finished' >/dev/null || dump 'after SIGTERM it did not finish in order'
say 'passed: it ended in order after SIGTERM'
