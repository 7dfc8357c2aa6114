package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// quiet is how long a program must ask for nothing until it counts as done with its start.
const quiet = 2 * time.Second

// usage is what a program did in a span of time.
type usage struct {
	Program variant  `json:"program"`
	What    string   `json:"what"`
	Seconds float64  `json:"seconds"`
	Store   calls    `json:"store"`
	API     requests `json:"api"`
	CPU     float64  `json:"cpuSeconds"`
	RSSKiB  int      `json:"rssKiB"`
	PeakKiB int      `json:"peakRssKiB"`
}

type inPlaceResult struct {
	Targets int     `json:"targets"`
	Spans   []usage `json:"spans"`
}

const (
	restarted = "restart"
	idled     = "idle"
)

// inPlace has a program start where all pods run and all Secrets exist, and then watches it idle.
func (b *bench) inPlace(ctx context.Context, targets, count int, idle time.Duration) (inPlaceResult, error) {
	result := inPlaceResult{Targets: targets}
	pods := b.spreadOut(targets, false)
	for i, order := range turns([]variant{floor, jasm}, count) {
		if i == 0 {
			// What is in place is JASM's own work, as in life.
			if err := b.settleIn(ctx, pods); err != nil {
				return result, err
			}
		}
		for _, v := range order {
			spans, err := b.inPlaceTurn(ctx, v, i == count-1, idle)
			if err != nil {
				return result, fmt.Errorf("restart, %s: %w", v, err)
			}
			result.Spans = append(result.Spans, spans...)
		}
		say("restart: turn %d of %d", i+1, count)
	}
	return result, b.clear(ctx, pods)
}

// settleIn has JASM make the Secrets of pods, and the pods run.
func (b *bench) settleIn(ctx context.Context, pods []wanted) error {
	p, err := b.start(ctx, jasm, b.directly())
	if err != nil {
		return err
	}
	defer p.stop()
	b.board.wipe()
	if _, err := b.api.create(ctx, pods); err != nil {
		return err
	}
	made := func() map[string]time.Time { return b.board.made }
	if err := allOf(ctx, b.board, roundDeadline, "the Secrets", secretKeys(pods), made); err != nil {
		return err
	}
	return b.api.run(ctx, pods)
}

// run says of pods what a kubelet would: that their containers run.
func (a *api) run(ctx context.Context, pods []wanted) error {
	now := time.Now().UTC().Format(time.RFC3339)
	status := body{"status": body{
		"phase": "Running", "startTime": now,
		"conditions": []any{body{"type": "Ready", "status": "True", "lastTransitionTime": now}},
		"containerStatuses": []any{body{
			"name": "app", "image": "example.invalid/app:1", "imageID": "example.invalid/app@sha256:0", "ready": true, "started": true,
			"restartCount": 0, "state": body{"running": body{"startedAt": now}},
		}},
	}}
	return few(pods, func(_ int, pod wanted) error {
		return a.do(ctx, http.MethodPatch, "/api/v1/namespaces/"+pod.namespace+"/pods/"+pod.name+"/status", status, nil)
	})
}

func (b *bench) inPlaceTurn(ctx context.Context, v variant, last bool, idle time.Duration) ([]usage, error) {
	b.store.take()
	begun := time.Now()
	p, err := b.start(ctx, v, b.directly())
	if err != nil {
		return nil, err
	}
	defer p.stop()
	first, err := b.untilQuiet(ctx, p, v, begun)
	if err != nil || !last {
		return []usage{first}, err
	}
	before, err := b.measure(p)
	if err != nil {
		return nil, err
	}
	begun = time.Now()
	if err := sleep(ctx, idle); err != nil {
		return nil, err
	}
	after, err := b.measure(p)
	return []usage{first, after.usage(v, idled, before.cpu, time.Since(begun))}, err
}

// untilQuiet sums up what a program does until it asks nobody for anything for a while.
func (b *bench) untilQuiet(ctx context.Context, p *program, v variant, begun time.Time) (usage, error) {
	var sum usage
	lasted := time.Since(begun)
	for active := time.Now(); time.Since(active) < quiet; {
		if time.Since(begun) > roundDeadline {
			return sum, fmt.Errorf("%s still asks for something after %v", v, roundDeadline)
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return sum, err
		}
		now, err := b.measure(p)
		if err != nil {
			return sum, err
		}
		if now.store.total()+now.api.all() > 0 {
			active, lasted = time.Now(), time.Since(begun)
		}
		now.store, now.api = now.store.plus(sum.Store), now.api.plus(sum.API)
		sum = now.usage(v, restarted, 0, lasted)
	}
	return sum, nil
}

func (m measured) usage(v variant, what string, before time.Duration, lasted time.Duration) usage {
	return usage{
		Program: v, What: what, Seconds: round(lasted.Seconds(), 1e3), Store: m.store, API: m.api,
		CPU: round((m.cpu - before).Seconds(), 1e5), RSSKiB: m.rss, PeakKiB: m.peak,
	}
}

func (c calls) plus(more calls) calls {
	return calls{
		Single: c.Single + more.Single, Batches: c.Batches + more.Batches, Denied: c.Denied + more.Denied,
		Items: c.Items + more.Items, Most: max(c.Most, more.Most), Readers: max(c.Readers, more.Readers),
	}
}

func (r requests) plus(more requests) requests {
	return requests{
		Reads: r.Reads + more.Reads, Writes: r.Writes + more.Writes, Events: r.Events + more.Events,
		Watches: r.Watches + more.Watches, Refused: r.Refused + more.Refused,
		Tokens: r.Tokens + more.Tokens, Accounts: r.Accounts + more.Accounts,
	}
}

func (r *inPlaceResult) section() section {
	t := table{
		text: fmt.Sprintf("A program starts where %d pods run and their %d Secrets exist, until it asks nobody for anything for %v; then it is left alone. The median of the starts.",
			r.Targets, r.Targets, quiet),
		columns: []string{"", "", "s", "store calls", "API reads", "API writes", "events", "CPU s", "cores", "peak MiB", "MiB then"},
	}
	for _, what := range []string{restarted, idled} {
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

// usageCells are the medians of spans.
func usageCells(spans []usage) []string {
	of := func(pick func(usage) float64) float64 {
		var values []float64
		for _, span := range spans {
			values = append(values, pick(span))
		}
		return median(values)
	}
	whole := func(pick func(usage) int) string {
		return fmt.Sprintf("%.0f", of(func(u usage) float64 { return float64(pick(u)) }))
	}
	return []string{
		fmt.Sprintf("%.1f", of(func(u usage) float64 { return u.Seconds })),
		whole(func(u usage) int { return u.Store.total() }), whole(func(u usage) int { return u.API.Reads }),
		whole(func(u usage) int { return u.API.Writes }), whole(func(u usage) int { return u.API.Events }),
		fmt.Sprintf("%.3f", of(func(u usage) float64 { return u.CPU })),
		fmt.Sprintf("%.4f", of(func(u usage) float64 { return u.CPU / u.Seconds })),
		mebibytes(of(func(u usage) float64 { return float64(u.PeakKiB) })), mebibytes(of(func(u usage) float64 { return float64(u.RSSKiB) })),
	}
}
