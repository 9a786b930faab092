package cli

import (
	"fmt"
	"net/netip"

	"synscope/internal/report/record"
	"synscope/internal/report/sink"
)

// isnPlace names a target in a picture.
func isnPlace(r *record.ISN) string {
	switch name := record.NameOf(r.Target, r.Addr); {
	case !r.Addr.IsValid():
		return r.Target
	case name != r.Addr.String():
		return fmt.Sprintf("%s port %d", name, r.Port)
	}
	return netip.AddrPortFrom(r.Addr, r.Port).String()
}

// written is the error of a picture or a page that could not be written: a run that
// is cut short, as with any other file.
func written(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", sink.ErrWrite, err)
}
