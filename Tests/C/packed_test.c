/* get_packed, set_packed, delete_packed: each the loop it stands for, with keys
 * and values in blocks. */
#include <stdbool.h>

#include "harness.h"

enum { COUNT = 100, ROOM = 4096 };

/* A batch of COUNT keys "key0", "key1" and so on, with values of 0, 1, 2 ...
 * bytes, each of which knows its key. */
typedef struct packed {
  char keys[COUNT * 8];
  char values[COUNT * COUNT];
  char arena[COUNT * COUNT];
  size_t key_offsets[COUNT + 1], value_offsets[COUNT + 1];
  size_t sizes[COUNT];
  uint64_t ttls[COUNT];
  cachecore_status_t statuses[COUNT];
} packed_t;

static packed_t *new_packed(void) {
  static packed_t p;
  size_t i;
  memset(&p, 0, sizeof p);
  for (i = 0; i < COUNT; i++) {
    char *key = p.keys + p.key_offsets[i];
    p.key_offsets[i + 1] = p.key_offsets[i] + (size_t)sprintf(key, "key%zu", i);
    p.value_offsets[i + 1] = p.value_offsets[i] + i;
    memset(p.values + p.value_offsets[i], (int)i + 1, i);
    p.sizes[i] = 99;
    p.statuses[i] = 99;
  }
  return &p;
}

static cachecore_status_t set_packed(cachecore_t *cache, packed_t *p,
                                     size_t count) {
  return cachecore_set_packed(cache, count, p->keys, p->key_offsets, p->values,
                              p->value_offsets, p->ttls, p->statuses);
}

static cachecore_status_t get_packed(cachecore_t *cache, packed_t *p,
                                     size_t count, size_t capacity) {
  return cachecore_get_packed(cache, count, p->keys, p->key_offsets, p->arena,
                              capacity, p->sizes, p->statuses);
}

static void store_read_and_remove(void) {
  cachecore_t *cache = open_plain(1000, 0);
  packed_t *p = new_packed();
  uint64_t removed = 0;
  size_t i, at = 0;
  CHECK_OK(set_packed(cache, p, COUNT));
  for (i = 0; i < COUNT; i++) CHECK_OK(p->statuses[i]);
  CHECK_INT(cachecore_count(cache), COUNT);
  CHECK_TEXT(cache, "key0", "");
  CHECK_TEXT(cache, "key3", "\4\4\4");
  CHECK_OK(get_packed(cache, p, COUNT, sizeof p->arena));
  for (i = 0; i < COUNT; at += p->sizes[i++]) {
    CHECK_OK(p->statuses[i]);
    CHECK_INT(p->sizes[i], i);
    CHECK(memcmp(p->arena + at, p->values + p->value_offsets[i], i) == 0);
  }
  CHECK_INT(stats_of(cache).hits, COUNT + 2);
  CHECK_OK(cachecore_delete_packed(cache, COUNT, p->keys, p->key_offsets,
                                   p->statuses, &removed));
  CHECK_INT(removed, COUNT);
  CHECK_OK(cachecore_delete_packed(cache, COUNT, p->keys, p->key_offsets,
                                   p->statuses, &removed));
  CHECK_INT(removed, 0);
  for (i = 0; i < COUNT; i++) CHECK_INT(p->statuses[i], CACHECORE_MISS);
  CHECK_OK(get_packed(cache, p, COUNT, sizeof p->arena));
  for (i = 0; i < COUNT; i++) {
    CHECK_INT(p->statuses[i], CACHECORE_MISS);
    CHECK_INT(p->sizes[i], 0);
  }
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

/* Whatever the arena has room for: what does not fit says its size and takes no
 * room, what comes after it is tried, and no byte beyond is written. */
static void arenas_of_every_size(void) {
  cachecore_t *cache = open_plain(1000, 0);
  packed_t *p = new_packed();
  size_t capacity, i;
  CHECK_OK(set_packed(cache, p, 10));
  CHECK_OK(cachecore_delete(cache, "key4", 4));
  for (capacity = 0; capacity <= 50; capacity++) {
    size_t left = capacity, at = 0;
    cachecore_status_t result, first = CACHECORE_OK;
    memset(p->arena, 77, sizeof p->arena);
    result = get_packed(cache, p, 10, capacity);
    for (i = 0; i < 10; i++) {
      cachecore_status_t expected = i == 4      ? CACHECORE_MISS
                                    : i <= left ? CACHECORE_OK
                                                : CACHECORE_E_TOO_SMALL;
      CHECK_INT(p->statuses[i], expected);
      CHECK_INT(p->sizes[i], i == 4 ? 0 : i);
      if (expected < 0) first = expected;
      if (expected != CACHECORE_OK) continue;
      CHECK(memcmp(p->arena + at, p->values + p->value_offsets[i], i) == 0);
      at += i;
      left -= i;
    }
    CHECK_INT(result, first);
    for (i = capacity; i < sizeof p->arena; i++) CHECK_INT(p->arena[i], 77);
  }
  CHECK_INT(stats_of(cache).hits, 51 * 9);
  CHECK_INT(stats_of(cache).misses, 51);
  CHECK_INT(cachecore_get_packed(cache, 2, p->keys, p->key_offsets, NULL, 0,
                                 p->sizes, p->statuses),
            CACHECORE_E_TOO_SMALL);
  CHECK_OK(p->statuses[0]); /* an empty value fits everywhere */
  CHECK_INT(p->statuses[1], CACHECORE_E_TOO_SMALL);
  CHECK_INT(p->sizes[1], 1);
  cachecore_close(cache);
}

/* Offsets that fall, or that are none, cost their elements alone. */
static void offsets_of_every_kind(void) {
  static const char keys[] = "abcdef";
  static const size_t falling[] = {0, 1, 3, 2, 4, SIZE_MAX, 5, 5, 6};
  static const cachecore_status_t e = CACHECORE_E_ARGUMENT;
  cachecore_status_t statuses[8];
  size_t sizes[8], i;
  uint64_t removed = 77;
  cachecore_t *cache = open_plain(1000, 0);
  CHECK_INT(cachecore_set_packed(cache, 8, keys, falling, keys, falling, NULL,
                                 statuses), e);
  for (i = 0; i < 8; i++)
    CHECK_INT(statuses[i], i == 0 || i == 1 || i == 3 || i == 7 ? CACHECORE_OK
                                                                : e);
  CHECK_INT(cachecore_count(cache), 4);
  CHECK_TEXT(cache, "a", "a");
  CHECK_TEXT(cache, "bc", "bc");
  CHECK_TEXT(cache, "cd", "cd");
  CHECK_TEXT(cache, "f", "f");
  CHECK_INT(cachecore_get_packed(cache, 8, keys, falling, NULL, 0, sizes,
                                 statuses), CACHECORE_E_TOO_SMALL);
  for (i = 0; i < 8; i++) {
    bool is_there = i == 0 || i == 1 || i == 3 || i == 7;
    CHECK_INT(statuses[i], is_there ? CACHECORE_E_TOO_SMALL : e);
    CHECK_INT(sizes[i], is_there ? falling[i + 1] - falling[i] : 0);
  }
  CHECK_INT(cachecore_delete_packed(cache, 8, keys, falling, statuses,
                                    &removed), e);
  CHECK_INT(removed, 4);
  cachecore_close(cache);
}

/* A slice of a larger batch needs no offsets of its own. */
static void offsets_that_begin_later(void) {
  cachecore_t *cache = open_plain(1000, 0);
  packed_t *p = new_packed();
  CHECK_OK(cachecore_set_packed(cache, 5, p->keys, p->key_offsets + 10,
                                p->values, p->value_offsets + 10, NULL, NULL));
  CHECK_INT(cachecore_count(cache), 5);
  CHECK_TEXT(cache, "key10", "\13\13\13\13\13\13\13\13\13\13");
  CHECK_OK(contains(cache, "key14"));
  CHECK_INT(contains(cache, "key15"), CACHECORE_MISS);
  cachecore_close(cache);
}

static void set_attempts_every_element(void) {
  cachecore_t *cache = open_exact(50, 0, CACHECORE_NO_EVICT);
  packed_t *p = new_packed();
  size_t i;
  p->ttls[2] = 10;
  CHECK_INT(set_packed(cache, p, COUNT), CACHECORE_E_FULL);
  for (i = 0; i < COUNT; i++)
    CHECK_INT(p->statuses[i], i < 50 ? CACHECORE_OK : CACHECORE_E_FULL);
  CHECK_OK(cachecore_advance_clock(cache, 10));
  CHECK_MISS(cache, "key2");
  CHECK_INT(cachecore_count(cache), 49);
  cachecore_close(cache);
}

static void keys_at_the_limits(void) {
  static char keys[65535 + 65536];
  static const size_t offsets[] = {0, 0, 65535, 65535 + 65536};
  cachecore_status_t statuses[3];
  cachecore_t *cache = open_plain(10, 0);
  CHECK_INT(cachecore_set_packed(cache, 3, keys, offsets, NULL,
                                 (const size_t[]){0, 0, 0, 0}, NULL, statuses),
            CACHECORE_E_ARGUMENT);
  CHECK_INT(statuses[0], CACHECORE_E_ARGUMENT); /* no key is empty */
  CHECK_OK(statuses[1]);
  CHECK_INT(statuses[2], CACHECORE_E_ARGUMENT);
  /* A byte of a block that is NULL. */
  CHECK_INT(cachecore_set_packed(cache, 2, "ab", (const size_t[]){0, 1, 2},
                                 NULL, (const size_t[]){0, 0, 1}, NULL,
                                 statuses), CACHECORE_E_ARGUMENT);
  CHECK_OK(statuses[0]);
  CHECK_INT(statuses[1], CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_count(cache), 2);
  cachecore_close(cache);
}

static void large_values(void) {
  enum { SIZE = 1 << 20 };
  static char value[SIZE], arena[2 * SIZE];
  const size_t keys[] = {0, 1, 2, 3}, ends[] = {0, SIZE, SIZE, SIZE};
  size_t sizes[3];
  cachecore_status_t statuses[3];
  cachecore_t *cache = open_plain(10, 0);
  fill_pattern(value, SIZE, 7, 1);
  CHECK_OK(cachecore_set_packed(cache, 3, "abc", keys, value, ends, NULL,
                                NULL));
  CHECK_OK(set_text(cache, "c", "end", 0));
  CHECK_OK(cachecore_get_packed(cache, 3, "abc", keys, arena, sizeof arena,
                                sizes, statuses));
  CHECK(sizes[0] == SIZE && sizes[1] == 0 && sizes[2] == 3);
  CHECK(holds_pattern(arena, SIZE, 7));
  CHECK(memcmp(arena + SIZE, "end", 3) == 0);
  cachecore_close(cache);
}

static void nothing_to_do(void) {
  cachecore_t *cache = open_plain(1000, 0);
  packed_t *p = new_packed();
  uint64_t removed = 77;
  CHECK_OK(set_packed(cache, p, 0));
  CHECK_OK(get_packed(cache, p, 0, 0));
  CHECK_OK(cachecore_get_packed(cache, 0, NULL, NULL, NULL, 0, NULL, NULL));
  CHECK_OK(cachecore_delete_packed(cache, 0, NULL, NULL, NULL, &removed));
  CHECK_INT(removed, 0);
  CHECK_INT(p->statuses[0], 99);
  cachecore_close(cache);
}

/* A NULL array is an error before anything is attempted. */
static void missing_arrays(void) {
  cachecore_t *c = open_plain(1000, 0);
  packed_t *p = new_packed();
  const cachecore_status_t e = CACHECORE_E_ARGUMENT;
  const size_t *keys = p->key_offsets, *values = p->value_offsets;
  CHECK_INT(set_packed(NULL, p, 1), e);
  CHECK_INT(get_packed(NULL, p, 1, ROOM), e);
  CHECK_INT(cachecore_set_packed(c, 1, NULL, keys, p->values, values, NULL,
                                 p->statuses), e);
  CHECK_INT(cachecore_set_packed(c, 1, p->keys, NULL, p->values, values, NULL,
                                 p->statuses), e);
  CHECK_INT(cachecore_set_packed(c, 1, p->keys, keys, p->values, NULL, NULL,
                                 p->statuses), e);
  CHECK_INT(cachecore_get_packed(c, 1, NULL, keys, p->arena, ROOM, p->sizes,
                                 p->statuses), e);
  CHECK_INT(cachecore_get_packed(c, 1, p->keys, NULL, p->arena, ROOM, p->sizes,
                                 p->statuses), e);
  CHECK_INT(cachecore_get_packed(c, 1, p->keys, keys, NULL, ROOM, p->sizes,
                                 p->statuses), e);
  CHECK_INT(cachecore_get_packed(c, 1, p->keys, keys, p->arena, ROOM, NULL,
                                 p->statuses), e);
  CHECK_INT(cachecore_get_packed(c, 1, p->keys, keys, p->arena, ROOM, p->sizes,
                                 NULL), e);
  CHECK_INT(cachecore_delete_packed(NULL, 1, p->keys, keys, p->statuses, NULL),
            e);
  CHECK_INT(cachecore_delete_packed(c, 1, NULL, keys, p->statuses, NULL), e);
  CHECK_INT(cachecore_delete_packed(c, 1, p->keys, NULL, p->statuses, NULL), e);
  CHECK_INT(p->statuses[0], e);
  CHECK_INT(cachecore_set_packed(c, SIZE_MAX, p->keys, keys, p->values, values,
                                 NULL, NULL), e);
  CHECK_INT(cachecore_get_packed(c, (SIZE_MAX >> 1) + 1, p->keys, keys,
                                 p->arena, ROOM, p->sizes, p->statuses), e);
  CHECK_INT(cachecore_count(c), 0);
  cachecore_close(c);
}

TESTS(T(store_read_and_remove), T(arenas_of_every_size),
      T(offsets_of_every_kind), T(offsets_that_begin_later),
      T(set_attempts_every_element), T(keys_at_the_limits), T(large_values),
      T(nothing_to_do), T(missing_arrays))
