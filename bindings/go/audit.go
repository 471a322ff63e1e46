package cachecore

// #include "shim.h"
import "C"

import "time"

// Kinds is a set of kinds of entries.
type Kinds uint32

const (
	// KindExpired is expired, and not yet removed.
	KindExpired Kinds = C.CACHECORE_ENTRY_EXPIRED
	// KindNearExpiry has little time left to live.
	KindNearExpiry Kinds = C.CACHECORE_ENTRY_NEAR_EXPIRY
	// KindWithoutExpiry never expires.
	KindWithoutExpiry Kinds = C.CACHECORE_ENTRY_WITHOUT_EXPIRY
	// KindIdle was not used for a long time.
	KindIdle Kinds = C.CACHECORE_ENTRY_IDLE
)

// AuditOptions are what an audit looks for. The zero value removes nothing.
type AuditOptions struct {
	Remove     Kinds         // kinds to remove; 0: a dry run
	NearExpiry time.Duration // what is little time left; 0: a minute
	Idle       time.Duration // what is a long time; 0: 30 days
	BatchSize  uint32        // entries looked at in one hold of a lock; 0: 100
}

// An Audit is what an audit found.
type Audit struct {
	Scanned       uint64        // entries looked at
	Expired       uint64        // of each kind, the removed ones included
	NearExpiry    uint64        //
	WithoutExpiry uint64        //
	Idle          uint64        //
	Removed       uint64        // by this audit
	Bytes         uint64        // of all looked at
	RemovedBytes  uint64        // of those removed
	AverageTTL    time.Duration // time left to live of the live ones that expire; Never: there are none
	AverageAge    time.Duration // since the live ones were stored; Never: there are none
}

// Audit examines every entry whose key begins with the prefix, all with "", counts the entries by kind, and removes
// those that the options say.
func (c *Cache) Audit(prefix string, options AuditOptions) (Audit, error) {
	inside := c.gate.enter()
	if inside == nil {
		return Audit{}, ErrClosed
	}
	defer inside.leave()
	if options.NearExpiry < 0 || options.Idle < 0 {
		return Audit{}, ErrArgument
	}
	wanted := C.cachecore_audit_options_t{
		struct_size:    C.sizeof_cachecore_audit_options_t,
		remove_kinds:   C.uint32_t(options.Remove),
		near_expiry_ms: millis(options.NearExpiry),
		idle_ms:        millis(options.Idle),
		batch_size:     C.uint32_t(options.BatchSize),
	}
	raw := C.cachecore_audit_t{struct_size: C.sizeof_cachecore_audit_t}
	err := asError(C.cachecore_audit(c.handle, bytesOf(prefix), C.size_t(len(prefix)), &wanted, &raw))
	return Audit{
		Scanned:       uint64(raw.scanned),
		Expired:       uint64(raw.expired),
		NearExpiry:    uint64(raw.near_expiry),
		WithoutExpiry: uint64(raw.without_expiry),
		Idle:          uint64(raw.idle),
		Removed:       uint64(raw.removed),
		Bytes:         uint64(raw.bytes),
		RemovedBytes:  uint64(raw.removed_bytes),
		AverageTTL:    durationOf(raw.average_ttl_ms),
		AverageAge:    durationOf(raw.average_age_ms),
	}, err
}
