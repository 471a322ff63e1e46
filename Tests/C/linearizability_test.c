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
  history.operations[0][0].kind = OPERATION_TOUCH;
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

/* ---- Claims -------------------------------------------------------------- */

enum { CLAIM_MS = 50 };

/* A get_or_claim; of an election, the claim that came with it. */
static operation_t *ask(unsigned thread, uint64_t at, uint64_t until,
                        uint64_t value, int status, uint64_t token) {
  operation_t *one =
      call(thread, at, until, OPERATION_GET_OR_CLAIM, value, status);
  one->token = token;
  one->claim_ms = CLAIM_MS;
  return one;
}

static operation_t *with_token(operation_t *one, uint64_t token) {
  one->token = token;
  return one;
}

static operation_t *clock_at(operation_t *one, uint64_t ms) {
  one->clock_low = one->clock_high = ms;
  return one;
}

static operation_t *fulfill(unsigned thread, uint64_t at, uint64_t value,
                            int status, uint64_t token) {
  return with_token(
      call(thread, at, at + 1, OPERATION_FULFILL, value, status), token);
}

static operation_t *elect(unsigned thread, uint64_t at, uint64_t until,
                          int status, uint64_t token) {
  operation_t *one = with_token(
      call(thread, at, until, OPERATION_ELECT, 0, status), token);
  one->claim_ms = CLAIM_MS;
  return clock_at(one, 112);
}

/* Nothing was found, and then another's claim. */
static operation_t *pending(unsigned thread, uint64_t at, uint64_t token) {
  ask(thread, at, at + 1, 0, TOLD_MISS, 0);
  return clock_at(elect(thread, at, at + 1, TOLD_PENDING, token), 100);
}

static void one_claim(void) {
  begin(0, 0);
  ask(0, 1, 2, 0, TOLD_CLAIMED, 7);
  pending(1, 3, 7);
  RIGHT();
  fulfill(0, 5, 9, TOLD_OK, 7);
  ask(1, 7, 8, 9, TOLD_OK, 0);
  RIGHT();
  fulfill(0, 9, 10, TOLD_OK, 7); /* it has ended */
  WRONG();
  history.operations[0][2].status = TOLD_CONFLICT;
  RIGHT();
  pending(1, 11, 7); /* there is a value, and no claim */
  WRONG();
}

static void two_claims(void) {
  begin(0, 0);
  ask(0, 1, 9, 0, TOLD_CLAIMED, 7);
  ask(1, 1, 9, 0, TOLD_CLAIMED, 8);
  WRONG();
  with_token(call(2, 1, 9, OPERATION_ABANDON, 0, TOLD_OK), 7);
  RIGHT();
  history.operations[2][0].token = 8; /* either may have been first */
  RIGHT();
  history.operations[2][0].token = 6;
  WRONG();
  history.operations[2][0].kind = OPERATION_VOID;
  RIGHT();
  history.counts[2] = 0;
  clock_at(&history.operations[1][0], 149);
  WRONG();
  clock_at(&history.operations[1][0], 150); /* it ended by itself */
  RIGHT();
  history.operations[1][0].token = 7;
  history.operations[1][0].kind = OPERATION_ELECT;
  history.operations[1][0].status = TOLD_PENDING; /* then it does not stand */
  WRONG();
}

/* What was invalidated while it was computed is not stored. */
static void stored_in_spite(void) {
  static const operation_kind_t kinds[] = {OPERATION_DELETE, OPERATION_SET,
                                           OPERATION_VOID, OPERATION_ADD,
                                           OPERATION_INCREMENT};
  unsigned i;
  for (i = 0; i < 5; i++) {
    int status = kinds[i] == OPERATION_DELETE ? TOLD_MISS : TOLD_OK;
    begin(0, 0);
    ask(0, 1, 2, 0, TOLD_CLAIMED, 7);
    call(1, 3, 4, kinds[i], 5, status)->expected = 5;
    fulfill(0, 5, 9, TOLD_OK, 7);
    WRONG();
    history.operations[0][1].status = TOLD_CONFLICT;
    RIGHT();
    if (i >= 2) continue;
    history.operations[0][1].status = TOLD_OK;
    history.operations[1][0].returned = 9; /* they overlap */
    history.operations[1][0].status = TOLD_OK;
    RIGHT();
    ask(0, 10, 11, 9, TOLD_OK, 0); /* but then it was stored first */
    WRONG();
  }
  /* What changes nothing voids nothing. */
  begin(0, 0);
  ask(0, 1, 2, 0, TOLD_CLAIMED, 7);
  call(1, 3, 4, OPERATION_REPLACE, 5, TOLD_MISS);
  call(1, 3, 4, OPERATION_TOUCH, 5, TOLD_MISS);
  fulfill(0, 5, 9, TOLD_CONFLICT, 7);
  WRONG();
  history.operations[0][1].status = TOLD_OK;
  RIGHT();
  /* Nor is a claim kept by one that was refused. */
  begin(0, 0);
  history.may_evict = 1;
  ask(0, 1, 2, 0, TOLD_CLAIMED, 7);
  call(1, 3, 4, OPERATION_SET, 5, TOLD_REFUSED);
  pending(1, 5, 7);
  WRONG();
}

/* An answer is never older than what was completed before it was asked for. */
static void older_than_an_invalidation(void) {
  begin(1, 1);
  call(0, 1, 4, OPERATION_DELETE, 0, TOLD_OK);
  ask(1, 3, 6, 1, TOLD_OK, 0);
  RIGHT();
  history.operations[1][0].invoked = 5;
  WRONG();
  begin(0, 0);
  ask(0, 1, 2, 0, TOLD_CLAIMED, 7);
  fulfill(0, 3, 1, TOLD_OK, 7)->ttl = 10;
  history.operations[0][1].window_ms = 20;
  call(0, 5, 6, OPERATION_DELETE, 0, TOLD_OK);
  clock_at(ask(1, 7, 8, 1, TOLD_STALE, 0), 115);
  WRONG();
  history.operations[1][0].invoked = 5;
  clock_at(&history.operations[0][2], 115)->status = TOLD_MISS;
  RIGHT();
}

/* A value stored at 100 for 10 ms, with a window of 5. */
static void begin_stale(void) {
  begin(0, 0);
  ask(0, 1, 2, 0, TOLD_CLAIMED, 7);
  fulfill(0, 3, 1, TOLD_OK, 7)->ttl = 10;
  history.operations[0][1].window_ms = 5;
}

static void windows(void) {
  operation_t *told;
  begin_stale();
  told = clock_at(ask(0, 5, 6, 1, TOLD_STALE, 0), 109); /* too early */
  WRONG();
  clock_at(told, 110);
  RIGHT();
  clock_at(told, 114);
  RIGHT();
  clock_at(told, 115); /* over */
  WRONG();
  told->status = TOLD_CLAIMED;
  told->token = 8;
  RIGHT();
  clock_at(told, 114); /* the stale value is lost */
  WRONG();
  history.may_evict = 1;
  RIGHT();
  /* For all others it is over; and there again for the next who asks. */
  begin_stale();
  clock_at(call(0, 5, 6, OPERATION_GET, 0, TOLD_MISS), 112);
  clock_at(call(0, 7, 8, OPERATION_REPLACE, 3, TOLD_MISS), 112);
  clock_at(call(0, 9, 10, OPERATION_TOUCH, 0, TOLD_MISS), 112);
  clock_at(ask(0, 11, 12, 1, TOLD_STALE, 0), 112);
  RIGHT();
  clock_at(call(0, 13, 14, OPERATION_DELETE, 0, TOLD_MISS), 112);
  clock_at(ask(0, 15, 16, 1, TOLD_STALE, 0), 112);
  WRONG();
  /* A plain value has no window, nor has one that lasts for ever. */
  begin(0, 0);
  call(0, 1, 2, OPERATION_SET, 1, TOLD_OK)->ttl = 10;
  clock_at(ask(0, 3, 4, 1, TOLD_STALE, 0), 112);
  WRONG();
  /* touch moves it. */
  begin_stale();
  call(0, 5, 6, OPERATION_TOUCH, 0, TOLD_OK)->ttl = 100;
  told = clock_at(ask(0, 7, 8, 1, TOLD_STALE, 0), 204);
  RIGHT();
  clock_at(told, 205);
  WRONG();
  clock_at(told, 112);
  WRONG();
}

static void absences(void) {
  operation_t *told;
  begin(0, 0);
  ask(0, 1, 2, 0, TOLD_CLAIMED, 7);
  with_token(call(0, 3, 4, OPERATION_FULFILL_ABSENT, 0, TOLD_OK), 7)->ttl = 10;
  clock_at(call(0, 5, 6, OPERATION_GET, 0, TOLD_MISS), 109);
  told = clock_at(ask(0, 7, 8, 0, TOLD_ABSENT, 0), 109);
  RIGHT();
  clock_at(told, 110);
  WRONG();
  told->status = TOLD_CLAIMED;
  told->token = 8;
  RIGHT();
  clock_at(told, 109);
  WRONG();
  told->status = TOLD_ABSENT;
  history.operations[0][2].kind = OPERATION_ADD; /* stores, and that is seen */
  history.operations[0][2].status = TOLD_OK;
  WRONG();
}

static void elections(void) {
  begin_stale();
  clock_at(ask(0, 5, 6, 1, TOLD_STALE, 0), 112);
  elect(0, 5, 6, TOLD_CLAIMED, 8);
  clock_at(ask(1, 7, 8, 1, TOLD_STALE, 0), 112);
  elect(1, 7, 8, TOLD_PENDING, 8);
  RIGHT();
  history.operations[1][1].token = 7; /* which has ended */
  WRONG();
  history.operations[1][1].token = 9;
  history.operations[1][1].status = TOLD_CLAIMED; /* two */
  WRONG();
  history.operations[1][1].status = TOLD_MISS; /* not elected, for no reason */
  WRONG();
  with_token(clock_at(call(0, 6, 7, OPERATION_ABANDON, 0, TOLD_OK), 112), 8)
      ->window_ms = 3;
  RIGHT(); /* there is a pause */
  clock_at(&history.operations[1][1], 115);
  WRONG();
  /* One that may have ended by itself may have left none. */
  begin_stale();
  elect(0, 5, 6, TOLD_CLAIMED, 8)->clock_low = 110;
  history.operations[0][2].claim_ms = 3;
  with_token(clock_at(call(0, 7, 8, OPERATION_ABANDON, 0, TOLD_OK), 113), 8)
      ->window_ms = 9;
  elect(0, 9, 10, TOLD_CLAIMED, 9)->clock_low = 114;
  history.operations[0][4].clock_high = 114;
  RIGHT();
  history.operations[0][4].status = TOLD_MISS;
  RIGHT();
  /* Nobody is elected for what is gone, or fresh. */
  begin(0, 0);
  elect(0, 1, 2, TOLD_CLAIMED, 7);
  WRONG();
  begin(1, 1);
  elect(0, 1, 2, TOLD_CLAIMED, 7);
  WRONG();
  history.operations[0][0].kind = OPERATION_ELECT_EARLY;
  RIGHT();
}

static void waits(void) {
  operation_t *wait;
  begin(0, 0);
  ask(0, 1, 2, 0, TOLD_CLAIMED, 7);
  wait = with_token(call(1, 3, 4, OPERATION_CLAIM_WAIT, 0, TOLD_TIMEOUT), 7);
  RIGHT();
  wait->status = TOLD_OK; /* it stands */
  WRONG();
  wait->returned = 9;
  fulfill(0, 5, 9, TOLD_OK, 7);
  RIGHT();
  wait->invoked = 7;
  RIGHT();
  wait->status = TOLD_TIMEOUT; /* it had ended */
  WRONG();
  clock_at(wait, 150)->status = TOLD_OK;
  history.counts[0] = 1; /* it ended by itself */
  RIGHT();
}

/* A caller who was never heard of again may have been given a claim. */
static void lost_claims(void) {
  operation_t *lost, *other;
  begin(0, 0);
  other = pending(1, 3, 7);
  WRONG();
  lost = ask(0, 1, UINT64_MAX, 0, 0, 0);
  lost->kind = OPERATION_LOST_CLAIM;
  RIGHT();
  ask(1, 5, 6, 0, TOLD_CLAIMED, 8);
  WRONG();
  clock_at(&history.operations[1][2], 150);
  RIGHT();
  lost->invoked = 5; /* after it was seen */
  WRONG();
  other->kind = OPERATION_GET_OR_CLAIM;
  other->status = TOLD_CLAIMED; /* or it was not given one */
  RIGHT();
}

/* clear and delete_prefix void claims first, and remove entries then. */
static void cleared(void) {
  begin(1, 1);
  call(0, 1, 9, OPERATION_VOID, 0, TOLD_OK);
  call(0, 1, 9, OPERATION_CLEAR, 0, TOLD_OK);
  call(1, 2, 3, OPERATION_GET, 1, TOLD_OK);
  ask(1, 4, 5, 0, TOLD_CLAIMED, 7);
  RIGHT();
  fulfill(1, 10, 2, TOLD_OK, 7); /* asked for when it had begun */
  RIGHT();
  ask(1, 12, 13, 1, TOLD_OK, 0);
  WRONG();
}

/* The claim is still there when what was stored for it is found. */
static void seen_as_it_ends(void) {
  begin(0, 0);
  ask(0, 1, 2, 0, TOLD_CLAIMED, 7);
  with_token(call(0, 3, 9, OPERATION_FULFILL, 1, TOLD_OK), 7)->ttl = 10;
  history.operations[0][1].window_ms = 5;
  clock_at(ask(1, 4, 5, 1, TOLD_STALE, 0), 112);
  elect(1, 4, 5, TOLD_PENDING, 7);
  RIGHT();
  history.operations[0][1].returned = 4;
  history.operations[1][0].invoked = history.operations[1][1].invoked = 5;
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
      T(used_after_it_idled), T(full), T(one_claim), T(two_claims),
      T(stored_in_spite), T(older_than_an_invalidation), T(windows),
      T(absences), T(elections), T(waits), T(lost_claims), T(cleared),
      T(seen_as_it_ends), T(many_at_once))
