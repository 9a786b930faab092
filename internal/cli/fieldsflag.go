package cli

import (
	"cmp"
	"slices"
	"strings"

	"synscope/internal/report"
	"synscope/internal/report/rows"
)

// fields are the columns that --fields asks for, which must exist in each of the
// formats that have columns.
func (o *common) fields() ([]string, error) {
	if !o.given["fields"] {
		return nil, nil
	}
	fields := listOf(o.Fields)
	if len(fields) == 0 {
		return nil, usagef("--fields: no field; there are %s", strings.Join(report.FieldsOf(o.table(), ""), ", "))
	}
	used := o.columnFormats()
	if _, err := report.FormatByName(cmp.Or(o.Format, "text")); len(used) == 0 && err == nil {
		return nil, usagef("--fields: columns are chosen of text, csv and zmap, and this run writes none of them")
	}
	for _, format := range used {
		if err := report.CheckFields(o.table(), format, fields); err != nil {
			return nil, usagef("--fields: %w", err)
		}
	}
	return fields, nil
}

// columnFormats are those of the formats in use that have columns to choose; the
// error of a field is that of the first.
func (o *common) columnFormats() []string {
	used := []string{o.Format}
	for _, f := range o.files {
		used = append(used, f.Format)
	}
	return slices.DeleteFunc(used, func(format string) bool { return !slices.Contains([]string{"", "text", "csv", "zmap"}, format) })
}

// table is what a command's table is called.
func (o *common) table() string {
	switch {
	case o.shown.HostList:
		return rows.HostList
	case o.shown.Paths:
		return rows.Paths
	}
	return o.command
}
