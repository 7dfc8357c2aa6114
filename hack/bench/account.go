package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

// accountNamespace is where the ServiceAccount jasm of config/rbac is.
const accountNamespace = "jasm-system"

type body = map[string]any

// makeFloorAccount gives the floor rights of its own, so that the audit log tells the programs apart.
func (a *api) makeFloorAccount(ctx context.Context) error {
	const rbac = "/apis/rbac.authorization.k8s.io/v1/"
	const name = "jasm-floor"
	role := body{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": body{"name": name}, "rules": []any{
		body{"apiGroups": []string{""}, "resources": []string{"pods"}, "verbs": []string{"list", "watch"}},
		body{"apiGroups": []string{""}, "resources": []string{"secrets"}, "verbs": []string{"create"}},
	}}
	binding := body{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": body{"name": name},
		"roleRef":  body{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
		"subjects": []any{body{"kind": "ServiceAccount", "name": name, "namespace": accountNamespace}},
	}
	account := body{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": body{"name": name}}
	for _, made := range []struct {
		path   string
		object body
	}{
		{"/api/v1/namespaces/" + accountNamespace + "/serviceaccounts", account},
		{rbac + "clusterroles", role},
		{rbac + "clusterrolebindings", binding},
	} {
		if err := a.do(ctx, http.MethodPost, made.path, made.object, nil); err != nil {
			return err
		}
	}
	return nil
}

// token is one of a program's ServiceAccount, for the API server itself if no audience is named.
func (a *api) token(ctx context.Context, name string, audiences ...string) (string, error) {
	var answer struct{ Status struct{ Token string } }
	ask := body{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": body{"expirationSeconds": 24 * 3600, "audiences": audiences}}
	path := "/api/v1/namespaces/" + accountNamespace + "/serviceaccounts/" + name + "/token"
	if err := a.do(ctx, http.MethodPost, path, ask, &answer); err != nil {
		return "", fmt.Errorf("no token for the ServiceAccount %s: %w", name, err)
	}
	return answer.Status.Token, nil
}

// accountFile writes a kubeconfig with a token of a ServiceAccount, so that a program has its rights
// and no others. Tokens are kept: each is good for longer than any run.
func (b *bench) accountFile(name string, s surroundings) (string, error) {
	token, known := b.tokens[name]
	if !known {
		var err error
		if token, err = b.api.token(context.Background(), name); err != nil {
			return "", err
		}
		b.tokens[name] = token
	}
	// JSON is YAML.
	text, err := json.Marshal(body{
		"apiVersion": "v1", "kind": "Config", "current-context": "jasm",
		"contexts": []any{body{"name": "jasm", "context": body{"cluster": "jasm", "user": "jasm"}}},
		"clusters": []any{body{"name": "jasm", "cluster": body{"server": s.server, "certificate-authority-data": s.authority}}},
		"users":    []any{body{"name": "jasm", "user": body{"token": token}}},
	})
	if err != nil {
		return "", err
	}
	file := filepath.Join(b.options.work, name+".kubeconfig")
	return file, os.WriteFile(file, text, 0o600)
}
