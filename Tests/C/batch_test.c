/* get_many, set_many, delete_many: each the loop it stands for. */
#include "harness.h"

enum { COUNT = 100 };

/* The arrays of a batch of COUNT small keys and values. */
typedef struct batch {
  char key_bytes[COUNT][16];
  char value_bytes[COUNT][16];
  char buffer_bytes[COUNT][16];
  const void *keys[COUNT];
  const void *values[COUNT];
  void *buffers[COUNT];
  size_t key_sizes[COUNT], value_sizes[COUNT], capacities[COUNT];
  size_t sizes[COUNT];
  uint64_t ttls[COUNT];
  cachecore_status_t statuses[COUNT];
} batch_t;

static batch_t *new_batch(void) {
  static batch_t batch;
  size_t i;
  memset(&batch, 0, sizeof batch);
  for (i = 0; i < COUNT; i++) {
    batch.key_sizes[i] = (size_t)sprintf(batch.key_bytes[i], "key%zu", i);
    batch.value_sizes[i] = (size_t)sprintf(batch.value_bytes[i], "v%zu", i);
    batch.keys[i] = batch.key_bytes[i];
    batch.values[i] = batch.value_bytes[i];
    batch.buffers[i] = batch.buffer_bytes[i];
    batch.capacities[i] = sizeof batch.buffer_bytes[i];
    batch.statuses[i] = 99;
  }
  return &batch;
}

static cachecore_status_t set_many(cachecore_t *cache, batch_t *b,
                                   size_t count) {
  return cachecore_set_many(cache, count, b->keys, b->key_sizes, b->values,
                            b->value_sizes, b->ttls, b->statuses);
}

static cachecore_status_t get_many(cachecore_t *cache, batch_t *b,
                                   size_t count) {
  return cachecore_get_many(cache, count, b->keys, b->key_sizes, b->buffers,
                            b->capacities, b->sizes, b->statuses);
}

static void store_read_and_remove(void) {
  cachecore_t *cache = open_plain(1000, 0);
  batch_t *b = new_batch();
  uint64_t removed = 0;
  size_t i;
  CHECK_OK(set_many(cache, b, COUNT));
  for (i = 0; i < COUNT; i++) CHECK_OK(b->statuses[i]);
  CHECK_INT(cachecore_count(cache), COUNT);
  CHECK_OK(get_many(cache, b, COUNT));
  for (i = 0; i < COUNT; i++) {
    CHECK_OK(b->statuses[i]);
    CHECK_INT(b->sizes[i], b->value_sizes[i]);
    CHECK(memcmp(b->buffers[i], b->values[i], b->sizes[i]) == 0);
  }
  CHECK_INT(stats_of(cache).hits, COUNT);
  CHECK_OK(cachecore_delete_many(cache, COUNT, b->keys, b->key_sizes,
                                 b->statuses, &removed));
  CHECK_INT(removed, COUNT);
  CHECK_OK(cachecore_delete_many(cache, COUNT, b->keys, b->key_sizes,
                                 b->statuses, &removed));
  CHECK_INT(removed, 0);
  for (i = 0; i < COUNT; i++) CHECK_INT(b->statuses[i], CACHECORE_MISS);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void results_are_mixed(void) {
  cachecore_t *cache = open_plain(1000, 0);
  batch_t *b = new_batch();
  size_t i;
  CHECK_OK(set_many(cache, b, 10));
  b->capacities[3] = 1;   /* too small for "v3" */
  b->key_sizes[4] = 0;    /* no key */
  b->keys[5] = NULL;
  b->buffers[6] = NULL;
  CHECK_INT(get_many(cache, b, 20), CACHECORE_E_TOO_SMALL); /* the first */
  for (i = 0; i < 20; i++) {
    cachecore_status_t expected = i == 3   ? CACHECORE_E_TOO_SMALL
                                  : i == 4 ? CACHECORE_E_ARGUMENT
                                  : i == 5 ? CACHECORE_E_ARGUMENT
                                  : i == 6 ? CACHECORE_E_ARGUMENT
                                  : i < 10 ? CACHECORE_OK
                                           : CACHECORE_MISS;
    CHECK_INT(b->statuses[i], expected);
    CHECK_INT(b->sizes[i], i == 3 || expected == CACHECORE_OK ? 2 : 0);
  }
  CHECK_OK(get_many(cache, b, 3)); /* a miss is no error */
  cachecore_close(cache);
}

static void set_many_attempts_every_element(void) {
  cachecore_t *cache = open_exact(1000, 0, 0);
  batch_t *b = new_batch();
  b->key_sizes[0] = 65536;
  b->values[1] = NULL;
  b->ttls[2] = 10;
  CHECK_INT(set_many(cache, b, 5), CACHECORE_E_ARGUMENT);
  CHECK_INT(b->statuses[0], CACHECORE_E_ARGUMENT);
  CHECK_INT(b->statuses[1], CACHECORE_E_ARGUMENT);
  CHECK_OK(b->statuses[2]);
  CHECK_OK(b->statuses[4]);
  CHECK_INT(cachecore_count(cache), 3);
  CHECK_OK(cachecore_advance_clock(cache, 10));
  CHECK_MISS(cache, "key2");
  CHECK_TEXT(cache, "key4", "v4");
  cachecore_close(cache);
}

/* E_FULL within a batch is that element's alone. */
static void set_many_in_a_full_cache(void) {
  cachecore_t *cache = open_exact(50, 0, CACHECORE_NO_EVICT);
  batch_t *b = new_batch();
  size_t i;
  CHECK_INT(set_many(cache, b, COUNT), CACHECORE_E_FULL);
  for (i = 0; i < COUNT; i++)
    CHECK_INT(b->statuses[i], i < 50 ? CACHECORE_OK : CACHECORE_E_FULL);
  CHECK_INT(cachecore_count(cache), 50);
  cachecore_close(cache);
}

static void one_key_again_and_again(void) {
  cachecore_t *cache = open_plain(1000, 0);
  batch_t *b = new_batch();
  uint64_t removed = 0;
  size_t i;
  for (i = 0; i < COUNT; i++) {
    b->keys[i] = "same";
    b->key_sizes[i] = 4;
  }
  CHECK_OK(set_many(cache, b, COUNT)); /* in order: the last one wins */
  CHECK_TEXT(cache, "same", "v99");
  CHECK_INT(stats_of(cache).inserts, 1);
  CHECK_INT(stats_of(cache).updates, COUNT - 1);
  CHECK_OK(cachecore_delete_many(cache, COUNT, b->keys, b->key_sizes,
                                 b->statuses, &removed));
  CHECK_INT(removed, 1);
  CHECK_OK(b->statuses[0]);
  CHECK_INT(b->statuses[1], CACHECORE_MISS);
  cachecore_close(cache);
}

static void optional_arrays(void) {
  cachecore_t *cache = open_plain(1000, 0);
  batch_t *b = new_batch();
  CHECK_OK(cachecore_set_many(cache, 5, b->keys, b->key_sizes, b->values,
                              b->value_sizes, NULL, NULL));
  CHECK_OK(cachecore_get_many(cache, 5, b->keys, b->key_sizes, b->buffers,
                              b->capacities, b->sizes, NULL));
  CHECK_INT(b->sizes[4], 2);
  CHECK_OK(cachecore_delete_many(cache, 5, b->keys, b->key_sizes, NULL, NULL));
  CHECK_INT(cachecore_count(cache), 0);
  cachecore_close(cache);
}

static void nothing_to_do(void) {
  cachecore_t *cache = open_plain(1000, 0);
  batch_t *b = new_batch();
  uint64_t removed = 77;
  CHECK_OK(set_many(cache, b, 0));
  CHECK_OK(get_many(cache, b, 0));
  CHECK_OK(cachecore_delete_many(cache, 0, b->keys, b->key_sizes, b->statuses,
                                 &removed));
  CHECK_INT(removed, 0);
  CHECK_INT(b->statuses[0], 99);
  CHECK_INT(cachecore_count(cache), 0);
  cachecore_close(cache);
}

/* A NULL array is an error before anything is attempted. */
static void missing_arrays(void) {
  cachecore_t *cache = open_plain(1000, 0);
  batch_t *b = new_batch();
  const cachecore_status_t e = CACHECORE_E_ARGUMENT;
  CHECK_INT(cachecore_set_many(NULL, 1, b->keys, b->key_sizes, b->values,
                               b->value_sizes, NULL, b->statuses), e);
  CHECK_INT(cachecore_set_many(cache, 1, NULL, b->key_sizes, b->values,
                               b->value_sizes, NULL, b->statuses), e);
  CHECK_INT(cachecore_set_many(cache, 1, b->keys, NULL, b->values,
                               b->value_sizes, NULL, b->statuses), e);
  CHECK_INT(cachecore_set_many(cache, 1, b->keys, b->key_sizes, NULL,
                               b->value_sizes, NULL, b->statuses), e);
  CHECK_INT(cachecore_set_many(cache, 1, b->keys, b->key_sizes, b->values,
                               NULL, NULL, b->statuses), e);
  CHECK_INT(cachecore_get_many(NULL, 1, b->keys, b->key_sizes, b->buffers,
                               b->capacities, b->sizes, b->statuses), e);
  CHECK_INT(cachecore_get_many(cache, 1, NULL, b->key_sizes, b->buffers,
                               b->capacities, b->sizes, b->statuses), e);
  CHECK_INT(cachecore_get_many(cache, 1, b->keys, NULL, b->buffers,
                               b->capacities, b->sizes, b->statuses), e);
  CHECK_INT(cachecore_get_many(cache, 1, b->keys, b->key_sizes, NULL,
                               b->capacities, b->sizes, b->statuses), e);
  CHECK_INT(cachecore_get_many(cache, 1, b->keys, b->key_sizes, b->buffers,
                               NULL, b->sizes, b->statuses), e);
  CHECK_INT(cachecore_get_many(cache, 1, b->keys, b->key_sizes, b->buffers,
                               b->capacities, NULL, b->statuses), e);
  CHECK_INT(cachecore_delete_many(NULL, 1, b->keys, b->key_sizes, b->statuses,
                                  NULL), e);
  CHECK_INT(cachecore_delete_many(cache, 1, NULL, b->key_sizes, b->statuses,
                                  NULL), e);
  CHECK_INT(cachecore_delete_many(cache, 1, b->keys, NULL, b->statuses, NULL),
            e);
  CHECK_INT(b->statuses[0], e);
  CHECK_INT(cachecore_count(cache), 0);
  cachecore_close(cache);
}

TESTS(T(store_read_and_remove), T(results_are_mixed),
      T(set_many_attempts_every_element), T(set_many_in_a_full_cache),
      T(one_key_again_and_again), T(optional_arrays), T(nothing_to_do),
      T(missing_arrays))
