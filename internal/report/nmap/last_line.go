package nmap

import (
	"fmt"
	"net/netip"
	"time"

	"synscope/internal/report/record"
)

// headcount counts the hosts that are told of, each once where its parts follow each
// other.
type headcount struct {
	up, down uint64
	last     netip.Addr // of those that are up
}

func (c *headcount) count(page *hostPage) {
	switch {
	case page.down():
		c.down++
	case page.addr != c.last:
		c.up++
		c.last = page.addr
	}
}

// of are the hosts of a run: as it counted them where it looked for them, and else
// those that were told of.
func (c *headcount) of(r *record.Summary) (up, down, total uint64) {
	up, looked := r.HostsUp.Get()
	if !looked {
		return c.up, c.down, c.up + c.down
	}
	down, _ = r.HostsDown.Get()
	unknown, _ := r.HostsUnknown.Get()
	return up, down, up + down + unknown
}

// doneWords says what a run of a command did to so many of its subjects, in digits
// that programs read: of a scan as nmap says it.
func doneWords(command string, probes, up, total uint64) string {
	switch command {
	case "handshake", "read":
		return plural(probes, "connection") + " followed"
	case "ping":
		return plural(probes, "probe") + " made"
	case "scan", "merge":
		return fmt.Sprintf("%s (%s up) scanned", addresses(total), plural(up, "host"))
	}
	return plural(probes, "port") + " probed"
}

// doneAt adds when a run ended and how long it took, as nmap's last line has it.
func doneAt(r *record.Summary, separator, words string) string {
	return fmt.Sprintf("synscope done at %s%s%s in %.2f seconds", r.End.Format(time.ANSIC), separator, words, r.Took.Seconds())
}

func plural(n uint64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func addresses(n uint64) string {
	if n == 1 {
		return "1 IP address"
	}
	return fmt.Sprintf("%d IP addresses", n)
}
