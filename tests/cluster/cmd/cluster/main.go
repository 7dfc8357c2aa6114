// Command cluster starts a Kubernetes cluster of plain processes on 127.0.0.1
// and ends it together with whoever started it. Linux only.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	startDeadline = 90 * time.Second
	stopDeadline  = 10 * time.Second
)

const usage = `usage: cluster up --bin DIR [--dir DIR] [--foreground]

Starts etcd, the Kubernetes control plane and one hollow kubelet, prints one
JSON line on standard output when they are ready, and runs until standard input
ends or SIGINT, SIGTERM or SIGHUP arrives. Then everything is ended and removed.
The JSON keys are kubeconfig, auditLog, dir, server and kubectl (empty if --bin
has none).

  --bin DIR     etcd, kube-apiserver, kube-controller-manager, kube-scheduler,
                kubemark and, if wanted, kubectl
  --dir DIR     the cluster's own folder, which must not exist yet; by default
                a new one below TMPDIR
  --foreground  for a person: do not watch standard input, say how to use it
`

// errAsked is why a cluster ends that did nothing wrong.
var errAsked = errors.New("asked to end")

// A child's Pdeathsig is tied to the thread that started it, so all are started
// by the main thread, which lives as long as the process.
func init() { runtime.LockOSThread() }

func main() { os.Exit(run(os.Args[1:])) }

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "cluster: "+format+"\n", args...)
}

func run(args []string) int {
	if len(args) > 0 && (args[0] == "help" || args[0] == "-h" || args[0] == "--help") {
		fmt.Print(usage)
		return 0
	}
	if len(args) == 0 || args[0] != "up" {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	flags := flag.NewFlagSet("cluster up", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	bin := flags.String("bin", "", "")
	dir := flags.String("dir", "", "")
	foreground := flags.Bool("foreground", false, "")
	if err := flags.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		say("unexpected argument %q", flags.Arg(0))
		return 2
	}
	if *bin == "" {
		say("--bin is missing")
		return 2
	}

	closeOnExec()
	ctx, end := context.WithCancelCause(context.Background())
	hurry := make(chan struct{})
	go watchSignals(end, hurry)
	if !*foreground {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			end(errAsked)
		}()
	}

	began := time.Now()
	c, err := prepare(*bin, *dir, end)
	if err != nil {
		say("%v", err)
		return 1
	}
	err = c.start(ctx)
	if err == nil {
		say("ready after %.1f s", time.Since(began).Seconds())
		err = c.announce(*foreground)
	}
	if err == nil {
		<-ctx.Done()
		err = context.Cause(ctx)
	}
	c.report(err)
	c.stop(hurry)
	if removeErr := c.remove(); removeErr != nil {
		say("%v", removeErr)
		return 1
	}
	if !errors.Is(err, errAsked) {
		return 1
	}
	return 0
}

// closeOnExec keeps what this process got from its starter, a pipe or a lock for example,
// away from the children, which may outlive the starter for a moment.
func closeOnExec() {
	files, _ := os.ReadDir("/proc/self/fd")
	for _, file := range files {
		if fd, err := strconv.Atoi(file.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

func watchSignals(end context.CancelCauseFunc, hurry chan struct{}) {
	// A reader that went away must not end the process before the children are ended.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	<-signals
	end(errAsked)
	<-signals
	close(hurry)
}

// report says why the cluster ends, with the end of the log of the program to blame.
func (c *cluster) report(err error) {
	if errors.Is(err, errAsked) {
		return
	}
	say("%v", err)
	var blame *blamedError
	if errors.As(err, &blame) {
		say("the last lines of the log of %s:", blame.process.name)
		for _, line := range lastLines(blame.process.log, 20) {
			fmt.Fprintln(os.Stderr, line)
		}
	}
}

func (c *cluster) announce(foreground bool) error {
	kubectl := filepath.Join(c.bin, "kubectl")
	if _, err := os.Stat(kubectl); err != nil {
		kubectl = ""
	}
	line, err := json.Marshal(map[string]string{
		"kubeconfig": c.path("admin.kubeconfig"),
		"auditLog":   c.path("audit.log"),
		"dir":        c.dir,
		"server":     c.server(),
		"kubectl":    kubectl,
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Printf("%s\n", line); err != nil {
		return err
	}
	if foreground {
		if kubectl == "" {
			kubectl = "kubectl"
		}
		fmt.Fprintf(os.Stderr, "\nThe cluster runs until Ctrl-C. In another terminal:\n\n  export KUBECONFIG=%s\n  %s get pods -A\n\nLogs: %s\n\n",
			c.path("admin.kubeconfig"), kubectl, c.path("logs"))
	}
	return nil
}

func lastLines(file string, count int) []string {
	const most = 64 << 10
	f, err := os.Open(file)
	if err != nil {
		return []string{err.Error()}
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-most), io.SeekStart)
	}
	text, _ := io.ReadAll(f)
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return lines[max(0, len(lines)-count):]
}
