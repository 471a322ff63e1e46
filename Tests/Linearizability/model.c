/* What a cache may do, as model.h says, a call at a time. */
#include "model.h"

/* ---- Entries ------------------------------------------------------------- */

static const operation_t *giver_of(const history_t *history, uint32_t place) {
  return &history->operations[place >> 8][place & 0xFF];
}

/* Whether so many ms after the call at `place` can have come after another call
 * looked at the clock, or before. */
static int may_be_before(const history_t *history, uint32_t place, uint64_t ms,
                         const operation_t *call) {
  return call->clock_low < giver_of(history, place)->clock_high + ms;
}

static int may_be_after(const history_t *history, uint32_t place, uint64_t ms,
                        const operation_t *call) {
  return call->clock_high >= giver_of(history, place)->clock_low + ms;
}

static uint64_t lifetime(const history_t *history, const state_t *state) {
  return giver_of(history, state->end)->ttl;
}

/* Of an entry with a lifetime: that and its window. */
static uint64_t usable(const history_t *history, const state_t *state) {
  uint64_t window = state->window == NO_END
                        ? 0
                        : giver_of(history, state->window)->window_ms;
  return lifetime(history, state) + window;
}

/* Whether a call can have found the value alive. */
int may_be_there(const history_t *history, const state_t *state,
                 const operation_t *call) {
  if (state->presence != VALUE) return 0;
  if (state->end == NO_END) return 1;
  return may_be_before(history, state->end, lifetime(history, state), call) &&
         call->clock_low < state->latest;
}

/* Whether its lifetime can have been over. */
int may_be_over(const history_t *history, const state_t *state,
                const operation_t *call) {
  if (state->presence == ABSENCE) return 1;
  return state->end != NO_END &&
         may_be_after(history, state->end, lifetime(history, state), call);
}

/* Whether get_or_claim can have found it to be stale. */
static int may_be_stale(const history_t *history, const state_t *state,
                        const operation_t *call) {
  return state->presence == VALUE && state->window != NO_END &&
         may_be_over(history, state, call) &&
         may_be_before(history, state->end, usable(history, state), call);
}

/* Or to say that there is no value. */
static int may_be_absent(const history_t *history, const state_t *state,
                         const operation_t *call) {
  return state->presence == ABSENCE &&
         (state->end == NO_END ||
          may_be_before(history, state->end, lifetime(history, state), call));
}

/* Whether it can have been of no use to anybody any more. */
int may_be_useless(const history_t *history, const state_t *state,
                   const operation_t *call) {
  return state->end != NO_END &&
         may_be_after(history, state->end, usable(history, state), call);
}

/* Whether it can have been forgotten for another's sake. */
int may_be_forgotten(const history_t *history, const state_t *state,
                     const operation_t *call) {
  return history->may_evict ||
         (history->may_be_full && may_be_over(history, state, call));
}

/* Whether a call can have found no live value. */
int may_be_gone(const history_t *history, const state_t *state,
                const operation_t *call) {
  return state->presence == NOTHING || history->may_evict ||
         may_be_over(history, state, call);
}

/* Whether get_or_claim may find what others do not. */
int is_of_use(const state_t *state) {
  return state->presence == ABSENCE || state->window != NO_END;
}

void become(state_t *state, uint64_t value, uint32_t end) {
  state->presence = VALUE;
  state->value = value;
  state->end = end;
  state->window = NO_END;
  state->latest = UINT64_MAX;
}

void vanish(state_t *state) {
  become(state, 0, NO_END);
  state->presence = NOTHING;
}

/* Nobody's claim stands any more. */
void end_claim(state_t *state) { state->claim = state->pause = NO_END; }

/* A write that was allowed to store, and what became of it. */
static int store(const history_t *history, state_t *state,
          const operation_t *call, uint32_t end) {
  end_claim(state);
  switch (call->status) {
    case TOLD_OK: become(state, call->value, end); return 1;
    case TOLD_REFUSED:
    case TOLD_NO_MEMORY: vanish(state); return history->may_evict;
    case TOLD_FULL: return history->may_be_full;
    default: return 0;
  }
}

/* Another lifetime.  A window begins later, as long as it was; one after a
 * value that is for ever is none. */
static void prolong(state_t *state, const operation_t *call, uint32_t end) {
  uint32_t window = state->window;
  become(state, state->value, end);
  if (call->ttl != 0) state->window = window;
}

/* Whether `call` can have been told what it was in `state`, if the entry was
 * found there (or not), and the state after it. */
int explain(const history_t *history, state_t *state,
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
      end_claim(state);
      return call->status == (is_there ? TOLD_OK : TOLD_MISS);
    case OPERATION_TOUCH:
      if (is_there) prolong(state, call, end);
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
    default: return 0;
  }
}

/* ---- Claims -------------------------------------------------------------- */

/* Whether the claim can be one that was seen: nobody knows the token of one
 * whose caller was not heard of. */
static int may_be_claim(const history_t *history, const state_t *state,
                        uint64_t token) {
  uint64_t given;
  if (state->claim == NO_END) return 0;
  given = giver_of(history, state->claim)->token;
  return given == token || given == 0;
}

static int may_stand(const history_t *history, const state_t *state,
                     const operation_t *call) {
  return state->claim != NO_END &&
         may_be_before(history, state->claim,
                       giver_of(history, state->claim)->claim_ms, call);
}

static int may_not_stand(const history_t *history, const state_t *state,
                         const operation_t *call) {
  return state->claim == NO_END ||
         may_be_after(history, state->claim,
                      giver_of(history, state->claim)->claim_ms, call);
}

static int may_be_paused(const history_t *history, const state_t *state,
                         const operation_t *call) {
  return state->pause != NO_END &&
         may_be_before(history, state->pause,
                       giver_of(history, state->pause)->window_ms, call);
}

static int may_not_be_paused(const history_t *history, const state_t *state,
                             const operation_t *call) {
  return state->pause == NO_END ||
         may_be_after(history, state->pause,
                      giver_of(history, state->pause)->window_ms, call);
}

/* The caller has the claim, if nobody has and that was what it was told. */
static int give_claim(const history_t *history, state_t *state,
                      const operation_t *call, uint32_t place) {
  if (!may_not_stand(history, state, call)) return 0;
  end_claim(state);
  state->claim = place;
  return 1;
}

/* Whether a claim that was seen is one that a call was about to end: that
 * stores first, so another may find the value and the claim. */
static int is_just_ending(const history_t *history, const operation_t *seen) {
  unsigned thread, i;
  for (thread = 0; thread < history->threads; thread++)
    for (i = 0; i < history->counts[thread]; i++) {
      const operation_t *call = &history->operations[thread][i];
      int is_own = call->kind == OPERATION_FULFILL ||
                   call->kind == OPERATION_FULFILL_ABSENT;
      int is_write = call->kind == OPERATION_SET ||
                     call->kind == OPERATION_ADD ||
                     call->kind == OPERATION_REPLACE ||
                     call->kind == OPERATION_COMPARE_AND_SET ||
                     call->kind == OPERATION_INCREMENT;
      if (((is_own && call->token == seen->token) || is_write) &&
          call->status == TOLD_OK && call->invoked <= seen->returned &&
          call->returned >= seen->invoked)
        return 1;
    }
  return 0;
}

/* Whether somebody who took no lock can have seen a claim standing. */
static int may_be_seen(const history_t *history, const state_t *state,
                       const operation_t *call) {
  return (may_stand(history, state, call) &&
          may_be_claim(history, state, call->token)) ||
         is_just_ending(history, call);
}

/* get_or_claim, for who found nothing: MISS if that was all, so far. */
int explain_missing(const history_t *history, state_t *state,
                    const operation_t *call, uint32_t place) {
  if (call->status == TOLD_CLAIMED)
    return give_claim(history, state, call, place);
  return call->status == TOLD_MISS;
}

/* The same for who found something. */
static int explain_found(const history_t *history, state_t *state,
                         const operation_t *call) {
  switch (call->status) {
    case TOLD_OK:
      return may_be_there(history, state, call) && call->value == state->value;
    case TOLD_STALE:
      if (!may_be_stale(history, state, call) || call->value != state->value)
        return 0;
      if (call->clock_high < state->latest) state->latest = call->clock_high;
      return 1;
    case TOLD_ABSENT: return may_be_absent(history, state, call);
    default: return 0;
  }
}

/* Whether somebody was elected for what was found, and if not, why. */
static int explain_election(const history_t *history, state_t *state,
                            const operation_t *call, uint32_t place) {
  int is_early = call->kind == OPERATION_ELECT_EARLY;
  switch (call->status) {
    case TOLD_CLAIMED:
      return (is_early ? may_be_there(history, state, call)
                       : may_be_stale(history, state, call)) &&
             may_not_be_paused(history, state, call) &&
             give_claim(history, state, call, place);
    case TOLD_PENDING: return may_be_seen(history, state, call);
    default: return may_be_paused(history, state, call);
  }
}

static int is_own_claim(const history_t *history, const state_t *state,
                        const operation_t *call) {
  return state->claim != NO_END &&
         giver_of(history, state->claim)->token == call->token;
}

/* What ends a claim, for who came too late: it had ended, in whatever way. */
int explain_too_late(const history_t *history, state_t *state,
                     const operation_t *call) {
  if (call->status != TOLD_CONFLICT && call->kind != OPERATION_ABANDON)
    return 0;
  if (!is_own_claim(history, state, call)) return 1;
  if (!may_not_stand(history, state, call)) return 0;
  end_claim(state);
  return 1;
}

/* The same for who came in time. */
static int explain_end(const history_t *history, state_t *state,
                       const operation_t *call, uint32_t place) {
  int is_absence = call->kind == OPERATION_FULFILL_ABSENT;
  if (!is_own_claim(history, state, call) ||
      !may_stand(history, state, call))
    return 0;
  if (call->kind == OPERATION_ABANDON) {
    end_claim(state);
    if (call->window_ms != 0) state->pause = place;
    return 1;
  }
  if (call->status == TOLD_FULL && is_absence) vanish(state);
  if (!store(history, state, call, call->ttl == 0 ? (uint32_t)NO_END : place))
    return 0;
  if (call->status != TOLD_OK) return 1;
  if (is_absence) state->presence = ABSENCE;
  if (!is_absence && call->ttl != 0 && call->window_ms != 0)
    state->window = place;
  return 1;
}

static int explain_wait(const history_t *history, const state_t *state,
                        const operation_t *call) {
  if (call->status == TOLD_TIMEOUT)
    return may_stand(history, state, call) &&
           may_be_claim(history, state, call->token);
  return call->status == TOLD_OK &&
         (may_not_stand(history, state, call) ||
          giver_of(history, state->claim)->token != call->token);
}

/* All of these that are one step, however the entry is. */
int explain_claim(const history_t *history, state_t *state,
                  const operation_t *call, uint32_t place) {
  switch (call->kind) {
    case OPERATION_GET_OR_CLAIM: return explain_found(history, state, call);
    case OPERATION_ELECT:
    case OPERATION_ELECT_EARLY:
      return explain_election(history, state, call, place);
    case OPERATION_FULFILL:
    case OPERATION_FULFILL_ABSENT:
    case OPERATION_ABANDON: return explain_end(history, state, call, place);
    case OPERATION_CLAIM_WAIT: return explain_wait(history, state, call);
    case OPERATION_VOID: end_claim(state); return 1;
    case OPERATION_CLEAR: vanish(state); return 1;
    case OPERATION_LOST_CLAIM: return give_claim(history, state, call, place);
    default: return 0;
  }
}
