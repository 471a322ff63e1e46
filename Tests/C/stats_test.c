/* The statistics add up, start over, and keep to the caller's struct. */
#include "harness.h"

static void each_counter_counts_its_own(void) {
  cachecore_t *cache = open_exact(3, 0, 0);
  cachecore_stats_t s;
  cachecore_value_t value;
  size_t size;
  char buffer[8];
  CHECK_OK(set_text(cache, "a", "1", 0));        /* insert */
  CHECK_OK(set_text(cache, "b", "2", 10));       /* insert */
  CHECK_OK(set_text(cache, "a", "3", 0));        /* update */
  CHECK_TEXT(cache, "a", "3");                   /* hit */
  CHECK_MISS(cache, "x");                        /* miss */
  CHECK_INT(cachecore_get(cache, "a", 1, buffer, 0, &size),
            CACHECORE_E_TOO_SMALL);              /* hit */
  CHECK_OK(cachecore_acquire(cache, "a", 1, &value)); /* hit */
  cachecore_release(&value);
  CHECK_INT(cachecore_acquire(cache, "x", 1, &value), CACHECORE_MISS);
  CHECK_OK(cachecore_delete(cache, "a", 1));     /* delete */
  CHECK_INT(cachecore_delete(cache, "a", 1), CACHECORE_MISS);
  CHECK_OK(cachecore_advance_clock(cache, 10));
  CHECK_MISS(cache, "b");                        /* miss: expired */
  CHECK_OK(cachecore_cleanup_expired(cache, 0, NULL)); /* expiration */
  CHECK_OK(set_text(cache, "c", "1", 0));        /* inserts, one eviction */
  CHECK_OK(set_text(cache, "d", "1", 0));
  CHECK_OK(set_text(cache, "e", "1", 0));
  CHECK_OK(set_text(cache, "f", "1", 0));
  s = stats_of(cache);
  CHECK_INT(s.struct_size, sizeof s);
  CHECK_INT(s.shard_count, 1);
  CHECK_INT(s.entries, 3);
  CHECK_INT(s.entries_limit, 3);
  CHECK_INT(s.bytes_limit, 0);
  CHECK_INT(s.hits, 3);
  CHECK_INT(s.misses, 3);
  CHECK_INT(s.inserts, 6);
  CHECK_INT(s.updates, 1);
  CHECK_INT(s.deletes, 1);
  CHECK_INT(s.evictions, 1);
  CHECK_INT(s.expirations, 1);
  CHECK_INT(s.refused, 0);
  CHECK(s.bytes_used > 0 && s.bytes_resident >= s.bytes_used);
  CHECK_IDENTITY(cache);

  CHECK_OK(cachecore_reset_stats(cache));
  s = stats_of(cache);
  CHECK_INT(s.hits + s.misses + s.inserts + s.updates + s.deletes +
            s.evictions + s.expirations + s.refused, 0);
  CHECK_INT(s.entries, 3);
  CHECK_OK(cachecore_delete(cache, "f", 1));
  CHECK_OK(set_text(cache, "g", "1", 0));
  CHECK_OK(set_text(cache, "h", "1", 0));
  s = stats_of(cache);
  CHECK_INT(s.inserts, 2); /* = deletes + evictions + entries gained */
  CHECK_INT(s.deletes, 1);
  CHECK_INT(s.evictions, 1);
  cachecore_close(cache);
}

/* Replacing what has expired is an expiration and an insert, not an update. */
static void expired_is_not_updated(void) {
  cachecore_t *cache = open_exact(10, 0, 0);
  CHECK_OK(set_text(cache, "a", "1", 10));
  CHECK_OK(cachecore_advance_clock(cache, 10));
  CHECK_OK(set_text(cache, "a", "2", 0));
  CHECK_INT(stats_of(cache).inserts, 2);
  CHECK_INT(stats_of(cache).updates, 0);
  CHECK_INT(stats_of(cache).expirations, 1);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void bytes_come_and_go(void) {
  static char value[10000];
  cachecore_t *cache = open_plain(0, 16 << 20);
  uint64_t empty = stats_of(cache).bytes_used, i;
  CHECK_INT(stats_of(cache).bytes_limit, 16 << 20);
  CHECK_INT(stats_of(cache).entries_limit, 0);
  for (i = 0; i < 1000; i++)
    CHECK_OK(set_number(cache, i, value, sizeof value, 0));
  CHECK(stats_of(cache).bytes_used >= empty + 1000 * sizeof value);
  CHECK(stats_of(cache).bytes_used <= empty + 1000 * (sizeof value + 512));
  for (i = 0; i < 1000; i++) CHECK_OK(cachecore_delete(cache, &i, sizeof i));
  CHECK(stats_of(cache).bytes_used <= empty + (1 << 20));
  CHECK_OK(cachecore_clear(cache));
  CHECK(stats_of(cache).bytes_resident <= (4 << 20));
  cachecore_close(cache);
}

/* Readers count in stripes of their own; nothing may get lost. */
enum { READS = 30000 };

static void read_and_miss(worker_t *worker) {
  char buffer[8];
  size_t size;
  int i;
  for (i = 0; i < READS; i++)
    cachecore_get(worker->cache, i % 3 ? "key" : "nix", 3, buffer, 8, &size);
}

static void exact_with_many_threads(void) {
  cachecore_t *cache = open_plain(100, 0);
  CHECK_OK(set_text(cache, "key", "value", 0));
  run_workers(cache, 10, NULL, read_and_miss);
  CHECK_INT(stats_of(cache).hits, 10 * READS / 3 * 2);
  CHECK_INT(stats_of(cache).misses, 10 * READS / 3);
  cachecore_close(cache);
}

/* What has expired counts as neither there nor gone until it is removed, and
 * what was there at a reset is not forgotten. */
static void every_entry_is_accounted_for(void) {
  cachecore_t *cache = open_exact(10, 0, 0);
  CHECK_OK(set_text(cache, "a", "1", 0));
  CHECK_OK(set_text(cache, "b", "1", 5));
  CHECK_OK(cachecore_advance_clock(cache, 5));
  CHECK_INT(stats_of(cache).entries, 1);
  CHECK_INT(stats_of(cache).expired, 1);
  CHECK_INT(stats_of(cache).entries_before, 0);
  CHECK_OK(cachecore_reset_stats(cache));
  CHECK_INT(stats_of(cache).inserts, 0);
  CHECK_INT(stats_of(cache).entries_before, 2);
  CHECK_IDENTITY(cache);
  CHECK_OK(cachecore_cleanup_expired(cache, 0, NULL));
  CHECK_INT(stats_of(cache).expirations, 1);
  CHECK_INT(stats_of(cache).expired, 0);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void stats_of_other_versions(void) {
  cachecore_t *cache = open_exact(10, 0, 0);
  struct {
    cachecore_stats_t it;
    unsigned char more[8];
  } s;
  uint32_t sizes[] = {4, 8, 16, 24, 56, 104};
  size_t i, k;
  CHECK_OK(set_text(cache, "a", "1", 0));
  for (k = 0; k < sizeof sizes / sizeof sizes[0]; k++) { /* older */
    memset(&s, 0xaa, sizeof s);
    s.it.struct_size = sizes[k];
    CHECK_OK(cachecore_stats(cache, &s.it));
    for (i = sizes[k]; i < sizeof s; i++)
      CHECK_INT(((unsigned char *)&s)[i], 0xaa);
    if (sizes[k] >= 16) CHECK_INT(s.it.entries, 1);
  }
  memset(&s, 0, sizeof s); /* newer */
  s.it.struct_size = sizeof s;
  CHECK_OK(cachecore_stats(cache, &s.it));
  CHECK_INT(s.it.entries, 1);
  s.more[3] = 1;
  CHECK_INT(cachecore_stats(cache, &s.it), CACHECORE_E_VERSION);
  CHECK_INT(cachecore_stats(cache, NULL), CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_stats(NULL, &s.it), CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_reset_stats(NULL), CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_count(NULL), 0);
  cachecore_close(cache);
}

/* What an exporter does, against the struct's own fields. */
static void fields_by_their_table(void) {
#define STATS_FIELD(name, kind) {#name, offsetof(cachecore_stats_t, name), kind}
  enum { C = CACHECORE_FIELD_COUNTER, G = CACHECORE_FIELD_GAUGE };
  static const struct { const char *name; size_t offset; uint32_t kind; }
  expected[] = {
      STATS_FIELD(shard_count, G),    STATS_FIELD(entries, G),
      STATS_FIELD(bytes_used, G),     STATS_FIELD(bytes_limit, G),
      STATS_FIELD(entries_limit, G),  STATS_FIELD(hits, C),
      STATS_FIELD(misses, C),         STATS_FIELD(inserts, C),
      STATS_FIELD(updates, C),        STATS_FIELD(deletes, C),
      STATS_FIELD(evictions, C),      STATS_FIELD(expirations, C),
      STATS_FIELD(refused, C),        STATS_FIELD(bytes_resident, G),
      STATS_FIELD(removals_lost, C),  STATS_FIELD(expired, G),
      STATS_FIELD(entries_before, G), STATS_FIELD(stale, G),
      STATS_FIELD(absent, G),         STATS_FIELD(stale_served, C),
      STATS_FIELD(absent_served, C)};
  enum { FIELDS = sizeof expected / sizeof expected[0] };
  cachecore_t *cache = open_exact(1234, 0, 0);
  cachecore_stats_t stats;
  uint32_t i, size = 4;
  CHECK_OK(set_text(cache, "k", "v", 0));
  CHECK_OK(cachecore_reset_stats(cache));
  CHECK_TEXT(cache, "k", "v");
  stats = stats_of(cache);
  for (i = 0; i < FIELDS; i++) {
    cachecore_stats_field_t field = CACHECORE_STATS_FIELD_INIT;
    uint64_t word;
    CHECK_OK(cachecore_stats_field(i, &field));
    CHECK(strcmp(field.name, expected[i].name) == 0);
    CHECK_INT(field.offset, expected[i].offset);
    CHECK_INT(field.kind, expected[i].kind);
    CHECK(field.unit[0] && field.help[strlen(field.help) - 1] == '.');
    size += field.size;
    if (field.size != 8) continue;
    memcpy(&word, (char *)&stats + field.offset, sizeof word);
    if (strcmp(field.name, "hits") == 0) CHECK_INT(word, 1);
    if (strcmp(field.name, "entries_limit") == 0) CHECK_INT(word, 1234);
  }
  CHECK_INT(size, sizeof stats); /* none is left out */
  CHECK_INT(cachecore_stats_field(FIELDS, &(cachecore_stats_field_t)
                                  CACHECORE_STATS_FIELD_INIT), CACHECORE_MISS);
  cachecore_close(cache);
}

TESTS(T(each_counter_counts_its_own), T(expired_is_not_updated),
      T(bytes_come_and_go), T(exact_with_many_threads),
      T(every_entry_is_accounted_for), T(stats_of_other_versions),
      T(fields_by_their_table))
