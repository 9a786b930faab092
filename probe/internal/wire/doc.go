// Package wire is what the engines share between a probe and its verdict: the
// numbers of a transmission, the packets, the pace, the reading and matching of
// what arrives, the judgement of an answer, the stamps and clocks behind a time,
// and the counters. It knows no schedule: when a probe is sent, and how often,
// is the engine's.
//
// An engine owns a [Sweep], which sends to many hosts at once and takes in what
// arrives itself (scan, discover); a [Loop], whose transmissions are few and timed
// (ping, sample); or a [Hops], a loop whose SYNs go to one target with TTLs of their
// own (trace, paths).
package wire
