//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"time"

	"synscope/internal/lab"
	"synscope/scripts/internal/bare"
)

// host builds a lab of one host.
func host(spec lab.HostSpec) (*lab.Lab, *lab.Host, error) {
	spec.Name = "target"
	l, err := lab.New(lab.Spec{Seed: 1, Hosts: []lab.HostSpec{spec}})
	if err != nil {
		return nil, nil, err
	}
	return l, l.Host("target"), nil
}

// nmap is a run of nmap, nil where it is not installed.
func nmap(args ...string) func() (cost, error) {
	path, err := exec.LookPath("nmap")
	if err != nil {
		return nil
	}
	return func() (cost, error) { return run(path, append([]string{"-n", "-Pn"}, args...)...) }
}

func (b *bench) scan(args ...string) func() (cost, error) {
	return func() (cost, error) { return run(b.binary, append([]string{"scan", "-q", "-o", "json"}, args...)...) }
}

// floor is a run of the loop that no scan can be cheaper than.
func floor(plan bare.Plan) func() (cost, error) {
	return func() (cost, error) {
		c, err := bare.Run(plan)
		return cost{wall: c.Wall, cpu: c.CPU}, err
	}
}

// allOf are the addresses of a prefix.
func allOf(p netip.Prefix) (list []netip.Addr) {
	for a := p.Masked().Addr(); p.Contains(a); a = a.Next() {
		list = append(list, a)
	}
	return list
}

var openPorts = []uint16{22, 80, 443, 3306, 5432, 8080, 50000, 65535}

// refused compares a scan of every port of a host that answers each.
func (b *bench) refused() error {
	l, h, err := host(lab.HostSpec{Services: []lab.Service{{Ports: openPorts, Manner: lab.AcceptClose}}})
	if err != nil {
		return err
	}
	defer l.Close()
	target := h.Addr4().String()
	costs, err := b.alternate(
		b.scan("--rate", "max", "-p-", target),
		nmap("-sS", "-T5", "--min-rate", "100000", "-p-", target),
		floor(bare.Plan{Hosts: []netip.Addr{h.Addr4()}, Ports: 65535, Answers: true}))
	if err != nil {
		return err
	}
	table(costs[0], costs[1], costs[2])
	for _, c := range costs[0] {
		if err := everyPort(c, openPorts); err != nil {
			return err
		}
	}
	fmt.Println("  verdicts  all right, in every round")
	return nil
}

// everyPort checks the verdicts of a whole host.
func everyPort(c cost, open []uint16) error {
	list, err := records(c.out)
	if err != nil {
		return err
	}
	want := map[uint16]bool{}
	for _, p := range open {
		want[p] = true
	}
	ports := 0
	for _, r := range list {
		if r.Type != "port" {
			continue
		}
		ports++
		if state := map[bool]string{true: "open", false: "refused"}[want[r.Port]]; r.State != state {
			return fmt.Errorf("port %d: %s, want %s", r.Port, r.State, state)
		}
	}
	if ports != 65535 {
		return fmt.Errorf("%d ports", ports)
	}
	return nil
}

// silent compares a scan of every port of a host that answers nothing with what
// the rate alone would take.
func (b *bench) silent() error {
	l, h, err := host(lab.HostSpec{Rules: []lab.Rule{{Do: lab.Drop}}})
	if err != nil {
		return err
	}
	defer l.Close()
	const rate, attempts = 50_000, 3
	const lastWait = 300 * time.Millisecond // what -T5 stands for in nmap
	target := h.Addr4().String()
	costs, err := b.alternate(
		b.scan("--rate", fmt.Sprint(rate), "--max-retries", fmt.Sprint(attempts-1), "--timeout", lastWait.String(), "-p-", target),
		nmap("-sS", "-T5", "--min-rate", fmt.Sprint(rate), "--max-retries", fmt.Sprint(attempts-1), "-p-", target),
		floor(bare.Plan{Hosts: []netip.Addr{h.Addr4()}, Ports: 65535, Passes: attempts, Rate: rate}))
	if err != nil {
		return err
	}
	table(costs[0], costs[1], costs[2])
	bound := time.Duration(65535*attempts) * time.Second / rate
	fmt.Printf("  the rate alone takes %v; the last timeouts %v more\n", bound.Round(time.Millisecond), attempts*lastWait)
	return nil
}

// lossy counts what a scan finds behind a bad link, and looks at its RTTs.
func (b *bench) lossy() error {
	const ports, step = 1000, 10 // every tenth port is open
	var open []uint16
	for p := step; p <= ports; p += step {
		open = append(open, uint16(p))
	}
	prefix := netip.MustParsePrefix("198.51.100.0/24")
	path := lab.Path{Delay: 5 * time.Millisecond, Loss: 0.05}
	l, _, err := host(lab.HostSpec{
		Services: []lab.Service{{Ports: open, Manner: lab.AcceptClose}},
		Prefixes: []netip.Prefix{prefix}, Link: &lab.Link{Out: path, Back: path},
	})
	if err != nil {
		return err
	}
	defer l.Close()
	args := []string{"-p", fmt.Sprintf("1-%d", ports), prefix.String()}
	costs, err := b.alternate(
		b.scan(append([]string{"--rate", "20k"}, args...)...),
		nmap(append([]string{"-sS", "-T5", "--min-rate", "20000"}, args...)...),
		floor(bare.Plan{Hosts: allOf(prefix), Ports: ports, Rate: 20_000, Answers: true}))
	if err != nil {
		return err
	}
	ours, theirs := costs[0], costs[1]
	table(ours, theirs, costs[2])
	all := 256 * len(open)
	for i, c := range ours {
		if err := lossyRound(c, all, 2*path.Delay); err != nil {
			return err
		}
		if len(theirs) > i {
			fmt.Printf("  nmap      %d of %d open ports found\n", strings.Count(string(theirs[i].out), "/tcp  open")+strings.Count(string(theirs[i].out), "/tcp open"), all)
		}
	}
	return nil
}

// lossyRound prints what one scan found; an RTT below what the link takes, or
// beyond where a retransmission would have left, is a wrong one.
func lossyRound(c cost, all int, least time.Duration) error {
	list, err := records(c.out)
	if err != nil {
		return err
	}
	found, wrong, falsely := 0, 0, 0
	var longest time.Duration
	for _, r := range list {
		if r.Type != "port" {
			continue
		}
		switch really := r.Port%10 == 0; {
		case r.State == "open" && really:
			found++
		case r.State == "open":
			falsely++
		}
		rtt := time.Duration(r.RTT)
		longest = max(longest, rtt)
		if rtt != 0 && (rtt < least || rtt > least+100*time.Millisecond) {
			wrong++
		}
	}
	s := list[len(list)-1]
	fmt.Printf("  synscope  %d of %d open ports found (%.3f %%), %d falsely; %d of %d packets retransmitted; %d RTTs that cannot be, the longest %v\n",
		found, all, 100*float64(found)/float64(all), falsely, s.Again, s.Sent, wrong, longest)
	return nil
}

// memory shows the peak of a scan of 65,536 hosts, which are not looked for first: all open, and all silent, when
// every probe is in flight at once.
func (b *bench) memory() error {
	open := lab.HostSpec{Services: []lab.Service{{Ports: []uint16{80}, Manner: lab.AcceptClose}}}
	silent := lab.HostSpec{Rules: []lab.Rule{{Do: lab.Drop}}}
	return errors.Join(b.memoryOf("open", open), b.memoryOf("silent", silent))
}

func (b *bench) memoryOf(name string, spec lab.HostSpec) error {
	prefix := netip.MustParsePrefix("198.18.0.0/16")
	spec.Prefixes = []netip.Prefix{prefix}
	l, _, err := host(spec)
	if err != nil {
		return err
	}
	defer l.Close()
	costs, err := b.alternate(b.scan("-Pn", "--rate", "max", "-oC", "/dev/null", "-p", "80", prefix.String()))
	if err != nil {
		return err
	}
	ours := costs[0]
	list, err := records(ours[0].out)
	if err != nil {
		return err
	}
	s := list[len(list)-1]
	fmt.Printf("  %-9s wall %v  processor %v  memory %.1f MiB; %v of 65,536, %d sent, %d dropped by the kernel\n", name,
		median(ours, wall).Round(time.Millisecond), median(ours, cpu).Round(time.Millisecond),
		float64(median(ours, peak))/(1<<20), s.States, s.Sent, s.KernelDrops)
	return nil
}
