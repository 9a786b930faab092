package probe

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"synscope/netraw"
)

// connectParallel is how many connections are tried at once.
const connectParallel = 256

// ConnectScan probes every target by connect(2): no privilege is needed, the
// far end sees whole connections, and the kernel retransmits as it likes within
// Timeout × (Retries + 1). Technique, Profile, TTL, TOS, Key and Canaries of
// the configuration do not apply. It returns as [Scan] does.
func ConnectScan(ctx context.Context, d Dialer, cfg ScanConfig, sink Sink) (Summary, error) {
	if cfg.Targets == nil {
		return Summary{}, errors.New("scan: no targets")
	}
	cfg.setDefaults()
	c := &connectScan{cfg: &cfg, dialer: d, sink: sink, start: time.Now(), counters: newCounters(netraw.Stats{})}
	err := c.run(ctx)
	return c.summary(err == nil), err
}

type connectScan struct {
	cfg      *ScanConfig
	dialer   Dialer
	sink     Sink
	start    time.Time
	counters counters
}

// run lets the workers dial while this goroutine alone counts and reports.
func (c *connectScan) run(ctx context.Context) error {
	dialing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	targets, results := make(chan netip.AddrPort), make(chan Verdict)
	go c.feed(ctx, dialing, targets)
	go func() {
		c.work(dialing, targets, results)
		close(results)
	}()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var failure error
	for {
		select {
		case v, more := <-results:
			if !more {
				return errorOr(failure, interruption(ctx))
			}
			if failure == nil {
				failure = c.deliver(v)
			}
			if failure != nil {
				stop()
			}
		case <-look.C:
			c.progress()
		}
	}
}

// feed paces the targets out until they end or one of the contexts does.
func (c *connectScan) feed(ctx, dialing context.Context, targets chan<- netip.AddrPort) {
	defer close(targets)
	pace := newPace(c.cfg.Rate)
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for target := range c.cfg.Targets {
		for pace.allowance(time.Since(c.start), 1) == 0 {
			alarm.Reset(pace.due - time.Since(c.start))
			select {
			case <-alarm.C:
			case <-ctx.Done():
				return
			}
		}
		pace.spend(1)
		select {
		case targets <- target:
		case <-ctx.Done():
			return
		case <-dialing.Done():
			return
		}
	}
}

// work dials with as many goroutines as allowed and returns when all is done.
func (c *connectScan) work(ctx context.Context, targets <-chan netip.AddrPort, results chan<- Verdict) {
	var workers sync.WaitGroup
	for range connectParallel {
		workers.Go(func() {
			for target := range targets {
				results <- c.dial(ctx, target)
			}
		})
	}
	workers.Wait()
}

func (c *connectScan) dial(ctx context.Context, target netip.AddrPort) Verdict {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout*time.Duration(c.cfg.Retries+1))
	defer cancel()
	h, err := c.dialer.Dial(ctx, target)
	v := judgeConnect(target, err)
	v.Attempts = 1 + h.Retransmits
	v.RTT, v.Clock = h.RTT, h.Clock
	return v
}

// errnoVerdicts is what connect(2) and tcp(7) say of the far end. EACCES and
// EPERM come from a firewall of this machine, or with EACCES over IPv6 from an
// ICMPv6 "administratively prohibited".
var errnoVerdicts = []struct {
	err    error
	state  State
	reason Reason
}{
	{syscall.ECONNREFUSED, StateRefused, ReasonConnRefused},
	{syscall.ECONNRESET, StateRefused, ReasonConnRefused},
	{syscall.EHOSTUNREACH, StateFiltered, "host-unreachable"},
	{syscall.ENETUNREACH, StateFiltered, "net-unreachable"},
	{syscall.ENOPROTOOPT, StateFiltered, "proto-unreachable"},
	{syscall.EPERM, StateFiltered, ReasonLocalFirewall},
	{syscall.EACCES, StateFiltered, "prohibited"},
	{syscall.ETIMEDOUT, StateFiltered, ReasonNoResponse},
	{os.ErrDeadlineExceeded, StateFiltered, ReasonNoResponse},
	{context.DeadlineExceeded, StateFiltered, ReasonNoResponse},
	{context.Canceled, StateUnknown, ReasonInterrupted},
}

// judgeConnect is the verdict on a target from the error of a connect.
func judgeConnect(target netip.AddrPort, err error) Verdict {
	if err == nil {
		return Verdict{Target: target, State: StateOpen, Reason: ReasonConnected}
	}
	for _, known := range errnoVerdicts {
		if errors.Is(err, known.err) {
			if known.reason == ReasonLocalFirewall {
				return unsendable(target, err)
			}
			return Verdict{Target: target, State: known.state, Reason: known.reason}
		}
	}
	return Verdict{Target: target, Reason: ReasonSendFailed, Err: err}
}

func (c *connectScan) deliver(v Verdict) error {
	c.counters.Probes++
	c.counters.States[v.State]++
	c.counters.Sent += uint64(v.Attempts)
	c.counters.Retransmitted += uint64(v.Attempts - 1)
	if v.Reason == ReasonSendFailed {
		c.counters.SendErrors++
	}
	return c.sink.Port(v)
}

func (c *connectScan) progress() {
	if c.cfg.OnProgress == nil {
		return
	}
	elapsed := time.Since(c.start)
	done, total := c.counters.Probes, c.cfg.Total
	c.cfg.OnProgress(Progress{
		Done: done, Total: total, Sent: c.counters.Sent,
		RateAsked: c.cfg.Rate, RateAchieved: perSecond(done, elapsed),
		Elapsed: elapsed, Left: timeLeft(elapsed, done, total),
	})
}

func (c *connectScan) summary(complete bool) Summary {
	s := c.counters.Summary
	s.Took = time.Since(c.start)
	s.Rate = perSecond(s.Sent, s.Took)
	s.Complete = complete
	return s
}

func interruption(ctx context.Context) error {
	if ctx.Err() != nil {
		return ErrInterrupted
	}
	return nil
}
