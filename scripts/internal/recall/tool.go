//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// tool is a scanner: how it is called, with {addr}, {ports}, {if}, {src}, {mac} and
// {out} to be filled in, and how its file is read.
type tool struct {
	name string
	line string
	read func(text string) map[int]string
	all  bool // it says what every port is, and not only which are open
	wide bool // it probes one port of many addresses, which are all open
}

func toolsOf(program, only string) (list []tool) {
	stateless := program + " scan -q --stateless -p {ports} {addr} -oJ {out} --engine "
	for _, t := range []tool{
		{name: "scan", line: program + " scan -q -Pn -p {ports} {addr} -oJ {out}", read: readJSON, all: true},
		{name: "raw", line: stateless + "raw", read: readJSON},
		{name: "packet", line: stateless + "packet", read: readJSON},
		{name: "xdp", line: stateless + "xdp", read: readJSON},
		{name: "raw-2", line: stateless + "raw --max-retries 1", read: readJSON},
		{name: "nmap", line: "nmap -T4 -sS -n -Pn -p {ports} {addr} -oG {out}", read: readGrepable},
		{name: "zmap", line: "zmap -q -v 0 -b {none} -p {open} -P 2 -c 3 -r 1000 -i {if} -G {mac} -S {src} -o {out} {net}", read: readAddresses, wide: true},
		{name: "masscan", line: "timeout -k 3 20 masscan {addr} -p{ports} --rate 1000 --wait 3 --retries 1 -e {if} --router-mac {mac} --source-ip {src} -oL {out}", read: readList},
	} {
		if t.runs() && (only == "" || chosen(only, t.name)) {
			list = append(list, t)
		}
	}
	return list
}

// runs tells whether the tool is installed.
func (t *tool) runs() bool {
	_, err := exec.LookPath(strings.Fields(strings.TrimPrefix(t.line, "timeout -k 3 20 "))[0])
	return err == nil
}

// scan runs the tool, and says in a cell of the table how it did.
func (t *tool) scan(w *world, patience time.Duration) string {
	dir, err := os.MkdirTemp("", "recall")
	if err != nil {
		return err.Error()
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "out")
	if err := os.WriteFile(filepath.Join(dir, "none"), nil, 0o600); err != nil { // excluded addresses
		return err.Error()
	}
	line := strings.NewReplacer(
		"{addr}", w.host.Addr4().String(), "{ports}", fmt.Sprintf("1-%d", ports), "{if}", w.host.Interface(),
		"{src}", w.host.Prober4().String(), "{net}", addresses.String(), "{open}", fmt.Sprint(openEvery), "{none}", filepath.Join(dir, "none"), "{mac}", w.mac.String(), "{out}", out,
	).Replace(w.under + t.line)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	words := strings.Fields(line)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	begun := time.Now()
	said, err := os.Create(filepath.Join(dir, "said")) // masscan does not end while its output is a pipe
	if err != nil {
		return err.Error()
	}
	defer said.Close()
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = said, said, time.Second
	err = cmd.Run()
	took := time.Since(begun)
	text, _ := os.ReadFile(out)
	switch {
	case ctx.Err() != nil:
		return fmt.Sprintf("not done after %.0f s", took.Seconds())
	case err != nil && len(text) == 0:
		words, _ := os.ReadFile(said.Name())
		return "does not run: " + lastLine(string(words), err)
	}
	return t.judge(w, t.read(string(text)), took)
}

func lastLine(said string, err error) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	var exit *exec.ExitError
	if last := lines[len(lines)-1]; errors.As(err, &exit) && last != "" {
		return last[:min(len(last), 60)]
	}
	return err.Error()
}

// judge compares with the truth.
func (t *tool) judge(w *world, found map[int]string, took time.Duration) string {
	if t.wide {
		return cell(len(found), 1<<(32-addresses.Bits()), 0, took)
	}
	open, got, wrong := 0, 0, 0
	for port := 1; port <= ports; port++ {
		truth, said := w.truth(port), found[port]
		switch {
		case truth == "open":
			if open++; said == "open" {
				got++
			} else if said == "refused" {
				wrong++
			}
		case said == "open", t.all && said != truth:
			wrong++
		}
	}
	return cell(got, open, wrong, took)
}

func cell(got, open, wrong int, took time.Duration) string {
	words := fmt.Sprintf("%.1f %%, %.1f s", 100*float64(got)/float64(open), took.Seconds())
	if wrong > 0 {
		words += fmt.Sprintf(", %d wrong", wrong)
	}
	return words
}

// readAddresses reads zmap's default output, an address a line, each once.
func readAddresses(text string) map[int]string {
	found := map[int]string{}
	for line := range strings.Lines(text) {
		if a, err := netip.ParseAddr(strings.TrimSpace(line)); err == nil && addresses.Contains(a) {
			b := a.As4()
			found[int(b[2])<<8|int(b[3])] = "open"
		}
	}
	return found
}

func readJSON(text string) map[int]string {
	found := map[int]string{}
	for line := range strings.Lines(text) {
		var r struct {
			Type, State string
			Port        int
		}
		if json.Unmarshal([]byte(line), &r) == nil && r.Type == "port" {
			found[r.Port] = r.State
		}
	}
	return found
}

var grepable = regexp.MustCompile(`(\d+)/(open|closed|filtered)/`)

// readGrepable reads nmap's -oG. Of the state of most ports it says only how many
// there are: "Ignored State: closed (900)".
func readGrepable(text string) map[int]string {
	found := map[int]string{}
	if _, rest, ok := strings.Cut(text, "Ignored State: "); ok {
		state := strings.Replace(strings.Fields(rest)[0], "closed", "refused", 1)
		for port := 1; port <= ports; port++ {
			found[port] = state
		}
	}
	for _, m := range grepable.FindAllStringSubmatch(text, -1) {
		port, _ := strconv.Atoi(m[1])
		found[port] = strings.Replace(m[2], "closed", "refused", 1)
	}
	return found
}

// readList reads masscan's -oL: "open tcp 80 10.0.4.2 1700000000".
func readList(text string) map[int]string {
	found := map[int]string{}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) >= 4 && f[0] == "open" {
			port, _ := strconv.Atoi(f[2])
			found[port] = "open"
		}
	}
	return found
}
