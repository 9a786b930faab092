// Package wire is what the engines share between a probe and its verdict: the
// numbers of a transmission, the packets, the pace, the reading and matching of
// what arrives, the judgement of an answer, the stamps and clocks behind a time,
// and the counters. It knows no schedule: when a probe is sent, and how often,
// is the engine's.
package wire
