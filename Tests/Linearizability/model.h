/*
 * model.h - what a cache may do with one key: the state it may be in, and which
 * answers are right in it.
 *
 * The model is an entry that is there or not, its value, and the call whose
 * lifetime it has.  Two things may make it go by themselves: the end of its
 * lifetime, at a time known to be between two, and eviction, at any time in a
 * cache that may evict.  Both are found out by a call that is told so.
 *
 * Beside it there may be a claim, and a pause, each by the call that began it.
 * An entry may be an absence, and a value that was stored for a claim may have
 * a window after its lifetime.  Both are found by get_or_claim alone; for all
 * others the entry is over, and is there again for the next get_or_claim.  Some
 * calls are two: a read, of nothing or of what is stale, and then the sight of
 * another's claim or an election; the end of a claim and then, later, that of
 * the entry.
 *
 * Reads take no lock, and so there are things that they may see and other
 * calls may not.  Each call reads the clock once: a write that found the entry
 * alive may end after a read that, with a later reading, did not.  And a write
 * that replaces an entry of a full cache may forget it to make room for what
 * comes in its place: a read in between finds neither.  And with a time to
 * idle, a read that found the entry in time may write down that use after
 * another call has found the entry idle: then it is there once more.  What is
 * stored for a claim takes the place of a stale value that goes first, and is
 * there before the claim is not: a read in between finds neither, or both.
 */
#ifndef MODEL_H
#define MODEL_H

#include "linearizability.h"

enum { NO_END = 0xFFFF };

typedef struct state {
  uint64_t done; /* calls behind, a byte for each thread */
  uint64_t value;
  uint32_t presence;
  uint32_t end; /* thread << 8 | number of the call that gave the lifetime */
  uint64_t latest; /* by what calls were told it has ended by then */
  uint32_t window; /* likewise, of the call that gave a window */
  uint32_t claim;  /* of the one that was elected */
  uint32_t pause;  /* of the one that gave up and said for how long */
  uint32_t unused;
} state_t;

enum { NOTHING, VALUE, ABSENCE }; /* state_t, presence */

void become(state_t *state, uint64_t value, uint32_t end);
void vanish(state_t *state);
void end_claim(state_t *state);

/* Whether get_or_claim may find what others do not. */
int is_of_use(const state_t *state);

/* What a call can have found. */
int may_be_there(const history_t *, const state_t *, const operation_t *);
int may_be_over(const history_t *, const state_t *, const operation_t *);
int may_be_gone(const history_t *, const state_t *, const operation_t *);
int may_be_useless(const history_t *, const state_t *, const operation_t *);
int may_be_forgotten(const history_t *, const state_t *, const operation_t *);

/* Whether a call can have been told what it was, and the state after it;
 * `place` is its own.  Of calls that are not about claims, if the entry was
 * found to be there, or not. */
int explain(const history_t *, state_t *, const operation_t *, uint32_t end,
            int is_there);

/* Of get_or_claim, if it found nothing. */
int explain_missing(const history_t *, state_t *, const operation_t *,
                    uint32_t place);

/* Of what ends a claim, if it had ended before. */
int explain_too_late(const history_t *, state_t *, const operation_t *);

/* Of all others that are about claims, and of get_or_claim if it found
 * something. */
int explain_claim(const history_t *, state_t *, const operation_t *,
                  uint32_t place);

#endif
