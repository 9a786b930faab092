package htmlreport

import (
	"bytes"
	"strings"
	"testing"
)

// No record makes a page command a terminal, or turn round what stands beside it, in
// whatever pieces the page is written.
func TestPageHasNoControls(t *testing.T) {
	const evil = `\u001b]0;x\u0007\u009b31m\u202e\u2066\u007f\u2028`
	lines := `{"type":"run","schema":"synscope/1","version":"1","command":"scan","args":["` + evil + `"],"engine":"` + evil + `","start":"2026-11-29T04:52:24Z"}` + "\n" +
		`{"type":"port","target":"` + evil + `","addr":"10.0.0.1","port":80,"state":"open","reason":"syn-ack","findings":[{"code":"x","severity":"warning","text":"` + evil + `","evidence":"` + evil + `"}]}` + "\n" + ended
	var report Report
	if err := report.Read("evil\x1b\u202e", strings.NewReader(lines)); err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := report.Write(&page); err != nil {
		t.Fatal(err)
	}
	if at := strings.IndexFunc(page.String(), func(r rune) bool { return r != shown(r) }); at >= 0 {
		t.Errorf("%q", page.String()[max(0, at-40):at+10])
	}
	var got bytes.Buffer
	p := plain{to: &got}
	for _, b := range []byte("a\u202eä\u009b€\x1b[0m\xff\n\xe2\x80") {
		p.Write([]byte{b})
	}
	if p.flush(); got.String() != "a\ufffdä\ufffd€\ufffd[0m\ufffd\n\ufffd" {
		t.Errorf("%q", got.String())
	}
}
