package handshake

import (
	"os"
	"os/exec"
	"testing"

	"synscope/internal/lab"
)

// socketsOf lists the TCP connections that a host holds, as ss(8) prints them.
func socketsOf(t *testing.T, h *lab.Host) string {
	t.Helper()
	ss, err := exec.LookPath("ss")
	if err != nil {
		t.Skip("ss is not installed")
	}
	var out []byte
	err = h.Do(func() (err error) {
		out, err = exec.Command(ss, "-Htan").Output()
		return err
	})
	if err != nil {
		t.Fatal(err, os.Getenv("PATH"))
	}
	return string(out)
}
