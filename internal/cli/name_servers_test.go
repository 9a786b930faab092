package cli

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// failing is a resolver that answers everything in one way.
type failing net.DNSError

func (f *failing) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, (*net.DNSError)(f)
}

// A name that is not there is wrong; where no name server answers, nothing says so of the
// name, and this machine cannot do what was asked.
func TestWhoseFaultANameIs(t *testing.T) {
	for _, row := range []struct {
		answer failing
		code   int
		says   string
	}{
		{failing{Err: "no such host", Name: "host.example", IsNotFound: true}, exitUsage, "does not resolve"},
		{failing{Err: "i/o timeout", Name: "host.example", Server: "192.0.2.53:53", IsTimeout: true}, exitUnable, "no name server answered"},
		{failing{Err: "connection refused", Name: "host.example", IsTemporary: true}, exitUnable, "no name server answered"},
		{failing{Err: "server misbehaving", Name: "host.example", IsTemporary: true}, exitUnable, "no name server answered"},
	} {
		for _, command := range []string{"scan -p 80", "scan --plan -p 80", "scan --stateless -p 80", "ping", "handshake", "isn", "trace", "send", "why"} {
			word := " host.example"
			if !strings.HasPrefix(command, "scan") {
				word += ":80"
			}
			var out, errs strings.Builder
			streams := Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Env: bareEnv, Resolver: &row.answer}
			code := Main(t.Context(), append([]string{"synscope"}, strings.Fields(command+word)...), streams)
			if code != row.code || !strings.Contains(errs.String(), row.says) || !strings.Contains(errs.String(), "host.example") {
				t.Errorf("%s, %s: exit %d, %s", row.answer.Err, command, code, errs.String())
			}
		}
	}
}
