/* A cache that processes share, while they are killed: at any instruction, a
 * few milliseconds apart.  Nothing that was written before is lost, no value
 * is torn, nobody waits for the dead, and the cache holds as much afterwards,
 * and hits as often, as one in which nobody was killed.  CACHECORE_KILLS says
 * how many are killed, 300 if not, and CACHECORE_BALLAST how many megabytes one
 * of them has besides, which the system takes apart when it is killed. */
#include "shared.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

enum { workers = 4, canaries = 300, keys = 4000, value_max = 3000 };

typedef struct {
  uint64_t steps;   /* calls that have ended */
  uint64_t since;   /* when the present one began, in ns; 0: none has */
  uint64_t longest; /* ns of a call */
} progress_t;

static progress_t *progress;

static uint64_t read_word(const uint64_t *word) {
  return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void write_word(uint64_t *word, uint64_t value) {
  __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

/* A value that says whose it is: the key's number, its size, a sum. */
static size_t describe(char *value, uint32_t key, uint64_t *random) {
  size_t size = 16 + next_random(random) % (value_max - 16);
  uint32_t sum = key * 2654435761u ^ (uint32_t)size, head[4];
  size_t i;
  for (i = 16; i < size; i++) {
    value[i] = (char)(key + i * 31 + size);
    sum = sum * 31 + (unsigned char)value[i];
  }
  head[0] = key, head[1] = (uint32_t)size, head[2] = sum, head[3] = ~sum;
  memcpy(value, head, 16);
  return size;
}

static bool is_whole(const char *value, size_t size, uint32_t key) {
  uint32_t head[4], sum;
  size_t i;
  if (size < 16) return false;
  memcpy(head, value, 16);
  sum = key * 2654435761u ^ (uint32_t)size;
  for (i = 16; i < size; i++) {
    if (value[i] != (char)(key + i * 31 + size)) return false;
    sum = sum * 31 + (unsigned char)value[i];
  }
  return head[0] == key && head[1] == size && head[2] == sum &&
         head[3] == ~sum;
}

static void one_call(cachecore_t *cache, uint64_t *random) {
  uint32_t number = (uint32_t)(next_random(random) % keys);
  char key[16], value[value_max];
  size_t size = 0;
  int key_size = snprintf(key, sizeof key, "key %u", number);
  cachecore_value_t lent;
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  cachecore_status_t status;
  uint64_t removed;
  switch (next_random(random) % 16) {
    case 0: case 1: case 2: case 3: case 4:
      size = describe(value, number, random);
      status = cachecore_set(cache, key, (size_t)key_size, value, size,
                             number % 3 == 0 ? 50 : CACHECORE_TTL_NEVER);
      CHECK(status == CACHECORE_OK);
      break;
    case 5:
      status = cachecore_delete(cache, key, (size_t)key_size);
      CHECK(status == CACHECORE_OK || status == CACHECORE_MISS);
      break;
    case 6:
      status = cachecore_acquire(cache, key, (size_t)key_size, &lent);
      CHECK(status == CACHECORE_OK || status == CACHECORE_MISS);
      if (status != CACHECORE_OK) break;
      CHECK(is_whole(lent.data, lent.size, number));
      cachecore_release(&lent);
      break;
    case 7:
      status = cachecore_get_or_claim(cache, key, (size_t)key_size, value,
                                      sizeof value, &size, &claim);
      CHECK(status == CACHECORE_OK || status == CACHECORE_CLAIMED ||
            status == CACHECORE_PENDING);
      if (status == CACHECORE_OK) CHECK(is_whole(value, size, number));
      if (status != CACHECORE_CLAIMED) break;
      size = describe(value, number, random);
      status = cachecore_fulfill(cache, key, (size_t)key_size, value, size, 0,
                                 &claim);
      CHECK(status == CACHECORE_OK || status == CACHECORE_CONFLICT);
      break;
    case 8:
      if (next_random(random) % 64 == 0)
        CHECK_OK(cachecore_cleanup_expired(cache, 1000, &removed));
      break;
    default:
      status = cachecore_get(cache, key, (size_t)key_size, value, sizeof value,
                             &size);
      CHECK(status == CACHECORE_OK || status == CACHECORE_MISS);
      if (status == CACHECORE_OK) CHECK(is_whole(value, size, number));
  }
}

/* Makes calls for ever, by a path or with what was inherited. */
static void work(cachecore_t *cache, const char *path,
                 const cachecore_options_t *options, progress_t *mine,
                 uint64_t seed) {
  uint64_t random = seed * 0x9E3779B97F4A7C15u | 1;
  if (path != NULL) cache = open_path(path, options);
  while (true) {
    uint64_t begin = now_ns(), took;
    write_word(&mine->since, begin);
    one_call(cache, &random);
    write_word(&mine->since, 0);
    took = now_ns() - begin;
    if (took > read_word(&mine->longest)) write_word(&mine->longest, took);
    write_word(&mine->steps, read_word(&mine->steps) + 1);
  }
}

static pid_t start(cachecore_t *cache, const char *path,
                   const cachecore_options_t *options, progress_t *mine,
                   uint64_t seed) {
  const char *asked = getenv("CACHECORE_BALLAST");
  size_t ballast = (asked != NULL ? (size_t)atoi(asked) : 64) << 20;
  pid_t worker = fork();
  CHECK(worker >= 0);
  if (worker == 0) {
    if (mine == progress) {
      char *memory = malloc(ballast);
      CHECK(memory != NULL);
      for (size_t i = 0; i < ballast; i += 4096) memory[i] = 1;
    }
    work(cache, path, options, mine, seed);
    _exit(0);
  }
  return worker;
}

/* Entries that a cache holds when more than that were stored. */
static uint64_t capacity_of(cachecore_t *cache) {
  static char value[3000];
  CHECK_OK(cachecore_clear(cache));
  for (uint32_t i = 0; i < 120000; i++)
    CHECK_OK(cachecore_set(cache, &i, sizeof i, value, 100 + i % 2900,
                           CACHECORE_TTL_NEVER));
  return cachecore_count(cache);
}

/* Of reads by keys of which some are far more frequent than others, each
 * stored when it was missing. */
static double hit_ratio_of(cachecore_t *cache) {
  static char value[3000];
  uint64_t random = 12345, hits = 0;
  enum { reads = 200000, range = 200000 };
  CHECK_OK(cachecore_clear(cache));
  for (int i = 0; i < reads; i++) {
    uint64_t a = next_random(&random) % range, b = next_random(&random) % range;
    uint32_t key = (uint32_t)(a * b / range);
    size_t size;
    if (cachecore_get(cache, &key, sizeof key, value, sizeof value, &size) ==
        CACHECORE_OK)
      hits++;
    else
      CHECK_OK(cachecore_set(cache, &key, sizeof key, value, 1000,
                             CACHECORE_TTL_NEVER));
  }
  return (double)hits / reads;
}

static void check_against_new(cachecore_t *cache,
                              const cachecore_options_t *options) {
  cachecore_t *fresh = open_path(NULL, options);
  double capacity = (double)capacity_of(cache), hits = hit_ratio_of(cache);
  double full = (double)capacity_of(fresh), ideal = hit_ratio_of(fresh);
  printf("capacity %.4f of a new cache's, hit ratio %.4f of %.4f\n",
         capacity / full, hits, ideal);
  CHECK(capacity >= 0.99 * full && capacity <= 1.01 * full);
  CHECK(hits >= 0.95 * ideal);
  cachecore_close(fresh);
}

static void put_canaries(cachecore_t *cache) {
  char key[16], value[64];
  for (int i = 0; i < canaries; i++) {
    int size = snprintf(key, sizeof key, "canary %d", i);
    int length = snprintf(value, sizeof value, "value of canary %d", i);
    CHECK_OK(cachecore_set(cache, key, (size_t)size, value, (size_t)length,
                           CACHECORE_TTL_NEVER));
  }
}

static int lost_canaries(cachecore_t *cache) {
  char key[16], value[64], found[64];
  int lost = 0;
  for (int i = 0; i < canaries; i++) {
    size_t size = 0;
    int key_size = snprintf(key, sizeof key, "canary %d", i);
    int length = snprintf(value, sizeof value, "value of canary %d", i);
    if (cachecore_peek(cache, key, (size_t)key_size, found, sizeof found,
                       &size) != CACHECORE_OK)
      lost++;
    else
      CHECK(size == (size_t)length && memcmp(value, found, size) == 0);
  }
  return lost;
}

static void storm(uint32_t policy, uint64_t max_entries, uint64_t max_bytes,
                  bool by_path) {
  const char *count = getenv("CACHECORE_KILLS");
  int kills = count != NULL ? atoi(count) : 300;
  uint64_t seed = now_ns(), random = seed | 1, longest = 0;
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_shared_info_t info = CACHECORE_SHARED_INFO_INIT;
  cachecore_t *cache;
  pid_t pids[workers];
  char file[64];
  const char *path = by_path ? file : NULL;
  options.policy = policy;
  options.max_entries = max_entries;
  options.max_bytes = max_bytes;
  options.shard_count = 4;
  new_path(file, sizeof file);
  printf("seed %llu\n", (unsigned long long)seed);
  progress = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(progress != MAP_FAILED);
  cache = open_path(path, &options);
  put_canaries(cache);
  for (int i = 0; i < workers; i++)
    pids[i] = start(cache, path, &options, &progress[i], seed + (uint64_t)i);
  for (int killed = 0; killed < kills; killed++) {
    int victim = (int)(next_random(&random) % workers), status;
    struct timespec nap = {0, (long)(next_random(&random) % 6000000)};
    nanosleep(&nap, NULL);
    for (int i = 0; i < workers; i++) {
      uint64_t since = read_word(&progress[i].since), now = now_ns();
      CHECK(waitpid(pids[i], &status, WNOHANG) == 0); /* nobody failed */
      if (since != 0 && now > since) CHECK(now - since < 10000000000u);
    }
    kill(pids[victim], SIGKILL);
    waitpid(pids[victim], &status, 0);
    if (read_word(&progress[victim].longest) > longest)
      longest = read_word(&progress[victim].longest);
    write_word(&progress[victim].since, 0);
    pids[victim] = start(cache, path, &options, &progress[victim],
                         seed + 100 + (uint64_t)killed);
  }
  for (int i = 0; i < workers; i++) {
    kill(pids[i], SIGKILL);
    waitpid(pids[i], NULL, 0);
    if (read_word(&progress[i].longest) > longest)
      longest = read_word(&progress[i].longest);
  }
  CHECK_OK(cachecore_shared_info(cache, &info));
  printf("%d killed, %llu recoveries, %llu entries lost, "
         "longest call %llu us\n",
         kills, (unsigned long long)info.recoveries,
         (unsigned long long)info.entries_lost,
         (unsigned long long)longest / 1000);
  CHECK_INT(lost_canaries(cache), 0);
  CHECK_INT(info.processes, 1);
  if (by_path) {
    /* Whoever comes after all of them finds it so, too. */
    cachecore_close(cache);
    cache = open_path(path, &options);
    CHECK_INT(lost_canaries(cache), 0);
    CHECK_OK(cachecore_shared_info(cache, &info));
    CHECK_INT(info.warm, 1);
  }
  check_against_new(cache, &options);
  cachecore_clear(cache);
  CHECK_INT(cachecore_count(cache), 0);
  cachecore_close(cache);
  unlink(file);
}

static void lru_by_bytes(void) {
  storm(CACHECORE_POLICY_LRU, 0, 64 << 20, true);
}
static void lru_by_entries(void) {
  storm(CACHECORE_POLICY_LRU, 100000, 0, true);
}
static void adaptive(void) {
  storm(CACHECORE_POLICY_ADAPTIVE, 0, 64 << 20, true);
}
static void inherited(void) {
  storm(CACHECORE_POLICY_LRU, 0, 64 << 20, false);
}

TESTS(T(lru_by_bytes), T(lru_by_entries), T(adaptive), T(inherited))
