package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const pushEnvironment = "prod"

// pushResult is what it costs to carry files to stores.
type pushResult struct {
	Objects int `json:"objects"`
	// Entries are those of all objects, half of them in each of the two stores.
	Entries int `json:"entries"`
	// Idle is a program that has the definition of the object, and none to do.
	Idle []usageOfPush `json:"idle"`
	// First is the push of everything to empty stores, Again a start where all is in place.
	First     []usageOfPush `json:"first"`
	Again     []usageOfPush `json:"restart"`
	Unchanged []unchanged   `json:"unchanged"`
	Changed   changedResult `json:"changed"`
	Programs  programSizes  `json:"programs"`
	Decrypts  []decrypts    `json:"decrypts,omitempty"`
}

// usageOfPush is what a program did in a span of time.
type usageOfPush struct {
	Seconds    float64        `json:"seconds"`
	Operations map[string]int `json:"storeOperations,omitempty"`
	API        requests       `json:"api"`
	CPU        float64        `json:"cpuSeconds"`
	RSSKiB     int            `json:"rssKiB"`
	PeakKiB    int            `json:"peakRssKiB"`
}

// unchanged is a new revision of every source, in which nothing is new.
type unchanged struct {
	Kind       string         `json:"stores"`
	Operations map[string]int `json:"storeOperations"`
	API        requests       `json:"api"`
	Seconds    float64        `json:"seconds"`
}

// changedResult is one new value in a source of many.
type changedResult struct {
	// Over is without the time in which a call of the store was under way.
	Secret        spread `json:"secret"`
	SecretOver    spread `json:"secretOverTheStore"`
	Parameter     spread `json:"parameter"`
	ParameterOver spread `json:"parameterOverTheStore"`
	Over          spread `json:"overTheStore"`

	secret, secretOver, parameter, parameterOver []float64
}

// programSizes are in bytes; Small is 0 where there is no such program.
type programSizes struct {
	All   int64 `json:"allFeaturesBytes"`
	Small int64 `json:"withoutAgePGPGitBytes,omitempty"`
}

// pushed is one object, its source and its files.
type pushed struct {
	name     string
	revision string
	files    map[string][]byte
	// sealed are the secrets as they are encrypted, and with one other value.
	sealed [2][]byte
	turn   int
}

func (o *pushed) file(name string) string {
	return o.name + "/deployment-configuration/profiles/" + pushEnvironment + "/" + name
}

// rig is what the scenario sets up.
type rig struct {
	*bench
	storage   *storage
	namespace string
	objects   []*pushed
	keys      int
}

// push measures the other half: from a commit to the stores.
func (b *bench) push(ctx context.Context, objects, entries, count, changes int, idle time.Duration) (pushResult, error) {
	result := pushResult{Objects: objects, Entries: entries}
	var err error
	if result.Programs, err = b.sizes(); err != nil {
		return result, err
	}
	if result.Decrypts, err = b.decrypts(ctx, count); err != nil {
		return result, err
	}
	r := &rig{bench: b, namespace: names(1)[0], keys: entries / objects / 2}
	if r.storage, err = startStorage(); err != nil {
		return result, err
	}
	defer r.storage.stop()
	if err := r.define(ctx); err != nil {
		return result, err
	}
	if err := r.write(ctx, objects); err != nil {
		return result, err
	}
	for turn := range count {
		if err := r.awsTurn(ctx, &result, turn, changes/count, idle); err != nil {
			return result, fmt.Errorf("push to AWS: %w", err)
		}
		say("push: turn %d of %d with the stores of AWS", turn+1, count)
	}
	result.Changed.summarize()
	if b.options.fakes == "" {
		say("push: without jasm-fakes the calls of the stores of Google and Azure are not counted")
		return result, nil
	}
	if err := r.elsewhere(ctx, &result, count); err != nil {
		return result, err
	}
	return result, nil
}

func (b *bench) sizes() (programSizes, error) {
	var sizes programSizes
	found, err := os.Stat(b.options.jasm)
	if err != nil {
		return sizes, err
	}
	sizes.All = found.Size()
	if b.options.small != "" {
		if found, err = os.Stat(b.options.small); err != nil {
			return sizes, err
		}
		sizes.Small = found.Size()
	}
	return sizes, nil
}

// define makes the two definitions, and the Secret with the key of the files.
func (r *rig) define(ctx context.Context) error {
	for file, served := range map[string]string{
		r.options.pushCRD: path(objectAPI, r.namespace, "secretmanagerconfigs"),
		r.options.fluxCRD: path(fluxAPI, r.namespace, "gitrepositories"),
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := r.api.define(ctx, text, served); err != nil {
			return err
		}
	}
	identity, err := r.identity(ctx)
	if err != nil {
		return err
	}
	secret := body{"apiVersion": "v1", "kind": "Secret", "metadata": body{"name": "sops-age"}, "stringData": body{"bench.agekey": string(identity)}}
	return r.api.do(ctx, http.MethodPost, path("/api/v1", r.namespace, "secrets"), secret, nil)
}

// write makes the files of every object, the secrets encrypted twice: as they are, and with another first value.
func (r *rig) write(ctx context.Context, objects int) error {
	for i := range objects {
		o := &pushed{name: fmt.Sprintf("app-%02d", i), files: map[string][]byte{}}
		for variant := range o.sealed {
			var text strings.Builder
			for key := range r.keys {
				value := password(fmt.Sprintf("%s-%d", o.name, key))
				if key == 0 {
					value += fmt.Sprint("-", variant)
				}
				fmt.Fprintf(&text, "KEY_%02d=%s\n", key, value)
			}
			var err error
			if o.sealed[variant], err = r.seal(ctx, "application.secrets.env", []byte(text.String())); err != nil {
				return err
			}
		}
		o.files[o.file("application.secrets.env")] = o.sealed[0]
		o.files[o.file("application.properties")] = r.properties(0)
		r.objects = append(r.objects, o)
		source := body{"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": body{"name": o.name},
			"spec": body{"url": "https://git.example.invalid/" + o.name + ".git", "interval": "1m"}}
		if err := r.api.do(ctx, http.MethodPost, path(fluxAPI, r.namespace, "gitrepositories"), source, nil); err != nil {
			return err
		}
	}
	return nil
}

func (r *rig) properties(first int) []byte {
	var text strings.Builder
	for key := range r.keys {
		value := key
		if key == 0 {
			value = first
		}
		fmt.Fprintf(&text, "key.%02d = value %d\n", key, value)
	}
	return []byte(text.String())
}

// announce makes what an object's files are a new revision.
func (r *rig) announce(ctx context.Context, o *pushed) error {
	revision, status, err := r.storage.put(o.files)
	if err != nil {
		return err
	}
	o.revision = revision
	return r.api.do(ctx, http.MethodPatch, path(fluxAPI, r.namespace, "gitrepositories", o.name, "status"), status, nil)
}

func (r *rig) announceAll(ctx context.Context) error {
	return each(r.objects, func(_ int, o *pushed) error { return r.announce(ctx, o) })
}

// create makes the objects, with a provider block and a block of configs.
func (r *rig) create(ctx context.Context, provider, configs body) error {
	return each(r.objects, func(_ int, o *pushed) error {
		object := body{"apiVersion": "secret-manager.microscaler.io/v1alpha1", "kind": "SecretManagerConfig", "metadata": body{"name": o.name}, "spec": body{
			"sourceRef": body{"kind": "GitRepository", "name": o.name}, "provider": provider, "configs": configs,
			"secrets":    body{"environment": pushEnvironment},
			"decryption": body{"secretRef": body{"name": "sops-age"}},
		}}
		return r.api.do(ctx, http.MethodPost, path(objectAPI, r.namespace, "secretmanagerconfigs"), object, nil)
	})
}

// remove deletes the objects; entries stay.
func (r *rig) remove(ctx context.Context) error {
	return each(r.objects, func(_ int, o *pushed) error {
		return r.api.do(ctx, http.MethodDelete, path(objectAPI, r.namespace, "secretmanagerconfigs", o.name), nil, nil)
	})
}

// carried waits until every object says that its source's revision is in the stores.
func (r *rig) carried(ctx context.Context) error {
	return poll(ctx, roundDeadline, "the objects to be carried", func(ctx context.Context) (bool, error) {
		var list struct {
			Items []struct {
				Metadata struct{ Name string }
				Status   struct {
					LastAppliedRevision string
					Conditions          []struct{ Type, Reason, Message string }
				}
			}
		}
		if err := r.api.do(ctx, http.MethodGet, path(objectAPI, r.namespace, "secretmanagerconfigs"), nil, &list); err != nil {
			return false, err
		}
		for _, o := range r.objects {
			at := slices.IndexFunc(list.Items, func(item struct {
				Metadata struct{ Name string }
				Status   struct {
					LastAppliedRevision string
					Conditions          []struct{ Type, Reason, Message string }
				}
			}) bool {
				return item.Metadata.Name == o.name
			})
			if at < 0 {
				return false, fmt.Errorf("%s is not there", o.name)
			}
			if status := list.Items[at].Status; status.LastAppliedRevision != o.revision {
				said, _ := json.Marshal(status.Conditions)
				return false, fmt.Errorf("%s is at %q: %s", o.name, status.LastAppliedRevision, said)
			}
		}
		return true, nil
	})
}

// awsPushed is a config with the two stores of AWS, which objects of the benchmark may write.
func awsPushed(address string) string {
	one := func(kind, paths string) string {
		return fmt.Sprintf("  - name: %[1]s\n    kind: %[1]s\n    region: %s\n    identity: controller\n    endpoint: http://%s\n%s", kind, region, address, mayWrite(paths))
	}
	return config(one("aws-secretsmanager", "app-*"), one("aws-parameterstore", "/**"))
}

func mayWrite(paths string) string {
	return fmt.Sprintf("    allowWrite:\n      - namespaces: [\"bench-*\"]\n        paths: [\"%s\"]\n        identities: [controller]\n", paths)
}

// awsTurn is one start with empty stores, and everything after it.
func (r *rig) awsTurn(ctx context.Context, result *pushResult, turn, changes int, idle time.Duration) error {
	store, err := startAWSWrites()
	if err != nil {
		return err
	}
	defer store.stop()
	in := r.directly()
	in.config = awsPushed(store.address)
	p, err := r.start(ctx, jasm, in)
	if err != nil {
		return err
	}
	defer func() { p.stop() }()
	span := func(work func() error) (usageOfPush, error) {
		store.take()
		before, err := r.measure(p)
		if err != nil {
			return usageOfPush{}, err
		}
		begun := time.Now()
		if err := work(); err != nil {
			return usageOfPush{}, err
		}
		took := time.Since(begun)
		after, err := r.measure(p)
		return usageOfPush{Seconds: round(took.Seconds(), 1e3), Operations: store.take(), API: after.api,
			CPU: round((after.cpu - before.cpu).Seconds(), 1e4), RSSKiB: after.rss, PeakKiB: after.peak}, err
	}
	if err := sleep(ctx, quiet); err != nil {
		return err
	}
	used, err := span(func() error { return sleep(ctx, idle) })
	if err != nil {
		return err
	}
	result.Idle = append(result.Idle, used)
	if err := r.announceAll(ctx); err != nil {
		return err
	}
	provider := body{"type": "aws", "aws": body{"region": region}}
	used, err = span(func() error {
		if err := r.create(ctx, provider, body{"enabled": true}); err != nil {
			return err
		}
		return r.carried(ctx)
	})
	if err != nil {
		return err
	}
	result.First = append(result.First, used)
	if there, wanted := store.entries(), 2*r.keys*len(r.objects); there != wanted {
		return fmt.Errorf("the stores have %d entries, %d are in the sources", there, wanted)
	}
	same, err := r.again(ctx, "AWS Secrets Manager, Parameter Store", p, func() (map[string]int, error) { return store.take(), nil })
	if err != nil {
		return err
	}
	result.Unchanged = append(result.Unchanged, same)
	if err := r.change(ctx, store, &result.Changed, changes); err != nil {
		return err
	}
	if err := r.carried(ctx); err != nil {
		return err
	}
	p.stop()
	// From before the start: what it asks for at once counts.
	store.take()
	if _, err := r.audit.take(p.user); err != nil {
		return err
	}
	begun := time.Now()
	if p, err = r.start(ctx, jasm, in); err != nil {
		return err
	}
	if err := sleep(ctx, quiet); err != nil {
		return err
	}
	after, err := r.measure(p)
	if err != nil {
		return err
	}
	result.Again = append(result.Again, usageOfPush{Seconds: round(time.Since(begun).Seconds(), 1e3), Operations: store.take(), API: after.api,
		CPU: round(after.cpu.Seconds(), 1e4), RSSKiB: after.rss, PeakKiB: after.peak})
	return r.remove(ctx)
}

// again gives every source a new revision in which nothing is new.
func (r *rig) again(ctx context.Context, kind string, p *program, take func() (map[string]int, error)) (unchanged, error) {
	if _, err := take(); err != nil {
		return unchanged{}, err
	}
	if _, err := r.measure(p); err != nil {
		return unchanged{}, err
	}
	begun := time.Now()
	if err := r.announceAll(ctx); err != nil {
		return unchanged{}, err
	}
	if err := r.carried(ctx); err != nil {
		return unchanged{}, err
	}
	took := time.Since(begun)
	operations, err := take()
	if err != nil {
		return unchanged{}, err
	}
	after, err := r.measure(p)
	return unchanged{Kind: kind, Operations: operations, API: after.api, Seconds: round(took.Seconds(), 1e3)}, err
}

// change gives one entry of one source another value, in turns a secret and a parameter, one after the other;
// each time is from when the status of the source is sent until the store has answered the write.
func (r *rig) change(ctx context.Context, store *awsWrites, result *changedResult, changes int) error {
	for i := range changes {
		o := r.objects[i%len(r.objects)]
		o.turn++
		name := o.name + "-KEY_00"
		isSecret := i/len(r.objects)%2 == 0
		if isSecret {
			at := o.file("application.secrets.env")
			next := o.sealed[0]
			if &o.files[at][0] == &next[0] {
				next = o.sealed[1]
			}
			o.files[at] = next
		} else {
			name = "/" + o.name + "/" + pushEnvironment + "/key.00"
			o.files[o.file("application.properties")] = r.properties(1000 + o.turn)
		}
		if err := poll(ctx, readyDeadline, "the store to have nothing to do", func(context.Context) (bool, error) { return store.watch(), nil }); err != nil {
			return err
		}
		begun := time.Now()
		if err := r.announce(ctx, o); err != nil {
			return err
		}
		select {
		case done := <-store.written:
			if done.name != name {
				return fmt.Errorf("%s was written, %s has another value", done.name, name)
			}
			all, over := done.at.Sub(begun).Seconds(), (done.at.Sub(begun) - done.busy).Seconds()
			if isSecret {
				result.secret, result.secretOver = append(result.secret, all), append(result.secretOver, over)
			} else {
				result.parameter, result.parameterOver = append(result.parameter, all), append(result.parameterOver, over)
			}
		case <-time.After(readyDeadline):
			return fmt.Errorf("waited %v in vain for %s to be written", readyDeadline, name)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (r *changedResult) summarize() {
	r.Secret, r.SecretOver = spreadOf(r.secret), spreadOf(r.secretOver)
	r.Parameter, r.ParameterOver = spreadOf(r.parameter), spreadOf(r.parameterOver)
	r.Over = spreadOf(slices.Concat(r.secretOver, r.parameterOver))
}

// elsewhere counts the calls of the stores of Google and Azure, which jasm-fakes plays.
func (r *rig) elsewhere(ctx context.Context, result *pushResult, count int) error {
	clouds, err := r.startFakes(ctx)
	if err != nil {
		return err
	}
	defer clouds.stop()
	in, err := r.intoClouds(ctx, clouds)
	if err != nil {
		return err
	}
	p, err := r.start(ctx, jasm, in)
	if err != nil {
		return err
	}
	defer p.stop()
	for _, cloud := range []struct {
		name              string
		provider, configs body
		stores            []string
	}{
		{"Google Secret Manager, Parameter Manager", body{"type": "gcp", "gcp": body{"projectId": project}}, body{"enabled": true, "store": "parameterManager"}, []string{"gcp"}},
		{"Azure Key Vault, App Configuration", body{"type": "azure", "azure": body{"vaultName": "default"}},
			body{"enabled": true, "appConfigEndpoint": clouds.endpoints["app-configuration"]}, []string{"key-vault", "app-configuration"}},
	} {
		if err := r.announceAll(ctx); err != nil {
			return err
		}
		if err := r.create(ctx, cloud.provider, cloud.configs); err != nil {
			return err
		}
		if err := r.carried(ctx); err != nil {
			return fmt.Errorf("%s: %w", cloud.name, err)
		}
		seen := map[string]int{}
		take := func() (map[string]int, error) { return clouds.operations(cloud.stores, seen) }
		for range count {
			same, err := r.again(ctx, cloud.name, p, take)
			if err != nil {
				return fmt.Errorf("%s: %w", cloud.name, err)
			}
			result.Unchanged = append(result.Unchanged, same)
		}
		if err := r.remove(ctx); err != nil {
			return err
		}
		say("push: counted with %s", cloud.name)
	}
	return nil
}

// intoClouds is with the stores of Google and Azure, which JASM writes with the token of its own ServiceAccount.
func (r *rig) intoClouds(ctx context.Context, clouds *fakes) (surroundings, error) {
	in := r.directly()
	const audience = "api://AzureADTokenExchange"
	files := map[string]string{}
	for name, audience := range map[string]string{"google": pool, "azure": audience} {
		token, err := r.api.token(ctx, "jasm", audience)
		if err != nil {
			return in, err
		}
		files[name] = filepath.Join(r.options.work, name+".token")
		if err := os.WriteFile(files[name], []byte(token), 0o600); err != nil {
			return in, err
		}
	}
	credentials, err := json.Marshal(body{
		"type": "external_account", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
		"audience":          "identitynamespace:" + pool + ":https://container.googleapis.com/v1/projects/" + project + "/locations/europe-west1/clusters/bench",
		"token_url":         clouds.endpoints["gcp"] + "/v1/token",
		"credential_source": body{"file": files["google"]},
	})
	if err != nil {
		return in, err
	}
	adc := filepath.Join(r.options.work, "google.json")
	if err := os.WriteFile(adc, credentials, 0o600); err != nil {
		return in, err
	}
	in.env = []string{"GOOGLE_APPLICATION_CREDENTIALS=" + adc, "AZURE_CLIENT_ID=" + pushClient, "AZURE_TENANT_ID=" + tenant, "AZURE_FEDERATED_TOKEN_FILE=" + files["azure"]}
	var discovery struct{ Issuer string }
	if err := r.api.do(ctx, http.MethodGet, "/.well-known/openid-configuration", nil, &discovery); err != nil {
		return in, err
	}
	for _, command := range []body{
		{"do": "allow", "cloud": "gcp", "principal": "serviceAccount:" + pool + "[" + accountNamespace + "/jasm]", "resource": "*"},
		{"do": "app", "tenant": tenant, "client": pushClient, "principal": "jasm", "issuer": discovery.Issuer, "namespace": accountNamespace, "account": "jasm"},
		{"do": "allow", "cloud": "azure", "principal": "jasm", "resource": "*"},
	} {
		if err := clouds.do(command); err != nil {
			return in, err
		}
	}
	google := func(kind string) string {
		at := clouds.endpoints["gcp"]
		return fmt.Sprintf("  - name: %[1]s\n    kind: %[1]s\n    identity: controller\n    project: %[2]s\n    endpoint: %[3]s\n    stsEndpoint: %[3]s\n    iamEndpoint: %[3]s\n    caFile: %[4]s\n%[5]s",
			kind, project, at, clouds.ca, mayWrite("**"))
	}
	azure := func(kind, field, cloud string) string {
		return fmt.Sprintf("  - name: %[1]s\n    kind: %[1]s\n    identity: controller\n    %[2]s: default\n    endpoint: %[3]s\n    authority: %[4]s\n    caFile: %[5]s\n%[6]s",
			kind, field, clouds.endpoints[cloud], clouds.endpoints["entra"], clouds.ca, mayWrite("**"))
	}
	in.config = config(google("gcp-secretmanager"), google("gcp-parametermanager"),
		azure("azure-keyvault", "vault", "key-vault"), azure("azure-appconfiguration", "configuration", "app-configuration"))
	return in, nil
}

// pushClient is JASM's own application of Entra ID.
const pushClient = "44444444-4444-4444-4444-444444444444"
