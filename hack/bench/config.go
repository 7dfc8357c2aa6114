package main

import (
	"fmt"
	"strings"
)

// identity is as whom JASM reads a store.
type identity string

const (
	asController identity = "controller"
	asWorkload   identity = "workload"
)

// config is JASM's, with these stores.
func config(stores ...string) string {
	return "listen: 127.0.0.1:0\nstores:\n" + strings.Join(stores, "")
}

// awsStore is one of AWS Secrets Manager.
func awsStore(name, address string) string {
	return fmt.Sprintf(`  - name: %s
    kind: aws-secretsmanager
    region: %s
    account: "%s"
    identity: %s
    endpoint: http://%s
    allow:
      - namespaces: ["bench-*"]
        paths: ["/{namespace}/**"]
`, name, region, account, asController, address)
}

// asPods is the same, read as the pods themselves.
func asPods(store, sts string) string {
	return strings.Replace(store, "identity: "+string(asController), "identity: "+string(asWorkload), 1) +
		fmt.Sprintf("    stsEndpoint: http://%s\n", sts)
}

// vaultStore needs JASM's own token where it is read as the controller.
func vaultStore(address string, as identity, tokenFile string) string {
	role := "'{serviceaccount}'"
	if as == asController {
		role = "jasm\n    tokenFile: " + tokenFile
	}
	return fmt.Sprintf(`  - name: vault
    kind: vault
    address: http://%s
    identity: %s
    role: %s
    allow:
      - namespaces: ["bench-*"]
        paths: ["{namespace}/**"]
`, address, as, role)
}
