package schema

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// source is the code that writes records.
type source struct {
	t       *testing.T
	methods map[string]map[string]*ast.FuncDecl // type → name
	funcs   map[string]*ast.FuncDecl
	embeds  map[string][]string // type → types in it without a name
}

// readSource parses the package that writes records.
func readSource(t *testing.T) *source {
	t.Helper()
	s := &source{t: t, methods: map[string]map[string]*ast.FuncDecl{}, funcs: map[string]*ast.FuncDecl{}, embeds: map[string][]string{}}
	paths, err := filepath.Glob("../report/record/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			s.declare(d)
		}
	}
	return s
}

func (s *source) declare(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			s.funcs[d.Name.Name] = d
			return
		}
		of := typeName(d.Recv.List[0].Type)
		if s.methods[of] == nil {
			s.methods[of] = map[string]*ast.FuncDecl{}
		}
		s.methods[of][d.Name.Name] = d
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if ts, ok := spec.(*ast.TypeSpec); ok {
				s.embedded(ts)
			}
		}
	}
}

func (s *source) embedded(ts *ast.TypeSpec) {
	st, ok := ts.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range st.Fields.List {
		if len(f.Names) == 0 {
			s.embeds[ts.Name.Name] = append(s.embeds[ts.Name.Name], typeName(f.Type))
		}
	}
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// object is what a record, or a part of one, holds.
type object struct {
	properties map[string]any
	required   []string
}

func newObject() *object { return &object{properties: map[string]any{}} }

// presence is whether a field is in every record of its type.
type presence uint8

const (
	always presence = iota
	sometimes
)

func (o *object) put(name string, schema any, p presence) {
	_, there := o.properties[name]
	o.properties[name] = schema
	if p == always && !there {
		o.required = append(o.required, name)
	}
}

// records are the objects of all types that have a Type, by its word.
func (s *source) records() map[string]*object {
	all := map[string]*object{}
	for of, methods := range s.methods {
		if word := s.wordOf(of); word != "" && methods["Fields"] != nil {
			o := newObject()
			s.walk(of, methods["Fields"].Body.List, o, always)
			all[word] = o
		}
	}
	for of, methods := range s.methods { // a type that takes its Type from another
		for _, inner := range s.embeds[of] {
			if word := s.wordOf(inner); s.wordOf(of) == "" && word != "" && methods["Fields"] != nil {
				s.walk(of, methods["Fields"].Body.List, all[word], sometimes)
			}
		}
	}
	return all
}

// wordOf is what a type's own method Type returns.
func (s *source) wordOf(of string) string {
	m := s.methods[of]["Type"]
	if m == nil || len(m.Body.List) != 1 {
		return ""
	}
	ret, ok := m.Body.List[0].(*ast.ReturnStmt)
	if !ok {
		return ""
	}
	word, _ := literal(ret.Results[0])
	return word
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// walk goes through the statements of a method that writes fields with that presence.
func (s *source) walk(of string, list []ast.Stmt, o *object, p presence) {
	for _, stmt := range list {
		switch stmt := stmt.(type) {
		case *ast.ExprStmt:
			if call, ok := stmt.X.(*ast.CallExpr); ok {
				s.call(of, call, o, p)
			}
		case *ast.IfStmt:
			s.walk(of, stmt.Body.List, o, sometimes)
			if e, ok := stmt.Else.(*ast.BlockStmt); ok {
				s.walk(of, e.List, o, sometimes)
			}
			if n := len(stmt.Body.List); n > 0 {
				if _, returns := stmt.Body.List[n-1].(*ast.ReturnStmt); returns {
					p = sometimes
				}
			}
		case *ast.SwitchStmt:
			for _, c := range stmt.Body.List {
				s.walk(of, c.(*ast.CaseClause).Body, o, sometimes)
			}
		case *ast.RangeStmt:
			s.each(stmt, o)
		case *ast.BlockStmt:
			s.walk(of, stmt.List, o, p)
		}
	}
}

// each takes a loop over a literal list of names.
func (s *source) each(loop *ast.RangeStmt, o *object) {
	list, ok := loop.X.(*ast.CompositeLit)
	if !ok {
		return
	}
	kind := ""
	ast.Inspect(loop.Body, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && kinds[sel.Sel.Name] != nil {
			kind = sel.Sel.Name
		}
		return true
	})
	for _, e := range list.Elts {
		if item, ok := e.(*ast.CompositeLit); ok && len(item.Elts) > 0 {
			if name, ok := literal(item.Elts[0]); ok && kind != "" {
				o.put(name, kinds[kind], sometimes)
			}
		}
	}
}

// call takes one call: of the writer, of a helper for optional fields, or of
// another function that writes.
func (s *source) call(of string, call *ast.CallExpr, o *object, p presence) {
	switch fun := call.Fun.(type) {
	case *ast.IndexExpr:
		return
	case *ast.Ident:
		if schema := helpers[fun.Name]; schema != nil {
			if name, ok := literal(call.Args[1]); ok {
				o.put(name, schema, sometimes)
			}
			return
		}
		if strings.HasSuffix(fun.Name, "Field") {
			s.t.Errorf("%s: %s is not known to the generator: add it to helpers", of, fun.Name)
		} else if f := s.funcs[fun.Name]; f != nil && writes(call) {
			s.walk("", f.Body.List, o, p)
		}
	case *ast.SelectorExpr:
		s.selected(of, fun, call, o, p)
	}
}

func (s *source) selected(of string, fun *ast.SelectorExpr, call *ast.CallExpr, o *object, p presence) {
	if x, ok := fun.X.(*ast.Ident); ok && x.Name == "w" {
		name, ok := literal(call.Args[0])
		switch {
		case !ok:
		case fun.Sel.Name == "Object":
			inner := newObject()
			s.inside(of, call.Args[1], inner)
			o.put(name, inner.schema(), p)
		case fun.Sel.Name == "Objects":
			inner := newObject()
			s.inside(of, call.Args[2], inner)
			o.put(name, map[string]any{"type": "array", "items": inner.schema()}, p)
		case kinds[fun.Sel.Name] != nil:
			o.put(name, kinds[fun.Sel.Name], p)
		default:
			s.t.Errorf("%s: w.%s of %q is not known to the generator", of, fun.Sel.Name, name)
		}
		return
	}
	if !writes(call) {
		return
	}
	owner := of
	if x, ok := fun.X.(*ast.SelectorExpr); ok { // r.Summary.Fields(w)
		owner = x.Sel.Name
	}
	if m := s.methods[owner][fun.Sel.Name]; m != nil {
		s.walk(owner, m.Body.List, o, p)
		return
	}
	s.t.Errorf("%s: %s is not known to the generator", of, fun.Sel.Name)
}

// inside walks what writes the fields of an object: a function, or a method.
func (s *source) inside(of string, e ast.Expr, o *object) {
	switch e := e.(type) {
	case *ast.FuncLit:
		s.walk(of, e.Body.List, o, always)
	case *ast.SelectorExpr:
		if m := s.methods[of][e.Sel.Name]; m != nil {
			s.walk(of, m.Body.List, o, always)
		}
	}
}

// writes tells whether the writer is among the arguments.
func writes(call *ast.CallExpr) bool {
	for _, a := range call.Args {
		if id, ok := a.(*ast.Ident); ok && id.Name == "w" {
			return true
		}
	}
	return false
}
