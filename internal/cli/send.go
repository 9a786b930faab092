package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/craft"
	"synscope/internal/report/record"
	"synscope/internal/target"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/handshake"
)

func sendCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      "send",
		Usage:     "what comes back when I send exactly this segment?",
		ArgsUsage: "TARGET...",
		Flags:     probingFlags(sendFlags(), "what each target names", sendMeanings, hostlessFlags()),
		Action:    probes(s, newSendJob),
	}
}

func sendFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "flags", Value: "S", Usage: "`FLAGS`: SA, S., syn,ack, none"},
		&cli.StringFlag{Name: "seq", Value: "0", Usage: "sequence number `N`, decimal or 0x and hexadecimal"},
		&cli.StringFlag{Name: "ack", Value: "0", Usage: "acknowledgement number `N`, likewise"},
		&cli.IntFlag{Name: "win", Value: 65535, Usage: "window `N`, as on the wire"},
		&cli.StringSliceFlag{Name: "opt", Usage: "`OPTIONS`: mss=1460,sack,ts,wscale=7"},
		&cli.StringFlag{Name: "data", Usage: "payload: `TEXT`, with escapes such as \\r\\n, or the contents of @FILE"},
		&cli.IntFlag{Name: "count", Value: 1, Usage: "send it `N` times, each after the wait for answers to the last"},
		&cli.StringFlag{Name: "expect", Usage: "exit 1 unless an answer has these `FLAGS`; also icmp, silence"},
		&cli.BoolFlag{Name: "dry-run", Usage: "print the segment that would leave, and stop"},
	}
}

// Words of --expect that are no flags.
const (
	expectICMP    = "icmp"
	expectSilence = "silence"
)

// sendOptions are the flags of send.
type sendOptions struct {
	common
	Flags   string   `flag:"flags"`
	Seq     string   `flag:"seq"`
	Ack     string   `flag:"ack"`
	Window  int      `flag:"win"`
	Options []string `flag:"opt"`
	Count   int      `flag:"count"`
}

// sendJob sends one segment to some targets, its command line understood.
type sendJob struct {
	options *sendOptions
	streams Streams
	set     *target.Set
	probing probing
	segment craft.Segment // without addresses
	wanted  craft.Flags   // where --expect is neither empty nor a word

	answers int   // that came, of any kind
	met     int   // targets that answered as expected
	broken  error // an output that takes no more
	unreached
}

func newSendJob(ctx context.Context, s Streams, o *sendOptions) (j *sendJob, err error) {
	j = &sendJob{options: o, streams: s}
	if err = o.refuseHosts("the answers to a segment decide on no port's state"); err != nil {
		return nil, err
	}
	if j.probing, err = o.probing(); err != nil {
		return nil, err
	}
	if err = j.readSegment(); err != nil {
		return nil, err
	}
	if o.Count < 1 || o.Count > maxRepeat {
		return nil, usagef("--count: %d: want 1 to %d", o.Count, maxRepeat)
	}
	if e := j.probing.engine; e != engineAuto && e != engineRaw {
		return nil, usagef("--engine %s cannot send single segments", e)
	}
	if err = j.readExpectation(); err != nil {
		return nil, err
	}
	j.set, err = o.portTargets(ctx, s)
	return j, err
}

func (j *sendJob) readExpectation() (err error) {
	switch j.options.Expect {
	case "", expectICMP, expectSilence:
		return j.options.nothingExpected()
	}
	if j.wanted, err = craft.ParseFlags(j.options.Expect); err != nil {
		return usagef("--expect: %w; or icmp, or silence", err)
	}
	return nil
}

// readSegment takes the segment's words.
func (j *sendJob) readSegment() (err error) {
	o, s := j.options, &j.segment
	if s.Flags, err = craft.ParseFlags(o.Flags); err != nil {
		return usagef("--flags: %w", err)
	}
	if s.Seq, err = number(o.Seq); err != nil {
		return usagef("--seq: %w", err)
	}
	if s.Ack, err = number(o.Ack); err != nil {
		return usagef("--ack: %w", err)
	}
	if err = o.within("win", o.Window, 0, 65535); err != nil {
		return err
	}
	s.Window = uint16(o.Window)
	if s.Options, err = craft.ParseOptions(strings.Join(o.Options, ",")); err != nil {
		return usagef("--opt: %w", err)
	}
	if s.Payload, err = payload(o.Data); err != nil {
		return usagef("--data: %w", err)
	}
	s.TTL, s.TOS = j.probing.profile.TTL, j.probing.tos
	if j.probing.ttl != 0 {
		s.TTL = j.probing.ttl
	}
	return nil
}

// number reads a sequence number, decimal or hexadecimal.
func number(word string) (craft.Seq, error) {
	n, err := wholeNumber(word, strconv.ParseUint)
	if err != nil || n > math.MaxUint32 {
		return 0, fmt.Errorf("%q is no number from 0 to 4294967295", word)
	}
	return craft.Seq(n), nil
}

func (j *sendJob) run(ctx context.Context) error {
	e, err := j.probing.open(1, orFail)
	if err != nil {
		return err
	}
	defer e.close()
	run := opening{
		options: &j.options.common, streams: j.streams, set: j.set, engine: &e,
		probing: &j.probing, resolve: hostsOf(slices.Collect(j.set.Ordered())),
	}
	return run.run(ctx, func(s *session) error { return j.exchangeAll(ctx, s) }, j.answer)
}

// answer: without --expect any answer is a yes.
func (j *sendJob) answer(*display) error {
	var no error = errNo
	if j.options.Expect == "" && j.answers > 0 || j.options.Expect != "" && uint64(j.met) == j.set.Count() {
		no = nil
	}
	return no
}

func (j *sendJob) exchangeAll(ctx context.Context, s *session) error {
	start := time.Now()
	var total probe.Summary
	var err error
	for pair := range j.set.Ordered() {
		var one probe.Summary
		one, err = j.exchange(ctx, s, pair)
		total.Add(&one)
		if errors.Is(err, netraw.ErrNoNeighbour) { // it was tried
			s.remark(inWords(err))
			err = nil
		}
		if err = cmp.Or(j.broken, j.unreached.take(err)); err != nil {
			break
		}
	}
	err = cmp.Or(err, j.unreached.tell(s.display))
	total.Took, total.Complete = time.Since(start), err == nil
	return s.conclude(&total, err)
}

// exchange sends the segment to one target.
func (j *sendJob) exchange(ctx context.Context, s *session, pair netip.AddrPort) (probe.Summary, error) {
	conn := s.network
	route, err := conn.Route(pair.Addr())
	if err == nil {
		if err = route.NotAHost(pair.Addr()); err != nil {
			err = fmt.Errorf("%v: %w", pair.Addr(), err)
		}
	}
	if err != nil {
		return probe.Summary{}, err
	}
	cfg := handshake.ExchangeConfig{Segment: j.to(netip.AddrPortFrom(route.Source, conn.Ports()[0]), pair), Count: j.options.Count, Wait: j.probing.timeout}
	if pair.Addr().Zone() != "" {
		cfg.Link = route.IfIndex
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var failed error
	var came replies
	cfg.OnSegment = func(l handshake.Line) {
		came.note(&l, j.wanted)
		if err := s.Record(record.NewSegment(&l)); failed == nil && err != nil {
			failed = err
			stop() // nobody would be told what else comes
		}
	}
	summary, err := handshake.Exchange(ctx, conn, cfg)
	j.answers += came.any
	s.tap.judge(pair, fmt.Sprintf("%d answers", came.any))
	switch {
	case err != nil:
	case came.meet(j.options.Expect):
		j.met++
	case j.options.Expect != "":
		s.remark(fmt.Sprintf("%s: expected %s, found %s", pair, j.options.Expect, came.String()))
	}
	j.broken = cmp.Or(j.broken, failed)
	return summary, err
}

// to addresses the segment.
func (j *sendJob) to(src, dst netip.AddrPort) craft.Segment {
	s := j.segment
	s.Src, s.Dst, s.DF = src, netip.AddrPortFrom(dst.Addr().WithZone(""), dst.Port()), dst.Addr().Is4()
	return s
}

// replies counts what came back from one target.
type replies struct {
	any, icmp, wanted int
	kinds             []string // the first of them, each once
}

// mostKinds is how many kinds of answers are worth naming.
const mostKinds = 4

// String is what came: "R., icmp 3/13", or "silence".
func (r *replies) String() string {
	if len(r.kinds) == 0 {
		return expectSilence
	}
	return strings.Join(r.kinds, ", ")
}

func (r *replies) name(kind string) {
	if len(r.kinds) < mostKinds && !slices.Contains(r.kinds, kind) {
		r.kinds = append(r.kinds, kind)
	}
}

func (r *replies) note(l *handshake.Line, wanted craft.Flags) {
	switch {
	case l.From == handshake.Client:
		return
	case l.ICMP != nil && l.ICMP.Src == l.ICMP.Quote.Src.Addr() && l.ICMP.Src != l.ICMP.Quote.Dst.Addr():
		r.name("no neighbour") // our own kernel says so, and nobody else
		return
	case l.ICMP != nil:
		r.icmp++
		r.name(fmt.Sprintf("icmp %d/%d", l.ICMP.Type, l.ICMP.Code))
	case l.Notes&handshake.NoteAside != 0:
		r.name(l.Segment.Flags.String() + " without a number of ours")
		return
	default:
		if l.Segment.Flags == wanted {
			r.wanted++
		}
		r.name(l.Segment.Flags.String())
	}
	r.any++
}

// meet reports whether an expectation holds.
func (r *replies) meet(expect string) bool {
	switch expect {
	case expectICMP:
		return r.icmp > 0
	case expectSilence:
		return r.any == 0
	}
	return r.wanted > 0
}

func (j *sendJob) dryRun(context.Context) error {
	for pair := range j.set.Ordered() {
		s := j.to(sourceFor(&j.probing, pair.Addr()), pair)
		for range j.options.Count {
			if _, err := fmt.Fprintln(j.streams.Out, j.probing.withHeader(s.String(), j.probing.ttl)); err != nil {
				return &exit{exitInterrupted, err}
			}
		}
	}
	return nil
}
