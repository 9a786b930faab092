package explain

import (
	"errors"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"synscope/probe"
	"synscope/probe/isn"
	"synscope/probe/why"
)

// emitters are the directories whose packages put words into records, and what
// below them does not: test worlds, and models of hosts.
var (
	emitters = []string{"probe", "netraw", "internal/capture", "internal/report", "internal/cli"}
	apart    = []string{"probe/simnet", "probe/isn/simhost", "probe/isn/internal", "netraw/bpf"}
)

// notWords are literals in the shape of a word that are none: of the command
// line, of packets' options, and names of clocks and series.
var notWords = []string{
	"same-tuple", "varied-port", "varied-address", "synack-ack", "last-ack", "out-of-order", "keep-alive",
	"four-tuple", "kernel-rx", "tcp-info", "bpf-filter", "min-ttl", "tcp-md5",
	// what a router changed in a quote (trace)
	"tos", "ttl", "id", "src", "dst", "sport", "dport", "seq", "flags", "win", "options",
	// marks of our own segments, which are counted nowhere
	"own",
	// what losses are grouped by
	"source-port",
	// parts of sentences
	"four-tuple",
}

var kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// emitted are the words in the source of a directory, and where each is.
func emitted(t *testing.T, dir string) map[string]string {
	t.Helper()
	words := map[string]string{}
	err := filepath.WalkDir(filepath.Join("..", "..", dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		here := filepath.ToSlash(path)
		if d.IsDir() && slices.ContainsFunc(apart, func(a string) bool { return strings.HasSuffix(here, a) }) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		f := finder{set: set, words: words, engine: strings.HasPrefix(dir, "probe")}
		ast.Inspect(file, f.node)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return words
}

// finder collects the literals that become words of records.
type finder struct {
	set    *token.FileSet
	words  map[string]string
	engine bool // of a package whose every word with a hyphen is one of records
}

func (f *finder) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BasicLit:
		if f.engine && strings.Contains(n.Value, "-") {
			f.take(n)
		}
	case *ast.KeyValueExpr: // Finding{Code: "…"}
		if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" {
			f.take(n.Value)
		}
	case *ast.CallExpr: // r.note("…"), traffic.reject("…"), Reason("…"), notice(n, "…")
		f.call(n)
	case *ast.ValueSpec: // const rejectX = "…", ReasonX Reason = "…", names of classes
		f.value(n)
	case *ast.CompositeLit: // []pattern{{"…", …}}, map[uint8]Reason{…}
		f.literal(n)
	}
	return true
}

func (f *finder) call(n *ast.CallExpr) {
	name := ""
	switch fun := n.Fun.(type) {
	case *ast.Ident:
		name = fun.Name
	case *ast.SelectorExpr:
		name = fun.Sel.Name
	}
	if slices.Contains([]string{"note", "reject", "Reason"}, name) && len(n.Args) > 0 {
		f.take(n.Args[0])
	}
	if name == "notice" && len(n.Args) > 1 {
		f.take(n.Args[1])
	}
}

func (f *finder) value(n *ast.ValueSpec) {
	typed := ""
	switch kind := n.Type.(type) {
	case *ast.Ident:
		typed = kind.Name
	case *ast.SelectorExpr:
		typed = kind.Sel.Name
	}
	for i, v := range n.Values {
		name := n.Names[min(i, len(n.Names)-1)].Name
		if strings.HasPrefix(name, "reject") || slices.Contains([]string{"Reason", "Doubt", "Close", "Cause"}, typed) {
			f.take(v)
		}
		if list, ok := v.(*ast.CompositeLit); ok && slices.Contains([]string{"classNames", "hopKindNames"}, name) {
			for _, e := range list.Elts {
				f.take(e)
			}
		}
	}
}

func (f *finder) literal(n *ast.CompositeLit) {
	array, ok := n.Type.(*ast.ArrayType)
	if !ok {
		return
	}
	if id, ok := array.Elt.(*ast.Ident); !ok || id.Name != "pattern" {
		return
	}
	for _, e := range n.Elts {
		if list, ok := e.(*ast.CompositeLit); ok && len(list.Elts) > 0 {
			f.take(list.Elts[0])
		}
	}
}

// take adds a literal that has the shape of a word.
func (f *finder) take(e ast.Expr) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return
	}
	word, err := strconv.Unquote(lit.Value)
	if err != nil || !kebab.MatchString(word) || slices.Contains(notWords, word) {
		return
	}
	f.words[word] = f.set.Position(lit.Pos()).String()
}

// Every word that the code can put into a record is explained.
func TestEveryWordIsExplained(t *testing.T) {
	total := 0
	for _, dir := range emitters {
		words := emitted(t, dir)
		total += len(words)
		for word, where := range words {
			if len(Of(word)) == 0 {
				t.Errorf("%s: %q is not explained: add it to internal/explain, or, if it is no word of records, to notWords here", where, word)
			}
		}
	}
	if total < 120 {
		t.Errorf("only %d words were found in the source: the search is broken", total)
	}
}

// What packets are of that are no TCP is explained: all of the two tables of names.
func TestProtocolsAreExplained(t *testing.T) {
	name := regexp.MustCompile(`(?:0x[0-9a-f]{4}|\b[0-9]+): "([a-z0-9-]+)"`)
	for file, from := range map[string]string{"probe/flow/reject.go": "protocolNames = ", "internal/capture/ether.go": "etherNames = "} {
		source, err := os.ReadFile(filepath.Join("..", "..", file))
		if err != nil {
			t.Fatal(err)
		}
		_, list, _ := strings.Cut(string(source), from)
		list, _, _ = strings.Cut(list, "\n}")
		found := name.FindAllStringSubmatch(list, -1)
		if len(found) < 10 {
			t.Errorf("%s: only %d names were found: the search is broken", file, len(found))
		}
		for _, m := range found {
			if len(Of(m[1])) == 0 {
				t.Errorf("%s: %q is not explained", file, m[1])
			}
		}
	}
}

// What the packages themselves list is explained, as the kind that it is.
func TestListedWordsAreExplained(t *testing.T) {
	has := func(k Kind, word string) {
		t.Helper()
		if !slices.ContainsFunc(Of(word), func(e Entry) bool { return e.Kind == k }) {
			t.Errorf("%s %q is not explained", k, word)
		}
	}
	for _, c := range isn.Classes() {
		has(Class, c.String())
	}
	for s := probe.State(0); s < 6; s++ {
		has(State, s.String())
	}
	for _, code := range []string{"icmp-3-5", "icmp-3-15", "icmp-1-8"} {
		has(Reason, code)
	}
	for _, e := range why.Experiments() {
		has(Experiment, e.Name)
	}
	for s := probe.SeverityInfo; s <= probe.SeverityWarning; s++ {
		has(Severity, s.String())
	}
	for _, word := range []string{"ethertype-0x88b5", "ip-protocol-200"} {
		has(Rejection, word)
	}
}

// Entries are whole sentences, once each.
func TestEntriesAreWhole(t *testing.T) {
	seen := map[Entry]bool{}
	for _, e := range All() {
		key := Entry{Kind: e.Kind, Word: e.Word}
		if seen[key] {
			t.Errorf("%s %s twice", e.Kind, e.Word)
		}
		seen[key] = true
		if e.Means == "" || e.Seen == "" && e.Do == "" && e.Kind != Rejection && e.Kind != Finding {
			t.Errorf("%s %s says too little", e.Kind, e.Word)
		}
		for _, text := range []string{e.Means, e.Seen, e.Do} {
			if text != "" && !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, ")") {
				t.Errorf("%s %s: no sentence: %q", e.Kind, e.Word, text)
			}
		}
		if headings[e.Kind] == "" {
			t.Errorf("kind %q has no heading in the documentation", e.Kind)
		}
		if !slices.Contains(Kinds(), e.Kind) {
			t.Errorf("%s: kind %q", e.Word, e.Kind)
		}
	}
}

var update = flag.Bool("update", false, "write docs/words.md")

// The page in the documentation is made from the table.
func TestDocumentation(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "words.md")
	if *update {
		if err := os.WriteFile(path, Markdown(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != string(Markdown()) {
		t.Errorf("%s is not what the table says: go test ./internal/explain -update", path)
	}
}

// No line is wider than a small terminal.
func TestTextFits(t *testing.T) {
	var b strings.Builder
	if err := errors.Join(WriteText(&b, All(), 80), WriteList(&b, All(), 80)); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if utf8.RuneCountInString(line) > 80+1 {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(line), line)
		}
	}
}

// Words are found however they are typed, and misspelled ones nearly.
func TestOfAndNear(t *testing.T) {
	for _, word := range []string{"Accept-Queue-Full", "accept_queue_full", " accept queue full "} {
		if got := Of(word); len(got) != 1 || got[0].Word != "accept-queue-full" {
			t.Errorf("%q: %v", word, got)
		}
	}
	if got := Of("syn-proxy"); len(got) != 2 {
		t.Errorf("syn-proxy is a finding and a class: %v", got)
	}
	for word, want := range map[string]string{"accept-queue-ful": "accept-queue-full", "chalenge-ack": "challenge-ack", "middlebox": "refused-by-middlebox", "icmp-3-x": "icmp-3-n"} {
		if got := Near(word); !slices.Contains(got, want) {
			t.Errorf("%q: %v, want %s", word, got, want)
		}
	}
	if got := Near("xyzzyxyzzy"); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

// A word is looked up in a table: a report asks for as many as strangers have put into
// their files.
func TestOfIsALookUp(t *testing.T) {
	Of("open")
	for _, word := range []string{"no-such-word", "Accept_Queue full", "icmp-3-200"} {
		if n := testing.AllocsPerRun(100, func() { Of(word) }); n > 10 {
			t.Errorf("%q: %.0f allocations", word, n)
		}
	}
}

// The table gives what a look through all entries gives, and nobody can change it.
func TestOfIsWhatAllHold(t *testing.T) {
	for _, e := range All() {
		var want []Entry
		for _, other := range All() {
			if normal(other.Word) == normal(e.Word) {
				want = append(want, other)
			}
		}
		got := Of(strings.ToUpper(strings.ReplaceAll(e.Word, "-", "_")))
		if !slices.Equal(got, want) {
			t.Fatalf("%s: %v, want %v", e.Word, got, want)
		}
		got[0].Means = "changed"
		_ = append(got, Entry{})
		if slices.Contains(Of(e.Word), got[0]) {
			t.Fatalf("%s: what was given can be changed", e.Word)
		}
	}
}
