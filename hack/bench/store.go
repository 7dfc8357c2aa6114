package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What the store takes for one call, and for each item of a batch beyond that.
const (
	latency     = 50 * time.Millisecond
	itemLatency = 2 * time.Millisecond
)

const (
	region  = "eu-west-1"
	account = "123456789012"
)

// store answers like AWS Secrets Manager, after a fixed time, and has every secret it is asked for.
type store struct {
	address string
	server  *http.Server
	// denyBatches makes it a store whose reader lacks the right secretsmanager:BatchGetSecretValue.
	denyBatches atomic.Bool
	// hangs makes it take calls and never answer.
	hangs bool

	lock     sync.Mutex
	counts   calls
	inFlight int
}

// calls is what a store was asked for.
type calls struct {
	Single  int `json:"single"`
	Batches int `json:"batches"`
	Denied  int `json:"deniedBatches"`
	// Items counts what the batches asked for.
	Items int `json:"itemsOfBatches"`
	Most  int `json:"atOnceAtMost"`
}

func (c calls) total() int { return c.Single + c.Batches + c.Denied }

func startStore(hangs bool) (*store, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &store{address: listener.Addr().String(), hangs: hangs}
	s.server = &http.Server{Handler: s}
	go s.server.Serve(listener)
	return s, nil
}

func (s *store) stop() { s.server.Close() }

// take returns what was asked for since the last take.
func (s *store) take() calls {
	s.lock.Lock()
	defer s.lock.Unlock()
	taken := s.counts
	s.counts = calls{Most: s.inFlight}
	return taken
}

func (s *store) enter(count func(*calls)) {
	s.lock.Lock()
	defer s.lock.Unlock()
	count(&s.counts)
	s.inFlight++
	s.counts.Most = max(s.counts.Most, s.inFlight)
}

func (s *store) leave() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.inFlight--
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		SecretID     string   `json:"SecretId"`
		SecretIDList []string `json:"SecretIdList"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, "SerializationException", err.Error())
		return
	}
	wait, deny := latency, s.denyBatches.Load()
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager.")
	switch operation {
	case "GetSecretValue":
		s.enter(func(c *calls) { c.Single++ })
	case "BatchGetSecretValue":
		if len(asked.SecretIDList) > 20 {
			refuse(w, "InvalidParameterException", "at most 20 secrets")
			return
		}
		s.enter(func(c *calls) {
			if deny {
				c.Denied++
				return
			}
			c.Batches++
			c.Items += len(asked.SecretIDList)
		})
		if !deny {
			wait += time.Duration(len(asked.SecretIDList)) * itemLatency
		}
	default:
		refuse(w, "UnknownOperationException", operation)
		return
	}
	defer s.leave()
	if s.hangs {
		<-r.Context().Done()
		return
	}
	if !pause(r.Context(), wait) {
		return
	}
	switch {
	case operation == "GetSecretValue":
		answer(w, http.StatusOK, secret(asked.SecretID))
	case deny:
		refuse(w, "AccessDeniedException", "not authorized to perform: secretsmanager:BatchGetSecretValue")
	default:
		values := make([]any, len(asked.SecretIDList))
		for i, id := range asked.SecretIDList {
			values[i] = secret(id)
		}
		answer(w, http.StatusOK, map[string]any{"SecretValues": values, "Errors": []any{}})
	}
}

// pause is false if whoever asked went away.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// password is the value that the store has for a path, so that a Secret can be told from another's.
func password(path string) string { return "not-a-password-of-" + path }

func secret(name string) map[string]any {
	return map[string]any{
		"ARN":           fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:%s-AbCdEf", region, account, name),
		"Name":          name,
		"VersionId":     "01234567-89ab-4cde-8f01-23456789abcd",
		"VersionStages": []string{"AWSCURRENT"},
		"CreatedDate":   1.7e9,
		"SecretString":  fmt.Sprintf(`{"username":"app","password":%q,"port":5432}`, password(name)),
	}
}

func refuse(w http.ResponseWriter, code, message string) {
	answer(w, http.StatusBadRequest, map[string]any{"__type": code, "message": message})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
