package simnet

import (
	"net"
	"time"

	"synscope/netraw"
)

// Poll returns the packets that have arrived, none perhaps.
func (c *Conn) Poll(pkts []netraw.Packet) (int, error) {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	c.giveBack()
	c.net.run(c.net.now())
	if c.closed {
		return 0, net.ErrClosed
	}
	return c.take(pkts), nil
}

// Await waits until there is something for Poll, and then for gather; for d at most
// in all, or until Wake.
func (c *Conn) Await(d, gather time.Duration) {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	end := time.Now().Add(d)
	c.sleep(end, func() bool { return c.head < len(c.queue) })
	if more := time.Now().Add(gather); more.Before(end) {
		end = more
	}
	c.sleep(end, func() bool { return false })
	c.woken = false
}

// sleep waits until a time, or until something is so, Wake is called or the Conn
// closed.
func (c *Conn) sleep(until time.Time, so func() bool) {
	if !time.Now().Before(until) {
		return // and no timer that is due when it is made
	}
	alarm := time.AfterFunc(time.Until(until), c.wake)
	defer alarm.Stop()
	for !c.closed && !c.woken && time.Now().Before(until) {
		if c.net.run(c.net.now()); so() {
			return
		}
		c.arrived.Wait()
	}
}

// Wake ends the Await under way, or the next one.
func (c *Conn) Wake() {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	c.woken = true
	c.arrived.Broadcast()
}
