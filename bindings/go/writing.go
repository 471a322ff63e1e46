package cachecore

// #include "shim.h"
import "C"

import (
	"math"
	"time"
)

// What may come of a write, where it applies: ErrRefused and ErrNoMemory (the older value is gone, so that nobody is
// given what was meant to be replaced), ErrFull in a cache that does not evict, and ErrTimeout in one that processes
// share.

// Set stores the value, or replaces the one that is there.
func (c *Cache) Set(key string, value []byte, ttl time.Duration) error {
	ms, err := ttlMillis(ttl)
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	if err != nil {
		return err
	}
	return asError(C.go_set(c.id(), bytesOf(key), C.size_t(len(key)), startOf(value), C.size_t(len(value)), ms))
}

// SetUntil is as Set, with the deadline as a point of the wall clock. With one that has passed nothing is stored, and
// the older value is gone.
func (c *Cache) SetUntil(key string, value []byte, deadline time.Time) error {
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	return asError(C.cachecore_set_until(c.handle, bytesOf(key), C.size_t(len(key)), startOf(value),
		C.size_t(len(value)), unixMillis(deadline)))
}

// unixMillis rounds up, and is the nearest for what does not fit.
func unixMillis(t time.Time) C.int64_t {
	seconds := t.Unix()
	switch {
	case seconds >= math.MaxInt64/1000:
		return math.MaxInt64
	case seconds <= math.MinInt64/1000:
		return math.MinInt64
	}
	return C.int64_t(seconds*1000) + C.int64_t((t.Nanosecond()+999_999)/1_000_000)
}

// Add is as Set, but only if there is no live entry: else ErrExists.
func (c *Cache) Add(key string, value []byte, ttl time.Duration) error {
	ms, err := ttlMillis(ttl)
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	if err != nil {
		return err
	}
	return asError(C.go_add(c.id(), bytesOf(key), C.size_t(len(key)), startOf(value), C.size_t(len(value)), ms))
}

// Replace is as Set, but only if there is a live entry: else ErrMiss.
func (c *Cache) Replace(key string, value []byte, ttl time.Duration) error {
	ms, err := ttlMillis(ttl)
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	if err != nil {
		return err
	}
	return asError(C.go_replace(c.id(), bytesOf(key), C.size_t(len(key)), startOf(value),
		C.size_t(len(value)), ms))
}

// CompareAndSet is as Set, but only if the live entry still has the version that GetWithInfo reported with the value
// that the new one was made of: ErrConflict if it has another, ErrMiss if there is no live entry.
func (c *Cache) CompareAndSet(key string, value []byte, version uint64, ttl time.Duration) error {
	ms, err := ttlMillis(ttl)
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	if err != nil {
		return err
	}
	return asError(C.go_compare_and_set(c.id(), bytesOf(key), C.size_t(len(key)), startOf(value),
		C.size_t(len(value)), C.uint64_t(version), ms))
}

// Delete removes the entry; ErrMiss if there was no live one.
func (c *Cache) Delete(key string) error {
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	return asError(C.go_delete(c.id(), bytesOf(key), C.size_t(len(key))))
}

// Touch gives a live entry a new lifetime, and counts as a use; ErrMiss if there is none.
func (c *Cache) Touch(key string, ttl time.Duration) error {
	ms, err := ttlMillis(ttl)
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	if err != nil {
		return err
	}
	return asError(C.go_touch(c.id(), bytesOf(key), C.size_t(len(key)), ms))
}

// Increment adds delta to a value that is a decimal number in text, in one atomic step, and returns the sum. An absent
// entry is stored as initial, without the delta, and with the lifetime; an entry that is there keeps its own. ErrType
// if the value is no number, and ErrRange if the sum does not fit, change nothing.
func (c *Cache) Increment(key string, delta, initial int64, ttl time.Duration) (int64, error) {
	ms, err := ttlMillis(ttl)
	inside := c.gate.enter()
	if inside == nil {
		return 0, ErrClosed
	}
	defer inside.leave()
	if err != nil {
		return 0, err
	}
	sum := C.go_increment(c.id(), bytesOf(key), C.size_t(len(key)), C.int64_t(delta), C.int64_t(initial), ms)
	return int64(sum.number), asError(sum.status)
}
