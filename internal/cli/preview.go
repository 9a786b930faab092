package cli

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"synscope/internal/report/units"
	"synscope/probe"
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

// planned is how many targets a plan lists.
const planned = 10

// plan prints the size of the scan, and how it begins.
func (j *scanJob) plan() error {
	length, err := j.packetLen()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(j.streams.Out)
	for _, line := range j.planWords(length) {
		fmt.Fprintln(out, fitted(j.streams.Out, line))
	}
	if !j.hostsOnly() {
		j.planOrder(out)
	}
	return flushed(out)
}

// planWords says how many packets leave, and how long that takes.
func (j *scanJob) planWords(length int) (lines []string) {
	rate := cmp.Or(j.probing.rate, probe.DefaultRate)
	pace := paceWords(rate, length)
	if j.planSearches() {
		lines = append(lines, j.searchWords(), pace+": "+j.searchSpan(rate))
	}
	if j.hostsOnly() {
		return lines
	}
	lines = append(lines, fmt.Sprintf("%s probes of %s, technique %s%s", units.Count(j.cfg.Total), hostsWord(j.set.Addresses()), j.techniqueName(), j.shardWord()))
	if j.planSearches() && j.searchesByPort() {
		return append(append(lines, j.planNotes()...), j.guarded...)
	}
	each := j.perTarget()
	span := pace + ": " + j.span(rate, 1)
	switch {
	case j.keepsNoState():
		cfg := j.stateless()
		lines = append(lines, fmt.Sprintf("stateless: %d packets each, %s in all", each, units.Count(times(j.cfg.Total, each))))
		span = pace + ": " + j.span(rate, each)
		if mostPerTarget(&cfg) > each {
			span += fmt.Sprintf(", up to %d packets each (%s) where packets are lost", mostPerTarget(&cfg), j.span(rate, mostPerTarget(&cfg)))
		}
	case each > 1:
		span += fmt.Sprintf(", up to %s (%s packets) where nothing answers", j.span(rate, each), units.Count(times(j.cfg.Total, each)))
	}
	if j.planSearches() {
		span += "; less by what is down"
	}
	return append(append(append(lines, span), j.planNotes()...), j.guarded...)
}

// planOrder lists the first targets.
func (j *scanJob) planOrder(out io.Writer) {
	fmt.Fprintf(out, "order of seed %d:\n", j.seed)
	n := 0
	for t := range j.cfg.Targets {
		if n++; n > planned {
			fmt.Fprintln(out, "  ...")
			return
		}
		fmt.Fprintf(out, "  %s\n", t)
	}
}

func (j *scanJob) shardWord() string {
	if j.shard.count == 1 {
		return ""
	}
	return fmt.Sprintf(", shard %d/%d", j.shard.index+1, j.shard.count)
}

func (j *scanJob) techniqueName() string {
	if j.connect {
		return probe.ConnectTechnique
	}
	return j.cfg.Technique.Name
}

// span is how long sending that many packets a probe takes.
func (j *scanJob) span(rate float64, each int) string {
	if math.IsInf(rate, 1) {
		return "as fast as it goes"
	}
	seconds := float64(j.cfg.Total) * float64(each) / rate
	if seconds > math.MaxInt64/float64(time.Second) {
		return "centuries"
	}
	return units.Duration(time.Duration(seconds * float64(time.Second)))
}

func hostsWord(n uint64) string {
	if n == 1 {
		return "1 address"
	}
	return units.Count(n) + " addresses"
}
