package cachecore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestScenarios runs the scenarios that every binding runs: bindings/scenarios.txt, which says what its lines mean.
func TestScenarios(t *testing.T) {
	path := os.Getenv("CACHECORE_SCENARIOS")
	if path == "" {
		path = "../scenarios.txt"
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	scenarios, steps := splitScenarios(string(text))
	for _, scenario := range scenarios {
		lines := steps[scenario]
		t.Run(scenario, func(t *testing.T) {
			r := newRunner(t)
			defer r.closeAll()
			for _, line := range lines {
				call, expected := splitStep(t, line)
				if answer := r.run(call); !equalWords(answer, expected) {
					t.Fatalf("%s\nanswered %s", shorten(line), shorten(fmt.Sprintf("%q", answer)))
				}
			}
		})
	}
	if len(scenarios) < 20 {
		t.Errorf("only %d scenarios", len(scenarios))
	}
}

func splitScenarios(text string) (names []string, steps map[string][]string) {
	steps = map[string][]string{}
	for _, line := range strings.Split(text, "\n") {
		switch name := strings.TrimPrefix(line, "scenario "); {
		case line == "" || line[0] == '#':
		case name != line:
			names = append(names, name)
		default:
			last := names[len(names)-1]
			steps[last] = append(steps[last], line)
		}
	}
	return names, steps
}

// splitStep returns the words before and after the `=`, unescaped.
func splitStep(t *testing.T, line string) (call, expected []string) {
	var words []string
	middle := -1
	for i, word := range strings.Split(line, " ") {
		if word == "=" && middle < 0 {
			middle = i
			continue
		}
		words = append(words, unescape(t, word))
	}
	if middle < 0 {
		t.Fatalf("no `=`: %s", line)
	}
	return words[:middle], words[middle:]
}

func unescape(t *testing.T, word string) string {
	if word == `""` {
		return ""
	}
	times := 1
	if star := strings.LastIndexByte(word, '*'); star >= 0 {
		times, word = number(word[star+1:]), word[:star]
	}
	var out []byte
	for len(word) > 0 {
		if word[0] != '\\' {
			out, word = append(out, word[0]), word[1:]
			continue
		}
		b, err := strconv.ParseUint(strings.TrimPrefix(word[:4], `\x`), 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		out, word = append(out, byte(b)), word[4:]
	}
	return string(bytes.Repeat(out, times))
}

func equalWords(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func shorten(text string) string {
	if len(text) <= 300 {
		return text
	}
	return fmt.Sprintf("%s... of %d bytes", text[:300], len(text))
}

func number(word string) int {
	n, err := strconv.Atoi(word)
	if err != nil {
		panic(err)
	}
	return n
}

func int64Of(word string) int64 {
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// A runner makes each step by the package's own calls, and says what they answered in words.
type runner struct {
	t         *testing.T
	directory string
	caches    map[string]*Cache
	cache     *Cache
	versions  map[string]uint64
	values    map[string]*Value
	lookups   map[string]Lookup
}

func newRunner(t *testing.T) *runner {
	return &runner{t, t.TempDir(), map[string]*Cache{}, nil, map[string]uint64{}, map[string]*Value{}, map[string]Lookup{}}
}

func (r *runner) closeAll() {
	for _, cache := range r.caches {
		cache.Close()
	}
}

func (r *runner) run(call []string) []string {
	words, err := r.call(call[0], call[1:])
	var open *OpenError
	if errors.As(err, &open) {
		err = open.Err
	}
	if err != nil {
		return []string{statusName(err)}
	}
	if words == nil {
		words = []string{"ok"}
	}
	return words
}

func statusName(err error) string {
	var batch *BatchError
	if errors.As(err, &batch) {
		err = batch.Failed[0].Err
	}
	names := []struct {
		err  error
		name string
	}{
		{ErrMiss, "miss"}, {ErrExists, "exists"}, {ErrRefused, "refused"}, {ErrConflict, "conflict"},
		{ErrAbsent, "absent"}, {ErrArgument, "e_argument"}, {ErrNoMemory, "e_no_memory"}, {ErrVersion, "e_version"},
		{ErrFull, "e_full"}, {ErrState, "e_state"}, {ErrTimeout, "e_timeout"}, {ErrType, "e_type"},
		{ErrRange, "e_range"}, {ErrLayout, "e_layout"}, {ErrAccess, "e_access"},
	}
	for _, name := range names {
		if errors.Is(err, name.err) {
			return name.name
		}
	}
	return err.Error()
}

func found(words ...string) []string { return append([]string{"ok"}, words...) }

func count[N int | int64 | uint64](n N, err error) ([]string, error) {
	return found(fmt.Sprint(n)), err
}

func lifetime(word string) time.Duration {
	switch word {
	case "default":
		return Default
	case "never":
		return Never
	case "keep":
		return Keep
	}
	return ms(word)
}

func ms(word string) time.Duration { return time.Duration(int64Of(word)) * time.Millisecond }

func left(ttl time.Duration) string {
	if ttl == Never {
		return "never"
	}
	return fmt.Sprint(ttl.Milliseconds())
}

func (r *runner) call(verb string, a []string) ([]string, error) {
	switch verb {
	case "open":
		return nil, r.open(a)
	case "use":
		r.cache = r.caches[a[0]]
		return nil, nil
	case "close":
		return nil, r.cache.Close()
	case "set":
		return nil, r.cache.Set(a[0], []byte(a[1]), lifetime(a[2]))
	case "add":
		return nil, r.cache.Add(a[0], []byte(a[1]), lifetime(a[2]))
	case "replace":
		return nil, r.cache.Replace(a[0], []byte(a[1]), lifetime(a[2]))
	case "get":
		value, err := r.cache.Get(a[0])
		return found(string(value)), err
	case "peek":
		value, err := r.cache.Peek(a[0])
		return found(string(value)), err
	case "contains":
		is, err := r.cache.Contains(a[0])
		if err == nil && !is {
			err = ErrMiss
		}
		return nil, err
	case "delete":
		return nil, r.cache.Delete(a[0])
	case "touch":
		return nil, r.cache.Touch(a[0], lifetime(a[1]))
	case "ttl":
		ttl, err := r.cache.TTL(a[0])
		return found(left(ttl)), err
	case "inspect":
		info, err := r.cache.Inspect(a[0])
		return found(fmt.Sprint(info.ValueSize), left(info.TTL), fmt.Sprint(info.Age.Milliseconds())), err
	case "increment":
		return count(r.cache.Increment(a[0], int64Of(a[1]), int64Of(a[2]), lifetime(a[3])))
	case "get_with_info":
		value, info, err := r.cache.GetWithInfo(a[0])
		r.versions[a[1]] = info.Version
		return found(string(value), left(info.TTL)), err
	case "compare_and_set":
		return nil, r.cache.CompareAndSet(a[0], []byte(a[1]), r.versions[a[2]], lifetime(a[3]))
	case "acquire":
		value, err := r.cache.Acquire(a[0])
		r.values[a[1]] = value
		return nil, err
	case "borrowed":
		return found(string(r.values[a[0]].Bytes())), nil
	case "release":
		r.values[a[0]].Release()
		return nil, nil
	case "set_many":
		var items []Item
		for i := 1; i < len(a); i += 2 {
			items = append(items, Item{a[i], []byte(a[i+1])})
		}
		return nil, r.cache.SetMany(items, lifetime(a[0]))
	case "get_many":
		values, err := r.cache.GetMany(a)
		words := found()
		for _, value := range values {
			if value == nil {
				words = append(words, "miss")
			} else {
				words = append(words, "ok", string(value))
			}
		}
		return words, err
	case "delete_many":
		return count(r.cache.DeleteMany(a))
	}
	return r.whole(verb, a)
}

func (r *runner) open(a []string) error {
	var options Options
	var shared *Shared
	for _, option := range a[1:] {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "max_entries":
			options.MaxEntries = uint64(number(value))
		case "max_bytes":
			options.MaxBytes = uint64(number(value))
		case "default_ttl_ms":
			options.DefaultTTL = ms(value)
		case "default_tti_ms":
			options.TimeToIdle = ms(value)
		case "shard_count":
			options.Shards = number(value)
		case "policy":
			options.Policy = map[string]Policy{"lru": LRU, "adaptive": Adaptive}[value]
		case "no_evict":
			options.NoEvict = true
		case "manual_clock":
			options.ManualClock = true
		case "report_removals":
			options.ReportRemovals = true
		case "shared":
			shared = &Shared{Path: filepath.Join(r.directory, value)}
		default:
			r.t.Fatalf("an option that this runner does not know: %s", option)
		}
	}
	var cache *Cache
	var err error
	if shared != nil {
		cache, err = OpenShared(options, *shared)
	} else {
		cache, err = Open(options)
	}
	if err == nil {
		r.caches[a[0]], r.cache = cache, cache
	}
	return err
}

func (r *runner) whole(verb string, a []string) ([]string, error) {
	switch verb {
	case "count":
		return count(r.cache.Len(), nil)
	case "clear":
		return nil, r.cache.Clear()
	case "delete_prefix":
		return count(r.cache.DeletePrefix(a[0]))
	case "scan", "scan_values":
		scanner := r.cache.Scan(a[0])
		if verb == "scan_values" {
			scanner = r.cache.ScanValues(a[0])
		}
		var all []Entry
		for scanner.Next() {
			all = append(all, scanner.Entry())
		}
		sort.Slice(all, func(i, j int) bool { return all[i].Key < all[j].Key })
		words := found()
		for _, entry := range all {
			words = append(words, entry.Key)
			if verb == "scan_values" {
				words = append(words, string(entry.Value))
			}
		}
		return words, scanner.Err()
	case "coldest", "hottest":
		list := r.cache.Coldest
		if verb == "hottest" {
			list = r.cache.Hottest
		}
		all, err := list(number(a[0]))
		words := found()
		for _, entry := range all {
			words = append(words, entry.Key)
		}
		return words, err
	case "evict":
		return count(r.cache.Evict(uint64(number(a[0]))))
	case "cleanup_expired":
		return count(r.cache.CleanupExpired(0))
	case "resize":
		return nil, r.cache.Resize(uint64(number(a[0])), uint64(number(a[1])))
	case "stats":
		figures, err := r.cache.Figures()
		for _, figure := range figures {
			if figure.Name == a[0] {
				return count(figure.Value, err)
			}
		}
		return nil, err
	case "reset_stats":
		return nil, r.cache.ResetStats()
	case "take_removals":
		words := found()
		for {
			removals, err := r.cache.TakeRemovals()
			if err != nil || len(removals) == 0 {
				return words, err
			}
			for _, removal := range removals {
				words = append(words, removal.Key, string(removal.Value), removal.Cause.String())
			}
		}
	case "advance":
		return nil, r.cache.AdvanceClock(ms(a[0]))
	case "save":
		return count(r.cache.Save(filepath.Join(r.directory, a[0])))
	case "load":
		return count(r.cache.Load(filepath.Join(r.directory, a[0])))
	case "shared_info":
		info, err := r.cache.SharedInfo()
		fields := map[string]int{"processes": info.Processes, "warm": 0}
		if info.Warm {
			fields["warm"] = 1
		}
		field, isKnown := fields[a[0]]
		if !isKnown {
			r.t.Fatalf("a field that this runner does not know: %s", a[0])
		}
		return count(field, err)
	case "sweeper_start":
		return nil, r.cache.StartSweeper(SweeperOptions{Interval: ms(a[0])})
	case "sweeper_trigger":
		return count(r.cache.Sweep())
	case "sweeper_stop":
		return nil, r.cache.StopSweeper(0)
	}
	return r.claims(verb, a)
}

func (r *runner) claims(verb string, a []string) ([]string, error) {
	switch verb {
	case "get_or_claim":
		lookup, err := r.cache.GetOrClaim(a[0], ClaimOptions{})
		r.lookups[a[1]] = lookup
		words := []string{lookup.Found.String()}
		switch lookup.Found {
		case Fresh:
			words = found(string(lookup.Value))
		case Stale:
			words = append(words, string(lookup.Value))
		}
		if lookup.Claim != nil {
			words = append(words, "held")
		}
		return words, err
	case "claim_wait":
		ctx, cancel := context.WithTimeout(context.Background(), ms(a[1]))
		defer cancel()
		err := r.lookups[a[0]].Wait(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = ErrTimeout
		}
		return nil, err
	case "fulfill":
		return nil, r.lookups[a[0]].Claim.Fulfill([]byte(a[1]), lifetime(a[2]), ms(a[3]))
	case "fulfill_absent":
		return nil, r.lookups[a[0]].Claim.FulfillAbsent(lifetime(a[1]))
	case "abandon":
		return nil, r.lookups[a[0]].Claim.Abandon(ms(a[1]))
	}
	r.t.Fatalf("a verb that this runner does not know: %s", verb)
	return nil, nil
}
