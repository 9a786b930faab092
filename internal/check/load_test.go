package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// files are a file system and an environment in memory.
func files(all map[string]string) Source {
	return Source{
		Read: func(path string) ([]byte, error) {
			if text, ok := all[path]; ok {
				return []byte(text), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		},
		Env: func(name string) (string, bool) {
			v, ok := map[string]string{"HOST": "192.0.2.9", "EMPTY": ""}[name]
			return v, ok
		},
	}
}

func load(text string) (*Expectations, error) {
	return Load("c.yaml", files(map[string]string{"c.yaml": text, "empty.yaml": ""}))
}

const whole = `
version: 1
include: more.yaml
groups:
  web: [192.0.2.1, 192.0.2.2]
  all: [web, "${HOST}", "${NOBODY:-192.0.2.77}"]
probing: {timeout: 500ms, retries: 1, rate: 50k, count: 7, interval: 10ms}
defaults:
  loss: 5%
  rtt: 20ms
expect:
  - name: web
    targets: all
    open: [80, https]
    refused: 22, 25
    not-open: 8000-8003
    only: true
    scope: all
    handshake: {options: [mss, sack], without: ecn, close: four-way three-way, findings: banner, no-findings: [zero-window]}
    isn: {at-least: tuple-clock, class: [random, tuple-clock], difficulty: 20, quick: true}
    path: {max-hops: 5, through: 198.51.100.0/24, avoid: [203.0.113.9]}
    overrides:
      192.0.2.2: {rtt: {p50: 1s, max: 0.5}, open: 81}
`

// A file with everything in it is read as it is meant.
func TestLoad(t *testing.T) {
	p, err := Load("dir/c.yaml", files(map[string]string{
		"dir/c.yaml": whole, "dir/more.yaml": "defaults: {rtt: {p99: 3s}}\nexpect:\n  - {targets: 192.0.2.5, open: 443}\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Expect) != 2 || p.Expect[0].Name != "expectation 1" || p.Probing.Timeout != 500*time.Millisecond || p.Probing.Retries != 1 || p.Probing.Count != 7 {
		t.Fatalf("%+v", p)
	}
	included := &p.Expect[0]
	if *included.Loss != 0.05 || included.RTT[0] != (Bound{"p99", 3 * time.Second}) || included.Where != "dir/more.yaml:3:5" {
		t.Errorf("included: %+v", included)
	}
	e := &p.Expect[1]
	if fmt.Sprint(e.Targets) != "[192.0.2.1 192.0.2.2 192.0.2.9 192.0.2.77]" || fmt.Sprint(e.open()) != "[80 443]" || e.NotOpen.Len() != 4 || e.Scope.Len() != 65535 {
		t.Errorf("%+v", e)
	}
	h, i, way := e.Handshake, e.ISN, e.Path
	if fmt.Sprint(h.Options, h.Without, h.Close, h.Findings, h.NoFindings) != "[mss sack] [ecn] [four-way three-way] [banner] [zero-window]" {
		t.Errorf("%+v", h)
	}
	if i.AtLeast != "tuple-clock" || len(i.Classes) != 2 || i.Difficulty != 20 || !i.Quick || way.MaxHops != 5 || way.Avoid[0].Bits() != 32 {
		t.Errorf("%+v %+v", i, way)
	}
	if e.RTT[0] != (Bound{"p95", 20 * time.Millisecond}) {
		t.Errorf("%v", e.RTT)
	}
	other := e.of("192.0.2.2")
	if fmt.Sprint(other.RTT) != "[{p50 1s} {max 500ms}]" || fmt.Sprint(other.open()) != "[81]" || len(other.States) != 2 || fmt.Sprint(e.of("192.0.2.1").open()) != "[80 443]" {
		t.Errorf("%+v", other)
	}
}

// Every mistake is told of with its place, and what may have been meant.
func TestMistakes(t *testing.T) {
	one := func(line string) string { return "expect:\n  - targets: 192.0.2.1\n    " + line + "\n" }
	for text, want := range map[string]string{
		"":                                   "the file is empty",
		"# nothing\n":                        "the file is empty",
		"expect: []":                         "nothing is expected",
		"expect: {}":                         `c.yaml:1:9: expect: expected a list`,
		"expekt: []":                         `c.yaml:1:1: unknown key "expekt" in the file: did you mean "expect"?`,
		"xyzzy: 1":                           "there are defaults, expect, groups",
		"a: [":                               "c.yaml:1:4: not YAML: what begins with [ has no end",
		"expect:\n\t- x":                     "c.yaml:2:1: not YAML: a tab: lines are indented by spaces",
		"- a":                                "the file: expected keys with values, found a list",
		"version: 2\n" + one("open: 80"):     `version "2" is not known`,
		one("open: 80") + "---\nx: 1":        "one document a file",
		one("opne: 80"):                      `c.yaml:3:5: unknown key "opne" in an expectation: did you mean "open"?`,
		one("open: 80\n    open: 81"):        `c.yaml:4:5: key "open" is there twice`,
		one("open: htpp"):                    `c.yaml:3:11: open: `,
		one("open: 99999"):                   "c.yaml:3:11: open: ",
		one("open: {a: 1}"):                  "open: expected one word, found keys with values",
		one("open: [80, [81]]"):              "open: expected a word, found a list",
		one("open: &x 80\n    refused: *x"):  "aliases are not read",
		one("rtt: 20ms"):                     "on which port? Say `port:`",
		one("only: yes please"):              "only: expected true or false",
		one("open: 80\n    rtt: fast"):       `c.yaml:4:10: rtt: expected a time`,
		one("open: 80\n    rtt: 20"):         "c.yaml:4:10: rtt: 20 has no unit: write 20ms, or 20s if seconds are meant",
		one("open: 80\n    rtt: {p95: 1.5}"): "rtt p95: 1.5 has no unit",
		one("open: 80\n    rtt: -1s"):        "rtt: expected a time",
		one("open: 80\n    rtt: {p96: 1s}"):  `unknown key "p96" in rtt: did you mean`,
		one("open: 80\n    rtt: [1s]"):       "rtt: expected a time, or percentiles",
		one("open: 80\n    loss: 101%"):      "loss: expected a share",
		one("open: 80\n    loss: NaN"):       "loss: expected a share",
		one("open: 80\n    isn: tuple-clok"): `"tuple-clok" is not known: did you mean "tuple-clock"?`,
		one("open: 80\n    isn: mixed"):      `"mixed" is not known`,
		one("open: 80\n    handshake: {close: fourway}"):                `did you mean "four-way"?`,
		one("open: 80\n    handshake: {no-findings: accept-queue-ful}"): `did you mean "accept-queue-full"?`,
		one("open: 80\n    path: {through: nowhere}"):                   "no address and no prefix",
		one("open: 80\n    path: {max-hops: 0}"):                        "from 1 to 255",
		one("open: 80\n    overrides: {192.0.2.9: {open: 1}}"):          "is none of the targets",
		one("open: 80\n    overrides: {192.0.2.1: {name: x}}"):          `unknown key "name" in overrides`,
		one("name: x"):                                                       "expects nothing of 192.0.2.1",
		"expect:\n  - open: 80":                                              "has no targets",
		"expect:\n  - targets: []\n    open: 80":                             "has no targets",
		"expect:\n  - just a word":                                           "expected keys with values, found \"just a word\"",
		"expect:\n  - targets: host:80\n    open: 80":                        "a target has no port here",
		"expect:\n  - targets: ${NOBODY}\n    open: 80":                      "c.yaml:2:14: targets: the environment has no variable NOBODY",
		"expect:\n  - targets: ${NOBODY\n    open: 80":                       "without its closing }",
		"groups: {web: [a], web: [b]}\n" + one("open: 80"):                   "c.yaml:1:", // the parser's own, or ours
		"groups: {1st: [a]}\n" + one("open: 80"):                             "begins with a letter",
		"probing: {rate: fast}\n" + one("open: 80"):                          "rate: expected packets a second",
		"probing: {retries: -1}\n" + one("open: 80"):                         "from 0 to 20",
		"include: c.yaml\n" + one("open: 80"):                                "c.yaml:1:10: include: c.yaml: includes itself",
		"include: none.yaml\n" + one("open: 80"):                             "c.yaml:1:10: include: open none.yaml",
		"include: [empty.yaml]\n" + one("open: 80"):                          "c.yaml:1:11: include: empty.yaml: the file is empty",
		"groups: {web: [192.0.2.1, web]}\n" + one("open: 80"):                `c.yaml:1:27: group "web" holds itself`,
		"expect:\n  - targets: [192.0.2.1, 192.0.2.300]\n    open: 80":       `c.yaml:2:26: expectation 1: target "192.0.2.300": `,
		"expect:\n  - targets: 192.0.2.1, 192.0.2.300\n    open: 80":         `c.yaml:2:14: expectation 1: target "192.0.2.300": `,
		"groups: {unused: [192.0.2.1, 192.0.2.300]}\n" + one("open: 80"):     `c.yaml:1:30: group "unused": target "192.0.2.300": `,
		"groups: {w: 192.0.2.5/33}\nexpect:\n  - targets: [w]\n    open: 80": `c.yaml:1:13: group "w": target "192.0.2.5/33": `,
		one("open: 80\n    refused: 1-100"):                                  "c.yaml:4:14: port 80 is expected to be open, and refused",
		one("filtered: 22\n    refused: 22"):                                 "c.yaml:4:14: port 22 is expected to be filtered, and refused",
		one("open: 80\n    not-open: 70-90"):                                 "c.yaml:4:15: port 80 is expected to be open, and not-open",
		one("open: 80\n    overrides: {192.0.2.1: {open: 81, refused: 81}}"): "port 81 is expected to be open, and refused",

		// What cannot hold, or expects nothing, although each key is right.
		one("open: 80\n    handshake: {options: [mss, ts], without: ts}"):              "c.yaml:4:46: without: ts is among options too",
		one("open: 80\n    handshake: {findings: banner, no-findings: banner}"):        "c.yaml:4:48: no-findings: banner is among findings too",
		one("open: 80\n    isn: {at-least: random, class: constant}"):                  "c.yaml:4:36: class: none of these is at least random",
		one("open: 80\n    path: {through: 192.0.2.7, avoid: 192.0.2.0/24}"):           "avoid: 192.0.2.0/24 holds 192.0.2.7",
		one("open: 80\n    path: {}"):                                                  "c.yaml:4:11: path: nothing is expected",
		one("open: 80\n    rtt: {}"):                                                   "c.yaml:4:10: rtt: nothing is expected",
		one("open: 80\n    isn: {}"):                                                   "c.yaml:4:10: isn: nothing is expected",
		one("open: 80\n    isn: {quick: true}"):                                        "isn: nothing is expected",
		one("open: 80\n    scope: all"):                                                "c.yaml:4:12: scope: it says where",
		one("open: 80\n    loss: 1"):                                                   "c.yaml:4:11: loss: a share of 1 has no sign: write 1%",
		one("open: 80\n    name: ''"):                                                  "c.yaml:4:11: name: it is empty",
		one("open: -1"):                                                                `c.yaml:3:11: open: "-1" is no port`,
		one("open: 0"):                                                                 "c.yaml:3:11: open: \"0\": nothing can listen on port 0",
		one("open: 0-9"):                                                               "nothing can listen on port 0",
		one("open: 80\n    name: !!binary eA=="):                                       "c.yaml:4:11: name: tags such as !!binary are not read",
		"expect:\n  - <<: {loss: 0%}\n    targets: 192.0.2.1\n    open: 80":            "c.yaml:2:5: keys are not merged",
		"probing: {rate: 0}\n" + one("open: 80"):                                       "c.yaml:1:17: rate: expected packets a second",
		"groups: {a: [b], b: [c], c: [192.0.2.1, a]}\n" + one("open: 80"):              `c.yaml:1:14: group "a" holds itself, by way of "b"`,
		"expect:\n  - targets: '[2001:db8::1]'\n    open: 80":                          "write an address without brackets: 2001:db8::1",
		"expect:\n  - name: x\n   targets: 192.0.2.1\n":                                "c.yaml:3:4: not YAML: this line is indented like none that",
		"expect:\n  - name: gr\xf6\xdfe\n    targets: 192.0.2.1\n":                     "c.yaml:2:3: not YAML: invalid trailing UTF-8 octet",
		"expect:\n  - targets: 192.0.2.1\n    open: 80\n    name: \"a\x00b\"\n":        "c.yaml:4:5: not YAML: control characters",
		"expect:\n  - name:x\n    targets: 192.0.2.1\n    open: 80\n":                  "c.yaml:3:5: not YAML: this line cannot belong to the one above",
		"expect:\n  - targets: 192.0.2.1\n    open: 80\n  - {name: \"x, open: 80}\n\n": "c.yaml:4:12: not YAML: what begins with \" has no end",
		"expect:\n  - name: web: front\n    targets: 192.0.2.1\n":                      "c.yaml:2:14: not YAML: a colon and a space within a value: put the value in quotes",
		"expect:\n  - name: x\n    open: [80, 81\n    targets: 192.0.2.1\n":            "c.yaml:3:11: not YAML: what begins with [ has no end: ] is missing",
		"expect:\n  - name: 'x\n    open: 80\n":                                        "c.yaml:2:11: not YAML: what begins with ' has no end",
	} {
		p, err := load(text)
		if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, ErrFile) || p != nil {
			t.Errorf("%q:\n%v\nlacks %s", text, err, want)
		}
	}
}

// What is said of a port nearer to it wins over defaults: it is one thing.
func TestNearerStatesWin(t *testing.T) {
	p, err := load("defaults: {refused: [22, 23], not-open: [80, 81]}\nexpect:\n  - {targets: [192.0.2.1, 192.0.2.2], open: [22, 80], overrides: {192.0.2.2: {filtered: 80}}}\n")
	if err != nil {
		t.Fatal(err)
	}
	e := &p.Expect[0]
	if got := fmt.Sprint(e.States, " ", e.NotOpen.String()); got != "[{refused 23} {open 22,80}] 81" {
		t.Errorf("%s", got)
	}
	if got := fmt.Sprint(e.of("192.0.2.2").States); got != "[{refused 23} {open 22} {filtered 80}]" {
		t.Errorf("overridden: %s", got)
	}
}

// A wrong value is told of once, and not as nothing that is expected besides.
func TestNoMistakesOfMistakes(t *testing.T) {
	_, err := load("expect:\n  - {targets: 192.0.2.1, open: htpp}\n  - {targets: 192.0.2.1, loss: 120%}\n")
	if n := strings.Count(fmt.Sprint(err), "\n") + 1; n != 2 {
		t.Errorf("%d mistakes:\n%v", n, err)
	}
}

// placed is how each mistake of a file begins.
var placed = regexp.MustCompile(`^(dir/)?(c|more)\.yaml:\d+:\d+: .|^expectations: (dir/)?(c|more)\.yaml: (the file is empty|nothing is expected|and \d+ more mistakes)`)

// A good file with one letter too few, too many or wrong is either still good or
// refused with the line and column of the mistake.
func TestEveryLetterWrong(t *testing.T) {
	good := "version: 1\n" + strings.TrimPrefix(whole, "\nversion: 1\n")
	others := map[string]string{"more.yaml": "defaults: {rtt: {p99: 3s}}\nexpect:\n  - {targets: 192.0.2.5, open: 443}\n"}
	refused := 0
	try := func(text string) {
		others["c.yaml"] = text
		_, err := Load("c.yaml", files(others))
		if err == nil {
			return
		}
		refused++
		for line := range strings.Lines(err.Error()) {
			if !placed.MatchString(line) || !errors.Is(err, ErrFile) {
				t.Errorf("no place in %q, of\n%s", line, text)
			}
		}
	}
	letters := []rune("x0:-[]{}\"'#&*!%@|>\t\n\x00\u00e9")
	for i := range good {
		try(good[:i] + good[i+1:])
		c := string(letters[i%len(letters)]) // each meets each key, over the whole file
		try(good[:i] + c + good[i:])
		try(good[:i] + c + good[i+1:])
		if t.Failed() {
			return
		}
	}
	if refused < 500 {
		t.Errorf("only %d were refused", refused)
	}
}

// All mistakes of a file are told at once, up to a bound.
func TestManyMistakes(t *testing.T) {
	text := "expect:\n"
	for range 30 {
		text += "  - {targets: 192.0.2.1, opne: 80, open: 80}\n"
	}
	_, err := load(text)
	if n := strings.Count(fmt.Sprint(err), "did you mean"); n != mostFaults || !strings.Contains(err.Error(), "and 20 more mistakes") {
		t.Errorf("%d: %v", n, err)
	}
}

func TestExpand(t *testing.T) {
	env := files(nil).Env
	for in, want := range map[string]string{
		"a": "a", "${HOST}": "192.0.2.9", "x${HOST}y$$z": "x192.0.2.9y$z", "$5": "$5", "${EMPTY:-b}": "b", "${NONE:-}": "", "${HOST:-b}": "192.0.2.9", "a$": "a$",
	} {
		if got, err := expand(in, env); err != nil || got != want {
			t.Errorf("%q: %q %v, want %q", in, got, err, want)
		}
	}
}

// Whatever the file, an error is one of the file and has a place in it.
func FuzzLoad(f *testing.F) {
	f.Add(whole)
	f.Add("expect:\n  - targets: [a, b]\n    open: 80\n    overrides: {a: {open: 81}}\n")
	f.Add("expect: &a [*a]")
	f.Add("? {a: b}\n: c")
	f.Add("expect:\n- ? [a]\n  : b")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := load(text)
		switch {
		case err == nil && len(p.Expect) == 0:
			t.Error("no error and no expectation")
		case err == nil:
			p.Needs(Hosts{})
		case !errors.Is(err, ErrFile):
			t.Errorf("%v", err)
		}
	})
}

// The example in the documentation is valid.
func TestDocumentedExamples(t *testing.T) {
	page, err := os.ReadFile("../../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(page), "```")
	seen := 0
	for _, p := range parts {
		text, ok := strings.CutPrefix(p, "yaml\n")
		if !ok {
			continue
		}
		seen++
		if _, err := load(text); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
	if seen < 2 {
		t.Errorf("%d examples", seen)
	}
}

// Groups name each other in any order, and a target of several groups is judged
// once.
func TestGroupsInAnyOrder(t *testing.T) {
	p, err := load("groups: {all: [later, web], later: [192.0.2.2, web], web: [192.0.2.1]}\nexpect:\n  - {targets: [all, web, 192.0.2.1], open: 80}\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(p.Expect[0].Targets); got != "[192.0.2.2 192.0.2.1]" {
		t.Error(got)
	}
}

// Groups that hold each other twice, and those again, and so on, are few targets.
func TestGroupsThatGrow(t *testing.T) {
	text := "groups:\n  g0: [192.0.2.1]\n"
	for i := range 60 {
		text += fmt.Sprintf("  g%d: [g%d, g%d]\n", i+1, i, i)
	}
	p, err := load(text + "expect:\n  - {targets: g60, open: 80}\n")
	if err != nil || len(p.Expect[0].Targets) != 1 {
		t.Errorf("%v %v", p, err)
	}
}
