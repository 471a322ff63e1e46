/* The sweeper keeps its schedule, and does what it is told at once. */
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
  CHECK_INT(removed, 77);
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

TESTS(T(start_and_stop), T(stops_in_a_long_interval),
      T(closes_in_a_long_interval), T(without_a_thread),
      T(sweeps_by_its_interval), T(runs_at_once_if_asked),
      T(automatic_interval_follows_lifetimes), T(pause_and_resume),
      T(new_interval_counts_at_once), T(signals_pass_it_by), T(arguments))
