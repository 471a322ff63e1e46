/*
 * Replays a recording of file-access decisions through a cachecore cache.
 *
 * The cache stands in front of a policy, as it would in a sandbox or a build
 * service: `get` the decision; on a miss ask the policy (here: look up what the
 * kernel had answered) and `set` it.  Three passes, each with a new cache:
 *
 *   LRU        nothing expires
 *   LRU+TTL    refusals are forgotten five times sooner than permissions, since
 *              what is not there may soon be; the clock is moved by hand to the
 *              recorded times, so that the pass replays exactly
 *   real time  the same, 16 times as fast as it was recorded, against the real
 *              clock and with the sweeper running
 *
 * Every hit is compared with what was last stored under its key, and no hit may
 * come after its deadline.  In real time that is judged by the kernel's coarse
 * clock, as cachecore.h has it, a few milliseconds behind the exact one.
 *
 *     replay RECORDING RESULTS    RECORDING as in examples/data/README.md,
 *                                 unpacked; RESULTS is written for check.py
 */
#define _POSIX_C_SOURCE 200809L

#include <cachecore.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* replay.py and check.py have the same numbers. */
enum {
  CAPACITY = 2000,
  TTL_ALLOWED_MS = 10000, /* 300 s and 60 s, shortened as the build is: one  */
  TTL_ERROR_MS = 2000,    /* minute in place of half an hour                 */
  SPEED = 16,
  ROUNDING_MS = 1 /* deadlines are rounded up to a millisecond */
};

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("\nreplay: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

static void expect_ok(cachecore_status_t status, const char *call) {
  if (status != CACHECORE_OK)
    fail("%s: %s", call, cachecore_status_text(status));
}

static void *allocate(size_t count, size_t size) {
  void *memory = calloc(count ? count : 1, size);
  if (!memory) fail("out of memory");
  return memory;
}

/* ---- The recording ------------------------------------------------------ */

struct recording {
  uint32_t requests, keys, decisions;
  const char **key;      /* by key id                                        */
  uint32_t *key_size;
  const char **decision; /* by decision id                                   */
  uint32_t *key_id;      /* by request                                       */
  const uint8_t *decision_id;
  uint64_t *time_us;
};

static uint64_t varint(const unsigned char **at, const unsigned char *end) {
  uint64_t number = 0;
  int shift = 0;
  while (*at < end && shift < 63) {
    unsigned char byte = *(*at)++;
    number |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return number;
    shift += 7;
  }
  fail("the recording is damaged");
  return 0;
}

static const char *string(const unsigned char **at, const unsigned char *end) {
  const unsigned char *start = *at;
  const unsigned char *zero = memchr(start, 0, (size_t)(end - start));
  if (!zero) fail("the recording is damaged");
  *at = zero + 1;
  return (const char *)start;
}

static uint32_t little_endian(const unsigned char *at) {
  return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
         (uint32_t)at[3] << 24;
}

/* The strings stay in the file's bytes, which are never freed. */
static struct recording read_recording(const char *path) {
  struct recording r;
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) fail("%s: cannot be read", path);
  long size = ftell(file);
  if (size < 24) fail("%s: not a recording", path);
  rewind(file);
  unsigned char *data = allocate((size_t)size, 1);
  if (fread(data, 1, (size_t)size, file) != (size_t)size)
    fail("%s: cannot be read", path);
  fclose(file);
  if (memcmp(data, "CCDECIS1", 8)) fail("%s: not a recording", path);

  const unsigned char *at = data + 24, *end = data + size;
  r.requests = little_endian(data + 8);
  r.keys = little_endian(data + 12);
  r.decisions = little_endian(data + 16);
  uint32_t note_size = little_endian(data + 20);
  if (note_size > (size_t)(end - at) || r.requests > (size_t)size ||
      r.requests == 0 || r.keys > (size_t)size || r.decisions > 255)
    fail("%s: damaged", path);
  at += note_size;

  r.decision = allocate(r.decisions, sizeof *r.decision);
  for (uint32_t i = 0; i < r.decisions; i++) r.decision[i] = string(&at, end);
  r.key = allocate(r.keys, sizeof *r.key);
  r.key_size = allocate(r.keys, sizeof *r.key_size);
  for (uint32_t i = 0; i < r.keys; i++) {
    r.key[i] = string(&at, end);
    r.key_size[i] = (uint32_t)strlen(r.key[i]);
  }
  if (r.requests > (size_t)(end - at)) fail("%s: damaged", path);
  r.decision_id = at;
  at += r.requests;
  r.key_id = allocate(r.requests, sizeof *r.key_id);
  for (uint32_t i = 0; i < r.requests; i++) {
    uint64_t id = varint(&at, end);
    if (id >= r.keys || r.decision_id[i] >= r.decisions)
      fail("%s: damaged", path);
    r.key_id[i] = (uint32_t)id;
  }
  r.time_us = allocate(r.requests, sizeof *r.time_us);
  for (uint32_t i = 0; i < r.requests; i++)
    r.time_us[i] = varint(&at, end) + (i ? r.time_us[i - 1] : 0);
  return r;
}

/* ---- Measuring ---------------------------------------------------------- */

static uint64_t clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

static void sleep_ns(uint64_t ns) {
  struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
  nanosleep(&t, NULL);
}

static int64_t resident_bytes(void) {
  long long size, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file) {
    if (fscanf(file, "%lld %lld", &size, &resident) != 2) resident = 0;
    fclose(file);
  }
  return resident * sysconf(_SC_PAGESIZE);
}

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* What two readings of the clock with nothing between them are apart. */
static uint32_t timer_overhead_ns(void) {
  static uint32_t apart[10001];
  size_t count = sizeof apart / sizeof *apart;
  for (size_t i = 0; i < count; i++) {
    uint64_t before = now_ns();
    apart[i] = (uint32_t)(now_ns() - before);
  }
  qsort(apart, count, sizeof *apart, by_value);
  return apart[count / 2];
}

static void show_progress(const char *name, uint32_t done, uint32_t total) {
  static const char bar[] = "##############################";
  int width = (int)sizeof bar - 1;
  int filled = (int)((uint64_t)done * (unsigned)width / total);
  if (isatty(STDOUT_FILENO)) {
    printf("\r  C       %-10s [%.*s%*s] %3u%%", name, filled, bar,
           width - filled, "", (unsigned)((uint64_t)done * 100 / total));
    if (done == total) putchar('\n');
    fflush(stdout);
  } else if (done == total) {
    printf("  C       %-10s %u requests\n", name, total);
    fflush(stdout);
  }
}

/* ---- A pass ------------------------------------------------------------- */

enum mode { LRU, LRU_TTL, REAL_TIME };

struct result {
  const char *name;
  uint64_t hits, stale;
  cachecore_stats_t stats; /* at the end, after everything due was removed */
  uint64_t bytes_used;     /* before that                                  */
  int64_t resident_growth;
  uint32_t p50, p95, p99;
  cachecore_sweeper_status_t sweeper;
};

static struct result replay(const struct recording *r, enum mode mode,
                            const char *name) {
  struct result result = {name, 0, 0, CACHECORE_STATS_INIT, 0, 0, 0, 0, 0,
                          CACHECORE_SWEEPER_STATUS_INIT};
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  uint64_t speed = mode == REAL_TIME ? SPEED : 1;
  uint64_t late_ns = mode == REAL_TIME ? ROUNDING_MS * 1000000u : 0;
  uint64_t clock_ms = 0;

  /* For each key, the request that last stored it and when it is due. */
  uint32_t *stored_by = allocate(r->keys, sizeof *stored_by);
  uint64_t *deadline_ns = allocate(r->keys, sizeof *deadline_ns);
  uint32_t *latency = allocate(r->requests, sizeof *latency);
  memset(stored_by, 0xff, r->keys * sizeof *stored_by);
  memset(deadline_ns, 0xff, r->keys * sizeof *deadline_ns);
  memset(latency, 0xff, r->requests * sizeof *latency); /* resident from here */

  int64_t resident_before = resident_bytes();
  options.max_entries = CAPACITY;
  options.shard_count = 1; /* one exact order of use, as the reference has */
  options.flags = mode == LRU_TTL ? CACHECORE_MANUAL_CLOCK : 0;
  expect_ok(cachecore_open(&options, &cache), "open");
  if (mode == REAL_TIME)
    expect_ok(cachecore_sweeper_start(cache, NULL), "sweeper_start");

  uint64_t start_ns = now_ns();
  for (uint32_t i = 0; i < r->requests; i++) {
    uint32_t key = r->key_id[i];
    const char *decision = r->decision[r->decision_id[i]];
    unsigned char value[64];
    size_t size;

    if (mode == REAL_TIME) {
      uint64_t due_ns = start_ns + r->time_us[i] * 1000 / speed;
      uint64_t ahead = now_ns() + 100000;
      if (due_ns > ahead) sleep_ns(due_ns - ahead);
    } else if (mode == LRU_TTL && r->time_us[i] / 1000 > clock_ms) {
      expect_ok(cachecore_advance_clock(cache, r->time_us[i] / 1000 - clock_ms),
                "advance_clock");
      clock_ms = r->time_us[i] / 1000;
    }

    uint64_t now = mode == REAL_TIME ? clock_ns(CLOCK_MONOTONIC_COARSE)
                                     : clock_ms * 1000000;
    uint64_t before = now_ns();
    cachecore_status_t status = cachecore_get(cache, r->key[key],
                                              r->key_size[key], value,
                                              sizeof value, &size);
    uint64_t after = now_ns();
    latency[i] = (uint32_t)(after - before);

    if (status == CACHECORE_OK) {
      /* A value is the request that stored it, and then the decision. */
      uint32_t by = stored_by[key];
      const char *stored = by < i ? r->decision[r->decision_id[by]] : "";
      if (by >= i || size != 4 + strlen(stored) ||
          little_endian(value) != by || memcmp(value + 4, stored, size - 4))
        fail("%s, request %u: a hit on %s that is not what was stored", name, i,
             r->key[key]);
      if (now >= deadline_ns[key] && now - deadline_ns[key] >= late_ns)
        fail("%s, request %u: a hit on %s, %.3f ms after it expired", name, i,
             r->key[key], (double)(now - deadline_ns[key]) / 1e6);
      result.hits++;
      result.stale += strcmp(stored, decision) != 0;
    } else if (status == CACHECORE_MISS) {
      uint64_t ttl_ms = CACHECORE_TTL_NEVER;
      if (mode != LRU)
        ttl_ms = (strcmp(decision, "allowed") ? TTL_ERROR_MS : TTL_ALLOWED_MS) /
                 speed;
      for (int byte = 0; byte < 4; byte++)
        value[byte] = (unsigned char)(i >> 8 * byte);
      size = 4 + strlen(decision);
      memcpy(value + 4, decision, size - 4);
      expect_ok(cachecore_set(cache, r->key[key], r->key_size[key], value, size,
                              ttl_ms),
                "set");
      stored_by[key] = i;
      if (mode != LRU)
        deadline_ns[key] =
            (mode == REAL_TIME ? now_ns() : now) + ttl_ms * 1000000;
    } else {
      fail("get: %s", cachecore_status_text(status));
    }
    if ((i + 1) % (r->requests / 100 + 1) == 0 || i + 1 == r->requests)
      show_progress(name, i + 1, r->requests);
  }

  result.resident_growth = resident_bytes() - resident_before;
  expect_ok(cachecore_stats(cache, &result.stats), "stats");
  result.bytes_used = result.stats.bytes_used;
  if (mode == LRU_TTL) {
    expect_ok(cachecore_cleanup_expired(cache, 0, NULL), "cleanup_expired");
    expect_ok(cachecore_stats(cache, &result.stats), "stats");
  }
  if (mode == REAL_TIME) { /* The rest is due soon: leave it to the sweeper. */
    uint64_t end_ns = now_ns() + 2 * (uint64_t)TTL_ALLOWED_MS / speed * 1000000;
    do {
      sleep_ns(20000000);
      expect_ok(cachecore_stats(cache, &result.stats), "stats");
      expect_ok(cachecore_sweeper_status(cache, &result.sweeper),
                "sweeper_status");
    } while ((result.stats.entries || result.sweeper.backlog) &&
             now_ns() < end_ns);
    if (result.stats.entries || result.sweeper.backlog)
      fail("the sweeper left %" PRIu64 " live and %" PRIu64 " expired entries",
           result.stats.entries, result.sweeper.backlog);
    if (!result.sweeper.healthy || result.sweeper.errors)
      fail("the sweeper is not healthy, or had %" PRIu64 " errors",
           result.sweeper.errors);
    expect_ok(cachecore_sweeper_stop(cache, 0), "sweeper_stop");
  }
  if (result.stats.hits != result.hits ||
      result.stats.misses != r->requests - result.hits)
    fail("%s: the cache counted %" PRIu64 " hits and %" PRIu64
         " misses, there were %" PRIu64 " hits in %u requests",
         name, result.stats.hits, result.stats.misses, result.hits,
         r->requests);
  cachecore_close(cache);

  qsort(latency, r->requests, sizeof *latency, by_value);
  result.p50 = latency[r->requests / 2];
  result.p95 = latency[(uint64_t)r->requests * 95 / 100];
  result.p99 = latency[(uint64_t)r->requests * 99 / 100];
  free(stored_by);
  free(deadline_ns);
  free(latency);
  return result;
}

/* ---- Telling ------------------------------------------------------------ */

enum { PASSES = 3 };

static const char *with_commas(uint64_t number) {
  static char texts[PASSES + 1][32];
  static int next;
  char *text = texts[next++ % (PASSES + 1)], digits[24];
  int length = snprintf(digits, sizeof digits, "%" PRIu64, number), out = 0;
  for (int i = 0; i < length; i++) {
    if (i && (length - i) % 3 == 0) text[out++] = ',';
    text[out++] = digits[i];
  }
  text[out] = 0;
  return text;
}

#define ROW(title, expression)                                                 \
  do {                                                                         \
    printf("  %-22s", title);                                                  \
    for (const struct result *p = passes; p < passes + PASSES; p++)            \
      printf("%14s", with_commas((uint64_t)(expression)));                     \
    putchar('\n');                                                             \
  } while (0)

static void print_table(const struct recording *r,
                        const struct result *passes) {
  const cachecore_sweeper_status_t *sweeper = &passes[REAL_TIME].sweeper;
  printf("\n  %-22s", "C");
  for (int i = 0; i < PASSES; i++) printf("%14s", passes[i].name);
  putchar('\n');
  ROW("requests", (p->stats.hits + p->stats.misses));
  ROW("hits", p->stats.hits);
  ROW("misses", p->stats.misses);
  ROW("evictions", p->stats.evictions);
  ROW("expirations", p->stats.expirations);
  printf("  %-22s", "hit ratio");
  for (int i = 0; i < PASSES; i++)
    printf("%13.2f%%", 100.0 * (double)passes[i].hits / r->requests);
  putchar('\n');
  ROW("outdated hits", p->stale);
  ROW("get p50, ns", p->p50);
  ROW("get p95, ns", p->p95);
  ROW("get p99, ns", p->p99);
  ROW("cache memory, bytes", p->bytes_used);
  ROW("resident growth, bytes",
      p->resident_growth > 0 ? p->resident_growth : 0);
  printf("  of each get time, about %u ns are the timer's\n"
         "  sweeper: %s sweeps removed %s of %s expired entries; the last took "
         "%.1f us,\n  the longest slice %.1f us; automatic interval, %s ms at "
         "the end\n",
         timer_overhead_ns(), with_commas(sweeper->sweeps_run),
         with_commas(sweeper->entries_removed),
         with_commas(passes[REAL_TIME].stats.expirations),
         (double)sweeper->last_duration_ns / 1e3,
         (double)sweeper->max_slice_ns / 1e3,
         with_commas(sweeper->interval_ms));
}

static void write_results(const char *path, const struct result *passes) {
  FILE *file = fopen(path, "w");
  if (!file) fail("%s: cannot be written", path);
  for (const struct result *p = passes; p < passes + PASSES; p++)
    fprintf(file,
            "%s\thits=%" PRIu64 " misses=%" PRIu64 " evictions=%" PRIu64
            " expirations=%" PRIu64 " entries=%" PRIu64 "\n",
            p->name, p->stats.hits, p->stats.misses, p->stats.evictions,
            p->stats.expirations, p->stats.entries);
  if (fclose(file)) fail("%s: cannot be written", path);
}

int main(int argument_count, char **arguments) {
  struct result passes[PASSES];
  if (argument_count != 3) fail("usage: replay RECORDING RESULTS");
  if (cachecore_version() >> 16 != CACHECORE_VERSION >> 16)
    fail("compiled for another version of the library");
  struct recording r = read_recording(arguments[1]);
  passes[LRU] = replay(&r, LRU, "LRU");
  passes[LRU_TTL] = replay(&r, LRU_TTL, "LRU+TTL");
  passes[REAL_TIME] = replay(&r, REAL_TIME, "real time");
  print_table(&r, passes);
  write_results(arguments[2], passes);
  return 0;
}
