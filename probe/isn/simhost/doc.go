// Package simhost simulates hosts for every class of package isn, with parameters
// drawn at random, and samples them over a path with delay, jitter and loss under
// virtual time. It holds no model of the analysis: those are in package isn.
//
// A host's life: [Draw] picks its generator, its clock's skew and its face
// (TTL, window, options); [Host.Answer] takes one SYN at a time and gives the
// SYN-ACK; [Host.Reset] ends a half-open connection. [Sample] carries out an
// isn.Plan against it, as the real sampler does, and returns the samples:
//
//	rng := rand.New(rand.NewPCG(1, 2))
//	host := simhost.Draw(isn.ClassTupleClock, rng)
//	samples := simhost.Sample(isn.NewPlan(isn.PlanConfig{}), host, simhost.Path{RTT: time.Millisecond}, rng)
//	report := isn.Analyze(samples, isn.Options{})
//
// Nothing here opens a socket or reads a clock.
package simhost
