//go:build !unix

package checkpoint

import "os"

const noFollow = 0

func lockFile(*os.File) error { return nil }
