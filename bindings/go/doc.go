// Package cachecore is a bounded, concurrent cache: libcachecore for Go.
//
// A Cache maps string keys to []byte values, within a bound on its entries, its memory, or both. When it is full it
// evicts. Entries may have a lifetime; one that has expired is not returned. The memory of a cache is outside Go's
// heap: the garbage collector neither scans nor moves it. One cache can be shared by all processes of a machine, in
// Go and in other languages.
//
//	cache, err := cachecore.Open(cachecore.Options{MaxBytes: 64 << 20})
//	if err != nil {
//		return err
//	}
//	defer cache.Close()
//	err = cache.Set("user:7", []byte("allowed"), time.Minute)
//	value, err := cache.Get("user:7")
//	if errors.Is(err, cachecore.ErrMiss) {
//		...
//	}
//
// What is missing can be computed once for all who ask, goroutines and processes alike: GetOrCompute.
//
// # Conventions
//
// Keys are 1 to 65535 bytes of any content, values 0 bytes and up. Both are copied, in and out. What Get returns is
// the caller's.
//
// Every answer but success is an error, one of the constants ErrMiss and so on, to be compared by errors.Is. Open
// returns an *OpenError, and batches a *BatchError, which wrap them. After an error nothing has changed, unless the
// constant's comment says so.
//
// A lifetime is a time.Duration, counted in milliseconds and rounded up; or Never, Default or Keep. Zero and less are
// ErrArgument: a lifetime that was computed, and is over, must not mean "the default" by accident.
//
// Every method may be called by any goroutine at any time, Close too: calls that are under way end first, and those
// that come later are ErrClosed. No method blocks a thread for longer than the library needs: GetOrCompute and
// Lookup.Wait wait as goroutines do.
//
// A Cache has no finalizer. Its memory is not Go's, so a collection would come late or never; call Close. Values of
// Acquire must be released for the same reason.
//
// The methods do what the functions of the same name in cachecore.h do; that header has the fine print.
package cachecore

// #cgo LDFLAGS: -lcachecore
// #include "shim.h"
import "C"
