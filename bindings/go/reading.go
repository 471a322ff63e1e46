package cachecore

// #include "shim.h"
import "C"

import (
	"sync"
	"time"
)

// What a value is copied to first: enough for most. A longer one is read again, by peek, so that it counts once.
const scratchSize = 4096

var scratches = sync.Pool{New: func() any { return new([scratchSize]byte) }}

// Get returns a copy of the value, or ErrMiss. It counts as a use, and as a hit or a miss.
func (c *Cache) Get(key string) ([]byte, error) {
	inside := c.gate.enter()
	if inside == nil {
		return nil, ErrClosed
	}
	defer inside.leave()
	scratch := scratches.Get().(*[scratchSize]byte)
	defer scratches.Put(scratch)
	got := C.go_get(c.id(), bytesOf(key), C.size_t(len(key)), startOf(scratch[:]), scratchSize)
	switch Status(got.status) {
	case ok:
		return append(make([]byte, 0, got.size), scratch[:got.size]...), nil
	case tooSmall:
		return c.peek(nil, key, int(got.size))
	}
	return nil, Status(got.status)
}

// AppendValue appends the value to dst, as append does, and returns the result; with ErrMiss and other errors, dst.
// With enough capacity in dst it allocates nothing. Otherwise as Get.
func (c *Cache) AppendValue(dst []byte, key string) ([]byte, error) {
	inside := c.gate.enter()
	if inside == nil {
		return dst, ErrClosed
	}
	defer inside.leave()
	got := C.go_get(c.id(), bytesOf(key), C.size_t(len(key)), spareOf(dst), C.size_t(cap(dst)-len(dst)))
	switch Status(got.status) {
	case ok:
		return dst[:len(dst)+int(got.size)], nil
	case tooSmall:
		return c.peek(dst, key, int(got.size))
	}
	return dst, Status(got.status)
}

// Peek is as Get, but counts as no use and in no statistic.
func (c *Cache) Peek(key string) ([]byte, error) {
	inside := c.gate.enter()
	if inside == nil {
		return nil, ErrClosed
	}
	defer inside.leave()
	return c.peek(nil, key, 0)
}

// peek appends the value to dst. The caller is inside the gate. Size is what is known of the value's.
func (c *Cache) peek(dst []byte, key string, size int) ([]byte, error) {
	for {
		if cap(dst)-len(dst) < size {
			dst = append(make([]byte, 0, len(dst)+size), dst...)
		}
		got := C.go_peek(c.id(), bytesOf(key), C.size_t(len(key)), spareOf(dst), C.size_t(cap(dst)-len(dst)))
		switch Status(got.status) {
		case ok:
			if dst == nil {
				dst = []byte{} // an empty value is not nil
			}
			return dst[:len(dst)+int(got.size)], nil
		case tooSmall:
			size = int(got.size)
		default:
			return dst, Status(got.status)
		}
	}
}

// EntryInfo is what is known of an entry beside its value.
type EntryInfo struct {
	ValueSize uint64        // bytes
	TTL       time.Duration // time left to live, or Never
	Age       time.Duration // since the value was stored
	Idle      time.Duration // since the entry was stored, touched or read
	Version   uint64        // differs for every value ever stored under the key
}

func infoOf(raw C.cachecore_entry_info_t) EntryInfo {
	return EntryInfo{
		ValueSize: uint64(raw.value_size),
		TTL:       durationOf(raw.ttl_ms),
		Age:       durationOf(raw.age_ms),
		Idle:      durationOf(raw.idle_ms),
		Version:   uint64(raw.version),
	}
}

// GetWithInfo is as Get, with what is known of the entry, both of one moment. The version is for CompareAndSet.
func (c *Cache) GetWithInfo(key string) ([]byte, EntryInfo, error) {
	inside := c.gate.enter()
	if inside == nil {
		return nil, EntryInfo{}, ErrClosed
	}
	defer inside.leave()
	scratch := scratches.Get().(*[scratchSize]byte)
	defer scratches.Put(scratch)
	got := C.go_get_with_info(c.id(), bytesOf(key), C.size_t(len(key)), startOf(scratch[:]), scratchSize)
	switch Status(got.status) {
	case ok:
		return append(make([]byte, 0, got.size), scratch[:got.size]...), infoOf(got.info), nil
	case tooSmall:
		return c.peekWithInfo(key, int(got.size))
	}
	return nil, EntryInfo{}, Status(got.status)
}

// peekWithInfo relies on this: a value between two looks at one version is of that version.
func (c *Cache) peekWithInfo(key string, size int) ([]byte, EntryInfo, error) {
	for {
		before := C.go_inspect(c.id(), bytesOf(key), C.size_t(len(key)))
		value, err := c.peek(nil, key, size)
		after := C.go_inspect(c.id(), bytesOf(key), C.size_t(len(key)))
		if after.status != C.CACHECORE_OK {
			return nil, EntryInfo{}, Status(after.status)
		}
		if err == nil && before.status == C.CACHECORE_OK && before.info.version == after.info.version {
			return value, infoOf(after.info), nil
		}
	}
}

// Contains reports whether there is a live entry. It counts as no use and in no statistic.
func (c *Cache) Contains(key string) (bool, error) {
	inside := c.gate.enter()
	if inside == nil {
		return false, ErrClosed
	}
	defer inside.leave()
	switch status := C.go_contains(c.id(), bytesOf(key), C.size_t(len(key))); Status(status) {
	case ok:
		return true, nil
	case ErrMiss:
		return false, nil
	default:
		return false, Status(status)
	}
}

// TTL returns the time left to live, or Never; with a time to idle, the time until the first of the two ends. It counts
// as no use and in no statistic.
func (c *Cache) TTL(key string) (time.Duration, error) {
	inside := c.gate.enter()
	if inside == nil {
		return 0, ErrClosed
	}
	defer inside.leave()
	got := C.go_ttl(c.id(), bytesOf(key), C.size_t(len(key)))
	if err := asError(got.status); err != nil {
		return 0, err
	}
	return durationOf(got.number), nil
}

// Inspect reports on one entry. It counts as no use and in no statistic.
func (c *Cache) Inspect(key string) (EntryInfo, error) {
	inside := c.gate.enter()
	if inside == nil {
		return EntryInfo{}, ErrClosed
	}
	defer inside.leave()
	got := C.go_inspect(c.id(), bytesOf(key), C.size_t(len(key)))
	if err := asError(got.status); err != nil {
		return EntryInfo{}, err
	}
	return infoOf(got.info), nil
}
