/*
 * guard - one kind of call, so and so many times, to be counted by callgrind.
 *
 *   guard get-hit|get-miss|set-overwrite|set-evict real|manual COUNT
 *         lru|adaptive
 *
 * With the real clock a call also pays for reading it, and, since callgrind is
 * slow, for what is done once a millisecond; with the manual one, which stands
 * still, it does not.
 *
 * The calls that prepare are others than the one that is counted: what is
 * collected is what runs inside cachecore_get or cachecore_set.
 */
#include <cachecore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES = 10000 };

static const char value[64] = "a value of ordinary size";
static char buffer[64];
static cachecore_t *cache;

static void name(char key[24], unsigned id) {
  snprintf(key, 24, "user:%011u", id);
}

static int call(const char *kind, unsigned i) {
  char key[24];
  size_t size;
  /* 7919 has no factor in common with the number of entries. */
  unsigned present = i * 7919u % ENTRIES;
  if (strcmp(kind, "get-hit") == 0) {
    name(key, present);
    return cachecore_get(cache, key, 16, buffer, sizeof buffer, &size);
  }
  if (strcmp(kind, "get-miss") == 0) {
    name(key, ENTRIES + present);
    return cachecore_get(cache, key, 16, buffer, sizeof buffer, &size) -
           CACHECORE_MISS;
  }
  name(key, strcmp(kind, "set-evict") == 0 ? ENTRIES + i : present);
  return cachecore_set(cache, key, 16, value, sizeof value, 3600 * 1000);
}

int main(int count, char **arguments) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  if (count != 5) return 2;
  if (strcmp(arguments[4], "adaptive") == 0)
    options.policy = CACHECORE_POLICY_ADAPTIVE;
  options.max_entries = ENTRIES;
  options.shard_count = 4;
  options.hash_seed = 1;
  options.default_ttl_ms = 3600 * 1000;
  if (strcmp(arguments[2], "manual") == 0)
    options.flags |= CACHECORE_MANUAL_CLOCK;
  if (cachecore_open(&options, &cache) != CACHECORE_OK) return 1;
  for (unsigned i = 0; i < ENTRIES; i++) {
    char key[24];
    name(key, i);
    if (cachecore_add(cache, key, 16, value, sizeof value, 0) != 0) return 1;
  }
  unsigned calls = (unsigned)atoi(arguments[3]), failures = 0;
  for (unsigned i = 0; i < calls; i++) failures += call(arguments[1], i) != 0;
  cachecore_close(cache);
  if (failures > 0) fprintf(stderr, "%u of %u failed\n", failures, calls);
  /* A shard may be full before the cache is: a few keys of the fill are not
   * there any more. */
  return failures > calls / 50;
}
