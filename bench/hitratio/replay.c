/*
 * replay - a trace through the real library, once for each size and policy.
 *
 *   replay TRACE CAPACITY... < nothing
 *
 * TRACE is an array of 64-bit little-endian key ids.  Each request is a get,
 * and a set if it missed.  Writes "policy,capacity,requests,misses" lines.
 * One shard, so that the order of use is one; a fixed seed and a clock that
 * stands still, so that every run is the same.
 */
#include <cachecore.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const policy_names[] = {"lru", "adaptive"};

static int replay(const uint64_t *ids, size_t count, uint64_t capacity,
                  uint32_t policy) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  uint64_t value, misses = 0;
  size_t size;
  options.policy = policy;
  options.flags = CACHECORE_MANUAL_CLOCK;
  options.shard_count = 1;
  options.max_entries = capacity;
  options.hash_seed = 1;
  if (cachecore_open(&options, &cache) != CACHECORE_OK) return 1;
  for (size_t i = 0; i < count; i++) {
    cachecore_status_t status = cachecore_get(
        cache, &ids[i], sizeof *ids, &value, sizeof value, &size);
    if (status == CACHECORE_OK) {
      if (value != ids[i]) return 1; /* somebody else's value */
      continue;
    }
    misses++;
    if (cachecore_set(cache, &ids[i], sizeof *ids, &ids[i], sizeof *ids, 0) !=
        CACHECORE_OK) {
      return 1;
    }
  }
  cachecore_close(cache);
  printf("%s,%llu,%zu,%llu\n", policy_names[policy],
         (unsigned long long)capacity, count, (unsigned long long)misses);
  fflush(stdout);
  return 0;
}

int main(int count, char **arguments) {
  struct stat file;
  if (count < 3) return 2;
  int descriptor = open(arguments[1], O_RDONLY);
  if (descriptor < 0 || fstat(descriptor, &file) != 0) return 1;
  const uint64_t *ids = mmap(NULL, (size_t)file.st_size, PROT_READ,
                             MAP_PRIVATE | MAP_POPULATE, descriptor, 0);
  if (ids == MAP_FAILED) return 1;
  size_t requests = (size_t)file.st_size / sizeof *ids;
  for (int i = 2; i < count; i++) {
    uint64_t capacity = strtoull(arguments[i], NULL, 10);
    for (uint32_t policy = 0; policy < 2; policy++) {
      if (replay(ids, requests, capacity, policy) != 0) {
        fprintf(stderr, "replay: failed at capacity %s\n", arguments[i]);
        return 1;
      }
    }
  }
  return 0;
}
