/* A program whose thread-local variables take more than the sweeper's stack, on
 * which glibc puts them: the thread then has one of the usual size. */
#include "sweeper.h"

static __thread char variables[1 << 20];

static void the_sweeper_has_a_larger_stack(void) {
  cachecore_t *cache = open_exact(1000, 0, 0);
  uint64_t removed = 0;
  memset(variables, 1, sizeof variables);
  start(cache, HOUR, 0);
  leave_expired(cache, 0, 100);
  CHECK_OK(cachecore_sweeper_trigger(cache, &removed));
  CHECK_INT(removed, 100);
  CHECK_INT(variables[sizeof variables - 1], 1);
  CHECK_OK(cachecore_sweeper_stop(cache, 0));
  cachecore_close(cache);
}

TESTS(T(the_sweeper_has_a_larger_stack))
