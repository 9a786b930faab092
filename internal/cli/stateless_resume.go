package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"synscope/internal/checkpoint"
	"synscope/internal/outfile"
	"synscope/internal/report/record"
	"synscope/probe/wide"
)

// resume is what --resume knows.
type resume struct {
	path  string // "" where it was not given
	every time.Duration
	found bool // there was a checkpoint, and this run goes on from it
	state checkpoint.State
}

// readCheckpoint reads what an earlier process left.
func (j *scanJob) readCheckpoint() (err error) {
	j.resume.path = j.options.Resume
	if j.resume.path == "" {
		return nil
	}
	j.resume.state, err = checkpoint.Load(j.resume.path)
	switch {
	case err == nil:
		j.resume.found = true
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return usagef("--resume: %w%s", err, insteadOf(err))
}

// insteadOf is what to do about a checkpoint that cannot be read: what is no checkpoint
// of ours is not to be removed for that.
func insteadOf(err error) string {
	switch {
	case errors.Is(err, outfile.ErrUnsafe): // says it itself
		return ""
	case errors.Is(err, outfile.ErrNotRegular), errors.Is(err, checkpoint.ErrOther), !errors.Is(err, checkpoint.ErrDamaged):
		return "; name another file"
	}
	return "; to begin anew, remove it"
}

// lockCheckpoint keeps other processes from the run, and looks at how far it has
// come once more: one may have worked on it since it was read.
func (j *scanJob) lockCheckpoint() (unlock func(), err error) {
	if j.resume.path == "" {
		return func() {}, nil
	}
	if unlock, err = checkpoint.Lock(j.resume.path); err != nil {
		return nil, usagef("--resume: %w", err)
	}
	if err = j.readCheckpoint(); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// identity is what makes this run the same as the one that a checkpoint is of.
func (j *scanJob) identity() (checkpoint.Run, error) {
	digest, err := j.planDigest(j.seed)
	return checkpoint.Run{
		Plan: digest, Seed: j.seed, Shard: j.shard.index + 1, Shards: j.shard.count,
		Targets: j.cfg.Total, Technique: j.techniqueName(), Probes: j.perTarget(),
	}, err
}

// beginCheckpoint checks that a checkpoint is of this run, and leaves one
// before anything is sent: the seed must survive whatever happens. done tells
// that an earlier process has finished the run.
func (j *scanJob) beginCheckpoint() (done bool, err error) {
	identity, err := j.identity()
	if err != nil {
		return false, err
	}
	if j.resume.found {
		if err := j.resume.state.Check(identity); err != nil {
			return false, usagef("--resume: %s: %w", j.resume.path, err)
		}
	}
	j.resume.state.Run = identity
	if j.resume.state.Complete {
		fmt.Fprintf(j.streams.Err, "synscope: %s: the run is complete, nothing is left to probe\n", j.resume.path)
		return true, nil
	}
	if j.resume.path != "" {
		if err := j.keepBeginning(); err != nil {
			return false, usagef("--resume: %w", err)
		}
	}
	j.resume.state.Part++ // saved once its record stands in the outputs
	return false, nil
}

// keepBeginning leaves exclusions and checkpoint of a run that begins, both or neither.
// What stood at their place and was refused is not this run's to remove.
func (j *scanJob) keepBeginning() error {
	if err := j.keepExclusions(); err != nil {
		return err
	}
	err := j.save()
	if err != nil && !j.resume.found {
		removeFile(j.resume.excludedPath())
	}
	return err
}

// removeFile removes a regular file: a link, a pipe or a device was there before.
func removeFile(path string) {
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
		os.Remove(path)
	}
}

func (j *scanJob) save() error {
	j.resume.state.Saved = time.Now()
	return checkpoint.Save(j.resume.path, j.resume.state)
}

// saveCheckpoint saves a position once the results before it are written.
func (j *scanJob) saveCheckpoint(d *display, position uint64) error {
	if err := d.Flush(); err != nil {
		return err
	}
	j.resume.state.Position = position
	if err := j.save(); err != nil {
		return &exit{exitInterrupted, err}
	}
	return nil
}

// endCheckpoint notes that the outputs are finished and nothing is left.
func (j *scanJob) endCheckpoint(s *wide.Summary) error {
	if j.resume.path == "" || !s.Complete {
		return nil
	}
	j.resume.state.Position, j.resume.state.Complete = s.Position, true
	if err := j.save(); err != nil {
		return &exit{exitInterrupted, err}
	}
	return nil
}

// keepOutputs renames the files that an earlier part of this run has filled,
// which this part is about to write anew. `synscope merge` takes them all.
func (j *scanJob) keepOutputs() (remarks []string, err error) {
	if !j.resume.found {
		return nil, nil
	}
	for _, f := range j.options.files {
		info, err := os.Stat(f.Path)
		if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
			continue
		}
		kept, err := setAside(f.Path)
		if err != nil {
			return nil, &exit{exitUnable, err}
		}
		remarks = append(remarks, fmt.Sprintf("%s: the earlier results are now %s", f.Path, kept))
	}
	return remarks, nil
}

// setAside renames a file to the first free of NAME.1, NAME.2 and so on. The
// link fails where that name is taken, so nothing is ever lost.
func setAside(path string) (kept string, err error) {
	for n := 1; ; n++ {
		kept = fmt.Sprintf("%s.%d", path, n)
		err = os.Link(path, kept)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("keep earlier results: %w", err)
	}
	return kept, os.Remove(path)
}

// writeShard says which part of the plan this run works on.
func (j *scanJob) writeShard(r *results) error {
	s := &j.resume.state
	if s.Plan == "" {
		identity, err := j.identity()
		if err != nil {
			return err
		}
		s.Run, s.Part = identity, 1
	}
	err := r.write(&record.Shard{
		Plan: s.Plan, Seed: s.Seed, Shard: s.Shard, Shards: s.Shards, Targets: s.Targets,
		Technique: s.Technique, Probes: uint64(s.Probes), Part: uint64(s.Part), From: s.Position,
	})
	if err != nil || j.resume.path == "" {
		return err
	}
	return j.saveCheckpoint(r.display, s.Position)
}
