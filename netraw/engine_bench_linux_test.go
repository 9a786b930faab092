package netraw

import (
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/internal/lab"
)

// blastBatch is what one call of Blast is given.
const blastBatch = 8192

// silence is a world that answers nothing, and probes to it.
func silence(b *testing.B) (*peer, []craft.Fields) {
	p := newPeer(b)
	internet(b, p, lab.World{})
	probes := probesOf(2*blastBatch, 40000)
	probes = slices.DeleteFunc(probes, func(f craft.Fields) bool { return !f.Dst.Addr().Is4() })
	probes = probes[:blastBatch]
	return p, probes
}

// rounds is how often compare changes sides.
const rounds = 10

// compare reports how many times as long ours takes as bare, for as many
// batches, in turns so that both meet the same machine.
func compare(b *testing.B, ours, bare func(batches int)) {
	batches := max(1, b.N/blastBatch/rounds)
	var spent [2]time.Duration
	b.ResetTimer()
	for range rounds {
		for i, send := range []func(int){ours, bare} {
			start := time.Now()
			send(batches)
			spent[i] += time.Since(start)
		}
	}
	n := float64(rounds * batches * blastBatch)
	b.ReportMetric(float64(spent[0])/n, "ns/probe")
	b.ReportMetric(float64(spent[1])/n, "ns/bare")
	b.ReportMetric(float64(spent[0])/float64(spent[1]), "x-bare")
}

// blaster calls Blast so many times.
func blaster(b *testing.B, c wideEngine, probes []craft.Fields) func(int) {
	return func(batches int) {
		for range batches {
			if n, err := c.Blast(probes); err != nil {
				b.Fatal(n, err)
			}
		}
	}
}

// BenchmarkBlastXDP compares with the bare live-frame loop: a program that
// redirects, and nothing else, in one call.
func BenchmarkBlastXDP(b *testing.B) {
	p, probes := silence(b)
	c := openXDP(b, p, Config{})
	bare, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.XDP, License: "GPL",
		Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R1, int32(p.hereIndex)),
			asm.Mov.Imm(asm.R2, 0),
			asm.FnRedirect.Call(),
			asm.Return(),
		},
	})
	must(err)
	defer bare.Close()
	frame := append(make([]byte, 12, 128), 8, 0)
	frame = c.templates.V4.AppendTo(frame, probes[0])
	compare(b, blaster(b, c, probes), func(batches int) {
		_, err := bare.Run(&ebpf.RunOptions{
			Data: frame, Repeat: uint32(batches * blastBatch), Flags: liveFrames, BatchSize: frameBurst,
		})
		must(err)
	})
}

// BenchmarkBlastPacket compares with sendmmsg(2) on a packet socket over
// frames that were made once, in one thread as the peers send.
func BenchmarkBlastPacket(b *testing.B) {
	p, probes := silence(b)
	c := openPacket(b, Config{})
	bare := bareFrames(c, p.hereIndex, probes)
	socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	must(err)
	defer unix.Close(socket)
	must(unix.SetsockoptInt(socket, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1))
	compare(b, blaster(b, c, probes), func(batches int) {
		for range batches * blastBatch / len(bare) {
			k, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(socket),
				uintptr(unsafe.Pointer(&bare[0])), uintptr(len(bare)), 0, 0, 0)
			if int(k) != len(bare) {
				b.Fatal(k, errno)
			}
		}
	})
}

// bareFrames are messages for sendmmsg(2), one for each of the first probes.
func bareFrames(c *PacketConn, ifindex int, probes []craft.Fields) []unix.Mmsghdr {
	n, _, err := c.ways.to(probes[0].Dst.Addr())
	must(err)
	header := append(c.ways.hops.table[n].header[:], 8, 0)
	msgs := make([]unix.Mmsghdr, 256)
	for i := range msgs {
		frame := c.templates.V4.AppendTo(slices.Clone(header), probes[i])
		name := unix.RawSockaddrLinklayer{Family: unix.AF_PACKET, Halen: 6, Ifindex: int32(ifindex), Protocol: htons(unix.ETH_P_IP)}
		iov := unix.Iovec{Base: &frame[0], Len: uint64(len(frame))}
		msgs[i].Hdr = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&name)), Namelen: unix.SizeofSockaddrLinklayer, Iov: &iov, Iovlen: 1}
	}
	return msgs
}
