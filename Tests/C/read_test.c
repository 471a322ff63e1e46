/* get, peek, contains, ttl, inspect: what they answer, and what they leave
 * alone. */
#include "harness.h"

static void get_copies_and_reports_sizes(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  char buffer[16];
  size_t size = 99;

  CHECK_OK(set_text(cache, "key", "value", 0));
  memset(buffer, '#', sizeof buffer);
  CHECK_OK(cachecore_get(cache, "key", 3, buffer, sizeof buffer, &size));
  CHECK_INT(size, 5);
  CHECK(memcmp(buffer, "value###########", 16) == 0);

  memset(buffer, '#', sizeof buffer); /* a buffer that just fits */
  CHECK_OK(cachecore_get(cache, "key", 3, buffer, 5, &size));
  CHECK(memcmp(buffer, "value###########", 16) == 0);

  memset(buffer, '#', sizeof buffer);
  CHECK_INT(cachecore_get(cache, "key", 3, buffer, 4, &size),
            CACHECORE_E_TOO_SMALL);
  CHECK_INT(size, 5);
  CHECK(memcmp(buffer + 4, "############", 12) == 0);
  CHECK_INT(cachecore_get(cache, "key", 3, NULL, 0, &size),
            CACHECORE_E_TOO_SMALL);
  CHECK_INT(size, 5);

  size = 99;
  CHECK_INT(cachecore_get(cache, "kex", 3, buffer, 16, &size), CACHECORE_MISS);
  CHECK_INT(size, 0);
  cachecore_close(cache);
}

static void empty_values(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  size_t size = 99;
  CHECK_OK(cachecore_set(cache, "key", 3, NULL, 0, 0));
  CHECK_OK(cachecore_get(cache, "key", 3, NULL, 0, &size));
  CHECK_INT(size, 0);
  CHECK_OK(cachecore_inspect(cache, "key", 3, &info));
  CHECK_INT(info.value_size, 0);
  CHECK_OK(cachecore_set(cache, "key", 3, "x", 0, 0));
  CHECK_TEXT(cache, "key", "");
  CHECK_INT(cachecore_count(cache), 1);
  cachecore_close(cache);
}

static void keys_of_every_size_and_content(void) {
  static unsigned char key[65536];
  cachecore_t *cache = open_exact(1000, 0, 0);
  static const size_t sizes[] = {1,   2,   7,   8,    9,    15,   16,   17,
                                 31,  32,  33,  63,   64,   65,   127,  128,
                                 255, 256, 257, 1000, 4096, 4097, 65534, 65535};
  size_t count = sizeof sizes / sizeof sizes[0], i, size;
  uint32_t value;

  for (i = 0; i < count; i++) { /* all zero bytes: only the size differs */
    value = (uint32_t)i;
    CHECK_OK(cachecore_set(cache, key, sizes[i], &value, sizeof value, 0));
  }
  key[0] = 1; /* and one that differs from the longest in one byte */
  CHECK_OK(cachecore_set(cache, key, 65535, "x", 1, 0));
  key[0] = 0;
  for (i = 0; i < count; i++) {
    CHECK_OK(cachecore_get(cache, key, sizes[i], &value, sizeof value, &size));
    CHECK_INT(value, i);
  }
  CHECK_INT(cachecore_count(cache), count + 1);

  CHECK_INT(cachecore_set(cache, key, 0, "v", 1, 0), CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_set(cache, key, 65536, "v", 1, 0), CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_set(cache, key, SIZE_MAX, "v", 1, 0),
            CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_contains(cache, key, 0), CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_contains(cache, key, 65536), CACHECORE_E_ARGUMENT);
  size = 99;
  CHECK_INT(cachecore_get(cache, key, 65536, &value, 4, &size),
            CACHECORE_E_ARGUMENT);
  CHECK_INT(size, 0);
  CHECK_INT(cachecore_count(cache), count + 1);
  cachecore_close(cache);
}

static void values_of_every_size(void) {
  cachecore_t *cache = open_exact(0, 64 << 20, 0);
  static unsigned char value[1 << 20], buffer[1 << 20];
  size_t size, step, got;
  uint64_t key = 0;
  for (size = 0; size <= sizeof value; size += step) {
    step = size < 300 ? 1 : size / 7;
    fill_pattern(value, size, ++key, size);
    CHECK_OK(set_number(cache, key, value, size, 0));
    CHECK_OK(cachecore_get(cache, &key, 8, buffer, sizeof buffer, &got));
    CHECK_INT(got, size);
    CHECK(memcmp(buffer, value, size) == 0);
  }
  for (size = 0, key = 0; size <= sizeof value; size += step) { /* all there */
    step = size < 300 ? 1 : size / 7;
    key++;
    CHECK_OK(cachecore_get(cache, &key, 8, buffer, sizeof buffer, &got));
    CHECK_INT(got, size);
    CHECK(holds_pattern(buffer, got, key));
  }
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void ttl_counts_down(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  int64_t left = -7;
  CHECK_OK(set_text(cache, "never", "v", 0));
  CHECK_OK(set_text(cache, "ever", "v", CACHECORE_TTL_NEVER));
  CHECK_OK(set_text(cache, "soon", "v", 100));
  CHECK_OK(cachecore_ttl(cache, "never", 5, &left));
  CHECK_INT(left, -1);
  CHECK_OK(cachecore_ttl(cache, "ever", 4, &left));
  CHECK_INT(left, -1);
  CHECK_OK(cachecore_ttl(cache, "soon", 4, &left));
  CHECK_INT(left, 100);
  CHECK_OK(cachecore_advance_clock(cache, 60));
  CHECK_OK(cachecore_ttl(cache, "soon", 4, &left));
  CHECK_INT(left, 40);
  CHECK_INT(cachecore_ttl(cache, "none", 4, &left), CACHECORE_MISS);
  CHECK_OK(cachecore_advance_clock(cache, 39));
  CHECK_OK(cachecore_ttl(cache, "soon", 4, &left));
  CHECK_INT(left, 1);
  CHECK_OK(cachecore_advance_clock(cache, 1));
  CHECK_INT(cachecore_ttl(cache, "soon", 4, &left), CACHECORE_MISS);
  cachecore_close(cache);
}

static void inspect_tells_all(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  uint64_t version;
  CHECK_OK(set_text(cache, "key", "value", 1000));
  CHECK_OK(cachecore_advance_clock(cache, 100));
  CHECK_OK(cachecore_inspect(cache, "key", 3, &info));
  CHECK_INT(info.struct_size, sizeof info);
  CHECK_INT(info.reserved, 0);
  CHECK_INT(info.value_size, 5);
  CHECK_INT(info.ttl_ms, 900);
  CHECK_INT(info.age_ms, 100);
  CHECK_INT(info.idle_ms, 100);
  version = info.version;

  CHECK_TEXT(cache, "key", "value"); /* ends idleness, not age */
  CHECK_OK(cachecore_advance_clock(cache, 50));
  CHECK_OK(cachecore_inspect(cache, "key", 3, &info));
  CHECK_INT(info.age_ms, 150);
  CHECK_INT(info.idle_ms, 50);
  CHECK(info.version == version);

  CHECK_OK(cachecore_touch(cache, "key", 3, 500));
  CHECK_OK(cachecore_inspect(cache, "key", 3, &info));
  CHECK_INT(info.ttl_ms, 500);
  CHECK_INT(info.age_ms, 150);
  CHECK_INT(info.idle_ms, 0);
  CHECK(info.version == version);
  CHECK_INT(cachecore_inspect(cache, "nix", 3, &info), CACHECORE_MISS);
  cachecore_close(cache);
}

/* Info as `inspect` has it before the call, counted as `get`. */
static void get_with_info_is_both(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT, other = info;
  char buffer[16];
  size_t size;
  CHECK_OK(set_text(cache, "key", "value", 1000));
  CHECK_OK(cachecore_advance_clock(cache, 100));
  CHECK_OK(cachecore_inspect(cache, "key", 3, &other));
  CHECK_OK(cachecore_get_with_info(cache, "key", 3, buffer, 16, &size, &info));
  CHECK(size == 5 && memcmp(buffer, "value", 5) == 0);
  CHECK(memcmp(&info, &other, sizeof info) == 0);
  CHECK_INT(info.ttl_ms, 900);
  CHECK_INT(info.idle_ms, 100);
  CHECK_OK(cachecore_inspect(cache, "key", 3, &other)); /* it was a use */
  CHECK_INT(other.idle_ms, 0);
  CHECK_INT(stats_of(cache).hits, 1);

  CHECK_INT(cachecore_get_with_info(cache, "key", 3, buffer, 4, &size, &info),
            CACHECORE_E_TOO_SMALL);
  CHECK_INT(size, 5);
  CHECK_INT(info.version, 0);
  CHECK_INT(stats_of(cache).hits, 2);
  CHECK_INT(cachecore_get_with_info(cache, "nix", 3, NULL, 0, &size, &info),
            CACHECORE_MISS);
  CHECK_INT(stats_of(cache).misses, 1);
  CHECK_OK(cachecore_set(cache, "key", 3, NULL, 0, 0));
  CHECK_OK(cachecore_get_with_info(cache, "key", 3, NULL, 0, &size, &info));
  CHECK_INT(size, 0);
  CHECK_INT(info.ttl_ms, -1);
  /* With nowhere to put the info nothing is read or counted. */
  info.struct_size = 3;
  CHECK_INT(cachecore_get_with_info(cache, "key", 3, NULL, 0, &size, &info),
            CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_get_with_info(cache, "key", 3, NULL, 0, &size, NULL),
            CACHECORE_E_ARGUMENT);
  CHECK_INT(stats_of(cache).hits, 3);
  /* A lifetime that is kept, and one that has none. */
  info.struct_size = sizeof info;
  CHECK_OK(cachecore_get_with_info(cache, "key", 3, NULL, 0, &size, &info));
  CHECK_OK(cachecore_compare_and_set(cache, "key", 3, "new", 3, info.version,
                                     (uint64_t)info.ttl_ms));
  CHECK_OK(cachecore_inspect(cache, "key", 3, &info));
  CHECK_INT(info.ttl_ms, -1);
  cachecore_close(cache);
}

/* As get_copies_and_reports_sizes: the results are the same. */
static void peek_copies_and_reports_sizes(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  char buffer[16];
  size_t size = 99;

  CHECK_OK(set_text(cache, "key", "value", 10));
  memset(buffer, '#', sizeof buffer);
  CHECK_OK(cachecore_peek(cache, "key", 3, buffer, sizeof buffer, &size));
  CHECK_INT(size, 5);
  CHECK(memcmp(buffer, "value###########", 16) == 0);
  memset(buffer, '#', sizeof buffer);
  CHECK_OK(cachecore_peek(cache, "key", 3, buffer, 5, &size));
  CHECK(memcmp(buffer, "value###########", 16) == 0);

  memset(buffer, '#', sizeof buffer);
  CHECK_INT(cachecore_peek(cache, "key", 3, buffer, 4, &size),
            CACHECORE_E_TOO_SMALL);
  CHECK_INT(size, 5);
  CHECK(memcmp(buffer + 4, "############", 12) == 0);
  size = 99;
  CHECK_INT(cachecore_peek(cache, "key", 3, NULL, 0, &size),
            CACHECORE_E_TOO_SMALL);
  CHECK_INT(size, 5);
  CHECK_OK(cachecore_set(cache, "empty", 5, NULL, 0, 0));
  CHECK_OK(cachecore_peek(cache, "empty", 5, NULL, 0, &size));
  CHECK_INT(size, 0);

  size = 99;
  CHECK_INT(cachecore_peek(cache, "kex", 3, buffer, 16, &size), CACHECORE_MISS);
  CHECK_INT(size, 0);
  CHECK_OK(cachecore_advance_clock(cache, 10)); /* expired, and still there */
  size = 99;
  CHECK_INT(cachecore_peek(cache, "key", 3, buffer, 16, &size), CACHECORE_MISS);
  CHECK_INT(size, 0);
  CHECK_INT(stats_of(cache).expirations, 0);
  CHECK_INT(stats_of(cache).hits + stats_of(cache).misses, 0);
  cachecore_close(cache);
}

static void peeking_ends_no_idleness(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  cachecore_t *cache;
  char buffer[16];
  size_t size;
  int i;
  options.max_entries = 100;
  options.flags = CACHECORE_MANUAL_CLOCK;
  options.default_tti_ms = 100;
  CHECK_OK(cachecore_open(&options, &cache));
  CHECK_OK(set_text(cache, "key", "value", 0));
  for (i = 1; i < 10; i++) {
    CHECK_OK(cachecore_advance_clock(cache, 10));
    CHECK_OK(cachecore_peek(cache, "key", 3, buffer, sizeof buffer, &size));
    CHECK_OK(cachecore_inspect(cache, "key", 3, &info));
    CHECK_INT(info.idle_ms, 10 * i);
  }
  CHECK_OK(cachecore_advance_clock(cache, 10));
  CHECK_INT(cachecore_peek(cache, "key", 3, buffer, sizeof buffer, &size),
            CACHECORE_MISS);
  cachecore_close(cache);
}

static void looking_counts_as_nothing(void) {
  cachecore_t *cache = open_exact(2, 0, 0);
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  cachecore_stats_t stats;
  char buffer[16];
  int64_t left;
  size_t size;
  CHECK_OK(set_text(cache, "old", "v", 0));
  CHECK_OK(set_text(cache, "new", "v", 0));
  CHECK_OK(contains(cache, "old"));
  CHECK_OK(cachecore_ttl(cache, "old", 3, &left));
  CHECK_OK(cachecore_inspect(cache, "old", 3, &info));
  CHECK_OK(cachecore_peek(cache, "old", 3, buffer, sizeof buffer, &size));
  CHECK_INT(cachecore_peek(cache, "old", 3, buffer, 0, &size),
            CACHECORE_E_TOO_SMALL);
  CHECK_INT(contains(cache, "none"), CACHECORE_MISS);
  CHECK_INT(cachecore_peek(cache, "none", 4, buffer, sizeof buffer, &size),
            CACHECORE_MISS);
  stats = stats_of(cache);
  CHECK_INT(stats.hits + stats.misses, 0);
  CHECK_OK(set_text(cache, "newer", "v", 0)); /* "old" is still the oldest */
  CHECK_INT(contains(cache, "old"), CACHECORE_MISS);
  CHECK_OK(contains(cache, "new"));
  cachecore_close(cache);
}

/* Old and new callers' structs, for one the library fills. */
static void entry_info_of_other_versions(void) {
  cachecore_t *cache = open_exact(10, 0, 0);
  struct {
    cachecore_entry_info_t it;
    unsigned char more[16];
  } info;
  size_t i;
  CHECK_OK(set_text(cache, "key", "value", 0));

  memset(&info, 0xaa, sizeof info); /* older */
  info.it.struct_size = 16;
  CHECK_OK(cachecore_inspect(cache, "key", 3, &info.it));
  CHECK_INT(info.it.value_size, 5);
  for (i = 16; i < sizeof info; i++)
    CHECK_INT(((unsigned char *)&info)[i], 0xaa);

  memset(&info, 0xaa, sizeof info); /* as old as can be */
  info.it.struct_size = 4;
  CHECK_OK(cachecore_inspect(cache, "key", 3, &info.it));
  for (i = 4; i < sizeof info; i++)
    CHECK_INT(((unsigned char *)&info)[i], 0xaa);
  info.it.struct_size = 0;
  cachecore_inspect(cache, "key", 3, &info.it);
  for (i = 4; i < sizeof info; i++)
    CHECK_INT(((unsigned char *)&info)[i], 0xaa);

  memset(&info, 0, sizeof info); /* newer */
  info.it.struct_size = sizeof info;
  CHECK_OK(cachecore_inspect(cache, "key", 3, &info.it));
  CHECK_INT(info.it.value_size, 5);
  info.more[15] = 1;
  CHECK_INT(cachecore_inspect(cache, "key", 3, &info.it), CACHECORE_E_VERSION);
  cachecore_close(cache);
}

TESTS(T(get_copies_and_reports_sizes), T(empty_values),
      T(keys_of_every_size_and_content), T(values_of_every_size),
      T(ttl_counts_down), T(inspect_tells_all), T(get_with_info_is_both),
      T(peek_copies_and_reports_sizes), T(peeking_ends_no_idleness),
      T(looking_counts_as_nothing), T(entry_info_of_other_versions))
