package capture

import (
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// BenchmarkStrip takes Ethernet and a VLAN tag off, and tells how much longer
// gopacket takes for the same: in its fastest way, and as a whole packet.
func BenchmarkStrip(b *testing.B) {
	frame := join(make([]byte, 12), []byte{0x81, 0, 0, 7, 8, 0}, syn4(b))
	p := Packet{Link: LinkEthernet, Data: frame}
	var ours time.Duration
	for b.Loop() {
		begin := time.Now()
		for range 1000 {
			if _, err := p.Strip(); err != nil {
				b.Fatal(err)
			}
		}
		ours += time.Since(begin)
	}
	ours /= time.Duration(b.N)
	b.ReportMetric(float64(ours.Nanoseconds())/1000, "ns/frame")
	timed := func(f func()) float64 {
		begin := time.Now()
		for range 1000 {
			f()
		}
		return float64(time.Since(begin)) / float64(ours)
	}
	var eth layers.Ethernet
	var tag layers.Dot1Q
	parser := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &eth, &tag)
	parser.IgnoreUnsupported = true
	decoded := []gopacket.LayerType{}
	b.ReportMetric(timed(func() { parser.DecodeLayers(frame, &decoded) }), "gopacket-parser/ours")
	b.ReportMetric(timed(func() { gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.NoCopy).NetworkLayer() }), "gopacket-packet/ours")
}
