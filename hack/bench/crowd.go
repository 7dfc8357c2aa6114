package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	// crowdNamespaces share the pods of a crowd.
	crowdNamespaces = 50
	// updateRate is how many pods change their status each second.
	updateRate = 50
)

const (
	listed  = "list"
	updated = "status updates"
)

// crowdResult is of a cluster with many pods of which few are annotated.
type crowdResult struct {
	Pods      int `json:"pods"`
	Annotated int `json:"annotated"`
	// PodBytes is the size of one of them as the API server sends it.
	PodBytes int     `json:"podBytes"`
	Spans    []usage `json:"spans"`
	// Relist is seconds from the program's start until it has the whole list.
	Relist []float64 `json:"jasmSecondsToTheWholeList"`
}

// crowd grows the crowd to a size and measures there. It stays: deleting it would take as long again, and
// the cluster is thrown away.
func (b *bench) crowd(ctx context.Context, count, turnCount int, updates time.Duration) (crowdResult, error) {
	result := crowdResult{Pods: count}
	more := crowdPods(len(b.crowded), count)
	var annotated []wanted
	for _, pod := range more {
		if pod.path != "" {
			annotated = append(annotated, pod)
		}
	}
	if err := b.fill(ctx, more); err != nil {
		return result, err
	}
	if err := b.serveOnce(ctx, annotated); err != nil {
		return result, err
	}
	b.crowded = append(b.crowded, more...)
	b.kept += len(annotated)
	result.Annotated = b.kept
	var err error
	if result.PodBytes, err = b.api.size(ctx, b.crowded[1]); err != nil {
		return result, err
	}
	for i, order := range turns([]variant{floor, jasm}, turnCount) {
		for _, v := range order {
			if err := b.crowdTurn(ctx, v, updates, &result); err != nil {
				return result, fmt.Errorf("a crowd of %d, %s: %w", count, v, err)
			}
		}
		last := result.Spans[len(result.Spans)-1]
		say("a crowd of %d: turn %d of %d; %s then has %.1f MiB", count, i+1, turnCount, last.Program, float64(last.RSSKiB)/1024)
	}
	return result, nil
}

// crowdPods are as large as pods usually are; each hundredth asks for a Secret of its own.
func crowdPods(from, to int) []wanted {
	spaces := names(crowdNamespaces)
	var pods []wanted
	for i := from; i < to; i++ {
		pod := wanted{
			namespace: spaces[i%len(spaces)], name: fmt.Sprintf("crowd-%d", i), padding: true,
			labels: map[string]string{"app.kubernetes.io/name": "shop", "app.kubernetes.io/instance": "shop-eu", "pod-template-hash": "6d4cf56db6"},
		}
		if i%100 == 0 {
			pod.secret = pod.name
			pod.path, pod.store = "/"+pod.namespace+"/"+pod.name, "aws"
		}
		pods = append(pods, pod)
	}
	return pods
}

// fill creates the pods and says how far it is.
func (b *bench) fill(ctx context.Context, pods []wanted) error {
	const step = 5000
	begun := time.Now()
	for from := 0; from < len(pods); from += step {
		if time.Since(begun) > crowdDeadline {
			return fmt.Errorf("only %d of %d pods exist after %v", from, len(pods), crowdDeadline)
		}
		part := pods[from:min(from+step, len(pods))]
		err := few(part, func(_ int, pod wanted) error {
			return b.api.do(ctx, http.MethodPost, "/api/v1/namespaces/"+pod.namespace+"/pods", pod.object(), nil)
		})
		if err != nil {
			return err
		}
		// What a kubelet says of a pod is a good part of its size.
		if err := b.api.run(ctx, part); err != nil {
			return err
		}
		say("%d of %d pods exist, after %.0f s", from+len(part), len(pods), time.Since(begun).Seconds())
	}
	return nil
}

// crowdDeadline is how long making a crowd may take.
const crowdDeadline = 15 * time.Minute

func (a *api) size(ctx context.Context, pod wanted) (int, error) {
	response, err := a.request(ctx, a.client, http.MethodGet, "/api/v1/namespaces/"+pod.namespace+"/pods/"+pod.name, nil)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return len(text), err
}

// serveOnce has JASM make the Secrets of the crowd.
func (b *bench) serveOnce(ctx context.Context, annotated []wanted) error {
	b.board.wipe()
	p, err := b.start(ctx, jasm, b.directly())
	if err != nil {
		return err
	}
	defer p.stop()
	return allOf(ctx, b.board, roundDeadline, "the Secrets", secretKeys(annotated), func() map[string]time.Time { return b.board.made })
}

func (b *bench) crowdTurn(ctx context.Context, v variant, updates time.Duration, result *crowdResult) error {
	b.store.take()
	begun := time.Now()
	p, err := b.start(ctx, v, b.directly())
	if err != nil {
		return err
	}
	defer p.stop()
	if v != floor {
		// It is ready as soon as it has the whole list.
		result.Relist = append(result.Relist, round(time.Since(begun).Seconds(), 1e3))
	}
	first, err := b.untilQuiet(ctx, p, v, begun)
	if err != nil {
		return err
	}
	first.What = listed
	before, err := b.measure(p)
	if err != nil {
		return err
	}
	begun = time.Now()
	if err := b.update(ctx, b.crowded, updates); err != nil {
		return err
	}
	after, err := b.measure(p)
	result.Spans = append(result.Spans, first, after.usage(v, updated, before.cpu, time.Since(begun)))
	return err
}

// update changes the status of pods at random.
func (b *bench) update(ctx context.Context, pods []wanted, lasts time.Duration) error {
	count := int(lasts.Seconds() * updateRate)
	tick := time.NewTicker(time.Second / updateRate)
	defer tick.Stop()
	numbers := make([]int, count)
	for i := range numbers {
		numbers[i] = rand.IntN(len(pods))
	}
	start := make(chan struct{})
	go func() {
		for range count {
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
			start <- struct{}{}
		}
	}()
	return each(numbers, func(_ int, number int) error {
		<-start
		pod := pods[number]
		status := body{"status": body{"message": time.Now().Format(time.RFC3339Nano)}}
		return b.api.do(ctx, http.MethodPatch, "/api/v1/namespaces/"+pod.namespace+"/pods/"+pod.name+"/status", status, nil)
	})
}

func (r *crowdResult) section() section {
	t := table{
		text: fmt.Sprintf("%d pods of about %.1f KB, %d of them annotated, their Secrets in place: a program's start until it asks nobody for anything for %v, "+
			"then %d changes of a pod's status each second. JASM has the whole list %.2f s after its start. The median of the turns.",
			r.Pods, float64(r.PodBytes)/1000, r.Annotated, quiet, updateRate, median(r.Relist)),
		columns: []string{"", "", "s", "store calls", "API reads", "API writes", "events", "CPU s", "cores", "peak MiB", "MiB then"},
	}
	for _, what := range []string{listed, updated} {
		for _, v := range []variant{floor, jasm} {
			var spans []usage
			for _, span := range r.Spans {
				if span.Program == v && span.What == what {
					spans = append(spans, span)
				}
			}
			if len(spans) > 0 {
				t.rows = append(t.rows, append([]string{string(v), what}, usageCells(spans)...))
			}
		}
	}
	return section{Data: r, Tables: []table{t}}
}
