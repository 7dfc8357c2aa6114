package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// refusedShare is which write the API server refuses while it is out of sorts.
const refusedShare = 10

// patience is how long a Secret may take until it counts as lost.
const patience = time.Minute

// condition is what is wrong while pods are created.
type condition struct {
	name string
	// refuses has the API server answer 429 to a tenth of the writes.
	refuses bool
}

var (
	nothingWrong = condition{name: "nothing wrong"}
	tooBusy      = condition{name: "429 to a tenth of the writes", refuses: true}
)

// faultTurn is one burst.
type faultTurn struct {
	Program   variant `json:"program"`
	Condition string  `json:"condition"`
	Secret    spread  `json:"createdToSecret"`
	// Lost counts Secrets that are not there after a minute, Wrong those with the content of another.
	Lost    int     `json:"lost"`
	Wrong   int     `json:"wrong"`
	Refused int64   `json:"answersOf429"`
	CPU     float64 `json:"cpuSeconds"`

	seconds []float64
}

type faultResult struct {
	Pods  int         `json:"pods"`
	Rows  []faultRow  `json:"rows"`
	Turns []faultTurn `json:"turns"`
}

type faultRow struct {
	Program   variant `json:"program"`
	Condition string  `json:"condition"`
	Pooled    spread  `json:"pooled"`
	// Ratio is to the same program with nothing wrong, by the p99 where there are enough samples.
	RatioP50 float64 `json:"p50ToNothingWrong"`
	RatioP99 float64 `json:"p99ToNothingWrong,omitempty"`
	Lost     int     `json:"lost"`
	Wrong    int     `json:"wrong"`
	Refused  int64   `json:"answersOf429"`
}

type faultCase struct {
	program   variant
	condition condition
}

func (b *bench) faults(ctx context.Context, pods, count int) (faultResult, error) {
	result := faultResult{Pods: pods}
	between, err := startProxy(b.api)
	if err != nil {
		return result, err
	}
	defer between.stop()
	cases := []faultCase{{floor, nothingWrong}, {jasm, nothingWrong}, {jasm, tooBusy}, {floor, tooBusy}}
	through := b.directly()
	through.server, through.authority = between.address, between.authority
	for i, order := range turns(cases, count) {
		for _, c := range order {
			turn, err := b.faultTurn(ctx, c, pods, through, between)
			if err != nil {
				return result, fmt.Errorf("%s, %s: %w", c.condition.name, c.program, err)
			}
			result.Turns = append(result.Turns, turn)
		}
		say("faults: turn %d of %d", i+1, count)
	}
	for _, c := range cases {
		result.Rows = append(result.Rows, result.row(c))
	}
	return result, nil
}

func (b *bench) faultTurn(ctx context.Context, c faultCase, count int, s surroundings, between *proxy) (faultTurn, error) {
	result := faultTurn{Program: c.program, Condition: c.condition.name}
	p, err := b.start(ctx, c.program, s)
	if err != nil {
		return result, err
	}
	defer p.stop()
	if err := b.warm(ctx, b.spreadOut(min(10, b.options.namespaces), false)); err != nil {
		return result, err
	}
	pods := b.spreadOut(count, false)
	before, err := b.measure(p)
	if err != nil {
		return result, err
	}
	refusedBefore := between.refused.Load()
	if c.condition.refuses {
		between.every.Store(refusedShare)
		defer between.every.Store(0)
	}
	created, err := b.api.create(ctx, pods)
	if err != nil {
		return result, err
	}
	keys := secretKeys(pods)
	err = allOf(ctx, b.board, patience, "the Secrets", keys, func() map[string]time.Time { return b.board.made })
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return result, err
	}
	after, err := b.measure(p)
	if err != nil {
		return result, err
	}
	b.board.lock.Lock()
	for _, pod := range pods {
		if made, ok := b.board.made[pod.secretKey()]; ok {
			result.seconds = append(result.seconds, made.Sub(created[pod.key()].answered).Seconds())
		} else {
			result.Lost++
		}
	}
	b.board.lock.Unlock()
	if result.Wrong, err = b.api.wrong(ctx, pods); err != nil {
		return result, err
	}
	result.Secret, result.Refused = spreadOf(result.seconds), between.refused.Load()-refusedBefore
	result.CPU = round((after.cpu - before.cpu).Seconds(), 1e4)
	p.stop()
	return result, b.clear(ctx, pods)
}

// wrong counts the Secrets that have another content than the store's; those that do not exist are not counted.
func (a *api) wrong(ctx context.Context, pods []wanted) (int, error) {
	differs := make([]bool, len(pods))
	err := few(pods, func(i int, pod wanted) error {
		var secret struct{ Data map[string][]byte }
		err := a.do(ctx, http.MethodGet, "/api/v1/namespaces/"+pod.namespace+"/secrets/"+pod.secret, nil, &secret)
		var status *statusError
		if errors.As(err, &status) && status.code == http.StatusNotFound {
			return nil
		}
		data := secret.Data
		differs[i] = len(data) != 3 || string(data["username"]) != "app" || string(data["password"]) != password(pod.path) || string(data["port"]) != "5432"
		return err
	})
	count := 0
	for _, differ := range differs {
		if differ {
			count++
		}
	}
	return count, err
}

func (r *faultResult) row(c faultCase) faultRow {
	row := faultRow{Program: c.program, Condition: c.condition.name}
	var mine, undisturbed []float64
	for _, t := range r.Turns {
		if t.Program != c.program {
			continue
		}
		if t.Condition == nothingWrong.name {
			undisturbed = append(undisturbed, t.seconds...)
		}
		if t.Condition == c.condition.name {
			mine = append(mine, t.seconds...)
			row.Lost += t.Lost
			row.Wrong += t.Wrong
			row.Refused += t.Refused
		}
	}
	row.Pooled = spreadOf(mine)
	base := spreadOf(undisturbed)
	if base.P50 > 0 {
		row.RatioP50 = round(row.Pooled.P50/base.P50, 1e3)
	}
	if row.Pooled.P99 != nil && base.P99 != nil {
		row.RatioP99 = round(*row.Pooled.P99 / *base.P99, 1e3)
	}
	return row
}

func (r *faultResult) section() section {
	t := table{
		text: fmt.Sprintf("%d pods at once; seconds from the API server's answer that the pod exists to its Secret; turns of each: %d, pooled. "+
			"All through a proxy before the API server, which gives the answers of 429.", r.Pods, len(r.Turns)/max(1, len(r.Rows))),
		columns: []string{"", "", "p50", "p90", "p99", "max", "p50 ÷ nothing wrong", "p99 ÷ nothing wrong", "answers of 429", "lost", "wrong content"},
	}
	for _, row := range r.Rows {
		s := row.Pooled
		cells := []string{string(row.Program), row.Condition, seconds(s.P50), seconds(s.P90), p99(s), seconds(s.Max), "", "", fmt.Sprint(row.Refused), fmt.Sprint(row.Lost), fmt.Sprint(row.Wrong)}
		if row.Condition != nothingWrong.name {
			cells[6], cells[7] = fmt.Sprintf("%.2f", row.RatioP50), "–"
			if row.RatioP99 > 0 {
				cells[7] = fmt.Sprintf("%.2f", row.RatioP99)
			}
		}
		t.rows = append(t.rows, cells)
	}
	return section{Data: r, Tables: []table{t}}
}
