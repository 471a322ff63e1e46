/* Entries that end by themselves, and the thread that tidies up after them. */
#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <time.h>

#include <cachecore.h>

static void sleep_ms(long ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

int main(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_sweeper_options_t sweeper = CACHECORE_SWEEPER_OPTIONS_INIT;
  cachecore_sweeper_status_t status = CACHECORE_SWEEPER_STATUS_INIT;
  cachecore_t *cache;
  int64_t left_ms;
  uint64_t removed;

  options.max_entries = 1000;
  options.default_ttl_ms = 60 * 1000; /* for entries stored with ttl_ms 0 */
  assert(cachecore_open(&options, &cache) == CACHECORE_OK);

  assert(cachecore_set(cache, "session", 7, "alice", 5, 50) == CACHECORE_OK);
  assert(cachecore_set(cache, "minute", 6, "v", 1, 0) == CACHECORE_OK);
  assert(cachecore_ttl(cache, "session", 7, &left_ms) == CACHECORE_OK);
  assert(left_ms > 0);

  /* Expired is gone, swept or not: the sweeper only gives memory back. */
  sleep_ms(75);
  assert(cachecore_contains(cache, "session", 7) == CACHECORE_MISS);
  assert(cachecore_contains(cache, "minute", 6) == CACHECORE_OK);

  /* No thread unless asked; from here on there is one. */
  sweeper.interval_ms = 3600 * 1000;
  assert(cachecore_sweeper_start(cache, &sweeper) == CACHECORE_OK);

  /* It can be told to sweep now, and says what it removed. */
  assert(cachecore_sweeper_trigger(cache, &removed) == CACHECORE_OK);
  assert(cachecore_sweeper_status(cache, &status) == CACHECORE_OK);
  assert(removed == 1 && status.entries_removed == 1 && status.healthy);
  printf("swept %llu entry in %llu ns\n", (unsigned long long)removed,
         (unsigned long long)status.last_duration_ns);

  /* Stopping takes milliseconds, however long the interval is. */
  assert(cachecore_sweeper_stop(cache, 1000) == CACHECORE_OK);
  cachecore_close(cache);
  return 0;
}
