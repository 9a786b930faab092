// Package isn says how a TCP host chooses its initial sequence numbers, from
// samples of them: which generator, how sure that is, and how guessable the
// next number would be for somebody who cannot see it.
//
// It is pure: samples in, report out, no clock, no socket, no randomness but a
// fixed seed. A [Plan] says which SYNs to send (series that separate what moves
// the number: the tuple, the time, our own ISN, our options); somebody else
// sends them. [ReadCSV] and [WriteCSV] keep samples in files.
//
// The life of a sample: [Analyze] puts the samples in order of time, gives each
// the middle of its exchange as its moment and its RTT's excess over the
// shortest as that moment's uncertainty, and numbers tuples and attempts. It
// then asks a list of detectors: exact equalities first (constants, cookies,
// cycles, fixed steps), then lines with noise (clocks, steps and both) and
// bounded increments, then generators (congruential, xorshift, shift registers),
// then statistics (several backends, collisions, biased bits). What is left is
// random, if there were enough samples to have shown the rest, and unknown
// otherwise.
//
//	samples, err := isn.ReadCSV(file, "host.csv")
//	if err != nil {
//		return err
//	}
//	report := isn.Analyze(samples, isn.Options{})
//	fmt.Println(report.Class, report.Confidence)
//
// Confidence is the chance that the class is right. It was checked on model
// hosts (package isn/model) with random parameters; ACCURACY.md beside this
// file holds the figures and how to make them again.
package isn
