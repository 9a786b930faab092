package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"slices"
	"strings"

	"synscope/internal/outfile"
	"synscope/internal/report/units"
	"synscope/internal/target"
)

// exclusions are the lists of what is not probed, as they were when a run began:
// its order is one of the targets without them. A process that resumes the run
// keeps to that order, and leaves out what is excluded now too. So a changed list
// can only shrink what is left.
type exclusions struct {
	text    []byte      // one word a line
	allowed *target.Set // nil where nothing was added
}

// excludedPath is where a run with a checkpoint keeps its exclusions.
func (r *resume) excludedPath() string { return r.path + ".excluded" }

// mostExclusions bounds the bytes of them that are read.
const mostExclusions = 1 << 30

// readExclusions takes in those of the command line, and for a resumed run those
// that it began with.
func (j *scanJob) readExclusions(ctx context.Context) (err error) {
	if j.excluded.text, err = j.options.exclusionText(); err != nil || !j.resume.found || j.readsInput() {
		return err
	}
	began, err := outfile.ReadOurs(j.resume.excludedPath(), mostExclusions)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && bytes.Equal(began, j.excluded.text):
		return nil
	case err != nil:
		return usagef("--resume: %w", err)
	}
	allowed, before := j.set, *j.options
	before.Exclude, before.ExcludeFiles = nil, []string{j.resume.excludedPath()}
	if j.set, _, err = before.guardedTargets(ctx, j.streams); err != nil {
		return err
	}
	j.excluded = exclusions{began, allowed}
	j.guarded = append(j.guarded, fmt.Sprintf("--resume: the exclusions have changed: %s targets are left out now too; those no longer excluded stay out",
		units.Count(j.set.Count()-inBoth(j.set, allowed))))
	return nil
}

// readsInput reports whether a list came from standard input, which is read once.
func (j *scanJob) readsInput() bool {
	return slices.Contains(slices.Concat(j.options.Lists, j.options.ExcludeFiles), "-")
}

// inBoth is how many targets of a the other set has too, from a sample where
// there are many.
func inBoth(a, b *target.Set) uint64 {
	const most = 1 << 20
	count, step := a.Count(), max(1, a.Count()/most)
	var both, looked uint64
	for i := uint64(0); i < count; i += step {
		looked++
		if _, ok := b.Index(a.At(i)); ok {
			both++
		}
	}
	return uint64(float64(both) / float64(looked) * float64(count))
}

// maxExclusions bounds the lists that are kept with a checkpoint.
const maxExclusions = 1 << 30

// exclusionText is what the command line excludes, with the contents of its
// lists. Standard input has been read by now; what it held is not known here.
func (o *targetOptions) exclusionText() ([]byte, error) {
	var text bytes.Buffer
	for _, word := range o.Exclude {
		fmt.Fprintln(&text, strings.ReplaceAll(word, ",", "\n"))
	}
	for _, name := range o.ExcludeFiles {
		if name == "-" {
			continue
		}
		list, err := readAtMost(name, maxExclusions)
		if err != nil {
			return nil, usage(err)
		}
		text.Write(list)
		if !bytes.HasSuffix(list, []byte("\n")) {
			text.WriteByte('\n')
		}
	}
	return text.Bytes(), nil
}

// keepExclusions leaves them beside the checkpoint of a run that begins.
func (j *scanJob) keepExclusions() error {
	if j.resume.path == "" || j.resume.found {
		return nil
	}
	return outfile.Replace(j.resume.excludedPath(), outfile.Private, func(w io.Writer) error {
		_, err := w.Write(j.excluded.text)
		return err
	})
}

// shrunkPlan is a plan of which some targets are left out.
type shrunkPlan struct {
	shardPlan
	allowed *target.Set
}

// At is the zero value for a target that is left out.
func (p shrunkPlan) At(i uint64) netip.AddrPort { return p.permitted(p.shardPlan.At(i)) }

func (p shrunkPlan) permitted(pair netip.AddrPort) netip.AddrPort {
	if _, ok := p.allowed.Index(pair); ok {
		return pair
	}
	return netip.AddrPort{}
}

// Fill implements [wide.TargetFiller].
func (p shrunkPlan) Fill(first uint64, into []netip.AddrPort) {
	p.shardPlan.Fill(first, into)
	for i := range into {
		into[i] = p.permitted(into[i])
	}
}

// Index implements [wide.TargetIndexer].
func (p shrunkPlan) Index(pair netip.AddrPort) (i uint64, ok bool) {
	if _, ok := p.allowed.Index(pair); !ok {
		return 0, false
	}
	return p.shardPlan.Index(pair)
}
