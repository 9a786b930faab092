package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	words "synscope/internal/explain"
	"synscope/internal/schema"
	"synscope/internal/spelling"
)

func explainCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "what does this finding, reason, class or cause mean, and what can I do?",
		ArgsUsage: "[WORD...]",
		Description: "Tells of words in results what they mean, what they were concluded from, what\n" +
			"can be done, and where it is written. Without a word it lists all; with a kind\n" +
			"(reasons, findings, classes, rejections, ...) those of the kind.",
		Flags: []cli.Flag{&cli.StringFlag{Name: "o", Value: "text", Usage: "`FORMAT`: text or json"}},
		Action: func(c *cli.Context) error {
			return explainWords(optionsOf[common](c), s)
		},
	}
}

// explainWords looks every word up before it prints any.
func explainWords(o *common, s Streams) error {
	entries, list, err := lookedUp(o.words)
	if err != nil {
		return err
	}
	switch {
	case o.Format == "json":
		err = writeEntries(s, entries)
	case o.Format != "text":
		return usagef("-o: explain writes text or json, not %q", o.Format)
	case list:
		err = words.WriteList(s.Out, entries, readable(s.Out))
	default:
		err = words.WriteText(s.Out, entries, readable(s.Out))
	}
	if err != nil {
		return &exit{exitInterrupted, err}
	}
	return nil
}

// lookedUp are the entries that words name; list says that they are many.
func lookedUp(asked []string) (entries []words.Entry, list bool, err error) {
	if len(asked) == 0 {
		return words.All(), true, nil
	}
	for _, word := range asked {
		found := words.Of(word)
		if len(found) == 0 {
			found = words.OfKind(word)
			list = list || len(found) > 0
		}
		if len(found) == 0 {
			return nil, false, unexplained(word)
		}
		entries = append(entries, found...)
	}
	return entries, list, nil
}

func unexplained(word string) error {
	if records := schema.With(word); len(records) > 0 {
		return usagef("explain: %q is a field, of the records %s: `synscope schema %s` tells its form", word, strings.Join(records, ", "), records[0])
	}
	near := words.Near(word)
	if len(near) == 0 {
		return usagef("explain: %q is no word of a result: `synscope explain` lists them", word)
	}
	return usagef("explain: %q is no word of a result: %s", word, spelling.Question(near...))
}

// writeEntries writes a JSON line for each entry.
func writeEntries(s Streams, entries []words.Entry) error {
	for _, e := range entries {
		line, err := json.Marshal(struct {
			Type string `json:"type"`
			words.Entry
		}{"explanation", e})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(s.Out, "%s\n", line); err != nil {
			return err
		}
	}
	return nil
}
