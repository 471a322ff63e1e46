/* One cache, many threads, no lock of your own. */
#undef NDEBUG
#include <assert.h>
#include <pthread.h>
#include <stdio.h>

#include <cachecore.h>

enum { THREADS = 8, KEYS = 100, ROUNDS = 2000 };

/* Counts visits to pages: reading, adding one, storing, as one atomic step. */
static void *visit(void *argument) {
  cachecore_t *cache = (cachecore_t *)argument;
  char key[32];
  int64_t visits;
  int i;
  for (i = 0; i < ROUNDS; i++) {
    size_t size = (size_t)snprintf(key, sizeof key, "visits:%d", i % KEYS);
    cachecore_status_t status =
        cachecore_increment(cache, key, size, 1, 1, 0, &visits);
    assert(status == CACHECORE_OK);
  }
  return NULL;
}

/* Any thread may do any of this while the others go on. */
static void look_around(cachecore_t *cache) {
  cachecore_stats_t stats = CACHECORE_STATS_INIT;
  assert(cachecore_stats(cache, &stats) == CACHECORE_OK);
  assert(stats.entries <= KEYS);
  assert(cachecore_cleanup_expired(cache, 0, NULL) == CACHECORE_OK);
}

int main(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  pthread_t threads[THREADS];
  int64_t visits;
  int i;

  options.max_entries = 1000;
  assert(cachecore_open(&options, &cache) == CACHECORE_OK);
  for (i = 0; i < THREADS; i++)
    assert(pthread_create(&threads[i], NULL, visit, cache) == 0);
  look_around(cache);
  for (i = 0; i < THREADS; i++) assert(pthread_join(threads[i], NULL) == 0);

  /* A delta of 0 reads the number.  Not one visit is lost. */
  assert(cachecore_increment(cache, "visits:7", 8, 0, 0, 0, &visits) ==
         CACHECORE_OK);
  assert(visits == THREADS * ROUNDS / KEYS);
  printf("%lld visits to page 7\n", (long long)visits);

  cachecore_close(cache); /* the last call: after every thread is done */
  return 0;
}
