package cachecore

// #include "shim.h"
import "C"

import (
	"math"
	"time"
)

// SweeperOptions are how a sweeper is started. The zero value has the defaults.
type SweeperOptions struct {
	Interval  time.Duration // from the end of one sweep to the start of the next; 0: by the lifetimes of what is stored
	MaxSlice  time.Duration // longest that a lock is held at a time; 0: 200 microseconds
	RunAtOnce bool          // sweep once at the start, too
}

// StartSweeper starts the sweeper: a thread of the library, at most one for each cache, that removes expired entries
// and returns free memory to the system. Expired entries are not returned whether or not they have been swept. ErrState
// if there is one already. Close stops it.
func (c *Cache) StartSweeper(options SweeperOptions) error {
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	if options.Interval < 0 || options.MaxSlice < 0 {
		return ErrArgument
	}
	raw := C.cachecore_sweeper_options_t{
		struct_size:  C.sizeof_cachecore_sweeper_options_t,
		interval_ms:  millis(options.Interval),
		max_slice_us: C.uint64_t((options.MaxSlice + time.Microsecond - 1) / time.Microsecond),
	}
	if options.RunAtOnce {
		raw.flags = C.CACHECORE_SWEEPER_RUN_AT_ONCE
	}
	return asError(C.cachecore_sweeper_start(c.handle, &raw))
}

// StopSweeper ends the thread and waits for that, no longer than timeout; 0: as long as it takes. ErrState if there is
// none, ErrTimeout if it is still ending.
func (c *Cache) StopSweeper(timeout time.Duration) error {
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	ms := millis(timeout)
	if timeout < 0 {
		return ErrArgument
	} else if ms > math.MaxUint32 {
		ms = math.MaxUint32
	}
	return asError(C.cachecore_sweeper_stop(c.handle, C.uint32_t(ms)))
}

// PauseSweeper suspends the schedule; triggers still work. ErrState unless it runs.
func (c *Cache) PauseSweeper() error {
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	return asError(C.cachecore_sweeper_pause(c.handle))
}

// ResumeSweeper takes the schedule up again. ErrState unless it is paused.
func (c *Cache) ResumeSweeper() error {
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	return asError(C.cachecore_sweeper_resume(c.handle))
}

// SetSweeperInterval changes the interval at once; 0: by the lifetimes of what is stored.
func (c *Cache) SetSweeperInterval(interval time.Duration) error {
	inside := c.gate.enter()
	if inside == nil {
		return ErrClosed
	}
	defer inside.leave()
	if interval < 0 {
		return ErrArgument
	}
	return asError(C.cachecore_sweeper_set_interval(c.handle, millis(interval)))
}

// Sweep has the thread do a full sweep now, waits for it, and returns how many entries it removed.
func (c *Cache) Sweep() (uint64, error) {
	inside := c.gate.enter()
	if inside == nil {
		return 0, ErrClosed
	}
	defer inside.leave()
	removed := C.go_sweeper_trigger(c.id())
	return uint64(removed.number), asError(removed.status)
}

// SweeperState is what the thread does.
type SweeperState uint32

const (
	// SweeperStopped says that there is none.
	SweeperStopped SweeperState = C.CACHECORE_SWEEPER_STOPPED
	// SweeperRunning says that it keeps its schedule.
	SweeperRunning SweeperState = C.CACHECORE_SWEEPER_RUNNING
	// SweeperPaused says that it waits for ResumeSweeper, or for Sweep.
	SweeperPaused SweeperState = C.CACHECORE_SWEEPER_PAUSED
)

// SweeperStatus is how the sweeper does. Counters run from its first start on this cache.
type SweeperStatus struct {
	State          SweeperState
	Healthy        bool          // there is a thread, and it has not hung
	Leads          bool          // it keeps the schedule; of the processes that share a cache one does
	Interval       time.Duration // in force
	SweepsRun      uint64
	EntriesRemoved uint64
	LastRemoved    uint64
	LastDuration   time.Duration // of the last sweep
	MaxSlice       time.Duration // longest that a lock was held
	LastRunAge     time.Duration // since the last sweep ended; Never: none yet
	Errors         uint64        // failures survived
	Backlog        uint64        // entries expired and not yet removed
	LastLag        time.Duration // longest that an entry outlived its deadline before the last sweep
	MaxLag         time.Duration // the same over all sweeps
}

// SweeperStatus returns how it does, whether or not there is a thread.
func (c *Cache) SweeperStatus() (SweeperStatus, error) {
	inside := c.gate.enter()
	if inside == nil {
		return SweeperStatus{}, ErrClosed
	}
	defer inside.leave()
	raw := C.cachecore_sweeper_status_t{struct_size: C.sizeof_cachecore_sweeper_status_t}
	err := asError(C.cachecore_sweeper_status(c.handle, &raw))
	return SweeperStatus{
		State:          SweeperState(raw.state),
		Healthy:        raw.healthy != 0,
		Leads:          raw.leads != 0,
		Interval:       durationFrom(raw.interval_ms),
		SweepsRun:      uint64(raw.sweeps_run),
		EntriesRemoved: uint64(raw.entries_removed),
		LastRemoved:    uint64(raw.last_removed),
		LastDuration:   time.Duration(raw.last_duration_ns),
		MaxSlice:       time.Duration(raw.max_slice_ns),
		LastRunAge:     durationOf(raw.last_run_age_ms),
		Errors:         uint64(raw.errors),
		Backlog:        uint64(raw.backlog),
		LastLag:        durationFrom(raw.last_lag_ms),
		MaxLag:         durationFrom(raw.max_lag_ms),
	}, err
}
