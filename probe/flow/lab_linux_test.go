package flow_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"synscope/internal/capture"
	"synscope/internal/lab"
	"synscope/probe"
	"synscope/probe/flow"
	"synscope/probe/handshake"
)

// Those of these tests that take long wait for networks, not for processors.
func TestMain(m *testing.M) {
	flag.Set("test.parallel", "8")
	os.Exit(lab.Main(m))
}

// tcpdumped captures with tcpdump what f does, and returns the file.
func tcpdumped(t *testing.T, f func(), args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "lab.pcap")
	lab.Capture(t, f, append([]string{"-n", "-U", "-B", "65536", "-Z", "root", "-w", file}, args...)...)
	return file
}

// visit sends size bytes to an echo service, reads them back, and closes.
func visit(addr netip.Addr, port uint16, size int) error {
	conn, err := net.DialTimeout("tcp", netip.AddrPortFrom(addr, port).String(), 4*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	go func() {
		conn.Write(make([]byte, size))
		conn.(*net.TCPConn).CloseWrite()
	}()
	n, err := io.Copy(io.Discard, conn)
	if err == nil && n != int64(size) {
		err = fmt.Errorf("%d of %d bytes came back", n, size)
	}
	return err
}

// makeTraffic makes connections of every outcome: open, refused, dropped, rejected,
// reset, over slow and lossy links, with IPv4 and IPv6.
func makeTraffic(l *lab.Lab) {
	var wg sync.WaitGroup
	both := func(host string, port uint16, size int) {
		for _, addr := range []netip.Addr{l.Host(host).Addr4(), l.Host(host).Addr6()} {
			wg.Go(func() { visit(addr, port, size) })
		}
	}
	for range 4 {
		both("web", 80, 200_000)
		both("web", 81, 0)
		both("slow", 80, 400_000)
		both("lossy", 80, 300_000)
		both("far", 8013, 0)
		both("reject", lab.RejectPort(1), 0)
		time.Sleep(50 * time.Millisecond)
	}
	both("fortress", 80, 0)
	wg.Wait()
}

// standardApart is the standard lab for a test that runs apart, since it captures on all
// interfaces; nil says that the test has run so, and must return.
func standardApart(t *testing.T) *lab.Lab {
	t.Helper()
	lab.Require(t)
	if !lab.Apart(t) {
		return nil
	}
	l, err := lab.New(lab.Standard(rand.Uint64(), t.Logf))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// TestAgainstTsharkInTheLab captures real connections in every form that
// tcpdump offers, and compares every packet with tshark's analysis.
func TestAgainstTsharkInTheLab(t *testing.T) {
	for name, form := range map[string][]string{
		"any":    {"-i", "any"},
		"cooked": {"-i", "any", "-y", "LINUX_SLL", "-s", "160"},
		"link":   {"-i", "lossy", "--nano"},
	} {
		t.Run(name, func(t *testing.T) {
			l := standardApart(t)
			if l == nil {
				return
			}
			if h := l.Host(form[1]); h != nil {
				form[1] = h.Interface()
			}
			path := tcpdumped(t, func() { makeTraffic(l) }, append(form, "tcp or icmp or icmp6")...)
			want := askTshark(t, path)
			g, counts := followFile(t, path)
			repeats, rtts := agree(t, g, want)
			t.Logf("%d attempts: %v; %d round trips; %+v", len(g.attempts), repeats, rtts, counts)
			if counts.Underway > 0 && counts.Underway > counts.Followed/50 {
				t.Errorf("%+v", counts)
			}
			if repeats[flow.Retransmission]+repeats[flow.FastRetransmission] == 0 {
				t.Error("nothing was retransmitted over a lossy link")
			}
			outcomes(t, l, g.attempts)
		})
	}
}

// outcomes checks that each attempt came to what the lab has it come to.
func outcomes(t *testing.T, l *lab.Lab, attempts []flow.Attempt) {
	t.Helper()
	for i := range attempts {
		a := &attempts[i]
		for _, h := range l.Hosts() {
			if h.Addr4() != a.Target.Addr() && h.Addr6() != a.Target.Addr() {
				continue
			}
			e := h.Expect(a.Target, "syn")
			if e.Certain && (a.State.String() != e.State || e.Reason != "" && string(a.Reason) != e.Reason) {
				t.Errorf("%v: %v (%v), want %v (%v)", a.Target, a.State, a.Reason, e.State, e.Reason)
			}
			if a.State == probe.StateOpen && a.View != flow.ViewClient && a.SYNToACK > 0 {
				t.Errorf("%v > %v: seen at %q", a.Source, a.Target, a.View)
			}
			if h.Name == "slow" && a.Attempts == 1 && a.RTT < 20*time.Millisecond {
				t.Errorf("%v > %v: RTT %v", a.Source, a.Target, a.RTT)
			}
			if h.Name == "web" && a.State == probe.StateOpen && a.Close != handshake.CloseFourWay && a.Close != handshake.CloseThreeWay {
				t.Errorf("%v > %v: closed %q", a.Source, a.Target, a.Close)
			}
		}
	}
}

// TestDamageInTheLab damages a capture of real connections.
func TestDamageInTheLab(t *testing.T) {
	l := standardApart(t)
	if l == nil {
		return
	}
	path := tcpdumped(t, func() { makeTraffic(l) }, "-i", "any", "--nano", "tcp or icmp or icmp6")
	packets := packetsOf(t, path)
	for e, packets := range eachConnection(packets, 40) {
		begunAnywhere(t, fmt.Sprint(e), packets)
	}
	damaged(t, damages, seedOf(t), packets, func(a *flow.Attempt) string {
		for _, h := range l.Hosts() {
			if h.Addr4() == a.Target.Addr() || h.Addr6() == a.Target.Addr() {
				return h.Name
			}
		}
		return "?"
	})
}

var packetsFlag = flag.Int("packets", 3000, "how many packets are damaged of a capture")

// packetsOf are the IP packets of a capture of the whole machine, each once.
func packetsOf(t *testing.T, path string) (list []stamped) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := capture.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var p capture.Packet
	for r.Next(&p) == nil {
		if ip, err := p.Strip(); err == nil {
			if len(list) == *packetsFlag {
				return list
			}
			list = append(list, stamped{p.Time, bytes.Clone(ip)})
		}
	}
	return list
}

var capturesFlag = flag.String("captures", "", "a pattern of capture files to damage, for TestDamageOfCaptures")

// TestDamageOfCaptures damages captures of anybody's, where some are named.
func TestDamageOfCaptures(t *testing.T) {
	files, err := filepath.Glob(*capturesFlag)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("name some: go test ./probe/flow -run TestDamageOfCaptures -args -captures='DIR/*.pcap'")
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			packets := packetsOf(t, path)
			if len(packets) == 0 {
				t.Skip("nothing in it")
			}
			damaged(t, damages, seedOf(t), packets, func(*flow.Attempt) string { return "" })
			combined(t, *combinedFlag, packets, func(*flow.Attempt) string { return "" })
			for e, packets := range eachConnection(packets, 100) {
				begunAnywhere(t, fmt.Sprint(e), packets)
			}
		})
	}
}
