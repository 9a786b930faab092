package cli

import (
	"fmt"
	"strconv"

	"synscope/internal/target"
)

// shard is one part of a plan: index from 0, of count.
type shard struct{ index, count uint64 }

// shardsVariable says how many shards there are in all where the scheduler does
// not, as in a Kubernetes Job, or says something else, as a Slurm array of
// which only some tasks are run again. Then the task's number is its index,
// counted from 0.
const shardsVariable = "SYNSCOPE_SHARDS"

// shardOf reads I/N, or asks the scheduler for "auto".
func shardOf(word string, env func(string) string) (shard, error) {
	switch word {
	case "":
		return shard{0, 1}, nil
	case "auto":
		return scheduledShard(env)
	}
	index, count, err := target.ParseShard(word)
	return shard{index, count}, err
}

// scheduledShard is the shard that a scheduler's variables give to this task:
// a Kubernetes Indexed Job sets JOB_COMPLETION_INDEX, from 0; a Slurm array
// sets SLURM_ARRAY_TASK_ID, _MIN, _MAX, _STEP and _COUNT (sbatch(1)).
func scheduledShard(env func(string) string) (shard, error) {
	v := variables{env: env}
	switch {
	case env("JOB_COMPLETION_INDEX") != "":
		return v.among("JOB_COMPLETION_INDEX")
	case env("SLURM_ARRAY_TASK_ID") != "" && env(shardsVariable) != "":
		return v.among("SLURM_ARRAY_TASK_ID")
	case env("SLURM_ARRAY_TASK_ID") != "":
		return v.slurm()
	}
	return shard{}, fmt.Errorf("auto: neither JOB_COMPLETION_INDEX (a Kubernetes Indexed Job) nor SLURM_ARRAY_TASK_ID (a Slurm array) is set: write I/N")
}

// variables reads numbers from the environment; the first error is kept.
type variables struct {
	env func(string) string
	err error
}

func (v *variables) number(name string) uint64 {
	text := v.env(name)
	n, err := strconv.ParseUint(text, 10, 32)
	switch {
	case v.err != nil:
	case text == "":
		v.err = fmt.Errorf("auto: %s is not set", name)
	case err != nil:
		v.err = fmt.Errorf("auto: %s is %q, no number", name, text)
	}
	return n
}

// among takes the index from one variable, and the count from ours.
func (v *variables) among(index string) (shard, error) {
	s := shard{v.number(index), v.number(shardsVariable)}
	if v.err == nil && s.index >= s.count {
		v.err = fmt.Errorf("auto: %s is %d, but there are only %d shards (%s), counted from 0", index, s.index, s.count, shardsVariable)
	}
	return s, v.err
}

// slurm takes a whole array as the whole plan. An array with holes is refused:
// what the missing tasks would have probed nobody probes.
func (v *variables) slurm() (shard, error) {
	id, low, high := v.number("SLURM_ARRAY_TASK_ID"), v.number("SLURM_ARRAY_TASK_MIN"), v.number("SLURM_ARRAY_TASK_MAX")
	count, step := v.number("SLURM_ARRAY_TASK_COUNT"), uint64(1)
	if v.env("SLURM_ARRAY_TASK_STEP") != "" {
		step = v.number("SLURM_ARRAY_TASK_STEP")
	}
	switch {
	case v.err != nil:
		return shard{}, v.err
	case step == 0 || id < low || id > high || (high-low)/step+1 != count || (id-low)%step != 0:
		return shard{}, fmt.Errorf("auto: the Slurm array has holes, so its tasks are not all of the shards: set %s to how many there are, and number the tasks from 0", shardsVariable)
	}
	return shard{(id - low) / step, count}, nil
}
