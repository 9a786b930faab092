package htmlreport

import (
	"encoding/json"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/internal/report/record"
	"synscope/probe"
)

// The records as a page needs them. Those of the package record that decode as
// they are written are used as they are.

// place is what was probed.
type place struct {
	Target string     `json:"target"`
	Addr   netip.Addr `json:"addr"`
	Port   uint16     `json:"port"`
}

// String names a place for people: "web (10.0.4.2):80", "10.0.4.2:80", "isn.csv".
func (p place) String() string {
	switch name := record.NameOf(p.Target, p.Addr); {
	case !p.Addr.IsValid():
		return p.Target
	case p.Port == 0:
		return name
	case name == p.Addr.String():
		return netip.AddrPortFrom(p.Addr, p.Port).String()
	default:
		return name + " port " + portWord(p.Port)
	}
}

type summaryRecord struct {
	record.Summary
	Packets     *uint64  `json:"packets"`
	Connections *uint64  `json:"connections"`
	CaptureLoss *float64 `json:"capture_loss"`
	Fault       string   `json:"fault"`
	Remark      string   `json:"remark"`
}

type rttRecord struct {
	place
	N        uint64          `json:"n"`
	State    probe.State     `json:"state"`
	Reason   string          `json:"reason"`
	Sent     time.Time       `json:"sent"`
	RTT      *time.Duration  `json:"rtt_ns"`
	Clock    string          `json:"rtt_clock"`
	Doubt    string          `json:"doubt"`
	Before   string          `json:"supersedes"`
	Repeats  uint64          `json:"syn_retransmits"`
	Error    string          `json:"error"`
	Findings []probe.Finding `json:"findings"`
}

type rttSummaryRecord struct {
	place
	Sent     uint64         `json:"sent"`
	Received uint64         `json:"received"`
	Lost     uint64         `json:"lost"`
	Loss     *float64       `json:"loss"`
	Min      *time.Duration `json:"min_ns"`
	Mean     *time.Duration `json:"mean_ns"`
	P50      *time.Duration `json:"p50_ns"`
	P90      *time.Duration `json:"p90_ns"`
	P95      *time.Duration `json:"p95_ns"`
	P99      *time.Duration `json:"p99_ns"`
	Max      *time.Duration `json:"max_ns"`
	StdDev   *time.Duration `json:"stddev_ns"`
	Jitter   *time.Duration `json:"jitter_ns"`
	Clock    string         `json:"rtt_clock"`

	Outages  uint64          `json:"outages"`
	Windows  []windowRecord  `json:"outage_windows"`
	Clusters []clusterRecord `json:"loss_clusters"`
}

type comparisonRecord struct {
	A      string        `json:"a"`
	B      string        `json:"b"`
	Shift  time.Duration `json:"shift_ns"`
	Effect string        `json:"effect"`
	P      float64       `json:"p"`
	Differ bool          `json:"differ"`
}

type segmentRecord struct {
	Time       time.Time  `json:"time"`
	Dir        string     `json:"dir"`
	Src        string     `json:"src"`
	Dst        string     `json:"dst"`
	Flags      string     `json:"flags"`
	Seq        craft.Seq  `json:"seq"`
	Ack        *craft.Seq `json:"ack"`
	Window     *uint64    `json:"win"`
	Len        uint64     `json:"len"`
	Options    []string   `json:"options"`
	TTL        uint8      `json:"ttl"`
	Local      string     `json:"local_state"`
	Peer       string     `json:"peer_state"`
	Note       string     `json:"note"`
	Connection *uint64    `json:"connection"`
}

type handshakeRecord struct {
	place
	Source     string                     `json:"src"`
	State      probe.State                `json:"state"`
	Reason     string                     `json:"reason"`
	RTT        *time.Duration             `json:"rtt_ns"`
	ServerRTT  *time.Duration             `json:"server_rtt_ns"`
	SYNToACK   *time.Duration             `json:"syn_to_ack_ns"`
	Clock      string                     `json:"rtt_clock"`
	Negotiated map[string]json.RawMessage `json:"negotiated"`
	Close      string                     `json:"close"`
	Repeats    *uint64                    `json:"synack_retransmits"`
	Schedule   []time.Duration            `json:"synack_schedule_ns"`
	FINs       *uint64                    `json:"fin_retransmits"`
	Start      time.Time                  `json:"start"`
	Took       *time.Duration             `json:"took_ns"`
	Connection *uint64                    `json:"connection"`
	Findings   []probe.Finding            `json:"findings"`
}

type sampleRecord struct {
	place
	Series    string     `json:"series"`
	Src       netip.Addr `json:"src"`
	SrcPort   *uint16    `json:"sport"`
	ClientISN *craft.Seq `json:"client_isn"`
	Sent      *time.Time `json:"sent"`
	Received  *time.Time `json:"received"`
	ISN       *craft.Seq `json:"isn"`
	MSS       *uint16    `json:"mss"`
	WScale    *uint8     `json:"wscale"`
	SACK      *bool      `json:"sack"`
	TSVal     *uint32    `json:"tsval"`
	Window    *uint16    `json:"window"`
	TTL       *uint8     `json:"ttl"`
}

type isnRecord struct {
	place
	State      probe.State     `json:"state"`
	Reason     string          `json:"reason"`
	Samples    uint64          `json:"samples"`
	Lost       uint64          `json:"lost"`
	Class      string          `json:"class"`
	Variant    string          `json:"variant"`
	Confidence float64         `json:"confidence"`
	ClockHz    *float64        `json:"clock_hz"`
	ClockLow   *float64        `json:"clock_hz_low"`
	ClockHigh  *float64        `json:"clock_hz_high"`
	Step       *float64        `json:"step"`
	Inputs     []string        `json:"inputs"`
	GCD        *uint64         `json:"gcd"`
	Entropy    *float64        `json:"entropy_bits"`
	Guesses    *float64        `json:"guesses_p50"`
	Difficulty *float64        `json:"difficulty"`
	Machines   uint64          `json:"machines"`
	RunnerUp   string          `json:"runner_up"`
	Flags      []string        `json:"flags"`
	Findings   []probe.Finding `json:"findings"`
	Nmap       *struct {
		GCD uint64  `json:"gcd"`
		ISR uint64  `json:"isr"`
		SP  *uint64 `json:"sp"`
	} `json:"nmap"`
}

type hopRecord struct {
	Target   string         `json:"target"`
	Port     uint16         `json:"port"`
	TTL      int            `json:"ttl"`
	Query    int            `json:"query"`
	Addr     netip.Addr     `json:"addr"`
	Name     string         `json:"name"`
	RTT      *time.Duration `json:"rtt_ns"`
	Kind     string         `json:"kind"`
	ICMPType *uint8         `json:"icmp_type"`
	ICMPCode *uint8         `json:"icmp_code"`
	Changes  []string       `json:"quote_changes"`
}

type checkRecord struct {
	Name     string         `json:"name"`
	Target   string         `json:"target"`
	OK       *bool          `json:"ok"`
	Unjudged string         `json:"not_judged"`
	Expected string         `json:"expected"`
	Got      string         `json:"got"`
	Where    string         `json:"where"`
	Took     *time.Duration `json:"took_ns"`
}

type changeRecord struct {
	Target string `json:"target"`
	What   string `json:"what"`
	Old    string `json:"old"`
	New    string `json:"new"`
}

type groupRecord struct {
	By              string         `json:"by"`
	Key             string         `json:"key"`
	Attempts        uint64         `json:"attempts"`
	Open            uint64         `json:"open"`
	Refused         uint64         `json:"refused"`
	Unanswered      uint64         `json:"unanswered"`
	Other           uint64         `json:"other"`
	Resets          uint64         `json:"resets"`
	Retransmissions uint64         `json:"retransmissions"`
	P50             *time.Duration `json:"p50_ns"`
	P95             *time.Duration `json:"p95_ns"`
	P99             *time.Duration `json:"p99_ns"`
	Max             *time.Duration `json:"max_ns"`
}

// diagnosisRecord is what `why` concluded.
type diagnosisRecord struct {
	place
	Healthy     *bool              `json:"healthy"`
	Causes      []causeRecord      `json:"causes"`
	Excluded    []exclusionRecord  `json:"excluded"`
	Experiments []experimentRecord `json:"experiments"`
	Loss        json.RawMessage    `json:"loss"` // a share
	SYNs        *uint64            `json:"syns"`
	Failed      *uint64            `json:"failed"`
	Complete    *bool              `json:"complete"`
	P50         *time.Duration     `json:"p50_ns"`
	P95         *time.Duration     `json:"p95_ns"`
	Packets     *uint64            `json:"packets"`
	Took        *time.Duration     `json:"took_ns"`
}

type causeRecord struct {
	Code        string  `json:"code"`
	Probability float64 `json:"probability"`
	Where       string  `json:"where"`
	Text        string  `json:"text"`
	Evidence    phrases `json:"evidence"`
	Advice      phrases `json:"advice"`
	ShownAgain  phrases `json:"shown_again_by"`
}

type exclusionRecord struct {
	Code string  `json:"code"`
	By   phrases `json:"by"`
}

type experimentRecord struct {
	Name    string  `json:"name"`
	Packets uint64  `json:"packets"`
	Outcome phrases `json:"outcome"`
}

// phrases are one text or a list of them; other values are shown as JSON.
type phrases []string

func (p *phrases) UnmarshalJSON(b []byte) error {
	*p = nil
	var many []json.RawMessage
	if json.Unmarshal(b, &many) != nil {
		many = []json.RawMessage{b}
	}
	for _, one := range many {
		if text := phrase(one); text != "" {
			*p = append(*p, text)
		}
	}
	return nil
}

// phrase is the text of a value.
func phrase(b json.RawMessage) string {
	var text string
	if string(b) == "null" || json.Unmarshal(b, &text) == nil {
		return text
	}
	return string(b)
}
