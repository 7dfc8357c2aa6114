package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// streamRate is how many pods are created each second while something hangs: far less than what the
	// machine can serve, so that a pod waits for nothing but its own Secret.
	streamRate = 50
	// stuckReaders get no answer of the token service.
	stuckReaders = "stuck"
)

// hangCase is what hangs, for whom.
type hangCase struct {
	as    identity
	hangs bool
}

func (c hangCase) String() string {
	switch {
	case !c.hangs:
		return "nothing hangs"
	case c.as == asController:
		return "another store hangs"
	default:
		return "the token service hangs for others"
	}
}

// hangTurn is a stream of pods that ask a store that answers, while others wait for what hangs.
type hangTurn struct {
	As        identity `json:"identity"`
	Condition string   `json:"condition"`
	Secret    spread   `json:"createdToSecret"`
	// Waiting are pods whose Secrets are not there at the end, as what they ask for hangs; Hung is how
	// many calls hung meanwhile.
	Waiting int `json:"podsThatWait"`
	Hung    int `json:"callsThatHung"`
	// Lost counts Secrets of the stream that are not there after a minute, Wrong those with the content of another.
	Lost  int     `json:"lost"`
	Wrong int     `json:"wrong"`
	CPU   float64 `json:"cpuSeconds"`

	seconds []float64
}

type hangResult struct {
	Pods    int        `json:"pods"`
	Waiters int        `json:"waiters"`
	Rows    []hangRow  `json:"rows"`
	Turns   []hangTurn `json:"turns"`
}

type hangRow struct {
	As        identity `json:"identity"`
	Condition string   `json:"condition"`
	Pooled    spread   `json:"pooled"`
	// Ratios are to the same with nothing hanging: of neighbouring turns, and of all turns.
	RatioP50  ratio   `json:"p50ToNothingHangs"`
	RatioP99  ratio   `json:"p99ToNothingHangs"`
	PooledP99 float64 `json:"p99ToNothingHangsPooled,omitempty"`
	Waiting   int     `json:"podsThatWait"`
	Hung      int     `json:"callsThatHung"`
	Lost      int     `json:"lost"`
	Wrong     int     `json:"wrong"`
}

// hang compares a stream of pods with the same stream while a second store, or the token service for
// other ServiceAccounts, takes calls and answers none. The pods that wait for it are there before the
// stream begins; where nothing hangs they have been served by then.
func (b *bench) hang(ctx context.Context, pods, waiters, count int) (hangResult, error) {
	result := hangResult{Pods: pods, Waiters: waiters}
	second, err := startStore()
	if err != nil {
		return result, err
	}
	defer second.stop()
	// Each reader is new to the token service when its first pod comes, ten pods or two tenths of a second apart.
	readers, stuck := numbered("stream", min(100, pods)), numbered(stuckReaders, min(100, waiters))
	if err := b.api.makeAccounts(ctx, names(1)[0], append(readers, stuck...)); err != nil {
		return result, err
	}
	aws := awsStore("aws-secretsmanager", b.store.address)
	controller, workload := b.directly(), b.directly()
	controller.config = config(aws, awsStore("second", second.address))
	workload.desk, workload.config = b.sts.desk, config(asPods(aws, b.sts.address))
	s := stream{second: second, pods: map[identity]func() []wanted{
		asController: func() []wanted { return b.together(pods, "aws", "") },
		asWorkload:   func() []wanted { return b.together(pods, "aws", readers...) },
	}, waiters: map[identity]func() []wanted{
		asController: func() []wanted { return b.together(waiters, "second", "") },
		asWorkload:   func() []wanted { return b.together(waiters, "aws", stuck...) },
	}, in: map[identity]surroundings{asController: controller, asWorkload: workload}}
	cases := []hangCase{{asController, false}, {asController, true}, {asWorkload, false}, {asWorkload, true}}
	for i, order := range turns(cases, count) {
		for _, c := range order {
			turn, err := b.hangTurn(ctx, c, s)
			if err != nil {
				return result, fmt.Errorf("%s, read as the %s: %w", c, c.as, err)
			}
			result.Turns = append(result.Turns, turn)
		}
		say("hang: turn %d of %d", i+1, count)
	}
	for _, c := range cases {
		result.Rows = append(result.Rows, result.row(c))
	}
	return result, nil
}

// stream is what the turns have in common.
type stream struct {
	second        *store
	pods, waiters map[identity]func() []wanted
	in            map[identity]surroundings
}

func (b *bench) hangTurn(ctx context.Context, c hangCase, s stream) (hangTurn, error) {
	result := hangTurn{As: c.as, Condition: c.String()}
	s.second.hangs.Store(c.hangs && c.as == asController)
	b.sts.hangFor("")
	if c.hangs && c.as == asWorkload {
		b.sts.hangFor(stuckReaders)
	}
	defer b.sts.hangFor("")
	p, err := b.start(ctx, jasm, s.in[c.as])
	if err != nil {
		return result, err
	}
	defer p.stop()
	if err := b.warm(ctx, s.pods[c.as]()[:5]); err != nil {
		return result, err
	}
	s.second.take()
	b.sts.takeHung()
	waiters := s.waiters[c.as]()
	if _, err := b.api.create(ctx, waiters); err != nil {
		return result, err
	}
	made := func() map[string]time.Time { return b.board.made }
	if c.hangs {
		err = poll(ctx, readyDeadline, "a call that hangs", func(context.Context) (bool, error) {
			return s.second.waiting()+b.sts.hanging() > 0, nil
		})
	} else {
		err = allOf(ctx, b.board, roundDeadline, "the Secrets of those who would wait", secretKeys(waiters), made)
	}
	if err != nil {
		return result, err
	}
	// What their creation costs is over then, with or without.
	if err := sleep(ctx, settle); err != nil {
		return result, err
	}
	before, err := b.measure(p)
	if err != nil {
		return result, err
	}
	pods := s.pods[c.as]()
	created, err := b.api.createEvery(ctx, pods, time.Second/streamRate)
	if err != nil {
		return result, err
	}
	err = allOf(ctx, b.board, patience, "the Secrets", secretKeys(pods), made)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return result, err
	}
	after, err := b.measure(p)
	if err != nil {
		return result, err
	}
	b.board.lock.Lock()
	for _, pod := range pods {
		if at, ok := b.board.made[pod.secretKey()]; ok {
			result.seconds = append(result.seconds, at.Sub(created[pod.key()].answered).Seconds())
		} else {
			result.Lost++
		}
	}
	for _, pod := range waiters {
		if _, ok := b.board.made[pod.secretKey()]; !ok {
			result.Waiting++
		}
	}
	b.board.lock.Unlock()
	if c.hangs && result.Waiting != len(waiters) {
		return result, fmt.Errorf("%d of %d pods were served by what hangs", len(waiters)-result.Waiting, len(waiters))
	}
	if c.hangs {
		result.Hung = s.second.take().total() + b.sts.takeHung()
	}
	if result.Wrong, err = b.api.wrong(ctx, pods); err != nil {
		return result, err
	}
	result.Secret = spreadOf(result.seconds)
	result.CPU = round((after.cpu - before.cpu).Seconds(), 1e4)
	// It would wait for what hangs.
	p.kill()
	return result, b.clear(ctx, append(waiters, pods...))
}

func (r *hangResult) row(c hangCase) hangRow {
	row := hangRow{As: c.as, Condition: c.String()}
	var mine, undisturbed, p50, p99, base50, base99 []float64
	for _, t := range r.Turns {
		if t.As != c.as {
			continue
		}
		if t.Condition == (hangCase{as: c.as}).String() {
			undisturbed, base50 = append(undisturbed, t.seconds...), append(base50, t.Secret.P50)
			if t.Secret.P99 != nil {
				base99 = append(base99, *t.Secret.P99)
			}
		}
		if t.Condition == row.Condition {
			mine, p50 = append(mine, t.seconds...), append(p50, t.Secret.P50)
			if t.Secret.P99 != nil {
				p99 = append(p99, *t.Secret.P99)
			}
			row.Waiting, row.Hung = max(row.Waiting, t.Waiting), row.Hung+t.Hung
			row.Lost, row.Wrong = row.Lost+t.Lost, row.Wrong+t.Wrong
		}
	}
	row.Pooled = spreadOf(mine)
	if !c.hangs {
		return row
	}
	row.RatioP50, row.RatioP99 = ratioOf(p50, base50), ratioOf(p99, base99)
	if base := spreadOf(undisturbed); row.Pooled.P99 != nil && base.P99 != nil {
		row.PooledP99 = round(*row.Pooled.P99 / *base.P99, 1e3)
	}
	return row
}

func (r *hangResult) section() section {
	t := table{
		text: fmt.Sprintf("%d pods, %d each second, ask a store that answers; seconds from the API server's answer that the pod exists to its Secret; turns of each: %d, pooled. "+
			"Before them %d others have asked, and still wait where something hangs. Ratios to the same with nothing hanging: of neighbouring turns, their median and range, and of all turns together.",
			r.Pods, streamRate, len(r.Turns)/max(1, len(r.Rows)), r.Waiters),
		columns: []string{"read as", "", "p50", "p90", "p99", "max", "p50 ÷ nothing hangs", "p99 ÷ nothing hangs", "of all turns", "pods that wait", "calls that hung", "lost", "wrong content"},
	}
	for _, row := range r.Rows {
		s := row.Pooled
		as := "the controller"
		if row.As == asWorkload {
			as = "the pods"
		}
		cells := []string{as, row.Condition, seconds(s.P50), seconds(s.P90), p99(s), seconds(s.Max), "", "", "", fmt.Sprint(row.Waiting), fmt.Sprint(row.Hung), fmt.Sprint(row.Lost), fmt.Sprint(row.Wrong)}
		if len(row.RatioP50.Pairs) > 0 {
			cells[6], cells[7], cells[8] = row.RatioP50.String(), row.RatioP99.String(), "–"
			if row.PooledP99 > 0 {
				cells[8] = fmt.Sprintf("%.2f", row.PooledP99)
			}
		}
		t.rows = append(t.rows, cells)
	}
	return section{Data: r, Tables: []table{t}}
}
