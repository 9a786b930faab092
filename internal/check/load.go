package check

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Source gives the files and the environment that expectations are read from.
type Source struct {
	Read func(path string) ([]byte, error)
	Env  func(name string) (string, bool)
}

// Bounds of what is read.
const (
	largestFile  = 1 << 20
	deepest      = 8 // includes within includes
	mostExpected = 100_000
)

// Defaults of probing.
const (
	defaultCount    = 10
	defaultInterval = 20 * time.Millisecond
)

// Load reads a file and what it includes. The error lists up to ten mistakes,
// each with its line and column, and is [ErrFile].
func Load(path string, s Source) (*Expectations, error) {
	l := &loader{source: s, all: &Expectations{Probing: Probing{Retries: -1, Count: defaultCount, Interval: defaultInterval}}, groups: groups{}}
	if err := l.file(path, nil, Expectation{}); err != nil {
		return nil, err
	}
	if len(l.all.Expect) == 0 {
		return nil, fmt.Errorf("%w: %s: nothing is expected: `expect:` is empty or missing", ErrFile, path)
	}
	l.all.groups = slices.Sorted(maps.Keys(l.groups))
	return l.all, nil
}

// loader reads one file after the other.
type loader struct {
	source Source
	all    *Expectations
	groups groups
}

// file reads one file; defaults are those of the file that includes it.
func (l *loader) file(path string, within []string, defaults Expectation) error {
	root, err := l.parse(path, within)
	if err != nil {
		return err
	}
	r := &reader{file: path, env: l.source.Env}
	var includes []located
	var expected, probing, basis *yaml.Node
	r.mapping(root, "the file", keys{
		"version":  func(n *yaml.Node) { r.version(n) },
		"include":  func(n *yaml.Node) { includes = r.words(n, "include") },
		"groups":   func(n *yaml.Node) { l.readGroups(r, n) },
		"defaults": func(n *yaml.Node) { basis = n },
		"probing":  func(n *yaml.Node) { probing = n },
		"expect":   func(n *yaml.Node) { expected = n },
	})
	if probing != nil {
		l.readProbing(r, probing)
	}
	if basis != nil {
		r.apply(basis, "defaults", &defaults, someKeys)
	}
	for _, i := range includes {
		other := i.word
		if !filepath.IsAbs(other) {
			other = filepath.Join(filepath.Dir(path), other)
		}
		err := l.file(other, append(within, path), defaults)
		var inside *fault
		switch {
		case errors.As(err, &inside): // which says where
			r.faults = append(r.faults, err)
		case err != nil:
			r.wrong(i.node, "include: %s", strings.TrimPrefix(err.Error(), ErrFile.Error()+": "))
		}
	}
	if expected != nil {
		l.readExpected(r, expected, defaults)
	}
	return r.err()
}

// parse is a file as one YAML document.
func (l *loader) parse(path string, within []string) (*yaml.Node, error) {
	switch {
	case slices.Contains(within, path):
		return nil, fmt.Errorf("%w: %s: includes itself", ErrFile, path)
	case len(within) >= deepest:
		return nil, fmt.Errorf("%w: %s: more than %d includes within each other", ErrFile, path, deepest)
	}
	b, err := l.source.Read(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if len(b) > largestFile {
		return nil, fmt.Errorf("%w: %s: larger than 1 MiB", ErrFile, path)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	var document, more yaml.Node
	if err := d.Decode(&document); errors.Is(err, io.EOF) || err == nil && len(document.Content) == 0 {
		return nil, fmt.Errorf("%w: %s: the file is empty", ErrFile, path)
	} else if err != nil {
		return nil, syntax(path, b, err)
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, &fault{fmt.Sprintf("%s:%d:%d", path, more.Line, max(more.Column, 1)), "one document a file: leave out what follows ---"}
	}
	return document.Content[0], nil
}

// yamlLine is the place in the messages of the YAML parser, which is where the
// block begins that is wrong, or nothing.
var yamlLine = regexp.MustCompile(`^yaml: (?:line \d+: )?(.*)$`)

// syntax is an error of the YAML parser with its place in front: the line after
// the most lines that can be read.
func syntax(path string, b []byte, err error) error {
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = m[1]
	}
	lines := bytes.SplitAfter(b, []byte{'\n'})
	wrong := sort.Search(len(lines), func(n int) bool {
		var any yaml.Node
		err := yaml.NewDecoder(bytes.NewReader(bytes.Join(lines[:n], nil))).Decode(&any)
		return err != nil && !errors.Is(err, io.EOF)
	})
	wrong = min(max(wrong, 1), len(lines))
	column, why := blame(string(lines[wrong-1]), text)
	return &fault{fmt.Sprintf("%s:%d:%d", path, wrong, column), "not YAML: " + why}
}

func (r *reader) version(n *yaml.Node) {
	if w := r.word(n, "version"); w != "1" {
		r.wrong(n, "version %q is not known: this program reads version 1", w)
	}
}

// readGroups takes the names that stand for several targets. They may name each
// other, in any order, and not in a circle.
func (l *loader) readGroups(r *reader, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		r.wrong(n, "groups: expected names with lists of targets, found %s", kindOf(n))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		if _, twice := l.groups[name.Value]; twice {
			r.wrong(name, "group %q is there twice", name.Value)
			continue
		}
		if !groupName.MatchString(name.Value) {
			r.wrong(name, "group %q: a name is of letters, digits, - and _, and begins with a letter", name.Value)
			continue
		}
		l.groups[name.Value] = r.words(n.Content[i+1], "group "+name.Value)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		l.uncircled(r, n.Content[i].Value)
		l.members(r, n.Content[i].Value)
	}
}

// members refuses what is no target, whether or not the group is named anywhere.
func (l *loader) members(r *reader, name string) {
	for _, m := range l.groups[name] {
		if err := wellFormed(m.word); err != "" {
			r.wrong(m.node, "group %q: target %q: %s", name, m.word, err)
		}
	}
}

// uncircled refuses a group that holds itself, and opens the circle.
func (l *loader) uncircled(r *reader, name string) {
	for i, m := range l.groups[name] {
		if m.word != name && !l.groups.holds(m.word, name) {
			continue
		}
		if m.word == name {
			r.wrong(m.node, "group %q holds itself", name)
		} else {
			r.wrong(m.node, "group %q holds itself, by way of %q", name, m.word)
		}
		l.groups[name] = slices.Delete(slices.Clone(l.groups[name]), i, i+1)
		return
	}
}

func (l *loader) readProbing(r *reader, n *yaml.Node) {
	p := &l.all.Probing
	r.mapping(n, "probing", keys{
		"timeout":  func(n *yaml.Node) { p.Timeout = r.duration(n, "timeout", time.Millisecond, time.Hour) },
		"retries":  func(n *yaml.Node) { p.Retries = r.integer(n, "retries", 0, 20) },
		"rate":     func(n *yaml.Node) { p.Rate = r.rate(n) },
		"count":    func(n *yaml.Node) { p.Count = r.integer(n, "count", 1, 1_000_000) },
		"interval": func(n *yaml.Node) { p.Interval = r.duration(n, "interval", time.Millisecond, time.Hour) },
	})
}

// readExpected takes the list of expectations.
func (l *loader) readExpected(r *reader, n *yaml.Node, defaults Expectation) {
	if n.Kind != yaml.SequenceNode {
		r.wrong(n, "expect: expected a list, found %s", kindOf(n))
		return
	}
	for i, item := range n.Content {
		e := defaults
		e.Where = r.at(item)
		e.Name = fmt.Sprintf("expectation %d", i+1)
		before := len(r.faults)
		r.apply(item, "an expectation", &e, allKeys)
		if item.Kind == yaml.MappingNode {
			l.complete(r, item, &e, before)
		}
		if len(l.all.Expect) >= mostExpected {
			r.wrong(item, "more than %d expectations", mostExpected)
			return
		}
		l.all.Expect = append(l.all.Expect, e)
	}
}
