/* The sweeper keeps its schedule, and does what it is told at once. */
#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include "sweeper.h"

static void start_and_stop(void) {
  cachecore_t *cache = open_plain(1000, 0);
  CHECK_INT(sweeper_of(cache).state, CACHECORE_SWEEPER_STOPPED);
  CHECK_INT(sweeper_of(cache).healthy, 0);
  CHECK_INT(sweeper_of(cache).last_run_age_ms, -1);
  CHECK_INT(cachecore_sweeper_stop(cache, 0), CACHECORE_E_STATE);
  CHECK_OK(cachecore_sweeper_start(cache, NULL));
  CHECK_INT(cachecore_sweeper_start(cache, NULL), CACHECORE_E_STATE);
  CHECK_INT(sweeper_of(cache).state, CACHECORE_SWEEPER_RUNNING);
  CHECK_INT(sweeper_of(cache).healthy, 1);
  CHECK_OK(cachecore_sweeper_stop(cache, 0));
  CHECK_INT(sweeper_of(cache).state, CACHECORE_SWEEPER_STOPPED);
  CHECK_INT(cachecore_sweeper_stop(cache, 0), CACHECORE_E_STATE);
  CHECK_OK(cachecore_sweeper_start(cache, NULL));
  cachecore_close(cache); /* with it running */
}

/* How many threads of the process have this name. */
static int threads_named(const char *name) {
  char path[64], found[32];
  int count = 0;
  struct dirent *entry;
  DIR *tasks = opendir("/proc/self/task");
  CHECK(tasks != NULL);
  while ((entry = readdir(tasks))) {
    FILE *file;
    snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", entry->d_name);
    file = fopen(path, "r");
    if (!file) continue;
    if (fscanf(file, "%31s", found) == 1 && strcmp(found, name) == 0) count++;
    fclose(file);
  }
  closedir(tasks);
  return count;
}

static size_t address_space_kb(void) {
  char line[128];
  size_t kb = 0;
  FILE *file = fopen("/proc/self/status", "r");
  CHECK(file != NULL);
  while (fgets(line, sizeof line, file)) sscanf(line, "VmSize: %zu", &kb);
  fclose(file);
  return kb;
}

/* A name that a debugger shows, and a stack that a small process can afford. */
static void a_thread_with_a_name(void) {
  cachecore_t *cache = open_plain(1000, 0);
  size_t before = address_space_kb();
  CHECK_INT(threads_named("cachecore-sweep"), 0);
  start(cache, HOUR, 0);
  CHECK_OK(cachecore_sweeper_trigger(cache, NULL)); /* so that it has begun */
  CHECK_INT(threads_named("cachecore-sweep"), 1);
  if (!SANITIZED) CHECK(address_space_kb() - before < 1024);
  CHECK_OK(cachecore_sweeper_stop(cache, 0));
  CHECK_INT(threads_named("cachecore-sweep"), 0);
  cachecore_close(cache);
}

static void stops_in_a_long_interval(void) {
  cachecore_t *cache = open_plain(1000, 0);
  int i;
  for (i = 0; i < 20; i++) {
    double begin;
    start(cache, HOUR, 0);
    if (i % 2) sleep_ms(5); /* asleep by then, or still starting */
    begin = now_ms();
    CHECK_OK(cachecore_sweeper_stop(cache, 0));
    CHECK(now_ms() - begin < HOUR / 60); /* a millisecond or so, if idle */
  }
  cachecore_close(cache);
}

static void closes_in_a_long_interval(void) {
  cachecore_t *cache = open_plain(1000, 0);
  double begin;
  start(cache, HOUR, 0);
  sleep_ms(5);
  begin = now_ms();
  cachecore_close(cache);
  CHECK(now_ms() - begin < HOUR / 60);
}

static void without_a_thread(void) {
  cachecore_t *cache = open_plain(1000, 0);
  uint64_t removed = 77;
  CHECK_INT(cachecore_sweeper_pause(cache), CACHECORE_E_STATE);
  CHECK_INT(cachecore_sweeper_resume(cache), CACHECORE_E_STATE);
  CHECK_INT(cachecore_sweeper_set_interval(cache, 10), CACHECORE_E_STATE);
  CHECK_INT(cachecore_sweeper_trigger(cache, &removed), CACHECORE_E_STATE);
  CHECK_INT(removed, 0);
  cachecore_close(cache);
}

static void sweeps_by_its_interval(void) {
  cachecore_t *cache = open_plain(1000, 0);
  start(cache, 10, 0);
  CHECK_INT(sweeper_of(cache).interval_ms, 10);
  leave_expired(cache, 0, 100);
  CHECK(sweeps_within(cache, 5, 2000));
  CHECK_INT(sweeper_of(cache).entries_removed, 100);
  CHECK_INT(sweeper_of(cache).backlog, 0);
  CHECK_INT(stats_of(cache).expirations, 100);
  cachecore_close(cache);
}

static void runs_at_once_if_asked(void) {
  cachecore_t *cache = open_plain(1000, 0);
  leave_expired(cache, 0, 100);
  start(cache, HOUR, 0);
  CHECK(!sweeps_within(cache, 0, 50));
  CHECK_OK(cachecore_sweeper_stop(cache, 0));
  start(cache, HOUR, CACHECORE_SWEEPER_RUN_AT_ONCE);
  CHECK(sweeps_within(cache, 0, 1000));
  CHECK_INT(sweeper_of(cache).entries_removed, 100);
  cachecore_close(cache);
}

static void automatic_interval_follows_lifetimes(void) {
  cachecore_t *cache = open_plain(10000, 0);
  uint64_t interval, key;
  CHECK_OK(cachecore_sweeper_start(cache, NULL));
  for (key = 0; key < 1000; key++)
    CHECK_OK(set_number(cache, key, "v", 1, 100));
  for (key = 0; cachecore_count(cache) > 0 && key < 100; key++) sleep_ms(10);
  sleep_ms(100); /* nobody asked for it: entries are gone all the same */
  CHECK_INT(sweeper_of(cache).entries_removed, 1000);
  interval = sweeper_of(cache).interval_ms;
  CHECK(interval >= 10 && interval <= 60000);
  cachecore_close(cache);
}

/* A fifth of the average lifetime, within limits, as soon as it is known. */
static void automatic_interval_is_a_fifth(void) {
  static const struct {
    uint64_t ttl_ms, tti_ms, interval_ms;
  } cases[] = {{500, 0, 100},  {1000, 0, 200},  {50, 0, 10},
               {1, 0, 10},     {5000, 0, 1000}, {HOUR, 0, 1000},
               {0, 0, 1000},   {0, 400, 80},    {500, 300, 60},
               {500, 1, 10},   {0, HOUR, 1000}, {HOUR, HOUR, 1000}};
  size_t i;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    cachecore_options_t options = CACHECORE_OPTIONS_INIT;
    cachecore_t *cache;
    options.max_entries = 1000;
    options.default_tti_ms = cases[i].tti_ms;
    options.flags = CACHECORE_MANUAL_CLOCK;
    CHECK_OK(cachecore_open(&options, &cache));
    CHECK_OK(cachecore_sweeper_start(cache, NULL));
    CHECK_OK(set_number(cache, 1, "v", 1, cases[i].ttl_ms));
    CHECK_INT(sweeper_of(cache).interval_ms, cases[i].interval_ms);
    CHECK_OK(cachecore_sweeper_set_interval(cache, 77));
    CHECK_INT(sweeper_of(cache).interval_ms, 77);
    CHECK_OK(cachecore_sweeper_set_interval(cache, 0));
    CHECK_INT(sweeper_of(cache).interval_ms, cases[i].interval_ms);
    CHECK_OK(cachecore_sweeper_stop(cache, 0));
    CHECK_INT(sweeper_of(cache).interval_ms, cases[i].interval_ms);
    cachecore_close(cache);
  }
}

/* Lifetimes by whichever function they come. */
static void lifetimes_come_by_every_write(void) {
  int i;
  for (i = 0; i < 6; i++) {
    cachecore_t *cache = open_exact(1000, 0, 0);
    const void *key = "key", *value = "1";
    size_t key_size = 3, value_size = 1;
    uint64_t ttl_ms = 500;
    cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
    if (i >= 3) CHECK_OK(set_text(cache, "key", "1", 0));
    CHECK_OK(cachecore_sweeper_start(cache, NULL));
    CHECK_INT(sweeper_of(cache).interval_ms, 1000);
    switch (i) {
      case 0: CHECK_OK(cachecore_add(cache, key, 3, value, 1, ttl_ms)); break;
      case 1: CHECK_OK(cachecore_increment(cache, key, 3, 1, 1, ttl_ms, NULL));
              break;
      case 2: CHECK_OK(cachecore_set_many(cache, 1, &key, &key_size, &value,
                                          &value_size, &ttl_ms, NULL)); break;
      case 3: CHECK_OK(cachecore_touch(cache, key, 3, ttl_ms)); break;
      case 4: CHECK_OK(cachecore_replace(cache, key, 3, value, 1, ttl_ms));
              break;
      default:
        CHECK_OK(cachecore_inspect(cache, key, 3, &info));
        CHECK_OK(cachecore_compare_and_set(cache, key, 3, value, 1,
                                           info.version, ttl_ms));
    }
    CHECK_INT(sweeper_of(cache).interval_ms, 100);
    cachecore_close(cache);
  }
}

/* Sweeps beside the intervals that were told meanwhile. */
typedef struct pace {
  double begin, last, intervals; /* how many intervals have passed since */
  uint64_t sweeps, interval_ms;
} pace_t;

static void measure(cachecore_t *cache, pace_t *pace) {
  uint64_t now = sweeper_of(cache).interval_ms, before = pace->interval_ms;
  double time = now_ms();
  pace->intervals +=
      (time - pace->last) / (double)(now < before ? now : before);
  pace->last = time;
  pace->interval_ms = now;
}

static pace_t begin_pace(cachecore_t *cache) {
  cachecore_sweeper_status_t status = sweeper_of(cache);
  double now = now_ms();
  pace_t pace = {now, now, 0, status.sweeps_run, status.interval_ms};
  return pace;
}

/* Twice as many sweeps would not be the pace that was told; two more for the
 * interval that had begun, and the sweep under way. */
static void check_pace(cachecore_t *cache, pace_t *pace, uint64_t others,
                       const char *what) {
  uint64_t sweeps = sweeper_of(cache).sweeps_run - pace->sweeps - others;
  measure(cache, pace);
  printf("%s: %llu sweeps, %.1f intervals, now of %llu ms\n", what,
         (unsigned long long)sweeps, pace->intervals,
         (unsigned long long)pace->interval_ms);
  CHECK((double)sweeps <= 2 * pace->intervals + 2);
}

/* The lifetime of entry `i` of a load. */
typedef uint64_t lifetime_t(uint64_t i);
static uint64_t half_a_second(uint64_t i) { return (void)i, 500; }
static uint64_t short_ones(uint64_t i) { return (void)i, 1 + i % 20; }
static uint64_t one_short_among_long(uint64_t i) { return i ? HOUR : 50; }
static uint64_t one_in_fifty_short(uint64_t i) { return i % 50 ? HOUR : 50; }
static uint64_t half_and_half(uint64_t i) { return i % 2 ? HOUR : 100; }
static uint64_t of_all_kinds(uint64_t i) { return 1 + i * 7919 % 3000; }

static void keeps_its_pace(void) {
  static const struct {
    lifetime_t *lifetime;
    const char *name;
  } loads[] = {{half_a_second, "half a second"}, {short_ones, "short"},
               {one_short_among_long, "one short"},
               {one_in_fifty_short, "one in fifty short"},
               {half_and_half, "half and half"},
               {of_all_kinds, "of all kinds"}};
  unsigned each = test_duration_ms(6000) / 12;
  size_t load;
  for (load = 0; load < 2 * sizeof loads / sizeof loads[0]; load++) {
    cachecore_t *cache = open_plain(100000, 0);
    uint64_t key;
    pace_t pace;
    start(cache, load % 2 ? 40 : 0, 0);
    pace = begin_pace(cache);
    for (key = 0; now_ms() < pace.begin + each; key++) {
      CHECK_OK(set_number(cache, key, "v", 1, loads[load / 2].lifetime(key)));
      measure(cache, &pace);
      sleep_ms(1);
    }
    check_pace(cache, &pace, 0, loads[load / 2].name);
    if (load % 2) CHECK_INT(pace.interval_ms, 40);
    cachecore_close(cache);
  }
}

/* Whatever it is told to do meanwhile. */
static void keeps_its_pace_when_disturbed(void) {
  unsigned each = test_duration_ms(1000) / 2;
  int automatic;
  for (automatic = 0; automatic < 2; automatic++) {
    cachecore_t *cache = open_plain(100000, 0);
    uint64_t key = 0, triggers = 0, seed = new_seed();
    pace_t pace;
    CHECK_OK(set_number(cache, key, "v", 1, 200));
    start(cache, automatic ? 0 : 40, 0);
    pace = begin_pace(cache);
    /* A fifth of 200 ms.  The coarse clock may be some ms behind, and makes a
     * lifetime longer by as much. */
    CHECK(pace.interval_ms >= 40 && pace.interval_ms <= 43);
    for (key = 1; now_ms() < pace.begin + each; key++) {
      CHECK_OK(set_number(cache, key, "v", 1, 200));
      switch (random_below(&seed, 4)) {
        case 0: CHECK_OK(cachecore_sweeper_trigger(cache, NULL)); triggers++;
                break;
        case 1: CHECK_OK(cachecore_sweeper_pause(cache));
                CHECK_OK(cachecore_sweeper_resume(cache)); break;
        case 2: if (random_below(&seed, 100) == 0)
                  CHECK_OK(cachecore_sweeper_set_interval(
                      cache, automatic ? 0 : 40));
                break;
        default: sleep_ms(1);
      }
      measure(cache, &pace);
    }
    check_pace(cache, &pace, triggers, automatic ? "automatic" : "40 ms");
    cachecore_close(cache);
  }
}

static void pause_and_resume(void) {
  cachecore_t *cache = open_plain(1000, 0);
  uint64_t sweeps, removed = 0;
  start(cache, 5, 0);
  CHECK_INT(cachecore_sweeper_resume(cache), CACHECORE_E_STATE);
  CHECK(sweeps_within(cache, 1, 1000));
  CHECK_OK(cachecore_sweeper_pause(cache));
  CHECK_INT(cachecore_sweeper_pause(cache), CACHECORE_E_STATE);
  CHECK_INT(sweeper_of(cache).state, CACHECORE_SWEEPER_PAUSED);
  sleep_ms(10); /* one under way ends */
  sweeps = sweeper_of(cache).sweeps_run;
  leave_expired(cache, 0, 50);
  sleep_ms(50);
  CHECK_INT(sweeper_of(cache).sweeps_run, sweeps);
  CHECK_INT(sweeper_of(cache).healthy, 1);
  CHECK_INT(sweeper_of(cache).backlog, 50);
  CHECK_OK(cachecore_sweeper_trigger(cache, &removed)); /* works all the same */
  CHECK_INT(removed, 50);
  CHECK_INT(sweeper_of(cache).state, CACHECORE_SWEEPER_PAUSED);
  leave_expired(cache, 0, 30);
  sweeps = sweeper_of(cache).sweeps_run;
  CHECK_OK(cachecore_sweeper_resume(cache));
  CHECK(sweeps_within(cache, sweeps, 1000));
  CHECK_INT(sweeper_of(cache).state, CACHECORE_SWEEPER_RUNNING);
  CHECK_INT(sweeper_of(cache).entries_removed, 80);
  CHECK_OK(cachecore_sweeper_pause(cache));
  CHECK_OK(cachecore_sweeper_stop(cache, 0)); /* straight from a pause */
  cachecore_close(cache);
}

static void new_interval_counts_at_once(void) {
  cachecore_t *cache = open_plain(1000, 0);
  start(cache, HOUR, 0);
  sleep_ms(5);
  CHECK_OK(cachecore_sweeper_set_interval(cache, 10));
  CHECK_INT(sweeper_of(cache).interval_ms, 10);
  CHECK(sweeps_within(cache, 2, 1000));
  CHECK_OK(cachecore_sweeper_set_interval(cache, UINT64_MAX));
  CHECK_OK(cachecore_sweeper_set_interval(cache, 0));
  CHECK_OK(cachecore_sweeper_set_interval(cache, HOUR));
  CHECK_OK(cachecore_sweeper_stop(cache, 60000));
  cachecore_close(cache);
}

static int signals_here;
static pthread_t main_thread;

static void on_signal(int number) {
  (void)number;
  if (pthread_equal(pthread_self(), main_thread)) raise_flag(&signals_here);
}

/* A signal to the process must find a thread of the program's own. */
static void signals_pass_it_by(void) {
  cachecore_t *cache = open_plain(1000, 0);
  int i;
  main_thread = pthread_self();
  signal(SIGUSR1, on_signal);
  start(cache, 1, 0);
  for (i = 0; i < 100; i++) {
    lower_flag(&signals_here);
    kill(getpid(), SIGUSR1);
    CHECK(is_raised(&signals_here));
  }
  cachecore_close(cache);
}

static void arguments(void) {
  cachecore_t *cache = open_plain(1000, 0);
  cachecore_sweeper_options_t options = CACHECORE_SWEEPER_OPTIONS_INIT;
  struct {
    cachecore_sweeper_options_t it;
    uint64_t more;
  } newer;
  struct {
    cachecore_sweeper_status_t it;
    uint64_t more;
  } status;
  options.flags = 1u << 2;
  CHECK_INT(cachecore_sweeper_start(cache, &options), CACHECORE_E_ARGUMENT);
  memset(&newer, 0, sizeof newer);
  newer.it.struct_size = sizeof newer;
  newer.more = 1;
  CHECK_INT(cachecore_sweeper_start(cache, &newer.it), CACHECORE_E_VERSION);
  newer.more = 0;
  CHECK_OK(cachecore_sweeper_start(cache, &newer.it));
  CHECK_OK(cachecore_sweeper_stop(cache, 0));
  memset(&newer, 0xff, sizeof newer); /* older: only the size is read */
  newer.it.struct_size = 4;
  CHECK_OK(cachecore_sweeper_start(cache, &newer.it));

  memset(&status, 0xaa, sizeof status);
  status.it.struct_size = 16;
  CHECK_OK(cachecore_sweeper_status(cache, &status.it));
  CHECK_INT(status.it.state, CACHECORE_SWEEPER_RUNNING);
  CHECK(status.it.interval_ms == 0xaaaaaaaaaaaaaaaau);
  status.it.struct_size = sizeof status;
  CHECK_INT(cachecore_sweeper_status(cache, &status.it), CACHECORE_E_VERSION);
  status.more = 0;
  CHECK_OK(cachecore_sweeper_status(cache, &status.it));
  cachecore_close(cache);
}

TESTS(T(start_and_stop), T(a_thread_with_a_name), T(stops_in_a_long_interval),
      T(closes_in_a_long_interval), T(without_a_thread),
      T(sweeps_by_its_interval), T(runs_at_once_if_asked),
      T(automatic_interval_follows_lifetimes),
      T(automatic_interval_is_a_fifth), T(lifetimes_come_by_every_write),
      T(keeps_its_pace), T(keeps_its_pace_when_disturbed), T(pause_and_resume),
      T(new_interval_counts_at_once), T(signals_pass_it_by), T(arguments))
