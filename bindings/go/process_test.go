package cachecore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// place is a folder for a shared cache, in memory where there is one.
func place(t *testing.T) string {
	parent := "/dev/shm"
	if _, err := os.Stat(parent); err != nil {
		parent = ""
	}
	directory, err := os.MkdirTemp(parent, "cachecore-go-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(directory) })
	return filepath.Join(directory, "cache")
}

func openShared(t *testing.T, shared Shared) *Cache {
	t.Helper()
	cache, err := OpenShared(Options{MaxEntries: 10_000}, shared)
	must(t, err)
	t.Cleanup(func() { cache.Close() })
	return cache
}

func child(t *testing.T, task, path string, files ...*os.File) *exec.Cmd {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), "CACHECORE_CHILD="+task, "CACHECORE_PLACE="+path)
	command.Stderr = os.Stderr
	command.ExtraFiles = files
	must(t, command.Start())
	return command
}

// childTask is what a child does.
func childTask(task string) {
	shared := Shared{Path: os.Getenv("CACHECORE_PLACE")}
	if task == "by descriptor" {
		shared = Shared{File: os.NewFile(3, "cache")}
	}
	cache, err := OpenShared(Options{MaxEntries: 10_000}, shared)
	check(err)
	switch task {
	case "compute":
		value, err := cache.GetOrCompute(context.Background(), "once", ComputeOptions{TTL: time.Minute},
			func(context.Context) ([]byte, error) {
				_, err := cache.Increment("computed", 1, 1, Never)
				time.Sleep(100 * time.Millisecond)
				return []byte("value"), err
			})
		check(err)
		if string(value) != "value" {
			check(fmt.Errorf("computed %q", value))
		}
	case "claim and wait":
		_, err := cache.GetOrClaim("claimed", ClaimOptions{})
		check(err)
		_, err = cache.Acquire("lent")
		check(err)
		check(cache.Set("ready", nil, Never))
		time.Sleep(time.Minute)
	case "by descriptor":
		check(cache.Set("child", []byte("was here"), Never))
	}
	check(cache.Close())
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}

func TestOfManyProcessesOneComputes(t *testing.T) {
	path := place(t)
	cache := openShared(t, Shared{Path: path})
	var children []*exec.Cmd
	for i := 0; i < 6; i++ {
		children = append(children, child(t, "compute", path))
	}
	for _, child := range children {
		must(t, child.Wait())
	}
	has(t, cache, "once", "value")
	has(t, cache, "computed", "1")
}

func TestWhatAKilledProcessHadIsTakenBack(t *testing.T) {
	path := place(t)
	cache := openShared(t, Shared{Path: path})
	must(t, cache.Set("lent", []byte("value"), Never))
	other := child(t, "claim and wait", path)
	eventually(t, "the child is ready", func() bool {
		is, err := cache.Contains("ready")
		must(t, err)
		return is
	})
	lookup, err := cache.GetOrClaim("claimed", ClaimOptions{})
	must(t, err)
	if lookup.Found != Pending {
		t.Fatal(lookup.Found)
	}
	must(t, other.Process.Kill()) // SIGKILL
	other.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	must(t, lookup.Wait(ctx))
	must(t, claimOf(t, cache, "claimed").Abandon(0))
	has(t, cache, "lent", "value")
	openShared(t, Shared{Path: path}) // who opens takes back what the dead had
	info, err := cache.SharedInfo()
	must(t, err)
	if info.BorrowsReclaimed < 1 {
		t.Errorf("%+v", info)
	}
}

func TestAFileIsHandedToAChild(t *testing.T) {
	cache := openShared(t, Shared{})
	file, err := cache.SharedFile()
	must(t, err)
	must(t, child(t, "by descriptor", "", file).Wait())
	must(t, file.Close())
	has(t, cache, "child", "was here")
	_, err = small(t).SharedFile()
	want(t, err, ErrState)
}

func TestASharedCacheIsMadeOrAttachedTo(t *testing.T) {
	path := place(t)
	refused := func(shared Shared) error {
		_, err := OpenShared(Options{MaxEntries: 100}, shared)
		return err
	}
	want(t, refused(Shared{Path: path, Share: AttachOnly}), ErrState)
	first := openShared(t, Shared{Path: path, Share: MakeOnly, MaxProcesses: 2})
	want(t, refused(Shared{Path: path, Share: MakeOnly}), ErrState)
	must(t, first.Set("k", []byte("v"), Never))
	second := openShared(t, Shared{Path: path, Share: AttachOnly})
	has(t, second, "k", "v")
	want(t, refused(Shared{Path: path}), ErrFull)
	info, err := first.SharedInfo()
	must(t, err)
	if info.Processes != 2 || info.MaxProcesses != 2 || info.Unlinked || info.RegionBytes == 0 {
		t.Errorf("%+v", info)
	}
	anew := openShared(t, Shared{Path: path, Share: MakeAnew})
	if anew.Len() != 0 || first.Len() != 1 {
		t.Error(anew.Len(), first.Len())
	}
	want(t, refused(Shared{Path: "a\x00b"}), ErrArgument)
	stranger := path + ".stranger"
	must(t, os.WriteFile(stranger, make([]byte, 10_000), 0o600))
	err = refused(Shared{Path: stranger})
	want(t, err, ErrLayout)
	var open *OpenError
	if !errors.As(err, &open) || open.Reason == "" {
		t.Errorf("%v", err)
	}
	_, err = OpenShared(Options{MaxEntries: 1, ReportRemovals: true}, Shared{})
	want(t, err, ErrArgument)
	_, err = small(t).SharedInfo()
	want(t, err, ErrState)
}
