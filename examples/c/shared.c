/*
 * One of several programs, in any languages, that share a cache by the path of
 * its file: it reads what another one stored, and computes what is missing,
 * unless another one does.
 *
 *     shared CACHE LOG
 *
 * It appends its name to LOG when it computes.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cachecore.h>

/* What is slow. */
static size_t compute(const char *log, char *answer, size_t capacity) {
  const struct timespec pause = { 0, 200 * 1000 * 1000 };
  FILE *file = fopen(log, "a");

  nanosleep(&pause, NULL);
  if (file == NULL) return 0;
  fputs("c\n", file);
  if (fclose(file) != 0) return 0;
  return (size_t)snprintf(answer, capacity, "computed by c");
}

int main(int argc, char **argv) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_shared_options_t shared = CACHECORE_SHARED_OPTIONS_INIT;
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  cachecore_status_t status;
  cachecore_t *cache;
  char value[256];
  size_t size;

  if (argc != 3) return fputs("shared CACHE LOG\n", stderr), 2;
  options.max_bytes = 16 << 20;
  shared.path = argv[1];
  if (cachecore_open_shared(&options, &shared, &cache) != CACHECORE_OK)
    return fprintf(stderr, "%s\n", cachecore_open_error()), 1;

  status = cachecore_get(cache, "greeting", 8, value, sizeof value, &size);
  if (status == CACHECORE_OK) printf("greeting: %.*s\n", (int)size, value);

  while ((status = cachecore_get_or_claim(cache, "answer", 6, value,
                                          sizeof value, &size, &claim)) ==
         CACHECORE_PENDING)
    cachecore_claim_wait(cache, "answer", 6, &claim, 1000);
  if (status == CACHECORE_CLAIMED) {
    size = compute(argv[2], value, sizeof value);
    if (size != 0)
      status = cachecore_fulfill(cache, "answer", 6, value, size, 60 * 1000,
                                 &claim);
    else /* The next caller computes. */
      cachecore_abandon(cache, "answer", 6, 0, &claim);
  }
  if (status == CACHECORE_OK) printf("answer: %.*s\n", (int)size, value);
  cachecore_close(cache);
  return status == CACHECORE_OK ? 0 : 1;
}
