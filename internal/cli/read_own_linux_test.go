package cli

import (
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/lab"
	"synscope/internal/lab/models"
	"synscope/probe/simnet"
)

// TestOwnRecordings holds what read says of the --pcap of every command against what the
// command itself said, over raw sockets: the same packets cannot mean two things.
func TestOwnRecordings(t *testing.T) {
	long(t)
	lab.RequireTun(t)
	if !lab.Apart(t) {
		return
	}
	n, err := models.New(simnet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	right := 0
	for k, args := range [][]string{
		{"scan", "-Pn"}, {"ping", "-c", "1"}, {"handshake"}, {"trace", "--queries", "1"}, {"isn", "--quick"}, {"why", "--budget", "400,15s"}, {"send"},
	} {
		peers := ownPeers()
		for i, p := range peers { // of each command, or it would hear what the one before has left half open
			n.HandleAddr(peerAddr(k, i).String(), p.host)
		}
		runs := make([]ownRun, len(peers))
		var all sync.WaitGroup
		begin := time.Now()
		for i := range peers {
			all.Go(func() { runs[i] = recordOwn(t, peerAddr(k, i), args) })
		}
		all.Wait()
		t.Log(args, time.Since(begin))
		for i, p := range peers {
			if p.compare(t, args, &runs[i]) {
				right++
			}
		}
	}
	if right < 5*len(ownPeers())/2 { // of five commands that tell states
		t.Errorf("%d verdicts were right", right)
	}
}

// ownRun is a run of a command, and what is read of its recording.
type ownRun struct {
	target       netip.AddrPort
	itself, read ran
}

func recordOwn(t *testing.T, peer netip.Addr, args []string) (o ownRun) {
	o.target = netip.AddrPortFrom(peer, 80)
	file := filepath.Join(t.TempDir(), "own.pcapng")
	o.itself = command(t.Context(), nil, slices.Concat(args, []string{"-o", "json", "--pcap", file, o.target.String()})...)
	o.read = command(t.Context(), nil, "read", "-o", "json", file)
	return o
}

// compare allows what is read of one connection to be unknown, and nothing else. It
// tells whether the command was right.
func (p *ownPeer) compare(t *testing.T, args []string, o *ownRun) (right bool) {
	t.Helper()
	if o.itself.code == exitUsage || o.itself.code == exitUnable {
		t.Fatalf("%v: exit %d: %s", args, o.itself.code, o.itself.err)
	}
	said, read := map[string]bool{}, map[string]bool{}
	for _, r := range records(t, o.itself.out) {
		if s := r.str("state"); s != "" && r.str("type") != "host" {
			delete(said, r.str("supersedes")) // of the only probe: an answer came late
			said[s] = true
		}
	}
	for _, r := range records(t, o.read.out) {
		if r.str("type") == "handshake" && r.pair() == o.target {
			read[r.str("state")] = true
		}
	}
	// On a machine that is busy an answer may come late: what a command said counts, and
	// what no packet of the peer can have meant.
	open, refused, late := read["open"], read["refused"], args[0] == "isn"
	if len(read) == 0 || open && p.state != "open" || said["open"] && !open || refused && p.state == "filtered" || said["refused"] && !refused && !late {
		t.Errorf("%v, %s: said %v, and of its recording is read %v\n%s%s", args, p.name, said, read, o.itself.out, o.read.out)
	}
	return said[p.state]
}

func peerAddr(command, i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 201, byte(9 + command), byte(i + 1)})
}

type ownPeer struct {
	name  string
	host  simnet.Host
	state string
}

func ownPeers() []ownPeer {
	bare := simnet.Mangle(simnet.Closed{}, func(s *craft.Segment) {
		if s.Flags.Has(craft.ACK) {
			s.Flags, s.Ack = craft.RST, 0
		}
	})
	return []ownPeer{
		{"listening", simnet.Linux(80), "open"},
		{"closed", simnet.Linux(), "refused"},
		{"closed, by an RST without ACK", bare, "refused"},
		{"closed, by an RST of the ISN itself", simnet.Mangle(simnet.Closed{}, simnet.AckOff(^uint32(0))), "refused"},
		{"closed, by an RST with a number", simnet.Mangle(simnet.Closed{}, simnet.SeqOff(0xdeadbeef)), "refused"},
		{"SYN-ACK with a wrong checksum", simnet.Garble(simnet.Linux(80), simnet.FlipLast), "filtered"},
		{"SYN-ACK of another SYN", simnet.Only(craft.SYN, simnet.Mangle(simnet.Linux(80), simnet.AckOff(77))), "filtered"},
		{"silent", simnet.Dropped{}, "filtered"},
		{"a forged RST first", simnet.ForgedReset(simnet.Linux(80), 50, 5*time.Millisecond), "open"},
		{"every answer twice", simnet.Repeat(simnet.Linux(80), 2, time.Millisecond), "open"},
		{"a full queue", &simnet.Listener{Backlog: simnet.BacklogFull}, "open"},
		{"a queue that resets", &simnet.Listener{Backlog: simnet.BacklogReset}, "open"},
		{"a tarpit", simnet.TarPit(), "open"},
	}
}
