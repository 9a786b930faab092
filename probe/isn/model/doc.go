// Package model holds model hosts for every class of package isn, with
// parameters drawn at random, and a simulator that samples them over a path
// with delay, jitter and loss under virtual time.
//
// A host's life: [Draw] picks its generator, its clock's skew and its face
// (TTL, window, options); [Host.Answer] takes one SYN at a time and gives the
// SYN-ACK; [Host.Reset] ends a half-open connection. [Sample] carries out an
// isn.Plan against it, as the real sampler does, and returns the samples:
//
//	rng := rand.New(rand.NewPCG(1, 2))
//	host := model.Draw(isn.ClassTupleClock, rng)
//	samples := model.Sample(isn.NewPlan(isn.PlanConfig{}), host, model.Path{RTT: time.Millisecond}, rng)
//	report := isn.Analyze(samples, isn.Options{})
//
// Nothing here opens a socket or reads a clock.
package model
