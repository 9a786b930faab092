package report

import (
	"slices"
	"strconv"
	"strings"

	"synscope/internal/report/lists"
	"synscope/internal/report/rows"
	"synscope/internal/report/sink"
	"synscope/internal/spelling"
)

// CheckFields tells whether each of the fields exists in the table of a command,
// or among zmap's. The error is [ErrOutput], and lists them.
func CheckFields(command, format string, fields []string) error {
	columns := FieldsOf(command, format)
	for i, f := range fields {
		known := f
		if format == "zmap" {
			known = lists.Underscored(f)
		}
		if !slices.Contains(columns, known) {
			return &fieldError{f, command, columns}
		}
		if slices.Contains(fields[:i], f) {
			return &fieldError{f, "", nil}
		}
	}
	return nil
}

// FieldsOf are the fields that the rows of a command have in a format.
func FieldsOf(command, format string) []string {
	if format == "zmap" {
		return lists.ZMapColumns
	}
	return rows.Columns(command)
}

// fieldError is one of a field that is not there, or there twice.
type fieldError struct {
	field, command string
	columns        []string
}

func (e *fieldError) Error() string {
	if e.columns == nil {
		return "field " + strconv.Quote(e.field) + " is named twice"
	}
	hint := ""
	if near := spelling.Nearest(e.field, e.columns); near != "" {
		hint = "; " + spelling.Question(near)
	}
	return strconv.Quote(e.field) + " is no field of " + e.command + ": there are " + strings.Join(e.columns, ", ") + hint
}

func (e *fieldError) Unwrap() error { return sink.ErrOutput }
