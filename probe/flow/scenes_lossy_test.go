package flow_test

import (
	"time"

	"synscope/probe"
	"synscope/probe/handshake"
)

// lossyScenes are connections of a network that loses packets, captured by
// somebody who sees each that passes him.
var lossyScenes = []scene{
	{"FIN lost twice, then acknowledged", func(k *talk) {
		data(k.open(), 0, 10).say(ms, 1, fF, 0).say(50*us, 0, fF, 0)
		k.again(200*ms, 0, fF, prev(k, 0, 1), 0).again(410*ms, 0, fF, prev(k, 0, 1), 0).say(20*ms, 1, fA, 0)
	}, probe.StateOpen, handshake.CloseThreeWay, "close-three-way"},
	{"FIN repeated at once, then reset", func(k *talk) {
		data(k.open(), 0, 10).say(ms, 1, fF, 0).say(50*us, 0, fA, 0).say(ms, 0, fF, 0)
		for _, pause := range []time.Duration{5 * ms, 8 * ms, 200 * ms} {
			k.again(pause, 0, fF, prev(k, 0, 1), 0)
		}
		k.say(20*ms, 1, fR, 0)
	}, probe.StateOpen, handshake.CloseByReset, ""},
}
