/* Opening, closing, resizing; version, status texts, and the rules that every
 * struct follows, shown on the options. */
#include <ctype.h>
#include <stddef.h>

#include "harness.h"

static cachecore_t *untouched(void) { return (cachecore_t *)(void *)&stdout; }

/* Opens and closes; an error must leave the output alone. */
static cachecore_status_t try_open(const cachecore_options_t *options) {
  cachecore_t *cache = untouched();
  cachecore_status_t status = cachecore_open(options, &cache);
  if (status == CACHECORE_OK) {
    CHECK(cache != NULL && cache != untouched());
    CHECK_OK(set_text(cache, "key", "value", 0));
    CHECK_TEXT(cache, "key", "value");
    cachecore_close(cache);
  } else {
    CHECK(status < 0);
    CHECK(cache == untouched());
  }
  return status;
}

static cachecore_options_t small(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  options.max_entries = 100;
  return options;
}

static void version_and_status_texts(void) {
  int32_t status;
  CHECK_INT(cachecore_version(), CACHECORE_VERSION);
  for (status = -300; status <= 300; status++) {
    const char *text = cachecore_status_text(status);
    CHECK(text != NULL && strlen(text) > 0 && strlen(text) < 100);
    for (; *text; text++) CHECK(!isupper((unsigned char)*text));
  }
  CHECK(cachecore_status_text(INT32_MIN) != NULL);
  CHECK(cachecore_status_text(INT32_MAX) != NULL);
  for (status = CACHECORE_E_RANGE; status < CACHECORE_CONFLICT; status++)
    CHECK(strcmp(cachecore_status_text(status),
                 cachecore_status_text(status + 1)) != 0);
}

static void init_functions_equal_the_macros(void) {
  static const cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  static const cachecore_sweeper_options_t sweeper =
      CACHECORE_SWEEPER_OPTIONS_INIT;
  struct { cachecore_options_t it; unsigned char guard[8]; } a;
  struct { cachecore_sweeper_options_t it; unsigned char guard[8]; } b;
  size_t i;

  memset(&a, 0xaa, sizeof a);
  memset(&b, 0xaa, sizeof b);
  cachecore_options_init(&a.it);
  cachecore_sweeper_options_init(&b.it);
  CHECK(memcmp(&a.it, &options, sizeof options) == 0);
  CHECK(memcmp(&b.it, &sweeper, sizeof sweeper) == 0);
  for (i = 0; i < 8; i++) CHECK(a.guard[i] == 0xaa && b.guard[i] == 0xaa);
  cachecore_options_init(NULL);
  cachecore_sweeper_options_init(NULL);
}

static void options_out_of_range(void) {
  cachecore_options_t options = small();
  CHECK_OK(try_open(&options));
  CHECK_INT(try_open(NULL), CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_open(&options, NULL), CACHECORE_E_ARGUMENT);

  options.max_entries = 0; /* no bound at all */
  CHECK_INT(try_open(&options), CACHECORE_E_ARGUMENT);
  options = small();
  options.policy = 2;
  CHECK_INT(try_open(&options), CACHECORE_E_ARGUMENT);
  options.policy = UINT32_MAX;
  CHECK_INT(try_open(&options), CACHECORE_E_ARGUMENT);
  options = small();
  options.flags = 1u << 3;
  CHECK_INT(try_open(&options), CACHECORE_E_ARGUMENT);
  options.flags = 1u << 31;
  CHECK_INT(try_open(&options), CACHECORE_E_ARGUMENT);
  options = small();
  options.shard_count = 257;
  CHECK_INT(try_open(&options), CACHECORE_E_ARGUMENT);
  options.shard_count = UINT32_MAX;
  CHECK_INT(try_open(&options), CACHECORE_E_ARGUMENT);
  options = small();
  options.max_bytes = CACHECORE_MAX_BYTES_MIN - 1;
  CHECK_INT(try_open(&options), CACHECORE_E_ARGUMENT);
  options.max_bytes = 1;
  CHECK_INT(try_open(&options), CACHECORE_E_ARGUMENT);
}

static void extreme_options_get_an_answer(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_status_t status;
  options.max_entries = UINT64_MAX;
  status = try_open(&options);
  CHECK(status == CACHECORE_OK || status < 0);
  options.max_bytes = UINT64_MAX;
  status = try_open(&options);
  CHECK(status == CACHECORE_OK || status < 0);
  options = small();
  options.default_ttl_ms = options.default_tti_ms = UINT64_MAX;
  CHECK_OK(try_open(&options));
  options.default_ttl_ms = options.default_tti_ms = UINT64_MAX - 1;
  CHECK_OK(try_open(&options));
  options = small();
  options.hash_seed = UINT64_MAX;
  CHECK_OK(try_open(&options));
}

static void smallest_caches(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  options.max_entries = 1;
  CHECK_OK(try_open(&options));
  options.max_entries = 0;
  options.max_bytes = CACHECORE_MAX_BYTES_MIN;
  CHECK_OK(try_open(&options));
  options.max_entries = 1;
  CHECK_OK(try_open(&options));
  options.policy = CACHECORE_POLICY_ADAPTIVE;
  CHECK_OK(try_open(&options));
}

static void shard_counts_round_up(void) {
  static const uint32_t asked[] = {1, 2, 3, 5, 64, 129, 256};
  static const uint32_t given[] = {1, 2, 4, 8, 64, 256, 256};
  size_t i;
  for (i = 0; i < sizeof asked / sizeof asked[0]; i++) {
    cachecore_options_t options = CACHECORE_OPTIONS_INIT;
    cachecore_t *cache;
    options.max_entries = 1000000;
    options.shard_count = asked[i];
    CHECK_OK(cachecore_open(&options, &cache));
    CHECK_INT(stats_of(cache).shard_count, given[i]);
    cachecore_close(cache);
  }
}

/* A struct from an older header: what lies beyond struct_size is not read. */
static void older_options(void) {
  cachecore_options_t options;
  memset(&options, 0xff, sizeof options);
  options.struct_size = offsetof(cachecore_options_t, max_bytes);
  options.policy = CACHECORE_POLICY_LRU;
  options.flags = options.shard_count = 0;
  options.max_entries = 10;
  CHECK_OK(try_open(&options));
  options.struct_size = 0; /* nothing is set, so no bound is */
  CHECK_INT(try_open(&options), CACHECORE_E_ARGUMENT);
  options.struct_size = sizeof options.struct_size;
  CHECK_INT(try_open(&options), CACHECORE_E_ARGUMENT);
}

/* A struct from a newer header: fine while what is unknown is zero. */
static void newer_options(void) {
  struct {
    cachecore_options_t known;
    unsigned char unknown[24];
  } options;
  size_t i;
  memset(&options, 0, sizeof options);
  options.known = small();
  options.known.struct_size = sizeof options;
  CHECK_OK(try_open(&options.known));
  for (i = 0; i < sizeof options.unknown; i++) {
    options.unknown[i] = 1;
    CHECK_INT(try_open(&options.known), CACHECORE_E_VERSION);
    options.unknown[i] = 0;
  }
  /* One byte past the known part counts too, whatever its alignment. */
  options.known.struct_size = sizeof options.known + 1;
  CHECK_OK(try_open(&options.known));
  options.unknown[0] = 1;
  CHECK_INT(try_open(&options.known), CACHECORE_E_VERSION);
  options.unknown[0] = 0;
  options.unknown[1] = 1;
  CHECK_OK(try_open(&options.known));
}

static void closing_twice_and_nothing(void) {
  cachecore_t *cache = open_plain(100, 0);
  size_t size;
  cachecore_close(NULL);
  CHECK_OK(set_text(cache, "key", "value", 0));
  cachecore_close(cache);
  cachecore_close(cache);
  CHECK_INT(cachecore_get(cache, "key", 3, NULL, 0, &size), CACHECORE_E_STATE);
}

static void open_and_close_many(void) {
  const int count = SANITIZED ? 200 : 1000;
  size_t before = 0;
  int i;
  for (i = 0; i < count; i++) {
    cachecore_t *cache = open_plain(1000, i % 2 ? 1 << 20 : 0);
    CHECK_OK(set_text(cache, "key", "value", 1000));
    if (i % 10 == 0) CHECK_OK(cachecore_sweeper_start(cache, NULL));
    cachecore_close(cache);
    if (i == 100) before = resident_bytes();
  }
  if (!SANITIZED) CHECK(resident_bytes() < before + (4u << 20));
}

static void resize_entries(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  uint64_t i;
  for (i = 0; i < 200; i++) CHECK_OK(set_number(cache, i, "v", 1, 0));
  CHECK_INT(cachecore_count(cache), 100);
  CHECK_OK(cachecore_resize(cache, 10, 0));
  CHECK_INT(cachecore_count(cache), 10);
  CHECK_INT(stats_of(cache).entries_limit, 10);
  for (i = 190; i < 200; i++) CHECK_OK(contains_number(cache, i));
  CHECK_INT(stats_of(cache).evictions, 190);
  CHECK_OK(cachecore_resize(cache, 1000, 0));
  for (i = 0; i < 2000; i++) CHECK_OK(set_number(cache, i, "v", 1, 0));
  CHECK_INT(cachecore_count(cache), 1000);

  CHECK_INT(cachecore_resize(cache, 0, 0), CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_resize(cache, 10, 65535), CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_resize(cache, 10, UINT64_MAX), CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_resize(NULL, 10, 0), CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_count(cache), 1000);
  CHECK_INT(stats_of(cache).entries_limit, 1000);
  cachecore_close(cache);
}

static void resize_bytes(void) {
  cachecore_t *cache = open_plain(0, 8 << 20);
  static char value[1000];
  uint64_t i;
  for (i = 0; i < 20000; i++) CHECK_OK(set_number(cache, i, value, 1000, 0));
  CHECK_OK(cachecore_resize(cache, 0, 1 << 20));
  CHECK_INT(stats_of(cache).bytes_limit, 1 << 20);
  CHECK(stats_of(cache).bytes_used <= 1 << 20);
  CHECK(cachecore_count(cache) > 0);
  for (i = 0; i < 5000; i++) {
    CHECK_OK(set_number(cache, i, value, 1000, 0));
    CHECK(stats_of(cache).bytes_used <= 1 << 20);
  }
  CHECK_OK(cachecore_resize(cache, 0, 32 << 20)); /* four times what it was */
  for (i = 0; i < 20000; i++) CHECK_OK(set_number(cache, i, value, 1000, 0));
  CHECK_INT(cachecore_count(cache), 20000);
  CHECK(stats_of(cache).bytes_used > 20 << 20);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void resize_without_eviction(void) {
  cachecore_t *cache = open_exact(100, 0, CACHECORE_NO_EVICT);
  uint64_t i;
  for (i = 0; i < 50; i++) CHECK_OK(set_number(cache, i, "v", 1, 0));
  CHECK_INT(cachecore_resize(cache, 49, 0), CACHECORE_E_FULL);
  CHECK_INT(stats_of(cache).entries_limit, 100);
  CHECK_INT(cachecore_count(cache), 50);
  CHECK_OK(cachecore_resize(cache, 50, 0));
  CHECK_INT(set_number(cache, 50, "v", 1, 0), CACHECORE_E_FULL);
  CHECK_INT(cachecore_count(cache), 50);
  cachecore_close(cache);
}

TESTS(T(version_and_status_texts), T(init_functions_equal_the_macros),
      T(options_out_of_range), T(extreme_options_get_an_answer),
      T(smallest_caches), T(shard_counts_round_up), T(older_options),
      T(newer_options), T(closing_twice_and_nothing), T(open_and_close_many),
      T(resize_entries), T(resize_bytes), T(resize_without_eviction))
