/*
 * A program that is built for ThreadSanitizer and uses the library that ships,
 * which is not.  What the library's readers do with bytes that a writer may be
 * writing looks like a race there (cachecore.tsan.supp); what the program does
 * itself is one, if it is told to have one.
 *
 *   tsan_host          nothing but calls of the library
 *   tsan_host race     and a race of its own
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "cachecore.h"

/* Long enough for memcpy and memcmp, which the sanitizer looks into. */
enum { KEYS = 2, KEY_SIZE = 100, VALUE_SIZE = 300, ROUNDS = 20000 };

static cachecore_t *cache;
static int own_race;

static void name(char key[KEY_SIZE], int i) {
  memset(key, 'k', KEY_SIZE);
  key[KEY_SIZE - 1] = (char)('a' + i % KEYS);
}

static void *write_all(void *unused) {
  char key[KEY_SIZE], value[VALUE_SIZE];
  int i;
  for (i = 0; i < ROUNDS; i++) {
    name(key, i);
    memset(value, i, sizeof value);
    if (i % 7 == 0) cachecore_delete(cache, key, KEY_SIZE);
    cachecore_set(cache, key, KEY_SIZE, value, 64 + (size_t)i % 200,
                  (uint64_t)i % 3);
  }
  return unused;
}

static void *read_all(void *is_racing) {
  char key[KEY_SIZE], value[VALUE_SIZE];
  size_t size;
  int i;
  for (i = 0; i < ROUNDS; i++) {
    cachecore_value_t lent;
    name(key, i);
    cachecore_get(cache, key, KEY_SIZE, value, sizeof value, &size);
    if (cachecore_acquire(cache, key, KEY_SIZE, &lent) == CACHECORE_OK) {
      memcpy(value, lent.data, lent.size);
      cachecore_release(&lent);
    }
    if (is_racing != NULL) own_race++;
  }
  return NULL;
}

int main(int argc, char **argv) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_sweeper_options_t often = CACHECORE_SWEEPER_OPTIONS_INIT;
  pthread_t threads[4];
  void *racing = argc > 1 && strcmp(argv[1], "race") == 0 ? argv : NULL;
  int i;
  options.max_entries = 100;
  often.interval_ms = 1;
  if (cachecore_open(&options, &cache) != CACHECORE_OK ||
      cachecore_sweeper_start(cache, &often) != CACHECORE_OK)
    return 2;
  for (i = 0; i < 4; i++)
    if (pthread_create(&threads[i], NULL, i % 2 ? write_all : read_all, racing))
      return 2;
  for (i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  cachecore_close(cache);
  return 0;
}
