package cachecore

import (
	"context"
	"errors"
	"time"
)

// ComputeOptions are how GetOrCompute stores what is computed, and what it serves meanwhile.
type ComputeOptions struct {
	// TTL is the lifetime of a value. As elsewhere, 0 is ErrArgument: write Default.
	TTL time.Duration
	// Stale is for how long past its deadline the old value is served to the others, while one caller computes.
	Stale time.Duration
	// AbsentTTL stores also that there is no value, with this lifetime; 0: that is not stored.
	AbsentTTL time.Duration
	// Retry is for errors while there is a stale value: that value is returned, and served to all for so long before
	// the next caller tries again. 0: the error is returned.
	Retry time.Duration
	// Claim is how claims are taken.
	Claim ClaimOptions
}

// GetOrCompute returns the value; or what compute returns, which is stored.
//
// Of all goroutines and processes that miss the key at once, one computes, and the others wait for the value, until
// their ctx is done. If compute fails, its error is returned, and one of those that wait computes next. A compute that
// returns an ErrAbsent says that there is no value; so says GetOrCompute. What is deleted or stored while it is
// computed is not overwritten: the caller gets what it computed, and nobody else does. A value that cannot be stored,
// for lack of room, is returned all the same.
//
// The compute of the caller runs in its goroutine and with its ctx. It must not ask for its own key: it would wait for
// itself, until the claim ends.
func (c *Cache) GetOrCompute(ctx context.Context, key string, options ComputeOptions,
	compute func(context.Context) ([]byte, error)) ([]byte, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	for {
		lookup, err := c.GetOrClaim(key, options.Claim)
		switch {
		case err == ErrTimeout:
			// Behind a stopped process, in a shared cache, each computes, and stores nothing.
			return compute(ctx)
		case err != nil:
			return nil, err
		case lookup.Claim != nil:
			return options.compute(ctx, lookup, compute)
		case lookup.Found == Absent:
			return nil, ErrAbsent
		case lookup.Found != Pending:
			return lookup.Value, nil
		}
		if err := lookup.Wait(ctx); err != nil {
			return nil, err
		}
	}
}

func (o ComputeOptions) check() error {
	if o.Stale < 0 || o.Retry < 0 {
		return ErrArgument
	}
	if _, err := ttlMillis(o.TTL); err != nil {
		return err
	}
	if o.AbsentTTL == 0 {
		return nil
	}
	_, err := ttlMillis(o.AbsentTTL)
	return err
}

// compute is for the caller that has the claim.
func (o ComputeOptions) compute(ctx context.Context, lookup Lookup,
	compute func(context.Context) ([]byte, error)) ([]byte, error) {
	claim := lookup.Claim
	defer claim.Abandon(0) // after a panic, too
	value, err := compute(ctx)
	switch {
	case err == nil:
		return value, unlessStored(claim.Fulfill(value, o.TTL, o.Stale))
	case errors.Is(err, ErrAbsent):
		if o.AbsentTTL != 0 {
			if failed := unlessStored(claim.FulfillAbsent(o.AbsentTTL)); failed != nil {
				return nil, failed
			}
		}
		return nil, err
	case lookup.Found == Fresh:
		return lookup.Value, nil
	case lookup.Found == Stale && o.Retry > 0:
		return lookup.Value, claim.Abandon(o.Retry)
	}
	return nil, err
}

// unlessStored is nil for a claim that is void, for a lack of room, and after Close: what was computed is good.
func unlessStored(err error) error {
	switch err {
	case ErrConflict, ErrRefused, ErrNoMemory, ErrFull, ErrTimeout, ErrClosed:
		return nil
	}
	return err
}
