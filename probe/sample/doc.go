// Package sample carries out a plan of package isn over a [probe.Network]: it
// sends the SYNs, ends each half-open connection that they open, and keeps what
// the SYN-ACKs carry as samples.
//
// The life of a sample: a step of the plan waits for its pause and for the
// rate; a SYN leaves with an ISN of ours that is random, or on the options
// ladder always the same; the tap stamps its departure; the SYN-ACK that
// acknowledges exactly that ISN is stamped on arrival and becomes the sample;
// an RST with the sequence number that the far end expects (RFC 5961 §3.2)
// closes what was opened. Only then the next step begins: targets are sampled
// beside each other, the SYNs of one target never.
//
// The packets are read, matched and judged as every engine does (internal/wire),
// one loop for all targets (engine.go): series.go takes a target through the plan,
// trial.go one step of it, handle.go what arrives.
//
// What does not go to plan is told apart and counted. Nothing within the
// time-out is a SYN that was lost: it is kept without a number, closed all the
// same, and sent once more where the host has answered before. What carries no
// number of ours ends no trial. A SYN-ACK for an ISN that is no longer waited
// for is a copy, or comes from a half-open connection that our RST did not
// reach: it gets another RST. A challenge ACK (RFC 5961 §4.2) says that such a
// connection stands in the way: it is reset and the SYN sent anew.
//
//	cfg := sample.Config{Targets: targets, Plan: isn.NewPlan(isn.PlanConfig{}), Seed: seed}
//	summary, err := sample.Run(ctx, conn, cfg, sink) // sink gets every sample, then each target's Result
package sample
