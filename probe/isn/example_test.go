package isn_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// A file that somebody else measured: some columns are missing.
func ExampleReadCSV() {
	file := strings.NewReader("sport,sent_ns,received_ns,isn\n" +
		"4000,0,1000000,100\n4001,2000000,3000000,64100\n4002,500000000,501000000,128100\n4003,502000000,503000000,192100\n")
	samples, err := isn.ReadCSV(file, "host.csv")
	if err != nil {
		fmt.Println(err)
		return
	}
	r := isn.Analyze(samples, isn.Options{})
	fmt.Println(r.Class, r.Step.Value, r.Difficulty.OK)
	// Output: global-step 64000 true
}

// A model host that follows RFC 6528, sampled over a simulated path.
func ExampleAnalyze() {
	rng := rand.New(rand.NewPCG(1, 4))
	host := simhost.Draw(isn.ClassTupleClock, rng)
	path := simhost.Path{RTT: 3 * time.Millisecond, Jitter: 100 * time.Microsecond}
	samples := simhost.Sample(isn.NewPlan(isn.PlanConfig{}), host, path, rng)
	r := isn.Analyze(samples, isn.Options{})
	c := r.Clock.Value
	fmt.Println(r.Class, r.Inputs, c.Low < host.Truth.Hz && host.Truth.Hz < c.High)
	// Output: tuple-clock [port time] true
}
