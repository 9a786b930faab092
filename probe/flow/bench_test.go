package flow_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"synscope/internal/capture"
	"synscope/probe/flow"
)

// ticking counts attempts and keeps none.
type ticking struct{ attempts, retransmissions int }

func (c *ticking) Attempt(a *flow.Attempt) error {
	c.attempts++
	c.retransmissions += a.Retransmissions(0) + a.Retransmissions(1)
	return nil
}

func (*ticking) Segment(*flow.Segment) error { return nil }

// traffic is a capture of connections that begin one after the other, 2,000 of
// them at a time, each with data both ways.
func traffic(t testing.TB, connections int) (file []byte, packets int) {
	rng := rand.New(rand.NewPCG(1, 2))
	var talks []*talk
	for n := range connections {
		k := newTalk(t, n, time.Duration(n)*100*us).open()
		for range 6 {
			k.say(ms, 0, 0x18, rng.IntN(400)).say(20*ms, 1, 0x10, 0).say(ms, 1, 0x18, 1400).say(100*us, 0, 0x10, 0)
		}
		talks = append(talks, k.close())
	}
	all := merged(talks...)
	return pcapFile(all), len(all)
}

// BenchmarkRead follows every connection of a capture on one core, and tells
// how much longer other ways to read the same file take, those in the same run.
func BenchmarkRead(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	file, packets := traffic(b, 20_000)
	path := onDisk(b, file)
	each := func(took time.Duration) float64 { return float64(took.Nanoseconds()) / float64(packets) }
	var ours time.Duration
	for b.Loop() {
		begin := time.Now()
		count := &ticking{}
		follow(b, bytes.NewReader(file), flow.Config{}, count)
		ours += time.Since(begin)
		if count.attempts != 20_000 || count.retransmissions != 0 {
			b.Fatalf("%+v", count)
		}
	}
	ours /= time.Duration(b.N)
	b.ReportMetric(each(ours), "ns/packet")
	b.ReportMetric(1e9/each(ours), "packets/s")
	ratio := func(name string, took time.Duration) {
		if took > 0 {
			b.ReportMetric(float64(took)/float64(ours), name+"/ours")
		}
	}
	ratio("reader-alone", timed(func() { onlyRead(b, file) }))
	ratio("gopacket", timed(func() { gopacketReads(b, file) }))
	ratio("tcpdump", timedPeer("tcpdump", "-n", "-r", path))
	ratio("tshark", timedPeer("tshark", "-n", "-q", "-r", path, "-z", "conv,tcp"))
}

func timed(f func()) time.Duration {
	begin := time.Now()
	f()
	return time.Since(begin)
}

// timedPeer is how long a program runs, 0 where there is none.
func timedPeer(name string, args ...string) time.Duration {
	path, err := exec.LookPath(name)
	if err != nil {
		return 0
	}
	return timed(func() { err = exec.Command(path, args...).Run() })
}

// onlyRead takes the packets out of the file, and nothing more.
func onlyRead(b *testing.B, file []byte) {
	r, err := capture.NewReader(bytes.NewReader(file))
	if err != nil {
		b.Fatal(err)
	}
	var p capture.Packet
	for err == nil {
		err = r.Next(&p)
	}
	if err != io.EOF {
		b.Fatal(err)
	}
}

// gopacketReads reads and decodes in gopacket's fastest way. It follows
// nothing.
func gopacketReads(b *testing.B, file []byte) {
	r, err := pcapgo.NewReader(bytes.NewReader(file))
	if err != nil {
		b.Fatal(err)
	}
	var ip4 layers.IPv4
	var ip6 layers.IPv6
	var tcp layers.TCP
	var payload gopacket.Payload
	v4 := gopacket.NewDecodingLayerParser(layers.LayerTypeIPv4, &ip4, &tcp, &payload)
	v6 := gopacket.NewDecodingLayerParser(layers.LayerTypeIPv6, &ip6, &tcp, &payload)
	v4.IgnoreUnsupported, v6.IgnoreUnsupported = true, true
	decoded := []gopacket.LayerType{}
	for {
		data, _, err := r.ZeroCopyReadPacketData()
		if err == io.EOF {
			return
		}
		if err != nil {
			b.Fatal(err)
		}
		parser := v4
		if data[0]>>4 == 6 {
			parser = v6
		}
		if err := parser.DecodeLayers(data, &decoded); err != nil {
			b.Fatal(err)
		}
	}
}
