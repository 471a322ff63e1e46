package cachecore

// #include "shim.h"
import "C"

import (
	"encoding/binary"
	"time"
	"unsafe"
)

// Records are what the library writes to a buffer, one after another, about entries and removals. Each begins with a
// header that says how long it, its key and its value are. A slice that does not fit is a panic of Go's, never a read
// beyond the buffer.

// An Entry was listed, by Scan and its kin.
type Entry struct {
	Key       string
	ValueSize uint64
	TTL       time.Duration // time left to live, or Never
	Value     []byte        // if values were asked for
}

// A Cause is why an entry left the cache.
type Cause uint32

const (
	// Expired says that its lifetime had ended.
	Expired Cause = C.CACHECORE_REMOVED_EXPIRED
	// Evicted says that room was needed.
	Evicted Cause = C.CACHECORE_REMOVED_EVICTED
	// Replaced says that another value was stored under its key.
	Replaced Cause = C.CACHECORE_REMOVED_REPLACED
	// Deleted says that it was deleted, the cache cleared, or a write of its key refused.
	Deleted Cause = C.CACHECORE_REMOVED_DELETED
)

func (c Cause) String() string {
	switch c {
	case Expired:
		return "expired"
	case Evicted:
		return "evicted"
	case Replaced:
		return "replaced"
	case Deleted:
		return "deleted"
	}
	return "unknown"
}

// A Removal is an entry that has left the cache.
type Removal struct {
	Key   string
	Value []byte
	Cause Cause
}

// The machine's own order of bytes. The library runs on machines of this one alone.
var order = binary.LittleEndian

const (
	scanHeader    = C.sizeof_cachecore_scan_record_t
	valueHeader   = C.sizeof_cachecore_value_record_t
	removalHeader = C.sizeof_cachecore_removal_record_t
)

// fill calls write with an aligned buffer, and with a larger one while not one record fits.
func fill(size int, write func(start unsafe.Pointer, capacity C.size_t, written *C.size_t) C.cachecore_status_t) (
	[]byte, error) {
	for {
		words := make([]uint64, (size+7)/8)
		var written C.size_t
		capacity := 8 * len(words)
		status := write(unsafe.Pointer(&words[0]), C.size_t(capacity), &written)
		switch {
		case Status(status) == tooSmall && int(written) > capacity:
			size = int(written)
		case status != C.CACHECORE_OK:
			return nil, Status(status)
		default:
			return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), capacity)[:written], nil
		}
	}
}

// entries takes cachecore_scan_record_t apart.
func entries(b []byte) (all []Entry) {
	for len(b) > 0 {
		key := b[scanHeader : scanHeader+order.Uint32(b[4:])]
		ttl := durationOf(C.int64_t(order.Uint64(b[16:])))
		all = append(all, Entry{Key: string(key), ValueSize: order.Uint64(b[8:]), TTL: ttl})
		b = b[order.Uint32(b):]
	}
	return all
}

// entriesWithValues takes cachecore_value_record_t apart.
func entriesWithValues(b []byte) (all []Entry) {
	for len(b) > 0 {
		size, keyEnd := order.Uint64(b[8:]), valueHeader+uint64(order.Uint32(b[24:]))
		value := append([]byte{}, b[keyEnd:keyEnd+size]...)
		ttl := durationOf(C.int64_t(order.Uint64(b[16:])))
		all = append(all, Entry{string(b[valueHeader:keyEnd]), size, ttl, value})
		b = b[order.Uint64(b):]
	}
	return all
}

// removals takes cachecore_removal_record_t apart.
func removals(b []byte) (all []Removal) {
	for len(b) > 0 {
		keyEnd := removalHeader + uint64(order.Uint32(b[16:]))
		value := append([]byte{}, b[keyEnd:keyEnd+order.Uint64(b[8:])]...)
		all = append(all, Removal{string(b[removalHeader:keyEnd]), value, Cause(order.Uint32(b[20:]))})
		b = b[order.Uint64(b):]
	}
	return all
}
