package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// nobody is a scheduler that does not exist: its pods stay as they were created, so that neither a
// scheduler nor a kubelet takes a share of the processors.
const nobody = "nobody"

// wanted is a pod to create.
type wanted struct {
	namespace, name string
	// secret is the Secret that it mounts into its environment; none if empty.
	secret string
	// path asks JASM or the floor for that Secret; nobody is asked if empty.
	path string
	// store is the word for the store in the annotation.
	store string
	// account is the ServiceAccount that it runs as; the namespace's own if empty.
	account string
	// run is false if no kubelet shall run it.
	run bool
	// padding makes it as large as pods usually are.
	padding bool
	labels  map[string]string
}

func (w wanted) key() string       { return w.namespace + "/" + w.name }
func (w wanted) secretKey() string { return w.namespace + "/" + w.secret }

// object has no token of a ServiceAccount: mounting it would take longer than the Secret, and hide the wait for that.
func (w wanted) object() body {
	container := body{"name": "app", "image": "example.invalid/app:1"}
	annotations := body{}
	if w.secret != "" {
		container["envFrom"] = []any{body{"secretRef": body{"name": w.secret}}}
	}
	if w.path != "" {
		annotations["jasm.codnod.io/secret-sync"] = fmt.Sprintf("provider: %s\npath: %s\nsecretName: %s\n", w.store, w.path, w.secret)
	}
	labels := w.labels
	if labels == nil {
		labels = map[string]string{podLabel: "burst"}
	}
	spec := body{"terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false, "containers": []any{container}}
	if w.account != "" {
		spec["serviceAccountName"] = w.account
	}
	if !w.run {
		spec["schedulerName"] = nobody
	}
	if w.padding {
		w.pad(container, annotations)
	}
	return body{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": body{"name": w.name, "labels": labels, "annotations": annotations},
		"spec":     spec,
	}
}

// pad adds what the manifest of a usual service has.
func (w wanted) pad(container, annotations body) {
	annotations["prometheus.io/scrape"], annotations["prometheus.io/port"] = "true", "9090"
	annotations["kubectl.kubernetes.io/restartedAt"] = "2026-01-01T00:00:00Z"
	annotations["checksum/config"] = strings.Repeat("0123456789abcdef", 4)
	var env []any
	for i := range 24 {
		env = append(env, body{"name": fmt.Sprintf("SHOP_SETTING_NUMBER_%d", i), "value": fmt.Sprintf("https://service-%d.%s.svc.cluster.local:8443/api/v2", i, w.namespace)})
	}
	container["env"] = env
	container["args"] = []string{"--listen=0.0.0.0:8080", "--metrics=0.0.0.0:9090", "--config=/etc/shop/application.properties", "--log-level=info"}
	container["ports"] = []any{body{"name": "http", "containerPort": 8080}, body{"name": "metrics", "containerPort": 9090}}
	container["resources"] = body{"requests": body{"cpu": "100m", "memory": "128Mi"}, "limits": body{"memory": "256Mi"}}
	container["securityContext"] = body{
		"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "runAsNonRoot": true,
		"capabilities": body{"drop": []string{"ALL"}}, "seccompProfile": body{"type": "RuntimeDefault"},
	}
	for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		container[probe] = body{"httpGet": body{"path": "/" + probe, "port": "http"}, "periodSeconds": 10, "failureThreshold": 3}
	}
}

// instant is when a pod was asked for, and when the API server answered that it exists.
type instant struct{ asked, answered time.Time }

// create asks for all pods at once, each without waiting for another.
func (a *api) create(ctx context.Context, pods []wanted) (map[string]instant, error) {
	return a.createEvery(ctx, pods, 0)
}

// createEvery asks for one pod after the other, each in its time, however long the others take.
func (a *api) createEvery(ctx context.Context, pods []wanted, interval time.Duration) (map[string]instant, error) {
	instants := make([]instant, len(pods))
	begun := time.Now()
	err := each(pods, func(i int, pod wanted) error {
		object := pod.object()
		if due := begun.Add(time.Duration(i) * interval); interval > 0 && !pause(ctx, time.Until(due)) {
			return context.Cause(ctx)
		}
		instants[i].asked = time.Now()
		response, err := a.request(ctx, a.client, http.MethodPost, "/api/v1/namespaces/"+pod.namespace+"/pods", object)
		instants[i].answered = time.Now()
		if err != nil {
			return err
		}
		return drain(response)
	})
	if err != nil {
		return nil, err
	}
	created := make(map[string]instant, len(pods))
	for i, pod := range pods {
		created[pod.key()] = instants[i]
	}
	return created, nil
}

// clear deletes pods and what was made for them, and waits until all is gone, so that every round begins alike.
func (b *bench) clear(ctx context.Context, pods []wanted) error {
	gone := func(path string) error {
		var status *statusError
		err := b.api.do(ctx, http.MethodDelete, path, nil, nil)
		// The garbage collector may have been first.
		if errors.As(err, &status) && status.code == http.StatusNotFound {
			return nil
		}
		return err
	}
	if err := each(pods, func(_ int, pod wanted) error {
		return gone("/api/v1/namespaces/" + pod.namespace + "/pods/" + pod.name)
	}); err != nil {
		return err
	}
	secrets := map[string]wanted{}
	for _, pod := range pods {
		if pod.secret != "" {
			secrets[pod.secretKey()] = pod
		}
	}
	err := each(values(secrets), func(_ int, pod wanted) error {
		return gone("/api/v1/namespaces/" + pod.namespace + "/secrets/" + pod.secret)
	})
	if err != nil {
		return err
	}
	return b.board.until(ctx, roundDeadline, "pods and Secrets to go", func() (bool, string) {
		left, leftSecrets := len(b.board.livePods), len(b.board.liveSecrets)
		return left+leftSecrets <= b.kept, fmt.Sprintf("%d pods and %d Secrets left", left, leftSecrets)
	})
}
