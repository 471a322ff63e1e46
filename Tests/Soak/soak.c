/*
 * Everything at once, for as long as it is given: caches of differing options,
 * threads that call every function of the header on all of them, sweepers that
 * are started, paused, triggered and stopped by whoever pleases, leases held
 * for long, bounds that move, forks whose children use every cache, caches that
 * are closed with values still lent and opened anew.
 *
 *     soak [REPORT.json]        $CACHECORE_TEST_MS, $THREADS, $SEED
 *
 * Checked all along: every value belongs to its key and is whole; the caches'
 * bounds; the resident memory of the process against them; the identity of the
 * statistics, which holds at any moment.  Checked when a cache is closed: its
 * statistics against what callers were told, call by call, and against the
 * removals that were taken.  Latency is recorded by interval, and not judged.
 */
#include "soak.h"

#include <sys/wait.h>
#include <unistd.h>

enum { TICK_MS = 50, CHILD_SECONDS = 60, INTERVALS = 60 };
enum {
  LRU = CACHECORE_POLICY_LRU,
  ADAPTIVE = CACHECORE_POLICY_ADAPTIVE,
  NO_EVICT = CACHECORE_NO_EVICT,
  REPORT = CACHECORE_REPORT_REMOVALS,
  MB = 1 << 20
};

#define SUBJECT(name, keys, size_max, ...)                             \
  {                                                                    \
    name, {sizeof(cachecore_options_t), __VA_ARGS__}, NULL,            \
        PTHREAD_RWLOCK_INITIALIZER, 0, keys, size_max, 0, 0, 0, {0}    \
  }

/* Options: policy, flags, shards, entries, bytes, ttl, tti, seed, jitter. */
subject_t subjects[CACHES] = {
    SUBJECT("lru by entries", 30000, 300, LRU, 0, 0, 10000, 0, 0, 0, 0, 0),
    SUBJECT("lru by bytes", 60000, 5000, LRU, 0, 1, 0, 8 * MB, 0, 0, 0, 0),
    SUBJECT("lru, 8 shards", 60000, 50000, LRU, 0, 8, 0, 16 * MB, 0, 0, 0, 0),
    SUBJECT("adaptive", 40000, 2000, ADAPTIVE, 0, 1, 0, 4 * MB, 0, 0, 0, 0),
    SUBJECT("adaptive, 4 shards", 40000, 20000, ADAPTIVE, 0, 4, 20000, 12 * MB,
            2000, 0, 0, 200),
    SUBJECT("idle times", 30000, 1000, LRU, 0, 2, 0, 4 * MB, 0, 300, 0, 0),
    SUBJECT("no evict", 20000, 500, LRU, NO_EVICT, 2, 0, 2 * MB, 5000, 0, 0, 0),
    SUBJECT("no evict by entries", 9000, 100, ADAPTIVE, NO_EVICT, 1, 3000, 0,
            1000, 0, 0, 0),
    SUBJECT("removals", 20000, 3000, LRU, REPORT, 2, 0, 4 * MB, 0, 0, 0, 0),
    SUBJECT("tiny, reported", 3000, 9000, ADAPTIVE, REPORT, 1, 500, MB / 2, 50,
            0, 0, 0),
};

static loader_t loaders[THREADS_MAX];
static unsigned loader_count = 4;
static uint64_t seed, forks, reopened;

/* ---- What the statistics must say ---------------------------------------- */

static void expect(const subject_t *subject, const char *what, uint64_t got,
                   uint64_t wanted) {
  if (got != wanted)
    check_failed(__FILE__, __LINE__, "%s: %s %llu, callers were told %llu",
                 subject->name, what, (unsigned long long)got,
                 (unsigned long long)wanted);
}

/* Nobody else uses the cache.  Its counters, since it was opened, against what
 * was told to callers since then. */
static void check_books(subject_t *subject) {
  ledger_t told = ledger_of(loaders, loader_count, (unsigned)subject->number);
  const ledger_t *past = &subject->past;
  cachecore_stats_t stats;
  uint64_t taken = 0, left;
  unsigned cause;
  if (subject->options.flags & REPORT) {
    ledger_t last;
    memset(&last, 0, sizeof last);
    while (take_removals(subject->cache, subject->number, &last)) continue;
    for (cause = 1; cause <= CACHECORE_REMOVED_DELETED; cause++)
      loaders[0].ledgers[subject->number].taken[cause] += last.taken[cause];
    told = ledger_of(loaders, loader_count, (unsigned)subject->number);
  }
  stats = stats_of(subject->cache);
  CHECK_IDENTITY(subject->cache);
  expect(subject, "hits", stats.hits, told.hits - past->hits);
  expect(subject, "misses", stats.misses, told.misses - past->misses);
  expect(subject, "inserts and updates", stats.inserts + stats.updates,
         told.stored - past->stored);
  expect(subject, "refused", stats.refused, told.refused - past->refused);
  CHECK(stats.deletes >= told.deleted - past->deleted);
  if (subject->options.flags & REPORT) {
    for (cause = 1; cause <= CACHECORE_REMOVED_DELETED; cause++)
      taken += told.taken[cause] - past->taken[cause];
    left = stats.updates + stats.deletes + stats.evictions + stats.expirations;
    expect(subject, "entries that left", left, taken + stats.removals_lost);
  }
  subject->past = told;
}

/* ---- What happens to the caches ------------------------------------------ */

static void open_subject(subject_t *subject) {
  CHECK_OK(cachecore_open(&subject->options, &subject->cache));
  subject->is_loose = 0;
}

enum { ORPHANS = 32 }; /* handles are used again after as many */

/* The last caches that were closed, and what each held. */
static struct orphan {
  const cachecore_t *cache;
  uint64_t bytes;
} orphans[ORPHANS];

static int is_held(const cachecore_t *cache) {
  unsigned i, slot;
  for (i = 0; i < loader_count; i++)
    for (slot = 0; slot < HELD_MAX; slot++)
      if (loaders[i].held[slot].owner == cache) return 1;
  return 0;
}

uint64_t orphaned_bytes(void) {
  uint64_t sum = 0;
  unsigned i;
  for (i = 0; i < ORPHANS; i++)
    if (orphans[i].cache != NULL && is_held(orphans[i].cache))
      sum += orphans[i].bytes;
  return sum;
}

static void reopen(subject_t *subject) {
  struct orphan *orphan = &orphans[reopened % ORPHANS];
  CHECK_INT(pthread_rwlock_wrlock(&subject->gate), 0);
  orphan->cache = subject->cache;
  orphan->bytes = stats_of(subject->cache).bytes_resident;
  check_books(subject);
  cachecore_close(subject->cache);
  open_subject(subject);
  CHECK_INT(pthread_rwlock_unlock(&subject->gate), 0);
  reopened++;
}

static void resize(subject_t *subject, uint64_t *state) {
  const cachecore_options_t *options = &subject->options;
  uint64_t entries = options->max_entries, bytes = options->max_bytes, limit;
  cachecore_status_t status;
  if (random_below(state, 3)) {
    if (entries) entries = 1 + random_below(state, 2 * entries);
    if (bytes) bytes = bytes / 2 + random_below(state, bytes);
  }
  limit = stats_of(subject->cache).bytes_limit;
  if (limit > subject->most) subject->most = limit;
  /* Until it returns, what is there may be more than the new bound. */
  subject->is_loose = 1;
  status = cachecore_resize(subject->cache, entries, bytes);
  switch (status) {
    case CACHECORE_OK: subject->is_loose = 0; break;
    case CACHECORE_E_STATE: break; /* leases are in the way */
    case CACHECORE_E_FULL:
      CHECK(options->flags & NO_EVICT);
      subject->is_loose = 0;
      break;
    default: CHECK_INT(status, CACHECORE_OK);
  }
}

static void fork_and_use(void) {
  int status = 0;
  pid_t child;
  unsigned i;
  if (SANITIZED) return; /* their runtimes do not survive it */
  fflush(NULL);
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    alarm(CHILD_SECONDS);
    for (i = 0; i < CACHES; i++) use_alone(&subjects[i], seed + forks + i);
    _exit(0);
  }
  CHECK_INT(waitpid(child, &status, 0), child);
  if (status != 0)
    check_failed(__FILE__, __LINE__, "the child of fork %llu: status %x",
                 (unsigned long long)forks, (unsigned)status);
  forks++;
}

static void disturb(uint64_t *state) {
  subject_t *subject = &subjects[random_below(state, CACHES)];
  switch (random_below(state, 60)) {
    case 0: reopen(subject); break;
    case 1: fork_and_use(); break;
    default:
      if (random_below(state, 4) == 0) resize(subject, state);
  }
}

static void control_until(double end_ms, double interval_ms,
                          report_t *report) {
  uint64_t state = seed ^ 0x50a4;
  double next = now_ms() + interval_ms;
  unsigned i;
  while (now_ms() < end_ms) {
    disturb(&state);
    sample_memory(report);
    for (i = 0; i < CACHES; i++) CHECK_IDENTITY(subjects[i].cache);
    if (now_ms() >= next) {
      end_interval(report, loaders, loader_count);
      next += interval_ms;
    }
    sleep_ms(TICK_MS);
  }
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "soak.json";
  const char *threads = getenv("THREADS");
  unsigned duration = test_duration_ms(2000), i;
  double interval = duration < 60000 ? duration / 2.0 : duration / INTERVALS;
  static report_t report;
  seed = new_seed();
  if (threads) loader_count = (unsigned)strtoul(threads, NULL, 10);
  CHECK(loader_count >= 1 && loader_count <= THREADS_MAX);
  begin_report(&report, path, seed, loader_count);
  for (i = 0; i < CACHES; i++) {
    subjects[i].number = i;
    open_subject(&subjects[i]);
  }
  raise_flag(&is_loading);
  for (i = 0; i < loader_count; i++) {
    loaders[i].index = i;
    loaders[i].seed = seed + 0x1234567u * (i + 1);
    pthread_mutex_init(&loaders[i].lock, NULL);
    CHECK_INT(pthread_create(&loaders[i].thread, NULL, load, &loaders[i]), 0);
  }
  control_until(now_ms() + duration, interval, &report);
  lower_flag(&is_loading);
  for (i = 0; i < loader_count; i++)
    CHECK_INT(pthread_join(loaders[i].thread, NULL), 0);
  end_interval(&report, loaders, loader_count);
  for (i = 0; i < CACHES; i++) {
    check_books(&subjects[i]);
    cachecore_close(subjects[i].cache);
  }
  end_report(&report, forks, reopened);
  return 0;
}
