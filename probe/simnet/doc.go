// Package simnet is an in-memory network of model hosts, for tests that drive
// the real probing engine: a [Conn] satisfies probe.Network, and everything on
// the other side of it, hosts, middleboxes and the ways between, is a model.
//
// Inside a bubble of testing/synctest time is virtual: nothing sleeps,
// durations are exact to the nanosecond, and one seed gives one transcript.
// Outside, the same network runs in real time.
//
// The life of a packet: [Conn.Send] copies it; the outgoing [Path] decides
// whether, when and how often it arrives; it waits in one schedule for the
// whole [Net]; its host is found by prefix and reads it as a real stack does,
// checksums verified; the [Host] acts through its [Emitter], now or later;
// each answer crosses the [Path] back, and waits for [Conn.Recv], stamped with
// the instant of its arrival. What befalls it is told to Config.Observe, for
// which a [Transcript] is ready.
//
// What a host does has the exact instant at which it is due, but without an
// observer it may be worked out later, by up to the delay of the way back: late
// enough to be done in batches, and before anything of it can reach us. Code
// that looks into a host calls [Conn.Stats] first, which catches up.
//
// A packet's chances are a function of the seed, the instant, and its bytes.
// Two packets equal in all three share their fate.
//
// Hosts compose. [Listener], [Closed], [Dropped], [Rejected], [AllOpen],
// [Split] and [Synthetic] are whole behaviours; [Mux] gives each port one;
// [Slow], [Mangle], [Garble], [Fragmented], [Repeat], [Only], [Chorus], [Behind],
// [ForgedReset] and [ForgedICMP] change what another host does.
package simnet
