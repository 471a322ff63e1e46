#include <stdio.h>

#include <cachecore.h>

int main(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  options.max_entries = 10;
  if (cachecore_open(&options, &cache) != CACHECORE_OK) return 1;
  if (cachecore_set(cache, "key", 3, "value", 5, 0) != CACHECORE_OK) return 1;
  if (cachecore_count(cache) != 1) return 1;
  cachecore_close(cache);
  printf("found and used cachecore %06x\n", cachecore_version());
  return 0;
}
