package handshake

import (
	"flag"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// These tests wait for networks, not for processors: many run side by side.
func TestMain(m *testing.M) {
	flag.Set("test.parallel", "16")
	os.Exit(lab.Main(stamped{m}))
}

// stamped keeps the kernel's time stamps switched on while tests run: the
// switch takes effect some time after the first socket asks for it
// (net/core/dev.c, net_enable_timestamp), too late for a SYN sent at once.
type stamped struct{ m *testing.M }

func (s stamped) Run() int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		time.Sleep(50 * time.Millisecond)
	}
	return s.m.Run()
}
