package why_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"synscope/probe/why"
	"synscope/probe/why/internal/world"
)

// TestCausesAreWhole: every cause says what to do about it, and has scenes to be found in.
func TestCausesAreWhole(t *testing.T) {
	seen := map[why.Code]bool{}
	for _, c := range why.Causes() {
		if seen[c.Code] {
			t.Errorf("%s is there twice", c.Code)
		}
		seen[c.Code] = true
		if c.Title == "" || c.Advice == "" || c.Prior <= 0 || c.Variants == nil || c.Commands == nil {
			t.Errorf("%s says too little: %+v", c.Code, c)
		}
		if c.Code != why.Unknown && !slices.Contains(world.Codes(), c.Code) {
			t.Errorf("%s has no fault in internal/world", c.Code)
		}
	}
	for _, code := range world.Codes() {
		if !seen[code] {
			t.Errorf("no cause is %s", code)
		}
	}
}

// TestCodesHaveRecords: each constant is the code of a cause.
func TestCodesHaveRecords(t *testing.T) {
	codes := codesIn(t, "cause.go")
	if len(codes) < len(why.Causes()) {
		t.Errorf("%d constants, %d causes", len(codes), len(why.Causes()))
	}
	for name, code := range codes {
		if !slices.ContainsFunc(why.Causes(), func(c why.Cause) bool { return c.Code == code }) {
			t.Errorf("%s (%s) is no cause of Causes", name, code)
		}
	}
}

// codesIn are the constants of the type Code in a file, by name.
func codesIn(t *testing.T, file string) map[string]why.Code {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]why.Code{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Code" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes[spec.Names[0].Name] = why.Code(text)
		}
		return true
	})
	return codes
}

// TestDocumentsCountCauses: the documents know how many there are.
func TestDocumentsCountCauses(t *testing.T) {
	for _, path := range []string{"../../README.md", "../../CHANGELOG.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		counts := regexp.MustCompile(`\b(\d+)\s+causes`).FindAllStringSubmatch(string(text), -1)
		if len(counts) == 0 {
			t.Errorf("%s does not count the causes", path)
		}
		for _, c := range counts {
			if c[1] != strconv.Itoa(len(why.Causes())) {
				t.Errorf("%s: %q, and there are %d", path, c[0], len(why.Causes()))
			}
		}
	}
}
