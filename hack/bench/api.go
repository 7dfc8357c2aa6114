package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// api speaks to the API server as the cluster's administrator.
type api struct {
	server    string
	authority []byte
	config    *tls.Config
	client    *http.Client
}

func connect(kubeconfig string) (*api, error) {
	text, err := os.ReadFile(kubeconfig)
	if err != nil {
		return nil, err
	}
	var config struct {
		Clusters []struct {
			Cluster struct {
				Server string
				CA     []byte `json:"certificate-authority-data"`
			}
		}
		Users []struct {
			User struct {
				Certificate []byte `json:"client-certificate-data"`
				Key         []byte `json:"client-key-data"`
			}
		}
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("%s: %w", kubeconfig, err)
	}
	if len(config.Clusters) != 1 || len(config.Users) != 1 {
		return nil, fmt.Errorf("%s: one cluster and one user are expected", kubeconfig)
	}
	cluster, user := config.Clusters[0].Cluster, config.Users[0].User
	certificate, err := tls.X509KeyPair(user.Certificate, user.Key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kubeconfig, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(cluster.CA) {
		return nil, fmt.Errorf("%s: no certificate authority", kubeconfig)
	}
	a := &api{server: cluster.Server, authority: cluster.CA, config: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}}}
	a.client = a.newClient()
	return a, nil
}

func (a *api) newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: a.config.Clone(), ForceAttemptHTTP2: true}}
}

type statusError struct {
	code int
	body string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the API server answers %d: %.300s", e.code, e.body)
}

func (a *api) request(ctx context.Context, client *http.Client, method, path string, body any) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, a.server+path, reader)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
		if method == http.MethodPatch {
			request.Header.Set("Content-Type", "application/merge-patch+json")
		}
	}
	if strings.HasPrefix(path, "/api/v1/secrets?") {
		// Their values are of no interest here.
		kind := "PartialObjectMetadataList"
		if strings.Contains(path, "watch=true") {
			kind = "PartialObjectMetadata"
		}
		request.Header.Set("Accept", "application/json;as="+kind+";v=v1;g=meta.k8s.io")
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		defer response.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
		return nil, &statusError{code: response.StatusCode, body: string(text)}
	}
	return response, nil
}

func (a *api) do(ctx context.Context, method, path string, body, answer any) error {
	response, err := a.request(ctx, a.client, method, path, body)
	if err != nil {
		return err
	}
	if answer == nil {
		return drain(response)
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(answer)
}

func drain(response *http.Response) error {
	defer response.Body.Close()
	_, err := io.Copy(io.Discard, response.Body)
	return err
}

func values[K comparable, V any](m map[K]V) []V { return slices.Collect(maps.Values(m)) }

// each runs work for every item at once and returns the first error.
func each[T any](items []T, work func(i int, item T) error) error {
	errs := make([]error, len(items))
	var group sync.WaitGroup
	for i, item := range items {
		group.Go(func() { errs[i] = work(i, item) })
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// few is each, but with no more than 32 items under way.
func few[T any](items []T, work func(i int, item T) error) error {
	tokens := make(chan struct{}, 32)
	return each(items, func(i int, item T) error {
		tokens <- struct{}{}
		defer func() { <-tokens }()
		return work(i, item)
	})
}

// makeNamespaces also waits for what the controllers put into each, since pods need it.
func (a *api) makeNamespaces(ctx context.Context, names []string) error {
	return few(names, func(_ int, name string) error {
		body := map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}
		if err := a.do(ctx, http.MethodPost, "/api/v1/namespaces", body, nil); err != nil {
			return err
		}
		for _, part := range []string{"serviceaccounts/default", "configmaps/kube-root-ca.crt"} {
			path := "/api/v1/namespaces/" + name + "/" + part
			err := poll(ctx, readyDeadline, path, func(ctx context.Context) (bool, error) {
				err := a.do(ctx, http.MethodGet, path, nil, nil)
				return err == nil, err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

type object struct {
	Metadata struct {
		Name            string
		Namespace       string
		ResourceVersion string
	}
	Status struct {
		Phase             string
		ContainerStatuses []struct {
			State struct {
				Waiting *struct{ Reason string }
			}
		}
	}
}

type list struct {
	Metadata struct{ ResourceVersion string }
	Items    []object
}

// watch hands every change of what the path and selector name to take, with the time of its
// arrival, from now on until ctx ends. What it cannot go on after is given to fail.
func (a *api) watch(ctx context.Context, path, selector string, take func(kind string, o *object, at time.Time), fail func(error)) error {
	query := url.Values{"labelSelector": {selector}}
	var begin list
	if err := a.do(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &begin); err != nil {
		return err
	}
	// A connection of its own: nothing else is in front of its events.
	client := a.newClient()
	version := begin.Metadata.ResourceVersion
	go func() {
		for ctx.Err() == nil {
			query.Set("watch", "true")
			query.Set("allowWatchBookmarks", "true")
			query.Set("resourceVersion", version)
			response, err := a.request(ctx, client, http.MethodGet, path+"?"+query.Encode(), nil)
			if err != nil {
				fail(fmt.Errorf("the watch on %s: %w", path, err))
				return
			}
			lines := bufio.NewReaderSize(response.Body, 64<<10)
			for {
				line, err := lines.ReadBytes('\n')
				at := time.Now()
				if err != nil {
					break
				}
				var event struct {
					Type   string
					Object json.RawMessage
				}
				var changed object
				if err := json.Unmarshal(line, &event); err != nil || event.Type == "ERROR" {
					fail(fmt.Errorf("the watch on %s ended: %.500s", path, line))
					return
				}
				if err := json.Unmarshal(event.Object, &changed); err != nil {
					fail(fmt.Errorf("the watch on %s: %w", path, err))
					return
				}
				version = changed.Metadata.ResourceVersion
				if event.Type != "BOOKMARK" {
					take(event.Type, &changed, at)
				}
			}
			response.Body.Close()
		}
	}()
	return nil
}
