package cachecore

// #include "shim.h"
// #include <stdlib.h>
import "C"

import (
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"
)

// Share says whether OpenShared makes a cache or attaches to one.
type Share uint32

const (
	// MakeOrAttach attaches to a cache, and makes one if there is none.
	MakeOrAttach Share = 0
	// MakeOnly makes a new cache; ErrState if there is one already.
	MakeOnly Share = C.CACHECORE_SHARED_CREATE_ONLY
	// AttachOnly attaches to a cache; ErrState if there is none.
	AttachOnly Share = C.CACHECORE_SHARED_ATTACH_ONLY
	// MakeAnew puts a new file in the place of one that holds a cache or is empty. Processes that have the old one
	// keep it.
	MakeAnew Share = C.CACHECORE_SHARED_REPLACE
)

// Shared says where a shared cache is. With neither a Path nor a File it is in memory without a name, for those whom
// this process gives Cache.SharedFile.
type Shared struct {
	Path         string   // a file, which is made if there is none; on /dev/shm or /run it is memory
	File         *os.File // a file that another process has given; it stays the caller's
	Share        Share    // make it, or attach to it
	MaxProcesses uint32   // how many may have it open at once, 1023 at most; 0: 64
}

// OpenShared opens a cache that the processes of a machine share. When it attaches to one, that has its own bounds,
// policy and lifetimes; NoEvict and ManualClock must be its own. The error is an *OpenError.
func OpenShared(options Options, shared Shared) (*Cache, error) {
	raw, err := options.raw()
	if err != nil {
		return nil, err
	}
	place := C.cachecore_shared_options_t{
		struct_size:   C.sizeof_cachecore_shared_options_t,
		flags:         C.uint32_t(shared.Share),
		fd:            -1,
		max_processes: C.uint32_t(shared.MaxProcesses),
	}
	if shared.Path != "" {
		if place.path, err = cString(shared.Path); err != nil {
			return nil, &OpenError{Err: err, Reason: "the path has a zero byte, which no file's has"}
		}
		defer C.free(unsafe.Pointer(place.path))
	}
	if shared.File != nil {
		place.fd = C.int32_t(shared.File.Fd())
	}
	cache, err := opened(func(handle **C.cachecore_t) C.cachecore_status_t {
		return C.cachecore_open_shared(&raw, &place, handle)
	})
	runtime.KeepAlive(shared.File)
	return cache, err
}

// cString copies a path for C, which ends at a zero byte: with one inside it would be another path.
func cString(path string) (*C.char, error) {
	if strings.IndexByte(path, 0) >= 0 {
		return nil, ErrArgument
	}
	return C.CString(path), nil
}

// SharedInfo is what is known of a shared cache.
type SharedInfo struct {
	Processes        int    // have the cache open now
	MaxProcesses     int    // may have it open
	Warm             bool   // it had entries when it was last opened by a process that found no other
	Unlinked         bool   // the file is no longer at its path: who opens the path gets another cache
	Recoveries       uint64 // shards repaired after a process died
	EntriesLost      uint64 // entries that these repairs dropped
	BorrowsReclaimed uint64 // lent values taken back from processes that died
	RegionBytes      uint64 // the size of the file, which is sparse
}

// SharedInfo returns what is known of a shared cache; ErrState for any other.
func (c *Cache) SharedInfo() (SharedInfo, error) {
	inside := c.gate.enter()
	if inside == nil {
		return SharedInfo{}, ErrClosed
	}
	defer inside.leave()
	raw := C.cachecore_shared_info_t{struct_size: C.sizeof_cachecore_shared_info_t}
	err := asError(C.cachecore_shared_info(c.handle, &raw))
	return SharedInfo{
		Processes:        int(raw.processes),
		MaxProcesses:     int(raw.max_processes),
		Warm:             raw.warm != 0,
		Unlinked:         raw.unlinked != 0,
		Recoveries:       uint64(raw.recoveries),
		EntriesLost:      uint64(raw.entries_lost),
		BorrowsReclaimed: uint64(raw.borrows_reclaimed),
		RegionBytes:      uint64(raw.region_bytes),
	}, err
}

// SharedFile returns a shared cache's file, to be handed to another process: by exec.Cmd.ExtraFiles, for example. It is
// a duplicate, the caller's to close. ErrState for a cache that is not shared.
func (c *Cache) SharedFile() (*os.File, error) {
	inside := c.gate.enter()
	if inside == nil {
		return nil, ErrClosed
	}
	defer inside.leave()
	var fd C.int32_t
	if err := asError(C.cachecore_shared_fd(c.handle, &fd)); err != nil {
		return nil, err
	}
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	own, err := syscall.Dup(int(fd))
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	syscall.CloseOnExec(own)
	return os.NewFile(uintptr(own), "cachecore"), nil
}
