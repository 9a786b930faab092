// Package lists writes open ports and nothing else, as other scanners do:
// host:port lines, masscan's JSON and zmap's CSV.
package lists
