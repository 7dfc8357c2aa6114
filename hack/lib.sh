# shellcheck shell=bash
# What the demo, the benchmark and the tests of scripts have in common: JASM built, a cluster started,
# everything ended.
# The script that sources it sets `me`, `root` (the checkout) and `work`, a folder of its own that
# is removed at the end.

# shellcheck source=tests/tools/lib.sh
source "${root:?}/tests/tools/lib.sh"

jasm=
built=
jasm_pid=
kubectl=
cluster_pid=
child=

# The kubeconfig and the settings of whoever starts this are not for the cluster here; no proxy
# is needed to reach 127.0.0.1; kubectl would else keep its cache in the home folder.
isolate() {
	unset KUBECONFIG http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
	local name
	for name in ${!JASM_*}; do
		case $name in
		JASM_BINARY | JASM_FAKES | JASM_CLUSTER_BIN | JASM_BENCH_*) ;;
		*) unset "$name" ;;
		esac
	done
	export KUBECACHEDIR=${work:?}/kubectl KUBERC=off
}

# fg COMMAND...: in the foreground, but a signal to this script alone ends the wait.
fg() {
	local code=0
	"$@" &
	child=$!
	wait "$child" || code=$?
	child=
	return "$code"
}

# end PID SECONDS: asks a child to end, and kills it if it has not ended after that long.
end() {
	local deadline=$((SECONDS + $2))
	kill -TERM "$1" 2>/dev/null || true
	while kill -0 "$1" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.1; done
	kill -KILL "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

# stop_own: ends what the script itself started; whoever sources this may define it anew.
stop_own() { :; }

# stop_all: ends what was started, the cluster last, and removes `work`.
stop_all() {
	# One more Ctrl-C must not leave behind what this is about to end.
	trap '' INT TERM HUP PIPE
	if [[ -n $child ]]; then end "$child" 20; fi
	cleanup
	stop_own
	if [[ -n $jasm_pid ]]; then end "$jasm_pid" 30; fi
	if [[ -n $cluster_pid ]]; then
		# The launcher ends the cluster when its standard input ends.
		exec 7>&-
		end "$cluster_pid" 30
	fi
	child='' jasm_pid='' cluster_pid=''
	rm -rf "$work"
}

finish() {
	local code=$?
	if [[ -n $jasm_pid$cluster_pid$child$job ]]; then say 'stopping everything'; fi
	stop_all
	trap - EXIT
	exit "$code"
}

# begin: takes the folder `work`, which only one run may use, and ends everything with the script.
begin() {
	# For its owner alone: there will be a token in it.
	mkdir -p "$work"
	chmod 700 "$work"
	exec 8>"$work/lock"
	flock -n 8 || fail "another run is using ${work#"$root/"}"
	trap finish EXIT
	trap 'exit 129' HUP
	# What a run left behind that was killed.
	find "$work" -mindepth 1 -maxdepth 1 ! -name lock -exec rm -rf {} +
	mkdir "$work/logs"
	isolate
}

# build PROFILE: sets `jasm` to the program, of the cargo profile dev or release.
build() {
	if [[ -n ${JASM_BINARY:-} ]]; then
		jasm=$(realpath -e "$JASM_BINARY") || fail "JASM_BINARY is $JASM_BINARY, which is not there"
		return
	fi
	build_programs "$1" --bin jasm
	jasm=$built/jasm
	[[ -x $jasm ]] || fail "cargo built jasm, but not as $jasm; say with JASM_BINARY where it is"
}

# build_programs PROFILE ARGUMENT...: has cargo build what the arguments name, and sets `built` to the
# folder where it then is.
build_programs() {
	command -v cargo >/dev/null || fail 'cargo is not installed; Rust builds JASM (https://rustup.rs)'
	local started=$SECONDS target profile=$1 folder=$1
	shift
	if [[ $profile == dev ]]; then folder=debug; fi
	say "building (profile $profile); from nothing it takes some minutes"
	cd "$root" || fail "$root is gone"
	long "$work/logs/build.log" '^ *Compiling' 'crates compiled' cargo build --locked --profile "$profile" "$@" || fail 'jasm does not build'
	say "built in $((SECONDS - started)) s"
	target=$(cargo metadata --no-deps --format-version 1 | json target_directory)
	built=$target/$folder
}

# json KEY: the value of one key of the JSON object on standard input.
json() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

# start_cluster: sets `kubectl` and exports KUBECONFIG; the cluster ends when descriptor 7 is closed.
start_cluster() {
	local launcher bin deadline
	command -v python3 >/dev/null || fail 'python3 is not installed'
	fg "$root/tests/cluster/build.sh" >"$work/logs/cluster-build" || fail 'the test cluster cannot be had'
	launcher=$(sed -n 's/^launcher=//p' "$work/logs/cluster-build")
	bin=$(sed -n 's/^bin=//p' "$work/logs/cluster-build")
	mkfifo "$work/alive"
	"$launcher" up --bin "$bin" --dir "$work/cluster" <"$work/alive" >"$work/cluster.json" 2>"$work/logs/cluster.log" 8>&- &
	cluster_pid=$!
	exec 7>"$work/alive"
	deadline=$((SECONDS + 100))
	while [[ ! -s $work/cluster.json ]]; do
		if ! kill -0 "$cluster_pid" 2>/dev/null || ((SECONDS > deadline)); then
			cat "$work/logs/cluster.log" >&2
			fail 'the test cluster does not start'
		fi
		sleep 0.1
	done
	kubectl=$(json kubectl <"$work/cluster.json")
	kubectl=${kubectl:-$(command -v kubectl)} || fail 'JASM_CLUSTER_BIN has no kubectl, and none is installed'
	KUBECONFIG=$(json kubeconfig <"$work/cluster.json")
	export KUBECONFIG
}

# account: a kubeconfig with a token of the ServiceAccount jasm, so that JASM has its rights and no others.
account() {
	local token cluster='{.clusters[0].cluster'
	token=$("$kubectl" create token jasm --namespace jasm-system --duration 1h)
	cat >"$work/jasm.kubeconfig" <<-END
		apiVersion: v1
		kind: Config
		current-context: jasm
		contexts: [{name: jasm, context: {cluster: jasm, user: jasm, namespace: jasm-system}}]
		clusters:
		  - name: jasm
		    cluster:
		      server: $("$kubectl" config view --raw -o jsonpath="$cluster.server}")
		      certificate-authority-data: $("$kubectl" config view --raw -o jsonpath="$cluster.certificate-authority-data}")
		users: [{name: jasm, user: {token: $token}}]
	END
}

# within SECONDS WHAT COMMAND...: waits until the command is true; if that does not come, shows what there is.
within() {
	local deadline=$((SECONDS + $1)) what=$2
	shift 2
	until "$@"; do
		if [[ -n $jasm_pid ]] && ! kill -0 "$jasm_pid" 2>/dev/null; then dump "JASM ended by itself"; fi
		if ((SECONDS > deadline)); then dump "waited in vain for $what"; fi
		sleep 0.1
	done
}

# jasm_log: the end of it; whoever sources this may define it anew.
jasm_log() {
	if [[ -e $work/logs/jasm.log ]]; then tail -n 40 "$work/logs/jasm.log"; fi
}

# dump WHY: shows what may explain a failure, and fails.
dump() {
	{
		if [[ -n $kubectl ]]; then
			printf '\n-- pods\n'
			"$kubectl" get pods --all-namespaces || true
			printf '\n-- events\n'
			"$kubectl" get events --all-namespaces || true
		fi
		printf '\n-- the end of the log of JASM\n'
		jasm_log || true
	} >&2
	fail "$1"
}
