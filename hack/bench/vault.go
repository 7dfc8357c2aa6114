package main

import (
	"encoding/json"
	"net/http"
	"strings"
)

// vaultAudience is for whom tokens are that log in there.
const vaultAudience = "vault"

// vault answers like the key-value engine of Vault, version 2, as fast as the other store does, to
// whoever has logged in with a ServiceAccount's token.
type vault struct {
	*store
	desk *desk
}

func startVault() (*vault, error) {
	v := &vault{store: &store{}, desk: newDesk(vaultAudience)}
	return v, v.listen(http.HandlerFunc(v.answer))
}

func (v *vault) answer(w http.ResponseWriter, r *http.Request) {
	path, isRead := strings.CutPrefix(r.URL.Path, "/v1/secret/data/")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/v1/auth/kubernetes/login":
		v.login(w, r)
	case r.Method == http.MethodGet && isRead:
		who := v.desk.whose(r.Header.Get("X-Vault-Token"))
		if who == "" {
			denied(w)
			return
		}
		v.enter(who, func(c *calls) { c.Single++ })
		defer v.leave()
		if pause(r.Context(), latency) {
			answer(w, http.StatusOK, body{"data": body{
				"data":     json.RawMessage(payload(path)),
				"metadata": body{"version": 1, "created_time": "2026-01-01T00:00:00Z", "deletion_time": "", "destroyed": false},
			}})
		}
	default:
		answer(w, http.StatusNotFound, body{"errors": []string{}})
	}
}

func (v *vault) login(w http.ResponseWriter, r *http.Request) {
	var shown struct{ Role, JWT string }
	err := json.NewDecoder(r.Body).Decode(&shown)
	if err != nil {
		denied(w)
		return
	}
	credential, err := v.desk.exchange(r.Context(), shown.JWT, func(_, name string) bool { return shown.Role == name })
	if err != nil {
		if r.Context().Err() == nil {
			say("the vault refuses: %v", err)
		}
		denied(w)
		return
	}
	answer(w, http.StatusOK, body{"auth": body{"client_token": credential, "lease_duration": 3600, "renewable": true}})
}

func denied(w http.ResponseWriter) {
	answer(w, http.StatusForbidden, body{"errors": []string{"permission denied"}})
}
