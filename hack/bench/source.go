package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// storage serves archives as Flux's source-controller does, and says so in the status of its objects.
type storage struct {
	base *store

	lock   sync.Mutex
	served map[string][]byte
	count  int
}

func startStorage() (*storage, error) {
	s := &storage{base: &store{}, served: map[string][]byte{}}
	return s, s.base.listen(http.HandlerFunc(s.serve))
}

func (s *storage) stop() { s.base.stop() }

func (s *storage) serve(w http.ResponseWriter, r *http.Request) {
	s.lock.Lock()
	archive := s.served[r.URL.Path]
	s.lock.Unlock()
	if archive == nil {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(archive)
}

// put serves an archive of the files under a new revision; the status that says so.
func (s *storage) put(files map[string][]byte) (revision string, status body, err error) {
	archive, err := pack(files)
	if err != nil {
		return "", nil, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.count++
	commit := fmt.Sprintf("%040x", s.count)
	path := "/" + commit + ".tar.gz"
	s.served[path] = archive
	// Flux keeps the last two of a source.
	if old := s.count - 64; old > 0 {
		delete(s.served, fmt.Sprintf("/%040x.tar.gz", old))
	}
	revision = "main@sha1:" + commit
	now := time.Now().UTC().Format(time.RFC3339)
	return revision, body{"status": body{
		"observedGeneration": 1,
		"conditions": []any{body{
			"type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored artifact for revision " + revision,
			"lastTransitionTime": now, "observedGeneration": 1,
		}},
		"artifact": body{
			"url": "http://" + s.base.address + path, "path": path[1:], "revision": revision,
			"digest": fmt.Sprintf("sha256:%x", sha256.Sum256(archive)), "size": len(archive), "lastUpdateTime": now,
		},
	}}, nil
}

func pack(files map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if err := archive.WriteHeader(&tar.Header{Name: path, Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(files[path]))}); err != nil {
			return nil, err
		}
		if _, err := archive.Write(files[path]); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	err := zip.Close()
	return out.Bytes(), err
}

const (
	fluxAPI   = "/apis/source.toolkit.fluxcd.io/v1"
	objectAPI = "/apis/secret-manager.microscaler.io/v1alpha1"
)

// define makes a CRD from a file, if it is not there, and waits until its kind is served at the path.
func (a *api) define(ctx context.Context, file []byte, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.server+"/apis/apiextensions.k8s.io/v1/customresourcedefinitions", bytes.NewReader(file))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/yaml")
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	if err := drain(response); err != nil {
		return err
	}
	if response.StatusCode >= 300 && response.StatusCode != http.StatusConflict {
		return fmt.Errorf("the API server answers %d to a CRD", response.StatusCode)
	}
	return poll(ctx, readyDeadline, "the API server to serve "+path, func(ctx context.Context) (bool, error) {
		err := a.do(ctx, http.MethodGet, path, nil, nil)
		return err == nil, err
	})
}

// path of an object of a namespace.
func path(api, namespace, plural string, name ...string) string {
	return strings.Join(append([]string{api, "namespaces", namespace, plural}, name...), "/")
}
