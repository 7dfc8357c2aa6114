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
	"strings"
	"syscall"
)

// fakes is the program jasm-fakes: Google's and Azure's stores and token services, which believe the
// tokens of the cluster.
type fakes struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	answers *bufio.Scanner
	// endpoints are https addresses by the cloud's word; all are vouched for by the certificate in the file ca.
	endpoints map[string]string
	ca        string
}

// startFakes must be called from the main thread.
func (b *bench) startFakes(ctx context.Context) (*fakes, error) {
	if b.options.fakes == "" {
		return nil, errors.New("--fakes is not said: the stores of Google and Azure are jasm-fakes")
	}
	f := &fakes{ca: filepath.Join(b.options.work, "fakes.pem")}
	f.cmd = exec.Command(b.options.fakes, "--ca", f.ca, "--only", "gcp,entra,key-vault,app-configuration")
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	f.cmd.Stderr = os.Stderr
	stdout, err := f.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if f.stdin, err = f.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := f.cmd.Start(); err != nil {
		return nil, err
	}
	f.answers = bufio.NewScanner(stdout)
	// What they have seen is one line.
	f.answers.Buffer(nil, 64<<20)
	if err := f.answer(&f.endpoints); err != nil {
		f.stop()
		return nil, err
	}
	if err := f.trust(ctx, b.api); err != nil {
		f.stop()
		return nil, err
	}
	return f, nil
}

// stop closes its standard input, with which it ends.
func (f *fakes) stop() {
	_ = f.stdin.Close()
	_ = f.cmd.Wait()
}

// trust has it believe the tokens that the API server signs.
func (f *fakes) trust(ctx context.Context, a *api) error {
	var found struct{ Issuer string }
	if err := a.do(ctx, http.MethodGet, "/.well-known/openid-configuration", nil, &found); err != nil {
		return err
	}
	var keys json.RawMessage
	if err := a.do(ctx, http.MethodGet, "/openid/v1/jwks", nil, &keys); err != nil {
		return err
	}
	if err := f.do(body{"do": "trust", "issuer": found.Issuer, "jwks": keys}); err != nil {
		return err
	}
	for _, command := range entries(found.Issuer) {
		if err := f.do(command); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakes) do(command body) error {
	line, err := json.Marshal(command)
	if err != nil {
		return err
	}
	if _, err := f.stdin.Write(append(line, '\n')); err != nil {
		return err
	}
	var said struct{ Error string }
	if err := f.answer(&said); err != nil {
		return err
	}
	if said.Error != "" {
		return fmt.Errorf("jasm-fakes refuses %s: %s", command["do"], said.Error)
	}
	return nil
}

func (f *fakes) answer(to any) error {
	if !f.answers.Scan() {
		return fmt.Errorf("jasm-fakes has ended (%v)", f.answers.Err())
	}
	return json.Unmarshal(f.answers.Bytes(), to)
}

// operations counts what servers were asked for beyond what is in seen, by operation, and adds it there.
func (f *fakes) operations(servers []string, seen map[string]int) (map[string]int, error) {
	counts := map[string]int{}
	for _, server := range servers {
		line, err := json.Marshal(body{"do": "seen", "server": server})
		if err != nil {
			return nil, err
		}
		if _, err := f.stdin.Write(append(line, '\n')); err != nil {
			return nil, err
		}
		var answer struct {
			Seen []struct {
				Method, Path string
				Credential   *string
			}
			Error string
		}
		if err := f.answer(&answer); err != nil {
			return nil, err
		}
		if answer.Error != "" {
			return nil, fmt.Errorf("jasm-fakes does not tell what %s has seen: %s", server, answer.Error)
		}
		for _, one := range answer.Seen[min(seen[server], len(answer.Seen)):] {
			// Without one it asks where to get a token, or gets one.
			if one.Credential != nil {
				counts[operation(server, one.Method, one.Path)]++
			}
		}
		seen[server] = len(answer.Seen)
	}
	return counts, nil
}

// operation is what a request does, in the clouds' words.
func operation(server, method, path string) string {
	last := path[strings.LastIndex(strings.TrimSuffix(path, "/"), "/")+1:]
	switch {
	case method == http.MethodGet && server == "gcp" && last == "secrets":
		return "ListSecrets (Secret Manager)"
	case method == http.MethodGet && last == "parameters":
		return "ListParameters"
	case method == http.MethodGet && server == "key-vault" && path == "/secrets":
		return "ListSecrets (Key Vault)"
	case method == http.MethodGet && last == "kv":
		return "ListKeyValues"
	case method == http.MethodGet:
		return "Get (" + server + ")"
	}
	return method + " (" + server + ")"
}
