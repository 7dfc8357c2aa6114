package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The cluster as Google knows it, and the ServiceAccount here as Azure does.
const (
	project     = "bench-project"
	pool        = project + ".svc.id.goog"
	tenant      = "11111111-1111-1111-1111-111111111111"
	client      = "22222222-2222-2222-2222-222222222222"
	kindsReader = "kinds"
)

// kindsResult is the size of the program, and its memory with stores of every kind.
type kindsResult struct {
	ProgramBytes int64      `json:"programBytes"`
	Idle         float64    `json:"idleSeconds"`
	Spans        []kindSpan `json:"spans"`
}

// kindSpan is a program that is left alone.
type kindSpan struct {
	Stores  string  `json:"stores"`
	Count   int     `json:"count"`
	RSSKiB  int     `json:"rssKiB"`
	PeakKiB int     `json:"peakRssKiB"`
	CPU     float64 `json:"cpuSeconds"`
	// Calls are those of the API server and of the stores here; an idle program makes none.
	Calls int `json:"calls"`
}

// kindCase is what the config names.
type kindCase struct {
	name string
	// copies of a store of each kind; only the one of AWS Secrets Manager if it is 0.
	copies int
	// reads has a pod read each of them once before.
	reads bool
}

// kinds measures a program that knows stores of every kind, so that everything that is compiled in is in
// use: memory after its start and after a read of each store, when it has nothing to do.
func (b *bench) kinds(ctx context.Context, count int, idle time.Duration) (kindsResult, error) {
	result := kindsResult{Idle: idle.Seconds()}
	found, err := os.Stat(b.options.jasm)
	if err != nil {
		return result, err
	}
	result.ProgramBytes = found.Size()
	if err := b.api.makeAccounts(ctx, names(1)[0], []string{kindsReader}); err != nil {
		return result, err
	}
	clouds, err := b.startFakes(ctx)
	if err != nil {
		return result, err
	}
	defer clouds.stop()
	vault, err := startVault()
	if err != nil {
		return result, err
	}
	defer vault.stop()
	files := filepath.Join(b.options.work, "files")
	if err := os.MkdirAll(files, 0o700); err != nil {
		return result, err
	}
	if err := os.WriteFile(filepath.Join(files, kindEntry), []byte(payload(kindEntry)), 0o600); err != nil {
		return result, err
	}
	stores := func(copies int) surroundings {
		in := b.directly()
		in.desk = b.sts.desk
		var all []string
		for copy := range max(1, copies) {
			suffix := ""
			if copy > 0 {
				suffix = fmt.Sprintf("-%d", copy+1)
			}
			each := b.everyKind(clouds, vault, files, suffix)
			if copies == 0 {
				each = each[:1]
			}
			all = append(all, each...)
		}
		in.config = config(all...)
		return in
	}
	cases := []kindCase{
		{"AWS Secrets Manager only", 0, false}, {"one of each kind", 1, false}, {"three of each kind", 3, false},
		{"one of each kind, each read once", 1, true}, {"three of each kind, each read once", 3, true},
	}
	for i, order := range turns(cases, count) {
		for _, c := range order {
			span, err := b.kindTurn(ctx, c, stores(c.copies), idle)
			if err != nil {
				return result, fmt.Errorf("%s: %w", c.name, err)
			}
			result.Spans = append(result.Spans, span)
		}
		say("kinds: turn %d of %d", i+1, count)
	}
	return result, nil
}

func (b *bench) kindTurn(ctx context.Context, c kindCase, in surroundings, idle time.Duration) (kindSpan, error) {
	span := kindSpan{Stores: c.name, Count: strings.Count(in.config, "  - name: ")}
	p, err := b.start(ctx, jasm, in)
	if err != nil {
		return span, err
	}
	defer p.stop()
	if c.reads {
		if err := b.warm(ctx, b.ofEveryKind(c.copies)); err != nil {
			return span, err
		}
		// Longer than values are kept.
		if err := sleep(ctx, 6*time.Second); err != nil {
			return span, err
		}
	}
	before, err := b.measure(p)
	if err != nil {
		return span, err
	}
	if err := sleep(ctx, idle); err != nil {
		return span, err
	}
	after, err := b.measure(p)
	span.RSSKiB, span.PeakKiB, span.CPU = after.rss, after.peak, round((after.cpu-before.cpu).Seconds(), 1e5)
	span.Calls = after.api.all() + after.store.total() + after.exchanges
	return span, err
}

// kindEntry is the one entry of each store but those of AWS, which have any.
const kindEntry = "db"

// kindNames are the stores in the order of the config, by the names that annotations use.
var kindNames = []string{
	"aws-secretsmanager", "aws-parameterstore", "gcp-secretmanager", "gcp-parametermanager", "azure-keyvault", "azure-appconfiguration", "vault", "file",
}

// everyKind is a store of each kind, all but the directory read as the pods.
func (b *bench) everyKind(clouds *fakes, vault *vault, files, suffix string) []string {
	rules := func(path string) string {
		return fmt.Sprintf("    allow:\n      - namespaces: [\"bench-*\"]\n        paths: [\"%s\"]\n", path)
	}
	store := func(kind, format string, values ...any) string {
		return "  - name: " + kind + suffix + "\n    kind: " + kind + "\n" + fmt.Sprintf(format, values...)
	}
	parameters := asPods(strings.Replace(awsStore("aws-parameterstore"+suffix, b.store.address), "kind: aws-secretsmanager", "kind: aws-parameterstore", 1), b.sts.address)
	google := func(kind string) string {
		at := clouds.endpoints["gcp"]
		return store(kind, "    identity: workload\n    project: %[1]s\n    clusterProject: %[1]s\n    clusterLocation: europe-west1\n    clusterName: bench\n"+
			"    endpoint: %[2]s\n    stsEndpoint: %[2]s\n    iamEndpoint: %[2]s\n    caFile: %[3]s\n", project, at, clouds.ca) + rules(kindEntry)
	}
	azure := func(kind, field, cloud string) string {
		return store(kind, "    identity: workload\n    %s: default\n    endpoint: %s\n    authority: %s\n    caFile: %s\n",
			field, clouds.endpoints[cloud], clouds.endpoints["entra"], clouds.ca) + rules(kindEntry)
	}
	return []string{
		asPods(awsStore("aws-secretsmanager"+suffix, b.store.address), b.sts.address), parameters,
		google("gcp-secretmanager"), google("gcp-parametermanager"),
		azure("azure-keyvault", "vault", "key-vault"), azure("azure-appconfiguration", "configuration", "app-configuration"),
		strings.Replace(vaultStore(vault.address, asWorkload, ""), "name: vault", "name: vault"+suffix, 1),
		store("file", "    root: %s\n", files) + rules(kindEntry),
	}
}

// entries is what the fakes are told: one entry in each store, for the ServiceAccount here.
func entries(issuer string) []body {
	namespace := names(1)[0]
	value := payload(kindEntry)
	google := fmt.Sprintf("serviceAccount:%s[%s/%s]", pool, namespace, kindsReader)
	return []body{
		{"do": "pool", "project": project, "location": "europe-west1", "cluster": "bench", "issuer": issuer},
		{"do": "secret", "name": "projects/" + project + "/secrets/" + kindEntry, "value": value},
		{"do": "parameter", "name": "projects/" + project + "/locations/global/parameters/" + kindEntry, "version": "v1", "format": "json", "value": value},
		{"do": "allow", "cloud": "gcp", "principal": google, "resource": "*"},
		{"do": "app", "tenant": tenant, "client": client, "principal": kindsReader, "issuer": issuer, "namespace": namespace, "account": kindsReader},
		{"do": "vault", "vault": "default", "name": kindEntry, "value": value},
		{"do": "setting", "store": "default", "key": kindEntry, "value": value},
		{"do": "allow", "cloud": "azure", "principal": kindsReader, "resource": "*"},
	}
}

// ofEveryKind is a pod for each store.
func (b *bench) ofEveryKind(copies int) []wanted {
	b.number++
	namespace := names(1)[0]
	var pods []wanted
	for copy := range copies {
		for _, kind := range kindNames {
			store, path := kind, kindEntry
			if copy > 0 {
				store = fmt.Sprintf("%s-%d", kind, copy+1)
			}
			switch {
			case strings.HasPrefix(kind, "aws-"):
				path = "/" + namespace + "/" + kindEntry
			case kind == "vault":
				path = namespace + "/" + kindEntry
			}
			name := fmt.Sprintf("round-%d-%s", b.number, store)
			pods = append(pods, wanted{namespace: namespace, name: name, secret: name, path: path, store: store, account: kindsReader})
		}
	}
	return pods
}

func (r *kindsResult) section() section {
	t := table{
		text: fmt.Sprintf("The program is %.1f MB. It starts in a cluster where nobody asks for anything, or a pod has asked each store for a Secret and is gone; "+
			"then it is left alone for %.0f s. All stores but directories are read as the pods. Medians of the starts.", float64(r.ProgramBytes)/1e6, r.Idle),
		columns: []string{"stores in the config", "stores", "peak MiB", "idle MiB", "most", "CPU s", "calls when idle"},
	}
	var order []string
	by := map[string][]kindSpan{}
	for _, span := range r.Spans {
		if by[span.Stores] == nil {
			order = append(order, span.Stores)
		}
		by[span.Stores] = append(by[span.Stores], span)
	}
	for _, name := range order {
		of := func(pick func(kindSpan) float64) []float64 {
			var all []float64
			for _, span := range by[name] {
				all = append(all, pick(span))
			}
			return all
		}
		idle := of(func(s kindSpan) float64 { return float64(s.RSSKiB) })
		t.rows = append(t.rows, []string{
			name, fmt.Sprint(by[name][0].Count),
			mebibytes(median(of(func(s kindSpan) float64 { return float64(s.PeakKiB) }))), mebibytes(median(idle)), mebibytes(slices.Max(idle)),
			fmt.Sprintf("%.4f", median(of(func(s kindSpan) float64 { return s.CPU }))),
			fmt.Sprintf("%.0f", slices.Max(of(func(s kindSpan) float64 { return float64(s.Calls) }))),
		})
	}
	return section{Data: r, Tables: []table{t}}
}
