// Command bench measures JASM beside the least program that does its work, the floor, in a cluster
// that hack/bench.sh starts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	readyDeadline = time.Minute
	roundDeadline = 3 * time.Minute
)

type options struct {
	kubeconfig, auditLog, jasm, floor, fakes, work, out, scenarios string
	// These are for the scenario push.
	pushCRD, fluxCRD, sops, ageKeygen, decrypt, small string
	// turns stands for every scenario's own number of turns if it is not 0.
	turns, namespaces int
	smoke             bool
}

// bench is what all scenarios share.
type bench struct {
	options options
	api     *api
	audit   *audit
	store   *store
	sts     *sts
	board   *board
	fail    func(error)
	tokens  map[string]string
	// kept is how many pods and Secrets stay when a burst is cleared away.
	kept int
	// crowded are the pods of the crowd so far.
	crowded         []wanted
	number, started int
}

// scenario is one row of what can be chosen with --scenarios.
type scenario struct {
	name, title string
	namespaces  int
	run         func(ctx context.Context, b *bench) (section, error)
}

// The death signal of a child is tied to the thread that starts it, which is the main thread here.
func init() { runtime.LockOSThread() }

func main() {
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "the administrator's kubeconfig, as JSON")
	flag.StringVar(&o.auditLog, "audit-log", "", "the API server's audit log")
	flag.StringVar(&o.jasm, "jasm", "", "the program")
	flag.StringVar(&o.floor, "floor", "", "the floor")
	flag.StringVar(&o.fakes, "fakes", "", "the program jasm-fakes; only the scenarios kinds and push need it")
	flag.StringVar(&o.pushCRD, "push-crd", "", "the definition of SecretManagerConfig; this and what follows only the scenario push needs")
	flag.StringVar(&o.fluxCRD, "flux-crd", "", "Flux's definition of GitRepository")
	flag.StringVar(&o.sops, "sops", "", "the program sops")
	flag.StringVar(&o.ageKeygen, "age-keygen", "", "the program age-keygen")
	flag.StringVar(&o.decrypt, "decrypt", "", "the example decrypt of jasm-sops; decrypting is not measured without")
	flag.StringVar(&o.small, "small", "", "the program without the features age, pgp and git, whose size is told")
	flag.StringVar(&o.work, "work", "", "a folder for configs and logs")
	flag.StringVar(&o.out, "out", "", "the folder for bench.json, the tables and the plots")
	flag.StringVar(&o.scenarios, "scenarios", "", "which ones, by name, with commas; all if empty")
	flag.IntVar(&o.turns, "turns", 0, "turns of every scenario instead of its own number")
	flag.BoolVar(&o.smoke, "smoke", false, "everything small and once, to see that it works; no figures")
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
	chosen, err := choose(scenarios(o.smoke), o.scenarios)
	if err != nil {
		return err
	}
	for _, s := range chosen {
		o.namespaces = max(o.namespaces, s.namespaces)
	}
	// What fails in the background ends everything.
	ctx, fail := context.WithCancelCause(parent)
	defer fail(nil)
	report := newReport(o)
	b := &bench{options: o, board: newBoard(), fail: fail, tokens: map[string]string{}}
	if b.store, err = startStore(); err != nil {
		return err
	}
	defer b.store.stop()
	if b.sts, err = startSTS(); err != nil {
		return err
	}
	defer b.sts.stop()
	if b.api, err = connect(o.kubeconfig); err != nil {
		return err
	}
	if b.audit, err = openAudit(o.auditLog); err != nil {
		return err
	}
	if err := b.api.makeFloorAccount(ctx); err != nil {
		return err
	}
	say("making %d namespaces", o.namespaces)
	if err := b.api.makeNamespaces(ctx, names(o.namespaces)); err != nil {
		return cause(ctx, err)
	}
	if err := b.board.watch(ctx, b.api, fail); err != nil {
		return err
	}
	for _, s := range chosen {
		say("%s", s.title)
		section, err := s.run(ctx, b)
		if err != nil {
			return cause(ctx, err)
		}
		section.Name, section.Title = s.name, s.title
		report.Sections = append(report.Sections, section)
		section.print(os.Stdout)
		// What is measured is kept, whatever becomes of the next scenario.
		if err := report.write(); err != nil {
			return err
		}
	}
	return nil
}

func choose(all []scenario, wanted string) ([]scenario, error) {
	if wanted == "" {
		return all, nil
	}
	var chosen []scenario
	for name := range strings.SplitSeq(wanted, ",") {
		at := slices.IndexFunc(all, func(s scenario) bool { return s.name == strings.TrimSpace(name) })
		if at < 0 {
			var known []string
			for _, s := range all {
				known = append(known, s.name)
			}
			return nil, fmt.Errorf("there is no scenario %q; there are %s", name, strings.Join(known, ", "))
		}
		chosen = append(chosen, all[at])
	}
	return chosen, nil
}

// cause is why everything ended, if something else than err did that.
func cause(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil {
		return why
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	if pause(ctx, d) {
		return nil
	}
	return context.Cause(ctx)
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
