package cli

import (
	"cmp"
	"strings"

	"github.com/urfave/cli/v2"

	"synscope/internal/report/record"
	"synscope/internal/report/rows"
	"synscope/internal/schema"
	"synscope/internal/spelling"
)

func schemaCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name: "schema", Usage: "the JSON Schema of the records, of one of them, or of a file for check", ArgsUsage: "[RECORD|check]",
		Description: "Writes a JSON Schema (draft 2020-12): of a line of the JSON lines, which is one\n" +
			"of the records; of one record by its type; or of the language of check.",
		Flags: []cli.Flag{&cli.StringFlag{Name: "o", Value: "text", Usage: "`FORMAT`: text, which is the schema, or json, a record that holds it"}},
		Action: func(c *cli.Context) error {
			text, err := schemaOf(c.Args().Slice())
			if err != nil {
				return err
			}
			switch format := c.String("o"); format {
			case "text":
			case "json":
				name := cmp.Or(c.Args().First(), "records")
				text = append(rows.AppendJSON(nil, &record.SchemaText{Name: name, Text: string(text)}), '\n')
			default:
				return usagef("-o: schema writes text or json, not %q", format)
			}
			_, err = s.Out.Write(text)
			return err
		},
	}
}

// schemaOf is the schema that the words name.
func schemaOf(words []string) ([]byte, error) {
	switch {
	case len(words) > 1:
		return nil, usagef("schema: one record at a time, not %s", strings.Join(words, " and "))
	case len(words) == 0:
		return schema.All(), nil
	}
	// The record of a check is in the schema of all; by itself the word is the
	// language.
	if words[0] == "check" {
		return schema.Check, nil
	}
	text, known := schema.Record(words[0])
	if !known {
		return nil, usagef("schema: %q is no record: %s", words[0], spelling.Hint(words[0], schema.Names()))
	}
	return text, nil
}
