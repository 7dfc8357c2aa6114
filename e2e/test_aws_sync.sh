#!/usr/bin/env bash
# Secrets from Secrets Manager and Parameter Store: there before the pods run, changed by a rollout,
# refused where no rule allows it, never written over somebody else's. Where it runs: see lib.sh.
set -euo pipefail

me=test_aws_sync
# shellcheck source=e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

arrive

username=$(file_of app)
password=$(file_of "$(random)")
token=$(file_of "$(random)")
port=$(file_of 5432)
# db FILE: the entry with this password.
db() { file_of "{\"username\": \"app\", \"password\": \"$(<"$1")\", \"port\": 5432}"; }

new_secret "/$space/db" "$(db "$password")"
new_parameter "/$space/token" SecureString "$token"
deploy shop secret/shop-db secret/shop-token <<-END
	jasm.codnod.io/secret-sync: |
	  - provider: aws
	    path: /$space/db
	    secretName: shop-db
	    names: env
	  - provider: aws-parameterstore
	    path: /$space/token
	    secretName: shop-token
	    key: TOKEN
END
rolled_out shop
has secret/shop-db USERNAME="$username" PASSWORD="$password" PORT="$port"
has secret/shop-token TOKEN="$token"
[[ $("$kubectl" get secret shop-db -o jsonpath='{.metadata.labels.app\.kubernetes\.io/managed-by} {.metadata.ownerReferences[*].kind}') == 'jasm Deployment' ]] ||
	dump 'the Secret shop-db is not labelled as made by JASM, or not owned by the Deployment'
within 60 'an event about each Secret' told SecretSynced shop-db
within 60 'an event about each Secret' told SecretSynced shop-token

changed=$(file_of "$(random)")
new_version "/$space/db" "$(db "$changed")"
# A read serves all pods of the next seconds, so the first restart may come too early to cause another.
restarted() {
	"$kubectl" rollout restart deployment/shop >/dev/null
	rolled_out shop
	holds secret/shop-db USERNAME="$username" PASSWORD="$changed" PORT="$port" 2>/dev/null
}
within 180 'a rollout to bring the new value' restarted
say 'a rollout brought the new value'

# It is really there, so that the rules alone keep it.
new_secret "/$space-other/db" "$(db "$password")"
deploy thief secret/stolen <<-END
	jasm.codnod.io/secret-sync: |
	  provider: aws
	  path: /$space-other/db
	  secretName: stolen
END
within 60 'an event that the rules do not allow it' told AccessDenied "/$space-other/db"
absent secret/stolen || dump 'the Secret was made although no rule allows it'
say 'what no rule allows was refused, and an event says so'

"$kubectl" create secret generic precious --from-file=mine="$token" >/dev/null
before=$("$kubectl" get secret precious -o jsonpath='{.metadata.resourceVersion}')
deploy intruder secret/precious <<-END
	jasm.codnod.io/secret-sync: |
	  provider: aws
	  path: /$space/db
	  secretName: precious
END
within 60 'an event that the Secret is somebody else'"'"'s' told NotOwned precious
has secret/precious mine="$token"
[[ $("$kubectl" get secret precious -o jsonpath='{.metadata.resourceVersion}') == "$before" ]] || dump "somebody else's Secret was written"
say "somebody else's Secret is as it was, and an event says so"

"$kubectl" delete deployment shop >/dev/null
within 120 'the Secret to go with its Deployment' absent secret/shop-db
say 'the Secret went with its Deployment'

stop_all
printf '%s: passed\n' "$me"
