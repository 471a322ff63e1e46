/*
 * linearizability.h - whether what several threads were told about one key can
 * have happened in some order, each call in one moment between its beginning
 * and its end.  linearizability.c says how that is found out.
 */
#ifndef LINEARIZABILITY_H
#define LINEARIZABILITY_H

#include <stdint.h>
#include <stdio.h>

enum { OPERATORS_MAX = 8, OPERATIONS_MAX = 255 }; /* threads; of each */

typedef enum operation_kind {
  OPERATION_GET,
  OPERATION_CONTAINS,
  OPERATION_SET,
  OPERATION_ADD,
  OPERATION_REPLACE,
  OPERATION_COMPARE_AND_SET,
  OPERATION_DELETE,
  OPERATION_TOUCH,
  OPERATION_INCREMENT,
  OPERATION_GET_OR_CLAIM,
  OPERATION_ELECT,       /* the claim seen or given, if something was stale or
                            another's stands: PENDING is a MISS and this */
  OPERATION_ELECT_EARLY, /* the claim that came with OK */
  OPERATION_FULFILL,
  OPERATION_FULFILL_ABSENT,
  OPERATION_ABANDON,
  OPERATION_CLAIM_WAIT,
  OPERATION_VOID,  /* of clear and delete_prefix: the claim goes, first */
  OPERATION_CLEAR, /* and then the entry */
  OPERATION_LOST_CLAIM /* a get_or_claim whose caller was never heard of */
} operation_kind_t;

/* What the caller was told; the numbers are those of cachecore.h. */
enum {
  TOLD_OK = 0,
  TOLD_MISS = 1,
  TOLD_EXISTS = 2,
  TOLD_REFUSED = 3,
  TOLD_CONFLICT = 4,
  TOLD_STALE = 5,
  TOLD_PENDING = 6,
  TOLD_ABSENT = 7,
  TOLD_CLAIMED = 8,
  TOLD_NO_MEMORY = -2,
  TOLD_FULL = -5,
  TOLD_TIMEOUT = -7,
  TOLD_TYPE = -8
};

/* Values are numbers that `increment` may add to, or, with this bit, not. */
#define NOT_A_NUMBER ((uint64_t)1 << 63)

/* One call on one key. */
typedef struct operation {
  operation_kind_t kind;
  int status;
  uint64_t value;    /* stored, read, or the sum */
  uint64_t expected; /* by compare_and_set; increment: the initial value */
  uint64_t delta;
  uint64_t ttl;      /* 0: for ever */
  uint64_t token;    /* of the claim given, used, seen or waited for */
  uint64_t claim_ms; /* how long a claim stands that this call gave */
  uint64_t window_ms; /* fulfill: stale_ms; abandon: retry_ms */
  uint64_t invoked, returned;    /* moments, on any clock all threads share */
  uint64_t clock_low, clock_high; /* what the cache's clock can have shown */
} operation_t;

/* All calls on one key: each thread's in order.  Filled by the recorder. */
typedef struct history {
  int may_evict; /* an entry may go at any moment */
  int may_idle; /* entries that are not used for a time go */
  int may_be_full; /* a write may be FULL, and change nothing */
  int is_present; /* before the first call, for ever */
  uint64_t value;
  unsigned threads;
  unsigned counts[OPERATORS_MAX];
  operation_t operations[OPERATORS_MAX][OPERATIONS_MAX];
} history_t;

/* Makes a history one without calls, of a key that is absent at first. */
void history_begin(history_t *history, unsigned threads);

/* A thread's next call, all zeros; NULL when there is no room for it. */
operation_t *history_add(history_t *history, unsigned thread);

typedef enum verdict {
  NOT_LINEARIZABLE = 0,
  LINEARIZABLE = 1,
  UNDECIDED = -1 /* too much for the room there was */
} verdict_t;

/* Room for the search, to be used again and again by one thread. */
typedef struct search search_t;
search_t *search_new(void);
void search_free(search_t *search);

verdict_t check_history(search_t *search, const history_t *history);

void print_history(FILE *file, const history_t *history);

#endif
