package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// decrypts are times of whole processes for one file: sops, and the least program around jasm-sops.
type decrypts struct {
	Format string `json:"format"`
	// Bytes are those of the encrypted file.
	Bytes int64     `json:"bytes"`
	SOPS  []float64 `json:"sopsSeconds"`
	JASM  []float64 `json:"jasmSeconds"`
	// Ratio is JASM ÷ sops, of neighbouring turns.
	Ratio ratio `json:"ratio"`
	// Same says whether both wrote the same bytes.
	Same bool `json:"sameBytes"`
}

// decryptedBytes is the size of the file before it is encrypted.
const decryptedBytes = 5_000_000

// decrypts has both decrypt the same large files, in turns.
func (b *bench) decrypts(ctx context.Context, count int) ([]decrypts, error) {
	if b.options.decrypt == "" {
		return nil, nil
	}
	size := decryptedBytes
	if b.options.smoke {
		size /= 50
	}
	if _, err := b.identity(ctx); err != nil {
		return nil, err
	}
	var all []decrypts
	for _, file := range []string{"large.yaml", "large.bin"} {
		sealed, err := b.seal(ctx, file, large(filepath.Ext(file), size))
		if err != nil {
			return nil, err
		}
		path := filepath.Join(b.options.work, "sealed-"+file)
		if err := os.WriteFile(path, sealed, 0o600); err != nil {
			return nil, err
		}
		one := decrypts{Format: strings.TrimPrefix(filepath.Ext(file), "."), Bytes: int64(len(sealed)), Same: true}
		programs := []string{"sops", "jasm"}
		for _, order := range turns(programs, count) {
			sums := map[string][32]byte{}
			for _, program := range order {
				command := b.command(ctx, b.options.sops, "decrypt", path)
				if program == "jasm" {
					command = b.command(ctx, b.options.decrypt, path, b.identityFile())
				}
				begun := time.Now()
				out, err := command.Output()
				took := round(time.Since(begun).Seconds(), 1e4)
				if err != nil {
					return nil, fmt.Errorf("%s of %s: %w%s", program, file, err, said(err))
				}
				sums[program] = sha256.Sum256(out)
				if program == "jasm" {
					one.JASM = append(one.JASM, took)
				} else {
					one.SOPS = append(one.SOPS, took)
				}
			}
			one.Same = one.Same && sums["sops"] == sums["jasm"]
		}
		one.Ratio = ratioOf(one.JASM, one.SOPS)
		all = append(all, one)
	}
	return all, nil
}

// large is a file of that kind with many values, at most 500 in one mapping: sops takes a time for a mapping
// that grows with the square of its keys, 40 s for 60,000 of them, and no file is written like that.
func large(kind string, size int) []byte {
	var out bytes.Buffer
	for i := 0; out.Len() < size; i++ {
		if kind != ".yaml" {
			fmt.Fprintf(&out, "%06d %064d\n", i, i)
			continue
		}
		if i%500 == 0 {
			fmt.Fprintf(&out, "group_%04d:\n", i/500)
		}
		fmt.Fprintf(&out, "  key_%06d: value-%064d\n", i, i)
	}
	return out.Bytes()
}

func (b *bench) identityFile() string { return filepath.Join(b.options.work, "bench.agekey") }

// identity is a new key of age, made once.
func (b *bench) identity(ctx context.Context) ([]byte, error) {
	if text, err := os.ReadFile(b.identityFile()); err == nil {
		return text, nil
	}
	if b.options.sops == "" || b.options.ageKeygen == "" {
		return nil, errors.New("--sops and --age-keygen are not said: the files are encrypted by them")
	}
	if err := b.command(ctx, b.options.ageKeygen, "-o", b.identityFile()).Run(); err != nil {
		return nil, fmt.Errorf("age-keygen: %w", err)
	}
	return os.ReadFile(b.identityFile())
}

// seal encrypts a file as its name says.
func (b *bench) seal(ctx context.Context, name string, plain []byte) ([]byte, error) {
	recipient, err := b.command(ctx, b.options.ageKeygen, "-y", b.identityFile()).Output()
	if err != nil {
		return nil, fmt.Errorf("age-keygen: %w", err)
	}
	file := filepath.Join(b.options.work, name)
	if err := os.WriteFile(file, plain, 0o600); err != nil {
		return nil, err
	}
	defer os.Remove(file)
	sealed, err := b.command(ctx, b.options.sops, "encrypt", "--age", strings.TrimSpace(string(recipient)), file).Output()
	if err != nil {
		return nil, fmt.Errorf("sops encrypt %s: %w%s", name, err, said(err))
	}
	return sealed, nil
}

// command is a program with the identity and nothing else of whoever starts this.
func (b *bench) command(ctx context.Context, program string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir = b.options.work
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.options.work, "SOPS_AGE_KEY_FILE=" + b.identityFile(), "SOPS_DISABLE_VERSION_CHECK=1"}
	return command
}

// said is what a program that failed wrote.
func said(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return ": " + strings.TrimSpace(string(exit.Stderr))
	}
	return ""
}
