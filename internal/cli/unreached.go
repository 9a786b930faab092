package cli

import (
	"context"
	"errors"

	"synscope/internal/report/sink"
	"synscope/netraw"
	"synscope/probe"
)

// unreached are the targets of a run that this machine could not try: each
// concerns itself alone, unless there are no others.
type unreached struct {
	tried int // the others
	errs  []error
}

// take counts a target that was tried, or keeps why it was not; what concerns the
// whole run it returns.
func (u *unreached) take(err error) error {
	switch {
	case err == nil:
		u.tried++
	case endsRun(err):
		return err
	default:
		u.errs = append(u.errs, err)
	}
	return nil
}

// tell says why, and returns the first reason as the run's own error where
// nothing could be tried.
func (u *unreached) tell(d *display) error {
	told := u.errs
	if u.tried == 0 && len(u.errs) > 0 {
		told = told[1:]
	}
	for _, err := range told {
		d.remark(inWords(err))
	}
	if len(told) < len(u.errs) {
		return &exit{u.code(), u.errs[0]}
	}
	return nil
}

// code is 1 where no target is a host's address, else 3.
func (u *unreached) code() int {
	for _, err := range u.errs {
		if !errors.Is(err, netraw.ErrBroadcast) && !errors.Is(err, netraw.ErrNoHost) {
			return exitUnable
		}
	}
	return exitNo
}

// endsRun reports whether an error concerns the whole run, and not one target.
func endsRun(err error) bool {
	return isAny(err, probe.ErrInterrupted, probe.ErrNetworkDown, probe.ErrWentSilent, sink.ErrWrite, context.Canceled)
}
