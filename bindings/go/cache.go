package cachecore

// #include "shim.h"
import "C"

import (
	"io"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A Cache is a cache of this process, or one that processes share. Open makes one, Close ends it.
type Cache struct {
	gate    gate
	handle  *C.cachecore_t
	flights sync.Map     // of the claims that this process holds: token to chan struct{}, closed at the end
	arena   atomic.Int64 // bytes that the values of the largest batch took
}

var _ io.Closer = (*Cache)(nil)

// Close stops the sweeper and returns all memory to the system; from a shared cache it detaches, and the entries stay
// with the file. Calls that are under way end first; later ones are ErrClosed, this one too. Values of Acquire stay
// readable until they are released.
func (c *Cache) Close() error {
	if !c.gate.close() {
		return ErrClosed
	}
	C.cachecore_close(c.handle)
	return nil
}

// id is the handle as shim.h takes it. It is not Go's memory: a number keeps nothing alive, and need not.
func (c *Cache) id() C.go_cache { return C.go_cache(uintptr(unsafe.Pointer(c.handle))) }

// Version returns the version of the library in use, as 0x00MMmmpp.
func Version() uint32 { return uint32(C.cachecore_version()) }

// bytesOf is the beginning of a string's bytes, for a call during which they are read and not kept. They do not move
// meanwhile: an argument of a cgo call escapes, so it is never on a goroutine's stack.
func bytesOf(s string) unsafe.Pointer {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Pointer((*struct {
		data *byte
		size int
	})(unsafe.Pointer(&s)).data)
}

// startOf is the same for a slice.
func startOf(b []byte) unsafe.Pointer {
	if len(b) == 0 {
		return nil
	}
	return unsafe.Pointer(&b[0])
}

// spareOf is where a slice's unused capacity begins.
func spareOf(b []byte) unsafe.Pointer {
	if cap(b) == len(b) {
		return nil
	}
	return unsafe.Pointer(&b[len(b) : len(b)+1][0])
}
