package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// settle is how long a program has, after the last Secret of a burst, until its memory counts as settled:
// less than the 5 s after which JASM looks again for pods that still wait, as these do.
const settle = 3 * time.Second

// turn is one burst of pods served by one program, which was started for it.
type turn struct {
	Program variant `json:"program"`
	// Secret is the time until a watch of the benchmark's own saw the Secret: since the API server's
	// answer that the pod exists, and since it was asked for the pod.
	Secret    spread   `json:"createdToSecret"`
	FromAsked spread   `json:"askedToSecret"`
	Store     calls    `json:"store"`
	API       requests `json:"api"`
	// Exchanges are tokens of ServiceAccounts that were shown to the store's token service.
	Exchanges int     `json:"exchanges"`
	CPU       float64 `json:"cpuSeconds"`
	PeakKiB   int     `json:"peakRssKiB"`
	RSSKiB    int     `json:"settledRssKiB"`

	seconds, asked []float64
}

type burstResult struct {
	Pods       int                `json:"pods"`
	Targets    int                `json:"targets"`
	Namespaces int                `json:"namespaces"`
	Pooled     map[variant]spread `json:"pooled"`
	PooledAsk  map[variant]spread `json:"pooledFromAsked"`
	// Base is the program that the others are compared with: the first.
	Base      variant             `json:"base"`
	RatioP50  map[variant]ratio   `json:"ratioToBaseP50"`
	RatioP90  map[variant]ratio   `json:"ratioToBaseP90"`
	RatioP99  map[variant]ratio   `json:"ratioToBaseP99,omitempty"`
	PooledP99 map[variant]float64 `json:"ratioToBaseP99Pooled,omitempty"`
	Turns     []turn              `json:"turns"`

	samples map[variant][]float64
}

// names are namespaces that both the makers and the config's rules know.
func names(count int) []string {
	made := make([]string, count)
	for i := range made {
		made[i] = fmt.Sprintf("bench-%04d", i+1)
	}
	return made
}

// spreadOut is one pod with a Secret of its own in each namespace. Each round asks for paths of its own,
// as JASM would else serve it from the reads of the round before, if that was less than 5 s ago.
func (b *bench) spreadOut(count int, run bool) []wanted {
	b.number++
	pods := make([]wanted, count)
	for i, namespace := range names(count) {
		name := fmt.Sprintf("round-%d", b.number)
		pods[i] = wanted{namespace: namespace, name: name, secret: name, path: "/" + namespace + "/" + name, store: "aws", run: run}
	}
	return pods
}

// replicas are pods of one Secret.
func (b *bench) replicas(count int) []wanted {
	pods := b.spreadOut(1, false)
	for i := range count {
		pod := pods[0]
		pod.name = fmt.Sprintf("%s-%d", pod.name, i)
		pods = append(pods, pod)
	}
	return pods[1:]
}

// turns lists what takes turns so that neighbours are pairs and none is always first: A B C, C B A, ….
func turns[T any](variants []T, count int) [][]T {
	var order [][]T
	for i := range count {
		next := slices.Clone(variants)
		if i%2 == 1 {
			slices.Reverse(next)
		}
		order = append(order, next)
	}
	return order
}

// lap is a program with what it is to do.
type lap struct {
	program variant
	in      surroundings
	// warm are served before anything is measured, and pods then.
	warm, pods func() []wanted
}

// laps are of programs that do the same thing.
func (b *bench) laps(pods func() []wanted, variants ...variant) []lap {
	var all []lap
	for _, v := range variants {
		warm := func() []wanted { return b.spreadOut(min(10, b.options.namespaces), false) }
		all = append(all, lap{program: v, in: b.directly(), warm: warm, pods: pods})
	}
	return all
}

// burst measures every lap `count` times, in turns.
func (b *bench) burst(ctx context.Context, title string, laps []lap, count int) (burstResult, error) {
	var result burstResult
	for i, order := range turns(laps, count) {
		said := ""
		for _, l := range order {
			turn, targets, err := b.burstTurn(ctx, l)
			if err != nil {
				return result, fmt.Errorf("%s, %s: %w", title, l.program, err)
			}
			result.Turns = append(result.Turns, turn)
			result.Pods, result.Targets = len(turn.seconds), targets
			said += fmt.Sprintf("; %s %.3f/%.3f s, %.2f s of CPU", l.program, turn.Secret.P50, slices.Max(turn.seconds), turn.CPU)
		}
		say("%s: turn %d of %d, p50/max%s", title, i+1, count, said)
	}
	result.summarize()
	return result, nil
}

func (b *bench) burstTurn(ctx context.Context, l lap) (turn, int, error) {
	result := turn{Program: l.program}
	p, err := b.start(ctx, l.program, l.in)
	if err != nil {
		return result, 0, err
	}
	defer p.stop()
	// Its connections and credentials are there, and JASM knows whether the store takes batches.
	if err := b.warm(ctx, l.warm()); err != nil {
		return result, 0, err
	}
	before, err := b.measure(p)
	if err != nil {
		return result, 0, err
	}
	pods := l.pods()
	created, err := b.api.create(ctx, pods)
	if err != nil {
		return result, 0, err
	}
	keys := secretKeys(pods)
	if err := allOf(ctx, b.board, roundDeadline, "the Secrets", keys, func() map[string]time.Time { return b.board.made }); err != nil {
		return result, 0, err
	}
	if err := sleep(ctx, settle); err != nil {
		return result, 0, err
	}
	after, err := b.measure(p)
	if err != nil {
		return result, 0, err
	}
	b.board.lock.Lock()
	for _, pod := range pods {
		made, at := b.board.made[pod.secretKey()], created[pod.key()]
		result.seconds = append(result.seconds, made.Sub(at.answered).Seconds())
		result.asked = append(result.asked, made.Sub(at.asked).Seconds())
	}
	b.board.lock.Unlock()
	result.Secret, result.FromAsked = spreadOf(result.seconds), spreadOf(result.asked)
	result.Store, result.API, result.Exchanges = after.store, after.api, after.exchanges
	result.CPU = round((after.cpu - before.cpu).Seconds(), 1e4)
	result.RSSKiB, result.PeakKiB = after.rss, after.peak
	p.stop()
	return result, len(keys), b.clear(ctx, pods)
}

// warm has pods served, and clears them away.
func (b *bench) warm(ctx context.Context, pods []wanted) error {
	b.board.wipe()
	if _, err := b.api.create(ctx, pods); err != nil {
		return err
	}
	made := func() map[string]time.Time { return b.board.made }
	if err := allOf(ctx, b.board, roundDeadline, "the first Secrets", secretKeys(pods), made); err != nil {
		return err
	}
	if err := b.clear(ctx, pods); err != nil {
		return err
	}
	b.board.wipe()
	return sleep(ctx, time.Second)
}

func secretKeys(pods []wanted) []string {
	keys := map[string]string{}
	for _, pod := range pods {
		keys[pod.secretKey()] = pod.secretKey()
	}
	return values(keys)
}

// measured is the state of a program and what was asked for since the measure before.
type measured struct {
	cpu       time.Duration
	rss, peak int
	store     calls
	api       requests
	exchanges int
}

func (b *bench) measure(p *program) (measured, error) {
	var m measured
	var err error
	if m.cpu, err = cpuTime(p.cmd.Process.Pid); err != nil {
		return m, err
	}
	if m.rss, m.peak, err = memory(p.cmd.Process.Pid); err != nil {
		return m, err
	}
	m.store = p.in.store.take()
	if p.in.desk != nil {
		m.exchanges = p.in.desk.take()
	}
	m.api, err = b.audit.take(p.user)
	return m, err
}

func (r *burstResult) summarize() {
	variants := variantsOf(r.Turns)
	base := variants[0]
	r.Base = base
	r.Pooled, r.PooledAsk, r.samples = map[variant]spread{}, map[variant]spread{}, map[variant][]float64{}
	r.RatioP50, r.RatioP90, r.RatioP99 = map[variant]ratio{}, map[variant]ratio{}, map[variant]ratio{}
	r.PooledP99 = map[variant]float64{}
	p50, p90, p99 := map[variant][]float64{}, map[variant][]float64{}, map[variant][]float64{}
	asked := map[variant][]float64{}
	for _, t := range r.Turns {
		v := t.Program
		r.samples[v] = append(r.samples[v], t.seconds...)
		asked[v] = append(asked[v], t.asked...)
		p50[v] = append(p50[v], t.Secret.P50)
		p90[v] = append(p90[v], t.Secret.P90)
		if t.Secret.P99 != nil {
			p99[v] = append(p99[v], *t.Secret.P99)
		}
	}
	for _, v := range variants {
		r.Pooled[v], r.PooledAsk[v] = spreadOf(r.samples[v]), spreadOf(asked[v])
		if v == base {
			continue
		}
		r.RatioP50[v], r.RatioP90[v] = ratioOf(p50[v], p50[base]), ratioOf(p90[v], p90[base])
		if len(p99[base]) > 0 {
			r.RatioP99[v] = ratioOf(p99[v], p99[base])
		}
		if mine, theirs := r.Pooled[v].P99, r.Pooled[base].P99; mine != nil && theirs != nil {
			r.PooledP99[v] = round(*mine / *theirs, 1e3)
		}
	}
}

// medians of a column of the turns of a variant.
func (r *burstResult) median(v variant, of func(turn) float64) float64 {
	var values []float64
	for _, t := range r.Turns {
		if t.Program == v {
			values = append(values, of(t))
		}
	}
	return median(values)
}
