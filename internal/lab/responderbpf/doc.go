// Package responderbpf holds the kernel program of the lab's synthetic
// internet. scripts/regenerate-bpf makes the object and the Go file.
package responderbpf
