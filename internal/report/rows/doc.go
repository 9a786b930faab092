// Package rows writes a line for each record, field by field: JSON lines, CSV,
// and chosen fields in columns.
package rows
