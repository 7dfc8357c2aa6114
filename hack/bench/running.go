package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// What the kubelet itself needs for a Secret is the difference of the first two; what waiting for a
// program costs beyond that is the difference of the others to the second.
const (
	without variant = "without a Secret"
	already variant = "with a Secret that is there already"
)

// runningTurn is one burst of pods that a kubelet runs.
type runningTurn struct {
	Program variant `json:"program"`
	Running spread  `json:"createdToRunning"`
	Secret  spread  `json:"createdToSecret"`
	// BackedOff counts pods whose kubelet found no Secret at first, and tries again after its own pause.
	BackedOff int     `json:"podsThatMetTheBackOff"`
	CPU       float64 `json:"cpuSeconds"`

	running, secret []float64
}

type runningResult struct {
	Pods      int                `json:"pods"`
	Running   map[variant]spread `json:"createdToRunning"`
	Secret    map[variant]spread `json:"createdToSecret"`
	BackedOff map[variant]int    `json:"podsThatMetTheBackOff"`
	RatioP50  ratio              `json:"jasmToFloorP50"`
	RatioP90  ratio              `json:"jasmToFloorP90"`
	P99       float64            `json:"jasmToFloorP99Pooled,omitempty"`
	Turns     []runningTurn      `json:"turns"`

	samples map[variant][]float64
}

func (b *bench) running(ctx context.Context, title string, pods, count int) (runningResult, error) {
	variants := []variant{without, already, floor, jasm}
	var result runningResult
	for i, order := range turns(variants, count) {
		said := ""
		for _, v := range order {
			turn, err := b.runningTurn(ctx, v, pods)
			if err != nil {
				return result, fmt.Errorf("%s, %s: %w", title, v, err)
			}
			result.Turns = append(result.Turns, turn)
			result.Pods = pods
			said += fmt.Sprintf("; %s %.2f/%.2f s", v, turn.Running.P50, slices.Max(turn.running))
		}
		say("%s: turn %d of %d, p50/max to Running%s", title, i+1, count, said)
	}
	result.summarize(variants)
	return result, nil
}

func (b *bench) runningTurn(ctx context.Context, v variant, count int) (runningTurn, error) {
	result := runningTurn{Program: v}
	var p *program
	if v == floor || v == jasm {
		var err error
		if p, err = b.start(ctx, v, b.directly()); err != nil {
			return result, err
		}
		defer p.stop()
		if err := b.warm(ctx, b.spreadOut(min(10, b.options.namespaces), false)); err != nil {
			return result, err
		}
	}
	b.board.wipe()
	pods := b.spreadOut(count, true)
	for i := range pods {
		switch v {
		case without:
			pods[i].secret, pods[i].path = "", ""
		case already:
			pods[i].path = ""
			if err := b.api.makeSecret(ctx, pods[i].namespace, pods[i].secret); err != nil {
				return result, err
			}
		}
	}
	var before time.Duration
	var err error
	if p != nil {
		if before, err = cpuTime(p.cmd.Process.Pid); err != nil {
			return result, err
		}
	}
	created, err := b.api.create(ctx, pods)
	if err != nil {
		return result, err
	}
	keys := make([]string, len(pods))
	for i, pod := range pods {
		keys[i] = pod.key()
	}
	if err := allOf(ctx, b.board, roundDeadline, "all pods to run", keys, func() map[string]time.Time { return b.board.running }); err != nil {
		return result, err
	}
	if p != nil {
		after, err := cpuTime(p.cmd.Process.Pid)
		if err != nil {
			return result, err
		}
		result.CPU = round((after - before).Seconds(), 1e4)
	}
	b.board.lock.Lock()
	for _, pod := range pods {
		at := created[pod.key()].answered
		result.running = append(result.running, b.board.running[pod.key()].Sub(at).Seconds())
		if made, ok := b.board.made[pod.secretKey()]; ok && p != nil {
			result.secret = append(result.secret, made.Sub(at).Seconds())
		}
	}
	result.BackedOff = len(b.board.backedOff)
	b.board.lock.Unlock()
	result.Running, result.Secret = spreadOf(result.running), spreadOf(result.secret)
	if p != nil {
		p.stop()
	}
	if err := b.clear(ctx, pods); err != nil {
		return result, err
	}
	// The kubelet tidies up behind its pods for a moment longer.
	return result, sleep(ctx, 2*time.Second)
}

// makeSecret makes what a program would have made.
func (a *api) makeSecret(ctx context.Context, namespace, name string) error {
	secret := body{
		"apiVersion": "v1", "kind": "Secret",
		"metadata":   body{"name": name, "labels": body{"app.kubernetes.io/managed-by": "jasm"}},
		"stringData": body{"username": "app", "password": "not-a-password", "port": "5432"},
	}
	return a.do(ctx, http.MethodPost, "/api/v1/namespaces/"+namespace+"/secrets", secret, nil)
}

func (r *runningResult) summarize(variants []variant) {
	r.samples = map[variant][]float64{}
	r.Running, r.Secret, r.BackedOff = map[variant]spread{}, map[variant]spread{}, map[variant]int{}
	secret, p50, p90 := map[variant][]float64{}, map[variant][]float64{}, map[variant][]float64{}
	for _, t := range r.Turns {
		v := t.Program
		r.samples[v] = append(r.samples[v], t.running...)
		secret[v] = append(secret[v], t.secret...)
		r.BackedOff[v] += t.BackedOff
		p50[v], p90[v] = append(p50[v], t.Running.P50), append(p90[v], t.Running.P90)
	}
	for _, v := range variants {
		r.Running[v], r.Secret[v] = spreadOf(r.samples[v]), spreadOf(secret[v])
	}
	r.RatioP50, r.RatioP90 = ratioOf(p50[jasm], p50[floor]), ratioOf(p90[jasm], p90[floor])
	if mine, theirs := r.Running[jasm].P99, r.Running[floor].P99; mine != nil && theirs != nil {
		r.P99 = round(*mine / *theirs, 1e3)
	}
}

func (r *runningResult) section() section {
	count := len(r.Turns) / max(1, len(r.Running))
	times := table{
		text: fmt.Sprintf("Seconds from the API server's answer that the pod exists to Running, seen by a watch of the benchmark's own: "+
			"%d pods at once, turns of each kind: %d, pooled; ratios of neighbouring turns to the floor, their median and range.", r.Pods, count),
		columns: []string{"", "p50", "p90", "p99", "max", "p50 ÷ floor", "p90 ÷ floor", "Secret p50", "Secret max", "pods that met the back-off"},
	}
	for _, v := range []variant{without, already, floor, jasm} {
		s, secret := r.Running[v], r.Secret[v]
		row := []string{string(v), seconds(s.P50), seconds(s.P90), p99(s), seconds(s.Max), "", "", "", "", fmt.Sprintf("%d of %d", r.BackedOff[v], s.Count)}
		if v == jasm {
			row[5], row[6] = r.RatioP50.String(), r.RatioP90.String()
		}
		if secret.Count > 0 {
			row[7], row[8] = seconds(secret.P50), seconds(secret.Max)
		}
		times.rows = append(times.rows, row)
	}
	made := section{Data: r, Tables: []table{times}, Figure: runningFigure, Panel: panel{title: fmt.Sprintf("%d pods at once, turns: %d", r.Pods, count)}}
	for _, v := range []variant{without, already, floor, jasm} {
		made.Panel.curves = append(made.Panel.curves, curve{name: v, seconds: r.samples[v]})
	}
	return made
}
