/*
 * Saving and loading: how many entries a second, on one core.
 *
 *     saving [FOLDER [ENTRIES [ROUNDS]]]       /dev/shm, 1000000 and 7
 *
 * A cache of ENTRIES entries of 16 and 64 bytes with lifetimes is saved to a
 * file in FOLDER, and the file is loaded into an empty cache, in turns.  Beside
 * it, in the same turn: as many sets in an empty cache.  By the time of the
 * processor in this thread, the kernel's copying to and from the file included.
 * Printed are the median, least and most of the rounds, and the median's ratio
 * to that of set.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cachecore.h>

enum { KEY_SIZE = 16, VALUE_SIZE = 64, ROUNDS_MAX = 1000 };

enum { SET, SAVE, LOAD, KINDS };
static const char *const names[KINDS] = {"set", "save", "load"};

static void require(cachecore_status_t status, const char *what) {
  if (status == CACHECORE_OK) return;
  fprintf(stderr, "saving: %s: %s\n", what, cachecore_status_text(status));
  exit(1);
}

static cachecore_t *open_for(uint64_t entries) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  options.max_entries = entries;
  require(cachecore_open(&options, &cache), "open");
  return cache;
}

static void fill(cachecore_t *cache, uint64_t entries) {
  char key[KEY_SIZE + 1], value[VALUE_SIZE];
  uint64_t i;
  memset(value, 'v', sizeof value);
  for (i = 0; i < entries; i++) {
    snprintf(key, sizeof key, "%016" PRIx64, i * 0x9E3779B97F4A7C15u);
    require(cachecore_set(cache, key, KEY_SIZE, value, VALUE_SIZE,
                          3600 * 1000 + i % 1000), "set");
  }
}

/* Of this thread: others on the machine count for less. */
static uint64_t cpu_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Keys are made beforehand elsewhere; here their making is taken off. */
static uint64_t time_of_keys(uint64_t entries) {
  char key[KEY_SIZE + 1];
  uint64_t i, start = cpu_ns();
  volatile char sink;
  for (i = 0; i < entries; i++) {
    snprintf(key, sizeof key, "%016" PRIx64, i * 0x9E3779B97F4A7C15u);
    sink = key[0];
  }
  (void)sink;
  return cpu_ns() - start;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  static double rates[KINDS][ROUNDS_MAX];
  const char *folder = argc > 1 ? argv[1] : "/dev/shm";
  uint64_t entries = argc > 2 ? strtoull(argv[2], NULL, 0) : 1000000;
  int rounds = argc > 3 ? atoi(argv[3]) : 7, i, kind;
  char path[4096];
  struct stat status;
  if (rounds < 1 || rounds > ROUNDS_MAX || entries == 0) return 2;
  snprintf(path, sizeof path, "%s/cachecore-saving-%ld", folder,
           (long)getpid());
  for (i = 0; i < rounds; i++) {
    cachecore_t *full = open_for(entries), *empty = open_for(entries);
    uint64_t saved, loaded, keys = time_of_keys(entries), start = cpu_ns();
    uint64_t there;
    fill(full, entries);
    rates[SET][i] = (double)entries * 1e9 / (double)(cpu_ns() - start - keys);
    there = cachecore_count(full);
    start = cpu_ns();
    require(cachecore_save(full, path, &saved), "save");
    rates[SAVE][i] = (double)saved * 1e9 / (double)(cpu_ns() - start);
    start = cpu_ns();
    require(cachecore_load(empty, path, &loaded), "load");
    rates[LOAD][i] = (double)loaded * 1e9 / (double)(cpu_ns() - start);
    if (saved != there || loaded < saved - saved / 100) {
      fprintf(stderr, "saving: of %" PRIu64 " entries %" PRIu64
              " were saved and %" PRIu64 " loaded\n", there, saved, loaded);
      return 1;
    }
    if (stat(path, &status) != 0) return 1;
    cachecore_close(full);
    cachecore_close(empty);
    unlink(path);
  }
  printf("%" PRIu64 " entries of %d and %d bytes, %d rounds, %s, %.1f bytes an "
         "entry in the file\n", entries, KEY_SIZE, VALUE_SIZE, rounds, folder,
         (double)status.st_size / (double)entries);
  printf("%-5s  %10s  %10s  %10s  %s\n", "", "median", "least", "most",
         "M entries/s; to set's");
  for (kind = 0; kind < KINDS; kind++)
    qsort(rates[kind], (size_t)rounds, sizeof(double), compare);
  for (kind = 0; kind < KINDS; kind++)
    printf("%-5s  %10.2f  %10.2f  %10.2f  %.2f\n", names[kind],
           rates[kind][rounds / 2] / 1e6, rates[kind][0] / 1e6,
           rates[kind][rounds - 1] / 1e6,
           rates[kind][rounds / 2] / rates[SET][rounds / 2]);
  return 0;
}
