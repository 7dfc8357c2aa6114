package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// tokenLife is how long the tokens live that JASM asks for: the least that the API server gives.
const tokenLife = 600

// desk gives credentials for tokens of ServiceAccounts, as a cloud's token service does, and takes as
// long as the store does for a call. Whether a token is signed by the cluster is not what is measured here.
type desk struct {
	audience string

	lock      sync.Mutex
	exchanges int
	// sessions tells whose a credential is.
	sessions map[string]string
	// stuck is how the names of those ServiceAccounts begin that never get an answer; none if it is empty.
	stuck string
	// waiting counts those that wait for it, hung all that ever did.
	waiting, hung int
}

func newDesk(audience string) *desk { return &desk{audience: audience, sessions: map[string]string{}} }

// take returns how many exchanges were asked for since the last take.
func (d *desk) take() int {
	d.lock.Lock()
	defer d.lock.Unlock()
	taken := d.exchanges
	d.exchanges = 0
	return taken
}

// takeHung returns how many exchanges got no answer since the last time.
func (d *desk) takeHung() int {
	d.lock.Lock()
	defer d.lock.Unlock()
	taken := d.hung
	d.hung = 0
	return taken
}

func (d *desk) hangFor(prefix string) {
	d.lock.Lock()
	defer d.lock.Unlock()
	d.stuck = prefix
}

func (d *desk) hanging() int {
	d.lock.Lock()
	defer d.lock.Unlock()
	return d.waiting
}

// whose is the ServiceAccount, as namespace:name, to which a credential was given; empty if nobody.
func (d *desk) whose(credential string) string {
	d.lock.Lock()
	defer d.lock.Unlock()
	return d.sessions[credential]
}

// exchange gives a credential to whoever the token is of, if `trusted` says so.
func (d *desk) exchange(ctx context.Context, token string, trusted func(namespace, name string) bool) (string, error) {
	namespace, name, err := d.read(token)
	if err == nil && !trusted(namespace, name) {
		err = fmt.Errorf("%s/%s is not trusted", namespace, name)
	}
	d.lock.Lock()
	d.exchanges++
	hangs := err == nil && d.stuck != "" && strings.HasPrefix(name, d.stuck)
	if hangs {
		d.waiting++
		d.hung++
	}
	d.lock.Unlock()
	if err != nil {
		return "", err
	}
	if hangs {
		<-ctx.Done()
		d.lock.Lock()
		d.waiting--
		d.lock.Unlock()
		return "", ctx.Err()
	}
	if !pause(ctx, latency) {
		return "", ctx.Err()
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	credential := fmt.Sprintf("SESSION%09d", len(d.sessions))
	d.sessions[credential] = namespace + ":" + name
	return credential, nil
}

// claims of a ServiceAccount's token.
type claims struct {
	Subject    string   `json:"sub"`
	Audiences  []string `json:"aud"`
	IssuedAt   int64    `json:"iat"`
	Expires    int64    `json:"exp"`
	Kubernetes struct {
		Pod *struct{ UID string }
	} `json:"kubernetes.io"`
}

// read tells whose a token is. JASM's own may be any for this audience; a pod's has to be bound to the
// pod, and short.
func (d *desk) read(token string) (namespace, name string, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", "", errors.New("the token is no JWT")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", "", errors.New("the token's claims are no base64")
	}
	var said claims
	if err := json.Unmarshal(text, &said); err != nil {
		return "", "", errors.New("the token's claims are no JSON")
	}
	subject, ok := strings.CutPrefix(said.Subject, "system:serviceaccount:")
	namespace, name, found := strings.Cut(subject, ":")
	switch {
	case !ok || !found:
		return "", "", errors.New("the token is not a ServiceAccount's")
	case !slices.Contains(said.Audiences, d.audience) || len(said.Audiences) != 1:
		return "", "", fmt.Errorf("the token is for %s, not for %s", strings.Join(said.Audiences, ", "), d.audience)
	case said.Expires <= time.Now().Unix():
		return "", "", errors.New("the token has expired")
	case namespace == accountNamespace:
		return namespace, name, nil
	case said.Kubernetes.Pod == nil || said.Kubernetes.Pod.UID == "":
		return "", "", errors.New("the token is not bound to a pod")
	case said.Expires-said.IssuedAt > tokenLife:
		return "", "", fmt.Errorf("the token lives for %d s", said.Expires-said.IssuedAt)
	}
	return namespace, name, nil
}
