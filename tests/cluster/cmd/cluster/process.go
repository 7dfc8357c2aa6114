package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is one program of the cluster, with a log of its own.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
}

// blamedError is a failure whose cause stands in the log of a process.
type blamedError struct {
	process *process
	message string
}

func (e *blamedError) Error() string { return e.message }

// launch starts a program; call it from the main thread only.
func (c *cluster) launch(name string, args ...string) (*process, error) {
	p := &process{name: name, log: c.path("logs", name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(filepath.Join(c.bin, name), args...)
	p.cmd.Dir = c.dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// Nothing else is passed on: ETCD_* or a proxy setting would change the programs.
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.path("home"), "TMPDIR=" + c.path("tmp")}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL,
		// Ctrl-C in a terminal must reach the launcher alone, which ends them in order.
		Setpgid: true,
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s does not start: %w", name, err)
	}
	c.processes = append(c.processes, p)
	go func() {
		err := p.cmd.Wait()
		close(p.done)
		how := "exit status 0"
		if err != nil {
			how = err.Error()
		}
		// Has no effect when the cluster is being ended already.
		c.end(&blamedError{process: p, message: fmt.Sprintf("%s ended by itself (%s)", name, how)})
	}()
	return p, nil
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop ends all processes: the clients first, then the API server, then etcd.
func (c *cluster) stop(hurry <-chan struct{}) {
	c.end(errAsked)
	ctx, cancel := context.WithTimeout(context.Background(), stopDeadline)
	defer cancel()
	go func() {
		select {
		case <-hurry:
			cancel()
		case <-ctx.Done():
		}
	}()
	order := func(p *process) int {
		switch p.name {
		case "etcd":
			return 2
		case "kube-apiserver":
			return 1
		}
		return 0
	}
	for turn := range 3 {
		for _, p := range c.processes {
			if order(p) == turn && p.running() {
				_ = p.cmd.Process.Signal(syscall.SIGTERM)
			}
		}
		for _, p := range c.processes {
			if order(p) != turn {
				continue
			}
			select {
			case <-p.done:
			case <-ctx.Done():
			}
		}
	}
	for _, p := range c.processes {
		if p.running() {
			say("%s has not ended yet, so it is killed", p.name)
			_ = p.cmd.Process.Kill()
			<-p.done
		}
	}
}

// within runs check every 50 ms until it is true; what says what for, and process where to look.
func within(ctx context.Context, what string, p *process, check func(context.Context) bool) error {
	for {
		once, cancel := context.WithTimeout(ctx, 2*time.Second)
		ok := check(once)
		cancel()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); cause != errLate {
				return cause
			}
			return &blamedError{process: p, message: fmt.Sprintf("%v %s", errLate, what)}
		case <-time.After(50 * time.Millisecond):
		}
	}
}
