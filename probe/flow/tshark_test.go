package flow_test

import (
	"bufio"
	"bytes"
	"flag"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/flow"
)

// theirs is what tshark says of one packet.
type theirs struct {
	repeat flow.Repeat
	flags  craft.Flags
	rtt    time.Duration // of the packet's connection, from SYN to ACK; 0 unknown
	stream string
}

var tsharkFields = []string{
	"frame.number", "tcp.flags", "tcp.stream", "tcp.analysis.initial_rtt",
	"tcp.analysis.retransmission", "tcp.analysis.fast_retransmission", "tcp.analysis.spurious_retransmission",
	"tcp.analysis.out_of_order", "tcp.analysis.keep_alive", "tcp.analysis.zero_window_probe",
}

// askTshark analyses a capture with tshark, or skips the test.
func askTshark(t *testing.T, path string) map[uint64]theirs {
	t.Helper()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	args := []string{"-n", "-r", path, "-Y", "tcp && !icmp && !icmpv6", "-T", "fields", "-E", "separator=|"}
	for _, f := range tsharkFields {
		args = append(args, "-e", f)
	}
	out, err := exec.Command(tshark, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[uint64]theirs{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		number, one := parseTshark(t, lines.Text())
		all[number] = one
	}
	return all
}

func parseTshark(t *testing.T, line string) (number uint64, one theirs) {
	t.Helper()
	f := strings.Split(line, "|")
	if len(f) != len(tsharkFields) {
		t.Fatalf("tshark says %q", line)
	}
	number, err := strconv.ParseUint(f[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	flags, err := strconv.ParseUint(f[1], 0, 16)
	if err != nil {
		t.Fatal(err)
	}
	one.flags, one.stream = craft.Flags(flags), f[2]
	if f[3] != "" {
		seconds, err := time.ParseDuration(f[3] + "s")
		if err != nil {
			t.Fatal(err)
		}
		one.rtt = seconds
	}
	for i, r := range []flow.Repeat{
		flow.Retransmission, flow.FastRetransmission, flow.SpuriousRetransmission,
		flow.OutOfOrder, flow.KeepAlive, flow.WindowProbe,
	} {
		if f[4+i] != "" {
			one.repeat = r // the later ones are more special
		}
	}
	return number, one
}

// agree compares what we say of each packet, and of each connection's round
// trips, with what tshark says. It returns how many packets were repeats, and
// how many round trips were compared.
func agree(t *testing.T, g *gathered, want map[uint64]theirs) (repeats map[flow.Repeat]int, rtts int) {
	t.Helper()
	repeats = map[flow.Repeat]int{}
	compared := map[uint64]bool{}
	irtt := map[uint64]time.Duration{}
	wrong := 0
	for _, s := range g.segments {
		if s.Segment == nil || s.Duplicate {
			continue
		}
		w, ok := want[s.Packet]
		if !ok || w.flags != s.Segment.Flags || w.repeat != s.Repeat {
			if wrong++; wrong <= 10 {
				t.Errorf("packet %d, stream %s, %v: %v, tshark: %v, flags %v", s.Packet, w.stream, s.Segment, s.Repeat, w.repeat, w.flags)
			}
		}
		repeats[s.Repeat]++
		compared[s.Attempt] = true
		if w.rtt > 0 {
			irtt[s.Attempt] = w.rtt
		}
	}
	for _, a := range g.attempts {
		want, ours := irtt[a.Number], a.SYNToACK
		if a.State == probe.StateRefused {
			ours = a.RTT // tshark takes the RST for the end of a handshake
		}
		if a.Attempts != 1 || want == 0 && ours == 0 || want >= time.Second && ours == 0 {
			continue // after a second another SYN may have been missed, which tshark does not think of
		}
		if ours == 0 && want >= time.Second {
			continue // as long as a retransmission takes that was lost before it was captured: we do not say
		}
		if d := ours - want; d.Abs() >= time.Microsecond {
			t.Errorf("attempt %d, %v > %v: %v, tshark: %v", a.Number, a.Source, a.Target, ours, want)
		}
		rtts++
	}
	if wrong > 10 {
		t.Errorf("%d packets in disagreement", wrong)
	}
	return repeats, rtts
}

var seedFlag = flag.Uint64("seed", 0, "of made-up captures; 0 chooses one")

// seedOf is the seed of a test's chance, logged to run it again.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: go test -args -seed=%d", seed, seed)
	return seed
}

// TestAgainstTsharkOnChaos compares hundreds of connections in which anything
// happens.
func TestAgainstTsharkOnChaos(t *testing.T) {
	t.Parallel()
	seed := seedOf(t)
	var talks []*talk
	rng := rand.New(rand.NewPCG(seed, 1))
	for n := range 400 {
		talks = append(talks, chaos(t, rng, n))
	}
	packets := merged(talks...)
	want := askTshark(t, onDisk(t, pcapFile(packets)))
	g, counts := followPackets(t, packets)
	repeats, rtts := agree(t, g, want)
	t.Logf("%d packets: %v; %d round trips; %+v", len(packets), repeats, rtts, counts)
	for r := flow.Fresh; r <= flow.KeepAlive; r++ {
		if repeats[r] == 0 {
			t.Errorf("nothing was %q: the test has lost its sense", r)
		}
	}
	if rtts != len(talks) {
		t.Errorf("%d of %d round trips were compared", rtts, len(talks))
	}
}
