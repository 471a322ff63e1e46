/* Every function called with NULL for every pointer, and every size wrong: an
 * answer each time, never a signal.  Only the header and libc. */
#include <stdio.h>
#include <stdlib.h>

#include "cachecore.h"

static void expect(const char *call, cachecore_status_t status) {
  if (status < 0) return;
  fprintf(stderr, "%s is %d, %s\n", call, status,
          cachecore_status_text(status));
  exit(1);
}
#define EXPECT_ERROR(call) expect(#call, call)

/* With no cache at all, and with one but nothing else. */
static void misuse(cachecore_t *c) {
  EXPECT_ERROR(cachecore_get(c, NULL, 3, NULL, 3, NULL));
  EXPECT_ERROR(cachecore_peek(c, NULL, 3, NULL, 3, NULL));
  EXPECT_ERROR(cachecore_acquire(c, NULL, 3, NULL));
  EXPECT_ERROR(cachecore_contains(c, NULL, 3));
  EXPECT_ERROR(cachecore_ttl(c, NULL, 3, NULL));
  EXPECT_ERROR(cachecore_inspect(c, NULL, 3, NULL));
  EXPECT_ERROR(cachecore_get_with_info(c, NULL, 3, NULL, 3, NULL, NULL));
  EXPECT_ERROR(cachecore_set(c, NULL, 3, NULL, 3, 0));
  EXPECT_ERROR(cachecore_set_until(c, NULL, 3, NULL, 3, 0));
  EXPECT_ERROR(cachecore_add(c, NULL, 3, NULL, 3, 0));
  EXPECT_ERROR(cachecore_replace(c, NULL, 3, NULL, 3, 0));
  EXPECT_ERROR(cachecore_compare_and_set(c, NULL, 3, NULL, 3, 0, 0));
  EXPECT_ERROR(cachecore_delete(c, NULL, 3));
  EXPECT_ERROR(cachecore_touch(c, NULL, 3, 0));
  EXPECT_ERROR(cachecore_increment(c, NULL, 3, 0, 0, 0, NULL));
  EXPECT_ERROR(cachecore_get_many(c, 3, NULL, NULL, NULL, NULL, NULL, NULL));
  EXPECT_ERROR(cachecore_set_many(c, 3, NULL, NULL, NULL, NULL, NULL, NULL));
  EXPECT_ERROR(cachecore_delete_many(c, 3, NULL, NULL, NULL, NULL));
  EXPECT_ERROR(cachecore_get_packed(c, 3, NULL, NULL, NULL, 3, NULL, NULL));
  EXPECT_ERROR(cachecore_set_packed(c, 3, NULL, NULL, NULL, NULL, NULL, NULL));
  EXPECT_ERROR(cachecore_delete_packed(c, 3, NULL, NULL, NULL, NULL));
  EXPECT_ERROR(cachecore_scan(c, NULL, NULL, 3, NULL, 3, NULL, NULL));
  EXPECT_ERROR(cachecore_scan_values(c, NULL, NULL, 3, NULL, 3, NULL, NULL));
  EXPECT_ERROR(cachecore_delete_prefix(c, NULL, 3, NULL));
  EXPECT_ERROR(cachecore_delete_prefix(c, NULL, 0, NULL));
  EXPECT_ERROR(cachecore_coldest(c, 3, NULL, 3, NULL, NULL));
  EXPECT_ERROR(cachecore_hottest(c, 3, NULL, 3, NULL, NULL));
  EXPECT_ERROR(cachecore_resize(c, 0, 0));
  EXPECT_ERROR(cachecore_get_options(c, NULL));
  EXPECT_ERROR(cachecore_stats(c, NULL));
  EXPECT_ERROR(cachecore_take_removals(c, NULL, 8, NULL, NULL));
  EXPECT_ERROR(cachecore_sweeper_stop(c, 0));
  EXPECT_ERROR(cachecore_sweeper_pause(c));
  EXPECT_ERROR(cachecore_sweeper_resume(c));
  EXPECT_ERROR(cachecore_sweeper_set_interval(c, 0));
  EXPECT_ERROR(cachecore_sweeper_trigger(c, NULL));
  EXPECT_ERROR(cachecore_sweeper_status(c, NULL));
  EXPECT_ERROR(cachecore_window(c, 0, NULL));
  EXPECT_ERROR(cachecore_audit(c, NULL, 0, NULL, NULL));
  EXPECT_ERROR(cachecore_audit(c, NULL, 3, NULL, NULL));
  EXPECT_ERROR(cachecore_get_or_claim(c, NULL, 3, NULL, 3, NULL, NULL));
  EXPECT_ERROR(cachecore_claim_wait(c, NULL, 3, NULL, 0));
  EXPECT_ERROR(cachecore_fulfill(c, NULL, 3, NULL, 3, 0, NULL));
  EXPECT_ERROR(cachecore_fulfill_absent(c, NULL, 3, 0, NULL));
  EXPECT_ERROR(cachecore_abandon(c, NULL, 3, 0, NULL));
  EXPECT_ERROR(cachecore_advance_clock(c, 1));
}

/* One argument wrong at a time, all the others right. */
static void misuse_singly(cachecore_t *c) {
  cachecore_value_t value = {NULL, 0, NULL, 0};
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  char buffer[8];
  size_t size;
  int64_t number;
  EXPECT_ERROR(cachecore_get(c, NULL, 3, buffer, 8, &size));
  EXPECT_ERROR(cachecore_get(c, "key", 0, buffer, 8, &size));
  EXPECT_ERROR(cachecore_get(c, "key", 65536, buffer, 8, &size));
  EXPECT_ERROR(cachecore_get(c, "key", SIZE_MAX, buffer, 8, &size));
  EXPECT_ERROR(cachecore_get(c, "key", 3, NULL, 8, &size));
  EXPECT_ERROR(cachecore_get(c, "key", 3, buffer, 8, NULL));
  EXPECT_ERROR(cachecore_peek(c, NULL, 3, buffer, 8, &size));
  EXPECT_ERROR(cachecore_peek(c, "key", 0, buffer, 8, &size));
  EXPECT_ERROR(cachecore_peek(c, "key", 65536, buffer, 8, &size));
  EXPECT_ERROR(cachecore_peek(c, "key", SIZE_MAX, buffer, 8, &size));
  EXPECT_ERROR(cachecore_peek(c, "key", 3, NULL, 8, &size));
  EXPECT_ERROR(cachecore_peek(c, "key", 3, buffer, 8, NULL));
  EXPECT_ERROR(cachecore_acquire(c, "key", 3, NULL));
  EXPECT_ERROR(cachecore_acquire(c, "key", 0, &value));
  EXPECT_ERROR(cachecore_contains(c, "key", 0));
  EXPECT_ERROR(cachecore_ttl(c, "key", 3, NULL));
  EXPECT_ERROR(cachecore_ttl(c, NULL, 3, &number));
  EXPECT_ERROR(cachecore_inspect(c, "key", 3, NULL));
  EXPECT_ERROR(cachecore_inspect(c, "key", 0, &info));
  EXPECT_ERROR(cachecore_get_with_info(c, "key", 3, buffer, 8, &size, NULL));
  EXPECT_ERROR(cachecore_get_with_info(c, "key", 3, buffer, 8, NULL, &info));
  EXPECT_ERROR(cachecore_get_with_info(c, "key", 3, NULL, 8, &size, &info));
  EXPECT_ERROR(cachecore_get_with_info(c, "key", 0, buffer, 8, &size, &info));
  EXPECT_ERROR(cachecore_set(c, "key", 0, "v", 1, 0));
  EXPECT_ERROR(cachecore_set(c, "key", 3, NULL, 1, 0));
  EXPECT_ERROR(cachecore_set_until(c, "key", 3, NULL, 1, INT64_MAX));
  EXPECT_ERROR(cachecore_add(c, "key", 3, NULL, 1, 0));
  EXPECT_ERROR(cachecore_replace(c, "key", 3, NULL, 1, 0));
  EXPECT_ERROR(cachecore_compare_and_set(c, "key", 3, NULL, 1, 0, 0));
  EXPECT_ERROR(cachecore_delete(c, "key", 65536));
  EXPECT_ERROR(cachecore_touch(c, "key", 0, 0));
  EXPECT_ERROR(cachecore_increment(c, "key", 0, 0, 0, 0, &number));
}

static void misuse_claims(cachecore_t *c) {
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT, bad = claim;
  char buffer[8];
  size_t size;
  bad.flags = ~0u;
  EXPECT_ERROR(cachecore_get_or_claim(c, NULL, 3, buffer, 8, &size, &claim));
  EXPECT_ERROR(cachecore_get_or_claim(c, "key", 0, buffer, 8, &size, &claim));
  EXPECT_ERROR(
      cachecore_get_or_claim(c, "key", SIZE_MAX, buffer, 8, &size, &claim));
  EXPECT_ERROR(cachecore_get_or_claim(c, "key", 3, NULL, 8, &size, &claim));
  EXPECT_ERROR(cachecore_get_or_claim(c, "key", 3, buffer, 8, NULL, &claim));
  EXPECT_ERROR(cachecore_get_or_claim(c, "key", 3, buffer, 8, &size, NULL));
  EXPECT_ERROR(cachecore_get_or_claim(c, "key", 3, buffer, 8, &size, &bad));
  EXPECT_ERROR(cachecore_claim_wait(c, "key", 0, &claim, 0));
  EXPECT_ERROR(cachecore_claim_wait(c, "key", 3, NULL, 0));
  EXPECT_ERROR(cachecore_claim_wait(c, "key", 3, &bad, 0));
  EXPECT_ERROR(cachecore_fulfill(c, "key", 65536, "v", 1, 0, &claim));
  EXPECT_ERROR(cachecore_fulfill(c, "key", 3, NULL, 1, 0, &claim));
  EXPECT_ERROR(cachecore_fulfill(c, "key", 3, "v", SIZE_MAX, 0, &claim));
  EXPECT_ERROR(cachecore_fulfill(c, "key", 3, "v", 1, 0, NULL));
  EXPECT_ERROR(cachecore_fulfill(c, "key", 3, "v", 1, 0, &bad));
  EXPECT_ERROR(cachecore_fulfill_absent(c, "key", 0, 1, &claim));
  EXPECT_ERROR(cachecore_fulfill_absent(c, "key", 3, 0, &claim));
  EXPECT_ERROR(cachecore_fulfill_absent(c, "key", 3, 1, NULL));
  EXPECT_ERROR(cachecore_fulfill_absent(c, "key", 3, 1, &bad));
  EXPECT_ERROR(cachecore_abandon(c, "key", 0, 0, &claim));
  EXPECT_ERROR(cachecore_abandon(c, "key", 3, 0, NULL));
  EXPECT_ERROR(cachecore_abandon(c, "key", 3, 0, &bad));
  bad = claim;
  bad.struct_size = 3;
  EXPECT_ERROR(cachecore_get_or_claim(c, "key", 3, buffer, 8, &size, &bad));
  EXPECT_ERROR(cachecore_fulfill(c, "key", 3, "v", 1, 0, &bad));
  bad.struct_size = 4097;
  EXPECT_ERROR(cachecore_get_or_claim(c, "key", 3, buffer, 8, &size, &bad));
  EXPECT_ERROR(cachecore_abandon(c, "key", 3, 0, &bad));
}

int main(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache = NULL;
  int32_t status;

  cachecore_options_init(NULL, sizeof options);
  cachecore_sweeper_options_init(NULL, sizeof(cachecore_sweeper_options_t));
  cachecore_release(NULL);
  cachecore_close(NULL);
  for (status = -100; status < 100; status++)
    if (cachecore_status_text(status) == NULL) return 1;
  EXPECT_ERROR(cachecore_open(NULL, NULL));
  EXPECT_ERROR(cachecore_open(NULL, &cache));
  EXPECT_ERROR(cachecore_open(&options, &cache)); /* no bound */
  options.max_entries = 10;
  EXPECT_ERROR(cachecore_open(&options, NULL));

  misuse(NULL);
  if (cachecore_count(NULL) != 0) return 1;
  EXPECT_ERROR(cachecore_clear(NULL));
  EXPECT_ERROR(cachecore_cleanup_expired(NULL, 0, NULL));
  EXPECT_ERROR(cachecore_evict(NULL, 0, NULL));
  EXPECT_ERROR(cachecore_reset_stats(NULL));
  EXPECT_ERROR(cachecore_resize(NULL, 10, 0));
  EXPECT_ERROR(cachecore_sweeper_start(NULL, NULL));

  if (cachecore_open(&options, &cache) != CACHECORE_OK) return 1;
  misuse(cache);
  misuse_singly(cache);
  misuse_claims(cache);
  if (cachecore_count(cache) != 0) return 1;
  cachecore_close(cache);
  puts("every misuse was answered");
  return 0;
}
