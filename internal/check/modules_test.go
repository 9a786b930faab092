package check

import (
	"errors"
	"strings"
	"testing"
	"time"

	"synscope/probe"
)

func modules(text string) (map[string]Module, error) {
	return LoadModules("m.yaml", Source{
		Read: func(string) ([]byte, error) { return []byte(text), nil },
		Env:  func(name string) (string, bool) { return "22", name == "PORT" },
	})
}

func TestModules(t *testing.T) {
	all, err := modules(`
modules:
  web: {port: 443, attempts: 2, timeout: 500ms, ip: 6}
  lossy: {count: 10, interval: 20ms, timeout: 1s, loss: 5%, rtt: {p95: 20ms, max: 1s}, port: "${PORT}"}
  shut: {expect: refused}
`)
	if err != nil {
		t.Fatal(err)
	}
	if m := all["web"]; m.Port != 443 || m.Attempts != 2 || m.Takes() != time.Second || m.Family != "ip6" || m.Expect != probe.StateOpen {
		t.Errorf("%+v", m)
	}
	if m := all["lossy"]; m.Attempts != 0 || m.Count != 10 || m.SYNs() != 11 || *m.Loss != 0.05 || len(m.RTT) != 2 || m.Port != 22 || m.Takes() != 1180*time.Millisecond {
		t.Errorf("%+v", m)
	}
	if all["shut"].Expect != probe.StateRefused || all["tcp_connect"].Attempts != 3 || all["loss"].Count != 20 {
		t.Errorf("%+v", all)
	}
}

// Each mistake is an error with its place.
func TestModulesAreStrict(t *testing.T) {
	for text, want := range map[string]string{
		"":                                          "empty",
		"modules: [a]":                              "m.yaml:1:10: modules: expected names",
		"module: {a: {}}":                           `unknown key "module" in the file: did you mean "modules"?`,
		"modules: {a: {prt: 1}}":                    `m.yaml:1:15: unknown key "prt" in module a: did you mean "port"?`,
		"modules: {a: {port: 0}}":                   "1 to 65535",
		"modules: {a: {port: 1, port: 2}}":          "twice",
		"modules: {a: {}, a: {}}":                   "twice",
		"modules: {'a b': {}}":                      "a name is of letters",
		"modules: {a: {interval: 1s}}":              "belongs to a count",
		"modules: {a: {count: 2, attempts: 2}}":     "exclude each other",
		"modules: {a: {count: 1000, interval: 1s}}": "takes up to",
		"modules: {a: {timeout: -1s}}":              "timeout",
		"modules: {a: {ip: 5}}":                     `"5" is not known`,
		"modules: {a: {expect: shut}}":              "expect",
		"modules: {a: {loss: 101%}}":                "0% to 100%",
		"modules: {a: {rtt: {p42: 1ms}}}":           `unknown key "p42"`,
		"modules: {a: &x {}, b: *x}":                "expected keys with values, found an alias",
		"modules: {a: {port: 1}}\n---\nmore: 1":     "one document",
		"modules: {a: {port: 1}":                    "not YAML",
	} {
		_, err := modules(text)
		if !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// No file makes the reader panic, or a module that runs for longer than it may.
func FuzzModules(f *testing.F) {
	f.Add("modules: {a: {count: 2, interval: 1s}}")
	f.Add("modules:\n  a:\n    interval: {b: [1]}\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := modules(text)
		if err != nil {
			return
		}
		for name, m := range all {
			if m.Takes() > longestModule || m.Takes() <= 0 || m.SYNs() > mostModuleSYNs+1 || m.Attempts == 0 && m.Interval <= 0 {
				t.Errorf("%s: %+v", name, m)
			}
		}
	})
}
