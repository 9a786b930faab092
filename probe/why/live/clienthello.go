package live

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"slices"
)

// clientHello is the first message of a TLS 1.3 or 1.2 client (RFC 8446, section
// 4.1.2), small enough for any segment: a server answers it with its certificates,
// which are long. The handshake goes no further, so no keys are needed: 32 random
// octets stand for the X25519 share. An address is no server_name (RFC 6066, section 3).
func clientHello(name string) []byte {
	random, session, share := octets(32), octets(32), octets(32)
	extensions := slices.Concat(
		extension(10, vector16(uint16s(0x001d, 0x0017))),                                         // supported_groups: x25519, secp256r1
		extension(11, []byte{1, 0}),                                                              // ec_point_formats: uncompressed
		extension(13, vector16(uint16s(0x0403, 0x0804, 0x0807, 0x0401, 0x0503, 0x0805, 0x0501))), // signature_algorithms
		extension(43, append([]byte{4}, uint16s(0x0304, 0x0303)...)),                             // supported_versions: 1.3, 1.2
		extension(45, []byte{1, 1}),                                                              // psk_key_exchange_modes: psk_dhe_ke
		extension(51, vector16(slices.Concat(uint16s(0x001d), vector16(share)))),                 // key_share: x25519
	)
	if _, err := netip.ParseAddr(name); err != nil {
		extensions = append(extensions, extension(0, vector16(append([]byte{0}, vector16([]byte(name))...)))...)
	}
	hello := slices.Concat(
		uint16s(0x0303), random, []byte{32}, session,
		vector16(uint16s(0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x002f)), // ciphers
		[]byte{1, 0}, // no compression
		vector16(extensions),
	)
	handshake := slices.Concat([]byte{1, 0}, vector16(hello))              // client_hello, 24 bits of length
	return slices.Concat([]byte{22}, uint16s(0x0301), vector16(handshake)) // a record
}

func extension(kind uint16, body []byte) []byte { return append(uint16s(kind), vector16(body)...) }

// vector16 puts the length of b, in 16 bits, before it.
func vector16(b []byte) []byte { return append(uint16s(uint16(len(b))), b...) }

func uint16s(numbers ...uint16) (b []byte) {
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return b
}

func octets(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
