package check

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"synscope/internal/spelling"
	"synscope/internal/target"
)

// ErrFile marks an error of a file of expectations: the file is wrong, and
// nothing was probed.
var ErrFile = errors.New("expectations")

// fault is one mistake and where it is.
type fault struct {
	where string // "check.yaml:7:5"
	text  string
}

func (f *fault) Error() string { return f.where + ": " + f.text }
func (f *fault) Unwrap() error { return ErrFile }

// mostFaults is how many mistakes are told at once.
const mostFaults = 10

// reader collects the mistakes of a file while it is read.
type reader struct {
	file   string
	env    func(string) (string, bool)
	faults []error
	known  map[string]target.Ports // by the words that name them
}

// wrong notes a mistake at a node.
func (r *reader) wrong(n *yaml.Node, format string, args ...any) {
	r.faults = append(r.faults, &fault{r.at(n), fmt.Sprintf(format, args...)})
}

func (r *reader) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d:%d", r.file, n.Line, n.Column) }

// err is all mistakes, each on a line of its own.
func (r *reader) err() error {
	if len(r.faults) > mostFaults {
		more := len(r.faults) - mostFaults
		return errors.Join(append(r.faults[:mostFaults:mostFaults], fmt.Errorf("%w: %s: and %d more mistakes", ErrFile, r.file, more))...)
	}
	return errors.Join(r.faults...)
}

// keys is what a mapping may hold: by key, what is done with its value.
type keys map[string]func(*yaml.Node)

// mapping reads a mapping with known keys, each at most once.
func (r *reader) mapping(n *yaml.Node, what string, known keys) {
	if n.Kind != yaml.MappingNode {
		r.wrong(n, "%s: expected keys with values, found %s", what, kindOf(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := known[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode:
			r.wrong(key, "%s: a key is a word, found %s", what, kindOf(key))
		case key.Value == "<<" && key.Tag == "!!merge":
			r.wrong(key, "keys are not merged: defaults and include do what << would")
		case !ok:
			r.wrong(key, "unknown key %q in %s%s", key.Value, what, suggestion(key.Value, known))
		case seen[key.Value]:
			r.wrong(key, "key %q is there twice in %s", key.Value, what)
		case value.Kind == yaml.AliasNode:
			r.wrong(value, "aliases are not read: use groups, defaults or include")
		default:
			read(value)
		}
		seen[key.Value] = true
	}
}

// suggestion is the known key that is spelled most like a word, or all.
func suggestion(word string, known keys) string {
	return ": " + spelling.Hint(word, slices.Collect(maps.Keys(known)))
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	if n.Tag == "!!null" {
		return "nothing"
	}
	if len(n.Value) > longestQuote {
		return fmt.Sprintf("%.*q…", longestQuote, n.Value)
	}
	return fmt.Sprintf("%q", n.Value)
}

// longestQuote is how much of a value is repeated in a message.
const longestQuote = 60

// word is a scalar with its variables filled in; "" and a mistake where there is
// none.
func (r *reader) word(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.wrong(n, "%s: expected one word, found %s", what, kindOf(n))
		return ""
	}
	if n.Style&yaml.TaggedStyle != 0 {
		r.wrong(n, "%s: tags such as %s are not read: leave it out", what, n.Tag)
		return ""
	}
	text, err := expand(n.Value, r.env)
	if err != nil {
		r.wrong(n, "%s: %v", what, err)
	}
	return strings.TrimSpace(text)
}

// words is a list, or one scalar of words set apart by commas or spaces.
func (r *reader) words(n *yaml.Node, what string) (all []located) {
	if n.Kind != yaml.SequenceNode {
		for _, w := range strings.FieldsFunc(r.word(n, what), func(c rune) bool { return c == ',' || c == ' ' }) {
			all = append(all, located{w, n})
		}
		return all
	}
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			r.wrong(item, "%s: expected a word, found %s", what, kindOf(item))
			continue
		}
		for _, w := range r.words(item, what) {
			all = append(all, located{w.word, item})
		}
	}
	return all
}

// located is a word and its place.
type located struct {
	word string
	node *yaml.Node
}

// expand fills in ${NAME} and ${NAME:-otherwise} from the environment; $$ is a $.
func expand(s string, env func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "$")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		switch {
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			s = after[1:]
			continue
		case !strings.HasPrefix(after, "{"):
			b.WriteByte('$')
			s = after
			continue
		}
		inside, rest, closed := strings.Cut(after[1:], "}")
		if !closed {
			return "", errors.New("a variable without its closing }")
		}
		name, otherwise, has := strings.Cut(inside, ":-")
		value, set := env(name)
		if !set && !has {
			return "", fmt.Errorf("the environment has no variable %s: set it, or write ${%s:-otherwise}", name, name)
		}
		if !set || value == "" && has {
			value = otherwise
		}
		b.WriteString(value)
		s = rest
	}
}
