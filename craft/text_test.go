package craft_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"synscope/craft"
)

func TestSegmentString(t *testing.T) {
	data := synIPv4()
	data.Flags, data.Ack, data.Options, data.Payload = craft.PSH|craft.ACK, 5, nil, []byte("hello")
	ack := synIPv6()
	ack.Flags, ack.Ack, ack.Options = craft.ACK, 9, nil
	odd := synIPv4()
	odd.Flags, odd.Ack, odd.Urgent, odd.Options = 0, 3, 4, nil
	wrap := data
	wrap.Seq = 0xfffffffe
	tests := []struct {
		s    craft.Segment
		want string
	}{
		{synIPv4(), "IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [S], seq 1000, win 64240, " +
			"options [mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0"},
		{data, "IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [P.], seq 1000:1005, ack 5, win 64240, length 5"},
		{ack, "IP6 2001:db8::1.40000 > 2001:db8::2.80: Flags [.], seq 1000, ack 9, win 64240, length 0"},
		{odd, "IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [none], seq 1000, ack 3, win 64240, urg 4, length 0"},
		{wrap, "IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [P.], seq 4294967294:3, ack 5, win 64240, length 5"},
	}
	for _, tt := range tests {
		if got := tt.s.String(); got != tt.want {
			t.Errorf("\n got %s\nwant %s", got, tt.want)
		}
	}
}

func TestSegmentVerbose(t *testing.T) {
	v4, v6 := synIPv4(), synIPv6()
	v4.Options, v4.TOS = nil, 2
	v6.Options, v6.TOS = nil, 2
	tests := []struct {
		s    craft.Segment
		want string
	}{
		{v4, "IP (tos 0x2,ECT(0), ttl 64, id 7, offset 0, flags [DF], proto TCP (6), length 40)\n" +
			"    192.0.2.1.40000 > 192.0.2.2.80: Flags [S], seq 1000, win 64240, length 0"},
		{v6, "IP6 (class 0x02, flowlabel 0x12345, hlim 64, next-header TCP (6) payload length: 20) " +
			"2001:db8::1.40000 > 2001:db8::2.80: Flags [S], seq 1000, win 64240, length 0"},
	}
	for _, tt := range tests {
		if got := tt.s.Verbose(); got != tt.want {
			t.Errorf("\n got %s\nwant %s", got, tt.want)
		}
	}
}

// Text keeps all of a segment but the contents of its payload.
func TestSegmentTextRoundTrip(t *testing.T) {
	r := newRand(t)
	for range 2000 {
		want := randomSegment(r)
		clear(want.Payload)
		got, err := craft.ParseSegment(want.Verbose())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, sameSegment); diff != "" {
			t.Fatalf("%s\n%s", want.Verbose(), diff)
		}
		got, err = craft.ParseSegment(want.String())
		if err != nil {
			t.Fatal(err)
		}
		want.TTL, want.TOS, want.ID, want.DF, want.FlowLabel = 0, 0, 0, false, 0
		if diff := cmp.Diff(want, got, sameSegment); diff != "" {
			t.Fatalf("%v\n%s", &want, diff)
		}
	}
}

// Lines as tcpdump printed them.
func TestParseSegmentOfTcpdump(t *testing.T) {
	tests := []struct{ line, want string }{
		{"12:34:56.789012 IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [.], ack 7, win 1024, length 0",
			"IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [.], seq 0, ack 7, win 1024, length 0"},
		{"IP 192.0.2.1.1 > 192.0.2.2.80: Flags [P.], seq 1:6, ack 7, win 1, length 5: HTTP",
			"IP 192.0.2.1.1 > 192.0.2.2.80: Flags [P.], seq 1:6, ack 7, win 1, length 5"},
		{"IP (tos 0x0, ttl 64, id 20273, offset 0, flags [DF], proto TCP (6), length 60)\n" +
			"    192.0.2.1.34768 > 192.0.2.2.80: Flags [S], cksum 0x8432 (incorrect -> 0xd43a), seq 790166685, " +
			"win 64240, options [mss 1460,sackOK,TS val 914229881 ecr 0,nop,wscale 10], length 0",
			"IP 192.0.2.1.34768 > 192.0.2.2.80: Flags [S], seq 790166685, " +
				"win 64240, options [mss 1460,sackOK,TS val 914229881 ecr 0,nop,wscale 10], length 0"},
		{"IP 192.0.2.1.1 > 192.0.2.2.80: Flags [S]",
			"IP 192.0.2.1.1 > 192.0.2.2.80: Flags [S], seq 0, win 0, length 0"},
	}
	for _, tt := range tests {
		got, err := craft.ParseSegment(tt.line)
		if err != nil || got.String() != tt.want {
			t.Errorf("%s\n got %v, %v\nwant %s", tt.line, &got, err, tt.want)
		}
	}
}

func TestParseSegmentRejects(t *testing.T) {
	const good = "IP 192.0.2.1.1 > 192.0.2.2.80: Flags [S], seq 1, win 2, length 0"
	if _, err := craft.ParseSegment(good); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ from, to string }{
		{"IP ", ""},
		{"IP ", "IP6 "},
		{"IP ", "ARP "},
		{"IP ", "IP (ttl 64"},
		{"IP ", "IP (ttl 256) "},
		{"192.0.2.1.1", "192.0.2.1"},
		{"192.0.2.1.1", "192.0.2.1.65536"},
		{"192.0.2.1.1", "2001:db8::1.1"},
		{" > ", " < "},
		{": Flags [S]", ""},
		{"Flags [S], ", ""},
		{"[S]", "[Q]"},
		{"seq 1", "seq 4294967296"},
		{"seq 1", "seq 1:2"},
		{"win 2", "win 65536"},
		{"win 2", "wind 2"},
		{"length 0", "length 65536"},
		{"length 0", "options [mss], length 0"},
	}
	for _, tt := range tests {
		line := strings.Replace(good, tt.from, tt.to, 1)
		if s, err := craft.ParseSegment(line); err == nil {
			t.Errorf("%s: %v, want an error", line, &s)
		}
	}
}
