package main

import (
	"fmt"
	"net/netip"

	"synscope/craft"
)

func main() {
	s := craft.Segment{Src: netip.MustParseAddrPort("127.0.0.1:40000"), Dst: netip.MustParseAddrPort("127.0.0.1:80"), TTL: 64, Flags: craft.SYN}
	b, err := s.AppendTo(nil) // for netraw.Conn.Send
	fmt.Println(s.String(), len(b), err)
}
