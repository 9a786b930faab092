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
const blastBatch = 2048

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
// frames that were made once.
func BenchmarkBlastPacket(b *testing.B) {
	_, probes := silence(b)
	c := openPacket(b, Config{})
	var bare framer
	must(bare.open(c.templates))
	defer bare.close()
	n, _, err := c.ways.to(probes[0].Dst.Addr())
	must(err)
	for i := range frameBatch {
		must(bare.add(&probes[i], &c.ways.hops.table[n]))
	}
	compare(b, blaster(b, c, probes), func(batches int) {
		for range batches * blastBatch / frameBatch {
			bare.out.raw.Control(func(fd uintptr) {
				k, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&bare.msgs[0])), frameBatch, 0, 0, 0)
				if k != frameBatch {
					b.Fatal(k, errno)
				}
			})
		}
	})
}
