//go:build !linux

package wide

func inHugePages([]uint64) {}
