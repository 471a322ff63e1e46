// Prices is a small price service: an HTTP server with a cache in front of a slow database.
//
//	go run ./examples/prices [-cache FILE] [-listen ADDRESS] [-demo]
//
// With a FILE the cache is shared: run it twice at once, or beside a program in another language, and a price is looked
// up once for all of them. With -demo it sends itself requests, and ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cachecore"
)

// A database is what is slow, and must not be asked by everybody at once.
type database struct{ queries atomic.Int64 }

func (d *database) price(ctx context.Context, article int) ([]byte, error) {
	d.queries.Add(1)
	select {
	case <-time.After(20 * time.Millisecond):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if article >= 10 {
		return nil, cachecore.ErrAbsent
	}
	return []byte(fmt.Sprintf("%d.99", article*7+1)), nil
}

type service struct {
	cache    *cachecore.Cache
	database database
}

var lifetimes = cachecore.ComputeOptions{
	TTL:       time.Minute,
	Stale:     10 * time.Minute, // an old price serves while one goroutine asks for the new one
	Retry:     5 * time.Second,  // and while the database is down
	AbsentTTL: 10 * time.Second, // articles that do not exist
}

// ServeHTTP answers /prices/ARTICLE, and /metrics.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/metrics" {
		s.metrics(w)
		return
	}
	article, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/prices/"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	price, err := s.cache.GetOrCompute(r.Context(), fmt.Sprint("price:", article), lifetimes,
		func(ctx context.Context) ([]byte, error) { return s.database.price(ctx, article) })
	switch {
	case errors.Is(err, cachecore.ErrAbsent):
		http.NotFound(w, r)
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	default:
		w.Write(price)
	}
}

// metrics writes what Prometheus reads.
func (s *service) metrics(w http.ResponseWriter) {
	figures, err := s.cache.Figures()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	for _, figure := range figures {
		kind := "gauge"
		if figure.IsCounter {
			kind = "counter"
		}
		fmt.Fprintf(w, "# HELP cache_%[1]s %[2]s\n# TYPE cache_%[1]s %[3]s\ncache_%[1]s %[4]d\n",
			figure.Name, figure.Help, kind, figure.Value)
	}
}

func main() {
	path := flag.String("cache", "", "the file of a shared cache")
	listen := flag.String("listen", "localhost:8080", "where to listen")
	demo := flag.Bool("demo", false, "send requests to itself, and end")
	flag.Parse()

	cache, err := open(*path)
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	service := &service{cache: cache}
	if *demo {
		service.demo()
		return
	}
	log.Fatal(http.ListenAndServe(*listen, service))
}

func open(path string) (*cachecore.Cache, error) {
	options := cachecore.Options{MaxBytes: 16 << 20}
	if path == "" {
		return cachecore.Open(options)
	}
	return cachecore.OpenShared(options, cachecore.Shared{Path: path})
}

func (s *service) demo() {
	var wait sync.WaitGroup
	for worker := 0; worker < 100; worker++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for article := 0; article < 12; article++ {
				s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", fmt.Sprint("/prices/", article), nil))
			}
		}()
	}
	wait.Wait()
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, httptest.NewRequest("GET", "/prices/3", nil))
	fmt.Println("article 3 costs", answer.Body)
	stats, err := s.cache.Stats()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("1201 requests: %d queries, %d hits, %d times told that there is none\n",
		s.database.queries.Load(), stats.Hits, stats.AbsentServed)
}
