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
 *   collector and for closing.
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
  PyObject *key, *value;
  uint64_t deadline_ms; /* live until then at least; 0: not known */
  Id id;
  unsigned use; /* its place in the ring of uses that wait, from 1; 0: none */
  uint64_t weight;
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
  Slot **table; /* open addressing, linear probing; NULL and TOMB are free */
  unsigned bits;
  size_t live, used; /* slots in the table; those and tombs */
  unsigned rebuilds; /* of the table */
  unsigned changes[HASH_CLASSES]; /* to slots whose hash is in the class */
  Slot slots;        /* the anchor of the list of all */
  uint64_t weight, max_weight, max_entries;
  Uses uses;
  uint64_t spared_hits, spared_misses; /* the engine will not hear of them */
  char deferring;          /* whether uses may wait */
  char manual_clock;       /* whether time is not ours to tell */
  uint64_t default_ttl_ms; /* 0: none */
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

/* Puts a slot in the place of another of its key. */
void object_replace(ObjectStore *self, size_t at, Slot *slot);

/* Takes the slot out, if it is in; another may be in its place. */
void object_take_out(ObjectStore *self, Slot *slot);

/* ---- object_slots.c ------------------------------------------------------ */

/* A slot with references of its own, in no list; NULL with MemoryError. */
Slot *object_make_slot(PyObject *key, PyObject *value, uint64_t weight);

/* Gives up the references, which may run finalizers. */
void object_drop_slot(Slot *slot);

/* In and out of the list of all slots. */
void object_enlist(ObjectStore *self, Slot *slot);
void object_delist(ObjectStore *self, Slot *slot);

/* When an entry stored now will expire, or a little before. */
uint64_t object_deadline_ms(const ObjectStore *self, uint64_t ttl_ms);

/* Whether the slot is live without asking the engine. */
int object_is_surely_live(const ObjectStore *self, const Slot *slot);

/* Gives up what has left.  Runs finalizers: the last thing anybody does. */
void object_collect(ObjectStore *self);

/* Evicts until the weights are within their bound: the engine says which. */
void object_shrink(ObjectStore *self);

/* Removes what has expired, a little of it, because somebody met some. */
void object_tidy(ObjectStore *self);

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

#endif
