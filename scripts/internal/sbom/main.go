// Sbom writes what a Go binary is made of as CycloneDX 1.5 (ECMA-424), from the
// build information that the toolchain puts into it.
package main

import (
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, args []string) error {
	path, remove, err := binary(args)
	if err != nil {
		return err
	}
	defer remove()
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(bill(info, licenceOf))
}

// binary is the one to read, built if none is named.
func binary(args []string) (path string, remove func(), err error) {
	if len(args) > 0 {
		return args[0], func() {}, nil
	}
	dir, err := os.MkdirTemp("", "sbom")
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, "synscope")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	return path, func() { os.RemoveAll(dir) }, cmd.Run()
}

type document struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type     string    `json:"type"`
	Ref      string    `json:"bom-ref"`
	Name     string    `json:"name"`
	Version  string    `json:"version,omitempty"`
	Purl     string    `json:"purl,omitempty"`
	Hashes   []hash    `json:"hashes,omitempty"`
	Licences []licence `json:"licenses,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licence struct {
	Licence struct {
		ID string `json:"id"`
	} `json:"license"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn,omitempty"`
}

// bill turns build information into a document; the same binary gives the same.
func bill(info *debug.BuildInfo, licence func(*debug.Module) string) *document {
	self := component{Type: "application", Ref: info.Main.Path, Name: info.Main.Path, Licences: licences("Apache-2.0")}
	d := &document{Format: "CycloneDX", Spec: "1.5", Version: 1, Metadata: metadata{self}}
	d.Components = append(d.Components, component{
		Type: "library", Ref: "std", Name: "std", Version: info.GoVersion,
		Purl: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go"), Licences: licences("BSD-3-Clause"),
	})
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		d.Components = append(d.Components, component{
			Type: "library", Ref: m.Path + "@" + m.Version, Name: m.Path, Version: m.Version,
			Purl: "pkg:golang/" + m.Path + "@" + m.Version, Hashes: hashes(m.Sum), Licences: licences(licence(m)),
		})
	}
	slices.SortFunc(d.Components, func(a, b component) int { return strings.Compare(a.Ref, b.Ref) })
	on := dependency{Ref: self.Ref}
	for _, c := range d.Components {
		on.On = append(on.On, c.Ref)
	}
	d.Dependencies = []dependency{on}
	return d
}

// hashes reads a sum of go.sum: "h1:" is SHA-256 of the module's file list.
func hashes(sum string) []hash {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sum, "h1:"))
	if err != nil || len(b) != 32 {
		return nil
	}
	return []hash{{"SHA-256", hex.EncodeToString(b)}}
}

func licences(id string) []licence {
	if id == "" {
		return nil
	}
	var l licence
	l.Licence.ID = id
	return []licence{l}
}

// licenceOf recognises the licence of a module in the module cache.
func licenceOf(m *debug.Module) string {
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return ""
	}
	dir := filepath.Join(strings.TrimSpace(string(cache)), escaped(m.Path)+"@"+m.Version)
	for _, name := range []string{"LICENSE", "LICENSE.txt", "LICENSE.md", "License", "COPYING", "LICENCE"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			return recognise(string(text))
		}
	}
	return ""
}

// escaped is a path as the module cache has it: capitals after an exclamation mark.
func escaped(path string) string {
	return regexp.MustCompile("[A-Z]").ReplaceAllStringFunc(path, func(c string) string { return "!" + strings.ToLower(c) })
}

// recognise names the licences that modules have, by what each alone says.
func recognise(text string) string {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	for _, l := range []struct{ id, says string }{
		{"Apache-2.0", "Apache License Version 2.0"},
		{"MPL-2.0", "Mozilla Public License Version 2.0"},
		{"GPL-2.0-only", "GNU GENERAL PUBLIC LICENSE Version 2"},
		{"BSD-3-Clause", "Neither the name"},
		{"BSD-2-Clause", "Redistributions in binary form must reproduce"},
		{"ISC", "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee"},
		{"MIT", "Permission is hereby granted, free of charge"},
		{"CC0-1.0", "CC0 1.0"},
	} {
		if strings.Contains(text, strings.ToLower(l.says)) {
			return l.id
		}
	}
	return ""
}
