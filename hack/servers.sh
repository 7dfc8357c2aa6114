# shellcheck shell=bash
# What the demos that have servers of their own need for them. The script that sources it sources
# hack/lib.sh before, and ends moto, if it starts it, in its stop_own.
# shellcheck disable=SC2034 # whoever sources this uses what is set here

moto='' moto_pid=''

# step WHAT COMMAND...: one part of a preparation, with a line that says how long it took.
step() {
	local what=$1 started
	started=$(now)
	shift
	"$@" || fail "$what: that failed"
	say "$what: $(since "$started")"
}

# Two ports that are free, one after the other: OpenBao takes the second for itself.
ports() {
	python3 - <<-'END'
		import socket
		while True:
		    first = socket.socket()
		    first.bind(("127.0.0.1", 0))
		    port = first.getsockname()[1]
		    try:
		        socket.socket().bind(("127.0.0.1", port + 1))
		    except OSError:
		        continue
		    print(port)
		    break
	END
}

# http METHOD URL BODY HEADER...: prints the answer; what is no success fails.
http() {
	python3 - "$@" <<-'END'
		import sys, urllib.error, urllib.request
		method, url, body, *headers = sys.argv[1:]
		request = urllib.request.Request(url, method=method, data=body.encode() if body else None)
		for header in headers:
		    request.add_header(*header.split(": ", 1))
		opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
		try:
		    print(opener.open(request, timeout=20).read().decode())
		except (urllib.error.URLError, OSError) as error:
		    sys.exit(f"{method} {url}: {error}")
	END
}

answers() { http GET "$1" '' >/dev/null 2>&1; }

# start_moto: the AWS of the demos at the address `moto`; tests/tools/moto.sh said where its program is.
start_moto() {
	local port
	port=$(ports)
	moto=http://127.0.0.1:$port
	"$(<"${work:?}/moto-program")" -H 127.0.0.1 -p "$port" >"${work:?}/logs/moto.log" 2>&1 </dev/null 5<&- 6>&- 7>&- 8>&- &
	moto_pid=$!
}
