/* Open, set, get, close. */
#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <cachecore.h>

int main(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  char buffer[64];
  size_t size;
  cachecore_status_t status;

  options.max_entries = 10000; /* a bound is the one thing that must be set */
  status = cachecore_open(&options, &cache);
  if (status != CACHECORE_OK) {
    fprintf(stderr, "no cache: %s\n", cachecore_status_text(status));
    return 1;
  }

  status = cachecore_set(cache, "greeting", 8, "hello, world", 12, 0);
  assert(status == CACHECORE_OK);

  status = cachecore_get(cache, "greeting", 8, buffer, sizeof buffer, &size);
  assert(status == CACHECORE_OK);
  assert(size == 12 && memcmp(buffer, "hello, world", 12) == 0);
  printf("%.*s\n", (int)size, buffer);

  /* A miss is an answer, not an error: positive, not negative. */
  status = cachecore_get(cache, "farewell", 8, buffer, sizeof buffer, &size);
  assert(status == CACHECORE_MISS);

  cachecore_close(cache);
  return 0;
}
