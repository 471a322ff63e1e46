// Bench measures a call of cachecore beside the caches that Go programs use, in one process and in turns.
//
//	bindings/go/bench/run.sh [ROUNDS]
//
// 10 000 entries of 16-byte keys and 64-byte values, uniformly random hits. Each round measures every row once, so that
// what else the machine does falls on all of them alike; the table has medians over the rounds, in nanoseconds, and the
// ratio to hashicorp's lru. With one goroutine it is the CPU time of the process, the collector's included, which other
// processes do not disturb; with two it is the time that passed. The last rows are the price of the crossing: a call of
// the library that does nothing.
package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"math/rand"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"time"

	"cachecore"

	lru "github.com/hashicorp/golang-lru"
	gocache "github.com/patrickmn/go-cache"
)

const (
	entries = 10_000
	calls   = 20_000
	batch   = 50
)

type row struct {
	name string
	run  func(keys []string)
	ns   []float64
}

type group struct {
	title   string
	threads int
	rows    []*row
}

func key(n int) string {
	var b [16]byte
	copy(b[:], "user:")
	binary.BigEndian.PutUint64(b[8:], uint64(n))
	return string(b[:])
}

func each(call func(key string)) func([]string) {
	return func(keys []string) {
		for _, key := range keys {
			call(key)
		}
	}
}

func inBatches(call func(keys []string)) func([]string) {
	return func(keys []string) {
		for len(keys) >= batch {
			call(keys[:batch])
			keys = keys[batch:]
		}
	}
}

func main() {
	rounds := 15
	if len(os.Args) > 1 {
		rounds, _ = strconv.Atoi(os.Args[1])
	}
	ours, err := cachecore.Open(cachecore.Options{MaxEntries: 2 * entries})
	if err != nil {
		log.Fatal(err)
	}
	defer ours.Close()
	theirs, _ := lru.New(2 * entries)
	expiring := gocache.New(time.Hour, 0)
	bare, lock := map[string][]byte{}, sync.RWMutex{}
	value := make([]byte, 64)
	keys := make([]string, entries)
	for n := range keys {
		keys[n] = key(n)
		ours.Set(keys[n], value, cachecore.Never)
		theirs.Add(keys[n], value)
		expiring.Set(keys[n], value, time.Hour)
		bare[keys[n]] = value
	}

	// Theirs keep the slice that they are given, and return it; ours copies in and out. Who may not share a slice
	// copies it with theirs too, which is the second row.
	var groups []group
	for _, threads := range []int{1, 2} {
		suffix := "one goroutine"
		if threads == 2 {
			suffix = "each of two goroutines"
		}
		groups = append(groups, group{"get, " + suffix, threads, []*row{
			{name: "hashicorp/golang-lru", run: each(func(k string) { v, _ := theirs.Get(k); _ = v.([]byte) })},
			{name: "hashicorp/golang-lru, value copied", run: each(func(k string) {
				v, _ := theirs.Get(k)
				_ = append([]byte(nil), v.([]byte)...)
			})},
			{name: "patrickmn/go-cache, no bound", run: each(func(k string) { v, _ := expiring.Get(k); _ = v.([]byte) })},
			{name: "map in a RWMutex, no bound", run: each(func(k string) { lock.RLock(); _ = bare[k]; lock.RUnlock() })},
			{name: "cachecore Get", run: each(func(k string) { ours.Get(k) })},
			{name: "cachecore AppendValue, one buffer", run: func(keys []string) {
				buffer := make([]byte, 0, 64)
				for _, k := range keys {
					ours.AppendValue(buffer, k)
				}
			}},
		}}, group{"set, " + suffix, threads, []*row{
			{name: "hashicorp/golang-lru", run: each(func(k string) { theirs.Add(k, value) })},
			{name: "hashicorp/golang-lru, value copied", run: each(func(k string) {
				theirs.Add(k, append([]byte(nil), value...))
			})},
			{name: "patrickmn/go-cache, no bound", run: each(func(k string) { expiring.Set(k, value, time.Hour) })},
			{name: "map in a RWMutex, no bound", run: each(func(k string) { lock.Lock(); bare[k] = value; lock.Unlock() })},
			{name: "cachecore Set", run: each(func(k string) { ours.Set(k, value, cachecore.Never) })},
		}})
	}
	items := make([]cachecore.Item, batch)
	groups = append(groups, group{"get of 50 at once, for each key", 1, []*row{
		{name: "hashicorp/golang-lru, one by one, copied", run: each(func(k string) {
			v, _ := theirs.Get(k)
			_ = append([]byte(nil), v.([]byte)...)
		})},
		{name: "cachecore GetMany", run: inBatches(func(keys []string) { ours.GetMany(keys) })},
	}}, group{"set of 50 at once, for each key", 1, []*row{
		{name: "hashicorp/golang-lru, one by one, copied", run: each(func(k string) {
			theirs.Add(k, append([]byte(nil), value...))
		})},
		{name: "cachecore SetMany", run: inBatches(func(keys []string) {
			for i, k := range keys {
				items[i] = cachecore.Item{Key: k, Value: value}
			}
			ours.SetMany(items, cachecore.Never)
		})},
	}}, group{"the crossing: a call that does nothing", 1, []*row{
		{name: "the loop alone", run: each(func(string) {})},
		{name: "cachecore.Version()", run: each(func(string) { cachecore.Version() })},
	}})

	for round := 0; round < rounds; round++ {
		for _, group := range groups {
			for _, row := range group.rows {
				row.ns = append(row.ns, measure(row.run, group.threads, keys))
			}
		}
	}
	fmt.Printf("%d rounds of %d calls; ns: median (least to most); and the ratio to the first row\n", rounds, calls)
	for _, group := range groups {
		fmt.Printf("\n%s\n", group.title)
		first, _, _ := median(group.rows[0].ns)
		for _, row := range group.rows {
			middle, least, most := median(row.ns)
			fmt.Printf("  %-42s %7.1f (%.1f to %.1f)  %.2f\n", row.name, middle, least, most, middle/first)
		}
	}
}

// measure returns the time of a call in each of the goroutines.
func measure(run func([]string), threads int, keys []string) float64 {
	work := make([][]string, threads)
	for i := range work {
		for n := 0; n < calls; n++ {
			work[i] = append(work[i], keys[rand.Intn(entries)])
		}
	}
	runtime.GC()
	var wait sync.WaitGroup
	start, startCPU := time.Now(), cpu()
	for _, keys := range work[1:] {
		keys := keys
		wait.Add(1)
		go func() { defer wait.Done(); run(keys) }()
	}
	run(work[0])
	wait.Wait()
	if threads == 1 {
		return float64((cpu() - startCPU).Nanoseconds()) / calls
	}
	return float64(time.Since(start).Nanoseconds()) / calls
}

// cpu returns the CPU time that the process has taken.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func median(values []float64) (middle, least, most float64) {
	sort.Float64s(values)
	return values[len(values)/2], values[0], values[len(values)-1]
}
