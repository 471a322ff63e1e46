/* What a full cache does: forget the oldest, refuse, or answer E_FULL; and
 * what of its memory it may use. */
#include "harness.h"

static void forgets_the_oldest(void) {
  cachecore_t *cache = open_exact(3, 0, 0);
  CHECK_OK(set_text(cache, "a", "1", 0));
  CHECK_OK(set_text(cache, "b", "2", 0));
  CHECK_OK(set_text(cache, "c", "3", 0));
  CHECK_TEXT(cache, "a", "1");
  CHECK_OK(set_text(cache, "d", "4", 0));
  CHECK_MISS(cache, "b");
  CHECK_TEXT(cache, "a", "1");
  CHECK_TEXT(cache, "c", "3");
  CHECK_TEXT(cache, "d", "4");
  CHECK_INT(stats_of(cache).evictions, 1);
  cachecore_close(cache);
}

static void capacity_one(void) {
  cachecore_t *cache = open_exact(1, 0, 0);
  char key[16];
  int i;
  for (i = 0; i < 1000; i++) {
    sprintf(key, "key%d", i);
    CHECK_OK(set_text(cache, key, key, i % 3 ? 0 : 5));
    CHECK_TEXT(cache, key, key);
    CHECK_INT(cachecore_count(cache), 1);
  }
  CHECK_OK(cachecore_delete(cache, "key999", 6));
  CHECK_INT(cachecore_count(cache), 0);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

/* Each bound alone and both at once, each policy, one shard and many. */
static void never_beyond_the_bound(void) {
  int bounds, policy, shards;
  static char value[3000];
  for (bounds = 1; bounds <= 3; bounds++)
    for (policy = 0; policy <= 1; policy++)
      for (shards = 0; shards <= 1; shards++) {
        cachecore_options_t options = CACHECORE_OPTIONS_INIT;
        cachecore_t *cache;
        uint64_t i, seed = 7;
        options.max_entries = bounds & 1 ? 1000 : 0;
        options.max_bytes = bounds & 2 ? 1 << 20 : 0;
        options.policy = (uint32_t)policy;
        options.shard_count = (uint32_t)shards;
        CHECK_OK(cachecore_open(&options, &cache));
        for (i = 0; i < 20000; i++) {
          size_t size = random_below(&seed, sizeof value);
          CHECK_OK(set_number(cache, i, value, size, 0));
          CHECK_OK(contains_number(cache, i)); /* what was just stored is in */
          if (i % 16) continue;
          if (bounds & 1) CHECK(cachecore_count(cache) <= 1000);
          if (bounds & 2) CHECK(stats_of(cache).bytes_used <= 1 << 20);
        }
        CHECK(cachecore_count(cache) > 200);
        CHECK_INT(stats_of(cache).refused, 0);
        CHECK_IDENTITY(cache);
        cachecore_close(cache);
      }
}

static void max_entries_is_reached(void) {
  static const uint64_t sizes[] = {1, 2, 3, 10, 100, 1000, 12345};
  size_t i;
  for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    cachecore_t *cache = open_exact(sizes[i], 0, 0);
    uint64_t key;
    for (key = 0; key < 3 * sizes[i]; key++)
      CHECK_OK(set_number(cache, key, "v", 1, 0));
    CHECK_INT(cachecore_count(cache), sizes[i]);
    CHECK_INT(stats_of(cache).evictions, 2 * sizes[i]);
    cachecore_close(cache);
  }
}

static void too_large_is_refused(void) {
  static char value[2 << 20];
  cachecore_t *cache = open_exact(0, 1 << 20, 0);
  CHECK_OK(set_text(cache, "key", "older", 0));
  CHECK_OK(set_text(cache, "other", "stays", 0));
  CHECK_INT(cachecore_set(cache, "key", 3, value, sizeof value, 0),
            CACHECORE_REFUSED);
  CHECK_MISS(cache, "key"); /* nobody gets what was meant to be replaced */
  CHECK_INT(cachecore_set(cache, "key", 3, value, 1 << 20, 0),
            CACHECORE_REFUSED); /* the bound itself leaves no room for more */
  CHECK_INT(cachecore_add(cache, "key", 3, value, sizeof value, 0),
            CACHECORE_REFUSED);
  CHECK_TEXT(cache, "other", "stays");
  CHECK_OK(set_text(cache, "key", "older", 0));
  CHECK_INT(cachecore_replace(cache, "key", 3, value, sizeof value, 0),
            CACHECORE_REFUSED);
  CHECK_MISS(cache, "key");
  CHECK_INT(stats_of(cache).refused, 4);
  CHECK_OK(cachecore_set(cache, "key", 3, value, 512 << 10, 0));
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

/* A size no machine has: answered without reading the bytes.  One that is no
 * size of anything may be an argument error too, which changes nothing. */
static void absurd_sizes(void) {
  static const uint64_t bounds[][2] = {{100, 0}, {0, 1 << 20}, {100, 1 << 20}};
  size_t i;
  for (i = 0; i < 3; i++) {
    cachecore_t *cache = open_plain(bounds[i][0], bounds[i][1]);
    cachecore_status_t status;
    CHECK_OK(set_text(cache, "key", "older", 0));
    status = cachecore_set(cache, "key", 3, "v", SIZE_MAX, 0);
    CHECK(status == CACHECORE_REFUSED || status == CACHECORE_E_ARGUMENT);
    CHECK_INT(contains(cache, "key"),
              status == CACHECORE_REFUSED ? CACHECORE_MISS : CACHECORE_OK);
    CHECK_INT(cachecore_set(cache, "key", 3, "v", (size_t)1 << 45, 0),
              CACHECORE_REFUSED);
    CHECK_MISS(cache, "key");
    cachecore_close(cache);
  }
}

static void no_evict_by_entries(void) {
  cachecore_t *cache = open_exact(3, 0, CACHECORE_NO_EVICT);
  int64_t sum = 77;
  CHECK_OK(set_text(cache, "a", "1", 0));
  CHECK_OK(set_text(cache, "b", "2", 100));
  CHECK_OK(set_text(cache, "c", "3", 0));
  CHECK_INT(set_text(cache, "d", "4", 0), CACHECORE_E_FULL);
  CHECK_INT(cachecore_add(cache, "d", 1, "4", 1, 0), CACHECORE_E_FULL);
  CHECK_INT(cachecore_increment(cache, "d", 1, 1, 1, 0, &sum),
            CACHECORE_E_FULL);
  CHECK_INT(sum, 0);
  CHECK_INT(stats_of(cache).refused, 3);
  CHECK_OK(set_text(cache, "c", "33", 0)); /* in place of its own */
  CHECK_TEXT(cache, "a", "1");
  CHECK_OK(cachecore_delete(cache, "a", 1));
  CHECK_OK(set_text(cache, "d", "4", 0));
  CHECK_INT(set_text(cache, "e", "5", 0), CACHECORE_E_FULL);
  CHECK_OK(cachecore_advance_clock(cache, 100)); /* "b" makes room by itself */
  CHECK_OK(set_text(cache, "e", "5", 0));
  CHECK_INT(set_text(cache, "f", "6", 0), CACHECORE_E_FULL);
  CHECK_INT(stats_of(cache).evictions, 0);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void no_evict_by_bytes(void) {
  static char value[1000], large[900 << 10];
  cachecore_t *cache = open_exact(0, 1 << 20, CACHECORE_NO_EVICT);
  cachecore_status_t status;
  uint64_t i, stored = 0;
  for (i = 0; i < 2000; i++) {
    status = set_number(cache, i, value, sizeof value, 0);
    if (status == CACHECORE_OK) stored++;
    else CHECK_INT(status, CACHECORE_E_FULL);
    CHECK_INT(contains_number(cache, i),
              status == CACHECORE_OK ? CACHECORE_OK : CACHECORE_MISS);
  }
  CHECK(stored > 800 && stored < 1049);
  CHECK_INT(cachecore_count(cache), stored);
  for (i = 0; i < stored; i++) CHECK_OK(contains_number(cache, i));
  i = 0; /* a larger value that finds no room leaves the older one */
  CHECK_INT(set_number(cache, i, large, sizeof large, 0), CACHECORE_E_FULL);
  CHECK_OK(contains_number(cache, i));
  CHECK_INT(stats_of(cache).evictions, 0);
  CHECK(stats_of(cache).bytes_used <= 1 << 20);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

/* Where there is no second block a smaller value takes the place of the older
 * one, whatever its size, and what is left of the block serves others. */
static void no_evict_takes_smaller_values(void) {
  enum { LARGE = 600 << 10 };
  static const size_t sizes[] = {199, 195, 190, 180, 150, 120,
                                 90,  60,  30,  8,   0};
  static char value[LARGE], copy[LARGE];
  uint32_t policy;
  for (policy = CACHECORE_POLICY_LRU; policy <= CACHECORE_POLICY_ADAPTIVE;
       policy++) {
    cachecore_options_t options = CACHECORE_OPTIONS_INIT;
    cachecore_t *cache;
    uint64_t key, stored = 0, more = 0;
    size_t i, size;
    options.max_bytes = 2 << 20;
    options.policy = policy;
    options.flags = CACHECORE_NO_EVICT;
    options.shard_count = 1;
    CHECK_OK(cachecore_open(&options, &cache));
    key = 1 << 20;
    fill_pattern(value, LARGE, 1, 1);
    CHECK_OK(set_number(cache, key, value, LARGE, 0));
    while (set_number(cache, stored, value, 200, 0) == CACHECORE_OK) stored++;
    CHECK(stored > 3000);
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
      for (key = 0; key < stored; key += 7) {
        fill_pattern(value, sizes[i], key, i);
        CHECK_OK(set_number(cache, key, value, sizes[i], 0));
        CHECK_OK(cachecore_get(cache, &key, sizeof key, copy, LARGE, &size));
        CHECK(size == sizes[i] && memcmp(value, copy, size) == 0);
      }
    }
    key = 1 << 20; /* from one layout to the other, on both sides of the line */
    for (size = LARGE - 1; size > 100000; size -= 100000) {
      size_t found;
      fill_pattern(value, size, key, size);
      CHECK_OK(set_number(cache, key, value, size, 0));
      CHECK_OK(cachecore_get(cache, &key, sizeof key, copy, LARGE, &found));
      CHECK(found == size && memcmp(value, copy, size) == 0);
    }
    key = 2 << 20;
    while (set_number(cache, key + more, value, 200, 0) == CACHECORE_OK) more++;
    CHECK(more > 2000); /* a third of the first ones, and most of the large */
    CHECK_INT(cachecore_count(cache), stored + 1 + more);
    CHECK_INT(stats_of(cache).evictions, 0);
    CHECK_IDENTITY(cache);
    for (key = 0; key < stored; key++)
      CHECK_OK(cachecore_delete(cache, &key, sizeof key));
    cachecore_close(cache);
  }
}

/* Bounded by bytes, and no two values of one size: still the newest stay. */
static void bytes_forget_the_oldest_too(void) {
  static char value[100];
  cachecore_t *cache = open_exact(0, 1 << 20, 0);
  uint64_t key, seed = 7, live = 0, count;
  for (key = 0; key < 50000; key++)
    CHECK_OK(set_number(cache, key, value, 90 + random_below(&seed, 11), 0));
  count = cachecore_count(cache);
  CHECK(count > 5000);
  for (key = 50000 - count / 2; key < 50000; key++)
    live += contains_number(cache, key) == CACHECORE_OK;
  printf("of the newer half of %llu, %llu are there\n",
         (unsigned long long)count, (unsigned long long)live);
  CHECK(live * 100 >= count / 2 * 95);
  cachecore_close(cache);
}

/* Small values, then large ones, then small ones again: what one size has
 * taken must serve the other, without refusals and within the bound. */
static void sizes_shift(void) {
  enum { BOUND = 16 << 20 };
  static const size_t sizes[] = {100, 10240, 100, 700, 50000, 20};
  static char value[50000];
  int exact;
  for (exact = 0; exact <= 1; exact++) {
    cachecore_t *cache = exact ? open_exact(0, BOUND, 0) : open_plain(0, BOUND);
    uint64_t key = 0, seed = new_seed();
    size_t phase;
    for (phase = 0; phase < sizeof sizes / sizeof sizes[0]; phase++) {
      size_t count = 3 * BOUND / (sizes[phase] + 60), i, recent, live = 0;
      for (i = 0; i < count; i++) {
        size_t size = sizes[phase] - random_below(&seed, sizes[phase] / 10 + 1);
        CHECK_OK(set_number(cache, ++key, value, size, 0));
        if (i % 256 == 0) CHECK(stats_of(cache).bytes_used <= BOUND);
      }
      /* Of the newest that fill half the bound nearly all are there. */
      recent = BOUND / 2 / (sizes[phase] + 60);
      for (i = 0; i < recent; i++)
        live += contains_number(cache, key - i) == CACHECORE_OK;
      CHECK(live * 100 >= recent * 95);
    }
    CHECK_INT(stats_of(cache).refused, 0);
    CHECK_IDENTITY(cache);
    cachecore_close(cache);
  }
}

TESTS(T(forgets_the_oldest), T(capacity_one), T(never_beyond_the_bound),
      T(max_entries_is_reached), T(too_large_is_refused), T(absurd_sizes),
      T(no_evict_by_entries), T(no_evict_by_bytes),
      T(no_evict_takes_smaller_values),
      T(bytes_forget_the_oldest_too), T(sizes_shift))
