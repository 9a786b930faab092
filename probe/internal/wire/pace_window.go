package wire

import "time"

// windowParts is into how many parts the latest [Slack] is divided: departures that are closer
// together count as one, at the time of the last.
const windowParts = 32

// window knows what has left in the latest [Slack].
type window struct {
	lumps  [windowParts + 2]lump
	newest int // of these
	n      int // how many there are
}

// lump are packets that left together.
type lump struct {
	first, last time.Duration
	packets     int
}

func (w *window) at(back int) *lump {
	return &w.lumps[(w.newest-back+len(w.lumps))%len(w.lumps)]
}

// add takes note of packets that left at a time, no earlier than those before.
func (w *window) add(packets int, at time.Duration) {
	if w.n > 0 {
		l := w.at(0)
		if at = max(at, l.last); at < l.first+Slack/windowParts {
			l.last, l.packets = at, l.packets+packets
			return
		}
	}
	w.newest = (w.newest + 1) % len(w.lumps)
	w.n = min(w.n+1, len(w.lumps))
	*w.at(0) = lump{at, at, packets}
}

// take takes the latest packets back, and returns how many it knows of these, and when the last left.
func (w *window) take(packets int) (taken int, last time.Duration) {
	for taken < packets && w.n > 0 {
		l := w.at(0)
		last = max(last, l.last)
		k := min(packets-taken, l.packets)
		taken += k
		if l.packets -= k; l.packets == 0 {
			w.newest = (w.newest - 1 + len(w.lumps)) % len(w.lumps)
			w.n--
		}
	}
	return taken, last
}

// left is how many left in the latest Slack.
func (w *window) left(now time.Duration) (packets int) {
	for back := range w.n {
		l := w.at(back)
		if l.last <= now-Slack {
			break
		}
		packets += l.packets
	}
	return packets
}

// until is when at most so many of those that are known will have left in the latest Slack.
func (w *window) until(most int) (at time.Duration) {
	packets := 0
	for back := range w.n {
		l := w.at(back)
		if packets += l.packets; packets > most {
			return l.last + Slack
		}
	}
	return 0
}
