#!/usr/bin/env bash
# ConfigMaps from Parameter Store: a key for each entry, a file of all, the environment of one program;
# a secret value is refused. Where it runs: see lib.sh.
set -euo pipefail

me=test_config_sync
# shellcheck source=e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

arrive

http=$(file_of 8080)
currency=$(file_of EUR)
pool=$(file_of 10)
new_parameter "/$space/config/server.port" String "$http"
new_parameter "/$space/config/shop.currency" String "$currency"
new_parameter "/$space/config/db/pool" String "$pool"
password=$(file_of "$(random)")
new_secret "/$space/db" "$(file_of "{\"user\": \"app\", \"password\": \"$(<"$password")\"}")"
new_parameter "/$space/hidden" SecureString "$password"

deploy shop configmap/shop-config configmap/shop-file configmap/shop-env secret/shop-secrets <<-END
	jasm.codnod.io/config-sync: |
	  - provider: aws-parameterstore
	    path: /$space/config/**
	    configMapName: shop-config
	  - provider: aws-parameterstore
	    path: /$space/config/**
	    configMapName: shop-file
	    file: application.properties
	jasm.codnod.io/environment-name: shop
	jasm.codnod.io/environment: |
	  LOG_LEVEL: info
	  RATE: 1.190
	  DB_PASSWORD: {secret: /$space/db, provider: aws, key: password}
END
rolled_out shop
has configmap/shop-config server.port="$http" shop.currency="$currency" db.pool="$pool"
has configmap/shop-file application.properties="$(file_of $'db.pool=10\nserver.port=8080\nshop.currency=EUR\n')"
has configmap/shop-env LOG_LEVEL="$(file_of info)" RATE="$(file_of 1.190)"
has secret/shop-secrets DB_PASSWORD="$password"
within 60 'an event about the ConfigMap' told ConfigMapSynced shop-config

deploy leak configmap/leaked <<-END
	jasm.codnod.io/config-sync: |
	  provider: aws-parameterstore
	  path: /$space/hidden
	  configMapName: leaked
END
within 60 'an event that a secret value has no place in a ConfigMap' told AccessDenied leaked
absent configmap/leaked || dump 'a ConfigMap was made of a secret value'
say 'a secret value was kept out of a ConfigMap, and an event says so'

stop_all
printf '%s: passed\n' "$me"
