package cachecore

// #include "shim.h"
import "C"

import "fmt"

// Status is an answer of the library that is not success. All errors of this package are one, or wrap one.
type Status int32

// The answers, and the errors. Their numbers are those of cachecore.h and never change.
const (
	// ErrMiss says that there is no live entry under the key.
	ErrMiss Status = C.CACHECORE_MISS
	// ErrExists is for Add: there is a live entry already.
	ErrExists Status = C.CACHECORE_EXISTS
	// ErrRefused says that the value is larger than this cache can hold. It is not stored, and the older value is gone.
	ErrRefused Status = C.CACHECORE_REFUSED
	// ErrConflict is for CompareAndSet, whose version is another by now, and for Claim.Fulfill, whose claim is void.
	ErrConflict Status = C.CACHECORE_CONFLICT
	// ErrAbsent says that there is known to be no value.
	ErrAbsent Status = C.CACHECORE_ABSENT

	// ErrArgument says that a key, a lifetime or an option is out of range.
	ErrArgument Status = C.CACHECORE_E_ARGUMENT
	// ErrNoMemory says that the system refused memory, a thread, or room in a file. After a write the older value is
	// gone, unless the cache does not evict.
	ErrNoMemory Status = C.CACHECORE_E_NO_MEMORY
	// ErrVersion says that the library is older than this package.
	ErrVersion Status = C.CACHECORE_E_VERSION
	// ErrFull says that a cache that does not evict is at its bound.
	ErrFull Status = C.CACHECORE_E_FULL
	// ErrState means "not now": a sweeper that runs already, a clock that is not manual, a file that is not there.
	ErrState Status = C.CACHECORE_E_STATE
	// ErrTimeout says that a wait ended before the event. In a shared cache: behind a stopped process; a write has
	// stored nothing.
	ErrTimeout Status = C.CACHECORE_E_TIMEOUT
	// ErrType is for Increment: the value is no decimal number.
	ErrType Status = C.CACHECORE_E_TYPE
	// ErrRange says that the result does not fit.
	ErrRange Status = C.CACHECORE_E_RANGE
	// ErrLayout says that the file is no cache, or is damaged, or of another layout or machine.
	ErrLayout Status = C.CACHECORE_E_LAYOUT
	// ErrAccess says that the file's owner or permissions forbid it.
	ErrAccess Status = C.CACHECORE_E_ACCESS
)

// The library's own, which callers do not see.
const (
	ok       Status = C.CACHECORE_OK
	stale    Status = C.CACHECORE_STALE
	pending  Status = C.CACHECORE_PENDING
	claimed  Status = C.CACHECORE_CLAIMED
	tooSmall Status = C.CACHECORE_E_TOO_SMALL
)

// ErrClosed says that the cache has been closed. It is an ErrState, too.
var ErrClosed error = closedError{}

type closedError struct{}

func (closedError) Error() string        { return "cachecore: the cache is closed" }
func (closedError) Is(target error) bool { return target == ErrState }

// Error describes the status.
func (s Status) Error() string {
	return "cachecore: " + C.GoString(C.cachecore_status_text(C.cachecore_status_t(s)))
}

// Timeout reports whether the status is ErrTimeout, as errors of package net do.
func (s Status) Timeout() bool { return s == ErrTimeout }

// asError is nil for success.
func asError(status C.cachecore_status_t) error {
	if status == C.CACHECORE_OK {
		return nil
	}
	return Status(status)
}

// OpenError is why a cache was not opened.
type OpenError struct {
	Err    error  // a Status
	Reason string // a sentence that names the option or the file, for people to read
}

func (e *OpenError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("cannot open the cache: %v", e.Err)
	}
	return "cachecore: cannot open the cache: " + e.Reason
}

// Unwrap returns the Status.
func (e *OpenError) Unwrap() error { return e.Err }
