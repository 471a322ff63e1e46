/*
 * Many keys at once, by arrays of pointers or packed into blocks: what each
 * element comes to is what the single call would.
 */
#ifndef BATCHES_H
#define BATCHES_H

#include "choices.h"

enum { BATCH_MAX = 40, BATCH_ROOM = 64 };

/* Keys one after another, and where each begins. */
typedef struct names {
  uint32_t numbers[BATCH_MAX];
  char block[BATCH_MAX * KEY_MAX];
  size_t offsets[BATCH_MAX + 1], sizes[BATCH_MAX];
  const void *starts[BATCH_MAX];
} names_t;

static inline void add_name(names_t *names, size_t i, uint32_t number) {
  char *start = names->block + names->offsets[i];
  names->numbers[i] = number;
  names->starts[i] = start;
  names->sizes[i] = key_of(number, start);
  names->offsets[i + 1] = names->offsets[i] + names->sizes[i];
}

static inline void step_get_many(input_t *in, oracle_t *o, bool is_packed) {
  static names_t names;
  static char block[BATCH_MAX * BATCH_ROOM];
  void *buffers[BATCH_MAX];
  size_t capacities[BATCH_MAX], sizes[BATCH_MAX], left, i;
  cachecore_status_t statuses[BATCH_MAX];
  size_t count = take(in, 1) % BATCH_MAX;
  const char *packed = block;
  for (i = 0; i < count; i++) {
    add_name(&names, i, (uint32_t)take(in, 1));
    buffers[i] = block + i * BATCH_ROOM;
    capacities[i] = BATCH_ROOM;
  }
  left = is_packed ? take_below(in, sizeof block + 1) : 0;
  if (is_packed)
    cachecore_get_packed(o->cache, count, names.block, names.offsets, block,
                         left, sizes, statuses);
  else
    cachecore_get_many(o->cache, count, names.starts, names.sizes, buffers,
                       capacities, sizes, statuses);
  for (i = 0; i < count; i++) {
    const char *found = is_packed ? packed : buffers[i];
    settle(o, names.numbers[i], statuses[i] != CACHECORE_MISS);
    if (statuses[i] == CACHECORE_MISS) {
      EXPECT(sizes[i] == 0);
      continue;
    }
    note_use(o, names.numbers[i]);
    if (statuses[i] != CACHECORE_OK) {
      EXPECT(statuses[i] == CACHECORE_E_TOO_SMALL);
      EXPECT(sizes[i] > (is_packed ? left : BATCH_ROOM));
      continue;
    }
    EXPECT(is_latest(o, names.numbers[i], found, sizes[i]));
    if (!is_packed) continue;
    EXPECT(sizes[i] <= left);
    packed += sizes[i];
    left -= sizes[i];
  }
}

static inline void step_set_many(input_t *in, oracle_t *o, bool is_packed) {
  enum { COUNT = 20, SIZE = 100 };
  static names_t names;
  static char contents[COUNT * SIZE];
  const void *values[COUNT];
  size_t sizes[COUNT], offsets[COUNT + 1] = {0};
  size_t count = take(in, 1) % COUNT, i;
  uint32_t generations[COUNT];
  uint64_t ttls[COUNT];
  cachecore_status_t statuses[COUNT];
  for (i = 0; i < count; i++) {
    uint32_t number = (uint32_t)take(in, 1);
    char *value = contents + offsets[i];
    generations[i] = o->items[number].generation + 1 + (uint32_t)i;
    ttls[i] = choose_ttl(in);
    sizes[i] = take(in, 1) % SIZE;
    offsets[i + 1] = offsets[i] + sizes[i];
    values[i] = value;
    add_name(&names, i, number);
    fill_value(value, sizes[i], word_of(number, generations[i]));
  }
  if (is_packed)
    cachecore_set_packed(o->cache, count, names.block, names.offsets, contents,
                         offsets, ttls, statuses);
  else
    cachecore_set_many(o->cache, count, names.starts, names.sizes, values,
                       sizes, ttls, statuses);
  for (i = 0; i < count; i++)
    settle_write(o, names.numbers[i], statuses[i], generations[i], sizes[i],
                 deadline_in(o, ttls[i]));
}

#endif
