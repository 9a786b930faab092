// Package target turns the words of a command line into the pairs of address and
// port that a run probes, and into the order it probes them in.
//
// The life of a word: Parse reads it (word.go, octets.go, name.go), from the
// command line or from a list (list.go), asks a Resolver where it is a name
// (resolve.go), and enters a claim on each range of addresses it covers. A sweep
// cuts all claims, wanted and excluded, into disjoint ranges (sweep.go), each
// with the words it was typed as and the ports they add up to (build.go). These
// ranges are the Set. It numbers its pairs without storing them, so 2^64 of them
// take no more memory than one, and a keyed permutation of the numbers
// (permutation.go) gives the order, whole or in shards (sequence.go).
//
//	set, err := target.Parse(ctx, []string{"192.0.2.0/24", "host.example:8443"}, target.Options{
//		Ports:   target.PortsOf(22, 443),
//		Exclude: []string{"192.0.2.1"},
//	})
//	if err != nil {
//		return err // names the word
//	}
//	for pair := range set.All(seed) {
//		probe(pair, set.Name(pair.Addr()))
//	}
//
// Nothing here prints, reads a clock or draws a random number, and the resolver
// is the only way to the network.
package target
