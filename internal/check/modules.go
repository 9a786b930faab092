package check

import (
	"time"

	"go.yaml.in/yaml/v3"

	"synscope/probe"
)

// Module is a way to probe one port, and what is expected of it, under the name by
// which a scraper asks for it.
type Module struct {
	Name     string
	Attempts int           // SYNs at most, of which the first that is answered is enough; 0: Count
	Count    int           // SYNs, whatever is answered
	Interval time.Duration // between those
	Timeout  time.Duration // of each
	Port     uint16        // where the target names none; 0: it must
	Family   string        // "ip", "ip4" or "ip6"
	Expect   probe.State
	Loss     *float64 // share at most; nil: any
	RTT      []Bound
}

// Takes is how long a run of the module takes at most.
func (m *Module) Takes() time.Duration {
	if m.Attempts > 0 {
		return time.Duration(m.Attempts) * m.Timeout
	}
	return time.Duration(m.Count-1)*m.Interval + m.Timeout
}

// SYNs is how many of them a run sends at most, with the one that finds the
// neighbour.
func (m *Module) SYNs() int { return 1 + max(m.Attempts, m.Count) }

// Bounds of a module.
const (
	mostModules    = 1000
	mostAttempts   = 10
	mostModuleSYNs = 1000
	longestModule  = time.Minute
)

// BuiltIn are the modules that there are without a file: syn and, as others call
// it, tcp_connect find out whether a port is open; loss sends twenty SYNs in a
// second.
func BuiltIn() map[string]Module {
	all := map[string]Module{}
	for _, name := range []string{"syn", "tcp_connect"} {
		all[name] = moduleNamed(name)
	}
	loss := moduleNamed("loss")
	loss.Attempts, loss.Count, loss.Interval = 0, 20, 50*time.Millisecond
	all["loss"] = loss
	return all
}

func moduleNamed(name string) Module {
	return Module{Name: name, Attempts: 3, Timeout: time.Second, Family: "ip", Expect: probe.StateOpen}
}

// LoadModules reads a file of modules, and returns them beside those that are built
// in. The error lists up to ten mistakes, each with its line and column, and is
// [ErrFile].
func LoadModules(path string, s Source) (map[string]Module, error) {
	l := &loader{source: s}
	root, err := l.parse(path, nil)
	if err != nil {
		return nil, err
	}
	r := &reader{file: path, env: s.Env}
	all := BuiltIn()
	r.mapping(root, "the file", keys{
		"version": func(n *yaml.Node) { r.version(n) },
		"modules": func(n *yaml.Node) { r.modules(n, all) },
	})
	return all, r.err()
}

func (r *reader) modules(n *yaml.Node, all map[string]Module) {
	if n.Kind != yaml.MappingNode {
		r.wrong(n, "modules: expected names with keys, found %s", kindOf(n))
		return
	}
	if len(n.Content) > 2*mostModules {
		r.wrong(n, "more than %d modules", mostModules)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case !groupName.MatchString(key.Value):
			r.wrong(key, "module %q: a name is of letters, digits, - and _, and begins with a letter", key.Value)
			continue
		case seen[key.Value]:
			r.wrong(key, "module %q is there twice", key.Value)
			continue
		}
		seen[key.Value] = true
		all[key.Value] = r.module(key, n.Content[i+1])
	}
}

func (r *reader) module(key, n *yaml.Node) Module {
	m := moduleNamed(key.Value)
	counted := false
	r.mapping(n, "module "+key.Value, keys{
		"attempts": func(n *yaml.Node) { m.Attempts = r.integer(n, "attempts", 1, mostAttempts) },
		"count": func(n *yaml.Node) {
			m.Attempts, m.Interval, counted = 0, 50*time.Millisecond, true
			m.Count = r.integer(n, "count", 1, mostModuleSYNs)
		},
		"interval": func(*yaml.Node) {}, // read when it is known that there is a count
		"timeout":  func(n *yaml.Node) { m.Timeout = r.duration(n, "timeout", time.Millisecond, longestModule) },
		"port":     func(n *yaml.Node) { m.Port = uint16(r.integer(n, "port", 1, 65535)) },
		"ip": func(n *yaml.Node) {
			m.Family = map[string]string{"4": "ip4", "6": "ip6"}[r.among1(n, "ip", []string{"4", "6"})]
		},
		"expect": func(n *yaml.Node) { m.Expect = r.stateWord(n) },
		"loss":   func(n *yaml.Node) { m.Loss = r.percent(n, "loss") },
		"rtt":    func(n *yaml.Node) { m.RTT = r.bounds(n) },
	})
	if interval := valueOf(n, "interval"); interval != nil {
		if !counted {
			r.wrong(interval, "module %s: an interval belongs to a count; attempts follow when one was not answered", key.Value)
		}
		m.Interval = r.duration(interval, "interval", time.Millisecond, longestModule)
	}
	if counted && valueOf(n, "attempts") != nil {
		r.wrong(key, "module %s: attempts and count exclude each other", key.Value)
	}
	if m.Takes() > longestModule {
		r.wrong(key, "module %s takes up to %v: at most %v", key.Value, m.Takes(), longestModule)
	}
	return m
}

// among1 is one word of a list.
func (r *reader) among1(n *yaml.Node, what string, known []string) string {
	words := r.among(n, what, known)
	if len(words) != 1 {
		r.wrong(n, "%s: expected one word", what)
		return ""
	}
	return words[0]
}

func (r *reader) stateWord(n *yaml.Node) probe.State {
	w := r.word(n, "expect")
	s, err := probe.ParseState(w)
	if err != nil {
		r.wrong(n, "expect: %v", err)
	}
	return s
}
