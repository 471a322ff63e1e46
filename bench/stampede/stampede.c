/*
 * A stampede: many threads ask for one entry, and it expires.  How often is the
 * origin asked for it then, and how long does a request take?
 *
 *     stampede [THREADS [ROUNDS [COST_MS]]]       32, 40 and 20
 *
 * In each round one value expires once.  The threads ask for it, do something
 * else for a millisecond, and ask again, as requests come to a server.  The
 * origin takes COST_MS, however many ask it at once.  Printed are the median,
 * least and most over the rounds: of the requests to the origin that one expiry
 * caused, of the requests of clients that took half of COST_MS or longer, and
 * of the longest that one took.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <cachecore.h>

#include "../driver/clock.h"

enum { TTL_MS = 100, AFTER_MS = 100, THREADS_MAX = 1024, ROUNDS_MAX = 10000 };

typedef enum way { PLAIN, CLAIMS, STALE, EARLY, WAYS } way_t;

static const char *const way_names[WAYS] = {
    "get, and set after a miss", "claims: the others wait",
    "claims and stale_ms", "claims and CACHECORE_CLAIM_EARLY"};

static struct {
  cachecore_t *cache;
  way_t way;
  uint64_t cost_ms;
  atomic_uint computed, delayed;
  _Atomic uint64_t longest_ns;
  atomic_bool is_over;
} run;

static void ask_origin(void) {
  sleep_ns(run.cost_ms * 1000000);
  atomic_fetch_add(&run.computed, 1);
}

/* One request of a client.  The value it stores lives for ttl_ms. */
static void request_plain(uint64_t ttl_ms) {
  char value[64];
  size_t size;
  if (cachecore_get(run.cache, "key", 3, value, sizeof value, &size) ==
      CACHECORE_OK)
    return;
  ask_origin();
  cachecore_set(run.cache, "key", 3, value, sizeof value, ttl_ms);
}

static void request_with_claims(uint64_t ttl_ms) {
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  char value[64];
  size_t size;
  if (run.way == EARLY) claim.flags = CACHECORE_CLAIM_EARLY;
  while (cachecore_get_or_claim(run.cache, "key", 3, value, sizeof value, &size,
                                &claim) == CACHECORE_PENDING)
    cachecore_claim_wait(run.cache, "key", 3, &claim, 1000);
  if (claim.token == 0) return;
  ask_origin();
  claim.stale_ms = run.way == STALE ? 60000 : 0;
  cachecore_fulfill(run.cache, "key", 3, value, sizeof value, ttl_ms, &claim);
}

static void request(uint64_t ttl_ms) {
  if (run.way == PLAIN) request_plain(ttl_ms);
  else request_with_claims(ttl_ms);
}

/* What is stored now outlives the round. */
static void *be_a_client(void *unused) {
  while (!atomic_load(&run.is_over)) {
    uint64_t start = now_ns(), ns, longest = atomic_load(&run.longest_ns);
    request(CACHECORE_TTL_NEVER);
    ns = now_ns() - start;
    if (ns >= run.cost_ms * 500000) atomic_fetch_add(&run.delayed, 1);
    while (ns > longest &&
           !atomic_compare_exchange_weak(&run.longest_ns, &longest, ns))
      continue;
    sleep_ns(1000000);
  }
  return unused;
}

static void run_round(unsigned threads) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  pthread_t clients[THREADS_MAX];
  options.max_entries = 1000;
  if (cachecore_open(&options, &run.cache) != CACHECORE_OK) exit(1);
  request(TTL_MS);
  run.computed = run.delayed = 0;
  run.longest_ns = 0;
  run.is_over = false;
  for (unsigned i = 0; i < threads; i++)
    if (pthread_create(&clients[i], NULL, be_a_client, NULL) != 0) exit(1);
  sleep_ns((TTL_MS + AFTER_MS + 2 * run.cost_ms) * 1000000);
  atomic_store(&run.is_over, true);
  for (unsigned i = 0; i < threads; i++) pthread_join(clients[i], NULL);
  cachecore_close(run.cache);
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static void print_spread(double *figures, unsigned count, int digits) {
  char text[64];
  qsort(figures, count, sizeof *figures, by_size);
  snprintf(text, sizeof text, "%.*f (%.*f to %.*f)", digits, figures[count / 2],
           digits, figures[0], digits, figures[count - 1]);
  printf(" | %s", text);
}

int main(int argc, char **argv) {
  unsigned threads = argc > 1 ? (unsigned)atoi(argv[1]) : 32;
  unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 40;
  static double figures[WAYS][3][ROUNDS_MAX];
  run.cost_ms = argc > 3 ? (uint64_t)atoi(argv[3]) : 20;
  if (threads - 1 >= THREADS_MAX || rounds - 1 >= ROUNDS_MAX) return 2;
  /* In turn, so that what else the machine does is the same for all. */
  for (unsigned round = 0; round < rounds; round++)
    for (run.way = PLAIN; run.way < WAYS; run.way++) {
      run_round(threads);
      figures[run.way][0][round] = run.computed;
      figures[run.way][1][round] = run.delayed;
      figures[run.way][2][round] = (double)run.longest_ns / 1e6;
    }
  printf("%u threads, %u expiries each, an origin that takes %u ms\n\n"
         "| | requests to the origin | requests that waited | longest, ms |\n"
         "|---|---|---|---|\n",
         threads, rounds, (unsigned)run.cost_ms);
  for (int way = 0; way < WAYS; way++) {
    printf("| %s", way_names[way]);
    print_spread(figures[way][0], rounds, 0);
    print_spread(figures[way][1], rounds, 0);
    print_spread(figures[way][2], rounds, 1);
    printf(" |\n");
  }
  return 0;
}
