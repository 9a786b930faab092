package netraw

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// Where packets are polled, no epoll(7) watches their socket between two waits: the one of
// the runtime would have a thread woken for each of them.
func TestPolledSocketWakesNoThread(t *testing.T) { intakes(t, wakesNoThread) }

func wakesNoThread(t *testing.T, cfg Config) {
	c := open(t, &cfg)
	for _, d := range []time.Duration{time.Millisecond, 2 * parkFrom} {
		c.Await(d, 0)
	}
	_, err := c.Poll(make([]Packet, 1))
	must(err)
	for _, s := range intakeSockets(c) {
		must(s.withFD(func(fd int) error {
			if by := watchedBy(fd); by != "" {
				t.Errorf("descriptor %d is watched by %s", fd, by)
			}
			return nil
		}))
	}
}

// intakeSockets are those that packets come by.
func intakeSockets(c *Conn) []*socket {
	switch in := c.in.(type) {
	case *receiver:
		return []*socket{&in.socket}
	case *frames:
		return []*socket{&in.socket}
	}
	return nil
}

// watchedBy is the epoll instance of this process that watches a descriptor, "" if none
// does; proc_pid_fdinfo(5).
func watchedBy(fd int) string {
	infos, err := filepath.Glob("/proc/self/fdinfo/*")
	must(err)
	watched := regexp.MustCompile(fmt.Sprintf(`(?m)^tfd: +%d `, fd))
	for _, path := range infos {
		if info, err := os.ReadFile(path); err == nil && watched.Match(info) {
			return path
		}
	}
	return ""
}
