package cachecore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What only Go can get wrong: stacks that move, a collector that runs, Close beside other goroutines.

func TestCloseBesideCallsOfAllKinds(t *testing.T) {
	calls := []func(*Cache, string) error{
		func(c *Cache, k string) error { return c.Set(k, []byte(k), time.Millisecond) },
		func(c *Cache, k string) error { _, err := c.Get(k); return err },
		func(c *Cache, k string) error { _, err := c.GetMany([]string{k, "other"}); return err },
		func(c *Cache, k string) error { return c.SetMany([]Item{{k, make([]byte, 2000)}}, Never) },
		func(c *Cache, k string) error {
			value, err := c.Acquire(k)
			if err == nil {
				defer value.Release()
				if len(value.Bytes()) == 0 {
					return errors.New("a value without bytes")
				}
			}
			return err
		},
		func(c *Cache, k string) error {
			scan := c.ScanValues("")
			for scan.Next() {
				_ = scan.Entry()
			}
			return scan.Err()
		},
		func(c *Cache, k string) error { _, err := c.Sweep(); return err },
		func(c *Cache, k string) error { _, err := c.Figures(); return err },
		func(c *Cache, k string) error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			_, err := c.GetOrCompute(ctx, k, ComputeOptions{TTL: time.Millisecond},
				func(context.Context) ([]byte, error) { time.Sleep(time.Millisecond); return []byte(k), nil })
			return err
		},
		func(c *Cache, k string) error { return c.Clear() },
	}
	for round := 0; round < 30; round++ {
		cache, err := Open(Options{MaxEntries: 100})
		must(t, err)
		must(t, cache.StartSweeper(SweeperOptions{Interval: time.Millisecond}))
		var wait sync.WaitGroup
		var ended atomic.Int32
		for i := range calls {
			i, call := i, calls[i]
			wait.Add(1)
			go func() {
				defer wait.Done()
				for n := 0; ; n++ {
					err := call(cache, fmt.Sprint(n%150))
					if errors.Is(err, ErrClosed) {
						ended.Add(1)
						return
					}
					if err != nil && err != ErrMiss && err != ErrState && !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("call %d: %v", i, err)
						return
					}
				}
			}()
		}
		time.Sleep(3 * time.Millisecond)
		must(t, cache.Close())
		want(t, cache.Close(), ErrClosed)
		wait.Wait()
		if int(ended.Load()) != len(calls) {
			t.Fatalf("%d of %d were told that the cache is closed", ended.Load(), len(calls))
		}
	}
}

// TestBorrowedBytesStayWhileTheCollectorRuns also has the entries replaced, evicted and the cache closed.
func TestBorrowedBytesStayWhileTheCollectorRuns(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	cache, err := Open(Options{MaxEntries: 50})
	must(t, err)
	var values []*Value
	var slices [][]byte
	for n := 0; n < 200; n++ {
		key := fmt.Sprint(n)
		must(t, cache.Set(key, bytes.Repeat([]byte{byte(n)}, 1000), Never))
		value, err := cache.Acquire(key)
		must(t, err)
		values, slices = append(values, value), append(slices, value.Bytes())
		must(t, cache.Set(key, []byte("new"), Never))
		if n%20 == 0 {
			runtime.GC()
		}
	}
	must(t, cache.Close())
	runtime.GC()
	for n, slice := range slices {
		if !bytes.Equal(slice, bytes.Repeat([]byte{byte(n)}, 1000)) || cap(slice) != 1000 {
			t.Fatalf("value %d has changed", n)
		}
	}
	for _, value := range values {
		value.Release()
		value.Release()
		if value.Bytes() != nil {
			t.Fatal("bytes after Release")
		}
	}
}

// TestKeysAndValuesOnStacksThatGrow calls from deeper and deeper in a goroutine's stack, which is moved meanwhile.
func TestKeysAndValuesOnStacksThatGrow(t *testing.T) {
	cache := small(t)
	var wait sync.WaitGroup
	for g := 0; g < 8; g++ {
		g := g
		wait.Add(1)
		go func() {
			defer wait.Done()
			deeper(t, cache, g, 0)
		}()
	}
	for i := 0; i < 20; i++ {
		runtime.GC() // shrinks stacks
		time.Sleep(time.Millisecond)
	}
	wait.Wait()
}

func deeper(t *testing.T, cache *Cache, g, depth int) {
	var key [16]byte
	var value, back [300]byte
	for i := range key {
		key[i] = byte(g + depth + i)
	}
	for i := range value {
		value[i] = byte(g*7 + depth)
	}
	key[0] = byte(g)
	if err := cache.Set(string(key[:]), value[:], Never); err != nil {
		t.Error(err)
	}
	if depth < 400 {
		deeper(t, cache, g, depth+1)
	}
	got, err := cache.AppendValue(back[:0], string(key[:]))
	if err == ErrMiss { // evicted: the cache has room for 1000
		return
	}
	if err != nil || len(got) != len(value) || got[0] == 0 && value[0] != 0 {
		t.Errorf("%d bytes at depth %d: %v", len(got), depth, err)
	}
	for _, b := range got {
		if b != got[0] {
			t.Errorf("a value of two pieces at depth %d", depth)
			return
		}
	}
}

func TestManyGoroutinesWaitOnFewThreads(t *testing.T) {
	defer debug.SetMaxThreads(debug.SetMaxThreads(200)) // more is the end of the program
	cache := small(t)
	lookup, err := cache.GetOrClaim("k", ClaimOptions{})
	must(t, err)
	var wait sync.WaitGroup
	var computed atomic.Int32
	for g := 0; g < 2000; g++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			value, err := cache.GetOrCompute(context.Background(), "k", ComputeOptions{TTL: Never},
				func(context.Context) ([]byte, error) { computed.Add(1); return []byte("late"), nil })
			if err != nil || string(value) != "value" {
				t.Errorf("%q, %v", value, err)
			}
		}()
	}
	time.Sleep(50 * time.Millisecond)
	must(t, lookup.Claim.Fulfill([]byte("value"), Never, 0))
	wait.Wait()
	if computed.Load() != 0 {
		t.Errorf("%d computed", computed.Load())
	}
}

func TestNoGoroutineSeesHalfAValue(t *testing.T) {
	cache := open(t, Options{MaxEntries: 64})
	var wait sync.WaitGroup
	for g := 0; g < 4; g++ {
		g := g
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := 0; n < 5000; n++ {
				key := fmt.Sprint(n % 100)
				if g < 2 {
					if err := cache.Set(key, bytes.Repeat([]byte{byte(n)}, 1+n*37%5000), Never); err != nil {
						t.Error(err)
					}
					continue
				}
				values, err := cache.GetMany([]string{key, "0", "50"})
				value, err2 := cache.Get(key)
				if err != nil || err2 != nil && err2 != ErrMiss {
					t.Error(err, err2)
				}
				for _, value := range append(values, value) {
					if len(value) > 0 && !bytes.Equal(value, bytes.Repeat(value[:1], len(value))) {
						t.Error("a value of two pieces")
					}
				}
			}
		}()
	}
	wait.Wait()
}

func TestWhatIsReturnedIsTheCallers(t *testing.T) {
	cache := small(t)
	value := []byte("value")
	must(t, cache.Set("k", value, Never))
	value[0] = 'X'
	got, err := cache.Get("k")
	must(t, err)
	got[0] = 'Y'
	many, err := cache.GetMany([]string{"k", "k"})
	must(t, err)
	_ = append(many[0], "beyond"...)
	many[0][1] = 'Z'
	has(t, cache, "k", "value")
	if string(many[1]) != "value" {
		t.Errorf("the neighbour in the arena is %q", many[1])
	}
}
