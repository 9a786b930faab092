package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The bill of this test's own binary names what it is built of.
func TestBill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out, again bytes.Buffer
	if err := run(&out, []string{self}); err != nil {
		t.Fatal(err)
	}
	if err := run(&again, []string{self}); err != nil || again.String() != out.String() {
		t.Error("the same binary gives two bills", err)
	}
	var d document
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d.Format != "CycloneDX" || d.Spec != "1.5" || len(d.Components) == 0 || !strings.HasPrefix(d.Components[0].Version, "go") {
		t.Errorf("%+v", d)
	}
}

func TestRecognise(t *testing.T) {
	for text, want := range map[string]string{
		"                                 Apache License\n                           Version 2.0, January 2004": "Apache-2.0",
		"Permission is hereby granted, free of charge, to any person":                                           "MIT",
		"Neither the name of Google Inc. nor":                                                                   "BSD-3-Clause",
		"all rights reserved":                                                                                   "",
	} {
		if got := recognise(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
