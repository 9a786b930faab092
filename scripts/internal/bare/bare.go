//go:build linux

// Package bare is what a scan cannot go below: a loop that sends one SYN to each of many
// ports by sendmmsg(2) on a packet socket, the cheapest way that user space has, and takes in
// answers from memory that the kernel shares, without looking at them. It remembers nothing,
// repeats nothing, closes nothing and prints nothing.
package bare

import (
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/netraw"
)

// Plan is what is sent.
type Plan struct {
	Hosts   []netip.Addr // IPv4
	Ports   int          // of each host, from 1 on
	Passes  int          // how often; 0: once
	Rate    float64      // packets a second; 0: no bound
	Answers bool         // are taken in too, until none has come for a tenth of a second
}

// Cost is what it took.
type Cost struct {
	Wall     time.Duration // without the wait for what did not come
	CPU      time.Duration // of the calling thread, user and system
	Sent     int
	Received int
}

// last is how long answers are waited for when none comes.
const last = 100 * time.Millisecond

// Run sends a plan. What the process does in other threads meanwhile does not count, but for packets of theirs
// that the kernel handles in this thread's time.
func Run(p Plan) (c Cost, err error) {
	conn, err := netraw.Open(&netraw.Config{SharedFrames: true})
	if err != nil {
		return c, err
	}
	defer conn.Close()
	ways, err := waysTo(conn, p.Hosts)
	if err != nil {
		return c, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return c, err
	}
	defer unix.Close(fd)
	l := loop{plan: p, conn: conn, out: batch{fd: fd, port: conn.Ports()[0]}, packets: make([]netraw.Packet, most)}
	if l.out.template, err = template(); err != nil {
		return c, err
	}
	if !p.Answers { // they would fill the frames
		conn.Close()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = l.run(ways)
	return l.cost, err
}

func template() (*craft.Template, error) {
	none := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	return craft.NewTemplate(craft.Profiles()[0].SYN(none, none, 0, 0, 0))
}

// loop is a run under way.
type loop struct {
	plan    Plan
	conn    *netraw.Conn
	out     batch
	packets []netraw.Packet
	began   time.Time
	latest  time.Time // when something was sent, or came
	cost    Cost
}

func (l *loop) run(ways []way) error {
	before := threadTime()
	l.began = time.Now()
	for range max(l.plan.Passes, 1) {
		if err := l.pass(ways); err != nil {
			return err
		}
	}
	if err := l.flush(); err != nil {
		return err
	}
	l.takeLast()
	l.cost.Wall, l.cost.CPU = l.latest.Sub(l.began), threadTime()-before
	return nil
}

func (l *loop) pass(ways []way) error {
	for port := 1; port <= l.plan.Ports; port++ {
		for i := range ways {
			if l.out.add(&ways[i], uint16(port)); l.out.n < l.atOnce() {
				continue
			}
			if err := l.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// atOnce is how many leave by one call: a millisecond's worth of a rate at most.
func (l *loop) atOnce() int {
	if l.plan.Rate == 0 {
		return most
	}
	return min(max(int(l.plan.Rate/1000), 1), most)
}

func (l *loop) flush() error {
	if l.plan.Rate > 0 {
		due := time.Duration(float64(l.cost.Sent) / l.plan.Rate * float64(time.Second))
		if wait := due - time.Since(l.began); wait > 0 {
			pause := unix.NsecToTimespec(int64(wait))
			unix.Nanosleep(&pause, nil)
		}
	}
	l.cost.Sent += l.out.n
	err := l.out.flush()
	l.latest = time.Now()
	if err != nil || !l.plan.Answers {
		return err
	}
	return l.take()
}

// take takes in what has come.
func (l *loop) take() error {
	for {
		n, err := l.conn.Poll(l.packets)
		if l.cost.Received += n; n == 0 || err != nil {
			return err
		}
		l.latest = time.Now()
	}
}

// takeLast takes in what comes when all is sent.
func (l *loop) takeLast() {
	for l.plan.Answers && time.Since(l.latest) < last && l.cost.Received < l.cost.Sent {
		l.conn.Await(last, 0)
		if l.take() != nil {
			return
		}
	}
}

func threadTime() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_THREAD, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
