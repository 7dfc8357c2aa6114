package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// report is bench.json.
type report struct {
	When    string  `json:"when"`
	Cores   int     `json:"cores"`
	CPU     string  `json:"cpu"`
	Kernel  string  `json:"kernel"`
	Load    float64 `json:"loadAverageBefore"`
	Smoke   bool    `json:"smoke,omitempty"`
	Latency float64 `json:"storeSecondsPerCall"`
	Item    float64 `json:"storeSecondsPerItemOfABatch"`

	Sections []section `json:"scenarios"`

	folder string
}

// section is what one scenario found out.
type section struct {
	Name   string  `json:"name"`
	Title  string  `json:"title"`
	Data   any     `json:"data"`
	Tables []table `json:"-"`
	// Panel goes into the figure of that file; there is none without curves.
	Figure string `json:"-"`
	Panel  panel  `json:"-"`
}

// table has a sentence that says what the figures are.
type table struct {
	text    string
	columns []string
	rows    [][]string
}

func newReport(o options) *report {
	r := &report{
		When: time.Now().UTC().Format(time.RFC3339), Cores: runtime.NumCPU(), Smoke: o.smoke,
		Latency: latency.Seconds(), Item: itemLatency.Seconds(), folder: o.out,
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Sscan(string(text), &r.Load)
	}
	if r.busy() {
		say("%s", busyMachine)
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		r.Kernel = strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				r.CPU = strings.TrimSpace(value)
			}
		}
	}
	return r
}

// The files that the figures go to; the tables name them.
const (
	secretFigure  = "figures-secret.svg"
	runningFigure = "figures-running.svg"
)

var figureTitles = map[string]string{
	secretFigure:  "Share of pods whose Secret is readable, by seconds since the pod exists",
	runningFigure: "Share of pods that run, by seconds since the pod exists",
}

const busyMachine = "The machine was busy with something else before the run began: seconds and their ratios say little, counts and memory hold."

// busy counts a share of the cores for the cluster, whose start is in the average.
func (r *report) busy() bool { return r.Load > 1.5*float64(r.Cores) }

// write is called after each scenario, with all until then.
func (r *report) write() error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.folder, "bench.json"), append(text, '\n'), 0o666); err != nil {
		return err
	}
	drawn := r.figures()
	for _, f := range drawn {
		if err := f.write(filepath.Join(r.folder, f.file)); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(r.folder, "figures.md"), []byte(r.markdown(drawn)), 0o666)
}

func (r *report) figures() []figure {
	var drawn []figure
	for _, file := range []string{secretFigure, runningFigure} {
		f := figure{file: file, title: figureTitles[file]}
		for _, s := range r.Sections {
			if s.Figure == file {
				f.panels = append(f.panels, s.Panel)
			}
		}
		if len(f.panels) > 0 {
			drawn = append(drawn, f)
		}
	}
	return drawn
}

func (r *report) markdown(drawn []figure) string {
	var out strings.Builder
	fmt.Fprintf(&out, "<!-- Written by make bench; what is changed here is lost with the next run. -->\n# Figures\n\n")
	fmt.Fprintf(&out, "Measured on %s: %d cores (%s), Linux %s, load average before %.1f. Everything ran on them: the cluster, the program, the stores and the benchmark. "+
		"A store takes %.0f ms for a call and %.0f ms more for each item of a batch.\n",
		r.When[:10], r.Cores, r.CPU, r.Kernel, r.Load, r.Latency*1000, r.Item*1000)
	if r.busy() {
		fmt.Fprintf(&out, "\n%s\n", busyMachine)
	}
	for _, f := range drawn {
		fmt.Fprintf(&out, "\n![%s](%s)\n", f.title, f.file)
	}
	for _, s := range r.Sections {
		fmt.Fprintf(&out, "\n## %s\n", s.Title)
		for _, t := range s.Tables {
			fmt.Fprintf(&out, "\n%s\n\n", t.text)
			fmt.Fprintf(&out, "| %s |\n|%s\n", strings.Join(t.columns, " | "), strings.Repeat("---|", len(t.columns)))
			for _, row := range t.rows {
				fmt.Fprintf(&out, "| %s |\n", strings.Join(row, " | "))
			}
		}
	}
	return out.String()
}

func (s section) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n", s.Title)
	for _, t := range s.Tables {
		fmt.Fprintf(w, "\n%s\n\n", t.text)
		out := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
		for _, row := range append([][]string{t.columns}, t.rows...) {
			fmt.Fprintln(out, strings.Join(row, "\t")+"\t")
		}
		out.Flush()
	}
	fmt.Fprintln(w)
}

func seconds(value float64) string { return fmt.Sprintf("%.3f", value) }

// p99 is a dash where there are too few samples for it.
func p99(s spread) string {
	if s.P99 == nil {
		return "–"
	}
	return seconds(*s.P99)
}

func mebibytes(kib float64) string { return fmt.Sprintf("%.1f", kib/1024) }

func (r ratio) String() string {
	if len(r.Pairs) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", r.Median, r.Least, r.Most)
}

// section shows a burst.
func (r *burstResult) section() section {
	times := table{
		text: fmt.Sprintf("Seconds from the API server's answer that the pod exists to its Secret, seen by a watch of the benchmark's own: "+
			"%d pods at once, %d Secrets; turns of each program: %d, pooled; ratios of neighbouring turns to the floor, their median and range.",
			r.Pods, r.Targets, len(r.Turns)/max(1, len(r.Pooled))),
		columns: []string{"", "p50", "p90", "p99", "max", "p50 ÷ floor", "p90 ÷ floor", "p99 ÷ floor"},
	}
	costs := table{
		text:    fmt.Sprintf("For one burst, the median of the turns; CPU by the scheduler's account until %v after the last Secret, memory then.", settle),
		columns: []string{"", "store calls", "of them batches", "API writes", "API reads", "events", "CPU s", "peak MiB", "settled MiB"},
	}
	for _, v := range variantsOf(r.Turns) {
		s := r.Pooled[v]
		row := []string{string(v), seconds(s.P50), seconds(s.P90), p99(s), seconds(s.Max), "", "", ""}
		if v != r.Base {
			row[5], row[6] = r.RatioP50[v].String(), r.RatioP90[v].String()
			if ratio := r.RatioP99[v]; len(ratio.Pairs) > 0 {
				row[7] = ratio.String()
			} else if pooled, ok := r.PooledP99[v]; ok {
				row[7] = fmt.Sprintf("%.2f (pooled)", pooled)
			} else {
				row[7] = "–"
			}
		}
		times.rows = append(times.rows, row)
		count := func(of func(turn) int) string {
			return fmt.Sprintf("%.0f", r.median(v, func(t turn) float64 { return float64(of(t)) }))
		}
		costs.rows = append(costs.rows, []string{
			string(v),
			count(func(t turn) int { return t.Store.total() }), count(func(t turn) int { return t.Store.Batches }),
			count(func(t turn) int { return t.API.Writes }), count(func(t turn) int { return t.API.Reads }), count(func(t turn) int { return t.API.Events }),
			fmt.Sprintf("%.2f", r.median(v, func(t turn) float64 { return t.CPU })),
			mebibytes(r.median(v, func(t turn) float64 { return float64(t.PeakKiB) })),
			mebibytes(r.median(v, func(t turn) float64 { return float64(t.RSSKiB) })),
		})
	}
	made := section{Data: r, Tables: []table{times, costs}}
	if r.Targets == r.Pods {
		made.Figure, made.Panel = secretFigure, panel{title: fmt.Sprintf("%d pods at once, turns: %d", r.Pods, len(r.Turns)/max(1, len(r.Pooled)))}
		for _, v := range variantsOf(r.Turns) {
			made.Panel.curves = append(made.Panel.curves, curve{name: v, seconds: r.samples[v]})
		}
	}
	return made
}

// variantsOf keeps the order of the first turn.
func variantsOf(turns []turn) []variant {
	var order []variant
	seen := map[variant]bool{}
	for _, t := range turns {
		if !seen[t.Program] {
			seen[t.Program] = true
			order = append(order, t.Program)
		}
	}
	return order
}
