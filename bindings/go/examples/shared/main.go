// Shared is one of several programs, in any languages, that share a cache by the path of its file: it reads what another
// one stored, and computes what is missing, unless another one does.
//
//	go run ./examples/shared CACHE LOG
//
// It appends its name to LOG when it computes.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"cachecore"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("shared CACHE LOG")
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(path, logPath string) error {
	cache, err := cachecore.OpenShared(cachecore.Options{MaxBytes: 16 << 20}, cachecore.Shared{Path: path})
	if err != nil {
		return err
	}
	defer cache.Close()

	greeting, err := cache.Get("greeting")
	if err != nil {
		return err
	}
	fmt.Printf("greeting: %s\n", greeting)

	answer, err := cache.GetOrCompute(context.Background(), "answer", cachecore.ComputeOptions{TTL: time.Minute},
		func(context.Context) ([]byte, error) { return compute(logPath) })
	if err != nil {
		return err
	}
	fmt.Printf("answer: %s\n", answer)
	return nil
}

// compute is what is slow.
func compute(logPath string) ([]byte, error) {
	time.Sleep(200 * time.Millisecond)
	file, err := os.OpenFile(logPath, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	_, err = fmt.Fprintln(file, "go")
	return []byte("computed by go"), err
}
