// Command bench measures how long pods that need a Secret from JASM take until they run, beside
// the same pods without one, in a cluster that hack/bench.sh starts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	readyDeadline = time.Minute
	roundDeadline = 3 * time.Minute
)

type options struct {
	kubeconfig, jasm, jasmKubeconfig, work, out string
	pods, turns                                 int
}

// The death signal of a child is tied to the thread that starts it, which is the main thread here.
func init() { runtime.LockOSThread() }

func main() {
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "the administrator's kubeconfig, as JSON")
	flag.StringVar(&o.jasm, "jasm", "", "the program")
	flag.StringVar(&o.jasmKubeconfig, "jasm-kubeconfig", "", "its own kubeconfig")
	flag.StringVar(&o.work, "work", "", "a folder for its config and log")
	flag.StringVar(&o.out, "out", "", "where the result goes, as JSON")
	flag.IntVar(&o.pods, "pods", 100, "pods of a round, each in a namespace of its own")
	flag.IntVar(&o.turns, "turns", 5, "rounds of each kind")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, o); err != nil {
		if !errors.Is(err, context.Canceled) {
			say("%v", err)
		}
		stop()
		os.Exit(1)
	}
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }

func run(parent context.Context, o options) error {
	if o.pods < 1 || o.turns < 1 {
		return errors.New("pods and turns must be 1 at least")
	}
	// What fails in the background ends everything.
	ctx, fail := context.WithCancelCause(parent)
	defer fail(nil)

	load := loadAverage()
	store, err := startStore()
	if err != nil {
		return err
	}
	defer store.stop()
	api, err := connect(o.kubeconfig)
	if err != nil {
		return err
	}
	namespaces := make([]string, o.pods)
	for i := range namespaces {
		namespaces[i] = fmt.Sprintf("bench-%03d", i+1)
	}
	say("making %d namespaces", o.pods)
	if err := api.makeNamespaces(ctx, namespaces); err != nil {
		return err
	}
	jasm, err := startJasm(ctx, o, store.address, fail)
	if err != nil {
		return err
	}
	defer jasm.stop()

	b := &bench{api: api, store: store, jasm: jasm}
	if err := b.watch(ctx, fail); err != nil {
		return err
	}
	say("a small round of each kind first, which does not count")
	for _, kind := range kinds {
		if _, err := b.round(ctx, kind, namespaces[:min(10, len(namespaces))]); err != nil {
			return cause(ctx, err)
		}
	}
	var rounds []round
	for turn := range o.turns {
		said := make([]string, len(kinds))
		for i := range kinds {
			// Each kind is first, second and last in turn: what drifts must not always help the same.
			at := (turn + i) % len(kinds)
			round, err := b.round(ctx, kinds[at], namespaces)
			if err != nil {
				return cause(ctx, err)
			}
			rounds = append(rounds, round)
			spread := spreadOf(round.running)
			said[at] = fmt.Sprintf("%.2f/%.2f s %s", spread.P50, spread.P99, kinds[at])
		}
		say("turn %d of %d, p50/p99: %s", turn+1, o.turns, strings.Join(said, ", "))
	}
	peak, err := jasm.peak()
	if err != nil {
		return err
	}
	result := summarize(o, rounds, peak, load)
	result.print(os.Stdout)
	return result.write(o.out)
}

// cause is why everything ended, if something else than err did that.
func cause(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil {
		return why
	}
	return err
}

// poll asks until the answer is true.
func poll(ctx context.Context, limit time.Duration, what string, check func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		done, err := check(ctx)
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %v in vain for %s (%w)", limit, what, errors.Join(err, context.Cause(ctx)))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func logFile(o options) string { return filepath.Join(o.work, "logs", "jasm.log") }
