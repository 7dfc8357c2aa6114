package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
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

	lock     sync.Mutex
	calls    map[string]int
	inFlight int
	most     int
}

func startStore() (*store, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &store{address: listener.Addr().String(), calls: map[string]int{}}
	s.server = &http.Server{Handler: s}
	go s.server.Serve(listener)
	return s, nil
}

func (s *store) stop() { s.server.Close() }

// take returns the calls since the last take, and how many were under way at once at most.
func (s *store) take() (calls map[string]int, most int) {
	s.lock.Lock()
	defer s.lock.Unlock()
	calls, most = s.calls, s.most
	s.calls, s.most = map[string]int{}, s.inFlight
	return calls, most
}

func (s *store) enter(operation string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.calls[operation]++
	s.inFlight++
	s.most = max(s.most, s.inFlight)
}

func (s *store) leave() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.inFlight--
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager.")
	s.enter(operation)
	defer s.leave()
	var asked struct {
		SecretID     string   `json:"SecretId"`
		SecretIDList []string `json:"SecretIdList"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, "SerializationException", err.Error())
		return
	}
	switch operation {
	case "GetSecretValue":
		if pause(r.Context(), latency) {
			answer(w, http.StatusOK, secret(asked.SecretID))
		}
	case "BatchGetSecretValue":
		if len(asked.SecretIDList) > 20 {
			refuse(w, "InvalidParameterException", "at most 20 secrets")
			return
		}
		values := make([]any, len(asked.SecretIDList))
		for i, id := range asked.SecretIDList {
			values[i] = secret(id)
		}
		if pause(r.Context(), latency+time.Duration(len(values))*itemLatency) {
			answer(w, http.StatusOK, map[string]any{"SecretValues": values, "Errors": []any{}})
		}
	default:
		refuse(w, "UnknownOperationException", operation)
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

func secret(name string) map[string]any {
	return map[string]any{
		"ARN":           fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:%s-AbCdEf", region, account, name),
		"Name":          name,
		"VersionId":     "01234567-89ab-4cde-8f01-23456789abcd",
		"VersionStages": []string{"AWSCURRENT"},
		"CreatedDate":   1.7e9,
		"SecretString":  `{"username":"app","password":"not-a-password","port":5432}`,
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
