/* The checker of histories is itself checked: right histories, made by hand,
 * are right, and each way to be wrong is found. */
#include "linearizability.h"

#include "harness.h"

static history_t history;

static void begin(int is_present, uint64_t value) {
  memset(&history, 0, sizeof history);
  history.is_present = is_present;
  history.value = value;
}

/* A call from one moment to another; the cache's clock shows 100 throughout. */
static operation_t *call(unsigned thread, uint64_t invoked, uint64_t returned,
                         operation_kind_t kind, uint64_t value, int status) {
  operation_t *one = &history.operations[thread][history.counts[thread]++];
  memset(one, 0, sizeof *one);
  one->kind = kind;
  one->value = value;
  one->status = status;
  one->invoked = invoked;
  one->returned = returned;
  one->clock_low = one->clock_high = 100;
  if (thread >= history.threads) history.threads = thread + 1;
  return one;
}

static void expect_at(int line, verdict_t wanted) {
  search_t *search = search_new();
  verdict_t verdict = check_history(search, &history);
  if (verdict != wanted) {
    print_history(stdout, &history);
    check_failed(__FILE__, line, "verdict %d, not %d", verdict, wanted);
  }
  search_free(search);
}
#define RIGHT() expect_at(__LINE__, LINEARIZABLE)
#define WRONG() expect_at(__LINE__, NOT_LINEARIZABLE)

static void one_thread(void) {
  begin(0, 0);
  RIGHT();
  call(0, 1, 2, OPERATION_GET, 0, TOLD_MISS);
  call(0, 3, 4, OPERATION_SET, 5, TOLD_OK);
  call(0, 5, 6, OPERATION_GET, 5, TOLD_OK);
  call(0, 7, 8, OPERATION_ADD, 6, TOLD_EXISTS);
  call(0, 9, 10, OPERATION_INCREMENT, 7, TOLD_OK)->delta = 2;
  call(0, 11, 12, OPERATION_COMPARE_AND_SET, 8, TOLD_OK)->expected = 7;
  call(0, 13, 14, OPERATION_COMPARE_AND_SET, 9, TOLD_CONFLICT)->expected = 7;
  call(0, 15, 16, OPERATION_DELETE, 0, TOLD_OK);
  call(0, 17, 18, OPERATION_REPLACE, 3, TOLD_MISS);
  RIGHT();
  call(0, 19, 20, OPERATION_GET, 8, TOLD_OK); /* after the delete */
  WRONG();
}

static void an_older_value(void) {
  begin(0, 0);
  call(0, 1, 2, OPERATION_SET, 1, TOLD_OK);
  call(0, 3, 4, OPERATION_SET, 2, TOLD_OK);
  call(1, 5, 6, OPERATION_GET, 1, TOLD_OK);
  WRONG();
  history.operations[1][0].invoked = 3; /* overlaps the second set */
  RIGHT();
  call(1, 7, 8, OPERATION_GET, 1, TOLD_OK);
  WRONG();
}

static void a_foreign_value(void) {
  begin(1, 1);
  call(0, 1, 9, OPERATION_SET, 2, TOLD_OK);
  call(1, 1, 9, OPERATION_GET, 3, TOLD_OK);
  WRONG();
  history.may_evict = 1; /* no excuse */
  WRONG();
}

static void back_in_time(void) {
  begin(1, 1);
  call(0, 1, 9, OPERATION_SET, 2, TOLD_OK);
  call(1, 2, 3, OPERATION_GET, 2, TOLD_OK);
  call(2, 4, 5, OPERATION_GET, 1, TOLD_OK);
  WRONG();
  history.operations[2][0].invoked = 3; /* now they overlap */
  RIGHT();
}

static void a_lost_write(void) {
  begin(0, 0);
  call(0, 1, 2, OPERATION_SET, 1, TOLD_OK);
  call(0, 3, 4, OPERATION_GET, 0, TOLD_MISS);
  WRONG();
  history.may_evict = 1;
  RIGHT();
  call(0, 5, 6, OPERATION_GET, 1, TOLD_OK); /* evicted and there again */
  WRONG();
}

static void two_winners(void) {
  begin(0, 0);
  call(0, 1, 9, OPERATION_ADD, 1, TOLD_OK);
  call(1, 1, 9, OPERATION_ADD, 2, TOLD_OK);
  WRONG();
  call(2, 1, 9, OPERATION_DELETE, 0, TOLD_OK);
  RIGHT();
  begin(1, 5);
  call(0, 1, 9, OPERATION_COMPARE_AND_SET, 6, TOLD_OK)->expected = 5;
  call(1, 1, 9, OPERATION_COMPARE_AND_SET, 7, TOLD_OK)->expected = 5;
  WRONG();
  begin(1, 5);
  call(0, 1, 9, OPERATION_DELETE, 0, TOLD_OK);
  call(1, 1, 9, OPERATION_DELETE, 0, TOLD_OK);
  WRONG();
}

static void lost_increments(void) {
  begin(1, 10);
  call(0, 1, 9, OPERATION_INCREMENT, 11, TOLD_OK)->delta = 1;
  call(1, 1, 9, OPERATION_INCREMENT, 11, TOLD_OK)->delta = 1;
  WRONG();
  history.operations[1][0].value = 12;
  RIGHT();
  begin(1, NOT_A_NUMBER | 1);
  call(0, 1, 2, OPERATION_INCREMENT, 2, TOLD_OK)->delta = 1;
  WRONG();
  history.operations[0][0].status = TOLD_TYPE;
  RIGHT();
}

static void lifetimes(void) {
  operation_t *get;
  begin(0, 0);
  call(0, 1, 2, OPERATION_SET, 1, TOLD_OK)->ttl = 10;
  get = call(0, 3, 4, OPERATION_GET, 1, TOLD_OK);
  get->clock_low = get->clock_high = 109;
  RIGHT();
  get->clock_low = get->clock_high = 110; /* its end: no longer there */
  WRONG();
  get->status = TOLD_MISS;
  RIGHT();
  get->clock_low = get->clock_high = 109; /* too early */
  WRONG();
  history.operations[0][0].clock_low = 99; /* perhaps set a little before */
  RIGHT();
  get = call(0, 5, 6, OPERATION_GET, 1, TOLD_OK); /* expired, yet there again */
  get->clock_low = get->clock_high = 109;
  WRONG();
}

static void touched(void) {
  operation_t *get;
  begin(1, 1);
  call(0, 1, 2, OPERATION_TOUCH, 0, TOLD_OK)->ttl = 5;
  get = call(0, 3, 4, OPERATION_GET, 1, TOLD_OK);
  get->clock_low = get->clock_high = 105;
  WRONG();
  call(0, 5, 6, OPERATION_GET, 1, TOLD_OK);
  history.operations[0][1] = history.operations[0][2];
  history.counts[0] = 2;
  RIGHT();
  history.operations[0][0].status = TOLD_MISS;
  WRONG();
}

/* A write judges by the clock as it was when it began; a read may be ahead. */
static void a_write_across_the_end(void) {
  operation_t *write, *get;
  begin(0, 0);
  call(0, 1, 2, OPERATION_SET, 1, TOLD_OK)->ttl = 10;
  write = call(0, 3, 9, OPERATION_COMPARE_AND_SET, 2, TOLD_OK);
  write->expected = 1;
  write->clock_high = 110;
  get = call(1, 4, 5, OPERATION_GET, 0, TOLD_MISS);
  get->clock_low = get->clock_high = 110;
  RIGHT();
  write->clock_low = 110; /* it began after the end */
  WRONG();
  write->clock_low = 100;
  get->kind = OPERATION_DELETE; /* which has the lock, as the write had */
  WRONG();
}

/* In a cache that evicts a read may come between the old value and the new. */
static void forgotten_while_replaced(void) {
  begin(1, 1);
  history.may_evict = 1;
  call(0, 3, 9, OPERATION_COMPARE_AND_SET, 2, TOLD_OK)->expected = 1;
  call(1, 4, 5, OPERATION_GET, 0, TOLD_MISS);
  RIGHT();
  history.may_evict = 0;
  WRONG();
  history.may_evict = 1;
  history.operations[0][0].invoked = 6; /* not at the same time */
  WRONG();
}

/* A read that found the entry before it was idle writes that down too late. */
static void used_after_it_idled(void) {
  begin(1, 1);
  history.may_evict = history.may_idle = 1;
  call(0, 1, 9, OPERATION_GET, 1, TOLD_OK);
  call(1, 2, 3, OPERATION_REPLACE, 2, TOLD_MISS);
  call(1, 10, 11, OPERATION_GET, 1, TOLD_OK);
  RIGHT();
  history.operations[0][0].invoked = 4; /* it began after that */
  WRONG();
}

static void full(void) {
  begin(1, 1);
  call(0, 1, 2, OPERATION_SET, 2, TOLD_FULL);
  call(0, 3, 4, OPERATION_GET, 1, TOLD_OK);
  WRONG(); /* in a cache that is never full */
  history.may_be_full = 1;
  RIGHT();
  history.operations[0][1].status = TOLD_MISS; /* full must change nothing */
  WRONG();
  begin(1, 1);
  history.may_evict = 1;
  call(0, 1, 2, OPERATION_SET, 2, TOLD_REFUSED);
  call(0, 3, 4, OPERATION_GET, 1, TOLD_OK); /* refused must drop the older */
  WRONG();
}

/* Eight threads whose calls all overlap: the search must not try all orders. */
static void many_at_once(void) {
  unsigned thread, i;
  search_t *search;
  begin(0, 0);
  for (thread = 0; thread < 8; thread++)
    for (i = 0; i < 8; i++)
      call(thread, 1 + i, 100 + i, OPERATION_SET, thread * 8 + i + 1, TOLD_OK);
  call(0, 200, 201, OPERATION_GET, 64, TOLD_OK);
  RIGHT();
  history.operations[0][8].value = 63; /* the same thread's 64 came after it */
  search = search_new();
  CHECK(check_history(search, &history) != LINEARIZABLE);
  search_free(search);
}

TESTS(T(one_thread), T(an_older_value), T(a_foreign_value), T(back_in_time),
      T(a_lost_write), T(two_winners), T(lost_increments), T(lifetimes),
      T(touched), T(a_write_across_the_end), T(forgotten_while_replaced),
      T(used_after_it_idled), T(full), T(many_at_once))
