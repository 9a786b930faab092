package capture

import (
	"fmt"
	"math/bits"
	"time"
)

// ngInterface is what matters of an interface description.
type ngInterface struct {
	link       LinkType
	snapLen    uint32 // in bytes, 0 without bound
	resolution resolution
	offset     int64 // in seconds, to be added to every stamp (if_tsoffset)
}

// resolution is the unit of an interface's stamps: seconds divided by perSecond
// or, where shift is not zero, by 2 to the power of shift.
type resolution struct {
	perSecond uint64
	shift     uint8
}

var microseconds = resolution{perSecond: 1e6}

// resolutionOf decodes if_tsresol (draft-ietf-opsawg-pcapng §4.2): a negative
// power of 10, or of 2 where the highest bit is set.
func resolutionOf(b byte) (resolution, error) {
	exponent := b & 0x7f
	if b&0x80 != 0 {
		if exponent > 63 {
			return resolution{}, fmt.Errorf("%w: time stamps in units of 2^-%d s", ErrCorrupt, exponent)
		}
		return resolution{perSecond: 1, shift: exponent}, nil
	}
	if exponent > 19 {
		return resolution{}, fmt.Errorf("%w: time stamps in units of 10^-%d s", ErrCorrupt, exponent)
	}
	perSecond := uint64(1)
	for range exponent {
		perSecond *= 10
	}
	return resolution{perSecond: perSecond}, nil
}

// split divides a stamp into seconds and nanoseconds, rounding down.
func (r resolution) split(stamp uint64) (seconds int64, nanoseconds int64) {
	if r.shift > 0 {
		hi, lo := bits.Mul64(stamp&(1<<r.shift-1), uint64(time.Second))
		return int64(stamp >> r.shift), int64(hi<<(64-r.shift) | lo>>r.shift)
	}
	if r.perSecond <= uint64(time.Second) {
		return int64(stamp / r.perSecond), int64(stamp % r.perSecond * (uint64(time.Second) / r.perSecond))
	}
	return int64(stamp / r.perSecond), int64(stamp % r.perSecond / (r.perSecond / uint64(time.Second)))
}

func (i *ngInterface) time(stamp uint64) time.Time {
	seconds, nanoseconds := i.resolution.split(stamp)
	return time.Unix(seconds+i.offset, nanoseconds)
}
