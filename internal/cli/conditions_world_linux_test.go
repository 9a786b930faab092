package cli

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/internal/lab"
)

// builtPath names the program to the tests that run apart, which need not build it.
const builtPath = "SYNSCOPE_TEST_BUILT"

// builtHere is the directory that this process has made for the program, if it has.
var builtHere string

// built is the program itself, made once. TestMain removes it.
var built = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(builtPath); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "synscope-test")
	if err != nil {
		return "", err
	}
	builtHere = dir
	path := filepath.Join(dir, "synscope")
	if out, err := exec.Command("go", "build", "-o", path, "synscope").CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return path, os.Setenv(builtPath, path)
})

// apartWithProgram is [lab.Apart] for a test that runs the program itself.
func apartWithProgram(t *testing.T, more ...uintptr) bool {
	t.Helper()
	if _, err := built(); err != nil {
		t.Fatal(err)
	}
	return lab.Apart(t, more...)
}

// running is the program at work in a process of its own.
type running struct {
	*exec.Cmd
	out, errs soFar
}

// soFar is what the program has written so far.
type soFar struct {
	mu   sync.Mutex
	text bytes.Buffer // a field with a name: its ReadFrom would pass by the lock
}

func (w *soFar) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *soFar) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// runBy is whose rights a program has.
type runBy uint8

const (
	asRoot runBy = iota
	asUser       // without any capability
)

// start starts the program in the network of the test's process.
func start(t *testing.T, by runBy, prepare func(*exec.Cmd), args ...string) *running {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Cmd: exec.Command(path, args...)}
	r.Stdout, r.Stderr = &r.out, &r.errs
	if prepare != nil {
		prepare(r.Cmd)
	}
	if f, ok := r.Stdout.(*os.File); ok {
		defer f.Close()
	}
	begin := r.Start
	if by == asUser {
		begin = func() error { return withoutCapabilities(r.Start) }
	}
	if err := begin(); err != nil {
		t.Fatal(err)
	}
	return r
}

// end waits for the program's end, which must come within a minute.
func (r *running) end(t *testing.T) ran {
	t.Helper()
	late := time.AfterFunc(time.Minute, func() { r.Process.Signal(syscall.SIGQUIT) })
	defer late.Stop()
	r.Wait()
	return ran{r.ProcessState.ExitCode(), r.out.String(), r.errs.String()}
}

// withoutCapabilities starts a process with root's identity and none of its
// rights: its thread gives them up, also for what it executes, and is not used
// again.
func withoutCapabilities(start func() error) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
			unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		}
		failed <- start()
	}()
	return <-failed
}

// conditionWorld is the network of the table: one host that answers, and what
// is broken is the prober's own.
type conditionWorld struct {
	*lab.Lab
	full string // a directory without room
	seen departures
	runs atomic.Uint32 // that nextSilent has given ports to
}

// Silent ports of the host, of which each run that is interrupted has some to itself:
// what comes to them is dropped.
const (
	silentFirst = 2000
	silentPorts = 200 // of one run
	silentRuns  = 40  // at most
)

// nextSilent is the first of the silent ports of a run.
func (w *conditionWorld) nextSilent() netip.AddrPort {
	return w.web(silentFirst + silentPorts*uint16(w.runs.Add(1)-1))
}

// departures are the ports to which SYNs have left, and the connections that are half open since a
// SYN-ACK has come.
type departures struct {
	mu    sync.Mutex
	ports map[uint16]bool
	open  map[ends]halfOpened
	left  []string // by the program: this machine's own kernel closed them
	runs  []string // that are under way
}

// halfOpened is a connection for which so many SYN-ACKs came, and the runs that were under way at the first.
type halfOpened struct {
	answers int
	during  []string
}

// begins takes note of a run until its end.
func (d *departures) begins(run string) (ends func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.runs = append(d.runs, run)
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.runs = slices.DeleteFunc(d.runs, func(r string) bool { return r == run })
	}
}

// ends are both ends of a connection, ours first.
type ends struct{ here, there netip.AddrPort }

// note takes in a segment. An RST without an identification is the kernel's, to a SYN-ACK that came after the process
// of its port had ended; those of the program have one, by chance of one in 65,536 zero. A SYN-ACK that had to come again
// was left half open; one that was under way when the process ended was not.
// What answers a SYN of number 0 is to send, which leaves what it has stirred up.
func (d *departures) note(s *craft.Segment) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := ends{s.Src, s.Dst}
	switch {
	case s.Flags.Has(craft.SYN | craft.ACK):
		if s.Ack != 1 {
			x := d.open[ends{s.Dst, s.Src}]
			if x.answers++; x.answers == 1 {
				x.during = slices.Clone(d.runs)
			}
			d.open[ends{s.Dst, s.Src}] = x
		}
	case s.Flags.Has(craft.SYN):
		d.ports[s.Dst.Port()] = true
	case d.open[f].answers > 0:
		if x := d.open[f]; s.Flags == craft.RST && s.ID == 0 && x.answers > 1 {
			d.left = append(d.left, fmt.Sprintf("%v to %v, %d SYN-ACKs, the first one during %q", f.here, f.there, x.answers, x.during))
		}
		delete(d.open, f)
	}
}

// halfOpen are the connections that the program has left half open, and those that are.
func (d *departures) halfOpen() (left []string, open int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.left), len(d.open)
}

// any reports whether one has left to a run's ports.
func (d *departures) any(run netip.AddrPort) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range uint16(silentPorts) {
		if d.ports[run.Port()+p] {
			return true
		}
	}
	return false
}

// everyProtocol is ETH_P_ALL in network byte order, as packet(7) wants it.
var everyProtocol = int(binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL)))

// watch sees every packet of the namespace until the test ends.
func (d *departures) watch(t *testing.T) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, everyProtocol)
	if err != nil {
		t.Fatal(err)
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<24)
	d.ports, d.open = map[uint16]bool{}, map[ends]halfOpened{}
	f := os.NewFile(uintptr(fd), "packets")
	t.Cleanup(func() { f.Close() })
	go func() {
		var p craft.Packet
		for buf := make([]byte, 1<<16); ; {
			n, err := f.Read(buf)
			if err != nil {
				return
			}
			if p.Decode(buf[:n], craft.TrustChecksums) == nil && p.Kind == craft.PacketTCP {
				d.note(&p.Segment)
			}
		}
	}()
}

const (
	conditionOpen, conditionRefused, conditionSilent, conditionForbidden, conditionReset, conditionRejected = 80, 81, 90, 91, 92, 93
)

func newConditionWorld(t *testing.T) *conditionWorld {
	t.Helper()
	silent := []lab.Rule{
		{Ports: lab.Port(conditionSilent), Do: lab.Drop},
		{Ports: lab.PortRange{First: silentFirst, Last: silentFirst + silentPorts*silentRuns - 1}, Do: lab.Drop},
	}
	http := []lab.Service{{Ports: []uint16{conditionOpen, conditionForbidden}, Manner: lab.Discard}}
	l, err := lab.New(lab.Spec{Hosts: []lab.HostSpec{
		{Name: "web", Services: http, Rules: silent},
		{Name: "lowered", Services: http},
		{Name: "unplugged", Services: http},
		{Name: "narrow", Services: http},
		{Name: "tight", Services: http},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	w := &conditionWorld{Lab: l}
	w.seen.watch(t)
	remove, err := lab.RestrictOutput(
		lab.Rule{Ports: lab.Port(conditionForbidden), Do: lab.Drop},
		lab.Rule{Ports: lab.Port(conditionReset), Do: lab.Reset},
		lab.Rule{Ports: lab.Port(conditionRejected), Family: lab.IPv4, Do: lab.Reject, Code: 3},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove() })
	w.warm(t)
	w.lower(t)
	w.unplug(t)
	w.mislead(t)
	w.shape(t, "tight", &netlink.Tbf{Rate: 1 << 20, Buffer: ticks(1<<20, 60), Limit: 1 << 16})
	w.shape(t, "narrow", &netlink.Tbf{Rate: 4000, Buffer: ticks(4000, 1514), Limit: 200})
	w.fill(t)
	return w
}

// ticks is a bucket's depth as the kernel wants it: the time to send so many
// bytes, in units of 64 ns (include/net/pkt_sched.h, PSCHED_SHIFT).
func ticks(rate uint64, bytes uint32) uint32 { return uint32(uint64(bytes) * (1e9 >> 6) / rate) }

// warm lets the kernel find the hosts' link addresses: what waits for one counts as
// sent, whatever becomes of it.
func (w *conditionWorld) warm(t *testing.T) {
	for _, h := range w.Hosts() {
		if c, err := net.Dial("tcp", netip.AddrPortFrom(h.Addr4(), conditionOpen).String()); err != nil {
			t.Fatal(err)
		} else {
			c.Close()
		}
	}
}

func (w *conditionWorld) lower(t *testing.T) {
	link, err := netlink.LinkByName(w.Host("lowered").Interface())
	if err == nil {
		err = netlink.LinkSetDown(link)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// unplug takes the far end of a link down, and with it the carrier of ours.
func (w *conditionWorld) unplug(t *testing.T) {
	err := w.Host("unplugged").Do(func() error {
		links, err := netlink.LinkList()
		for _, l := range links {
			err = errors.Join(err, netlink.LinkSetDown(l))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// mislead adds a route by a next hop that nobody has, and a network whose broadcast
// address is known.
func (w *conditionWorld) mislead(t *testing.T) {
	link, err := netlink.LinkByName(w.Host("web").Interface())
	if err != nil {
		t.Fatal(err)
	}
	network, _ := netlink.ParseIPNet("203.0.114.0/24")
	addr, _ := netlink.ParseAddr("203.0.115.1/24")
	route := &netlink.Route{Dst: network, Gw: w.Host("web").Absent4().AsSlice(), LinkIndex: link.Attrs().Index}
	if err := errors.Join(netlink.RouteAdd(route), netlink.AddrAdd(link, addr)); err != nil {
		t.Fatal(err)
	}
}

// shape puts a token bucket before an interface. What does not fit the bucket
// the kernel refuses with ENOBUFS.
func (w *conditionWorld) shape(t *testing.T, host string, q *netlink.Tbf) {
	link, err := netlink.LinkByName(w.Host(host).Interface())
	if err != nil {
		t.Fatal(err)
	}
	q.QdiscAttrs = netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT}
	if err := netlink.QdiscReplace(q); err != nil {
		lab.Forgo(t, err)
	}
	fixNeighbours(t, link)
}

// fixNeighbours has the kernel know for good whom it knows on a link: what it asks anew finds the queue full, too, and what
// waits for the answer counts as sent.
func fixNeighbours(t *testing.T, link netlink.Link) {
	known, err := netlink.NeighList(link.Attrs().Index, netlink.FAMILY_V4)
	for i := range known {
		known[i].State = netlink.NUD_PERMANENT
		err = errors.Join(err, netlink.NeighSet(&known[i]))
	}
	if err != nil || len(known) == 0 {
		t.Fatal(len(known), err)
	}
}

// fill makes a file system on which nothing has room.
func (w *conditionWorld) fill(t *testing.T) {
	w.full = t.TempDir()
	if err := unix.Mount("none", w.full, "tmpfs", 0, "size=4096"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(w.full, unix.MNT_DETACH) })
	writeFile(t, filepath.Join(w.full, "all"), make([]byte, 4096), 0o600)
}

func (w *conditionWorld) web(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(w.Host("web").Addr4(), port)
}

// A connection that only the kernel closes is told of, and no other.
func TestDeparturesTellWhatIsLeft(t *testing.T) {
	here, there := netip.MustParseAddrPort("10.0.4.1:50000"), netip.MustParseAddrPort("10.0.4.2:80")
	for _, tc := range []struct {
		name       string
		ack        craft.Seq
		synacks    int
		closing    []craft.Segment
		left, open int
	}{
		{"nobody", 5, 1, nil, 0, 1},
		{"the program's RST", 5, 1, []craft.Segment{{Flags: craft.RST, ID: 7}, {Flags: craft.RST}}, 0, 0},
		{"an ACK", 5, 1, []craft.Segment{{Flags: craft.ACK}, {Flags: craft.RST}}, 0, 0},
		{"the kernel's RST, when it came again", 5, 2, []craft.Segment{{Flags: craft.RST}}, 1, 0},
		{"the kernel's RST, after the process", 5, 1, []craft.Segment{{Flags: craft.RST}}, 0, 0},
		{"nobody, after send", 1, 2, []craft.Segment{{Flags: craft.RST}}, 0, 0},
	} {
		d := departures{ports: map[uint16]bool{}, open: map[ends]halfOpened{}}
		d.note(&craft.Segment{Src: here, Dst: there, Flags: craft.SYN, Seq: tc.ack - 1})
		for range tc.synacks {
			d.note(&craft.Segment{Src: there, Dst: here, Flags: craft.SYN | craft.ACK, Ack: tc.ack})
		}
		for _, s := range tc.closing {
			s.Src, s.Dst = here, there
			d.note(&s)
		}
		if left, open := d.halfOpen(); len(left) != tc.left || open != tc.open || !d.ports[80] {
			t.Errorf("%s: %d left, %d open", tc.name, len(left), open)
		}
	}
}
