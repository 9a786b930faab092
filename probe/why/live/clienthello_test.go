package live

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"
)

// Go's TLS server takes our first message for a client's, and would use what it offers.
func TestClientHelloIsUnderstood(t *testing.T) {
	for name, want := range map[string]string{"www.example.net": "www.example.net", "192.0.2.1": "", "2001:db8::1": ""} {
		near, far := net.Pipe()
		seen := errors.New("seen")
		go func() {
			near.Write(clientHello(name))
			io.Copy(io.Discard, near) // the alert
		}()
		err := tls.Server(far, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			if h.ServerName != want || len(h.SupportedVersions) != 2 || h.SupportedVersions[0] != tls.VersionTLS13 || len(h.SupportedCurves) != 2 {
				t.Errorf("%q: %+v", name, h)
			}
			return nil, seen
		}}).Handshake()
		if !errors.Is(err, seen) {
			t.Errorf("%q: %v", name, err)
		}
		near.Close()
		far.Close()
	}
}

// A server goes on to its certificate: with TLS 1.2 it stands there for all to read.
func TestClientHelloIsAnswered(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		near, far := net.Pipe()
		cert := selfSigned(t)
		go tls.Server(far, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: version}).Handshake()
		go near.Write(clientHello("www.example.net"))
		b := make([]byte, 4096)
		n, err := near.Read(b)
		if err != nil || n < 100 || b[0] != 22 || b[5] != 2 { // handshake, server_hello
			t.Errorf("version %x: % x, %v", version, b[:min(n, 16)], err)
		}
		near.Close()
		far.Close()
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	is := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"www.example.net"}}
	der, err := x509.CreateCertificate(rand.Reader, is, is, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
