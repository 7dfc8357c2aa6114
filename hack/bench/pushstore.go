package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Most entries of a page that the two stores of AWS give.
const (
	secretsPage    = 100
	parametersPage = 50
)

// awsWrites answers like Secrets Manager and Parameter Store as they are listed and written, each call after
// the same fixed time, and keeps what is written. It takes any signature.
type awsWrites struct {
	address string
	server  *http.Server

	lock       sync.Mutex
	secrets    map[string]*kept
	parameters map[string]*kept
	operations map[string]int
	inFlight   int
	// since is when it last began to be busy, busy how long it was before.
	since time.Time
	busy  time.Duration
	// written tells of every new version of an entry that was there.
	written chan written
}

// kept is an entry.
type kept struct {
	name, description, value string
	tags                     map[string]string
	version                  int
	// ids of the versions of a secret: the current one, and the one before.
	current, previous string
}

// written is an answer to a write, and how long the store was busy until then since it was watched.
type written struct {
	name string
	at   time.Time
	busy time.Duration
}

func startAWSWrites() (*awsWrites, error) {
	s := &awsWrites{secrets: map[string]*kept{}, parameters: map[string]*kept{}, operations: map[string]int{}, written: make(chan written, 1024)}
	base := &store{}
	if err := base.listen(s); err != nil {
		return nil, err
	}
	s.address, s.server = base.address, base.server
	return s, nil
}

func (s *awsWrites) stop() { s.server.Close() }

// take returns what was asked for since the last take, by operation.
func (s *awsWrites) take() map[string]int {
	s.lock.Lock()
	defer s.lock.Unlock()
	taken := s.operations
	s.operations = map[string]int{}
	return taken
}

// watch forgets how long it was busy; it is not, then.
func (s *awsWrites) watch() bool {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.inFlight > 0 {
		return false
	}
	s.busy = 0
	for len(s.written) > 0 {
		<-s.written
	}
	return true
}

func (s *awsWrites) entries() int {
	s.lock.Lock()
	defer s.lock.Unlock()
	return len(s.secrets) + len(s.parameters)
}

// awsTag is a tag as both stores have it.
type awsTag struct{ Key, Value string }

type awsAsked struct {
	SecretID           string `json:"SecretId"`
	Name               string
	ClientRequestToken string
	Description        string
	SecretString       string
	Value              string
	Overwrite          bool
	Tags               []awsTag
	Filters            []struct {
		Key    string
		Values []string
	}
	ParameterFilters []struct {
		Key    string
		Values []string
	}
	MaxResults int
	NextToken  string
}

func (s *awsWrites) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked awsAsked
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, "SerializationException", err.Error())
		return
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	s.lock.Lock()
	s.operations[operation]++
	if s.inFlight == 0 {
		s.since = time.Now()
	}
	s.inFlight++
	s.lock.Unlock()
	done := pause(r.Context(), latency)
	s.lock.Lock()
	defer s.lock.Unlock()
	now := time.Now()
	until := s.busy + now.Sub(s.since)
	if s.inFlight--; s.inFlight == 0 {
		s.busy = until
	}
	if !done {
		return
	}
	said, changed, refused := s.do(operation, asked)
	if refused != "" {
		refuse(w, refused, operation)
		return
	}
	if changed != "" {
		s.written <- written{changed, now, until}
	}
	answer(w, http.StatusOK, said)
}

// do is the work: the answer, the name of an entry that has a new version, and the code of a refusal.
func (s *awsWrites) do(operation string, asked awsAsked) (said body, changed, refused string) {
	switch operation {
	case "ListSecrets":
		tag, value := "", ""
		for _, filter := range asked.Filters {
			switch filter.Key {
			case "tag-key":
				tag = filter.Values[0]
			case "tag-value":
				value = filter.Values[0]
			}
		}
		page, next := page(s.secrets, asked, secretsPage, func(k *kept) bool { return k.tags[tag] == value })
		return body{"SecretList": shownAs(page, listedSecret), "NextToken": next}, "", ""
	case "DescribeSecret":
		found := s.secrets[bare(asked.SecretID)]
		if found == nil {
			return nil, "", "ResourceNotFoundException"
		}
		return describedSecret(found), "", ""
	case "CreateSecret":
		if s.secrets[asked.Name] != nil {
			return nil, "", "ResourceExistsException"
		}
		made := &kept{name: asked.Name, description: asked.Description, value: asked.SecretString, tags: tagged(asked.Tags), version: 1, current: asked.ClientRequestToken}
		s.secrets[asked.Name] = made
		return body{"ARN": arn(made), "Name": made.name, "VersionId": made.current}, "", ""
	case "UpdateSecret":
		found := s.secrets[bare(asked.SecretID)]
		if found == nil {
			return nil, "", "ResourceNotFoundException"
		}
		found.value, found.description = asked.SecretString, asked.Description
		found.previous, found.current = found.current, asked.ClientRequestToken
		found.version++
		return body{"ARN": arn(found), "Name": found.name, "VersionId": found.current}, found.name, ""
	case "DescribeParameters":
		page, next := page(s.parameters, asked, parametersPage, func(k *kept) bool {
			for _, filter := range asked.ParameterFilters {
				tag, isTag := strings.CutPrefix(filter.Key, "tag:")
				if isTag && k.tags[tag] != filter.Values[0] || filter.Key == "Name" && k.name != filter.Values[0] {
					return false
				}
			}
			return true
		})
		return body{"Parameters": shownAs(page, listedParameter), "NextToken": next}, "", ""
	case "PutParameter":
		found := s.parameters[asked.Name]
		switch {
		case found == nil:
			s.parameters[asked.Name] = &kept{name: asked.Name, description: asked.Description, value: asked.Value, tags: tagged(asked.Tags), version: 1}
			return body{"Version": 1, "Tier": "Standard"}, "", ""
		case !asked.Overwrite:
			return nil, "", "ParameterAlreadyExists"
		}
		found.value, found.description = asked.Value, asked.Description
		found.version++
		return body{"Version": found.version, "Tier": "Standard"}, found.name, ""
	}
	return nil, "", "UnknownOperationException"
}

// page is a part of the entries that fit, in the order of their names, and the token for the next.
func page(all map[string]*kept, asked awsAsked, most int, fits func(*kept) bool) ([]*kept, any) {
	var found []*kept
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if fits(all[name]) {
			found = append(found, all[name])
		}
	}
	begin, _ := strconv.Atoi(asked.NextToken)
	begin = min(begin, len(found))
	end := min(begin+min(cmp.Or(asked.MaxResults, most), most), len(found))
	if end < len(found) {
		return found[begin:end], strconv.Itoa(end)
	}
	return found[begin:], nil
}

func shownAs(all []*kept, shown func(*kept) body) []body {
	list := make([]body, len(all))
	for i, one := range all {
		list[i] = shown(one)
	}
	return list
}

func arn(k *kept) string {
	return fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:%s-AbCdEf", region, account, k.name)
}

// bare is the name in an ARN, or the name itself.
func bare(id string) string {
	if _, name, found := strings.Cut(id, ":secret:"); found {
		return strings.TrimSuffix(name, "-AbCdEf")
	}
	return id
}

func tagged(tags []awsTag) map[string]string {
	made := map[string]string{}
	for _, tag := range tags {
		made[tag.Key] = tag.Value
	}
	return made
}

func tagsOf(k *kept) []body {
	list := []body{}
	for _, key := range slices.Sorted(maps.Keys(k.tags)) {
		list = append(list, body{"Key": key, "Value": k.tags[key]})
	}
	return list
}

func stages(k *kept) body {
	made := body{k.current: []string{"AWSCURRENT"}}
	if k.previous != "" {
		made[k.previous] = []string{"AWSPREVIOUS"}
	}
	return made
}

func listedSecret(k *kept) body {
	return body{"ARN": arn(k), "Name": k.name, "Description": k.description, "Tags": tagsOf(k), "SecretVersionsToStages": stages(k), "CreatedDate": 1.7e9}
}

func describedSecret(k *kept) body {
	return body{"ARN": arn(k), "Name": k.name, "Description": k.description, "Tags": tagsOf(k), "VersionIdsToStages": stages(k), "CreatedDate": 1.7e9}
}

func listedParameter(k *kept) body {
	return body{"Name": k.name, "Type": "String", "Description": k.description, "Version": k.version, "Tier": "Standard", "DataType": "text", "LastModifiedDate": 1.7e9}
}
