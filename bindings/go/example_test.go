package cachecore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"cachecore"
)

func Example() {
	cache, err := cachecore.Open(cachecore.Options{MaxBytes: 64 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	if err := cache.Set("user:7", []byte("allowed"), time.Minute); err != nil {
		log.Fatal(err)
	}
	value, err := cache.Get("user:7")
	fmt.Printf("%s, %v\n", value, err)
	_, err = cache.Get("user:8")
	fmt.Println(errors.Is(err, cachecore.ErrMiss))
	// Output:
	// allowed, <nil>
	// true
}

func ExampleCache_GetOrCompute() {
	cache, err := cachecore.Open(cachecore.Options{MaxEntries: 1000})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	options := cachecore.ComputeOptions{TTL: time.Minute, Stale: 10 * time.Minute}
	for i := 0; i < 2; i++ {
		price, err := cache.GetOrCompute(context.Background(), "price:12", options,
			func(context.Context) ([]byte, error) {
				fmt.Println("asking the database")
				return []byte("9.99"), nil
			})
		fmt.Printf("%s, %v\n", price, err)
	}
	// Output:
	// asking the database
	// 9.99, <nil>
	// 9.99, <nil>
}

func ExampleCache_CompareAndSet() {
	cache, err := cachecore.Open(cachecore.Options{MaxEntries: 1000})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	cache.Set("list", []byte("a"), cachecore.Never)
	for {
		list, info, err := cache.GetWithInfo("list")
		if err == nil {
			err = cache.CompareAndSet("list", append(list, ",b"...), info.Version, cachecore.Keep)
		}
		if err != cachecore.ErrConflict {
			break
		}
	}
	list, _ := cache.Get("list")
	fmt.Printf("%s\n", list)
	// Output: a,b
}

func ExampleCache_Scan() {
	cache, err := cachecore.Open(cachecore.Options{MaxEntries: 1000})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	cache.Set("user:7", []byte("x"), time.Minute)
	scan := cache.Scan("user:")
	for scan.Next() {
		fmt.Println(scan.Entry().Key, scan.Entry().ValueSize)
	}
	fmt.Println(scan.Err())
	// Output:
	// user:7 1
	// <nil>
}
