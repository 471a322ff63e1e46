package cachecore

// #include "shim.h"
import "C"

import (
	"sync"
	"unsafe"
)

// A Value is lent by the cache without copying it. Its memory counts against the cache's bound until it is released,
// also when the entry is replaced, deleted or evicted, and when the cache is closed.
//
// It has no finalizer: the slice of Bytes points to memory that is not Go's and does not keep the Value alive, so a
// finalizer would take the bytes away under it.
type Value struct {
	mutex sync.Mutex
	raw   C.cachecore_value_t
}

// Acquire lends the value, or returns ErrMiss. It counts as a use. Release it, by defer as a rule. One entry can be lent
// 4095 times at once; ErrState beyond.
func (c *Cache) Acquire(key string) (*Value, error) {
	inside := c.gate.enter()
	if inside == nil {
		return nil, ErrClosed
	}
	defer inside.leave()
	got := C.go_acquire(c.id(), bytesOf(key), C.size_t(len(key)))
	if err := asError(got.status); err != nil {
		return nil, err
	}
	return &Value{raw: got.value}, nil
}

// Bytes returns the value in the cache's own memory. It must not be written to, and not be read after Release. After
// Release it is nil.
func (v *Value) Bytes() []byte {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	if v.raw.size == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(v.raw.data), int(v.raw.size))[:v.raw.size:v.raw.size]
}

// Release gives the value back. Any goroutine may call it, and more than once.
func (v *Value) Release() {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	C.cachecore_release(&v.raw)
}
