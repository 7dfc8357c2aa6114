package main

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

// The annotation by which a ServiceAccount names its role, and for whom its tokens then are.
const (
	roleAnnotation = "eks.amazonaws.com/role-arn"
	stsAudience    = "sts.amazonaws.com"
)

// role is the one that trusts only the ServiceAccount of this name.
func role(name string) string { return "arn:aws:iam::" + account + ":role/" + name }

// sts answers like the AWS Security Token Service.
type sts struct {
	*desk
	address string
	server  *http.Server
}

func startSTS() (*sts, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sts{desk: newDesk(stsAudience), address: listener.Addr().String()}
	s.server = &http.Server{Handler: s}
	go s.server.Serve(listener)
	return s, nil
}

func (s *sts) stop() { s.server.Close() }

const (
	stsAnswer = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>` +
		`<Credentials><AccessKeyId>%[1]s</AccessKeyId><SecretAccessKey>bench</SecretAccessKey><SessionToken>%[1]s</SessionToken>` +
		`<Expiration>%[2]s</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`
	stsRefusal = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code>` +
		`<Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>`
)

func (s *sts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/xml")
	trusted := func(_, name string) bool {
		return r.PostFormValue("Action") == "AssumeRoleWithWebIdentity" && r.PostFormValue("RoleArn") == role(name)
	}
	credential, err := s.exchange(r.Context(), r.PostFormValue("WebIdentityToken"), trusted)
	if err != nil {
		if r.Context().Err() == nil {
			say("the token service refuses: %v", err)
		}
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, stsRefusal)
		return
	}
	fmt.Fprintf(w, stsAnswer, credential, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
}
