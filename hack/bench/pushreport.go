package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (r *pushResult) section() section {
	made := section{Data: r}
	of := func(all []usageOfPush, pick func(usageOfPush) float64) float64 {
		var values []float64
		for _, one := range all {
			values = append(values, pick(one))
		}
		return median(values)
	}
	sizes := fmt.Sprintf("The program is %.1f MB", float64(r.Programs.All)/1e6)
	if r.Programs.Small > 0 {
		sizes += fmt.Sprintf(", %.1f MB without the features age, pgp and git", float64(r.Programs.Small)/1e6)
	}
	spans := table{
		text: fmt.Sprintf("%s. %d objects, each with a source of its own, an encrypted file of secrets and one of properties: %d entries, half of them in Secrets Manager and half in Parameter Store. "+
			"Medians of the starts.", sizes, r.Objects, r.Entries),
		columns: []string{"", "s", "store calls", "API reads", "API writes", "CPU s", "peak MiB", "MiB then"},
	}
	for _, row := range []struct {
		name string
		all  []usageOfPush
	}{{"the definition is there, and no object", r.Idle}, {"all entries written for the first time", r.First}, {"a start with all in place", r.Again}} {
		count := func(pick func(usageOfPush) float64) string { return fmt.Sprintf("%.0f", of(row.all, pick)) }
		spans.rows = append(spans.rows, []string{
			row.name, fmt.Sprintf("%.1f", of(row.all, func(u usageOfPush) float64 { return u.Seconds })),
			count(func(u usageOfPush) float64 { return float64(sum(u.Operations)) }),
			count(func(u usageOfPush) float64 { return float64(u.API.Reads) }), count(func(u usageOfPush) float64 { return float64(u.API.Writes) }),
			fmt.Sprintf("%.3f", of(row.all, func(u usageOfPush) float64 { return u.CPU })),
			mebibytes(of(row.all, func(u usageOfPush) float64 { return float64(u.PeakKiB) })), mebibytes(of(row.all, func(u usageOfPush) float64 { return float64(u.RSSKiB) })),
		})
	}
	same := table{
		text:    "A new revision of every source, in which nothing is new: calls of both stores, of all objects together. The same in every turn, or the turn with the most.",
		columns: []string{"stores", "calls for each object", "lists", "writes", "reads of values", "which"},
	}
	var kinds []string
	most := map[string]unchanged{}
	for _, one := range r.Unchanged {
		before, known := most[one.Kind]
		if !known {
			kinds = append(kinds, one.Kind)
		}
		if !known || sum(one.Operations) > sum(before.Operations) {
			most[one.Kind] = one
		}
	}
	for _, kind := range kinds {
		operations := most[kind].Operations
		lists, writes, reads := sorted(operations)
		same.rows = append(same.rows, []string{
			kind, fmt.Sprintf("%.1f", float64(sum(operations))/float64(max(1, r.Objects))),
			fmt.Sprint(lists), fmt.Sprint(writes), fmt.Sprint(reads), counted(operations),
		})
	}
	changed := table{
		text: "One entry of one source has another value: seconds from when the status of the source is sent to the store's answer to the write. " +
			"What is over the store is without the time in which a call of the store was under way.",
		columns: []string{"", "p50", "p90", "p99", "max", "changes"},
	}
	for _, row := range []struct {
		name string
		s    spread
	}{
		{"a secret", r.Changed.Secret}, {"a secret, over the store", r.Changed.SecretOver}, {"a parameter", r.Changed.Parameter},
		{"a parameter, over the store", r.Changed.ParameterOver}, {"both, over the store", r.Changed.Over},
	} {
		changed.rows = append(changed.rows, []string{row.name, seconds(row.s.P50), seconds(row.s.P90), p99(row.s), seconds(row.s.Max), fmt.Sprint(row.s.Count)})
	}
	made.Tables = []table{spans, same, changed}
	if len(r.Decrypts) > 0 {
		decrypted := table{
			text:    "Files that sops encrypted for one key of age, decrypted by sops and by the least program around jasm-sops, in turns: seconds of the whole process, medians; ratios of neighbouring turns, their median and range.",
			columns: []string{"format", "MB encrypted", "sops", "JASM", "JASM ÷ sops", "same bytes"},
		}
		for _, d := range r.Decrypts {
			equal := "yes"
			if !d.Same {
				equal = "no"
			}
			decrypted.rows = append(decrypted.rows, []string{d.Format, fmt.Sprintf("%.1f", float64(d.Bytes)/1e6), seconds(median(d.SOPS)), seconds(median(d.JASM)), d.Ratio.String(), equal})
		}
		made.Tables = append(made.Tables, decrypted)
	}
	return made
}

func sum(operations map[string]int) int {
	total := 0
	for _, count := range operations {
		total += count
	}
	return total
}

// sorted tells lists from writes and from reads of values. DescribeParameters is the list of Parameter Store.
func sorted(operations map[string]int) (lists, writes, reads int) {
	for name, count := range operations {
		switch {
		case strings.HasPrefix(name, "List") || name == "DescribeParameters":
			lists += count
		case strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "Batch") || strings.HasPrefix(name, "Describe"):
			reads += count
		default:
			writes += count
		}
	}
	return lists, writes, reads
}

func counted(operations map[string]int) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(operations)) {
		words = append(words, fmt.Sprintf("%s %d", name, operations[name]))
	}
	return strings.Join(words, ", ")
}
