package why

import "time"

// Experiment is an experiment as a record.
type Experiment struct {
	Name      string
	Varies    string
	Separates string
	Rounds    int // how often it may be made
	// Plan is the batch of the next round, given what is known; nil where it
	// would tell nothing.
	Plan func(k *Knowledge, round int) []Trial
}

// Cost is what a batch takes at most.
func Cost(batch []Trial, hops int) (packets int, took time.Duration) {
	for i := range batch {
		t := &batch[i]
		packets += t.Packets(hops)
		took = max(took, t.After+t.Pause+patience[t.Kind])
	}
	return packets, took
}

// patience is about how long each kind of trial takes where there is no answer.
var patience = [kinds]time.Duration{SYN: 1300 * time.Millisecond, ACK: time.Second, FIN: time.Second, Echo: time.Second,
	Connect: 2 * time.Second, Hold: 1200 * time.Millisecond, Large: 2 * time.Second, Idle: 1300 * time.Millisecond,
	DuplicateSYN: 1500 * time.Millisecond, Reuse: 1500 * time.Millisecond, Kernel: 2 * time.Second, Trace: 1500 * time.Millisecond, Local: 20 * time.Millisecond}

// Experiments are all experiments.
func Experiments() []Experiment {
	return []Experiment{
		{"local", "route, source, interface, neighbour, ports, connection tracking", "causes on this machine", 3, planLocal},
		{"names", "every address of the name", "a dead address of several, broken IPv6", 3, planNames},
		{"flows", "source ports, failing ones several times", "loss that sticks to a flow from loss that does not", 5, planFlows},
		{"pace", "bursts against single SYNs", "rate limits from loss", 4, planPace},
		{"options", "TCP options, ECN, type of service, TTL, timestamps", "what drops which SYN; PAWS", 3, planOptions},
		{"distance", "TTL, on failing and on passing flows", "where it dies and who answers in the host's name", 2, planDistance},
		{"neighbours", "other ports, ACK, FIN, echo", "port, host and path", 2, planNeighbours},
		{"handshake", "third ACK and bytes", "full accept queue, slow program, lossy connections", 3, planHandshake},
		{"hold", "connections kept open", "connection limits", 2, planHold},
		{"mtu", "segment size", "path MTU black hole", 2, planMTU},
		{"idle", "pauses of growing length", "idle timeouts in between", 1, planIdle},
		{"identity", "the same SYN twice", "SYN cookies and proxies", 2, planIdentity},
		{"reuse", "ports of a connection just closed", "TIME_WAIT and old connections", 2, planReuse},
		{"kernel", "this machine's own connect(2)", "answers that are dropped on this machine", 3, planKernel},
		{"time", "nothing, for a while", "what comes and goes", 3, planTime},
		{"again", "nothing: some SYNs once more, a little later", "a cause from something that began meanwhile", 1, planAgain},
		{"against", "the port that works", "this port from the way there", 1, planAgainst},
	}
}

const ms = time.Millisecond

// syns are SYNs of new flows, one every gap.
func (k *Knowledge) syns(n int, role Role, gap time.Duration) (list []Trial) {
	for i := range n {
		list = append(list, Trial{Kind: SYN, Role: role, Flow: k.newFlow(), After: time.Duration(i) * gap})
	}
	return list
}

// spread gives the trials of a batch times, one every gap, in their order.
func spread(list []Trial, gap time.Duration) []Trial {
	for i := range list {
		list[i].After = time.Duration(i) * gap
	}
	return list
}

func planLocal(k *Knowledge, round int) (list []Trial) {
	if round > 0 && k.count(func(t *Trial) bool { return t.Kind != Local }) == 0 {
		return nil
	}
	for f := range facts {
		counts := f == InterfaceDrops || f == ReversePathDrops || f == LateUnreachable
		if counts == (round == 0) && f != ConntrackFull {
			continue // what counts says something after packets only, the rest does not change
		}
		list = append(list, Trial{Kind: Local, Fact: f})
	}
	return list
}

func planNames(k *Knowledge, round int) (list []Trial) {
	if len(k.Addrs) < 2 {
		return nil
	}
	for range max(3, 12/len(k.Addrs)) {
		for a := range k.Addrs {
			list = append(list, Trial{Kind: SYN, Addr: a, Flow: k.newFlow()})
		}
	}
	return spread(list, 40*ms)
}

// planFlows: new flows first; then those that failed, three times each, as
// many that passed, and some new ones.
func planFlows(k *Knowledge, round int) (list []Trial) {
	if round == 0 {
		return k.syns(14, Target, 60*ms)
	}
	failing, passing := k.split()
	if len(failing) == 0 {
		if round > 1 {
			return nil
		}
		return k.syns(12, Target, 60*ms)
	}
	for range 3 {
		list = append(list, k.retries(failing, 4)...)
		list = append(list, k.retries(passing, 3)...)
	}
	return spread(append(list, k.syns(6, Target, 0)...), retryGap(len(list)/3))
}

// retryGap keeps retries of one flow further apart than the half second in
// which Linux retransmits a SYN-ACK only once (net.ipv4.tcp_invalid_ratelimit).
func retryGap(flows int) time.Duration {
	return min(max(60*ms, 620*ms/time.Duration(max(flows, 1))), 200*ms)
}

// retries are n SYNs of each of the last few of these flows.
func (k *Knowledge) retries(flows []flowFate, n int) (list []Trial) {
	for _, f := range flows[max(0, len(flows)-n):] {
		list = append(list, Trial{Kind: SYN, Addr: f.addr, Flow: f.flow})
	}
	return list
}

func planPace(k *Knowledge, round int) []Trial {
	if round > 0 && k.burstAgain() {
		round--
	}
	switch round {
	case 0:
		return k.syns(burst, Target, 3*ms)
	case 1:
		if !k.failed() {
			return nil
		}
		return k.syns(16, Target, 400*ms)
	}
	list := k.syns(20, Target, 25*ms)
	for i := range 10 {
		list = append(list, Trial{Kind: SYN, Role: Closed, Flow: k.newFlow(), After: time.Duration(i)*4*ms + 500*ms})
	}
	return list
}

// burst is how many SYNs leave at once.
const burst = 24

// burstAgain reports whether the first burst lost so few that only another one shows
// whether their number was the reason.
func (k *Knowledge) burstAgain() bool {
	fail, all := 0, 0
	k.each(func(t *Trial) bool { return t.Experiment == "pace" && all < burst }, func(t *Trial) {
		if all++; t.Outcome.fails() {
			fail++
		}
	})
	return fail > 0 && 3*fail < all
}

// arms are the looks of the first round. A newer timestamp is tried only where old
// ones fail: after it a host with PAWS might drop the SYNs of later connections.
var arms = []Look{Bare, MSSOnly, NoTimestamps, NoSACK, NoScale, OldTimestamp, ECN, AccECN, FastOpen, MPTCP, Unassigned, TOS, HighTTL}

// planOptions: all looks, the usual one interleaved; then once more those with other
// outcomes.
func planOptions(k *Knowledge, round int) (list []Trial) {
	if round == 0 {
		for i, l := range arms {
			if i%4 == 0 {
				list = append(list, Trial{Kind: SYN, Flow: k.newFlow()})
			}
			list = append(list, Trial{Kind: SYN, Look: l, Flow: k.newFlow()})
		}
		return spread(list, 40*ms)
	}
	odd := k.oddLooks()
	if len(odd) == 0 {
		return nil
	}
	for range 4 {
		for _, l := range append(odd, Usual, NoTimestamps) {
			list = append(list, Trial{Kind: SYN, Look: l, Flow: k.newFlow()})
		}
	}
	if round > 0 && k.fails(OldTimestamp) {
		for range 3 {
			list = append(list, Trial{Kind: SYN, Look: NewTimestamp, Flow: k.newFlow()})
		}
	}
	return spread(list, 40*ms)
}

// fails reports whether most SYNs of a look failed.
func (k *Knowledge) fails(l Look) bool {
	fail, all := k.lookFate(l)
	return 2*fail > all
}

func (k *Knowledge) lookFate(l Look) (fail, all int) {
	k.each(isKind(SYN, Target), func(t *Trial) {
		if t.Look == l {
			all++
			if t.Outcome.fails() {
				fail++
			}
		}
	})
	return fail, all
}

// oddLooks are up to five looks that failed, if others passed; or the bare ones
// that passed if the usual failed.
func (k *Knowledge) oddLooks() (list []Look) {
	usual := k.fails(Usual)
	for _, l := range arms {
		if _, all := k.lookFate(l); all > 0 && k.fails(l) != usual && len(list) < 5 {
			list = append(list, l)
		}
	}
	return list
}

// planDistance: traces of a failing and a passing flow, and to a port nobody serves.
func planDistance(k *Knowledge, round int) (list []Trial) {
	failing, passing := k.split()
	if l, ok := k.failingLook(); ok && len(failing) == 0 {
		list = append(list, Trial{Kind: Trace, Flow: k.newFlow(), Look: l})
	}
	if len(failing) > 0 {
		list = append(list, Trial{Kind: Trace, Flow: failing[(round)%len(failing)].flow, Addr: failing[0].addr})
	}
	if len(passing) > 0 {
		list = append(list, Trial{Kind: Trace, Flow: passing[(round)%len(passing)].flow, Addr: passing[0].addr})
	}
	if _, known := k.hostDistance(&Trial{Kind: SYN, Role: Target, Outcome: SYNACK}); !known || len(passing) == 0 {
		list = append(list, Trial{Kind: Trace, Role: Closed, Flow: k.newFlow()})
	}
	return spread(list, 60*ms)
}

func (k *Knowledge) failingLook() (Look, bool) {
	for _, l := range arms {
		if fail, all := k.lookFate(l); all > 1 && fail == all {
			return l, true
		}
	}
	return Usual, false
}

func planNeighbours(k *Knowledge, round int) (list []Trial) {
	if round > 0 {
		for range 12 {
			list = append(list, Trial{Kind: SYN, Role: Closed, Flow: k.newFlow()})
		}
		return spread(list, 60*ms)
	}
	for i := range 4 {
		list = append(list,
			Trial{Kind: SYN, Role: Closed, Port: i % 2, Flow: k.newFlow()},
			Trial{Kind: ACK, Flow: k.newFlow()})
		if i < 3 {
			list = append(list, Trial{Kind: FIN, Flow: k.newFlow()}, Trial{Kind: Echo, Flow: k.newFlow()})
		}
	}
	for i := range 3 {
		list = append(list, Trial{Kind: SYN, Role: Served, Port: i, Flow: k.newFlow()})
	}
	return spread(list, 40*ms)
}

func planHandshake(k *Knowledge, round int) (list []Trial) {
	if !k.answers() {
		return nil
	}
	for range 6 {
		list = append(list, Trial{Kind: Connect, Flow: k.newFlow(), Pause: withheld})
	}
	return spread(list, 20*ms)
}

// withheld is how long third ACKs are withheld in a batch: long enough that a few
// connections are half open at any time, so that when the accept queue is full some
// third ACKs meet it, short enough that a small half-open queue has room for them.
const withheld = 60 * ms

// answers reports whether any SYN to the target was answered by a SYN-ACK, so that
// connections can be tried.
func (k *Knowledge) answers() bool {
	return k.count(func(t *Trial) bool { return t.opens(Target) && t.Outcome.answered() }) > 0
}

func planHold(k *Knowledge, round int) (list []Trial) {
	if !k.answers() {
		return nil
	}
	for range 17 {
		list = append(list, Trial{Kind: Hold, Flow: k.newFlow(), Pause: withheld})
	}
	return spread(list, 15*ms)
}

func planMTU(k *Knowledge, round int) (list []Trial) {
	if !k.answers() {
		return nil
	}
	for range 2 {
		list = append(list, Trial{Kind: Large, Flow: k.newFlow()})
	}
	return spread(append(list, Trial{Kind: Connect, Sends: Request, Flow: k.newFlow()}), 30*ms)
}

// pauses of planIdle.
var pauses = []time.Duration{500 * ms, time.Second, 2 * time.Second, 4 * time.Second, 7 * time.Second}

func planIdle(k *Knowledge, round int) (list []Trial) {
	if !k.answers() {
		return nil
	}
	for _, p := range pauses {
		list = append(list, Trial{Kind: Idle, Pause: p, Flow: k.newFlow()})
	}
	for i := range list {
		list[i].After = time.Duration(i) * 20 * ms
	}
	return append(list, k.controls(pauses...)...)
}

// controls are usual SYNs at the times of special ones: they show whether these fail
// because they are special, or because of the time.
func (k *Knowledge) controls(at ...time.Duration) (list []Trial) {
	for _, d := range at {
		list = append(list, Trial{Kind: SYN, Flow: k.newFlow(), After: d})
	}
	return list
}

func planIdentity(k *Knowledge, round int) (list []Trial) {
	if !k.answers() {
		return nil
	}
	return spread([]Trial{{Kind: DuplicateSYN, Flow: k.newFlow()}, {Kind: DuplicateSYN, Flow: k.newFlow()}}, 80*ms)
}

func planReuse(k *Knowledge, round int) (list []Trial) {
	if !k.answers() {
		return nil
	}
	list = spread([]Trial{{Kind: Reuse, Flow: k.newFlow()}, {Kind: Reuse, Flow: k.newFlow()}}, 50*ms)
	return append(list, k.controls(300*ms, 600*ms)...)
}

func planKernel(k *Knowledge, round int) []Trial {
	return []Trial{{Kind: Kernel, Flow: k.newFlow()}}
}

// planTime watches for some seconds, if anything failed at all.
func planTime(k *Knowledge, round int) []Trial {
	failing, _ := k.split()
	if len(failing) == 0 && round > 0 {
		return nil
	}
	return k.syns(24, Target, 170*ms)
}

// planAgain repeats usual SYNs before a cause is taken for sure, where anything was ever
// answered, even by a router that cannot reach the host: the failures may have passed.
func planAgain(k *Knowledge, round int) (list []Trial) {
	if !k.answers() && k.outcome(HostUnreachable)+k.outcome(NoWay)+k.outcome(Expired) == 0 {
		return nil
	}
	list = k.syns(6, Target, 130*ms)
	for i := range list {
		list[i].After += 400 * ms
	}
	return list
}

func planAgainst(k *Knowledge, round int) []Trial {
	if !k.Against {
		return nil
	}
	return k.syns(10, Against, 60*ms)
}
