// Package checkpoint keeps on disk how far a run has come, so that another
// process can go on where it was killed.
//
// A checkpoint is one small file of two lines: the State as a JSON object, and
// the SHA-256 of that line in hexadecimal digits. It is never changed: [Save]
// writes a new file beside it and renames that over it (rename(2) is atomic),
// so whoever reads the path finds a whole State, the last one or the one
// before. [Load] believes nothing that the second line does not confirm.
//
//	state, err := checkpoint.Load("run.ckpt")
//	switch {
//	case errors.Is(err, fs.ErrNotExist):
//		state = checkpoint.State{Run: run}
//	case err != nil:
//		return err // checkpoint.ErrDamaged
//	}
//	if err := state.Check(run); err != nil {
//		return err // checkpoint.ErrForeign, and what differs
//	}
package checkpoint

import (
	"errors"
	"fmt"
	"time"
)

// Errors that Load and Check wrap.
var (
	// ErrDamaged: the file is no checkpoint, is cut short, or was changed.
	ErrDamaged = errors.New("not a whole checkpoint")
	// ErrOther: the damaged file does not even begin as a checkpoint does.
	ErrOther = errors.New("it does not begin as one does")
	// ErrForeign: the checkpoint belongs to another run.
	ErrForeign = errors.New("the checkpoint belongs to another run")
)

// Run is what has to be the same for a run to go on: whatever decides which
// target is at which position, and what is done with it.
type Run struct {
	Plan      string `json:"plan"`      // a digest of targets, exclusions, ports and order
	Seed      uint64 `json:"seed"`      // of the order
	Shard     uint64 `json:"shard"`     // counted from 1
	Shards    uint64 `json:"shards"`    // in all
	Targets   uint64 `json:"targets"`   // of this shard
	Technique string `json:"technique"` // of the probes
	Probes    int    `json:"probes"`    // of each target
}

// State is how far a run has come.
type State struct {
	Run
	// Position is before which every target of the shard is done: probed, its
	// answers awaited, its results written.
	Position uint64 `json:"position"`
	// Part counts the processes that have worked on the run, from 1: the
	// number of the one that saved this.
	Part int `json:"part"`
	// Complete tells that nothing is left to do.
	Complete bool      `json:"complete"`
	Saved    time.Time `json:"saved"`
}

// Check compares the run of a checkpoint with the one that is to go on. The
// error names everything that differs; it is [ErrDamaged] where a run cannot be where
// the checkpoint says.
func (s *State) Check(run Run) error {
	switch {
	case s.Run != run:
		return s.differences(run)
	case s.Position > s.Targets, s.Part < 0:
		return fmt.Errorf("%w: position %d of %d targets, part %d", ErrDamaged, s.Position, s.Targets, s.Part)
	}
	return nil
}

func (s *State) differences(run Run) error {
	var errs []error
	differ := func(what string, was, is any) {
		if was != is {
			errs = append(errs, fmt.Errorf("%s was %v, is %v", what, was, is))
		}
	}
	differ("the seed", s.Seed, run.Seed)
	differ("the shard", shard{s.Shard, s.Shards}, shard{run.Shard, run.Shards})
	differ("the technique", plain(s.Technique), plain(run.Technique))
	differ("the number of probes a target", s.Probes, run.Probes)
	differ("the number of targets", s.Targets, run.Targets)
	if len(errs) == 0 {
		errs = append(errs, errors.New("targets, exclusions or ports are not the same"))
	}
	return fmt.Errorf("%w: %w", ErrForeign, list(errs))
}

// plain is a word as it is, and quoted where it has more than letters in it or is long.
func plain(word string) string {
	if quoted := fmt.Sprintf("%.40q", word); quoted != `"`+word+`"` {
		return quoted
	}
	return word
}

type shard struct{ index, count uint64 }

func (s shard) String() string { return fmt.Sprintf("%d/%d", s.index, s.count) }

// list is several errors on one line.
type list []error

func (l list) Error() string {
	text := ""
	for i, err := range l {
		if i > 0 {
			text += "; "
		}
		text += err.Error()
	}
	return text
}
