package cachecore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAnOpenThatIsRefusedSaysWhy(t *testing.T) {
	_, err := Open(Options{})
	want(t, err, ErrArgument)
	if !strings.Contains(err.Error(), "max_entries") {
		t.Error(err)
	}
	for _, options := range []Options{
		{MaxEntries: 1, DefaultTTL: -1}, {MaxEntries: 1, TimeToIdle: -1}, {MaxEntries: 1, Shards: -1},
		{MaxEntries: 1, TTLJitterPermille: 1001}, {MaxEntries: 1, Policy: 9}, {MaxBytes: 1},
	} {
		_, err := Open(options)
		var open *OpenError
		if !errors.As(err, &open) || open.Reason == "" {
			t.Errorf("%+v: %v", options, err)
		}
		want(t, err, ErrArgument)
	}
}

func TestOptionsAreAsTheyAreInForce(t *testing.T) {
	wanted := Options{
		MaxEntries: 500, MaxBytes: 10 << 20, Policy: Adaptive, DefaultTTL: 90 * time.Second, TimeToIdle: time.Minute,
		TTLJitterPermille: 100, Shards: 2, HashSeed: 7, NoEvict: true,
	}
	options, err := open(t, wanted).Options()
	must(t, err)
	if options != wanted {
		t.Errorf("%+v", options)
	}
	if Version() < 0x100 {
		t.Errorf("version %x", Version())
	}
}

func TestLifetimes(t *testing.T) {
	cache := manual(t)
	must(t, cache.Set("k", []byte("v"), 5*time.Second))
	must(t, cache.Set("never", []byte("v"), Never))
	must(t, cache.Set("short", []byte("v"), time.Nanosecond)) // a millisecond
	for key, wanted := range map[string]time.Duration{"k": 5 * time.Second, "never": Never, "short": time.Millisecond} {
		if ttl, err := cache.TTL(key); ttl != wanted || err != nil {
			t.Errorf("%s: %v, %v", key, ttl, err)
		}
	}
	must(t, cache.Set("k", []byte("w"), Keep))
	must(t, cache.AdvanceClock(2*time.Second))
	info, err := cache.Inspect("k")
	must(t, err)
	if info.TTL != 3*time.Second || info.Age != 2*time.Second || info.ValueSize != 1 {
		t.Errorf("%+v", info)
	}
	_, err = cache.TTL("short")
	want(t, err, ErrMiss)
	for _, over := range []time.Duration{0, -1, -time.Hour} {
		want(t, cache.Set("k", nil, over), ErrArgument)
		want(t, cache.Add("other", nil, over), ErrArgument)
		want(t, cache.Touch("k", over), ErrArgument)
		want(t, cache.SetMany([]Item{{"k", nil}}, over), ErrArgument)
	}
	has(t, cache, "k", "w")
	want(t, cache.AdvanceClock(-1), ErrArgument)
}

func TestDeadlinesArePointsOfTheWallClock(t *testing.T) {
	cache := small(t)
	must(t, cache.SetUntil("k", []byte("v"), time.Now().Add(time.Hour)))
	if ttl, err := cache.TTL("k"); err != nil || ttl < 59*time.Minute || ttl > 61*time.Minute {
		t.Error(ttl, err)
	}
	must(t, cache.SetUntil("k", []byte("v"), time.Time{}))
	if is, err := cache.Contains("k"); is || err != nil {
		t.Error(is, err)
	}
	must(t, cache.SetUntil("far", nil, time.Unix(1<<62, 0)))
}

func TestAppendValue(t *testing.T) {
	cache := manual(t)
	must(t, cache.Set("k", []byte("12345"), Never))
	must(t, cache.Set("empty", nil, Never))
	must(t, cache.Set("large", make([]byte, 10_000), Never))
	buffer := append(make([]byte, 0, 100), "before "...)
	got, err := cache.AppendValue(buffer, "k")
	must(t, err)
	if string(got) != "before 12345" || &got[0] != &buffer[0] {
		t.Errorf("%q", got)
	}
	if got, err = cache.AppendValue(buffer, "large"); err != nil || len(got) != 10_007 || string(got[:7]) != "before " {
		t.Error(len(got), err)
	}
	if got, err = cache.AppendValue(buffer, "other"); err != ErrMiss || string(got) != "before " {
		t.Errorf("%q, %v", got, err)
	}
	if got, err = cache.AppendValue(nil, "empty"); err != nil || len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}
	if got, err = cache.AppendValue(nil, "k"); err != nil || string(got) != "12345" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err = cache.Peek("empty"); got == nil || err != nil {
		t.Error("an empty value is nil")
	}
	stats, err := cache.Stats()
	must(t, err)
	if stats.Hits != 4 || stats.Misses != 1 {
		t.Errorf("%+v", stats)
	}
}

// TestAllocations counts what README.md says of them.
func TestAllocations(t *testing.T) {
	cache := small(t)
	must(t, cache.Set("k", make([]byte, 64), Never))
	buffer, value := make([]byte, 0, 64), make([]byte, 64)
	for _, call := range []struct {
		name string
		most float64
		run  func()
	}{
		{"Get", 1, func() { cache.Get("k") }},
		{"AppendValue", 0, func() { cache.AppendValue(buffer, "k") }},
		{"Set", 0, func() { cache.Set("k", value, Never) }},
		{"Delete, a miss", 0, func() { cache.Delete("none") }},
	} {
		// With the race detector a pool drops things at random.
		if got := testing.AllocsPerRun(1000, call.run); got > call.most+1 || got > call.most && !raceDetector {
			t.Errorf("%s allocates %v times", call.name, got)
		}
	}
}

func TestALargeValueWithItsInfoIsCountedOnce(t *testing.T) {
	cache := manual(t)
	must(t, cache.Set("k", make([]byte, 9000), time.Second))
	value, info, err := cache.GetWithInfo("k")
	must(t, err)
	if len(value) != 9000 || info.ValueSize != 9000 || info.TTL != time.Second {
		t.Errorf("%d bytes, %+v", len(value), info)
	}
	if stats, _ := cache.Stats(); stats.Hits != 1 {
		t.Errorf("%d hits", stats.Hits)
	}
	must(t, cache.CompareAndSet("k", []byte("new"), info.Version, Keep))
	want(t, cache.CompareAndSet("k", []byte("newer"), info.Version, Keep), ErrConflict)
	want(t, cache.CompareAndSet("other", nil, info.Version, Keep), ErrMiss)
}

func TestBatches(t *testing.T) {
	cache := open(t, Options{MaxEntries: 20_000})
	var items []Item
	var keys []string
	for n := 0; n < 10_000; n++ {
		items = append(items, Item{fmt.Sprint("k", n), bytes.Repeat([]byte{byte(n)}, n%300)})
	}
	for n := 11_999; n >= 0; n-- {
		keys = append(keys, fmt.Sprint("k", n))
	}
	must(t, cache.SetMany(items, Never))
	for turn := uint64(1); turn < 4; turn++ {
		values, err := cache.GetMany(keys)
		must(t, err)
		for i, value := range values {
			n := 11_999 - i
			if n >= 10_000 && value != nil || n < 10_000 && (value == nil || !bytes.Equal(value, items[n].Value)) {
				t.Fatalf("value %d is %q", n, value)
			}
		}
		stats, err := cache.Stats()
		must(t, err)
		if stats.Hits != 10_000*turn || stats.Misses != 2000*turn { // those without room at first, too
			t.Fatalf("%+v in turn %d", stats, turn)
		}
	}
	removed, err := cache.DeleteMany(keys)
	if removed != 10_000 || err != nil || cache.Len() != 0 {
		t.Error(removed, err)
	}
	for _, call := range []func() error{
		func() error { _, err := cache.GetMany(nil); return err },
		func() error { return cache.SetMany(nil, Never) },
		func() error { _, err := cache.DeleteMany(nil); return err },
	} {
		must(t, call())
	}
}

func TestOneBadElementDoesNotStopTheOthers(t *testing.T) {
	cache := open(t, Options{MaxBytes: 1 << 20})
	err := cache.SetMany([]Item{{"a", []byte("1")}, {"", nil}, {"c", nil}, {"d", make([]byte, 2<<20)}}, Never)
	var batch *BatchError
	if !errors.As(err, &batch) || len(batch.Failed) != 2 || batch.Count != 4 {
		t.Fatal(err)
	}
	if batch.Failed[0] != (Failure{1, ErrArgument}) || batch.Failed[1] != (Failure{3, ErrRefused}) {
		t.Error(batch.Failed)
	}
	want(t, err, ErrArgument)
	if !strings.HasPrefix(err.Error(), "2 of 4 failed, the first: ") || cache.Len() != 2 {
		t.Error(err, cache.Len())
	}
	_, err = cache.GetMany([]string{"a", ""})
	want(t, err, ErrArgument)
	_, err = cache.DeleteMany([]string{"", "a"})
	want(t, err, ErrArgument)
	_, err = cache.Get("a")
	want(t, err, ErrMiss)
}

func TestScansSeeAllThatIsThere(t *testing.T) {
	cache := open(t, Options{MaxEntries: 50_000})
	for n := 0; n < 10_000; n++ {
		must(t, cache.Set(fmt.Sprint("n:", n), make([]byte, n%50), time.Minute))
	}
	must(t, cache.Set("large", make([]byte, 300_000), Never))
	seen := map[string]bool{}
	scan := cache.ScanValues("")
	for scan.Next() {
		entry := scan.Entry()
		seen[entry.Key] = true
		if uint64(len(entry.Value)) != entry.ValueSize || (entry.TTL == Never) != (entry.Key == "large") {
			t.Fatalf("%q: %d bytes of %d, %v", entry.Key, len(entry.Value), entry.ValueSize, entry.TTL)
		}
	}
	must(t, scan.Err())
	if len(seen) != 10_001 {
		t.Errorf("%d entries", len(seen))
	}
	if scan = cache.Scan("nothing"); scan.Next() || scan.Err() != nil {
		t.Error("an entry where there is none")
	}
	all, err := cache.Coldest(1 << 40)
	if len(all) != 10_001 || err != nil {
		t.Error(len(all), err)
	}
	if some, err := cache.Hottest(3); len(some) != 3 || err != nil {
		t.Error(len(some), err)
	}
	_, err = cache.Coldest(-1)
	want(t, err, ErrArgument)
}

func TestLongKeysAreListedInFull(t *testing.T) {
	cache := open(t, Options{MaxEntries: 10, Shards: 1})
	for letter := 'a'; letter <= 'e'; letter++ {
		must(t, cache.Set(strings.Repeat(string(letter), 65_535), nil, Never))
	}
	all, err := cache.Coldest(4)
	must(t, err)
	for i, entry := range all {
		if entry.Key != strings.Repeat(string(rune('a'+i)), 65_535) {
			t.Errorf("key %d", i)
		}
	}
	if len(all) != 4 {
		t.Errorf("%d entries", len(all))
	}
}

func TestRemovals(t *testing.T) {
	cache := open(t, Options{MaxEntries: 2, Shards: 1, ReportRemovals: true})
	must(t, cache.Set("a", make([]byte, 200_000), Never))
	must(t, cache.Set("a", []byte("2"), Never))
	must(t, cache.Delete("a"))
	var all []Removal
	for {
		some, err := cache.TakeRemovals()
		must(t, err)
		if len(some) == 0 {
			break
		}
		all = append(all, some...)
	}
	if len(all) != 2 || len(all[0].Value) != 200_000 || all[0].Cause != Replaced || all[1].Cause != Deleted {
		t.Error(len(all))
	}
	if Cause(99).String() != "unknown" || Evicted.String() != "evicted" {
		t.Error("names of causes")
	}
}

func TestTheSweeperIsControlled(t *testing.T) {
	cache := manual(t)
	want(t, cache.StartSweeper(SweeperOptions{Interval: -1}), ErrArgument)
	must(t, cache.StartSweeper(SweeperOptions{Interval: time.Hour, MaxSlice: 100 * time.Microsecond}))
	want(t, cache.StartSweeper(SweeperOptions{}), ErrState)
	must(t, cache.Set("k", nil, time.Second))
	must(t, cache.AdvanceClock(time.Second))
	must(t, cache.PauseSweeper())
	if removed, err := cache.Sweep(); removed != 1 || err != nil {
		t.Error(removed, err)
	}
	must(t, cache.ResumeSweeper())
	must(t, cache.SetSweeperInterval(30*time.Minute))
	status, err := cache.SweeperStatus()
	must(t, err)
	if status.State != SweeperRunning || !status.Healthy || !status.Leads || status.Interval != 30*time.Minute ||
		status.EntriesRemoved != 1 || status.Errors != 0 {
		t.Errorf("%+v", status)
	}
	must(t, cache.StopSweeper(time.Minute))
	want(t, cache.StopSweeper(0), ErrState)
	want(t, cache.StopSweeper(-1), ErrArgument)
	must(t, cache.StartSweeper(SweeperOptions{Interval: time.Hour, RunAtOnce: true}))
	eventually(t, "a sweep at the start", func() bool {
		now, err := cache.SweeperStatus()
		must(t, err)
		return now.SweepsRun > status.SweepsRun
	})
}

func TestFigures(t *testing.T) {
	cache := manual(t)
	must(t, cache.Set("k", nil, Never))
	cache.Get("k")
	cache.Get("other")
	stats, err := cache.Stats()
	must(t, err)
	figures, err := cache.Figures()
	must(t, err)
	values := map[string]uint64{}
	for _, figure := range figures {
		values[figure.Name] = figure.Value
		if figure.Unit == "" || len(figure.Help) < 10 || figure.Name == "hits" && !figure.IsCounter {
			t.Errorf("%+v", figure)
		}
	}
	if stats.HitRatio() != 0.5 || values["hits"] != stats.Hits || values["entries_limit"] != 1000 ||
		values["shard_count"] != uint64(stats.Shards) || len(figures) < 21 {
		t.Errorf("%+v, %v", stats, values)
	}
	window, err := cache.Window(0)
	if err != nil || window.Hits != 1 || window.Misses != 1 {
		t.Errorf("%+v, %v", window, err)
	}
	must(t, cache.ResetStats())
	if stats, _ = cache.Stats(); stats.HitRatio() != 0 {
		t.Errorf("%+v", stats)
	}
}

func TestAnAuditCountsAndRemoves(t *testing.T) {
	cache := manual(t)
	must(t, cache.Set("a:short", nil, 30*time.Second))
	must(t, cache.Set("a:never", nil, Never))
	must(t, cache.Set("b:never", nil, Never))
	audit, err := cache.Audit("a:", AuditOptions{})
	must(t, err)
	if audit.Scanned != 2 || audit.NearExpiry != 1 || audit.WithoutExpiry != 1 || audit.AverageTTL != 30*time.Second {
		t.Errorf("%+v", audit)
	}
	audit, err = cache.Audit("", AuditOptions{Remove: KindWithoutExpiry | KindExpired})
	if err != nil || audit.Removed != 2 || cache.Len() != 1 {
		t.Errorf("%+v, %v", audit, err)
	}
	_, err = cache.Audit("", AuditOptions{Idle: -1})
	want(t, err, ErrArgument)
}

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "saved")
	cache, other := manual(t), manual(t)
	must(t, cache.Set("k", make([]byte, 5000), time.Minute))
	if saved, err := cache.Save(path); saved != 1 || err != nil {
		t.Error(saved, err)
	}
	if loaded, err := other.Load(path); loaded != 1 || err != nil {
		t.Error(loaded, err)
	}
	must(t, os.WriteFile(path, []byte("no cache"), 0o600))
	_, err := other.Load(path)
	want(t, err, ErrLayout)
	_, err = other.Load(path + ".none")
	want(t, err, ErrState)
	_, err = other.Save("a\x00b")
	want(t, err, ErrArgument)
}

// TestAllMethodsOfAClosedCache: each says that it is closed, and none crashes.
func TestAllMethodsOfAClosedCache(t *testing.T) {
	cache, err := Open(Options{MaxEntries: 10})
	must(t, err)
	must(t, cache.Set("k", []byte("v"), Never))
	value, err := cache.Acquire("k")
	must(t, err)
	var closer io.Closer = cache
	must(t, closer.Close())
	if string(value.Bytes()) != "v" {
		t.Error("the borrowed value is gone")
	}
	value.Release()
	if cache.Len() != 0 {
		t.Error("entries of a closed cache")
	}
	second := func(_ any, err error) error { return err }
	for i, err := range []error{
		cache.Close(), second(cache.Get("k")), second(cache.AppendValue(nil, "k")), second(cache.Peek("k")),
		second(cache.Acquire("k")), second(cache.Contains("k")), second(cache.TTL("k")), second(cache.Inspect("k")),
		cache.Set("k", nil, Never), cache.SetUntil("k", nil, time.Now()), cache.Add("k", nil, Never),
		cache.Replace("k", nil, Never), cache.CompareAndSet("k", nil, 1, Never), cache.Delete("k"),
		cache.Touch("k", Never), second(cache.Increment("k", 1, 1, Never)), second(cache.GetMany([]string{"k"})),
		cache.SetMany([]Item{{"k", nil}}, Never), second(cache.DeleteMany([]string{"k"})),
		second(cache.Coldest(1)), second(cache.Hottest(1)), second(cache.DeletePrefix("k")), second(cache.Evict(1)),
		second(cache.CleanupExpired(0)), cache.Clear(), cache.Resize(1, 0), second(cache.TakeRemovals()),
		cache.AdvanceClock(1), second(cache.Save("x")), second(cache.Load("x")), second(cache.Stats()),
		second(cache.Figures()), cache.ResetStats(), second(cache.Window(0)), second(cache.Audit("", AuditOptions{})),
		second(cache.SharedInfo()), second(cache.SharedFile()), cache.StartSweeper(SweeperOptions{}),
		cache.StopSweeper(0), cache.PauseSweeper(), cache.ResumeSweeper(), cache.SetSweeperInterval(0),
		second(cache.Sweep()), second(cache.SweeperStatus()), second(cache.Options()),
		second(cache.GetOrClaim("k", ClaimOptions{})),
		second(cache.GetOrCompute(background, "k", ComputeOptions{TTL: Never}, returns("v"))),
	} {
		if !errors.Is(err, ErrClosed) || !errors.Is(err, ErrState) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if _, _, err := cache.GetWithInfo("k"); err != ErrClosed {
		t.Error(err)
	}
	if scan := cache.Scan(""); scan.Next() || scan.Err() != ErrClosed {
		t.Error(scan.Err())
	}
}

func TestStatusesHaveTexts(t *testing.T) {
	for _, status := range []Status{ErrMiss, ErrRefused, ErrArgument, ErrAccess, -99} {
		if text := status.Error(); !strings.HasPrefix(text, "cachecore: ") || len(text) < 15 {
			t.Error(text)
		}
	}
	if !ErrTimeout.Timeout() || ErrMiss.Timeout() {
		t.Error("Timeout")
	}
}
