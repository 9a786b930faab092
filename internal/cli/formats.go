package cli

import (
	"cmp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"synscope/internal/report"
	"synscope/internal/report/rows"
	"synscope/internal/report/sink"
	"synscope/internal/target"
	"synscope/probe"
)

// nmapFiles are the endings that nmap's -oA gives to a base, and the format of
// each.
var nmapFiles = []report.File{{Format: "text", Path: ".nmap"}, {Format: "xml", Path: ".xml"}, {Format: "grep", Path: ".gnmap"}}

// basedFiles are the files of -oA.
func basedFiles(c *cli.Context) (files []report.File) {
	for _, base := range c.StringSlice("oA") {
		for _, f := range nmapFiles {
			files = append(files, report.File{Format: f.Format, Path: base + f.Path})
		}
	}
	return files
}

// writesText tells whether any output is text.
func writesText(c *cli.Context) bool {
	if format := c.String("o"); format == "" || format == "text" {
		return true
	}
	return slices.ContainsFunc(outputFiles(c), func(f report.File) bool { return f.Format == "text" })
}

// fieldsOf are the columns that --fields asks for, which must exist in each of
// the formats that have columns.
func fieldsOf(c *cli.Context) ([]string, error) {
	var fields []string
	for _, list := range c.StringSlice("fields") {
		for f := range strings.SplitSeq(list, ",") {
			if f = strings.TrimSpace(f); f != "" {
				fields = append(fields, f)
			}
		}
	}
	if !c.IsSet("fields") {
		return nil, nil
	}
	if len(fields) == 0 {
		return nil, usagef("--fields: no field; there are %s", strings.Join(report.FieldsOf(tableName(c), ""), ", "))
	}
	used := columnFormats(c)
	if _, err := report.FormatByName(cmp.Or(c.String("o"), "text")); len(used) == 0 && err == nil {
		return nil, usagef("--fields: columns are chosen of text, csv and zmap, and this run writes none of them")
	}
	for _, format := range used {
		if err := report.CheckFields(tableName(c), format, fields); err != nil {
			return nil, usagef("--fields: %w", err)
		}
	}
	return fields, nil
}

// columnFormats are those of the formats in use that have columns to choose; the
// error of a field is that of the first.
func columnFormats(c *cli.Context) []string {
	used := []string{}
	if format := c.String("o"); slices.Contains([]string{"", "text", "csv", "zmap"}, format) {
		used = append(used, format)
	}
	for _, f := range outputFiles(c) {
		if f.Format == "text" || f.Format == "csv" || f.Format == "zmap" {
			used = append(used, f.Format)
		}
	}
	return used
}

// scanInfo is what nmap's XML says of a scan; nil for other commands.
func scanInfo(c *cli.Context) *sink.ScanInfo {
	if tableName(c) != "scan" {
		return nil
	}
	all, err := ports(c)
	if err != nil {
		return nil // told of where targets are read
	}
	if less, err := target.ParsePorts(listed(c, "exclude-ports")); err == nil {
		all = all.Minus(less)
	}
	return &sink.ScanInfo{Technique: nmapTechnique(c), Ports: all.String(), Count: all.Len()}
}

// nmapTechnique is the technique in nmap's words; of free flags it says "syn", as
// nmap does of --scanflags.
func nmapTechnique(c *cli.Context) string {
	name := c.String("technique")
	for _, alias := range techniqueAliases() {
		if c.Bool(alias) {
			name = alias
		}
	}
	if name == "sT" || name == probe.ConnectTechnique {
		return "connect"
	}
	if t, err := probe.TechniqueByName(name); err == nil && !c.IsSet("flags") {
		return t.Name
	}
	return "syn"
}

// tableName is what a command's table is called.
func tableName(c *cli.Context) string {
	if hostsOnly(c) {
		return rows.HostList
	}
	if c.Bool("paths") {
		return rows.Paths
	}
	return c.Command.Name
}
