package sink

import "errors"

// ErrOutput marks an output that cannot be made: a format that does not exist,
// or a file that cannot be created. It is found before anything is sent.
var ErrOutput = errors.New("output")
