package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
)

// requests is what one account asked of the API server, by its audit log.
type requests struct {
	Reads   int `json:"reads"`
	Writes  int `json:"writes"`
	Events  int `json:"events"`
	Watches int `json:"watches"`
	// Tokens are TokenRequests; Accounts are reads of ServiceAccounts, which are among the reads too.
	Tokens   int `json:"tokenRequests"`
	Accounts int `json:"readsOfServiceAccounts"`
	// Refused counts answers of 400 and above, which are among the others too.
	Refused int `json:"refused"`
}

func (r requests) all() int { return r.Reads + r.Writes + r.Events + r.Watches + r.Tokens }

// audit reads on in the API server's audit log.
type audit struct {
	file *os.File
}

func openAudit(path string) (*audit, error) {
	file, err := os.Open(path)
	return &audit{file: file}, err
}

// take returns what the account did since the last take. The log is written before the answer is
// sent, so nothing that is done is missing.
func (a *audit) take(user string) (requests, error) {
	var taken requests
	begin, err := a.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return taken, err
	}
	lines := bufio.NewReaderSize(a.file, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			// A line that is being written is for the next take.
			_, err := a.file.Seek(begin, io.SeekStart)
			return taken, err
		}
		if err != nil {
			return taken, err
		}
		begin += int64(len(line))
		var entry struct {
			Stage, Verb    string
			User           struct{ Username string }
			ObjectRef      struct{ Resource, Subresource string }
			ResponseStatus struct{ Code int }
		}
		if err := json.Unmarshal(line, &entry); err != nil {
			return taken, err
		}
		// A watch is in the log when it begins, and again when it ends.
		begins := entry.Verb == "watch" && entry.Stage == "ResponseStarted"
		if entry.User.Username != user || !begins && (entry.Verb == "watch" || entry.Stage != "ResponseComplete") {
			continue
		}
		switch {
		case begins:
			taken.Watches++
		case entry.Verb == "get" || entry.Verb == "list":
			taken.Reads++
			if entry.ObjectRef.Resource == "serviceaccounts" {
				taken.Accounts++
			}
		case entry.ObjectRef.Resource == "serviceaccounts" && entry.ObjectRef.Subresource == "token":
			taken.Tokens++
		case entry.ObjectRef.Resource == "events":
			taken.Events++
		default:
			taken.Writes++
		}
		if entry.ResponseStatus.Code >= 400 {
			taken.Refused++
		}
	}
}
