package cli

import (
	"context"
	"io"
	"os"
	"time"
)

// How often a capture that is still being made is looked through, and after how
// many looks a connection that goes on is announced: within five seconds.
const (
	settleEvery   = 500 * time.Millisecond
	announceAfter = 7
)

// isLive reports whether a file may still be growing: a pipe or a device.
func isLive(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return true
	}
	info, err := f.Stat()
	return err != nil || !info.Mode().IsRegular()
}

// pipe reads an input that may pause. While it waits it calls idle at equal
// times, and it ends as soon as the context does, even where the input cannot
// be interrupted: then one read is left behind, with the process.
type pipe struct {
	ctx    context.Context
	idle   func()
	ticker *time.Ticker
	chunks chan []byte
	rest   []byte
	err    error // of the input, good once chunks is closed
}

func newPipe(ctx context.Context, in io.Reader, idle func()) *pipe {
	p := &pipe{ctx: ctx, idle: idle, ticker: time.NewTicker(settleEvery), chunks: make(chan []byte)}
	go p.pump(in)
	return p
}

func (p *pipe) pump(in io.Reader) {
	defer close(p.chunks)
	for {
		b := make([]byte, 64<<10)
		n, err := in.Read(b)
		if n > 0 {
			select {
			case p.chunks <- b[:n]:
			case <-p.ctx.Done():
				return
			}
		}
		if err != nil {
			p.err = err
			return
		}
	}
}

func (p *pipe) Read(b []byte) (int, error) {
	for len(p.rest) == 0 {
		select {
		case chunk, ok := <-p.chunks:
			if !ok {
				return 0, p.ended()
			}
			p.rest = chunk
		case <-p.ticker.C:
			p.idle()
		case <-p.ctx.Done():
			return 0, p.ctx.Err()
		}
	}
	select {
	case <-p.ticker.C: // also while there is no pause
		p.idle()
	default:
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func (p *pipe) ended() error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	return p.err
}
