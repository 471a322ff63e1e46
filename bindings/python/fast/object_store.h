/*
 * ObjectStore: Python objects by reference, in a cache that the engine runs.
 *
 * Who knows what
 *   The table (object_table.c) maps a key to its slot, by hash and equality, as
 *   a dict does.  The engine knows each slot under 16 bytes, its id: the key's
 *   hash, and a number that tells keys of equal hash apart.  What the engine
 *   stores as the value is the slot's address.  A read asks the table for the
 *   slot and the engine whether it is still there, which tells the engine of
 *   the use, too.
 *
 * Who owns what
 *   A slot (object_slots.c) holds one reference to the key and one to the
 *   value.  It lives from being stored until the engine reports its removal,
 *   each exactly once, and no longer: `collect` takes those reports.  So an
 *   address that the engine gives out is good, as only `collect` frees slots,
 *   and only with the GIL.  All slots are in one list besides, for the garbage
 *   collector, for closing and for iterating.  It is in the order in which they
 *   were stored but for those that were updated since, which is put right
 *   before somebody iterates: an update touches no other slot.  A key has a
 *   slot as long as somebody has a claim on it, if need be one without a value,
 *   of which the engine does not know: so every deletion names the id that the
 *   claim is on, and voids it (object_claims.c).
 *
 * Uses that wait
 *   Where the order of use is all that a use changes (policy LRU, no time to
 *   idle), and the entry has not expired yet, a hit asks the table alone, and
 *   so does a miss of what is not in it: the engine has no more than the table.
 *   The engine is told of uses later, some at a time, in the order of each
 *   one's last, and of all before it is asked for anything else, so that it
 *   decides as if it had been told at once (object_uses.c).  That an entry has
 *   expired is always for the engine to say: the deadline in a slot is no later
 *   than the engine's.
 *
 * Updates
 *   Most writes give a key that is there another value.  The engine need not
 *   know of that: the slot stays, and has the new value.  What it must know is
 *   the deadline, if there is one, and that the entry was used
 *   (object_update.c).
 *
 * When Python runs
 *   Hashing and comparing run before anything is changed; if slots of such a
 *   hash have changed during a comparison the lookup begins again.  From the
 *   last comparison to the end of the change no code of Python's runs.
 *   References are dropped at the very end, when all is consistent.
 */
#ifndef CACHECORE_OBJECT_STORE_H
#define CACHECORE_OBJECT_STORE_H

#include "fast.h"

typedef struct {
  Py_hash_t hash;
  uint64_t ordinal;
} Id;

/* What a hit looks at comes first, to be in one cache line mostly. */
typedef struct Slot {
  PyObject *key, *value; /* no value: the key is claimed, and has none */
  uint64_t deadline_ms;  /* live until then at least; 0: not known */
  Id id;
  unsigned use; /* its place in the ring of uses that wait, from 1; 0: none */
  unsigned claims : 31;  /* on the key */
  unsigned windowed : 1; /* may be served past its deadline, by a claim */
  uint64_t weight;
  uint64_t stored; /* when, by the number of stores before it */
  struct Slot *before, *after; /* in the list of all slots */
} Slot;

/* Uses not yet told to the engine. */
typedef struct {
  Slot **ring;           /* NULL in it: used again since, or gone */
  unsigned size;         /* of the ring, a power of two; 0: none may wait */
  unsigned oldest, next; /* counting on; the ring has them modulo its size */
} Uses;

#define HASH_CLASSES 32

typedef struct {
  PyObject_HEAD Handle handle;
  const Library *library;
  Slot **table; /* open addressing, linear probing; NULL and TOMB are free */
  unsigned bits;
  size_t live, used; /* slots in the table; those and tombs */
  unsigned rebuilds; /* of the table */
  unsigned changes[HASH_CLASSES]; /* to slots whose hash is in the class */
  Slot slots;        /* the anchor of the list of all; the latest is after it */
  uint64_t stores;   /* and updates */
  char is_unordered; /* whether the list is no longer in their order */
  uint64_t weight, max_weight, max_entries;
  Uses uses;
  int64_t spared_hits, spared_misses; /* the engine will not hear of them */
  int64_t spared_updates;
  uint64_t reaped_ms; /* when nothing that had expired was left; 0: not known */
  char expires;            /* whether anything in it ever had an end */
  char deferring;          /* whether uses may wait */
  char manual_clock;       /* whether time is not ours to tell */
  uint64_t default_ttl_ms; /* 0: none */
  uint64_t jitter_permille; /* of a lifetime, that the engine may take off it */
  PyObject *weigher; /* called as weigher(key, value); None: all weigh 1 */
  PyObject *notices; /* list of (key, value, cause), while somebody listens */
  char listening;
} ObjectStore;

#define TOMB ((Slot *)1)
#define ABSENT ((size_t)-1)
#define FAILED ((size_t)-2)

/* ---- object_table.c ------------------------------------------------------ */

/* Where the key is; ABSENT, and an ordinal that no key of this hash has; or
 * FAILED.  May run Python, but not after its last look at the table. */
size_t object_lookup(ObjectStore *self, PyObject *key, Id *id);

/* Room for one more. */
int object_reserve(ObjectStore *self);

/* Puts a slot in, for which there is room and no other of its key. */
void object_put(ObjectStore *self, Slot *slot);

/* Puts a slot in the place of another of its key, whose claims it has from now
 * on. */
void object_replace(ObjectStore *self, size_t at, Slot *slot);

/* To be said of a slot in the table that has another key or value. */
void object_changed(ObjectStore *self, const Slot *slot);

/* Whether it is the slot of its key, and not one that has left. */
int object_is_in(const ObjectStore *self, const Slot *slot);

/* Where the slot of this id is; ABSENT if there is none.  Runs no Python. */
size_t object_find(const ObjectStore *self, const Id *id);

/* Takes the slot out, if it is in; another may be in its place.  One without a
 * value comes into the place of one whose key is claimed. */
void object_take_out(ObjectStore *self, Slot *slot);

/* ---- object_slots.c ------------------------------------------------------ */

/* A slot with references of its own, in no list; NULL with MemoryError.  A
 * value of NULL is none. */
Slot *object_make_slot(PyObject *key, PyObject *value, uint64_t weight);

/* Gives up the references, which may run finalizers. */
void object_drop_slot(Slot *slot);

/* In and out of the list of all slots. */
void object_enlist(ObjectStore *self, Slot *slot);
void object_delist(ObjectStore *self, Slot *slot);

/* As if it were stored now. */
void object_store_again(ObjectStore *self, Slot *slot);

/* Puts the list into the order of storing; -1 with MemoryError. */
int object_put_in_order(ObjectStore *self);

/* The time by the engine's clock, which is read in a few nanoseconds; 0 if it
 * is moved by hand. */
uint64_t object_now_ms(const ObjectStore *self);

#define NEVER UINT64_MAX /* a deadline */

/* The same for a write with this lifetime; 0 where nothing expires. */
uint64_t object_write_ms(ObjectStore *self, uint64_t ttl_ms);

/* When an entry stored now will expire, or a little before. */
uint64_t object_deadline_ms(const ObjectStore *self, uint64_t ttl_ms,
                            uint64_t now_ms);

/* Whether the slot is live without asking the engine. */
int object_is_surely_live(const ObjectStore *self, const Slot *slot);

/* Gives up what has left.  Runs finalizers: the last thing anybody does. */
void object_collect(ObjectStore *self);

/* Evicts until the weights are within their bound: the engine says which. */
void object_shrink(ObjectStore *self);

/* Removes what has expired, a little of it, because somebody met some. */
void object_tidy(ObjectStore *self);

/* The same at a write, from the engine alone: whether it removed any, and
 * `collect` is to follow.  Once for each tick of the clock, and at every write
 * while more is left. */
int object_reap(ObjectStore *self, uint64_t now_ms);

/* ---- object_update.c ----------------------------------------------------- */

/* Stores a value in the slot at `at` itself, where that is all that changes but
 * for the deadline; 0, and nothing has changed, where it is not so.  Takes over
 * no reference. */
int object_update(ObjectStore *self, size_t at, PyObject *const *key_value,
                  uint64_t ttl_ms, uint64_t weight, uint64_t now_ms);

/* ---- object_store.c ------------------------------------------------------ */

/* The weight given, or what the weigher says, or 1. */
int object_weigh(ObjectStore *self, PyObject *key, PyObject *value,
                 PyObject *weight, uint64_t *weight_out);

/* Ends what has asked the engine to store a slot, which was to replace the one
 * at `at`: a status that is not negative, or -1. */
int object_settle(ObjectStore *self, Slot *slot, size_t at,
                  cachecore_status_t status, const char *function,
                  uint64_t now_ms);

/* Raises what a status is. */
PyObject *object_failure(ObjectStore *self, const char *function,
                         cachecore_status_t status);

/* ---- object_claims.c ----------------------------------------------------- */

PyObject *object_get_or_claim(ObjectStore *self, PyObject *const *arguments,
                              Py_ssize_t count);
PyObject *object_fulfill(ObjectStore *self, PyObject *const *arguments,
                         Py_ssize_t count);
PyObject *object_abandon(ObjectStore *self, PyObject *const *arguments,
                         Py_ssize_t count);

/* ---- object_uses.c ------------------------------------------------------- */

/* Room for as many as is useful for the bound, if uses may wait at all. */
int object_reserve_uses(ObjectStore *self);

/* Whether the engine need not be asked of what the table knows. */
int object_may_defer(const ObjectStore *self);

/* Remembers a hit. */
void object_note_use(ObjectStore *self, Slot *slot);

/* As if the slot had not been used. */
void object_forget_use(ObjectStore *self, Slot *slot);

/* Tells the engine of all. */
void object_flush(ObjectStore *self);

/* ---- object_whole.c ------------------------------------------------------ */

/* A list of the live entries, (key, value) each, the longest stored first. */
PyObject *object_snapshot(ObjectStore *self, PyObject *limit);

/* Removes the live entry that would be evicted next and returns (key, value);
 * None if there is none.  What has expired is removed first, so that it is not
 * passed over again and again. */
PyObject *object_pop_coldest(ObjectStore *self, PyObject *nothing);

/* Key, value and weight of a live entry by its id, which is bytes; None for a
 * miss. */
PyObject *object_entry(ObjectStore *self, PyObject *id);

#endif
