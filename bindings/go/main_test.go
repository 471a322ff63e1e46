package cachecore

import (
	"errors"
	"os"
	"testing"
	"time"
)

// TestMain runs a task instead of the tests in a process that a test has started for one.
func TestMain(m *testing.M) {
	if task := os.Getenv("CACHECORE_CHILD"); task != "" {
		childTask(task)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func open(t testing.TB, options Options) *Cache {
	t.Helper()
	cache, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	return cache
}

func small(t testing.TB) *Cache { return open(t, Options{MaxEntries: 1000}) }

func manual(t testing.TB) *Cache { return open(t, Options{MaxEntries: 1000, ManualClock: true}) }

// must fails the test at an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want fails the test if err is not the one that is wanted.
func want(t testing.TB, err, wanted error) {
	t.Helper()
	if !errors.Is(err, wanted) {
		t.Fatalf("%v, not %v", err, wanted)
	}
}

// has fails the test if the cache has another value.
func has(t testing.TB, cache *Cache, key, value string) {
	t.Helper()
	got, err := cache.Get(key)
	must(t, err)
	if string(got) != value {
		t.Fatalf("%q has %q, not %q", key, got, value)
	}
}

// eventually fails the test if the condition does not come about within a minute.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
