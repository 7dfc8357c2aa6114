package main

import (
	"context"
	"time"
)

// scenarios lists everything that can be measured, in the order in which it is. Small ones are for
// seeing that the benchmark itself works.
func scenarios(smoke bool) []scenario {
	size := func(full, small int) int {
		if smoke {
			return small
		}
		return full
	}
	burst := func(name, title string, pods, count int) scenario {
		return scenario{name: name, title: title, namespaces: pods, run: func(ctx context.Context, b *bench) (section, error) {
			result, err := b.burst(ctx, name, b.laps(func() []wanted { return b.spreadOut(pods, false) }, floor, jasm, single), b.turns(count))
			return result.section(), err
		}}
	}
	crowd := func(name, title string, pods int) scenario {
		return scenario{name: name, title: title, namespaces: crowdNamespaces, run: func(ctx context.Context, b *bench) (section, error) {
			result, err := b.crowd(ctx, pods, b.turns(size(3, 1)), time.Duration(size(20, 5))*time.Second)
			return result.section(), err
		}}
	}
	return []scenario{
		burst("burst-100", "A burst of 100 pods", size(100, 10), size(10, 2)),
		burst("burst-1000", "A burst of 1,000 pods", size(1000, 50), size(5, 2)),
		{name: "running", title: "100 pods that a kubelet runs", namespaces: size(100, 10), run: func(ctx context.Context, b *bench) (section, error) {
			result, err := b.running(ctx, "running", size(100, 10), b.turns(size(5, 1)))
			return result.section(), err
		}},
		{name: "replicas", title: "100 replicas of one Secret", namespaces: 1, run: func(ctx context.Context, b *bench) (section, error) {
			result, err := b.burst(ctx, "replicas", b.laps(func() []wanted { return b.replicas(size(100, 10)) }, floor, jasm), b.turns(size(5, 1)))
			return result.section(), err
		}},
		{name: "restart", title: "A restart with 1,000 targets in place, and an idle minute", namespaces: size(1000, 50), run: func(ctx context.Context, b *bench) (section, error) {
			result, err := b.inPlace(ctx, size(1000, 50), b.turns(size(3, 1)), time.Duration(size(60, 5))*time.Second)
			return result.section(), err
		}},
		{name: "identities", title: "100 pods at once, read as the controller and as themselves", namespaces: 1, run: func(ctx context.Context, b *bench) (section, error) {
			result, err := b.identities(ctx, size(100, 10), b.turns(size(10, 2)))
			return result.section(), err
		}},
		{name: "hang", title: "A store or a token service that hangs", namespaces: 1, run: func(ctx context.Context, b *bench) (section, error) {
			result, err := b.hang(ctx, size(1000, 50), size(200, 20), b.turns(size(4, 1)))
			return result.section(), err
		}},
		{name: "faults", title: "An API server that is too busy", namespaces: size(200, 20), run: func(ctx context.Context, b *bench) (section, error) {
			result, err := b.faults(ctx, size(200, 20), b.turns(size(5, 1)))
			return result.section(), err
		}},
		{name: "kinds", title: "Stores of every kind, and nothing to do", namespaces: 1, run: func(ctx context.Context, b *bench) (section, error) {
			result, err := b.kinds(ctx, b.turns(size(3, 1)), time.Duration(size(10, 3))*time.Second)
			return result.section(), err
		}},
		{name: "push", title: "From a commit to the stores", namespaces: 1, run: func(ctx context.Context, b *bench) (section, error) {
			result, err := b.push(ctx, size(10, 2), size(500, 20), b.turns(size(3, 1)), size(1020, 20), time.Duration(size(10, 2))*time.Second)
			return result.section(), err
		}},
		crowd("crowd-10000", "10,000 pods, one in a hundred annotated", size(10000, 300)),
		crowd("crowd-50000", "50,000 pods, one in a hundred annotated", size(50000, 600)),
	}
}

// turns is how often to measure: as asked for, else the scenario's own number.
func (b *bench) turns(own int) int {
	if b.options.turns > 0 {
		return b.options.turns
	}
	return own
}
