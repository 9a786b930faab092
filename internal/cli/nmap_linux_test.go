package cli

import (
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
	l := standardLab(t)
	nmap, err := exec.LookPath("nmap")
	if err != nil {
		t.Skip("nmap is not installed")
	}
	for technique, flag := range map[string]string{
		"syn": "-sS", "connect": "-sT", "ack": "-sA", "window": "-sW",
		"fin": "-sF", "null": "-sN", "xmas": "-sX", "maimon": "-sM",
	} {
		for family, more := range map[string][]string{"IPv4": nil, "IPv6": {"-6"}} {
			t.Run(technique+" "+family, func(t *testing.T) {
				t.Parallel()
				pairs := certain(l, technique, family == "IPv4")
				theirs := runNmap(t, nmap, append(more, flag), pairs)
				ours := scanAll(t, l, technique, pairs)
				for _, p := range pairs {
					compare(t, technique, p, ours[p], theirs[p])
				}
			})
		}
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
type nmapPort struct{ state, reason string }

func runNmap(t *testing.T, nmap string, flags []string, pairs []netip.AddrPort) map[netip.AddrPort]nmapPort {
	t.Helper()
	args := append(flags, "-n", "-Pn", "-T4", "--max-retries", "3", "-v", "-oX", "-", "-p", portList(pairs))
	for _, p := range pairs {
		if a := p.Addr().String(); !slices.Contains(args, a) {
			args = append(args, a)
		}
	}
	out, err := exec.CommandContext(t.Context(), nmap, args...).Output()
	if err != nil {
		t.Fatalf("nmap %s: %v", strings.Join(args, " "), err)
	}
	return parseNmap(t, out)
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

func parseNmap(t *testing.T, out []byte) map[netip.AddrPort]nmapPort {
	t.Helper()
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
				} `xml:"state"`
			} `xml:"ports>port"`
		} `xml:"host"`
	}
	if err := xml.Unmarshal(out, &run); err != nil {
		t.Fatal(err)
	}
	found := map[netip.AddrPort]nmapPort{}
	for _, h := range run.Hosts {
		for _, p := range h.Ports {
			a := netip.MustParseAddr(h.Addresses[0].Addr)
			found[netip.AddrPortFrom(a, p.ID)] = nmapPort{p.State.State, p.State.Reason}
		}
	}
	return found
}

// compare holds one port's verdicts against each other.
func compare(t *testing.T, technique string, p netip.AddrPort, ours record, theirs nmapPort) {
	t.Helper()
	state := strings.Replace(ours.str("state"), "refused", "closed", 1)
	if state != theirs.state {
		t.Errorf("%s %v: ours %s (%s), nmap %s (%s)", technique, p, state, ours.str("reason"), theirs.state, theirs.reason)
	}
}
