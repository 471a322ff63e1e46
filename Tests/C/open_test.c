/* Opening, closing, resizing; version, status texts, and the rules that every
 * struct follows, shown on the options. */
#include <ctype.h>
#include <stddef.h>
#include <sys/resource.h>

#include "harness.h"

static cachecore_t *untouched(void) { return (cachecore_t *)(void *)&stdout; }

/* Opens and closes; after an error there is no cache. */
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
    CHECK(cache == NULL);
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
  for (status = CACHECORE_E_ACCESS; status < CACHECORE_CONFLICT; status++)
    CHECK(strcmp(cachecore_status_text(status),
                 cachecore_status_text(status + 1)) != 0);
}

static void init_functions_equal_the_macros(void) {
  static const cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  static const cachecore_sweeper_options_t sweeper =
      CACHECORE_SWEEPER_OPTIONS_INIT;
  cachecore_options_t a;
  cachecore_sweeper_options_t b;

  memset(&a, 0xaa, sizeof a);
  memset(&b, 0xaa, sizeof b);
  cachecore_options_init(&a, sizeof a);
  cachecore_sweeper_options_init(&b, sizeof b);
  CHECK(memcmp(&a, &options, sizeof options) == 0);
  CHECK(memcmp(&b, &sweeper, sizeof sweeper) == 0);
  cachecore_options_init(NULL, sizeof a);
  cachecore_sweeper_options_init(NULL, sizeof b);
}

/* By either function: a struct of any size, older, newer or nonsense. */
static void init_with_size(size_t size, void (*init)(void *, size_t)) {
  static unsigned char bytes[4096 + 8];
  size_t written = size < 4 ? 0 : size > 4096 ? 4 : size, i;
  uint32_t declared;
  memset(bytes, 0xaa, sizeof bytes);
  init(bytes, size);
  for (i = written; i < sizeof bytes; i++) CHECK_INT(bytes[i], 0xaa);
  for (i = 4; i < written; i++) CHECK_INT(bytes[i], 0);
  if (written == 0) return;
  memcpy(&declared, bytes, sizeof declared);
  CHECK_INT(declared, size > 4096 ? 0 : size);
}

static void init_options(void *options, size_t size) {
  cachecore_options_init(options, size);
}

static void init_sweeper_options(void *options, size_t size) {
  cachecore_sweeper_options_init(options, size);
}

static void init_functions_write_the_size_they_are_told(void) {
  static const size_t large[] = {4097, UINT32_MAX, (size_t)UINT32_MAX + 57,
                                 SIZE_MAX / 2, SIZE_MAX - 3, SIZE_MAX};
  size_t size, i;
  for (size = 0; size <= 4096; size++) {
    init_with_size(size, init_options);
    init_with_size(size, init_sweeper_options);
  }
  for (i = 0; i < sizeof large / sizeof large[0]; i++) {
    init_with_size(large[i], init_options);
    init_with_size(large[i], init_sweeper_options);
  }
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
  options = small();
  options.ttl_jitter_permille = 1000;
  CHECK_OK(try_open(&options));
  options.ttl_jitter_permille = 1001;
  CHECK_INT(try_open(&options), CACHECORE_E_ARGUMENT);
  options.ttl_jitter_permille = UINT64_MAX;
  CHECK_INT(try_open(&options), CACHECORE_E_ARGUMENT);
}

/* One sentence for each mistake, about that alone. */
static void the_reason_of_a_refusal(void) {
  static const struct {
    const char *word;
    size_t offset, size;
    uint64_t wrong;
  } mistakes[] = {
#define MISTAKE(word, field, wrong)              \
  { word, offsetof(cachecore_options_t, field),  \
    sizeof((cachecore_options_t *)0)->field, wrong }
      MISTAKE("bound", max_entries, 0),
      MISTAKE("max_bytes", max_bytes, CACHECORE_MAX_BYTES_MIN - 1),
      MISTAKE("shard_count", shard_count, 257),
      MISTAKE("policy", policy, 2),
      MISTAKE("flags", flags, 8),
      MISTAKE("ttl_jitter_permille", ttl_jitter_permille, 1001),
      MISTAKE("struct_size", struct_size, 3),
  };
  enum { COUNT = sizeof mistakes / sizeof mistakes[0] };
  struct { cachecore_options_t known; uint64_t unknown; } newer;
  const char *texts[COUNT + 3];
  cachecore_options_t options = small();
  cachecore_t *cache;
  size_t i, j;

  CHECK(strcmp(cachecore_open_error(), "") == 0);
  for (i = 0; i < COUNT; i++) {
    options = small();
    memcpy((char *)&options + mistakes[i].offset, &mistakes[i].wrong,
           mistakes[i].size);
    CHECK_INT(cachecore_open(&options, &cache), CACHECORE_E_ARGUMENT);
    texts[i] = cachecore_open_error();
    CHECK(strstr(texts[i], mistakes[i].word) != NULL);
  }
  options = small();
  CHECK_INT(cachecore_open(NULL, &cache), CACHECORE_E_ARGUMENT);
  texts[i] = cachecore_open_error();
  CHECK(strstr(texts[i++], "options is NULL") != NULL);
  CHECK_INT(cachecore_open(&options, NULL), CACHECORE_E_ARGUMENT);
  texts[i] = cachecore_open_error();
  CHECK(strstr(texts[i++], "cache_out is NULL") != NULL);
  newer.known = options;
  newer.known.struct_size = sizeof newer;
  newer.unknown = 1;
  CHECK_INT(cachecore_open(&newer.known, &cache), CACHECORE_E_VERSION);
  texts[i] = cachecore_open_error();
  CHECK(strstr(texts[i++], "older") != NULL);
  while (i-- > 0)
    for (j = 0; j < i; j++) CHECK(strcmp(texts[i], texts[j]) != 0);
  CHECK_OK(try_open(&options));
  CHECK(strcmp(cachecore_open_error(), "") == 0);
}

static void limit_address_space(size_t bytes) {
  struct rlimit limit;
  CHECK_OK(getrlimit(RLIMIT_AS, &limit));
  limit.rlim_cur = bytes;
  CHECK_OK(setrlimit(RLIMIT_AS, &limit));
}

static void refused_by_the_system(void) {
  cachecore_options_t options = small();
  if (SANITIZED) return; /* they need all of it themselves */
  limit_address_space(1 << 20); /* less than there is */
  CHECK_INT(try_open(&options), CACHECORE_E_NO_MEMORY);
  CHECK(strstr(cachecore_open_error(), "address space") != NULL);
}

static void refuse_on_a_thread(worker_t *worker) {
  cachecore_options_t options = small();
  int i;
  for (i = 0; i < 1000; i++) {
    options.max_entries = worker->index % 2;
    CHECK_INT(try_open(&options), worker->index % 2 ? CACHECORE_OK
                                                    : CACHECORE_E_ARGUMENT);
    CHECK_INT(strlen(cachecore_open_error()) > 0, worker->index % 2 == 0);
  }
}

static void each_thread_has_its_own_reason(void) {
  run_workers(NULL, 4, NULL, refuse_on_a_thread);
  CHECK(strcmp(cachecore_open_error(), "") == 0);
}

static cachecore_options_t options_of(cachecore_t *cache) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  CHECK_OK(cachecore_get_options(cache, &options));
  return options;
}

static void options_that_a_cache_has(void) {
  cachecore_options_t given = CACHECORE_OPTIONS_INIT, options;
  cachecore_t *cache, *twin;
  given.policy = CACHECORE_POLICY_ADAPTIVE;
  given.flags = CACHECORE_NO_EVICT | CACHECORE_REPORT_REMOVALS;
  given.shard_count = 4;
  given.max_entries = 1000;
  given.max_bytes = 1 << 24;
  given.default_ttl_ms = 5000;
  given.default_tti_ms = 700;
  given.hash_seed = 99;
  given.ttl_jitter_permille = 125;
  CHECK_OK(cachecore_open(&given, &cache));
  options = options_of(cache);
  CHECK(memcmp(&options, &given, sizeof given) == 0);
  CHECK_OK(cachecore_open(&options, &twin));
  options = options_of(twin);
  CHECK(memcmp(&options, &given, sizeof given) == 0);
  cachecore_close(twin);

  CHECK_OK(cachecore_resize(cache, 0, 1 << 22));
  CHECK_INT(options_of(cache).max_entries, 0);
  CHECK_INT(options_of(cache).max_bytes, 1 << 22);
  CHECK_OK(cachecore_resize(cache, 77, 0));
  CHECK_INT(options_of(cache).max_entries, 77);
  CHECK_INT(options_of(cache).max_bytes, 0);
  cachecore_close(cache);
}

/* What was chosen, rounded, or the same as something shorter. */
static void options_that_are_in_force(void) {
  cachecore_options_t given = CACHECORE_OPTIONS_INIT, options;
  cachecore_t *cache;
  given.max_entries = UINT64_MAX;
  given.shard_count = 5;
  given.default_ttl_ms = CACHECORE_TTL_NEVER;
  given.default_tti_ms = UINT64_MAX;
  CHECK_OK(cachecore_open(&given, &cache));
  options = options_of(cache);
  CHECK_INT(options.shard_count, 8);
  CHECK(options.max_entries == UINT64_MAX);
  CHECK_INT(options.default_ttl_ms, 0);
  CHECK(options.default_tti_ms > 1ull << 39 &&
        options.default_tti_ms < 1ull << 40);
  CHECK_INT(options.hash_seed, 0);
  CHECK_OK(try_open(&options));
  cachecore_close(cache);
  given = small();
  CHECK_OK(cachecore_open(&given, &cache));
  CHECK_INT(options_of(cache).shard_count, stats_of(cache).shard_count);
  CHECK_INT(options_of(cache).hash_seed, 0);
  cachecore_close(cache);
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

/* A handle that was kept too long is not another cache's, for as long as the
 * header says. */
static void a_closed_handle_stays_closed(void) {
  enum { CACHES = SANITIZED ? 500 : 8192 };
  cachecore_options_t options = small();
  cachecore_t *stale = open_plain(100, 0), *other;
  size_t size;
  int i;
  cachecore_close(stale);
  for (i = 0; i < CACHES; i++) {
    CHECK_OK(cachecore_open(&options, &other));
    CHECK(other != stale);
    if (i % 100 == 0) {
      CHECK_OK(set_text(other, "key", "value", 0));
      CHECK_INT(cachecore_get(stale, "key", 3, NULL, 0, &size),
                CACHECORE_E_STATE);
      (cachecore_close)(stale);
      CHECK_TEXT(other, "key", "value");
    }
    (cachecore_close)(other);
  }
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
      T(init_functions_write_the_size_they_are_told),
      T(options_out_of_range), T(the_reason_of_a_refusal),
      T(refused_by_the_system), T(each_thread_has_its_own_reason),
      T(options_that_a_cache_has), T(options_that_are_in_force),
      T(extreme_options_get_an_answer),
      T(smallest_caches), T(shard_counts_round_up), T(older_options),
      T(newer_options), T(closing_twice_and_nothing),
      T(a_closed_handle_stays_closed), T(open_and_close_many),
      T(resize_entries), T(resize_bytes), T(resize_without_eviction))
