package main

import (
	"math"
	"slices"
)

// enough is how many samples a 99th percentile needs: of fewer it is hardly more than the worst one.
const enough = 1000

// spread is in seconds.
type spread struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	// P99 is absent below 1,000 samples.
	P99   *float64 `json:"p99,omitempty"`
	Max   float64  `json:"max"`
	Count int      `json:"samples"`
}

// spreadOf takes the nearest rank: every figure is one that was measured.
func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	s := spread{P50: rank(sorted, 0.5), P90: rank(sorted, 0.9), Max: rank(sorted, 1), Count: len(sorted)}
	if len(sorted) >= enough {
		p99 := rank(sorted, 0.99)
		s.P99 = &p99
	}
	return s
}

func rank(sorted []float64, share float64) float64 {
	at := int(math.Ceil(share * float64(len(sorted))))
	return round(sorted[max(at, 1)-1], 1e4)
}

func round(value, parts float64) float64 { return math.Round(value*parts) / parts }

// ratio is the median of the ratios of pairs of neighbouring rounds, and their range.
type ratio struct {
	Median float64   `json:"median"`
	Least  float64   `json:"least"`
	Most   float64   `json:"most"`
	Pairs  []float64 `json:"pairs"`
}

// ratioOf divides each value by the floor's of the same turn.
func ratioOf(values, floors []float64) ratio {
	var pairs []float64
	for i := range min(len(values), len(floors)) {
		// A Secret can be seen before the answer to the pod that it is for: no ratio says anything then.
		if floors[i] <= 0 || values[i] <= 0 {
			return ratio{}
		}
		pairs = append(pairs, round(values[i]/floors[i], 1e3))
	}
	if len(pairs) == 0 {
		return ratio{}
	}
	return ratio{Median: round(median(pairs), 1e3), Least: slices.Min(pairs), Most: slices.Max(pairs), Pairs: pairs}
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
