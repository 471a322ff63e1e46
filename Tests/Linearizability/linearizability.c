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
 *
 * The model is an entry that is there or not, its value, and the call whose
 * lifetime it has.  Two things may make it go by themselves: the end of its
 * lifetime, at a time known to be between two, and eviction, at any time in a
 * cache that may evict.  Both are found out by a call that is told so.
 *
 * Reads take no lock, and so there are two things that they may see and other
 * calls may not.  Each call reads the clock once: a write that found the entry
 * alive may end after a read that, with a later reading, did not.  And a write
 * that replaces an entry of a full cache may forget it to make room for what
 * comes in its place: a read in between finds neither.  And with a time to
 * idle, a read that found the entry in time may write down that use after
 * another call has found the entry idle: then it is there once more.
 */
#include "linearizability.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1 << 16, NO_END = 0xFFFF };

typedef struct state {
  uint64_t done; /* calls behind, a byte for each thread */
  uint64_t value;
  uint32_t is_present;
  uint32_t end; /* thread << 8 | number of the call that gave the lifetime */
  uint64_t latest; /* by what calls were told it has ended by then */
} state_t;

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

/* ---- The model ----------------------------------------------------------- */

static const operation_t *end_of(const history_t *history, uint32_t end) {
  return &history->operations[end >> 8][end & 0xFF];
}

/* Whether a call can have found the entry alive. */
static int may_be_there(const history_t *history, const state_t *state,
                        const operation_t *call) {
  const operation_t *giver;
  if (!state->is_present) return 0;
  if (state->end == NO_END) return 1;
  giver = end_of(history, state->end);
  return call->clock_low < giver->clock_high + giver->ttl &&
         call->clock_low < state->latest;
}

/* Whether its lifetime can have been over. */
static int may_be_over(const history_t *history, const state_t *state,
                       const operation_t *call) {
  const operation_t *giver;
  if (state->end == NO_END) return 0;
  giver = end_of(history, state->end);
  return call->clock_high >= giver->clock_low + giver->ttl;
}

/* Whether a call can have found none. */
static int may_be_gone(const history_t *history, const state_t *state,
                       const operation_t *call) {
  return !state->is_present || history->may_evict ||
         may_be_over(history, state, call);
}

static void become(state_t *state, uint64_t value, uint32_t end) {
  state->is_present = 1;
  state->value = value;
  state->end = end;
  state->latest = UINT64_MAX;
}

static void vanish(state_t *state) {
  state->is_present = 0;
  state->value = 0;
  state->end = NO_END;
  state->latest = UINT64_MAX;
}

/* A write that was allowed to store, and what became of it. */
static int store(const history_t *history, state_t *state,
                 const operation_t *call, uint32_t end) {
  switch (call->status) {
    case TOLD_OK: become(state, call->value, end); return 1;
    case TOLD_REFUSED:
    case TOLD_NO_MEMORY: vanish(state); return history->may_evict;
    case TOLD_FULL: return history->may_be_full;
    default: return 0;
  }
}

/* Whether `call` can have been told what it was in `state`, if the entry was
 * found there (or not), and the state after it. */
static int explain(const history_t *history, state_t *state,
                   const operation_t *call, uint32_t end, int is_there) {
  uint64_t latest;
  if (!is_there) vanish(state);
  switch (call->kind) {
    case OPERATION_GET:
    case OPERATION_CONTAINS:
      if (!is_there) return call->status == TOLD_MISS;
      return call->status == TOLD_OK &&
             (call->kind == OPERATION_CONTAINS || call->value == state->value);
    case OPERATION_SET: return store(history, state, call, end);
    case OPERATION_ADD:
      if (is_there) return call->status == TOLD_EXISTS;
      return store(history, state, call, end);
    case OPERATION_REPLACE:
      if (!is_there) return call->status == TOLD_MISS;
      return store(history, state, call, end);
    case OPERATION_COMPARE_AND_SET:
      if (!is_there) return call->status == TOLD_MISS;
      if (call->expected != state->value) return call->status == TOLD_CONFLICT;
      return store(history, state, call, end);
    case OPERATION_DELETE:
      vanish(state);
      return call->status == (is_there ? TOLD_OK : TOLD_MISS);
    case OPERATION_TOUCH:
      if (is_there) become(state, state->value, end);
      return call->status == (is_there ? TOLD_OK : TOLD_MISS);
    case OPERATION_INCREMENT:
      if (is_there && state->value & NOT_A_NUMBER)
        return call->status == TOLD_TYPE;
      if (call->status == TOLD_OK &&
          call->value != (is_there ? state->value + call->delta
                                   : call->expected))
        return 0;
      if (!is_there) return store(history, state, call, end);
      latest = state->latest; /* it keeps its deadline */
      if (!store(history, state, call, state->end)) return 0;
      state->latest = latest;
      return 1;
  }
  return 0;
}

/* ---- The search ---------------------------------------------------------- */

/* Whether a state is new; it is not, from now on. */
static int is_new(search_t *search, const state_t *state) {
  uint64_t hash = state->done * 0x9E3779B97F4A7C15u ^
                  state->value * 0xBF58476D1CE4E5B9u ^
                  (uint64_t)(state->end * 2 + state->is_present) << 40;
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
 * after it cannot come next.  0 when there are none. */
static uint64_t first_return(const history_t *history, const state_t *state) {
  uint64_t first = 0;
  unsigned thread;
  for (thread = 0; thread < history->threads; thread++) {
    const operation_t *call = next_of(history, state, thread);
    if (call != NULL && (first == 0 || call->returned < first))
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

/* Whether a write is out that may have forgotten the entry that it replaces. */
static int is_being_replaced(const history_t *history, const state_t *state,
                             const operation_t *read) {
  unsigned thread;
  for (thread = 0; thread < history->threads; thread++) {
    const operation_t *call = next_of(history, state, thread);
    if (call != NULL && call->status == TOLD_OK &&
        call->invoked <= read->returned &&
        (call->kind == OPERATION_REPLACE || call->kind == OPERATION_INCREMENT ||
         call->kind == OPERATION_COMPARE_AND_SET))
      return 1;
  }
  return 0;
}

/* Whether a read is out that may yet write down that it used the entry. */
static int is_being_used(const history_t *history, const state_t *state,
                         const operation_t *other) {
  unsigned thread;
  for (thread = 0; thread < history->threads; thread++) {
    const operation_t *call = next_of(history, state, thread);
    if (call != NULL && call->status == TOLD_OK &&
        call->kind == OPERATION_GET && call->invoked <= other->returned)
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
       is_being_replaced(history, state, call)) ||
      (history->may_idle && is_being_used(history, state, call)))
    verdict = search_from(search, next);
  if (verdict == NOT_LINEARIZABLE && is_read(call) &&
      may_be_over(history, state, call)) {
    if (call->clock_high < next.latest) next.latest = call->clock_high;
    verdict = search_from(search, next);
  }
  return verdict;
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
    if ((is_read(call) || history->may_idle) && call->status == TOLD_MISS &&
        state.is_present) {
      verdict = try_missing(search, &state, thread, call);
      if (verdict != NOT_LINEARIZABLE) return verdict;
      if (!history->may_evict) continue;
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
                                      "delete",  "touch",    "increment"};
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
              "expected %llx delta %llu ttl %llu: %d\n",
              thread, (unsigned long long)call->invoked,
              (unsigned long long)call->returned,
              (unsigned long long)call->clock_low,
              (unsigned long long)call->clock_high, names[call->kind],
              (unsigned long long)call->value,
              (unsigned long long)call->expected,
              (unsigned long long)call->delta, (unsigned long long)call->ttl,
              call->status);
    }
}
