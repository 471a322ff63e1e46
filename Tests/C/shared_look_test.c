/* A shared cache that is opened for reading alone, and one that nobody has
 * checked since all processes had gone: both are read without a lock, whatever
 * is in the file. */
#include "shared.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static char path[64];
static cachecore_t *cache;

static cachecore_options_t options(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  options.max_entries = 20000;
  options.shard_count = 4;
  return options;
}

static cachecore_status_t open_with(uint32_t flags, cachecore_t **out) {
  cachecore_options_t o = options();
  cachecore_shared_options_t shared = CACHECORE_SHARED_OPTIONS_INIT;
  shared.path = path;
  shared.flags = flags;
  return cachecore_open_shared(&o, &shared, out);
}

static size_t name(char key[32], int i) {
  return (size_t)snprintf(key, 32, "key %d", i);
}

/* A value that says whose it is, of a size that depends on that. */
static size_t value_of(int i, char value[256]) {
  size_t size = (size_t)snprintf(value, 256, "%d:", i), end = 20 + i % 180;
  while (size < end) value[size++] = (char)('a' + i % 26);
  return size;
}

static void put(cachecore_t *to, int i, uint64_t ttl_ms) {
  char key[32], value[256];
  size_t key_size = name(key, i);
  CHECK_OK(cachecore_set(to, key, key_size, value, value_of(i, value), ttl_ms));
}

/* 1: its value; 0: a miss. */
static int has(cachecore_t *from, int i) {
  char key[32], value[256], found[256];
  size_t size, key_size = name(key, i), value_size = value_of(i, value);
  cachecore_status_t status =
      cachecore_get(from, key, key_size, found, sizeof found, &size);
  if (status == CACHECORE_MISS) return 0;
  CHECK_OK(status);
  CHECK(size == value_size && memcmp(found, value, size) == 0);
  return 1;
}

static void filled(int count) {
  cachecore_options_t o = options();
  new_path(path, sizeof path);
  cache = open_path(path, &o);
  for (int i = 0; i < count; i++) put(cache, i, 0);
}

/* Keys that a scan lists; each must be one that was stored. */
static int scanned(cachecore_t *from, const char *prefix, size_t capacity) {
  uint64_t cursor = 0;
  int total = 0;
  char *buffer = malloc(capacity);
  do {
    size_t size, count;
    cachecore_status_t status =
        cachecore_scan(from, &cursor, prefix, strlen(prefix), buffer, capacity,
                       &size, &count);
    if (status == CACHECORE_E_TOO_SMALL) {
      CHECK(size > capacity);
      free(buffer);
      buffer = malloc(capacity = size);
      continue;
    }
    /* A damaged bucket, which nobody puts right, does not come to rest. */
    if (status == CACHECORE_E_TIMEOUT) break;
    CHECK_OK(status);
    total += (int)count;
    for (size_t at = 0; at < size;) {
      const cachecore_scan_record_t *record = (void *)(buffer + at);
      CHECK(record->record_size >= sizeof *record + record->key_size);
      at += record->record_size;
    }
  } while (cursor != 0);
  free(buffer);
  return total;
}

/* ---- For reading alone --------------------------------------------------- */

static void it_reads_and_changes_nothing(void) {
  cachecore_t *looker = (cachecore_t *)&path;
  cachecore_shared_info_t info = CACHECORE_SHARED_INFO_INIT;
  cachecore_stats_t stats = CACHECORE_STATS_INIT, own = CACHECORE_STATS_INIT;
  cachecore_entry_info_t entry = CACHECORE_ENTRY_INFO_INIT;
  cachecore_value_t value;
  char found[256];
  size_t size;
  uint64_t number;
  int64_t left;
  new_path(path, sizeof path);
  CHECK_INT(open_with(CACHECORE_SHARED_READ_ONLY, &looker), CACHECORE_E_STATE);
  CHECK(looker == NULL && access(path, F_OK) != 0);
  filled(5000);
  put(cache, 5000, 3600 * 1000);
  CHECK_OK(open_with(CACHECORE_SHARED_READ_ONLY, &looker));
  for (int i = 0; i <= 5000; i++) CHECK(has(looker, i));
  CHECK(!has(looker, 6000));
  CHECK_INT(cachecore_count(looker), 5001);
  CHECK_INT(scanned(looker, "", 4096), 5001);
  CHECK_INT(scanned(looker, "key 12", 64), 111);
  CHECK_OK(cachecore_contains(looker, "key 1", 5));
  CHECK_OK(cachecore_peek(looker, "key 1", 5, found, sizeof found, &size));
  CHECK_OK(cachecore_ttl(looker, "key 5000", 8, &left));
  CHECK(left > 0);
  CHECK_OK(cachecore_inspect(looker, "key 1", 5, &entry));
  CHECK_OK(cachecore_get_with_info(looker, "key 1", 5, found, sizeof found,
                                   &size, &entry));
  {
    const void *keys[2] = {"key 1", "none"};
    size_t key_sizes[2] = {5, 4}, sizes[2], capacities[2] = {256, 256};
    void *buffers[2] = {found, found};
    cachecore_status_t statuses[2];
    CHECK_OK(cachecore_get_many(looker, 2, keys, key_sizes, buffers, capacities,
                                sizes, statuses));
    CHECK(statuses[0] == CACHECORE_OK && statuses[1] == CACHECORE_MISS);
  }
  CHECK_OK(cachecore_shared_info(looker, &info));
  CHECK_INT(info.processes, 1);
  CHECK_OK(cachecore_stats(looker, &stats));
  CHECK_OK(cachecore_stats(cache, &own));
  /* It is no process that shares it, and its reads are not counted. */
  CHECK(stats.inserts == own.inserts && own.hits == 0 && own.misses == 0);

  CHECK_INT(cachecore_set(looker, "a", 1, "1", 1, 0), CACHECORE_E_STATE);
  CHECK_INT(cachecore_delete(looker, "key 1", 5), CACHECORE_E_STATE);
  CHECK_INT(cachecore_clear(looker), CACHECORE_E_STATE);
  CHECK_INT(cachecore_acquire(looker, "key 1", 5, &value), CACHECORE_E_STATE);
  CHECK_INT(cachecore_touch(looker, "key 1", 5, 0), CACHECORE_E_STATE);
  CHECK_INT(cachecore_resize(looker, 10, 0), CACHECORE_E_STATE);
  CHECK_INT(cachecore_reset_stats(looker), CACHECORE_E_STATE);
  CHECK_INT(cachecore_cleanup_expired(looker, 0, &number), CACHECORE_E_STATE);
  CHECK_INT(cachecore_sweeper_start(looker, NULL), CACHECORE_E_STATE);
  {
    cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
    CHECK_INT(cachecore_get_or_claim(looker, "a", 1, found, sizeof found, &size,
                                     &claim),
              CACHECORE_E_STATE);
  }
  /* What others store it sees at once; what they delete it does not. */
  put(cache, 7000, 0);
  CHECK(has(looker, 7000));
  CHECK_OK(cachecore_delete(cache, "key 7000", 8));
  CHECK(!has(looker, 7000));
  cachecore_close(looker);
  CHECK_INT(cachecore_get(looker, "a", 1, found, sizeof found, &size),
            CACHECORE_E_STATE);
  cachecore_close(cache);
  /* Nor does it need anybody else. */
  CHECK_OK(open_with(CACHECORE_SHARED_READ_ONLY, &looker));
  for (int i = 0; i <= 5000; i++) CHECK(has(looker, i));
  CHECK_INT(scanned(looker, "", 4096), 5001);
  cachecore_close(looker);
  unlink(path);
}

static cachecore_t *inherited;

static void a_child_reads_too(void) {
  int status;
  pid_t child;
  filled(100);
  CHECK_OK(open_with(CACHECORE_SHARED_READ_ONLY, &inherited));
  child = fork();
  if (child == 0) {
    for (int i = 0; i < 100; i++) CHECK(has(inherited, i));
    cachecore_close(inherited);
    _exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(has(inherited, 1));
  cachecore_close(inherited);
  cachecore_close(cache);
  unlink(path);
}

/* It reads beside one who writes, and who is killed again and again. */
static void it_reads_beside_the_killed(void) {
  cachecore_t *looker;
  filled(10);
  CHECK_OK(open_with(CACHECORE_SHARED_READ_ONLY, &looker));
  for (int round = 0; round < 20; round++) {
    int status, hits = 0;
    pid_t child = fork();
    if (child == 0) {
      cachecore_close(looker);
      for (int i = round;; i = (i * 7 + 1) % 30000) {
        char key[32];
        put(cache, i, 0);
        if (i % 5 == 0) cachecore_delete(cache, key, name(key, i - 1));
      }
    }
    for (int i = 0; i < 30000; i++) hits += has(looker, i);
    scanned(looker, "", 1 << 16);
    kill(child, SIGKILL);
    CHECK(waitpid(child, &status, 0) == child);
    for (int i = 0; i < 2000; i++) hits += has(looker, i);
    CHECK(hits > 0);
  }
  cachecore_close(looker);
  cachecore_close(cache);
  unlink(path);
}

/* ---- Not checked yet ----------------------------------------------------- */

/* After all were killed reads find what is there before anybody has written,
 * and a write to one shard puts that one right. */
static void reads_go_on_after_all_were_killed(void) {
  for (int round = 0; round < 10; round++) {
    cachecore_shared_info_t info = CACHECORE_SHARED_INFO_INIT;
    cachecore_stats_t stats = CACHECORE_STATS_INIT;
    cachecore_value_t value;
    int status, found = 0, again = 0;
    int filled_up[2];
    char byte;
    pid_t child;
    new_path(path, sizeof path);
    CHECK(pipe(filled_up) == 0);
    child = fork();
    if (child == 0) {
      cachecore_options_t o = options();
      cache = open_path(path, &o);
      for (int i = 0; i < 4000; i++) put(cache, i, 0);
      CHECK(write(filled_up[1], "", 1) == 1);
      for (int i = 0;; i++) put(cache, i % 4000, 0);
    }
    CHECK(read(filled_up[0], &byte, 1) == 1);
    close(filled_up[0]);
    close(filled_up[1]);
    usleep((useconds_t)(rand() % 3000));
    kill(child, SIGKILL);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_OK(open_with(0, &cache));
    CHECK_OK(cachecore_shared_info(cache, &info));
    CHECK(info.warm == 1 && info.processes == 1);
    for (int i = 0; i < 4000; i++) found += has(cache, i);
    CHECK(found >= 3999);
    CHECK_OK(cachecore_acquire(cache, "key 17", 6, &value));
    cachecore_release(&value);
    put(cache, 5000, 0);
    for (int i = 0; i < 4000; i++) again += has(cache, i);
    CHECK(again >= found - 1);
    CHECK_OK(cachecore_stats(cache, &stats));
    CHECK(stats.entries >= 4000 && stats.entries <= 4001);
    cachecore_close(cache);
    unlink(path);
  }
}

/* Reads of a cache that nobody has checked yet are uses: what is read stays. */
static void what_is_read_stays(void) {
  cachecore_options_t o = options();
  int hot = 0;
  filled(20000);
  cachecore_close(cache);
  CHECK_OK(open_with(0, &cache));
  for (int round = 0; round < 3; round++)
    for (int i = 0; i < 8000; i++) CHECK(has(cache, i));
  for (int i = 20000; i < 31000; i++) put(cache, i, 0);
  for (int i = 0; i < 8000; i++) hot += has(cache, i);
  CHECK(hot > 7800);
  cachecore_close(cache);
  unlink(path);

  o.default_tti_ms = 400;
  cache = open_path(path, &o);
  put(cache, 1, 0);
  put(cache, 2, 0);
  cachecore_close(cache);
  CHECK_OK(open_with(0, &cache));
  for (int i = 0; i < 20; i++) {
    usleep(50000);
    CHECK(has(cache, 1));
  }
  CHECK(!has(cache, 2));
  cachecore_close(cache);
  unlink(path);
}

/* Whatever is in the file, reads before a check and for reading alone end, with
 * a status, and what is checked afterwards is a cache that works. */
static void whatever_is_in_it(void) {
  const char *given = getenv("CACHECORE_SEED");
  unsigned seed = given != NULL ? (unsigned)atoi(given) : (unsigned)time(NULL);
  printf("seed %u\n", seed);
  fflush(stdout);
  srand(seed);
  for (int round = 0; round < 40; round++) {
    cachecore_t *own = NULL;
    char found[256];
    size_t size;
    int file;
    off_t data = 0;
    filled(2000);
    cachecore_close(cache);
    file = open(path, O_RDWR);
    /* Wherever there is something. */
    while ((data = lseek(file, data, SEEK_DATA)) >= 0) {
      off_t hole = lseek(file, data, SEEK_HOLE);
      off_t start = data < 4096 ? 4096 : data;
      for (int i = 0; i < 1 << round % 10 && start < hole; i++) {
        uint32_t word = (uint32_t)rand() * 2654435761u;
        off_t at = start + (off_t)(((uint64_t)rand() << 31 | (uint64_t)rand()) %
                                   (uint64_t)(hole - start));
        if (rand() % 2) word &= 0x3fff;
        CHECK(pwrite(file, &word, rand() % 4 ? 4 : 1, at / 4 * 4) > 0);
      }
      data = hole;
    }
    close(file);
    for (int flags = 0; flags <= CACHECORE_SHARED_READ_ONLY;
         flags += CACHECORE_SHARED_READ_ONLY) {
      uint32_t how = flags ? 0 : CACHECORE_SHARED_READ_ONLY;
      cachecore_status_t status = open_with(how, &own);
      if (status != CACHECORE_OK) {
        CHECK(status < 0 && own == NULL);
        continue;
      }
      for (int i = 0; i < 3000; i++) {
        char key[32];
        status = cachecore_get(own, key, name(key, i), found, sizeof found,
                               &size);
        CHECK(status == CACHECORE_OK || status == CACHECORE_MISS ||
              status == CACHECORE_E_TOO_SMALL);
      }
      scanned(own, "", 1 << 16);
      cachecore_count(own);
      {
        cachecore_stats_t stats = CACHECORE_STATS_INIT;
        CHECK_OK(cachecore_stats(own, &stats));
      }
      if (how == 0) {
        for (int i = 0; i < 3000; i++) put(own, i, 0);
        for (int i = 0; i < 3000; i++) CHECK(has(own, i));
      }
      /* What was counted may not add up before it is checked. */
      (cachecore_close)(own);
    }
    unlink(path);
  }
}

TESTS(T(it_reads_and_changes_nothing), T(a_child_reads_too),
      T(it_reads_beside_the_killed), T(what_is_read_stays),
      T(reads_go_on_after_all_were_killed),
      T(whatever_is_in_it))
