package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// The label of the pods here, and the one that both programs put on their objects.
const (
	podLabel  = "jasm-bench"
	ownerName = "app.kubernetes.io/managed-by=jasm"
)

// board is what the benchmark's own watches saw, and when. Keys are namespace/name.
type board struct {
	lock sync.Mutex
	// made and running are of the burst under way; livePods and liveSecrets are what there is.
	made, running         map[string]time.Time
	backedOff             map[string]bool
	livePods, liveSecrets map[string]bool
	changed               chan struct{}
}

func newBoard() *board {
	b := &board{livePods: map[string]bool{}, liveSecrets: map[string]bool{}, changed: make(chan struct{}, 1)}
	b.wipe()
	return b
}

// wipe forgets what was seen, but not what there is.
func (b *board) wipe() {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.made, b.running, b.backedOff = map[string]time.Time{}, map[string]time.Time{}, map[string]bool{}
}

func (b *board) watch(ctx context.Context, a *api, fail func(error)) error {
	if err := a.watch(ctx, "/api/v1/pods", podLabel, b.takePod, fail); err != nil {
		return err
	}
	return a.watch(ctx, "/api/v1/secrets", ownerName, b.takeSecret, fail)
}

func (b *board) takePod(event string, pod *object, at time.Time) {
	b.lock.Lock()
	defer b.lock.Unlock()
	defer b.tell()
	key := pod.Metadata.Namespace + "/" + pod.Metadata.Name
	if event == "DELETED" {
		delete(b.livePods, key)
		return
	}
	b.livePods[key] = true
	for _, container := range pod.Status.ContainerStatuses {
		if waiting := container.State.Waiting; waiting != nil && waiting.Reason == "CreateContainerConfigError" {
			b.backedOff[key] = true
		}
	}
	if _, known := b.running[key]; !known && pod.Status.Phase == "Running" {
		b.running[key] = at
	}
}

func (b *board) takeSecret(event string, secret *object, at time.Time) {
	b.lock.Lock()
	defer b.lock.Unlock()
	defer b.tell()
	key := secret.Metadata.Namespace + "/" + secret.Metadata.Name
	switch event {
	case "ADDED":
		b.made[key] = at
		b.liveSecrets[key] = true
	case "DELETED":
		delete(b.liveSecrets, key)
	}
}

func (b *board) tell() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// until waits for something that the watches bring about. `reached` is called under the lock.
func (b *board) until(ctx context.Context, limit time.Duration, what string, reached func() (done bool, state string)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		b.lock.Lock()
		done, state := reached()
		b.lock.Unlock()
		if done {
			return nil
		}
		select {
		case <-b.changed:
		case <-ctx.Done():
			return fmt.Errorf("waited for %s, got as far as %s (%w)", what, state, context.Cause(ctx))
		}
	}
}

// allOf waits until every key is in the set that `in` picks.
func allOf[V any](ctx context.Context, b *board, limit time.Duration, what string, keys []string, in func() map[string]V) error {
	return b.until(ctx, limit, what, func() (bool, string) {
		found := 0
		for _, key := range keys {
			if _, ok := in()[key]; ok {
				found++
			}
		}
		return found == len(keys), fmt.Sprintf("%d of %d", found, len(keys))
	})
}
