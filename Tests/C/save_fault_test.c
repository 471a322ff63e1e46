/*
 * Every system call that save and load make about a file fails, at each of its
 * occurrences, and is interrupted, and reads or writes a byte alone (faults.h).
 * Whatever fails: the file that was there stays, whole, and nothing beside it.
 */
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "faults.h"
#include "harness.h"

enum { OLD = 10, NEW = 30, CALLS_MAX = 100, LONG_VALUE = 2 << 20 };

static char folder[64], path[80];

static void make_folder(void) {
  snprintf(folder, sizeof folder, "/tmp/cachecore-fault-XXXXXX");
  CHECK(mkdtemp(folder) != NULL);
  snprintf(path, sizeof path, "%s/file", folder);
}

static void remove_folder(void) {
  CHECK(unlink(path) == 0);
  CHECK(rmdir(folder) == 0); /* so there was nothing else */
}

/* Entries, the last of which is longer than a block. */
static cachecore_t *filled(uint64_t count) {
  static char value[LONG_VALUE];
  cachecore_t *cache = open_plain(1000, 0);
  uint64_t key;
  for (key = 1; key <= count; key++)
    CHECK_OK(set_number(cache, key, value, key == NEW ? LONG_VALUE : key, 0));
  return cache;
}

/* How many entries the file gives: nothing fails here. */
static uint64_t entries_in_file(void) {
  cachecore_t *cache = open_plain(1000, 0);
  uint64_t loaded;
  CHECK_OK(cachecore_load(cache, path, &loaded));
  cachecore_close(cache);
  return loaded;
}

/* Each call of a save fails so: how often the save does, and how many calls it
 * makes. */
static unsigned save_with(int error, unsigned *failed) {
  cachecore_t *old = filled(OLD), *new = filled(NEW);
  unsigned call;
  *failed = 0;
  for (call = 0; call < CALLS_MAX; call++) {
    uint64_t saved = 77, fails;
    cachecore_status_t status;
    CHECK_OK(cachecore_save(old, path, NULL));
    file_error = error;
    fail_calls(CALL_FILE, call, call);
    status = cachecore_save(new, path, &saved);
    fails = calls_failed();
    fail_nothing();
    CHECK(status == CACHECORE_OK || status == CACHECORE_E_NO_MEMORY ||
          status == CACHECORE_E_ACCESS);
    CHECK_INT(saved, status == CACHECORE_OK ? NEW : 0);
    CHECK_INT(entries_in_file(), status == CACHECORE_OK ? NEW : OLD);
    *failed += status != CACHECORE_OK;
    if (fails == 0) break;
  }
  CHECK(call < CALLS_MAX);
  cachecore_close(old);
  cachecore_close(new);
  return call;
}

static void each_call_of_save(void) {
  static const int errors[] = {EIO, ENOSPC, EACCES};
  unsigned i, failed, calls;
  make_folder();
  for (i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    calls = save_with(errors[i], &failed);
    printf("%s: %u calls, %u of them end the save\n", strerror(errors[i]),
           calls, failed);
    /* Two need not work: the folder may not be readable, nor be synced. */
    CHECK(calls > 8 && failed >= calls - 2);
  }
  remove_folder();
}

static void interrupted_and_short_calls(void) {
  unsigned failed;
  make_folder();
  CHECK(save_with(0, &failed) > 8);
  CHECK_INT(failed, 0);
  CHECK(save_with(EINTR, &failed) > 8);
  /* What no signal interrupts: fstat and its like. */
  CHECK(failed <= 1);
  remove_folder();
}

static void each_call_of_load(void) {
  static const int errors[] = {EIO, EINTR, 0};
  cachecore_t *cache = filled(NEW);
  unsigned i;
  make_folder();
  CHECK_OK(cachecore_save(cache, path, NULL));
  for (i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    uint64_t call, fails = 1;
    for (call = 0; fails > 0; call++) {
      cachecore_t *other = open_plain(1000, 0);
      uint64_t loaded;
      cachecore_status_t status;
      file_error = errors[i];
      fail_calls(CALL_FILE, call, call);
      status = cachecore_load(other, path, &loaded);
      fails = calls_failed();
      fail_nothing();
      CHECK_INT(cachecore_count(other), loaded);
      if (errors[i] == 0 || fails == 0) {
        CHECK_OK(status);
        CHECK_INT(loaded, NEW);
      } else {
        CHECK(status == CACHECORE_OK || loaded == 0);
      }
      cachecore_close(other);
      CHECK(call < CALLS_MAX);
    }
    CHECK(call > 5);
  }
  cachecore_close(cache);
  remove_folder();
}

TESTS(T(each_call_of_save), T(interrupted_and_short_calls),
      T(each_call_of_load))
