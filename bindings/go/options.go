package cachecore

// #include "shim.h"
import "C"

import (
	"runtime"
	"time"
)

// Policy says which entry is evicted when the cache is full.
type Policy uint32

const (
	// LRU evicts the entry that was used longest ago.
	LRU Policy = C.CACHECORE_POLICY_LRU
	// Adaptive keeps entries that are likely to be used again, by recency or frequency, whichever hits more often at
	// present. A scan does not empty the cache.
	Adaptive Policy = C.CACHECORE_POLICY_ADAPTIVE
)

// Options are what a cache is opened with. At least one of the two bounds must be set.
type Options struct {
	MaxEntries        uint64        // most entries held at once; 0: no such bound
	MaxBytes          uint64        // most memory in use, bookkeeping included; at least 65536; 0: no such bound
	Policy            Policy        // which entry is evicted
	DefaultTTL        time.Duration // the lifetime that Default stands for; 0: entries never expire
	TimeToIdle        time.Duration // an entry that was not used for so long expires; 0: entries may idle
	TTLJitterPermille int           // lifetimes are shortened by up to so many thousandths, at random
	Shards            int           // 1 to 256; 0: by the cores and the bounds; 1: one exact order of use
	HashSeed          uint64        // for runs that must repeat exactly; 0: random
	NoEvict           bool          // never evict a live entry: a write that does not fit is ErrFull
	ManualClock       bool          // time stands still until AdvanceClock moves it: for tests
	ReportRemovals    bool          // keep what leaves the cache for TakeRemovals
}

// raw is what C takes.
func (o Options) raw() (raw C.cachecore_options_t, err error) {
	C.cachecore_options_init(&raw, C.sizeof_cachecore_options_t)
	refuse := func(reason string) error { return &OpenError{Err: ErrArgument, Reason: reason} }
	if o.Shards < 0 || o.TTLJitterPermille < 0 {
		return raw, refuse("Shards and TTLJitterPermille must not be negative")
	}
	if raw.default_ttl_ms, err = optionMillis(o.DefaultTTL); err != nil {
		return raw, refuse("DefaultTTL must not be negative")
	}
	if raw.default_tti_ms, err = optionMillis(o.TimeToIdle); err != nil {
		return raw, refuse("TimeToIdle must not be negative")
	}
	raw.policy = C.uint32_t(o.Policy)
	raw.shard_count = C.uint32_t(o.Shards)
	raw.max_entries = C.uint64_t(o.MaxEntries)
	raw.max_bytes = C.uint64_t(o.MaxBytes)
	raw.hash_seed = C.uint64_t(o.HashSeed)
	raw.ttl_jitter_permille = C.uint64_t(o.TTLJitterPermille)
	for _, flag := range []struct {
		isSet bool
		bit   C.uint32_t
	}{
		{o.NoEvict, C.CACHECORE_NO_EVICT},
		{o.ManualClock, C.CACHECORE_MANUAL_CLOCK},
		{o.ReportRemovals, C.CACHECORE_REPORT_REMOVALS},
	} {
		if flag.isSet {
			raw.flags |= flag.bit
		}
	}
	return raw, nil
}

// Open opens a cache of this process. The error is an *OpenError.
func Open(options Options) (*Cache, error) {
	raw, err := options.raw()
	if err != nil {
		return nil, err
	}
	return opened(func(handle **C.cachecore_t) C.cachecore_status_t {
		return C.cachecore_open(&raw, handle)
	})
}

// opened calls open and asks why it was refused, on one thread: the reason is kept for each.
func opened(open func(**C.cachecore_t) C.cachecore_status_t) (*Cache, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cache := new(Cache)
	var handle *C.cachecore_t
	if err := asError(open(&handle)); err != nil {
		return nil, &OpenError{Err: err, Reason: C.GoString(C.cachecore_open_error())}
	}
	cache.handle = handle
	return cache, nil
}

// Options returns what the cache was opened with, as it is in force: the bounds of this moment, the shards in use. A
// random HashSeed is 0.
func (c *Cache) Options() (Options, error) {
	inside := c.gate.enter()
	if inside == nil {
		return Options{}, ErrClosed
	}
	defer inside.leave()
	var raw C.cachecore_options_t
	C.cachecore_options_init(&raw, C.sizeof_cachecore_options_t)
	if err := asError(C.cachecore_get_options(c.handle, &raw)); err != nil {
		return Options{}, err
	}
	return Options{
		MaxEntries:        uint64(raw.max_entries),
		MaxBytes:          uint64(raw.max_bytes),
		Policy:            Policy(raw.policy),
		DefaultTTL:        durationFrom(raw.default_ttl_ms),
		TimeToIdle:        durationFrom(raw.default_tti_ms),
		TTLJitterPermille: int(raw.ttl_jitter_permille),
		Shards:            int(raw.shard_count),
		HashSeed:          uint64(raw.hash_seed),
		NoEvict:           raw.flags&C.CACHECORE_NO_EVICT != 0,
		ManualClock:       raw.flags&C.CACHECORE_MANUAL_CLOCK != 0,
		ReportRemovals:    raw.flags&C.CACHECORE_REPORT_REMOVALS != 0,
	}, nil
}
