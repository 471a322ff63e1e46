/* Many keys in one call: one crossing, the waits for memory overlapped. */
#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <cachecore.h>

enum { COUNT = 4 };

int main(void) {
  /* The arrays run in parallel: key i, its size, value i, its size. */
  const void *keys[COUNT] = {"red", "green", "blue", "grey"};
  const size_t key_sizes[COUNT] = {3, 5, 4, 4};
  const void *values[COUNT] = {"#f00", "#0f0", "#00f", "#888"};
  const size_t value_sizes[COUNT] = {4, 4, 4, 4};
  char bytes[COUNT][8];
  void *buffers[COUNT];
  size_t capacities[COUNT], sizes[COUNT];
  cachecore_status_t statuses[COUNT];
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  uint64_t removed;
  int i;

  options.max_entries = 1000;
  assert(cachecore_open(&options, &cache) == CACHECORE_OK);
  for (i = 0; i < COUNT; i++) {
    buffers[i] = bytes[i];
    capacities[i] = sizeof bytes[i];
  }

  /* No lifetimes (the cache's default for all), no statuses wanted. */
  assert(cachecore_set_many(cache, COUNT, keys, key_sizes, values, value_sizes,
                            NULL, NULL) == CACHECORE_OK);

  keys[3] = "gray"; /* not stored: a miss, which is no error */
  assert(cachecore_get_many(cache, COUNT, keys, key_sizes, buffers, capacities,
                            sizes, statuses) == CACHECORE_OK);
  for (i = 0; i < COUNT; i++)
    printf("%s is %.*s\n", (const char *)keys[i], (int)sizes[i], bytes[i]);
  assert(statuses[1] == CACHECORE_OK && memcmp(bytes[1], "#0f0", 4) == 0);
  assert(statuses[3] == CACHECORE_MISS && sizes[3] == 0);

  assert(cachecore_delete_many(cache, COUNT, keys, key_sizes, statuses,
                               &removed) == CACHECORE_OK);
  assert(removed == 3);
  cachecore_close(cache);
  return 0;
}
