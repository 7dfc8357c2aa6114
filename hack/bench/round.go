package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

type kind string

// What the kubelet itself needs for a Secret is the difference of the first two, what waiting for
// JASM costs beyond that is the difference of the last two.
const (
	without kind = "without a Secret"
	already kind = "with a Secret that is there already"
	with    kind = "with a Secret from JASM"
)

var kinds = []kind{without, already, with}

// The label of the pods here, and the one that JASM puts on its objects.
const (
	podLabel  = "jasm-bench"
	ownerName = "app.kubernetes.io/managed-by=jasm"
)

// round is one burst of pods; the times are seconds from the request that creates the pod.
type round struct {
	kind      kind
	running   []float64
	secret    []float64
	backedOff int
	usage     usage
	calls     map[string]int
	most      int
}

type bench struct {
	api   *api
	store *store
	jasm  *jasm

	lock    sync.Mutex
	current *burst
	number  int
	secrets int
}

// burst is a round under way. Keys are namespaces: each has one pod.
type burst struct {
	name             string
	created, running map[string]time.Time
	secret           map[string]time.Time
	backedOff        map[string]bool
	live             map[string]bool
	changed          chan struct{}
}

func (b *bench) watch(ctx context.Context, fail func(error)) error {
	if err := b.api.watch(ctx, "/api/v1/pods", podLabel, b.takePod, fail); err != nil {
		return err
	}
	return b.api.watch(ctx, "/api/v1/secrets", ownerName, b.takeSecret, fail)
}

func (b *bench) takePod(event string, pod *object, at time.Time) {
	b.lock.Lock()
	defer b.lock.Unlock()
	burst, namespace := b.current, pod.Metadata.Namespace
	if burst == nil || pod.Metadata.Name != burst.name {
		return
	}
	if event == "DELETED" {
		delete(burst.live, namespace)
		burst.tell()
		return
	}
	for _, container := range pod.Status.ContainerStatuses {
		if waiting := container.State.Waiting; waiting != nil && waiting.Reason == "CreateContainerConfigError" {
			burst.backedOff[namespace] = true
		}
	}
	if _, known := burst.running[namespace]; !known && pod.Status.Phase == "Running" {
		burst.running[namespace] = at
		burst.tell()
	}
}

func (b *bench) takeSecret(event string, secret *object, at time.Time) {
	b.lock.Lock()
	defer b.lock.Unlock()
	switch event {
	case "ADDED":
		b.secrets++
	case "DELETED":
		b.secrets--
	}
	if burst := b.current; burst != nil && event == "ADDED" && secret.Metadata.Name == burst.name {
		burst.secret[secret.Metadata.Namespace] = at
	}
	if b.current != nil {
		b.current.tell()
	}
}

func (u *burst) tell() {
	select {
	case u.changed <- struct{}{}:
	default:
	}
}

// until waits for something that the watches bring about.
func (b *bench) until(ctx context.Context, burst *burst, what string, reached func() (done bool, state string)) error {
	ctx, cancel := context.WithTimeout(ctx, roundDeadline)
	defer cancel()
	for {
		b.lock.Lock()
		done, state := reached()
		b.lock.Unlock()
		if done {
			return nil
		}
		select {
		case <-burst.changed:
		case <-ctx.Done():
			return fmt.Errorf("%s: waited for %s, got as far as %s (%w)", burst.name, what, state, context.Cause(ctx))
		}
	}
}

// round creates a pod in every namespace at once, waits until all run, and clears them away.
func (b *bench) round(ctx context.Context, kind kind, namespaces []string) (round, error) {
	b.number++
	burst := &burst{
		name:    fmt.Sprintf("round-%d", b.number),
		created: map[string]time.Time{}, running: map[string]time.Time{}, secret: map[string]time.Time{},
		backedOff: map[string]bool{}, live: map[string]bool{},
		changed: make(chan struct{}, 1),
	}
	for _, namespace := range namespaces {
		burst.live[namespace] = true
	}
	b.lock.Lock()
	b.current = burst
	b.lock.Unlock()
	if kind == already {
		err := each(namespaces, func(_ int, namespace string) error {
			secret := map[string]any{
				"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": burst.name},
				"stringData": map[string]any{"username": "app", "password": "not-a-password", "port": "5432"},
			}
			return b.api.do(ctx, http.MethodPost, "/api/v1/namespaces/"+namespace+"/secrets", secret, nil)
		})
		if err != nil {
			return round{}, err
		}
	}
	before, err := b.jasm.usage(ctx)
	if err != nil {
		return round{}, err
	}
	b.store.take()

	created := make([]time.Time, len(namespaces))
	err = each(namespaces, func(i int, namespace string) error {
		pod := pod(kind, burst.name, namespace)
		created[i] = time.Now()
		return b.api.do(ctx, http.MethodPost, "/api/v1/namespaces/"+namespace+"/pods", pod, nil)
	})
	if err != nil {
		return round{}, err
	}
	err = b.until(ctx, burst, "all pods to run", func() (bool, string) {
		return len(burst.running) == len(namespaces), fmt.Sprintf("%d of %d", len(burst.running), len(namespaces))
	})
	if err != nil {
		return round{}, err
	}
	after, err := b.jasm.usage(ctx)
	if err != nil {
		return round{}, err
	}
	result := round{kind: kind, usage: after.since(before), backedOff: len(burst.backedOff)}
	result.calls, result.most = b.store.take()
	b.lock.Lock()
	for i, namespace := range namespaces {
		result.running = append(result.running, burst.running[namespace].Sub(created[i]).Seconds())
		if at, ok := burst.secret[namespace]; ok {
			result.secret = append(result.secret, at.Sub(created[i]).Seconds())
		}
	}
	b.lock.Unlock()
	return result, b.clear(ctx, kind, burst, namespaces)
}

// clear deletes the pods and waits until they and their Secrets are gone, so that every round begins alike.
func (b *bench) clear(ctx context.Context, kind kind, burst *burst, namespaces []string) error {
	err := each(namespaces, func(_ int, namespace string) error {
		in := "/api/v1/namespaces/" + namespace
		err := b.api.do(ctx, http.MethodDelete, in+"/pods/"+burst.name, nil, nil)
		if err == nil && kind == already {
			err = b.api.do(ctx, http.MethodDelete, in+"/secrets/"+burst.name, nil, nil)
		}
		return err
	})
	if err != nil {
		return err
	}
	err = b.until(ctx, burst, "pods and Secrets to go", func() (bool, string) {
		return len(burst.live) == 0 && b.secrets == 0, fmt.Sprintf("%d pods, %d Secrets left", len(burst.live), b.secrets)
	})
	if err != nil {
		return err
	}
	// The kubelet tidies up behind its pods for a moment longer.
	select {
	case <-time.After(2 * time.Second):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pod has no token of a ServiceAccount: mounting it would take longer than the Secret, and hide the wait for that.
func pod(kind kind, name, namespace string) any {
	container := map[string]any{"name": "app", "image": "example.invalid/app:1"}
	annotations := map[string]any{}
	if kind != without {
		container["envFrom"] = []any{map[string]any{"secretRef": map[string]any{"name": name}}}
	}
	if kind == with {
		annotations["jasm.codnod.io/secret-sync"] = fmt.Sprintf("provider: aws\npath: /%s/app\nsecretName: %s\n", namespace, name)
	}
	return map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"name": name, "labels": map[string]any{podLabel: name}, "annotations": annotations},
		"spec": map[string]any{
			"terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false, "containers": []any{container},
		},
	}
}
