package craft

// Seq is a TCP sequence number. Its order is serial, not numeric: numbers
// wrap at 2^32, and two of them compare only while they are less than 2^31
// apart (RFC 9293 §3.4).
type Seq uint32

// Add returns s advanced by n octets, modulo 2^32.
func (s Seq) Add(n uint32) Seq { return s + Seq(n) }

// Sub returns the signed distance from t to s: positive where s is later.
// Numbers exactly 2^31 apart yield the most negative distance either way.
func (s Seq) Sub(t Seq) int32 { return int32(s - t) }

// LessThan reports whether s comes before t.
func (s Seq) LessThan(t Seq) bool { return s.Sub(t) < 0 }

// LessThanEq reports whether s comes before t or is t.
func (s Seq) LessThanEq(t Seq) bool { return s == t || s.LessThan(t) }

// InRange reports whether s lies in the half-open range [a, b), which may
// span more than half of the sequence space.
func (s Seq) InRange(a, b Seq) bool { return s-a < b-a }

// InWindow reports whether s is one of the size numbers that begin at first.
func (s Seq) InWindow(first Seq, size uint32) bool {
	return s.InRange(first, first.Add(size))
}
