/* Threads that serve pages: each page is rendered by one of them, and while it
 * is rendered anew the others serve the old one. */
#undef NDEBUG
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cachecore.h>

enum { THREADS = 8, PAGES = 20, MISSING = 13, PAGE_MAX = 64 };
enum { TTL_MS = 60000, STALE_MS = 600000, ABSENT_MS = 10000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int rendered, edition = 1;

/* Takes its time, as a database does.  0: there is no such page. */
static size_t render(int number, char *page) {
  struct timespec time = {0, 2000000};
  nanosleep(&time, NULL);
  pthread_mutex_lock(&lock);
  rendered++;
  pthread_mutex_unlock(&lock);
  if (number == MISSING) return 0;
  return (size_t)snprintf(page, PAGE_MAX, "page %d, edition %d", number,
                          edition);
}

/* Renders the page for a claim, and ends it. */
static size_t render_for(cachecore_t *cache, int number, char *page,
                         cachecore_claim_t *claim) {
  size_t size = render(number, page);
  claim->stale_ms = STALE_MS;
  /* CACHECORE_CONFLICT: the page was changed meanwhile, and is not stored.
   * Nothing else is to be done about it: what was rendered is good for whoever
   * asked before the change. */
  if (size > 0)
    cachecore_fulfill(cache, &number, sizeof number, page, size, TTL_MS, claim);
  else
    cachecore_fulfill_absent(cache, &number, sizeof number, ABSENT_MS, claim);
  return size;
}

/* The page's size; 0 if there is none. */
static size_t get_page(cachecore_t *cache, int number, char *page) {
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  size_t size;
  for (;;) {
    cachecore_status_t status = cachecore_get_or_claim(
        cache, &number, sizeof number, page, PAGE_MAX, &size, &claim);
    assert(status >= 0);
    if (claim.token != 0) return render_for(cache, number, page, &claim);
    if (status != CACHECORE_PENDING) return size; /* OK, STALE, ABSENT: 0 */
    cachecore_claim_wait(cache, &number, sizeof number, &claim, 1000);
  }
}

static void *serve(void *argument) {
  cachecore_t *cache = (cachecore_t *)argument;
  char page[PAGE_MAX], prefix[PAGE_MAX];
  int number;
  for (number = 0; number < PAGES; number++) {
    size_t size = get_page(cache, number, page);
    int length = snprintf(prefix, sizeof prefix, "page %d, ", number);
    if (number == MISSING) assert(size == 0);
    else assert(memcmp(page, prefix, (size_t)length) == 0);
  }
  return NULL;
}

/* Every thread asks for every page; how many were rendered. */
static int serve_all(cachecore_t *cache) {
  pthread_t threads[THREADS];
  int i;
  rendered = 0;
  for (i = 0; i < THREADS; i++)
    assert(pthread_create(&threads[i], NULL, serve, cache) == 0);
  for (i = 0; i < THREADS; i++) assert(pthread_join(threads[i], NULL) == 0);
  return rendered;
}

int main(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_stats_t stats = CACHECORE_STATS_INIT;
  cachecore_t *cache;
  char page[PAGE_MAX];
  int number = 7;

  options.max_entries = 1000;
  options.flags = CACHECORE_MANUAL_CLOCK; /* so that a minute passes at once */
  assert(cachecore_open(&options, &cache) == CACHECORE_OK);

  /* At first they wait for each other: once each, and that there is no page 13
   * was found out once as well. */
  assert(serve_all(cache) == PAGES);
  assert(serve_all(cache) == 0);

  /* All expire at once.  One renders each page; nobody waits for it. */
  assert(cachecore_advance_clock(cache, TTL_MS) == CACHECORE_OK);
  edition = 2;
  assert(serve_all(cache) == PAGES);
  assert(cachecore_stats(cache, &stats) == CACHECORE_OK);
  printf("%d threads, %d pages, each rendered twice; %llu were served stale\n",
         THREADS, PAGES, (unsigned long long)stats.stale_served);

  /* A page is changed: first where it comes from, then here. */
  edition = 3;
  cachecore_delete(cache, &number, sizeof number);
  get_page(cache, number, page);
  assert(strncmp(page, "page 7, edition 3", 17) == 0);

  cachecore_close(cache);
  return 0;
}
