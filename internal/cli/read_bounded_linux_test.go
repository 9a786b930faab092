package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// What never ends is refused in a moment, whatever reads it.
func TestEndlessInputs(t *testing.T) {
	if _, err := os.Stat("/dev/zero"); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"isn --from /dev/zero", "check /dev/zero", "merge /dev/zero", "read /dev/zero", "scan -iL /dev/zero",
		"scan --exclude-file /dev/zero 192.0.2.1", "scan --stateless --exclude-file /dev/zero 192.0.2.1",
		"scan --resume /dev/zero 192.0.2.1", "handshake --data @/dev/zero 192.0.2.1:80", "send --data @/dev/zero 192.0.2.1:80",
		"report /dev/zero --html " + t.TempDir() + "/page.html",
	} {
		if r := command(t.Context(), nil, strings.Fields(args)...); r.code != exitUsage || !strings.Contains(r.err, "/dev/zero") {
			t.Errorf("%s: exit %d: %s", args, r.code, r.err)
		}
	}
	for _, endless := range []string{"isn,sport\n", "isn,sport\n\"", "isn,sport\n# "} {
		var out, errs bytes.Buffer
		s := Streams{In: &forever{endless}, Out: &out, Err: &errs, Env: bareEnv}
		code := Main(t.Context(), []string{"synscope", "isn", "--from", "-"}, s)
		if r := (ran{code, out.String(), errs.String()}); r.code != exitUsage || !strings.Contains(r.err, "more than") {
			t.Errorf("%q: exit %d: %s", endless, r.code, r.err)
		}
	}
}

// forever is a file that begins with a text and goes on with digits.
type forever struct{ text string }

func (f *forever) Read(b []byte) (int, error) {
	n := copy(b, f.text)
	f.text = f.text[n:]
	for i := range b[n:] {
		b[n+i] = '1'
	}
	return len(b), nil
}
