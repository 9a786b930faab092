//go:build cgo

package cli

// threadSpace is what threads that C's library makes reserve: a stack of 8 MiB, and an
// arena of 64 MiB for each of the first (pthread_create(3), mallopt(3)).
const threadSpace = 896 << 20
