package cachecore

// #include "shim.h"
import "C"

import (
	"time"
	"unsafe"
)

// Stats are counters since the cache was opened or ResetStats, and readings of this moment.
type Stats struct {
	Shards        int    // in use
	Entries       uint64 // live ones
	BytesUsed     uint64 // memory in use: entries, index, bookkeeping
	BytesLimit    uint64 // 0: none
	EntriesLimit  uint64 // 0: none
	Hits          uint64 // reads that found a live entry
	Misses        uint64 // reads that did not
	Inserts       uint64 // stored under a key that had no live entry
	Updates       uint64 // stored in place of a live entry
	Deletes       uint64 // live entries removed by Delete, Clear and so on
	Evictions     uint64 // live entries removed to make room
	Expirations   uint64 // entries removed because they had expired
	Refused       uint64 // writes that were not stored for lack of room
	BytesResident uint64 // memory held from the system
	RemovalsLost  uint64 // removals dropped before they were taken
	Expired       uint64 // entries past their deadline that are still there
	EntriesBefore uint64 // entries there when the counters began
	Stale         uint64 // values past their deadline that GetOrClaim may still serve
	Absent        uint64 // entries that say that there is no value
	StaleServed   uint64 // stale values that were served
	AbsentServed  uint64 // answers that there is no value
}

// HitRatio returns hits among all reads, from 0 to 1; 0 before the first.
func (s Stats) HitRatio() float64 {
	if s.Hits+s.Misses == 0 {
		return 0
	}
	return float64(s.Hits) / float64(s.Hits+s.Misses)
}

// rawStats fills the library's struct. The caller is inside the gate.
func (c *Cache) rawStats() (raw C.cachecore_stats_t, err error) {
	raw.struct_size = C.sizeof_cachecore_stats_t
	err = asError(C.cachecore_stats(c.handle, &raw))
	return raw, err
}

// Stats returns the statistics.
func (c *Cache) Stats() (Stats, error) {
	inside := c.gate.enter()
	if inside == nil {
		return Stats{}, ErrClosed
	}
	defer inside.leave()
	raw, err := c.rawStats()
	return Stats{
		Shards:        int(raw.shard_count),
		Entries:       uint64(raw.entries),
		BytesUsed:     uint64(raw.bytes_used),
		BytesLimit:    uint64(raw.bytes_limit),
		EntriesLimit:  uint64(raw.entries_limit),
		Hits:          uint64(raw.hits),
		Misses:        uint64(raw.misses),
		Inserts:       uint64(raw.inserts),
		Updates:       uint64(raw.updates),
		Deletes:       uint64(raw.deletes),
		Evictions:     uint64(raw.evictions),
		Expirations:   uint64(raw.expirations),
		Refused:       uint64(raw.refused),
		BytesResident: uint64(raw.bytes_resident),
		RemovalsLost:  uint64(raw.removals_lost),
		Expired:       uint64(raw.expired),
		EntriesBefore: uint64(raw.entries_before),
		Stale:         uint64(raw.stale),
		Absent:        uint64(raw.absent),
		StaleServed:   uint64(raw.stale_served),
		AbsentServed:  uint64(raw.absent_served),
	}, err
}

// A Figure is one of the statistics, with what an exporter says about it.
type Figure struct {
	Name      string // as in cachecore.h: "hits"
	Unit      string // what it counts, in the plural: "reads", "bytes"
	Help      string // an English sentence
	IsCounter bool   // it only rises, until ResetStats; else it is a reading of the moment, or a limit
	Value     uint64
}

// Figures returns all of the statistics by name, for programs that export them without naming one.
func (c *Cache) Figures() ([]Figure, error) {
	inside := c.gate.enter()
	if inside == nil {
		return nil, ErrClosed
	}
	defer inside.leave()
	raw, err := c.rawStats()
	if err != nil {
		return nil, err
	}
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&raw)), C.sizeof_cachecore_stats_t)
	var figures []Figure
	for number := C.uint32_t(0); ; number++ {
		field := C.cachecore_stats_field_t{struct_size: C.sizeof_cachecore_stats_field_t}
		if err := asError(C.cachecore_stats_field(number, &field)); err == ErrMiss {
			return figures, nil
		} else if err != nil {
			return nil, err
		}
		if field.offset+field.size > C.sizeof_cachecore_stats_t {
			continue // of a later library
		}
		figure := Figure{
			Name:      C.GoString(field.name),
			Unit:      C.GoString(field.unit),
			Help:      C.GoString(field.help),
			IsCounter: field.kind == C.CACHECORE_FIELD_COUNTER,
		}
		if at := bytes[field.offset:]; field.size == 4 {
			figure.Value = uint64(order.Uint32(at))
		} else {
			figure.Value = order.Uint64(at)
		}
		figures = append(figures, figure)
	}
}

// ResetStats sets the counters to zero.
func (c *Cache) ResetStats() error {
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	return asError(C.cachecore_reset_stats(c.handle))
}

// A Window has the hits and misses of the recent past.
type Window struct {
	Hits, Misses uint64
	Span         time.Duration // for how long they were really counted
}

// Window returns the hits and misses of the last span; of all the time since the cache was opened, if that is 0.
// Counters are recorded once a minute, for 32 hours, so the window may begin earlier.
func (c *Cache) Window(span time.Duration) (Window, error) {
	inside := c.gate.enter()
	if inside == nil {
		return Window{}, ErrClosed
	}
	defer inside.leave()
	if span < 0 {
		return Window{}, ErrArgument
	}
	raw := C.cachecore_window_t{struct_size: C.sizeof_cachecore_window_t}
	err := asError(C.cachecore_window(c.handle, millis(span), &raw))
	return Window{uint64(raw.hits), uint64(raw.misses), durationFrom(raw.span_ms)}, err
}
