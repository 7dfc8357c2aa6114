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
	"syscall"
	"time"
)

// ticks of the kernel's accounting of processes per second: USER_HZ, the same on every Linux that Go runs on.
const ticks = 100

const config = `listen: 127.0.0.1:0
stores:
  - name: aws-secretsmanager
    kind: aws-secretsmanager
    region: %s
    account: "%s"
    identity: controller
    endpoint: http://%s
    allow:
      - namespaces: ["bench-*"]
        paths: ["/{namespace}/*"]
`

// jasm is the program that is measured.
type jasm struct {
	cmd     *exec.Cmd
	address string
	done    chan struct{}
}

// startJasm must be called from the main thread. If the program ends by itself, that is given to fail.
func startJasm(ctx context.Context, o options, store string, fail func(error)) (*jasm, error) {
	file := filepath.Join(o.work, "jasm.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, region, account, store), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(logFile(o))
	if err != nil {
		return nil, err
	}
	j := &jasm{cmd: exec.Command(o.jasm, "run", "--config", file), done: make(chan struct{})}
	// Nothing of whoever starts this: an AWS profile or a proxy would change what is measured.
	j.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + o.work, "KUBECONFIG=" + o.jasmKubeconfig,
		"AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", "AWS_EC2_METADATA_DISABLED=true",
	}
	j.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := j.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := j.cmd.Start(); err != nil {
		return nil, err
	}
	address := make(chan string, 1)
	go func() {
		defer log.Close()
		lines := bufio.NewScanner(io.TeeReader(stderr, log))
		for lines.Scan() {
			var line struct{ Message, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "started" {
				address <- line.Address
			}
		}
		_, _ = io.Copy(log, stderr)
		err := j.cmd.Wait()
		close(j.done)
		fail(fmt.Errorf("jasm ended by itself (%v); the end of its log:\n%s", err, tail(logFile(o))))
	}()
	select {
	case j.address = <-address:
	case <-time.After(readyDeadline):
		err = errors.New("jasm does not say where it listens")
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err == nil {
		err = poll(ctx, readyDeadline, "jasm to be ready", func(ctx context.Context) (bool, error) {
			_, err := j.get(ctx, "/readyz")
			return err == nil, err
		})
	}
	if err != nil {
		j.stop()
		return nil, err
	}
	return j, nil
}

func tail(file string) string {
	text, _ := os.ReadFile(file)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

func (j *jasm) stop() {
	_ = j.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-j.done:
	case <-time.After(30 * time.Second):
		_ = j.cmd.Process.Kill()
		<-j.done
	}
}

func (j *jasm) get(ctx context.Context, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+j.address+path, nil)
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

// usage is what the program has counted and used since it started.
type usage struct {
	storeCalls, objectWrites, events, watchRestarts int
	cpu                                             float64
}

func (j *jasm) usage(ctx context.Context) (usage, error) {
	text, err := j.get(ctx, "/metrics")
	if err != nil {
		return usage{}, err
	}
	sum := func(name string) (total int) {
		for line := range strings.Lines(text) {
			if rest, ok := strings.CutPrefix(line, name); ok && rest[0] != '_' {
				fields := strings.Fields(rest)
				count, _ := strconv.ParseFloat(fields[len(fields)-1], 64)
				total += int(count)
			}
		}
		return total
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", j.cmd.Process.Pid))
	if err != nil {
		return usage{}, err
	}
	// The name in parentheses may have anything in it; what follows has no parenthesis.
	fields := strings.Fields(string(stat)[strings.LastIndexByte(string(stat), ')')+1:])
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return usage{
		storeCalls:    sum("jasm_provider_calls_total"),
		objectWrites:  sum("jasm_object_writes_total"),
		events:        sum("jasm_events_total"),
		watchRestarts: sum("jasm_watch_restarts_total"),
		cpu:           float64(user+system) / ticks,
	}, nil
}

func (u usage) since(before usage) usage {
	return usage{
		storeCalls:    u.storeCalls - before.storeCalls,
		objectWrites:  u.objectWrites - before.objectWrites,
		events:        u.events - before.events,
		watchRestarts: u.watchRestarts - before.watchRestarts,
		cpu:           u.cpu - before.cpu,
	}
}

// peak is the most memory it ever had, in KiB.
func (j *jasm) peak() (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", j.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
		}
	}
	return 0, errors.New("the kernel does not tell the peak memory of jasm")
}
