package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/report/record"
	"synscope/internal/target"
	"synscope/probe"
	"synscope/probe/handshake"
)

func handshakeCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      "handshake",
		Aliases:   []string{"hs"},
		Usage:     "what happens, segment by segment, from SYN to TIME_WAIT?",
		ArgsUsage: "TARGET...",
		Flags:     probingFlags(handshakeFlags(), "what each target names", handshakeMeanings, outputFlags()),
		Action:    probes(s, newHandshakeJob),
	}
}

func handshakeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "data", Usage: "send `TEXT`, with escapes such as \\r\\n, or the contents of @FILE"},
		&cli.StringFlag{Name: "data-on", Value: "established", Usage: "`WHEN` to send it: on the syn, on the ack, or once established"},
		&cli.StringFlag{Name: "close", Value: "fin", Usage: "`HOW` to close: fin, rst or none"},
		&cli.StringFlag{Name: "withhold", Usage: "keep silent at `STEP`: synack-ack or last-ack, and watch what the peer repeats"},
		&cli.StringFlag{Name: "watch", Usage: "watch the peer for `D` (default: 70s while something is withheld)"},
		&cli.IntFlag{Name: "max-bytes", Value: handshake.DefaultMaxBytes, Usage: "end the connection after `N` bytes of the peer's; 0 is no limit"},
		&cli.IntFlag{Name: "max-segments", Value: handshake.DefaultMaxSegments, Usage: "end the connection after `N` segments of the peer's; 0 is no limit"},
		&cli.StringFlag{Name: "max-time", Value: "30s", Usage: "wait at most `D` for the peer to fall quiet, before closing; 0 is no limit"},
		&cli.BoolFlag{Name: "tfo", Usage: "ask for a fast open cookie; with --data, use it on a second connection"},
		&cli.BoolFlag{Name: "ecn", Usage: "offer congestion marks (RFC 3168), and see whether they pass"},
		&cli.BoolFlag{Name: "accecn", Usage: "offer accurate congestion marks (RFC 9768)"},
		&cli.BoolFlag{Name: "mptcp", Usage: "offer multipath TCP (RFC 8684)"},
		&cli.IntFlag{Name: "repeat", Value: 1, Usage: "open `N` connections to each target, one after the other"},
		&cli.StringFlag{Name: "expect", Usage: "exit 1 unless every connection finds the port in `STATE`"},
		&cli.BoolFlag{Name: "dry-run", Usage: "print the SYNs that would leave, and stop"},
	}
}

// handshakeOptions are the flags of handshake.
type handshakeOptions struct {
	common
	DataOn      string `flag:"data-on"`
	Close       string `flag:"close"`
	Withhold    string `flag:"withhold"`
	Watch       string `flag:"watch"`
	MaxBytes    int    `flag:"max-bytes"`
	MaxSegments int    `flag:"max-segments"`
	MaxTime     string `flag:"max-time"`
	FastOpen    bool   `flag:"tfo"`
	ECN         bool   `flag:"ecn"`
	AccECN      bool   `flag:"accecn"`
	Multipath   bool   `flag:"mptcp"`
	Repeat      int    `flag:"repeat"`
}

// handshakeJob is a run of connections, its command line understood.
type handshakeJob struct {
	options *handshakeOptions
	streams Streams
	set     *target.Set
	probing probing
	cfg     handshake.Config
	expect  *probe.State

	known   map[netip.Addr]handshake.Known
	opened  int      // connections that found an open port
	unlike  []string // what those have found that found another state than expected
	summary probe.Summary
	unreached
}

func newHandshakeJob(ctx context.Context, s Streams, o *handshakeOptions) (*handshakeJob, error) {
	j := &handshakeJob{options: o, streams: s, known: map[netip.Addr]handshake.Known{}}
	return j, inOrder(j.readPlan, j.readLimits, j.readProbing, j.readExpectation, func() error { return j.readTargets(ctx) })
}

// readPlan takes what is to be done with a connection.
func (j *handshakeJob) readPlan() (err error) {
	o, cfg := j.options, &j.cfg
	if cfg.Data, err = payload(o.Data); err != nil {
		return usagef("--data: %w", err)
	}
	if cfg.DataOn, err = handshake.ParseDataOn(o.DataOn); err != nil {
		return usagef("--data-on: %w", err)
	}
	if cfg.Close, err = handshake.ParseEnding(o.Close); err != nil {
		return usagef("--close: %w", err)
	}
	if cfg.Withhold, err = handshake.ParseWithhold(o.Withhold); err != nil {
		return usagef("--withhold: %w", err)
	}
	if o.Watch != "" {
		if cfg.Watch, err = parseDuration(o.Watch); err != nil || cfg.Watch < 0 || cfg.Watch > time.Hour {
			return usagef("--watch: %q: want a duration up to 1h", o.Watch)
		}
	}
	cfg.FastOpen, cfg.ECN, cfg.AccECN, cfg.Multipath = o.FastOpen, o.ECN, o.AccECN, o.Multipath
	if o.given["data-on"] && len(cfg.Data) == 0 {
		return usagef("--data-on: there is no --data to send")
	}
	return nil
}

// readLimits takes what a peer may send.
func (j *handshakeJob) readLimits() (err error) {
	o := j.options
	if err = cmp.Or(o.within("max-bytes", o.MaxBytes, 0, math.MaxInt32), o.within("max-segments", o.MaxSegments, 0, math.MaxInt32)); err != nil {
		return err
	}
	if j.cfg.MaxTime, err = parseDuration(o.MaxTime); err != nil || j.cfg.MaxTime < 0 {
		return usagef("--max-time: %q: want a duration", o.MaxTime)
	}
	j.cfg.MaxBytes, j.cfg.MaxSegments, j.cfg.MaxTime = noneOf(o.MaxBytes), noneOf(o.MaxSegments), noneOf(j.cfg.MaxTime)
	return nil
}

// noneOf is a number on the command line as the engines take it, whose zero is the
// default: there, none is negative.
func noneOf[N int | time.Duration](n N) N {
	if n == 0 {
		return -1
	}
	return n
}

func (j *handshakeJob) readProbing() (err error) {
	if j.probing, err = j.options.probing(); err != nil {
		return err
	}
	p := &j.probing
	if p.engine != engineAuto && p.engine != engineRaw {
		return usagef("--engine %s cannot do handshake: it needs segments of its own making", p.engine)
	}
	j.cfg.Profile, j.cfg.TTL, j.cfg.TOS = p.profile, p.ttl, p.tos
	j.cfg.Timeout, j.cfg.Retries, j.cfg.Rate = p.timeout, noneOf(p.retries), p.rate
	if !j.options.given["max-retries"] {
		j.cfg.Retries = handshake.DefaultRetries
	}
	return nil
}

func (j *handshakeJob) readExpectation() (err error) {
	if n := j.options.Repeat; n < 1 || n > maxRepeat {
		return usagef("--repeat: %d: want 1 to %d", n, maxRepeat)
	}
	j.expect, err = j.options.expectation()
	return err
}

const maxRepeat = 1_000_000

func (j *handshakeJob) readTargets(ctx context.Context) (err error) {
	j.set, err = j.options.portTargets(ctx, j.streams)
	return err
}

// portTargets are the targets of a command that talks to single ports: there
// is no list of ports to fall back on.
func (o *common) portTargets(ctx context.Context, s Streams) (*target.Set, error) {
	if !o.given["p"] && !o.given["top-ports"] {
		for _, word := range o.words {
			if word == "" { // which is told of below
				continue
			}
			if _, err := netip.ParseAddr(word); err == nil || !hasPort(word) && !strings.Contains(word, "://") {
				return nil, usagef("%s: which port? Give host:port, or -p", word)
			}
		}
	}
	return o.targetsWith(ctx, s, func(*target.Options) {})
}

// hasPort reports whether a target word ends in ":port".
func hasPort(word string) bool {
	for i := len(word) - 1; i >= 0; i-- {
		switch {
		case word[i] == ':':
			return i < len(word)-1
		case word[i] == ']' || word[i] == '/':
			return false
		}
	}
	return false
}

// heldPorts is how many source ports the connections use in turn, so that a port which the
// peer keeps in TIME_WAIT is not used again at once.
const heldPorts = 8

func (j *handshakeJob) run(ctx context.Context) error {
	connections := min(j.set.Count(), heldPorts) * uint64(min(j.options.Repeat, heldPorts))
	e, err := j.probing.open(int(min(connections, heldPorts)), orFail)
	if err != nil {
		return err
	}
	defer e.close()
	run := opening{
		options: &j.options.common, streams: j.streams, set: j.set, engine: &e,
		probing: &j.probing, resolve: hostsOf(slices.Collect(j.set.Ordered())),
	}
	return run.run(ctx, func(s *session) error { return j.connectAll(ctx, s) }, j.answer)
}

// answer is the exit code of a run that came to its end.
func (j *handshakeJob) answer(d *display) error {
	d.remark(j.unlike...)
	if len(j.unlike) > 0 || j.expect == nil && j.opened == 0 {
		return errNo
	}
	return nil
}

// connectAll opens the connections, one after the other. What keeps this machine
// from one target concerns that target alone.
func (j *handshakeJob) connectAll(ctx context.Context, s *session) (err error) {
	ports := s.network.Ports()
	start, n := time.Now(), 0
	for pair := range j.set.Ordered() {
		for range j.options.Repeat {
			cfg := j.cfg
			cfg.Target, cfg.Port = pair, ports[n%len(ports)]
			n++
			before := len(j.errs)
			if err = j.connect(ctx, s, cfg); err != nil || j.shut(before) {
				break
			}
		}
		if err != nil {
			break
		}
	}
	err = cmp.Or(err, j.unreached.tell(s.display))
	j.summary.Took, j.summary.Complete = time.Since(start), err == nil
	return s.conclude(&j.summary, err)
}

// shut reports whether this machine refused to send the latest SYN for as long as a run waits for
// that to end; before is how many errors there were before it.
func (j *handshakeJob) shut(before int) bool {
	return slices.ContainsFunc(j.errs[before:], func(err error) bool { return errors.Is(err, probe.ErrNothingSent) })
}

// connect opens one connection. Data for fast open needs a cookie first, and
// that another connection.
func (j *handshakeJob) connect(ctx context.Context, s *session, cfg handshake.Config) error {
	if cfg.FastOpen && cfg.DataOn == handshake.OnSYN && len(cfg.Data) > 0 {
		first := cfg
		first.Data = nil
		r, err := j.single(ctx, s, first)
		if err != nil {
			return err
		}
		cfg.Cookie = r.Negotiated.Cookie
	}
	_, err := j.single(ctx, s, cfg)
	return err
}

func (j *handshakeJob) single(ctx context.Context, s *session, cfg handshake.Config) (handshake.Result, error) {
	var failed error
	host := cfg.Target.Addr()
	cfg.Known = j.known[host]
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cfg.OnSegment = func(l handshake.Line) {
		if err := s.Record(record.NewSegment(&l)); failed == nil && err != nil {
			failed = err
			stop() // nobody would be told what else happens
		}
	}
	r, err := handshake.Run(ctx, s.network, cfg)
	if failed != nil && errors.Is(err, probe.ErrInterrupted) {
		err = nil // by nobody
	}
	j.known[host] = cfg.Known.After(&r)
	j.count(&r)
	s.tap.verdict(&probe.Verdict{Target: cfg.Target, State: r.State, Reason: r.Reason})
	if recorded := s.Record(record.NewConnection(j.set.Word(cfg.Target), &r)); failed == nil {
		failed = recorded
	}
	if j.expect != nil && r.State != *j.expect {
		j.unlike = append(j.unlike, unexpected(cfg.Target, *j.expect, r.State, r.Reason))
	}
	if err == nil && tooShort(&cfg, &r) {
		s.remark(fmt.Sprintf("%s was watched for %v, too short to tell how patient it is: a SYN-ACK is retransmitted after 1 to 3 s for the first time", cfg.Target, cfg.Watch))
	}
	return r, errors.Join(j.unreached.take(err), failed)
}

// firstRepeat is until when a SYN-ACK has been retransmitted for the first time, if it
// is: after the initial RTO, 1 s (RFC 6298 §2.1), or 3 s in older stacks.
const firstRepeat = 3 * time.Second

// tooShort reports whether a peer was watched for less than it takes to see anything
// of what was withheld from it.
func tooShort(cfg *handshake.Config, r *handshake.Result) bool {
	return cfg.Withhold == handshake.WithholdSYNACKAck && cfg.Watch > 0 && cfg.Watch < firstRepeat &&
		r.State == probe.StateOpen && r.SYNACKRetransmits == 0
}

// unexpected says in one line what was expected of a target and what was found.
func unexpected(target netip.AddrPort, want, got probe.State, reason probe.Reason) string {
	return fmt.Sprintf("%s: expected %s, found %s (%s)", target, want, got, reason)
}

func (j *handshakeJob) count(r *handshake.Result) {
	j.summary.Add(&r.Traffic)
	if r.State == probe.StateOpen {
		j.opened++
	}
}

// dryRun prints the SYNs.
func (j *handshakeJob) dryRun(context.Context) error {
	for pair := range j.set.Ordered() {
		j.cfg.Target = pair
		syn, err := handshake.Preview(j.cfg, sourceFor(&j.probing, pair.Addr()))
		if err != nil {
			return usage(err)
		}
		if _, err := fmt.Fprintln(j.streams.Out, j.probing.withHeader(syn.String(), j.probing.ttl)); err != nil {
			return &exit{exitInterrupted, err}
		}
	}
	return nil
}

// sourceFor is the source of a dry run: what was asked for, else unspecified.
func sourceFor(p *probing, dst netip.Addr) netip.AddrPort {
	source := p.source
	if !source.IsValid() || source.Is4() != dst.Is4() {
		source = netip.IPv6Unspecified()
		if dst.Is4() {
			source = netip.IPv4Unspecified()
		}
	}
	return netip.AddrPortFrom(source, p.sourcePort)
}
