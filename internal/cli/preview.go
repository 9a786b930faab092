package cli

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"synscope/probe/discover"
	"synscope/probe/scan"
)

// dryRun prints what would leave, in tcpdump's notation. The source is what was
// asked for; without, unspecified: no socket is opened and no route asked.
func (j *scanJob) dryRun(ctx context.Context) error {
	if j.connect {
		return usagef("--dry-run: technique connect leaves the packets to the kernel")
	}
	if j.options.given["seed"] {
		j.cfg.Key = [16]byte{}
		for i := range 8 {
			j.cfg.Key[i], j.cfg.Key[15-i] = byte(j.seed>>(8*i)), 1
		}
	}
	from4, from6 := j.probing.previewSources()
	out := bufio.NewWriter(j.streams.Out)
	if err := j.previewSearch(ctx, out, from4, from6); err != nil || j.hostsOnly() {
		return cmp.Or(err, flushed(out))
	}
	segments, err := scan.Preview(j.cfg, from4, from6, j.probing.sourcePort)
	if err != nil {
		return usage(err)
	}
	packets := func(yield func(shownPacket) bool) {
		for s := range segments {
			to := s.Dst.Addr()
			if !yield(shownPacket{"", j.probing.withHeader(s.String(), j.probing.ttl)}) || !j.previewEcho(to, yield) {
				return
			}
		}
	}
	if err := printAll(ctx, out, packets); err != nil {
		return err
	}
	return flushed(out)
}

// previewEcho shows the echo request that goes beside a probe which looks for its host, if
// one does.
func (j *scanJob) previewEcho(to netip.Addr, yield func(shownPacket) bool) (more bool) {
	if !j.planSearches() || !j.searchesByPort() {
		return true
	}
	from4, from6 := j.probing.previewSources()
	e, err := scan.PreviewSearch(j.cfg, to, from4, from6, j.probing.sourcePort)
	return err == nil && yield(shownPacket{"", e.String()})
}

// previewSources are the sources of packets that are only shown: what was asked for,
// else unspecified.
func (p *probing) previewSources() (from4, from6 netip.Addr) {
	from4, from6 = netip.IPv4Unspecified(), netip.IPv6Unspecified()
	switch a := p.source; {
	case a.Is4():
		from4 = a
	case a.IsValid():
		from6 = a
	}
	return from4, from6
}

// previewRound are the first probes of targets, with what stands before and in each.
func (p *probing) previewRound(targets []netip.AddrPort, ttl uint8, shown func(i int, packet string) shownPacket) (iter.Seq[shownPacket], error) {
	var cfg scan.Config
	p.apply(&cfg)
	cfg.Targets = slices.Values(targets)
	if ttl > 0 {
		cfg.TTL = ttl
	}
	from4, from6 := p.previewSources()
	segments, err := scan.Preview(cfg, from4, from6, p.sourcePort)
	if err != nil {
		return nil, usage(err)
	}
	return func(yield func(shownPacket) bool) {
		i := 0
		for s := range segments {
			if !yield(shown(i, p.withHeader(s.String(), cmp.Or(ttl, p.ttl)))) {
				return
			}
			i++
		}
	}, nil
}

// previewSearch prints how hosts are looked for, where they are.
func (j *scanJob) previewSearch(ctx context.Context, out *bufio.Writer, from4, from6 netip.Addr) error {
	if !j.planSearches() {
		return nil
	}
	if j.searchesByPort() {
		j.sayHowSearched()
		return nil
	}
	cfg := j.discoverConfig()
	cfg.Key = j.cfg.Key
	questions, err := discover.Preview(cfg, from4, from6, j.probing.sourcePort)
	if err != nil {
		return usage(err)
	}
	j.sayHowSearched()
	return printAll(ctx, out, questions)
}

func (j *scanJob) sayHowSearched() {
	if !j.options.Quiet {
		fmt.Fprintf(j.streams.Err, "synscope: %s\n", j.searchWords())
	}
}

// sincePacket is a time since the first packet, as tcpdump -ttttt writes it before a
// packet.
func sincePacket(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d:%02d.%06d ", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60, d.Microseconds()%1e6)
}

// shownPacket is a packet in tcpdump's notation, with what its header has beside.
type shownPacket struct{ before, text string }

func (p shownPacket) String() string { return p.before + p.text }

// withHeader puts what was asked for of the IP header where tcpdump -v has it; a TTL of
// 0 is the profile's.
func (p *probing) withHeader(packet string, ttl uint8) string {
	version, rest, _ := strings.Cut(packet, " ")
	tosName, ttlName := "tos", "ttl"
	if version == "IP6" {
		tosName, ttlName = "class", "hlim"
	}
	var words []string
	if p.tos != 0 {
		words = append(words, fmt.Sprintf("%s 0x%x", tosName, p.tos))
	}
	if ttl != 0 {
		words = append(words, fmt.Sprintf("%s %d", ttlName, ttl))
	}
	if len(words) == 0 {
		return packet
	}
	return version + " (" + strings.Join(words, ", ") + ") " + rest
}

// printAll prints packets until something stops it.
func printAll[P fmt.Stringer](ctx context.Context, out *bufio.Writer, packets iter.Seq[P]) error {
	for p := range packets {
		if _, err := fmt.Fprintln(out, p); err != nil || ctx.Err() != nil {
			return &exit{exitInterrupted, fmt.Errorf("cut short: %w", cmp.Or(err, ctx.Err()))}
		}
	}
	return nil
}

func flushed(out *bufio.Writer) error {
	if err := out.Flush(); err != nil {
		return &exit{exitInterrupted, err}
	}
	return nil
}
