/*
 * The search of Wing and Gong ("Testing and Verifying Concurrent Objects",
 * JPDC 1993), with the memory that Lowe added ("Testing for Linearizability",
 * CCPE 2017): put the calls in order one after another; one may come next if no
 * call that is still out ended before it began, and if what it was told is what
 * the model says in the present state.  Where nothing fits, go back.  A state
 * that was reached before, with the same calls behind it, is not looked at
 * again.
 *
 * A thread's calls are in order by themselves, so "the calls behind" are a
 * count for each thread: eight bytes of one word.  Keys are independent
 * (Herlihy and Wing: linearizability is local), so a history is of one key.
 */
#include "linearizability.h"
#include "model.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1 << 16 };

struct search {
  state_t seen[SLOTS];
  uint32_t marks[SLOTS]; /* the run in which the slot was filled */
  uint32_t run;
  unsigned count;
  const history_t *history;
};

search_t *search_new(void) {
  return (search_t *)calloc(1, sizeof(search_t));
}

void search_free(search_t *search) { free(search); }

void history_begin(history_t *history, unsigned threads) {
  history->may_evict = history->may_idle = history->may_be_full = 0;
  history->is_present = 0;
  history->value = 0;
  history->threads = threads;
  memset(history->counts, 0, sizeof history->counts);
}

operation_t *history_add(history_t *history, unsigned thread) {
  operation_t *call;
  if (thread >= history->threads || history->counts[thread] == OPERATIONS_MAX)
    return NULL;
  call = &history->operations[thread][history->counts[thread]++];
  memset(call, 0, sizeof *call);
  return call;
}

/* ---- The search ---------------------------------------------------------- */

/* Whether a state is new; it is not, from now on. */
static int is_new(search_t *search, const state_t *state) {
  uint64_t hash = state->done * 0x9E3779B97F4A7C15u ^
                  state->value * 0xBF58476D1CE4E5B9u ^
                  (uint64_t)(state->end * 4 + state->presence) << 40 ^
                  (uint64_t)(state->claim ^ state->pause << 8) << 20;
  uint32_t slot = (uint32_t)((hash ^ hash >> 29) * 0x94D049BB133111EBu >> 40);
  for (;; slot++) {
    slot %= SLOTS;
    if (search->marks[slot] != search->run) break;
    if (memcmp(&search->seen[slot], state, sizeof *state) == 0) return 0;
  }
  search->marks[slot] = search->run;
  search->seen[slot] = *state;
  search->count++;
  return 1;
}

static unsigned done_by(const state_t *state, unsigned thread) {
  return (unsigned)(state->done >> 8 * thread & 0xFF);
}

/* The next call of a thread, NULL if it has none. */
static const operation_t *next_of(const history_t *history,
                                  const state_t *state, unsigned thread) {
  unsigned done = done_by(state, thread);
  return done == history->counts[thread]
             ? NULL
             : &history->operations[thread][done];
}

/* The moment at which the first of the calls still out was over: what began
 * after it cannot come next.  0 when there are none, but for those that never
 * came back. */
static uint64_t first_return(const history_t *history, const state_t *state) {
  uint64_t first = 0;
  unsigned thread;
  for (thread = 0; thread < history->threads; thread++) {
    const operation_t *call = next_of(history, state, thread);
    if (call != NULL && call->returned != UINT64_MAX &&
        (first == 0 || call->returned < first))
      first = call->returned;
  }
  return first;
}

static verdict_t search_from(search_t *search, state_t state);

/* Goes on with a thread's next call as the next of all, if that can be. */
static verdict_t try_call(search_t *search, const state_t *state,
                          unsigned thread, const operation_t *call,
                          int is_there) {
  const history_t *history = search->history;
  state_t next = *state;
  uint32_t number = done_by(state, thread);
  uint32_t end = call->ttl == 0 ? (uint32_t)NO_END : thread << 8 | number;
  if (!explain(history, &next, call, end, is_there)) return NOT_LINEARIZABLE;
  next.done += (uint64_t)1 << 8 * thread;
  return search_from(search, next);
}

static int is_read(const operation_t *call) {
  return call->kind == OPERATION_GET || call->kind == OPERATION_CONTAINS;
}

static int is_about_claims(const operation_t *call) {
  return call->kind >= OPERATION_GET_OR_CLAIM;
}

static int ends_claim(const operation_t *call) {
  return call->kind == OPERATION_FULFILL ||
         call->kind == OPERATION_FULFILL_ABSENT ||
         call->kind == OPERATION_ABANDON;
}

/* One that leaves what it finds to be over as it is. */
static int removes_nothing(const operation_t *call) {
  return is_read(call) || call->kind == OPERATION_REPLACE ||
         call->kind == OPERATION_COMPARE_AND_SET ||
         call->kind == OPERATION_TOUCH;
}

/* A write that may have forgotten the entry that it replaces. */
static int may_replace(const operation_t *call) {
  return call->status == TOLD_OK &&
         (call->kind == OPERATION_REPLACE ||
          call->kind == OPERATION_INCREMENT ||
          call->kind == OPERATION_COMPARE_AND_SET ||
          call->kind == OPERATION_FULFILL ||
          call->kind == OPERATION_FULFILL_ABSENT);
}

/* One that stores a value: a stale one in its place goes first. */
static int may_store(const operation_t *call) {
  return call->status == TOLD_OK &&
         (call->kind == OPERATION_SET || call->kind == OPERATION_ADD);
}

/* Whether a call found an entry, fresh or not, and writes that use down last:
 * a get_or_claim after its election, which is a step of its own. */
static int writes_use_down(const operation_t *call) {
  switch (call->kind) {
    case OPERATION_GET:
    case OPERATION_TOUCH: return call->status == TOLD_OK;
    case OPERATION_GET_OR_CLAIM:
      return call->status == TOLD_OK || call->status == TOLD_STALE ||
             call->status == TOLD_ABSENT;
    case OPERATION_ELECT: return call->value != 0; /* of what was stale */
    case OPERATION_ELECT_EARLY: return 1;
    default: return 0;
  }
}

/* Whether a call of a kind is out that had begun when `other` returned. */
static int is_under_way(const history_t *history, const state_t *state,
                        const operation_t *other,
                        int (*is_of_kind)(const operation_t *)) {
  unsigned thread;
  for (thread = 0; thread < history->threads; thread++) {
    const operation_t *call = next_of(history, state, thread);
    if (call != NULL && is_of_kind(call) && call->invoked <= other->returned)
      return 1;
  }
  return 0;
}

/* A call that was told of nothing, where something is: goes on with that still
 * being there for other calls, if that can be. */
static verdict_t try_missing(search_t *search, const state_t *state,
                             unsigned thread, const operation_t *call) {
  const history_t *history = search->history;
  verdict_t verdict = NOT_LINEARIZABLE;
  state_t next = *state;
  next.done += (uint64_t)1 << 8 * thread;
  if ((history->may_evict && is_read(call) &&
       is_under_way(history, state, call, may_replace)) ||
      (history->may_idle &&
       is_under_way(history, state, call, writes_use_down)))
    verdict = search_from(search, next);
  if (verdict == NOT_LINEARIZABLE &&
      (is_read(call) || (removes_nothing(call) && is_of_use(state))) &&
      may_be_over(history, state, call)) {
    if (call->clock_high < next.latest) next.latest = call->clock_high;
    verdict = search_from(search, next);
  }
  return verdict;
}

/* A get_or_claim that found nothing: what is over is there still for others. */
static verdict_t try_nothing_found(search_t *search, const state_t *state,
                                   unsigned thread, const operation_t *call) {
  const history_t *history = search->history;
  uint32_t place = thread << 8 | done_by(state, thread);
  verdict_t verdict = NOT_LINEARIZABLE;
  state_t next = *state;
  next.done += (uint64_t)1 << 8 * thread;
  if (!explain_missing(history, &next, call, place)) return verdict;
  if (state->presence == NOTHING ||
      may_be_useless(history, state, call) ||
      (history->may_idle &&
       is_under_way(history, state, call, writes_use_down)) ||
      (call->status == TOLD_MISS &&
       is_under_way(history, state, call, may_replace)) ||
      (call->status == TOLD_MISS && may_be_over(history, state, call) &&
       is_under_way(history, state, call, may_store)))
    verdict = search_from(search, next);
  if (verdict == NOT_LINEARIZABLE && state->presence != NOTHING &&
      may_be_forgotten(history, state, call)) {
    vanish(&next);
    verdict = search_from(search, next);
  }
  return verdict;
}

/* The next call as the next of all, if it is about claims. */
static verdict_t try_claim(search_t *search, const state_t *state,
                           unsigned thread, const operation_t *call) {
  verdict_t verdict = NOT_LINEARIZABLE;
  uint32_t place = thread << 8 | done_by(state, thread);
  state_t next = *state;
  next.done += (uint64_t)1 << 8 * thread;
  if (call->kind == OPERATION_GET_OR_CLAIM)
    verdict = try_nothing_found(search, state, thread, call);
  if (verdict == NOT_LINEARIZABLE &&
      explain_claim(search->history, &next, call, place))
    verdict = search_from(search, next);
  if (verdict != NOT_LINEARIZABLE || !ends_claim(call)) return verdict;
  next = *state;
  next.done += (uint64_t)1 << 8 * thread;
  return explain_too_late(search->history, &next, call)
             ? search_from(search, next)
             : NOT_LINEARIZABLE;
}

static verdict_t search_from(search_t *search, state_t state) {
  const history_t *history = search->history;
  uint64_t limit = first_return(history, &state);
  verdict_t verdict;
  unsigned thread;
  if (limit == 0) return LINEARIZABLE;
  if (search->count > SLOTS / 2) return UNDECIDED;
  if (!is_new(search, &state)) return NOT_LINEARIZABLE;
  for (thread = 0; thread < history->threads; thread++) {
    const operation_t *call = next_of(history, &state, thread);
    if (call == NULL || call->invoked > limit) continue;
    if (is_about_claims(call)) {
      verdict = try_claim(search, &state, thread, call);
      if (verdict != NOT_LINEARIZABLE) return verdict;
      continue;
    }
    if ((is_read(call) || history->may_idle ||
         (removes_nothing(call) && is_of_use(&state))) &&
        call->status == TOLD_MISS && state.presence != NOTHING) {
      verdict = try_missing(search, &state, thread, call);
      if (verdict != NOT_LINEARIZABLE) return verdict;
      if (!may_be_forgotten(history, &state, call)) continue;
    }
    if (may_be_there(history, &state, call)) {
      verdict = try_call(search, &state, thread, call, 1);
      if (verdict != NOT_LINEARIZABLE) return verdict;
    }
    if (may_be_gone(history, &state, call)) {
      verdict = try_call(search, &state, thread, call, 0);
      if (verdict != NOT_LINEARIZABLE) return verdict;
    }
  }
  return NOT_LINEARIZABLE;
}

verdict_t check_history(search_t *search, const history_t *history) {
  state_t state;
  memset(&state, 0, sizeof state);
  vanish(&state);
  end_claim(&state);
  if (history->is_present) become(&state, history->value, NO_END);
  search->history = history;
  search->count = 0;
  if (++search->run == 0) { /* a run number of 2^32 runs ago */
    memset(search->marks, 0, sizeof search->marks);
    search->run = 1;
  }
  return search_from(search, state);
}

/* ---- For people ---------------------------------------------------------- */

void print_history(FILE *file, const history_t *history) {
  static const char *const names[] = {"get",     "contains", "set",
                                      "add",     "replace",  "compare_and_set",
                                      "delete",  "touch",    "increment",
                                      "get_or_claim", "elect", "elect early",
                                      "fulfill", "fulfill_absent", "abandon",
                                      "claim_wait", "void", "clear",
                                      "lost claim"};
  unsigned thread, i;
  fprintf(file, "at first: %s %llx%s%s\n",
          history->is_present ? "value" : "absent",
          (unsigned long long)history->value,
          history->may_evict ? ", may evict" : "",
          history->may_be_full ? ", may be full" : "");
  for (thread = 0; thread < history->threads; thread++)
    for (i = 0; i < history->counts[thread]; i++) {
      const operation_t *call = &history->operations[thread][i];
      fprintf(file,
              "thread %u [%llu, %llu] clock [%llu, %llu] %s value %llx "
              "expected %llx delta %llu ttl %llu token %llx claim_ms %llu "
              "window_ms %llu: %d\n",
              thread, (unsigned long long)call->invoked,
              (unsigned long long)call->returned,
              (unsigned long long)call->clock_low,
              (unsigned long long)call->clock_high, names[call->kind],
              (unsigned long long)call->value,
              (unsigned long long)call->expected,
              (unsigned long long)call->delta, (unsigned long long)call->ttl,
              (unsigned long long)call->token,
              (unsigned long long)call->claim_ms,
              (unsigned long long)call->window_ms, call->status);
    }
}
