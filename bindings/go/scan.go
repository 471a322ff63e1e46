package cachecore

// #include "shim.h"
import "C"

import (
	"math"
	"unsafe"
)

const (
	bufferSize  = 64 << 10
	recordMost  = scanHeader + 65536 // a record with the longest key
	recordUsual = 64
)

// A Scanner goes through entries, as a bufio.Scanner does through lines:
//
//	for s := cache.Scan("user:"); s.Next(); {
//		fmt.Println(s.Entry().Key)
//	}
//
// It is for one goroutine.
type Scanner struct {
	cache      *Cache
	prefix     string
	withValues bool
	found      []Entry
	entry      Entry
	cursor     C.uint64_t
	isOver     bool
	err        error
}

// Scan goes through the live entries whose keys begin with the prefix, all with "", in no order. An entry that is there
// all the while is seen at least once, whatever else happens meanwhile; one that comes or goes may be missed. It counts
// as no use and in no statistic.
func (c *Cache) Scan(prefix string) *Scanner { return &Scanner{cache: c, prefix: prefix} }

// ScanValues is as Scan, with the values.
func (c *Cache) ScanValues(prefix string) *Scanner {
	return &Scanner{cache: c, prefix: prefix, withValues: true}
}

// Next goes to the next entry, and reports whether there is one. If not, Err says why.
func (s *Scanner) Next() bool {
	for len(s.found) == 0 {
		if s.isOver {
			return false
		}
		s.fetch()
	}
	s.entry, s.found = s.found[0], s.found[1:]
	return true
}

// Entry returns the entry that Next went to.
func (s *Scanner) Entry() Entry { return s.entry }

// Err is nil when all entries have been seen.
func (s *Scanner) Err() error { return s.err }

func (s *Scanner) fetch() {
	inside := s.cache.gate.enter()
	if inside == nil {
		s.isOver, s.err = true, ErrClosed
		return
	}
	defer inside.leave()
	handle, prefix, size := s.cache.handle, bytesOf(s.prefix), C.size_t(len(s.prefix))
	written, err := fill(bufferSize, func(start unsafe.Pointer, capacity C.size_t, w *C.size_t) C.cachecore_status_t {
		if s.withValues {
			return C.cachecore_scan_values(handle, &s.cursor, prefix, size, start, capacity, w, nil)
		}
		return C.cachecore_scan(handle, &s.cursor, prefix, size, start, capacity, w, nil)
	})
	s.err, s.isOver = err, err != nil || s.cursor == 0
	if s.withValues {
		s.found = entriesWithValues(written)
	} else {
		s.found = entries(written)
	}
}

// Coldest returns up to limit live entries, the next to be evicted first. Ask for thousands, not for millions: writes
// wait meanwhile.
func (c *Cache) Coldest(limit int) ([]Entry, error) { return c.ordered(limit, true) }

// Hottest returns up to limit live entries, the last to be evicted first.
func (c *Cache) Hottest(limit int) ([]Entry, error) { return c.ordered(limit, false) }

func (c *Cache) ordered(limit int, coldest bool) ([]Entry, error) {
	inside := c.gate.enter()
	if inside == nil {
		return nil, ErrClosed
	}
	defer inside.leave()
	if limit < 0 {
		return nil, ErrArgument
	}
	usual := limit
	if count := uint64(C.cachecore_count(c.handle)); uint64(usual) > count {
		usual = int(count)
	}
	for room := recordMost + recordUsual*usual; ; room *= 2 {
		var count C.size_t
		most := C.uint64_t(limit)
		written, err := fill(room, func(start unsafe.Pointer, capacity C.size_t, w *C.size_t) C.cachecore_status_t {
			if coldest {
				return C.cachecore_coldest(c.handle, most, start, capacity, w, &count)
			}
			return C.cachecore_hottest(c.handle, most, start, capacity, w, &count)
		})
		// As many as fit are written. Where one more of any size would have fit, there is none.
		if err != nil || int(count) == limit || room-len(written) >= recordMost || room > math.MaxInt/2 {
			return entries(written), err
		}
	}
}
