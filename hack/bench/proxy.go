package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"
)

// proxy stands before the API server and answers a share of the writes itself, with 429.
type proxy struct {
	server    *http.Server
	address   string
	authority []byte
	// every is which write is refused: each tenth if it is 10, none if it is 0.
	every           atomic.Int64
	writes, refused atomic.Int64
}

// startProxy has a certificate of its own; whoever comes is known to the API server by a token.
func startProxy(a *api) (*proxy, error) {
	target, err := url.Parse(a.server)
	if err != nil {
		return nil, err
	}
	certificate, authority, err := selfSigned()
	if err != nil {
		return nil, err
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	// As itself, not as the administrator.
	forward.Transport = &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: a.config.RootCAs}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1000,
	}
	// A watch is passed on line by line.
	forward.FlushInterval = -1
	forward.ErrorLog = log.New(io.Discard, "", 0)
	p := &proxy{authority: authority}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.address = "https://" + listener.Addr().String()
	p.server = &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && p.refuse(p.writes.Add(1)) {
			p.refused.Add(1)
			tooMany(w)
			return
		}
		forward.ServeHTTP(w, r)
	})}
	go p.server.Serve(tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}}))
	return p, nil
}

func (p *proxy) refuse(number int64) bool {
	every := p.every.Load()
	return every > 0 && number%every == 0
}

func (p *proxy) stop() { p.server.Close() }

// tooMany is what the API server's own priority and fairness answers.
func tooMany(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusTooManyRequests)
	_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",`+
		`"message":"Too many requests, please try again later.","reason":"TooManyRequests","details":{"retryAfterSeconds":1},"code":429}`)
}

func selfSigned() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	sign := func(template, parent *x509.Certificate, public any, with *ecdsa.PrivateKey) ([]byte, error) {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(48*time.Hour)
		return x509.CreateCertificate(rand.Reader, template, parent, public, with)
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	root, err := sign(authority, authority, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leaf, err := sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, authority, own.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	var text bytes.Buffer
	if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: root}); err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{leaf}, PrivateKey: own}, text.Bytes(), nil
}
