package cachecore

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var background = context.Background()

func returns(value string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return []byte(value), nil }
}

func fails(err error) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return nil, err }
}

func claimOf(t *testing.T, cache *Cache, key string) *Claim {
	t.Helper()
	lookup, err := cache.GetOrClaim(key, ClaimOptions{})
	must(t, err)
	if lookup.Found != Claimed || lookup.Claim == nil {
		t.Fatalf("%v", lookup.Found)
	}
	return lookup.Claim
}

func TestOfManyGoroutinesOneComputes(t *testing.T) {
	cache := small(t)
	var computed atomic.Int32
	var wait sync.WaitGroup
	for g := 0; g < 100; g++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			value, err := cache.GetOrCompute(background, "k", ComputeOptions{TTL: time.Minute},
				func(context.Context) ([]byte, error) {
					computed.Add(1)
					time.Sleep(50 * time.Millisecond)
					return []byte("value"), nil
				})
			if err != nil || string(value) != "value" {
				t.Errorf("%q, %v", value, err)
			}
		}()
	}
	wait.Wait()
	if computed.Load() != 1 {
		t.Errorf("%d computed", computed.Load())
	}
}

func TestAFailureIsReturnedAndTheNextComputes(t *testing.T) {
	cache := manual(t)
	down := errors.New("down")
	_, err := cache.GetOrCompute(background, "k", ComputeOptions{TTL: time.Minute}, fails(down))
	want(t, err, down)
	value, err := cache.GetOrCompute(background, "k", ComputeOptions{TTL: time.Minute}, returns("up"))
	must(t, err)
	if string(value) != "up" {
		t.Errorf("%q", value)
	}
}

func TestAPanicLeavesNobodyWaiting(t *testing.T) {
	cache := manual(t)
	func() {
		defer func() {
			if recover() != "computing failed" {
				t.Error("no panic")
			}
		}()
		cache.GetOrCompute(background, "k", ComputeOptions{TTL: time.Minute},
			func(context.Context) ([]byte, error) { panic("computing failed") })
	}()
	must(t, claimOf(t, cache, "k").Abandon(0))
}

func TestWhoWaitsLeavesWhenItsContextIsDone(t *testing.T) {
	cache := manual(t)
	claim := claimOf(t, cache, "k")
	defer claim.Abandon(0)
	ctx, cancel := context.WithCancel(background)
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err := cache.GetOrCompute(ctx, "k", ComputeOptions{TTL: time.Minute}, returns("never"))
	want(t, err, context.Canceled)
}

func TestWhoWaitsIsToldOfClose(t *testing.T) {
	cache, err := Open(Options{MaxEntries: 10})
	must(t, err)
	claim := claimOf(t, cache, "k")
	time.AfterFunc(10*time.Millisecond, func() { cache.Close() })
	_, err = cache.GetOrCompute(background, "k", ComputeOptions{TTL: time.Minute}, returns("never"))
	want(t, err, ErrClosed)
	want(t, claim.Fulfill(nil, Never, 0), ErrClosed)
	want(t, claim.Abandon(0), ErrClosed)
}

func TestWhatWasDeletedMeanwhileIsNotStored(t *testing.T) {
	cache := manual(t)
	value, err := cache.GetOrCompute(background, "k", ComputeOptions{TTL: time.Minute},
		func(context.Context) ([]byte, error) {
			want(t, cache.Delete("k"), ErrMiss)
			return []byte("old"), nil
		})
	must(t, err)
	if string(value) != "old" || cache.Len() != 0 {
		t.Errorf("%q, and %d entries", value, cache.Len())
	}
}

func TestTheOldValueServesWhileOneComputes(t *testing.T) {
	cache := manual(t)
	options := ComputeOptions{TTL: time.Minute, Stale: time.Hour}
	is := func(value string, compute func(context.Context) ([]byte, error)) {
		t.Helper()
		got, err := cache.GetOrCompute(background, "k", options, compute)
		if err != nil || string(got) != value {
			t.Fatalf("%q, %v; not %q", got, err, value)
		}
	}
	is("one", returns("one"))
	must(t, cache.AdvanceClock(time.Minute))
	is("two", func(context.Context) ([]byte, error) {
		is("one", returns("never")) // another caller, meanwhile
		return []byte("two"), nil
	})
	is("two", returns("never"))

	// With Retry a failure leaves the old value for all.
	down := errors.New("down")
	must(t, cache.AdvanceClock(time.Minute))
	_, err := cache.GetOrCompute(background, "k", options, fails(down))
	want(t, err, down)
	options.Retry = time.Minute
	is("two", fails(down))
	is("two", returns("before retry"))
	must(t, cache.AdvanceClock(time.Minute))
	is("three", returns("three"))
}

func TestThatThereIsNoValueIsStoredIfAsked(t *testing.T) {
	cache := manual(t)
	computed := 0
	none := func(context.Context) ([]byte, error) { computed++; return nil, ErrAbsent }
	for range [2]int{} {
		_, err := cache.GetOrCompute(background, "k", ComputeOptions{TTL: Default}, none)
		want(t, err, ErrAbsent)
	}
	for range [3]int{} {
		_, err := cache.GetOrCompute(background, "k", ComputeOptions{TTL: Default, AbsentTTL: time.Minute}, none)
		want(t, err, ErrAbsent)
	}
	if computed != 3 {
		t.Errorf("computed %d times", computed)
	}
}

func TestWhatCannotBeStoredIsReturned(t *testing.T) {
	cache := open(t, Options{MaxBytes: 65536})
	value, err := cache.GetOrCompute(background, "k", ComputeOptions{TTL: Never},
		func(context.Context) ([]byte, error) { return make([]byte, 100_000), nil })
	must(t, err)
	if len(value) != 100_000 || cache.Len() != 0 {
		t.Errorf("%d bytes, %d entries", len(value), cache.Len())
	}
}

func TestABadLifetimeIsToldBeforeComputing(t *testing.T) {
	cache := manual(t)
	for _, options := range []ComputeOptions{{}, {TTL: -1}, {TTL: Never, Stale: -1}, {TTL: Never, AbsentTTL: -1}} {
		_, err := cache.GetOrCompute(background, "k", options, func(context.Context) ([]byte, error) {
			t.Error("computed for nothing")
			return nil, nil
		})
		want(t, err, ErrArgument)
	}
}

func TestAnErrorOfArgumentLosesNoClaim(t *testing.T) {
	cache := manual(t)
	claim := claimOf(t, cache, "k")
	want(t, claim.Fulfill([]byte("v"), 0, 0), ErrArgument)
	want(t, claim.FulfillAbsent(Default), ErrArgument)
	if stands, err := claim.Stands(); !stands || err != nil {
		t.Fatal(stands, err)
	}
	must(t, claim.Fulfill([]byte("v"), Never, 0))
	want(t, claim.Fulfill([]byte("v"), Never, 0), ErrConflict)
	must(t, claim.Abandon(0))
	has(t, cache, "k", "v")
}

func TestAClaimThatIsVoidDoesNotStand(t *testing.T) {
	cache := manual(t)
	claim := claimOf(t, cache, "k")
	must(t, cache.Set("k", []byte("newer"), Never))
	if stands, err := claim.Stands(); stands || err != nil {
		t.Fatal(stands, err)
	}
	want(t, claim.Fulfill([]byte("older"), Never, 0), ErrConflict)
	has(t, cache, "k", "newer")
}

func TestWhoWaitsIsWokenByWhatVoidsTheClaim(t *testing.T) {
	cache := manual(t)
	claim := claimOf(t, cache, "k")
	lookup, err := cache.GetOrClaim("k", ClaimOptions{})
	must(t, err)
	time.AfterFunc(10*time.Millisecond, func() { cache.Delete("k") })
	must(t, lookup.Wait(background)) // though the claim is never ended
	claim.Abandon(0)
	must(t, lookup.Wait(background))
}

func TestLargeValuesAreClaimedAndCountedAsSmallOnes(t *testing.T) {
	cache := manual(t)
	large := bytes.Repeat([]byte{5}, 50_000)
	must(t, claimOf(t, cache, "k").Fulfill(large, time.Minute, time.Minute))
	lookup, err := cache.GetOrClaim("k", ClaimOptions{})
	must(t, err)
	if lookup.Found != Fresh || !bytes.Equal(lookup.Value, large) {
		t.Fatal(lookup.Found, len(lookup.Value))
	}
	must(t, cache.AdvanceClock(time.Minute))
	lookup, err = cache.GetOrClaim("k", ClaimOptions{})
	must(t, err)
	if lookup.Found != Stale || lookup.Claim == nil || !bytes.Equal(lookup.Value, large) {
		t.Fatal(lookup.Found, len(lookup.Value))
	}
	stats, err := cache.Stats()
	must(t, err)
	if stats.Hits != 1 || stats.StaleServed != 1 {
		t.Errorf("%+v", stats)
	}
}

func TestEarlyRefreshKeepsTheValueWhenItFails(t *testing.T) {
	cache := manual(t)
	options := ComputeOptions{TTL: time.Minute, Claim: ClaimOptions{Early: true}}
	for _, size := range []int{10, 20_000} {
		key := string(rune('a' + size%7))
		_, err := cache.GetOrCompute(background, key, options, func(context.Context) ([]byte, error) {
			return make([]byte, size), cache.AdvanceClock(20 * time.Second) // which is how long it took
		})
		must(t, err)
		must(t, cache.AdvanceClock(time.Minute-time.Millisecond))
		// A millisecond before the deadline of a value that took 20 s, election is all but certain.
		elected := 0
		for i := 0; i < 100; i++ {
			value, err := cache.GetOrCompute(background, key, options, func(context.Context) ([]byte, error) {
				elected++
				return nil, errors.New("down")
			})
			if err != nil || len(value) != size {
				t.Fatal(len(value), err)
			}
		}
		if elected == 0 {
			t.Error("nobody was elected")
		}
	}
}

func TestAClaimOfOneWhoDoesNotComeBackIsVoidInTime(t *testing.T) {
	cache := manual(t)
	lookup, err := cache.GetOrClaim("k", ClaimOptions{ValidFor: 5 * time.Second})
	must(t, err)
	must(t, cache.AdvanceClock(5*time.Second))
	defer claimOf(t, cache, "k").Abandon(0)
	want(t, lookup.Claim.Fulfill(nil, Never, 0), ErrConflict)
}
