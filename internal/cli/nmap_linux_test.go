package cli

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"synscope/internal/lab"
)

// TestAgreesWithNmap probes every port of the lab with nmap as well, with every
// technique that both have, IPv4 and IPv6.
func TestAgreesWithNmap(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	nmap, err := exec.LookPath("nmap")
	if err != nil {
		t.Skip("nmap is not installed")
	}
	for technique, flag := range map[string]string{
		"syn": "-sS", "connect": "-sT", "ack": "-sA", "window": "-sW",
		"fin": "-sF", "null": "-sN", "xmas": "-sX", "maimon": "-sM",
	} {
		for _, family := range []string{"-4", "-6"} {
			t.Run(technique+" "+family, func(t *testing.T) {
				t.Parallel()
				agree(t, l, nmap, technique, flag, family)
			})
		}
	}
}

// agree lets nmap and us probe the same ports, and compares.
func agree(t *testing.T, l *lab.Lab, nmap, technique, flag, family string) {
	pairs := certain(l, technique, family == "-4")
	theirs, err := runNmap(t, nmap, nmapFlags(flag, family), pairs)
	if err != nil {
		t.Fatalf("nmap %s %s: %v", flag, family, err)
	}
	ours := scanAll(t, l, technique, pairs, "-Pn")
	for _, p := range pairs {
		compare(t, technique, p, ours[p], theirs[p])
	}
}

// certain are the pairs of one family that chance has no say in.
func certain(l *lab.Lab, technique string, v4 bool) []netip.AddrPort {
	return slices.DeleteFunc(l.Targets(), func(p netip.AddrPort) bool {
		e, _ := l.Expect(p, technique)
		return p.Addr().Is4() != v4 || !e.Certain
	})
}

// nmapPort is a port as nmap's XML tells it.
type nmapPort struct{ state, reason, ttl string }

func runNmap(t *testing.T, nmap string, flags []string, pairs []netip.AddrPort) (map[netip.AddrPort]nmapPort, error) {
	args := append(flags, "-n", "-Pn", "-T4", "--max-retries", "5", "--min-rtt-timeout", "400ms", "-v", "-oX", "-", "-p", portList(pairs))
	for _, p := range pairs {
		if a := p.Addr().String(); !slices.Contains(args, a) {
			args = append(args, a)
		}
	}
	out, err := outputOf(t, nmap, args)
	if err != nil {
		return nil, err
	}
	return parseNmap(out)
}

// outputOf runs nmap, which now and then ends at once in a namespace whose interfaces come
// and go: then once more.
func outputOf(t *testing.T, nmap string, args []string) (out []byte, err error) {
	for range 4 {
		var errs bytes.Buffer
		cmd := exec.CommandContext(t.Context(), nmap, args...)
		cmd.Stderr = &errs
		if out, err = cmd.Output(); err == nil {
			return out, nil
		}
		err = fmt.Errorf("%w: %s", err, &errs)
	}
	return nil, err
}

func nmapFlags(flag, family string) []string {
	if family == "-6" {
		return []string{flag, family}
	}
	return []string{flag}
}

func portList(pairs []netip.AddrPort) string {
	var words []string
	for _, p := range pairs {
		if w := fmt.Sprint(p.Port()); !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return strings.Join(words, ",")
}

func parseNmap(out []byte) (map[netip.AddrPort]nmapPort, error) {
	var run struct {
		Hosts []struct {
			Addresses []struct {
				Addr string `xml:"addr,attr"`
				Type string `xml:"addrtype,attr"`
			} `xml:"address"`
			Ports []struct {
				ID    uint16 `xml:"portid,attr"`
				State struct {
					State  string `xml:"state,attr"`
					Reason string `xml:"reason,attr"`
					TTL    string `xml:"reason_ttl,attr"`
				} `xml:"state"`
			} `xml:"ports>port"`
		} `xml:"host"`
	}
	if err := xml.Unmarshal(out, &run); err != nil {
		return nil, err
	}
	found := map[netip.AddrPort]nmapPort{}
	for _, h := range run.Hosts {
		for _, p := range h.Ports {
			a := netip.MustParseAddr(h.Addresses[0].Addr)
			found[netip.AddrPortFrom(a, p.ID)] = nmapPort{p.State.State, p.State.Reason, p.State.TTL}
		}
	}
	return found, nil
}

// compare holds one port's verdicts against each other. One difference is known: a port
// unreachable makes connect(2) fail with ECONNREFUSED, and nmap calls the port closed (7.93 now
// and then says no response); we read what the kernel tells of the ICMP error, as with every other engine.
func compare(t *testing.T, technique string, p netip.AddrPort, ours jsonRecord, theirs nmapPort) {
	if technique == "connect" && ours.str("reason") == "port-unreachable" && (theirs.reason == "conn-refused" || theirs.reason == "no-response") {
		t.Logf("%v: ours filtered, nmap %s (%s): the known difference", p, theirs.state, theirs.reason)
		return
	}
	state := strings.Replace(ours.str("state"), "refused", "closed", 1)
	if state != theirs.state {
		t.Errorf("%s %v: ours %s (%s), nmap %s (%s)", technique, p, state, ours.str("reason"), theirs.state, theirs.reason)
	}
	if ttl := fmt.Sprint(cmp.Or(ours["ttl"], any(0))); technique != "connect" && theirs.reason != "no-response" && ttl != theirs.ttl {
		t.Errorf("%s %v: the answer's TTL is %s, nmap says %s (%s)", technique, p, ttl, theirs.ttl, theirs.reason)
	}
}
