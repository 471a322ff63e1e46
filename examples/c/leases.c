/* Reading a large value without copying it. */
#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <cachecore.h>

static char page[1 << 20];

int main(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_value_t value;
  cachecore_t *cache;

  options.max_bytes = 16 << 20;
  options.shard_count = 1; /* a shard of 16 MiB rather than several smaller */
  assert(cachecore_open(&options, &cache) == CACHECORE_OK);

  memset(page, 'a', sizeof page);
  assert(cachecore_set(cache, "page", 4, page, sizeof page, 0) == CACHECORE_OK);

  /* Lent, not copied: the bytes are the cache's own. */
  assert(cachecore_acquire(cache, "page", 4, &value) == CACHECORE_OK);
  assert(value.size == sizeof page);

  /* They stay as they are until released, whatever happens to the entry. */
  memset(page, 'b', sizeof page);
  assert(cachecore_set(cache, "page", 4, page, sizeof page, 0) == CACHECORE_OK);
  assert(cachecore_delete(cache, "page", 4) == CACHECORE_OK);
  assert(((const char *)value.data)[0] == 'a');
  assert(((const char *)value.data)[value.size - 1] == 'a');

  /* They even outlive the cache: hosts that finalise in any order may. */
  cachecore_close(cache);
  assert(((const char *)value.data)[12345] == 'a');
  cachecore_release(&value);
  assert(value.data == NULL); /* cleared: releasing twice is harmless */
  cachecore_release(&value);
  puts("lent, kept, given back");
  return 0;
}
