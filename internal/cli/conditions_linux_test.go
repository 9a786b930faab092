package cli

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"synscope/internal/lab"
)

// conditionCommand is a command line of the table, without the target.
type conditionCommand struct{ name, line string }

var conditionCommands = []conditionCommand{
	{"scan", "scan --timeout 200ms --max-retries 1"},
	{"stateless", "scan --stateless --engine raw --timeout 200ms --max-retries 1"},
	{"connect", "scan --engine connect --timeout 200ms --max-retries 1"},
	{"ping", "ping -c 2 -i 20ms --timeout 200ms"},
	{"handshake", "handshake --timeout 200ms --max-retries 1"},
	{"isn", "isn --budget 100ms --timeout 200ms"},
	{"trace", "trace -n --max-hops 2 --queries 1 --timeout 200ms"},
	{"send", "send --flags S --opt mss=1460,sack,ts,wscale=7 --timeout 200ms"},
	{"paths", "trace --paths -n --max-hops 2 --timeout 200ms"},
	{"watch", "trace --watch -n --max-hops 2 -c 2 -i 50ms --timeout 200ms"},
	{"why", "why --budget 60,20s"},
	{"check", "check -"},
}

// ending is how a command ends under a condition.
type ending struct {
	code  int
	lost  int    // the code where something was lost, which the condition may have made; 0: the same
	says  string // on standard error, in one line; "" says nothing there
	sent  sending
	first string // the most probable cause, of why; "": any
}

// otherSegments is of a firewall of this machine for SYNs: why may ask for what else passes.
var otherSegments = ending{code: exitUnable, says: "own firewall", sent: uncounted, first: "local-firewall"}

// whatever may be said, or nothing.
const whatever = "…"

// sending is what the closing summary must say of packets.
type sending uint8

const (
	someSent    sending = iota // at least one, none refused
	noneSent                   // and the run is not complete, or there is no summary: nothing was begun
	refusedSent                // none, after the kernel had refused some
	uncounted                  // what was sent does not matter
	noneNeeded                 // none, none refused: the kernel told that there is nobody
)

// condition is a state of this machine or of the network.
type condition struct {
	name    string
	target  func(*conditionWorld) netip.AddrPort
	by      runBy                            // a user has no right to raw sockets
	prepare func(*conditionWorld, *exec.Cmd) // of the process
	during  func(*running)                   // once it has sent something
	most    ending                           // of the commands that are not in but
	but     map[string]ending                // by command
	longer  map[string]string                // flags that keep a command busy, by command
}

func at(port uint16) func(*conditionWorld) netip.AddrPort {
	return func(w *conditionWorld) netip.AddrPort { return w.web(port) }
}

func on(host string) func(*conditionWorld) netip.AddrPort {
	return func(w *conditionWorld) netip.AddrPort { return netip.AddrPortFrom(w.Host(host).Addr4(), conditionOpen) }
}

func to(word string) func(*conditionWorld) netip.AddrPort {
	return func(*conditionWorld) netip.AddrPort { return netip.MustParseAddrPort(word) }
}

// conditions are what may befall a run, in the order of docs/exit-codes.md.
var conditions = []condition{
	{
		name: "open", target: at(conditionOpen), most: ending{code: exitYes},
	},
	{
		name: "refused", target: at(conditionRefused), most: ending{code: exitNo},
		but: map[string]ending{"scan": {code: exitYes}, "stateless": {code: exitYes}, "connect": {code: exitYes}, "send": {code: exitYes}},
	},
	{
		name: "silent", target: at(conditionSilent), most: ending{code: exitNo},
		but: map[string]ending{"scan": {code: exitYes}, "stateless": {code: exitYes}, "connect": {code: exitYes}},
	},
	{
		name: "neighbour unreachable",
		target: func(w *conditionWorld) netip.AddrPort {
			return netip.AddrPortFrom(w.Host("web").Absent4(), conditionOpen)
		},
		most: ending{code: exitNo, sent: uncounted},
		but: map[string]ending{
			"scan": {code: exitYes, sent: noneNeeded}, "connect": {code: exitYes},
			"stateless": {code: exitYes, says: "does not resolve", sent: noneNeeded},
			"send":      {code: exitNo, says: "nobody on the link answers for it", sent: uncounted},
		},
	},
	{
		name: "no privilege", target: at(conditionOpen), by: asUser,
		most: ending{code: exitUnable, says: "setcap", sent: noneSent},
		but: map[string]ending{
			"scan": {says: "whole connections are made instead"}, "ping": {says: "whole connections are made instead"}, "connect": {}, "check": {},
		},
	},
	{
		name: "no route", target: to("203.0.113.9:80"), most: ending{code: exitUnable, says: "no route", sent: noneSent},
	},
	{
		name: "interface down", target: on("lowered"), most: ending{code: exitUnable, says: "no route", sent: noneSent},
	},
	{
		name: "no carrier", target: on("unplugged"), most: ending{code: exitUnable, says: "no carrier", sent: noneSent},
		but: map[string]ending{"check": {code: exitUnable, says: "no route", sent: noneSent}, "connect": {code: exitYes}}, // the kernel's TCP says what a router would
	},
	{
		name: "next hop silent", target: to("203.0.114.9:80"), most: ending{code: exitUnable, says: "next hop does not answer", sent: noneSent},
		but: map[string]ending{
			"connect": {code: exitYes}, // as above
			"ping":    {code: exitNo, says: "next hop does not answer", sent: uncounted},
			"watch":   {code: exitNo, says: "next hop does not answer", sent: uncounted},
			"why":     {code: exitNo, sent: uncounted}, // which is the cause that it tells
		},
	},
	{
		name: "broadcast address", target: to("203.0.115.255:80"), most: ending{code: exitNo, says: "broadcast address", sent: noneSent},
		but: map[string]ending{"ping": {code: exitNo, sent: noneNeeded}, "check": {code: exitNo, sent: noneNeeded}}, // which says it in its records
	},
	{
		name: "unspecified address", target: to("0.0.0.0:80"), most: ending{code: exitNo, says: "write 127.0.0.1 for this machine", sent: noneSent},
		but: map[string]ending{"ping": {code: exitNo, sent: noneNeeded}, "check": {code: exitNo, sent: noneNeeded}},
	},
	{
		name: "unspecified address, IPv6", target: to("[::]:80"), most: ending{code: exitNo, says: "write ::1 for this machine", sent: noneSent},
		but: map[string]ending{"ping": {code: exitNo, sent: noneNeeded}, "check": {code: exitNo, sent: noneNeeded}},
	},
	{
		name: "multicast address", target: to("224.0.0.1:80"), most: ending{code: exitNo, says: "a multicast address, which no TCP answers on", sent: noneSent},
		but: map[string]ending{"ping": {code: exitNo, sent: noneNeeded}, "check": {code: exitNo, sent: noneNeeded}},
	},
	{
		name: "local firewall", target: at(conditionForbidden),
		most: ending{code: exitUnable, says: "own firewall", sent: refusedSent},
		but:  map[string]ending{"connect": {code: exitYes}, "why": otherSegments}, // the kernel's TCP tells nobody
	},
	{
		name: "local firewall that resets", target: at(conditionReset),
		most: ending{code: exitUnable, says: "own firewall", sent: refusedSent},
		but:  map[string]ending{"connect": {code: exitYes}, "why": otherSegments},
	},
	{
		name: "local firewall that rejects", target: at(conditionRejected),
		most: ending{code: exitUnable, says: "own firewall", sent: refusedSent},
		but:  map[string]ending{"connect": {code: exitYes}, "why": otherSegments},
	},
	{
		name: "queue full now and then", target: on("narrow"), most: ending{code: exitYes, sent: uncounted},
		but: map[string]ending{
			"stateless": {code: exitYes, says: whatever, sent: uncounted}, // how often, if ever
			"why":       {code: exitYes, lost: exitNo, sent: uncounted},   // where a full queue has lost one of few SYNs
		},
	},
	{
		name: "queue always full", target: on("tight"), most: ending{code: exitUnable, says: "no buffer space", sent: refusedSent},
		but: map[string]ending{"check": {code: exitUnable, says: "could not send the probe", sent: refusedSent}, "connect": {code: exitYes}, // the kernel's TCP tells nobody
			"why": {code: exitUnable, says: "no buffer space", sent: refusedSent, first: "local-interface"}},
	},
	{
		name: "interrupted (SIGINT)", target: (*conditionWorld).nextSilent, most: ending{code: exitInterrupted, says: "interrupted", sent: someSent},
		longer: map[string]string{
			"scan": "--rate 20 -p", "stateless": "--rate 20 -p", "connect": "--rate 20 -p",
			"ping": "-c 10000", "handshake": "--repeat 1000", "isn": "--timeout 5s", "trace": "--timeout 20s", "send": "--count 1000",
			"paths": "--timeout 20s", "watch": "-c 10000", "why": "--budget 400,30s",
		},
		during: func(r *running) { r.Process.Signal(syscall.SIGINT) },
	},
	{
		name: "terminal closed (SIGHUP)", target: (*conditionWorld).nextSilent, most: ending{code: exitInterrupted, says: "interrupted", sent: someSent},
		longer: map[string]string{
			"scan": "--rate 20 -p", "stateless": "--rate 20 -p", "connect": "--rate 20 -p",
			"ping": "-c 10000", "handshake": "--repeat 1000", "isn": "--timeout 5s", "trace": "--timeout 20s", "send": "--count 1000",
			"paths": "--timeout 20s", "watch": "-c 10000", "why": "--budget 400,30s",
		},
		during: func(r *running) { r.Process.Signal(syscall.SIGHUP) },
	},
	{
		name: "disk full", target: at(conditionOpen), most: ending{code: exitInterrupted, says: "no space left on device", sent: uncounted},
		prepare: func(w *conditionWorld, c *exec.Cmd) {
			c.Args = append(c.Args, "-oJ", w.full+"/"+c.Args[1]+fmt.Sprint(len(c.Args)))
		},
	},
	{
		name: "closed pipe", target: at(conditionOpen), most: ending{code: exitInterrupted, sent: uncounted},
		prepare: func(_ *conditionWorld, c *exec.Cmd) { c.Stdout = nobodyReads() },
	},
}

// nobodyReads is the end of a pipe whose other end is closed.
func nobodyReads() *os.File {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	r.Close()
	return w
}

// TestConditions holds every command's exit code, sentence and counters against
// what docs/exit-codes.md says, under every condition of machine and network.
func TestConditions(t *testing.T) {
	long(t)
	lab.Require(t)
	if !apartWithProgram(t, syscall.CLONE_NEWNS) {
		return
	}
	w := newConditionWorld(t)
	t.Run("all", func(t *testing.T) {
		for i := range conditions {
			for j := range conditionCommands {
				c, command := &conditions[i], conditionCommands[j]
				t.Run(c.name+"/"+command.name, func(t *testing.T) {
					t.Parallel()
					c.try(t, w, command.name, command.line)
				})
			}
		}
	})
	// What a process leaves half open its host asks for again within a second, and then the kernel closes it.
	await(t, "the ends of all connections", func() bool { _, open := w.seen.halfOpen(); return open == 0 })
	left, _ := w.seen.halfOpen()
	if len(left) > 0 {
		t.Errorf("left half open: %v", left)
	}
}

func (c *condition) try(t *testing.T, w *conditionWorld, name, line string) {
	want, special := c.but[name]
	if !special {
		want = c.most
	}
	target := c.target(w)
	args := slices.Concat(strings.Fields(line), []string{"-o", "json"}, c.asks(name, target))
	defer w.seen.begins(c.name + "/" + name)()
	r := start(t, c.by, func(cmd *exec.Cmd) {
		if name == "check" {
			cmd.Stdin = strings.NewReader(c.expectation(target))
		}
		if c.prepare != nil {
			c.prepare(w, cmd)
		}
	}, args...)
	if c.during != nil {
		await(t, "a SYN", func() bool { return w.seen.any(target) })
		c.during(r)
	}
	ended := r.end(t)
	if want.hold(t, ended); t.Failed() {
		t.Log(ended.out)
	}
}

// asks is what a command line goes on with: flags that keep it busy, and the target.
func (c *condition) asks(name string, target netip.AddrPort) []string {
	more := strings.Fields(c.longer[name])
	switch {
	case name == "check":
		return nil
	case strings.HasSuffix(c.longer[name], "-p"):
		return append(more, fmt.Sprintf("%d-%d", target.Port(), target.Port()+silentPorts-1), target.Addr().String())
	}
	return append(more, target.String())
}

// expectation is the file that check reads: that the target is open, or all its silent ports at a slow pace.
func (c *condition) expectation(target netip.AddrPort) string {
	ports, rate := fmt.Sprint(target.Port()), "max"
	if c.longer != nil {
		ports, rate = fmt.Sprintf("%d-%d", target.Port(), target.Port()+silentPorts-1), "20"
	}
	return fmt.Sprintf("probing: {timeout: 200ms, retries: 1, rate: %s}\nexpect:\n  - {name: it, targets: %q, open: %q}\n", rate, target.Addr(), ports)
}

// hold reports whether a run ended that way.
func (e *ending) hold(t *testing.T, r ran) {
	t.Helper()
	if r.code != e.code && (e.lost == 0 || r.code != e.lost) {
		t.Errorf("exit %d, want %d: %.300q", r.code, e.code, r.err)
	}
	lines := strings.Count(r.err, "\n")
	switch {
	case e.says == whatever:
	case e.says == "" && r.err != "":
		t.Errorf("says %.300q", r.err)
	case e.says != "" && (lines != 1 || !strings.Contains(r.err, e.says)):
		t.Errorf("%d lines, want %q in one: %.300q", lines, e.says, r.err)
	}
	if e.first != "" {
		e.judgeCause(t, r.out)
	}
	if e.sent == uncounted {
		return
	}
	e.sent.hold(t, r.out)
}

// judgeCause holds the most probable cause of a diagnosis against what was done.
func (e *ending) judgeCause(t *testing.T, out string) {
	t.Helper()
	for line := range strings.Lines(out) {
		var d struct {
			Causes []struct{ Code string }
		}
		if json.Unmarshal([]byte(line), &d) == nil && len(d.Causes) > 0 {
			if d.Causes[0].Code != e.first {
				t.Errorf("the cause is %s, want %s", d.Causes[0].Code, e.first)
			}
			return
		}
	}
	t.Errorf("no cause is told")
}

// hold compares with the closing summary, if there is one.
func (s sending) hold(t *testing.T, out string) {
	t.Helper()
	if out == "" && s == noneSent {
		return
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var sum struct {
		Type     string `json:"type"`
		Sent     uint64 `json:"sent"`
		Errors   uint64 `json:"send_errors"`
		Matched  uint64 `json:"matched"`
		Complete bool   `json:"complete"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &sum); err != nil || sum.Type != "summary" {
		t.Errorf("the records do not end with a summary: %v %q", err, lines[len(lines)-1])
		return
	}
	ok := map[sending]bool{
		someSent: sum.Sent > 0 && sum.Errors == 0, noneSent: sum.Sent == 0 && !sum.Complete, refusedSent: sum.Sent == 0 && sum.Errors > 0 && sum.Matched == 0 && !sum.Complete,
		noneNeeded: sum.Sent == 0 && sum.Errors == 0,
	}[s]
	if !ok {
		t.Errorf("summary: %d sent, %d refused, %d matched, complete %v", sum.Sent, sum.Errors, sum.Matched, sum.Complete)
	}
}

// table is what docs/exit-codes.md says of the conditions.
func conditionTable() string {
	var b strings.Builder
	b.WriteString("| condition |")
	for _, c := range conditionCommands {
		b.WriteString(" " + c.shown() + " |")
	}
	b.WriteString(" the sentence says |\n|" + strings.Repeat(" --- |", len(conditionCommands)+2) + "\n")
	for i := range conditions {
		c := &conditions[i]
		b.WriteString("| " + c.name + " |")
		for _, command := range conditionCommands {
			want, special := c.but[command.name]
			if !special {
				want = c.most
			}
			fmt.Fprintf(&b, " %d |", want.code)
		}
		said := c.most.says
		if said != "" {
			said = "“" + said + "”"
		}
		b.WriteString(" " + said + " |\n")
	}
	return b.String()
}

// shown is how a command of the table is called in the documentation.
func (c *conditionCommand) shown() string {
	switch c.name {
	case "stateless":
		return "scan --stateless"
	case "connect":
		return "scan --engine connect"
	case "paths", "watch":
		return "trace --" + c.name
	}
	return c.name
}

// The table of the documentation is the one that is tested.
func TestExitCodesAreDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/exit-codes.md")
	if table := conditionTable(); err != nil || !strings.Contains(string(b), table) {
		t.Errorf("docs/exit-codes.md lacks this table (%v):\n%s", err, table)
	}
}
