package cachecore

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// A gate counts the calls that are under way, and is closed once: then nobody enters any more, and who closed it waits
// until all have left. The library wants close to be the last call on a cache; the gate sees to that.
//
// One counter would be a cache line that all cores write at every call. There are stripes of it instead. A goroutine
// picks one by the address of its stack, which costs nothing and need not be the same at the next call: who enters
// leaves by the stripe that it entered by.
//
// Entering counts first and looks at closed then; closing stores closed first and looks at the counts then. Go's
// atomics are sequentially consistent, so one of the two sees the other.
type gate struct {
	closed  atomic.Bool
	stripes [gateStripes]stripe
}

const (
	gateStripes = 16
	cacheLine   = 64
)

type stripe struct {
	underWay atomic.Int64
	_        [cacheLine - 8]byte
}

// enter returns the stripe to leave by, or nil if the gate is closed.
func (g *gate) enter() *stripe {
	var here byte
	// Stacks are 2 KB at least, and aligned to their size.
	address := uintptr(unsafe.Pointer(&here))
	s := &g.stripes[(address>>11^address>>15)%gateStripes]
	s.underWay.Add(1)
	if g.closed.Load() {
		s.leave()
		return nil
	}
	return s
}

func (s *stripe) leave() { s.underWay.Add(-1) }

// close reports whether this call is the one that closes, and returns when nobody is inside.
func (g *gate) close() bool {
	if !g.closed.CompareAndSwap(false, true) {
		return false
	}
	pause := 10 * time.Microsecond
	for g.isUsed() {
		time.Sleep(pause)
		if pause < time.Millisecond {
			pause *= 2
		}
	}
	return true
}

func (g *gate) isUsed() bool {
	for i := range g.stripes {
		if g.stripes[i].underWay.Load() != 0 {
			return true
		}
	}
	return false
}
