package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
)

// As whom a burst reads.
const (
	byController variant = "as the controller"
	byOne        variant = "as one ServiceAccount"
	byKnown      variant = "as one that has read before"
	byEach       variant = "as a ServiceAccount each"
)

// The ServiceAccounts here; the warm one reads before anything is measured.
const (
	warmReader = "warm"
	oneReader  = "reader"
)

// identityResult has a burst for each kind of store.
type identityResult struct {
	Kinds []identityKind `json:"kinds"`
}

type identityKind struct {
	Kind  string      `json:"kind"`
	Burst burstResult `json:"burst"`
}

// identities measures pods at once that each ask for a Secret of their own, in one namespace, and whose
// store is read as the controller, as the one ServiceAccount of them all, new to the store or known there,
// or as one for each.
func (b *bench) identities(ctx context.Context, pods, count int) (identityResult, error) {
	var result identityResult
	readers := numbered(oneReader, pods)
	if err := b.api.makeAccounts(ctx, names(1)[0], append([]string{warmReader, oneReader}, readers...)); err != nil {
		return result, err
	}
	laps := func(store string, controller, workload surroundings) []lap {
		made := func(v variant, in surroundings, warm string, accounts ...string) lap {
			return lap{
				program: v, in: in,
				warm: func() []wanted { return b.together(min(10, pods), store, warm) },
				pods: func() []wanted { return b.together(pods, store, accounts...) },
			}
		}
		return []lap{
			made(byController, controller, "", ""),
			made(byOne, workload, warmReader, oneReader),
			made(byKnown, workload, oneReader, oneReader),
			made(byEach, workload, warmReader, readers...),
		}
	}

	aws := b.directly()
	asPod := aws
	asPod.desk, asPod.config = b.sts.desk, config(asPods(awsStore("aws-secretsmanager", b.store.address), b.sts.address))
	burst, err := b.burst(ctx, "identities, AWS Secrets Manager", laps("aws", aws, asPod), count)
	if err != nil {
		return result, err
	}
	result.Kinds = append(result.Kinds, identityKind{Kind: "AWS Secrets Manager", Burst: burst})

	vault, err := startVault()
	if err != nil {
		return result, err
	}
	defer vault.stop()
	own := filepath.Join(b.options.work, "vault.token")
	if err := b.writeToken(ctx, own, "jasm", vaultAudience); err != nil {
		return result, err
	}
	in := aws
	in.store, in.desk, in.config = vault.store, vault.desk, config(vaultStore(vault.address, asController, own))
	asPod = in
	asPod.config = config(vaultStore(vault.address, asWorkload, ""))
	// Fewer: the counts are what matters of a second kind.
	burst, err = b.burst(ctx, "identities, Vault", laps("vault", in, asPod), (count+1)/2)
	result.Kinds = append(result.Kinds, identityKind{Kind: "Vault", Burst: burst})
	return result, err
}

// numbered names that begin alike.
func numbered(name string, count int) []string {
	made := make([]string, count)
	for i := range made {
		made[i] = fmt.Sprintf("%s-%03d", name, i+1)
	}
	return made
}

// makeAccounts makes ServiceAccounts that name a role of their own at AWS, and the one application at Azure.
func (a *api) makeAccounts(ctx context.Context, namespace string, names []string) error {
	return few(names, func(_ int, name string) error {
		account := body{
			"apiVersion": "v1", "kind": "ServiceAccount",
			"metadata": body{"name": name, "annotations": body{
				roleAnnotation:                      role(name),
				"azure.workload.identity/client-id": client, "azure.workload.identity/tenant-id": tenant,
			}},
		}
		return a.do(ctx, http.MethodPost, "/api/v1/namespaces/"+namespace+"/serviceaccounts", account, nil)
	})
}

// together are pods of one namespace with a Secret each. As many run as each of the accounts, one account
// after the other, so that in a stream of them new ones come all the time.
func (b *bench) together(count int, store string, accounts ...string) []wanted {
	b.number++
	namespace := names(1)[0]
	root := "/" + namespace
	if store == "vault" {
		root = namespace
	}
	pods := make([]wanted, count)
	for i := range pods {
		name := fmt.Sprintf("round-%d-%d", b.number, i)
		pods[i] = wanted{
			namespace: namespace, name: name, secret: name, path: root + "/" + name, store: store,
			account: accounts[i*len(accounts)/count],
		}
	}
	return pods
}

func (b *bench) writeToken(ctx context.Context, file, name, audience string) error {
	token, err := b.api.token(ctx, name, audience)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(token), 0o600)
}

func (r *identityResult) section() section {
	made := section{Data: r}
	for _, kind := range r.Kinds {
		burst := kind.Burst
		times := table{
			text: fmt.Sprintf("%s. Seconds from the API server's answer that the pod exists to its Secret: %d pods of one namespace at once, %d Secrets; "+
				"turns of each: %d, pooled; ratios of neighbouring turns to reading as the controller, their median and range. The token service takes as long as the store.",
				kind.Kind, burst.Pods, burst.Targets, len(burst.Turns)/max(1, len(burst.Pooled))),
			columns: []string{"", "p50", "p90", "p99", "max", "p50 ÷ controller", "p90 ÷ controller", "p99 ÷ controller (pooled)"},
		}
		costs := table{
			text:    fmt.Sprintf("For one burst, the least and the most of the turns; CPU and memory, %v after the last Secret, are medians.", settle),
			columns: []string{"", "token exchanges", "TokenRequests", "reads of ServiceAccounts", "readers the store saw", "store calls", "of them batches", "API writes", "CPU s", "settled MiB"},
		}
		for _, v := range variantsOf(burst.Turns) {
			s := burst.Pooled[v]
			row := []string{string(v), seconds(s.P50), seconds(s.P90), p99(s), seconds(s.Max), "", "", ""}
			if v != burst.Base {
				row[5], row[6], row[7] = burst.RatioP50[v].String(), burst.RatioP90[v].String(), "–"
				if ratio, ok := burst.PooledP99[v]; ok {
					row[7] = fmt.Sprintf("%.2f", ratio)
				}
			}
			times.rows = append(times.rows, row)
			count := func(of func(turn) int) string { return burst.extent(v, of) }
			readers := count(func(t turn) int { return t.Store.Readers })
			if readers == "0" {
				readers = ""
			}
			costs.rows = append(costs.rows, []string{
				string(v), count(func(t turn) int { return t.Exchanges }), count(func(t turn) int { return t.API.Tokens }),
				count(func(t turn) int { return t.API.Accounts }), readers,
				count(func(t turn) int { return t.Store.total() }), count(func(t turn) int { return t.Store.Batches }),
				count(func(t turn) int { return t.API.Writes }),
				fmt.Sprintf("%.2f", burst.median(v, func(t turn) float64 { return t.CPU })),
				mebibytes(burst.median(v, func(t turn) float64 { return float64(t.RSSKiB) })),
			})
		}
		made.Tables = append(made.Tables, times, costs)
	}
	return made
}

// extent is the least and the most of a count, as one number where all are the same.
func (r *burstResult) extent(v variant, of func(turn) int) string {
	var counts []int
	for _, t := range r.Turns {
		if t.Program == v {
			counts = append(counts, of(t))
		}
	}
	least, most := slices.Min(counts), slices.Max(counts)
	if least == most {
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d–%d", least, most)
}
