package cachecore

// #include "shim.h"
import "C"

import (
	"context"
	"sync"
	"time"
)

// Claims decide who computes a missing value, of all goroutines and processes that ask. What is deleted or stored
// meanwhile voids a claim: then what was computed is not stored.
//
// The library's claim_wait puts a thread to sleep, of which a program with many goroutines would need many. So a
// goroutine that waits does so on a channel, if its own process holds the claim, and looks now and then besides, for
// claims that another process holds, or that something voids.

const (
	pollFirst = time.Millisecond
	pollLast  = 50 * time.Millisecond
)

// Found says what GetOrClaim found.
type Found int

const (
	// Fresh is a value.
	Fresh Found = iota
	// Stale is a value past its deadline, in the window that it was stored with.
	Stale
	// Absent says that there is known to be no value.
	Absent
	// Claimed is nothing, and this caller has the claim.
	Claimed
	// Pending is nothing, and another caller has the claim.
	Pending
)

func (f Found) String() string {
	return [...]string{"fresh", "stale", "absent", "claimed", "pending"}[f]
}

// A Lookup is what GetOrClaim found.
type Lookup struct {
	Found Found
	Value []byte // with Fresh and Stale
	Claim *Claim // not nil: this caller computes the value, and ends the claim
	claim *Claim // what was seen
}

// ClaimOptions are how a claim is taken. The zero value has the defaults.
type ClaimOptions struct {
	// Early elects a caller to compute a fresh value anew a little before its deadline, with a probability that rises
	// with the time that the value took to compute, and as the deadline comes closer. A value of more than 4 KB is
	// then counted as two hits.
	Early bool
	// ValidFor is after which time the claim is void, so that the next caller can compute; 0: after 30 s.
	ValidFor time.Duration
}

// GetOrClaim is as Get; but on a miss one caller gets a claim. GetOrCompute is made of it, and is what most programs
// want. Who gets a claim ends it: defer its Abandon, which does nothing after Fulfill.
func (c *Cache) GetOrClaim(key string, options ClaimOptions) (Lookup, error) {
	inside := c.gate.enter()
	if inside == nil {
		return Lookup{}, ErrClosed
	}
	defer inside.leave()
	if options.ValidFor < 0 {
		return Lookup{}, ErrArgument
	}
	claim := &Claim{cache: c, key: key}
	claim.raw.struct_size = C.sizeof_cachecore_claim_t
	claim.raw.claim_ms = millis(options.ValidFor)
	if options.Early {
		claim.raw.flags = C.CACHECORE_CLAIM_EARLY
	}
	value, status := claim.ask(options.Early)
	lookup := Lookup{Value: value, claim: claim}
	if claim.raw.token != 0 {
		claim.ended = make(chan struct{})
		c.flights.Store(claim.raw.token, claim.ended)
		lookup.Claim = claim
	}
	switch status {
	case ok:
		lookup.Found = Fresh
	case stale:
		lookup.Found = Stale
	case ErrAbsent:
		lookup.Found = Absent
	case claimed:
		lookup.Found = Claimed
	case pending:
		lookup.Found = Pending
	default:
		return Lookup{}, status
	}
	return lookup, nil
}

// ask returns the value, if there is one, and the status.
func (cl *Claim) ask(early bool) ([]byte, Status) {
	scratch := scratches.Get().(*[scratchSize]byte)
	defer scratches.Put(scratch)
	cache, key, keySize := cl.cache.id(), bytesOf(cl.key), C.size_t(len(cl.key))
	got := C.go_get_or_claim(cache, key, keySize, startOf(scratch[:]), scratchSize, &cl.raw)
	if Status(got.status) != tooSmall {
		if Status(got.status) != ok && Status(got.status) != stale {
			return nil, Status(got.status)
		}
		return append(make([]byte, 0, got.size), scratch[:got.size]...), Status(got.status)
	}
	if !early {
		// A fresh value has been counted, and is read without counting it again.
		if value, err := cl.cache.peek(nil, cl.key, int(got.size)); err != ErrMiss {
			if err != nil {
				return nil, err.(Status)
			}
			return value, ok
		}
	}
	for {
		value := make([]byte, got.size)
		got = C.go_get_or_claim(cache, key, keySize, startOf(value), C.size_t(len(value)), &cl.raw)
		if Status(got.status) != tooSmall {
			return value[:got.size], Status(got.status)
		}
	}
}

// Wait waits until the claim of a Pending lookup has ended, and then returns nil: ask again. Otherwise it returns at
// once. It ends with the error of ctx when that is done, and with ErrClosed when the cache is closed.
func (l Lookup) Wait(ctx context.Context) error {
	var ended chan struct{}
	if flight, isOurs := l.claim.cache.flights.Load(l.claim.raw.seen); isOurs {
		ended = flight.(chan struct{})
	}
	for pause := pollFirst; ; {
		if stands, err := l.claim.stands(); err != nil || !stands {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ended: // never, if another process holds it
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
		if pause *= 2; pause > pollLast || ended != nil {
			pause = pollLast
		}
	}
}

// A Claim is the right, and the duty, to compute a value. Any goroutine may end it.
type Claim struct {
	cache *Cache
	key   string
	mutex sync.Mutex // for raw, from when the claim is held
	raw   C.cachecore_claim_t
	ended chan struct{}
}

// Key returns the key whose value is to be computed.
func (cl *Claim) Key() string { return cl.key }

// stands reports whether the claim that was seen, the caller's or another's, has not ended.
func (cl *Claim) stands() (bool, error) {
	inside := cl.cache.gate.enter()
	if inside == nil {
		return false, ErrClosed
	}
	defer inside.leave()
	switch status := C.cachecore_claim_wait(cl.cache.handle, bytesOf(cl.key), C.size_t(len(cl.key)), &cl.raw, 0); {
	case status == C.CACHECORE_OK:
		return false, nil
	case Status(status) == ErrTimeout:
		return true, nil
	default:
		return false, Status(status)
	}
}

// Stands reports whether the claim is held and not void: whether what is computed would be stored.
func (cl *Claim) Stands() (bool, error) {
	cl.mutex.Lock()
	defer cl.mutex.Unlock()
	if cl.raw.token == 0 {
		return false, nil
	}
	return cl.stands()
}

// Fulfill stores the value as Set does, with its errors. ErrConflict, and nothing is stored, if the claim is void or has
// been ended before. It ends the claim, whatever the result but for ErrArgument.
//
// For so long as stale says past its deadline GetOrClaim may serve the value, while one caller computes the next; 0: it
// may not.
func (cl *Claim) Fulfill(value []byte, ttl, stale time.Duration) error {
	ms, err := ttlMillis(ttl)
	if err != nil || stale < 0 {
		return ErrArgument
	}
	return cl.end(func(handle *C.cachecore_t) C.cachecore_status_t {
		cl.raw.stale_ms = millis(stale)
		return C.cachecore_fulfill(handle, bytesOf(cl.key), C.size_t(len(cl.key)), startOf(value),
			C.size_t(len(value)), ms, &cl.raw)
	})
}

// FulfillAbsent stores in the same way that there is no value, for so long. Default in a cache without one, and Keep,
// are ErrArgument.
func (cl *Claim) FulfillAbsent(ttl time.Duration) error {
	ms, err := ttlMillis(ttl)
	if err != nil {
		return err
	}
	return cl.end(func(handle *C.cachecore_t) C.cachecore_status_t {
		return C.cachecore_fulfill_absent(handle, bytesOf(cl.key), C.size_t(len(cl.key)), ms, &cl.raw)
	})
}

// Abandon gives the claim up; nothing happens if it has ended. A stale value goes on being served for retry before the
// next caller is elected; where there is none, the next caller is elected at once.
func (cl *Claim) Abandon(retry time.Duration) error {
	cl.mutex.Lock()
	isHeld := cl.raw.token != 0
	cl.mutex.Unlock()
	if !isHeld {
		return nil
	}
	return cl.end(func(handle *C.cachecore_t) C.cachecore_status_t {
		return C.cachecore_abandon(handle, bytesOf(cl.key), C.size_t(len(cl.key)), millis(retry), &cl.raw)
	})
}

// end calls what ends the claim, and wakes those who wait for it in this process.
func (cl *Claim) end(call func(*C.cachecore_t) C.cachecore_status_t) error {
	cl.mutex.Lock()
	defer cl.mutex.Unlock()
	token := cl.raw.token
	inside := cl.cache.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	err := asError(call(cl.cache.handle))
	if token != 0 && cl.raw.token == 0 {
		cl.cache.flights.Delete(token)
		close(cl.ended)
	}
	return err
}
