package cachecore

// #include "shim.h"
// #include <stdlib.h>
import "C"

import (
	"time"
	"unsafe"
)

// Len returns the number of live entries; 0 of a closed cache.
func (c *Cache) Len() int {
	inside := c.gate.enter()
	if inside == nil {
		return 0
	}
	defer inside.leave()
	return int(C.cachecore_count(c.handle))
}

// Clear removes every entry that is there at the beginning, and returns the memory to the system.
func (c *Cache) Clear() error {
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	return asError(C.cachecore_clear(c.handle))
}

// DeletePrefix deletes every live entry whose key begins with the prefix, and returns their number. The prefix must not
// be empty.
func (c *Cache) DeletePrefix(prefix string) (uint64, error) {
	inside := c.gate.enter()
	if inside == nil {
		return 0, ErrClosed
	}
	defer inside.leave()
	removed := C.go_delete_prefix(c.id(), bytesOf(prefix), C.size_t(len(prefix)))
	return uint64(removed.number), asError(removed.status)
}

// Evict removes up to count entries, as if room were needed, and returns how many it were: those that have expired
// first, then those that would be evicted next. ErrState for a cache that does not evict.
func (c *Cache) Evict(count uint64) (uint64, error) {
	inside := c.gate.enter()
	if inside == nil {
		return 0, ErrClosed
	}
	defer inside.leave()
	removed := C.go_evict(c.id(), C.uint64_t(count))
	return uint64(removed.number), asError(removed.status)
}

// CleanupExpired removes entries that have expired, at most so many, 0: all, and returns their number. It returns free
// memory to the system, and needs no sweeper.
func (c *Cache) CleanupExpired(most uint64) (uint64, error) {
	inside := c.gate.enter()
	if inside == nil {
		return 0, ErrClosed
	}
	defer inside.leave()
	removed := C.go_cleanup_expired(c.id(), C.uint64_t(most))
	return uint64(removed.number), asError(removed.status)
}

// Resize sets new bounds, with the meaning that they have in Options, and evicts until they hold. ErrFull if a cache
// that does not evict holds more. ErrState if lent values stand in the way: the bounds are set, and hold when those are
// released and the cache has been written to for a while.
func (c *Cache) Resize(maxEntries, maxBytes uint64) error {
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	return asError(C.cachecore_resize(c.handle, C.uint64_t(maxEntries), C.uint64_t(maxBytes)))
}

// TakeRemovals takes out what has left a cache with Options.ReportRemovals, each removal once, in the order of each
// shard. It takes a bounded number: call it again until there are none.
func (c *Cache) TakeRemovals() ([]Removal, error) {
	inside := c.gate.enter()
	if inside == nil {
		return nil, ErrClosed
	}
	defer inside.leave()
	written, err := fill(bufferSize, func(start unsafe.Pointer, capacity C.size_t, w *C.size_t) C.cachecore_status_t {
		return C.cachecore_take_removals(c.handle, start, capacity, w, nil)
	})
	if err == ErrMiss {
		return nil, nil
	}
	return removals(written), err
}

// AdvanceClock moves the clock of a cache with Options.ManualClock forward.
func (c *Cache) AdvanceClock(by time.Duration) error {
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	if by < 0 {
		return ErrArgument
	}
	return asError(C.cachecore_advance_clock(c.handle, millis(by)))
}

// Save saves the live entries, and those that may still be served, to a file of mode 0600, and returns how many. The
// file is written beside the target and renamed, so that the old one or the new one is there, whole. It is no snapshot
// of one moment.
func (c *Cache) Save(path string) (uint64, error) {
	return c.file(path, func(path *C.char) C.go_counted { return C.go_save(c.id(), path) })
}

// Load adds what is in a saved file where there is no entry, and returns how many were stored. Lifetimes went on by the
// wall clock. Damaged blocks are left out. ErrState if there is no such file, ErrLayout if it is no saved cache.
func (c *Cache) Load(path string) (uint64, error) {
	return c.file(path, func(path *C.char) C.go_counted { return C.go_load(c.id(), path) })
}

func (c *Cache) file(path string, call func(*C.char) C.go_counted) (uint64, error) {
	inside := c.gate.enter()
	if inside == nil {
		return 0, ErrClosed
	}
	defer inside.leave()
	raw, err := cString(path)
	if err != nil {
		return 0, err
	}
	defer C.free(unsafe.Pointer(raw))
	entries := call(raw)
	return uint64(entries.number), asError(entries.status)
}
