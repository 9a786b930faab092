// Package isn says how a TCP host chooses its initial sequence numbers, from
// samples of them: which generator, how sure that is, and how guessable the
// next number would be for somebody who cannot see it.
//
// It is pure: samples in, report out, no clock, no socket, no randomness but a
// fixed seed. A [Plan] says which SYNs to send (series that separate what moves
// the number: the tuple, the time, our own ISN, our options); somebody else
// sends them. [ReadCSV] and [WriteCSV] keep samples in files.
//
// # One comparison
//
// [Analyze] compares models by the length, in bits, of the shortest description
// of all numbers that each allows (minimum description length, Rissanen 1978), its
// own parameters included. A number that nothing explains costs 32 bits, one that
// follows from others what its remaining uncertainty is: nothing for a constant,
// the width of the jitter for a clock, exactly on a lattice where the numbers are
// on one. The same could be done with marginal likelihoods; description lengths
// were chosen because every model, also one that has no likelihood (a shift
// register found by algebra), can say how many bits it saves, because a free
// parameter pays for itself in the same unit, and because the difference of two
// lengths is log2 of the odds.
//
// A model is a key (which factors an offset depends on: nothing, port, address,
// both, our ISN, our options) and a growth (how numbers that share an offset go
// on: not at all, along a clock with ticks or a step, by fixed steps with other
// people's connections in between, by steps that rise with time, by random steps). Every
// growth is a type in a file of its own (grow_*.go) behind one interface: the length of a
// number, which is its log-likelihood in bits; how many guesses the prediction of it takes;
// what the parameters cost.
// Groups are read in order of time, each into strands: a number joins the strand that
// predicts it most cheaply, or begins one. Joining, straying and repeating are coded by
// how often they happened before, so that several machines behind one address, stray
// numbers, and half-open connections that answer again cost as much as they must. Models
// that are no counters ("rivals": generators, stores of numbers, biased bits, cookies in
// which our options show) are in files rival_*.go, and say what they would save.
// Numbers that count only in another encoding (bytes in another order, a constant XORed in, a
// multiple, fewer bits) are decoded first: encoding.go.
//
// # A new model
//
// Where numbers go on from those before them, it is a growth in a grow_*.go with what
// proposes its parameters from samples, listed in counters (model.go); what asks which growth
// a model has, as clocks are asked for their rate, asks the fields that model.by fills in.
// Where numbers do not go on, it is a function in a rival_*.go that returns a verdict with the
// bits that it saves, listed in rivalList; a generator whose state is recovered is a search
// in package isn/internal/weak, listed in its searches; another way to write numbers down is a
// kind in encoding.go. Its comment names the paper or the source it was written from. A new
// code of a finding is explained in internal/explain/isn.go: then "go test
// ./internal/explain -update".
//
// A new generator to test it is, where it belongs to a class that every test draws, an entry
// in the draws of package isn/simhost; otherwise one in isn/internal/evaluate with the classes
// that fit it. "go run ./probe/isn/internal/confusion" shows what the model gained and what it
// cost the others, each list with a flag:
//
//	-foreign    plans and files that are not ours (foreign.go)
//	-unusual    classes with parameters at their edge (unusual*.go)
//	-stacks     old stacks and small devices (stacks.go)
//	-faulty     generators whose programmers erred, and pools (faulty.go)
//	-strange    generators that there is no model of (strange.go)
//	-mishaps    files whose sampler did something wrong (mishap.go)
//
// Generators whose best predictor is known are in published.go: tests hold the guesses that a
// report counts against it.
//
// # One sample
//
// The life of a sample: newView puts the samples in order of time and gives each
// the middle of its exchange as its moment and its RTT's excess over the shortest
// as that moment's uncertainty; counters and rivals propose models from all
// samples, or from a stratified part of many; compare fits them, the best again to
// everything, or, of more than 10,000 samples, to a part that holds stretches of direct
// successors and every address; resolve tells one machine from several; doubts withhold what these
// samples cannot tell, for want of a column or of anything that varied. Whether a
// factor moves the numbers is said only where the best model with it and the best
// without it are 20 bits apart.
//
//	samples, err := isn.ReadCSV(file, "host.csv")
//	if err != nil {
//		return err
//	}
//	report := isn.Analyze(samples, isn.Options{})
//	fmt.Println(report.Class, report.Confidence, report.RunnerUp, report.BitsBetween)
//
// Confidence is the chance that the class is right. It was checked on model
// hosts (package isn/simhost) with random parameters, under our own plans and under
// plans of others; ACCURACY.md beside this file holds the figures and how to make
// them again.
package isn
