package cachecore

// #include "shim.h"
import "C"

import (
	"fmt"
	"sync"
	"time"
)

// A batch crosses to C once. cgo forbids arrays of Go pointers, so the keys go as one block of bytes with offsets, and
// the values come back in one arena, of which the caller gets slices.

// Bytes for each value of a first batch, and the most that a later one asks for in advance.
const (
	valueUsual = 128
	arenaMost  = 1 << 20
)

// block is byte strings one after another, with where each begins, and where the last ends.
type block struct {
	bytes   []byte
	offsets []C.size_t
}

func (b *block) reset() {
	b.bytes = b.bytes[:0]
	b.offsets = append(b.offsets[:0], 0)
}

func (b *block) end() { b.offsets = append(b.offsets, C.size_t(len(b.bytes))) }

// packed is the memory of a batch, used again.
type packed struct {
	keys, values block
	sizes        []C.size_t
	statuses     []C.cachecore_status_t
	ttls         []C.uint64_t
}

var packs = sync.Pool{New: func() any { return new(packed) }}

func (p *packed) setKeys(keys []string) {
	p.keys.reset()
	for _, key := range keys {
		p.keys.bytes = append(p.keys.bytes, key...)
		p.keys.end()
	}
}

// setCount makes room for so many results.
func (p *packed) setCount(count int) {
	if cap(p.statuses) < count {
		p.statuses = make([]C.cachecore_status_t, count)
		p.sizes = make([]C.size_t, count)
		p.ttls = make([]C.uint64_t, count)
	}
	p.statuses, p.sizes, p.ttls = p.statuses[:count], p.sizes[:count], p.ttls[:count]
}

// BatchError says which elements of a batch failed. All were attempted, and the others are done.
type BatchError struct {
	Failed []Failure // in order
	Count  int       // elements in the batch
}

// A Failure is an element of a batch that failed.
type Failure struct {
	Number int // in the slice that was passed
	Err    error
}

func (e *BatchError) Error() string {
	return fmt.Sprintf("%d of %d failed, the first: %v", len(e.Failed), e.Count, e.Failed[0].Err)
}

// Unwrap returns the first error.
func (e *BatchError) Unwrap() error { return e.Failed[0].Err }

// batchError is nil if no status is an error. A miss is none.
func batchError(statuses []C.cachecore_status_t) error {
	var failed []Failure
	for number, status := range statuses {
		if status < 0 || status == C.CACHECORE_REFUSED {
			failed = append(failed, Failure{number, Status(status)})
		}
	}
	if failed == nil {
		return nil
	}
	return &BatchError{failed, len(statuses)}
}

// GetMany returns the values of many keys, in their order: nil for a miss, and not nil for an empty value. The values
// share memory: one that is kept keeps the others. The error is the first of any element.
func (c *Cache) GetMany(keys []string) ([][]byte, error) {
	inside := c.gate.enter()
	if inside == nil {
		return nil, ErrClosed
	}
	defer inside.leave()
	if len(keys) == 0 {
		return nil, nil
	}
	p := packs.Get().(*packed)
	defer packs.Put(p)
	p.setKeys(keys)
	p.setCount(len(keys))
	size := len(keys) * valueUsual
	if largest := int(c.arena.Load()); size < largest {
		size = largest
	}
	arena := make([]byte, size)
	status := Status(C.cachecore_get_packed(c.handle, C.size_t(len(keys)), startOf(p.keys.bytes), &p.keys.offsets[0],
		startOf(arena), C.size_t(len(arena)), &p.sizes[0], &p.statuses[0]))
	if status != ok && status != tooSmall {
		return nil, status
	}
	values, begin, missing := make([][]byte, len(keys)), 0, 0
	for i := range values {
		switch Status(p.statuses[i]) {
		case ok:
			end := begin + int(p.sizes[i])
			values[i] = arena[begin:end:end]
			begin = end
		case tooSmall:
			missing += int(p.sizes[i])
		}
	}
	if missing > 0 {
		return c.getThoseWithoutRoom(keys, p, values, begin+missing)
	}
	return values, nil
}

// getThoseWithoutRoom reads them one by one; they have been counted. The next batch begins with more room.
func (c *Cache) getThoseWithoutRoom(keys []string, p *packed, values [][]byte, total int) ([][]byte, error) {
	if total <= arenaMost && int64(total) > c.arena.Load() {
		c.arena.Store(int64(total))
	}
	for i, key := range keys {
		if Status(p.statuses[i]) != tooSmall {
			continue
		}
		value, err := c.peek(nil, key, int(p.sizes[i]))
		if err != nil && err != ErrMiss { // a miss: it has left meanwhile
			return nil, err
		}
		values[i] = value
	}
	return values, nil
}

// An Item is a key and a value to be stored.
type Item struct {
	Key   string
	Value []byte
}

// SetMany stores many values with one lifetime, in order. The error is a *BatchError, or ErrClosed.
func (c *Cache) SetMany(items []Item, ttl time.Duration) error {
	ms, err := ttlMillis(ttl)
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return nil
	}
	p := packs.Get().(*packed)
	defer packs.Put(p)
	p.keys.reset()
	p.values.reset()
	p.setCount(len(items))
	for i, item := range items {
		p.keys.bytes = append(p.keys.bytes, item.Key...)
		p.keys.end()
		p.values.bytes = append(p.values.bytes, item.Value...)
		p.values.end()
		p.ttls[i] = ms
	}
	C.cachecore_set_packed(c.handle, C.size_t(len(items)), startOf(p.keys.bytes), &p.keys.offsets[0],
		startOf(p.values.bytes), &p.values.offsets[0], &p.ttls[0], &p.statuses[0])
	return batchError(p.statuses)
}

// DeleteMany removes many entries, and returns how many of them were live. The error is a *BatchError, or ErrClosed.
func (c *Cache) DeleteMany(keys []string) (uint64, error) {
	inside := c.gate.enter()
	if inside == nil {
		return 0, ErrClosed
	}
	defer inside.leave()
	if len(keys) == 0 {
		return 0, nil
	}
	p := packs.Get().(*packed)
	defer packs.Put(p)
	p.setKeys(keys)
	p.setCount(len(keys))
	var removed C.uint64_t
	C.cachecore_delete_packed(c.handle, C.size_t(len(keys)), startOf(p.keys.bytes), &p.keys.offsets[0],
		&p.statuses[0], &removed)
	return uint64(removed), batchError(p.statuses)
}
