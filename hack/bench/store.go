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

// store answers like AWS Secrets Manager, after a fixed time, and has every secret it is asked for; of
// Parameter Store it knows the read of one parameter.
type store struct {
	address string
	server  *http.Server
	// denyBatches makes it a store whose reader lacks the right secretsmanager:BatchGetSecretValue.
	denyBatches atomic.Bool
	// hangs makes it take calls and never answer.
	hangs atomic.Bool
	// readers is the desk whose credentials it wants; if there is none it takes any.
	readers atomic.Pointer[desk]

	lock     sync.Mutex
	counts   calls
	seen     map[string]bool
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
	// Readers counts the ServiceAccounts that calls came from, where the store knows them.
	Readers int `json:"readers,omitempty"`
}

func (c calls) total() int { return c.Single + c.Batches + c.Denied }

func startStore() (*store, error) {
	s := &store{}
	return s, s.listen(s)
}

// listen has a handler answer at a free port.
func (s *store) listen(handler http.Handler) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.address, s.seen = listener.Addr().String(), map[string]bool{}
	s.server = &http.Server{Handler: handler}
	go s.server.Serve(listener)
	return nil
}

func (s *store) stop() { s.server.Close() }

// take returns what was asked for since the last take.
func (s *store) take() calls {
	s.lock.Lock()
	defer s.lock.Unlock()
	taken := s.counts
	taken.Readers = len(s.seen)
	s.counts, s.seen = calls{Most: s.inFlight}, map[string]bool{}
	return taken
}

// waiting is how many calls are under way.
func (s *store) waiting() int {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.inFlight
}

// enter counts a call of a ServiceAccount; of nobody known if it is empty.
func (s *store) enter(who string, count func(*calls)) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if who != "" {
		s.seen[who] = true
	}
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
		Name         string
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, "SerializationException", err.Error())
		return
	}
	who := ""
	if readers := s.readers.Load(); readers != nil {
		if who = readers.whose(accessKey(r)); who == "" {
			refuse(w, "UnrecognizedClientException", "The security token included in the request is invalid.")
			return
		}
	}
	wait, deny := latency, s.denyBatches.Load()
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch operation {
	case "GetSecretValue":
		s.enter(who, func(c *calls) { c.Single++ })
	case "GetParameter":
		s.enter(who, func(c *calls) { c.Single++ })
	case "BatchGetSecretValue":
		if len(asked.SecretIDList) > 20 {
			refuse(w, "InvalidParameterException", "at most 20 secrets")
			return
		}
		s.enter(who, func(c *calls) {
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
	if s.hangs.Load() {
		<-r.Context().Done()
		return
	}
	if !pause(r.Context(), wait) {
		return
	}
	switch {
	case operation == "GetSecretValue":
		answer(w, http.StatusOK, secret(asked.SecretID))
	case operation == "GetParameter":
		answer(w, http.StatusOK, body{"Parameter": body{
			"Name": asked.Name, "Type": "SecureString", "Value": payload(asked.Name), "Version": 1, "DataType": "text",
			"ARN": fmt.Sprintf("arn:aws:ssm:%s:%s:parameter%s", region, account, asked.Name), "LastModifiedDate": 1.7e9,
		}})
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

// accessKey is whose signature a call has; the signature itself is taken as it is.
func accessKey(r *http.Request) string {
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, _, _ := strings.Cut(rest, "/")
	return key
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

// payload is the entry at a path.
func payload(path string) string {
	return fmt.Sprintf(`{"username":"app","password":%q,"port":5432}`, password(path))
}

func secret(name string) map[string]any {
	return map[string]any{
		"ARN":           fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:%s-AbCdEf", region, account, name),
		"Name":          name,
		"VersionId":     "01234567-89ab-4cde-8f01-23456789abcd",
		"VersionStages": []string{"AWSCURRENT"},
		"CreatedDate":   1.7e9,
		"SecretString":  payload(name),
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
