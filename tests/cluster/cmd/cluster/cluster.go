package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
)

const (
	nodeName     = "node-1"
	serviceRange = "10.0.0.0/16"
	issuer       = "https://kubernetes.default.svc"
)

var errLate = errors.New("not ready after " + startDeadline.String() + ", still waiting for")

type cluster struct {
	bin, dir  string
	lock      *os.File
	end       context.CancelCauseFunc
	processes []*process
	api       port
	etcd      port
	peer      port
	client    *http.Client
}

func (c *cluster) path(parts ...string) string {
	return filepath.Join(append([]string{c.dir}, parts...)...)
}

func (c *cluster) server() string { return fmt.Sprintf("https://127.0.0.1:%d", c.api.number) }

// prepare makes the folder and takes the ports; nothing runs yet.
func prepare(bin, dir string, end context.CancelCauseFunc) (*cluster, error) {
	c := &cluster{end: end}
	var err error
	if c.bin, err = filepath.Abs(bin); err != nil {
		return nil, err
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubemark"} {
		if _, err := os.Stat(filepath.Join(c.bin, name)); err != nil {
			return nil, fmt.Errorf("--bin has no %s: %w", name, err)
		}
	}
	for _, port := range []*port{&c.api, &c.etcd, &c.peer} {
		if *port, err = reservePort(); err != nil {
			return nil, fmt.Errorf("no free port: %w", err)
		}
	}
	go removeStale()
	if c.dir, c.lock, err = makeDir(dir); err != nil {
		return nil, err
	}
	for _, name := range []string{"logs", "pki", "etcd", "home", "tmp"} {
		if err := os.Mkdir(c.path(name), 0o700); err != nil {
			return nil, errors.Join(err, c.remove())
		}
	}
	return c, nil
}

func (c *cluster) remove() error { return removeDir(c.dir) }

// start runs the programs, each as soon as the one that it needs answers.
func (c *cluster) start(parent context.Context) error {
	ctx, cancel := context.WithTimeoutCause(parent, startDeadline, errLate)
	defer cancel()

	if err := c.writeFiles(); err != nil {
		return err
	}
	// The API server needs longer than etcd until it dials, so neither waits for the other.
	if _, err := c.launch("etcd",
		"--name=default",
		"--data-dir="+c.path("etcd"),
		"--unsafe-no-fsync",
		// The only member waits that long before it leads.
		"--heartbeat-interval=20",
		"--election-timeout=100",
		"--socket-reuse-port",
		"--listen-client-urls="+c.etcd.http(),
		"--advertise-client-urls="+c.etcd.http(),
		"--listen-peer-urls="+c.peer.http(),
		"--initial-advertise-peer-urls="+c.peer.http(),
		"--initial-cluster=default="+c.peer.http(),
	); err != nil {
		return err
	}
	server, err := c.launch("kube-apiserver",
		"--etcd-servers="+c.etcd.http(),
		"--bind-address=127.0.0.1",
		// Else it looks for a default route, which a closed machine does not have.
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", c.api.number),
		"--permit-port-sharing",
		"--tls-cert-file="+c.path("pki", "serving.crt"),
		"--tls-private-key-file="+c.path("pki", "serving.key"),
		"--client-ca-file="+c.path("pki", "ca.crt"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement",
		"--service-account-issuer="+issuer,
		"--service-account-key-file="+c.path("pki", "sa.pub"),
		"--service-account-signing-key-file="+c.path("pki", "sa.key"),
		"--service-cluster-ip-range="+serviceRange,
		"--endpoint-reconciler-type=none",
		"--allow-privileged",
		"--max-requests-inflight=3000",
		"--max-mutating-requests-inflight=1000",
		"--audit-policy-file="+c.path("audit-policy.yaml"),
		"--audit-log-path="+c.path("audit.log"),
		"--audit-log-mode=blocking",
		// In megabytes: by default the log is rotated after 100, below its reader's feet.
		"--audit-log-maxsize=10000",
	)
	if err != nil {
		return err
	}
	if err := within(ctx, "the API server to answer", server, func(ctx context.Context) bool {
		return get(ctx, c.client, c.server()+"/api/v1/nodes", nil)
	}); err != nil {
		return err
	}

	kubelet, err := c.launch("kubemark",
		"--morph=kubelet",
		"--name="+nodeName,
		"--kubeconfig="+c.path("node.kubeconfig"),
		"--use-host-image-service=false",
		"--max-pods=2000",
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
		// It listens on all interfaces; nothing here needs to know where.
		"--kubelet-port=0",
		"--kubelet-read-only-port=0",
	)
	if err != nil {
		return err
	}
	if _, err := c.launch("kube-scheduler",
		"--kubeconfig="+c.path("scheduler.kubeconfig"),
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	); err != nil {
		return err
	}
	if err := within(ctx, "the API server to be ready", server, func(ctx context.Context) bool {
		return get(ctx, c.client, c.server()+"/readyz", nil)
	}); err != nil {
		return err
	}

	// It looks for the same health only once a second, so it is not started before.
	manager, err := c.launch("kube-controller-manager",
		"--kubeconfig="+c.path("controller-manager.kubeconfig"),
		"--service-account-private-key-file="+c.path("pki", "sa.key"),
		"--root-ca-file="+c.path("pki", "ca.crt"),
		"--use-service-account-credentials",
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	)
	if err != nil {
		return err
	}
	if err := within(ctx, "the node to be ready", kubelet, c.nodeReady); err != nil {
		return err
	}
	// So that a test can look at what the kubelet wrote for a volume.
	if root := kubeletRootOf(c.dir); root != "" {
		if err := os.Symlink(root, c.path("kubelet")); err != nil {
			return err
		}
	}
	for what, path := range map[string]string{
		"the default service account":             "/api/v1/namespaces/default/serviceaccounts/default",
		"the CA certificate in namespace default": "/api/v1/namespaces/default/configmaps/kube-root-ca.crt",
	} {
		if err := within(ctx, what, manager, func(ctx context.Context) bool {
			return get(ctx, c.client, c.server()+path, nil)
		}); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) nodeReady(ctx context.Context) bool {
	var node struct {
		Status struct {
			Conditions []struct{ Type, Status string }
		}
	}
	if !get(ctx, c.client, c.server()+"/api/v1/nodes/"+nodeName, &node) {
		return false
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" {
			return condition.Status == "True"
		}
	}
	return false
}

// get is true if the answer is 200, and fits into answer if that is given.
func get(ctx context.Context, client *http.Client, url string, answer any) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return false
	}
	return answer == nil || json.Unmarshal(body, answer) == nil
}

// The audit log is for what the tests do, so what the cluster does by itself is left out.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: ["system:kube-controller-manager", "system:kube-scheduler", "system:apiserver", "jasm-cluster"]
- level: None
  userGroups: ["system:nodes", "system:serviceaccounts:kube-system"]
- level: Metadata
`

func (c *cluster) writeFiles() error {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	serving, err := ca.serving()
	if err != nil {
		return err
	}
	tokenPrivate, tokenPublic, err := tokenKeys()
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"pki/ca.crt":        ca.pem,
		"pki/serving.crt":   serving.cert,
		"pki/serving.key":   serving.key,
		"pki/sa.key":        tokenPrivate,
		"pki/sa.pub":        tokenPublic,
		"audit-policy.yaml": []byte(auditPolicy),
		"audit.log":         nil,
	}
	for _, user := range []struct{ file, name, group string }{
		{"admin", "jasm-admin", "system:masters"},
		{"controller-manager", "system:kube-controller-manager", ""},
		// In this group it need not wait for the roles, which the API server makes last.
		{"scheduler", "system:kube-scheduler", "system:masters"},
		{"node", "system:node:" + nodeName, "system:nodes"},
	} {
		cert, err := ca.client(user.name, user.group)
		if err != nil {
			return err
		}
		files[user.file+".kubeconfig"] = kubeconfig(c.server(), user.name, ca.pem, cert)
	}
	for name, content := range files {
		if err := os.WriteFile(c.path(name), content, 0o600); err != nil {
			return err
		}
	}

	own, err := ca.client("jasm-cluster", "system:masters")
	if err != nil {
		return err
	}
	cert, err := tls.X509KeyPair(own.cert, own.key)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	c.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}},
	}}
	return nil
}

func kubeconfig(server, user string, ca []byte, cert pair) []byte {
	encode := base64.StdEncoding.EncodeToString
	var out bytes.Buffer
	fmt.Fprintf(&out, `apiVersion: v1
kind: Config
current-context: jasm
contexts:
- name: jasm
  context: {cluster: jasm, user: %q}
clusters:
- name: jasm
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: %q
  user:
    client-certificate-data: %s
    client-key-data: %s
`, user, server, encode(ca), user, encode(cert.cert), encode(cert.key))
	return out.Bytes()
}
