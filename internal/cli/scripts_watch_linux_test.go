package cli

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"synscope/internal/lab"
)

// scriptLab is a host with two open ports, one of which nobody accepts on, and the
// environment in which scripts run.
func scriptLab(t *testing.T, name string, link *lab.Link) (*lab.Host, *demoEnvironment) {
	t.Helper()
	lab.Require(t)
	l, err := lab.New(lab.Spec{Logf: t.Logf, Hosts: []lab.HostSpec{{Name: name, Link: link, Services: []lab.Service{
		{Ports: []uint16{80}, Manner: lab.Echo},
		{Ports: []uint16{9000}, Manner: lab.NeverAccept, Backlog: 1},
	}, Sysctls: lab.Sysctls{"net.ipv4.tcp_syncookies": "0"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d := shellOf(t, l)
	scripts, err := filepath.Abs("../../scripts")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range d.env {
		if path, isPath := strings.CutPrefix(v, "PATH="); isPath {
			d.env[i] = "PATH=" + path + ":" + scripts
		}
	}
	return l.Hosts()[0], d
}

// write puts a file into the directory in which commands run.
func (d *demoEnvironment) write(t *testing.T, name, text string) {
	t.Helper()
	writeFile(t, filepath.Join(d.dir, name), []byte(text), 0o755)
}

// says runs a command and holds what it prints, and its exit code, against what is
// expected: a regular expression over all of it.
func (d *demoEnvironment) says(t *testing.T, command, want string, code int) {
	t.Helper()
	got := d.run(t, "("+command+"); echo exit $?")
	if !regexp.MustCompile(`(?s)^` + want + fmt.Sprintf("exit %d\n$", code)).MatchString(got) {
		t.Errorf("$ %s\n%swant\n%sexit %d", command, got, want, code)
	}
}

// port-watch tells of a port once that was opened, and of nothing while all is as it
// was; a look that fails replaces nothing.
func TestPortWatch(t *testing.T) {
	t.Parallel()
	h, d := scriptLab(t, "portwatch", nil)
	d.write(t, "list", "portwatch # a host\n")
	watch := "STATE=state PORTS=80,81,8080 port-watch list"
	d.says(t, watch, "", 0)
	d.says(t, watch, "", 0)
	if err := h.Serve(lab.Service{Ports: []uint16{8080}, Manner: lab.Echo}); err != nil {
		t.Fatal(err)
	}
	d.says(t, watch, `Ports of list that changed between [0-9: -]+ and now:\n\n[0-9.]+:8080: state: was refused \(reset\), is open \(syn-ack\)\n1 change\n`, 1)
	d.says(t, watch, "", 0)
	d.write(t, "list", "nosuch.invalid\n")
	d.says(t, watch, "port-watch: the look at list failed:\n.*nosuch.invalid.*\n", exitUnable) // no name server can be reached from here
	d.write(t, "list", "portwatch\n")
	d.says(t, watch, "", 0)
	d.says(t, "ls state | sort", "list.jsonl\nlist.jsonl.lock\n", 0)
}

// rtt-watch tells of a handshake that has become slow, of losses, and of silence.
func TestRTTWatch(t *testing.T) {
	t.Parallel()
	h, d := scriptLab(t, "rttwatch", nil)
	d.write(t, "list", "rttwatch:80\n")
	watch := "STATE=state COUNT=5 INTERVAL=10ms KEEP=3 MORE=1000 rtt-watch list"
	for range 4 {
		d.says(t, watch, "", 0)
	}
	d.says(t, "wc -l < state/rtt-list", "3\n", 0)
	// What was usual is put at a hundredth of what it is.
	d.says(t, `awk '{ $4 = 1000; print }' state/rtt-list > x && mv x state/rtt-list; MORE=0.00001 `+strings.TrimPrefix(watch, "STATE=state ")+` STATE=state || true`, ".*", 0)
	d.says(t, `awk '{ $4 = 1000; print }' state/rtt-list > x && mv x state/rtt-list; STATE=state COUNT=5 INTERVAL=10ms MORE=0.00001 rtt-watch list`,
		`rttwatch:80: the median is [0-9.e+-]+ ms, and was 0.001 ms in the last 3 looks\n`, 1)
	d.write(t, "gone", "rttwatch:80\n"+h.Absent4().String()+":80\n")
	d.says(t, "STATE=state COUNT=2 INTERVAL=10ms FACTOR=1000 rtt-watch gone", h.Absent4().String()+":80 does not answer\n", 1)
}

// accept-queue finds the port on which nobody accepts.
func TestAcceptQueueAlarm(t *testing.T) {
	t.Parallel()
	_, d := scriptLab(t, "acceptqueue", nil)
	d.write(t, "well", "acceptqueue:80\n")
	d.write(t, "list", "acceptqueue:80\nacceptqueue:9000\n")
	d.says(t, "TIMES=2 FLAGS='--close rst' accept-queue well", "", 0)
	d.says(t, "TIMES=3 FLAGS='--timeout 300ms' accept-queue list", "acceptqueue:9000: opened 2 of 3 times and silent 1: its accept queue is full[^\n]*\n", 1)
}

// firewall-change tells what a change changes, and undoes what nobody keeps, or what
// failed.
func TestFirewallChange(t *testing.T) {
	t.Parallel()
	h, d := scriptLab(t, "firewall", nil)
	d.says(t, "firewall-change -p 80,8080 firewall -- true", "0 changes\n", 0)
	if err := h.Serve(lab.Service{Ports: []uint16{8080}, Manner: lab.Echo}); err != nil {
		t.Fatal(err)
	}
	d.says(t, "KEEP=looks firewall-change -p 80,8080 firewall -- sh -c 'echo \"$1\"' x 'two words'; ls looks", "two words\n0 changes\nafter.jsonl\nbefore.jsonl\n", 0)
	d.says(t, "UNDO='echo undone; rm changed' firewall-change -p 80,9000 firewall -- sh -c 'touch changed; exit 7' < /dev/null; code=$?; ls changed 2>/dev/null; exit $code",
		"firewall-change: the command failed with exit code 7\nfirewall-change: undoing the change\nundone\n", 7)
	d.says(t, "firewall-change -p 80 firewall", "usage: [^\n]*\n", 2)
	d.says(t, "firewall-change -- true", "usage: [^\n]*\n", 2)
}

// A change that is seen from here is told, and undone where nobody keeps it: here the
// change fills the accept queue of a port.
func TestFirewallChangeIsUndone(t *testing.T) {
	t.Parallel()
	_, d := scriptLab(t, "undone", nil)
	d.write(t, "fill", "#!/bin/sh\nfor i in 1 2 3; do synscope handshake --max-retries 0 --timeout 300ms -q undone:9000 > /dev/null; done; true\n")
	d.says(t, "UNDO='echo undone' firewall-change -p 80,9000 --max-retries 0 undone -- ./fill < /dev/null",
		`[0-9.]+:9000: state: was open \(syn-ack\), is filtered \(no-response\)\n1 change\nfirewall-change: undoing the change\nundone\n`, 1)
}

// textfile-metrics writes what promtool takes, of every kind of target, and says so
// where it could not look.
func TestTextfileMetrics(t *testing.T) {
	h, d := scriptLab(t, "textfile", nil)
	d.write(t, "list", "textfile:80\ntextfile:81\n"+h.Absent4().String()+":80\n")
	d.says(t, "COUNT=2 INTERVAL=10ms textfile-metrics list out.prom", "", 0)
	d.says(t, "grep -v '^#' out.prom | sed 's/ [0-9.]*e*[-0-9]*$//' | grep -c seconds", "[0-9]+\n", 0)
	addr := h.Addr4().String()
	d.says(t, "grep -e _up out.prom -e _received | grep -v '^#' | sort", fmt.Sprintf(
		`synscope_look_received\{target="%[2]s:80",addr="%[2]s",port="80"\} 0\n`+
			`synscope_look_received\{target="textfile:80",addr="%[1]s",port="80"\} 2\n`+
			`synscope_look_received\{target="textfile:81",addr="%[1]s",port="81"\} 2\n`+
			`synscope_look_up\{target="%[2]s:80",addr="%[2]s",port="80"\} 0\n`+
			`synscope_look_up\{target="textfile:80",addr="%[1]s",port="80"\} 1\n`+
			`synscope_look_up\{target="textfile:81",addr="%[1]s",port="81"\} 0\n`, addr, h.Absent4()), 0)
	d.says(t, "command -v promtool > /dev/null || exit 0; promtool check metrics < out.prom", "", 0)
	d.write(t, "list", "a word with spaces\n")
	d.says(t, "textfile-metrics list out.prom 2> /dev/null; code=$?; grep -v '^#' out.prom | head -n 1; exit $code", "synscope_look_success 0\n", 2)
	d.says(t, "ls out.prom*", "out.prom\n", 0)
}
