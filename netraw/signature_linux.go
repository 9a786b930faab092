package netraw

import (
	"crypto/rand"
	"errors"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A socket with a key for an address discards what comes from there without the
// signature of RFC 2385: tcp_v4_rcv and tcp_v6_rcv ask tcp_inbound_hash before
// anything is looked at, of a listening socket too, and a key with a prefix of no
// bits is for all addresses. No capability is asked for. What is discarded so is
// counted (TcpExt TCPMD5NotFound), which is why the minimum TTL goes before it.

// md5sig is struct tcp_md5sig of linux/tcp.h.
type md5sig struct {
	family    uint16
	_         [6]byte // of a sockaddr_in6: port and flow
	addr6     [16]byte
	_         [128 - 24]byte
	flags     uint8
	prefixLen uint8
	keyLen    uint16
	_         int32 // interface
	key       [unix.TCP_MD5SIG_MAXKEYLEN]byte
}

// demandSignatures makes the socket discard all segments of both IP versions; on
// a socket of IPv4 alone, those of IPv4.
func demandSignatures(fd int) error {
	family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return os.NewSyscallError("getsockopt SO_DOMAIN", err)
	}
	if family == unix.AF_INET {
		return demandSignature(fd, md5sig{family: unix.AF_INET})
	}
	mapped := md5sig{family: unix.AF_INET6, addr6: netip.AddrFrom4([4]byte{}).As16()}
	return errors.Join(demandSignature(fd, md5sig{family: unix.AF_INET6}), demandSignature(fd, mapped))
}

// demandSignature adds a key for all addresses of a family, which nobody knows.
func demandSignature(fd int, sig md5sig) error {
	sig.flags, sig.keyLen = unix.TCP_MD5SIG_FLAG_PREFIX, uint16(len(sig.key))
	if _, err := rand.Read(sig.key[:]); err != nil {
		return err
	}
	value := unsafe.Slice((*byte)(unsafe.Pointer(&sig)), unsafe.Sizeof(sig))
	return os.NewSyscallError("setsockopt TCP_MD5SIG_EXT", unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_MD5SIG_EXT, string(value)))
}
