// Package record holds what a run says: one type for each line of the JSON
// lines, made from what the engines hand over. A field that was not measured is
// absent ([Maybe]), never zero.
//
// A record names its fields once, in order, to a [FieldWriter]; JSON, CSV,
// columns and nmap's scripts all read that list.
package record
