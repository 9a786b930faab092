package cli

import (
	"fmt"
	"strconv"
	"strings"
)

// maxPayload bounds what --data takes from a file.
const maxPayload = 16 << 20

// payload reads the value of --data: the contents of @FILE, or text with the
// escapes of a Go string ("\r\n", "\x00").
func payload(word string) ([]byte, error) {
	name, isFile := strings.CutPrefix(word, "@")
	if !isFile {
		text, err := strconv.Unquote(`"` + strings.ReplaceAll(word, `"`, `\"`) + `"`)
		if err != nil {
			return nil, fmt.Errorf("%q: an escape that does not exist; a backslash is written \\\\", word)
		}
		return []byte(text), nil
	}
	return readAtMost(name, maxPayload)
}
