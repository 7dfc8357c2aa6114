package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// variant is one of the programs that take turns.
type variant string

const (
	floor  variant = "floor"
	jasm   variant = "JASM"
	single variant = "JASM, batches denied"
)

// user is the ServiceAccount whose rights a variant has, and by which the audit log knows it.
func (v variant) user() string {
	if v == floor {
		return "jasm-floor"
	}
	return "jasm"
}

// program is a process that is measured.
type program struct {
	cmd     *exec.Cmd
	in      surroundings
	name    string
	user    string
	log     string
	address string
	stopped atomic.Bool
	done    chan struct{}
}

// surroundings is what a program is started with.
type surroundings struct {
	server    string
	authority []byte
	store     *store
	// desk gives the credentials that the store wants; it takes any if there is none.
	desk *desk
	// config is JASM's.
	config string
	// env is what JASM has besides.
	env []string
}

// directly is without anything between program and API server.
func (b *bench) directly() surroundings {
	return surroundings{server: b.api.server, authority: b.api.authority, store: b.store, config: config(awsStore("aws-secretsmanager", b.store.address))}
}

// start must be called from the main thread. If the program ends by itself, that is given to fail.
func (b *bench) start(ctx context.Context, v variant, s surroundings) (*program, error) {
	kubeconfig, err := b.accountFile(v.user(), s)
	if err != nil {
		return nil, err
	}
	b.started++
	p := &program{
		in: s, name: string(v), user: "system:serviceaccount:" + accountNamespace + ":" + v.user(),
		log:  filepath.Join(b.options.work, "logs", fmt.Sprintf("%s-%03d.log", v.user(), b.started)),
		done: make(chan struct{}),
	}
	ready := "watching"
	if v == floor {
		p.cmd = exec.Command(b.options.floor)
	} else {
		ready = `"started"`
		file := filepath.Join(b.options.work, "jasm.yaml")
		if err := os.WriteFile(file, []byte(s.config), 0o600); err != nil {
			return nil, err
		}
		p.cmd = exec.Command(b.options.jasm, "run", "--config", file)
	}
	s.store.denyBatches.Store(v == single)
	s.store.readers.Store(s.desk)
	// Nothing of whoever starts this: an AWS profile or a proxy would change what is measured.
	p.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.options.work, "KUBECONFIG=" + kubeconfig,
		"AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", "AWS_EC2_METADATA_DISABLED=true",
	}
	p.cmd.Env = append(p.cmd.Env, s.env...)
	if v == floor {
		p.cmd.Env = append(p.cmd.Env, "AWS_REGION="+region, "AWS_ENDPOINT_URL=http://"+s.store.address)
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	said := make(chan string, 1)
	go func() {
		defer log.Close()
		lines := bufio.NewScanner(io.TeeReader(stderr, log))
		for lines.Scan() {
			if strings.Contains(lines.Text(), ready) {
				select {
				case said <- lines.Text():
				default:
				}
			}
		}
		_, _ = io.Copy(log, stderr)
		err := p.cmd.Wait()
		close(p.done)
		if !p.stopped.Load() {
			b.fail(fmt.Errorf("%s ended by itself (%v); the end of its log:\n%s", p.name, err, tail(p.log)))
		}
	}()
	if err := p.begin(ctx, v, said); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// begin waits until it is at work.
func (p *program) begin(ctx context.Context, v variant, said <-chan string) error {
	select {
	case text := <-said:
		if v == floor {
			return nil
		}
		var line struct{ Address string }
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			return err
		}
		p.address = line.Address
	case <-time.After(readyDeadline):
		return fmt.Errorf("%s does not say that it is at work", p.name)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return poll(ctx, readyDeadline, "jasm to be ready", func(ctx context.Context) (bool, error) {
		_, err := p.get(ctx, "/readyz")
		return err == nil, err
	})
}

func tail(file string) string {
	text, _ := os.ReadFile(file)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

func (p *program) stop() {
	p.stopped.Store(true)
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// kill ends it without waiting for what it has under way.
func (p *program) kill() {
	p.stopped.Store(true)
	_ = p.cmd.Process.Kill()
	<-p.done
}

func (p *program) get(ctx context.Context, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+path, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %d", path, response.StatusCode)
	}
	return string(text), err
}

// metric is the sum of a metric's series; the floor has none.
func (p *program) metric(ctx context.Context, name string) (float64, error) {
	if p.address == "" {
		return 0, errors.New("the floor has no metrics")
	}
	text, err := p.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	total := 0.0
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok && (rest[0] == ' ' || rest[0] == '{') {
			fields := strings.Fields(rest)
			value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
			if err != nil {
				return 0, fmt.Errorf("the metric %s: %w", name, err)
			}
			total += value
		}
	}
	return total, nil
}
