package cachecore

// #include "shim.h"
import "C"

import (
	"math"
	"time"
)

// Lifetimes that are none. They are far from any that is computed.
const (
	// Never is the lifetime of an entry that never expires.
	Never time.Duration = math.MaxInt64
	// Default stands for Options.DefaultTTL.
	Default time.Duration = math.MinInt64
	// Keep stands for the deadline of the live entry. An entry that is stored anew has the default lifetime.
	Keep time.Duration = math.MinInt64 + 1
)

// ttlMillis is a lifetime as C says it, in which 0 is the default.
func ttlMillis(ttl time.Duration) (C.uint64_t, error) {
	switch {
	case ttl == Never:
		return C.CACHECORE_TTL_NEVER, nil
	case ttl == Default:
		return 0, nil
	case ttl == Keep:
		return C.CACHECORE_TTL_KEEP, nil
	case ttl <= 0:
		return 0, ErrArgument
	}
	return millis(ttl), nil
}

// optionMillis is a duration of which zero is none; so is Never. A negative one is an error.
func optionMillis(d time.Duration) (C.uint64_t, error) {
	switch {
	case d == Never:
		return 0, nil
	case d < 0:
		return 0, ErrArgument
	}
	return millis(d), nil
}

// millis rounds up, so that nothing ends before its time. A negative duration counts as none.
func millis(d time.Duration) C.uint64_t {
	if d <= 0 {
		return 0
	}
	return C.uint64_t((uint64(d) + uint64(time.Millisecond) - 1) / uint64(time.Millisecond))
}

// durationOf is what the library reports: -1 is Never.
func durationOf(ms C.int64_t) time.Duration {
	if ms < 0 || int64(ms) > math.MaxInt64/int64(time.Millisecond) {
		return Never
	}
	return time.Duration(ms) * time.Millisecond
}

// durationFrom is a number that has no -1.
func durationFrom(ms C.uint64_t) time.Duration {
	if ms > math.MaxInt64 {
		return Never
	}
	return durationOf(C.int64_t(ms))
}
