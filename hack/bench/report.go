package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// spread is in seconds.
type spread struct {
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
	Count int     `json:"count"`
}

// spreadOf takes the nearest rank: every figure is one that was measured.
func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	at := func(share float64) float64 {
		rank := int(math.Ceil(share * float64(len(sorted))))
		return math.Round(sorted[max(rank, 1)-1]*1000) / 1000
	}
	return spread{P50: at(0.5), P90: at(0.9), P99: at(0.99), Max: at(1), Count: len(sorted)}
}

type result struct {
	Pods       int               `json:"pods"`
	Namespaces int               `json:"namespaces"`
	Turns      int               `json:"turns"`
	Cores      int               `json:"cores"`
	Load       float64           `json:"loadAverageBefore"`
	LatencyMS  int64             `json:"storeLatencyMs"`
	Running    map[kind]spread   `json:"podToRunning"`
	ByPair     map[kind][]spread `json:"podToRunningByRound"`
	Secret     spread            `json:"podToSecret"`
	BackedOff  map[kind]int      `json:"podsThatMetTheBackOff"`
	StoreCalls map[string]int    `json:"storeCalls"`
	MostCalls  int               `json:"storeCallsAtOnce"`
	Counted    int               `json:"storeCallsByJasm"`
	Writes     int               `json:"objectWrites"`
	Events     int               `json:"events"`
	Restarts   int               `json:"watchRestarts"`
	CPU        map[kind]float64  `json:"cpuSeconds"`
	PeakKiB    int               `json:"peakRssKiB"`
}

// loadAverage tells whether the machine was busy with something else.
func loadAverage() float64 {
	var load float64
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Sscan(string(text), &load)
	}
	return load
}

// summarize pools the rounds of each kind; counts are of all rounds together.
func summarize(o options, rounds []round, peak int, load float64) result {
	r := result{
		Pods: o.pods, Namespaces: o.pods, Turns: o.turns, Cores: runtime.NumCPU(), LatencyMS: latency.Milliseconds(),
		Running: map[kind]spread{}, ByPair: map[kind][]spread{}, BackedOff: map[kind]int{},
		StoreCalls: map[string]int{}, CPU: map[kind]float64{}, PeakKiB: peak, Load: load,
	}
	running := map[kind][]float64{}
	var secret []float64
	for _, round := range rounds {
		running[round.kind] = append(running[round.kind], round.running...)
		secret = append(secret, round.secret...)
		r.ByPair[round.kind] = append(r.ByPair[round.kind], spreadOf(round.running))
		r.BackedOff[round.kind] += round.backedOff
		for operation, count := range round.calls {
			r.StoreCalls[operation] += count
		}
		r.MostCalls = max(r.MostCalls, round.most)
		r.Counted += round.usage.storeCalls
		r.Writes += round.usage.objectWrites
		r.Events += round.usage.events
		r.Restarts += round.usage.watchRestarts
		r.CPU[round.kind] += round.usage.cpu
	}
	for kind, values := range running {
		r.Running[kind] = spreadOf(values)
	}
	r.Secret = spreadOf(secret)
	for kind, seconds := range r.CPU {
		r.CPU[kind] = math.Round(seconds*100) / 100
	}
	return r
}

func (r result) print(w io.Writer) {
	fmt.Fprintf(w, "\n%d pods at once, each in its own namespace; %d rounds of each kind, in turns; a store that takes %d ms;\n%d cores, load average before %.1f\n\n",
		r.Pods, r.Turns, r.LatencyMS, r.Cores, r.Load)
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "seconds from the pod's creation\tp50\tp90\tp99\tmax\t")
	row := func(name string, s spread) {
		fmt.Fprintf(table, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t\n", name, s.P50, s.P90, s.P99, s.Max)
	}
	for _, kind := range kinds {
		row("to Running, "+string(kind), r.Running[kind])
	}
	row("to the Secret from JASM", r.Secret)
	table.Flush()
	perRound := func(count int) float64 { return float64(count) / float64(r.Turns) }
	operations := make([]string, 0, len(r.StoreCalls))
	for operation, count := range r.StoreCalls {
		operations = append(operations, fmt.Sprintf("%s %.1f", operation, perRound(count)))
	}
	slices.Sort(operations)
	fmt.Fprintf(w, "\nfor %d Secrets: %.1f calls of the store (%s; %d at once at most), %.1f writes of objects, %.1f events, %.2f s of CPU\n",
		r.Pods, perRound(r.Counted), strings.Join(operations, ", "), r.MostCalls, perRound(r.Writes), perRound(r.Events), r.CPU[with]/float64(r.Turns))
	fmt.Fprintf(w, "peak memory of JASM: %.1f MiB; pods that found no Secret at first: %d of %d; watches that began again: %d\n",
		float64(r.PeakKiB)/1024, r.BackedOff[with], r.Pods*r.Turns, r.Restarts)
}

func (r result) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o666)
}
