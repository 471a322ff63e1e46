/* ObjectStore: the table from keys to slots; see object_store.h. */
#include "object_store.h"

static size_t home(const ObjectStore *self, Py_hash_t hash) {
  return (size_t)(((uint64_t)hash * 0x9E3779B97F4A7C15u) >> (64 - self->bits));
}

static size_t next(const ObjectStore *self, size_t at) {
  return (at + 1) & (((size_t)1 << self->bits) - 1);
}

static unsigned *changes(ObjectStore *self, Py_hash_t hash) {
  return &self->changes[(uint64_t)hash % HASH_CLASSES];
}

/* A comparison that always changes what it is about must not hang us. */
#define TRIES 1000

size_t object_lookup(ObjectStore *self, PyObject *key, Id *id) {
  unsigned rebuilds, changed, tries = 0;
  size_t at;

begin:
  rebuilds = self->rebuilds;
  changed = *changes(self, id->hash);
  id->ordinal = 0;
  if (self->table == NULL) return ABSENT;
  for (at = home(self, id->hash);; at = next(self, at)) {
    Slot *slot = self->table[at];
    int equal;
    if (slot == NULL) return ABSENT;
    if (slot == TOMB || slot->id.hash != id->hash) continue;
    equal = slot->key == key;
    if (!equal) {
      PyObject *candidate = Py_NewRef(slot->key);
      equal = PyObject_RichCompareBool(candidate, key, Py_EQ);
      Py_DECREF(candidate);
      if (equal < 0) return FAILED;
      if (rebuilds != self->rebuilds || changed != *changes(self, id->hash)) {
        if (++tries < TRIES) goto begin;
        PyErr_SetString(
            PyExc_RuntimeError,
            "comparing keys of the cache changed the cache each time");
        return FAILED;
      }
    }
    if (equal) {
      *id = slot->id;
      return at;
    }
    if (id->ordinal <= slot->id.ordinal) id->ordinal = slot->id.ordinal + 1;
  }
}

void object_put(ObjectStore *self, Slot *slot) {
  size_t at = home(self, slot->id.hash);

  while (self->table[at] != NULL && self->table[at] != TOMB)
    at = next(self, at);
  self->used += self->table[at] == NULL;
  self->live++;
  object_replace(self, at, slot);
}

void object_changed(ObjectStore *self, const Slot *slot) {
  ++*changes(self, slot->id.hash);
}

void object_replace(ObjectStore *self, size_t at, Slot *slot) {
  Slot *before = self->table[at];

  if (before != NULL && before != TOMB) {
    slot->claims = before->claims;
    before->claims = 0;
  }
  self->table[at] = slot;
  ++*changes(self, slot->id.hash);
}

/* At most two thirds are in use. */
int object_reserve(ObjectStore *self) {
  size_t size = self->table == NULL ? 0 : (size_t)1 << self->bits;
  Slot **before = self->table, **after;
  unsigned bits = 4;

  if (before != NULL && (self->used + 1) * 3 <= size * 2) return 0;
  while (((size_t)1 << bits) < (self->live + 1) * 3) bits++;
  after = PyMem_Calloc((size_t)1 << bits, sizeof *after);
  if (after == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  self->table = after;
  self->bits = bits;
  self->live = self->used = 0;
  self->rebuilds++;
  for (size_t at = 0; at < size; at++)
    if (before[at] != NULL && before[at] != TOMB) object_put(self, before[at]);
  PyMem_Free(before);
  return 0;
}

/* Where the slot is, or ABSENT. */
static size_t place(const ObjectStore *self, const Slot *slot) {
  if (self->table == NULL) return ABSENT;
  for (size_t at = home(self, slot->id.hash); self->table[at] != NULL;
       at = next(self, at))
    if (self->table[at] == slot) return at;
  return ABSENT;
}

size_t object_find(const ObjectStore *self, const Id *id) {
  if (self->table == NULL) return ABSENT;
  for (size_t at = home(self, id->hash); self->table[at] != NULL;
       at = next(self, at)) {
    const Slot *slot = self->table[at];
    if (slot != TOMB && slot->id.hash == id->hash &&
        slot->id.ordinal == id->ordinal)
      return at;
  }
  return ABSENT;
}

int object_is_in(const ObjectStore *self, const Slot *slot) {
  return place(self, slot) != ABSENT;
}

void object_take_out(ObjectStore *self, Slot *slot) {
  size_t at = place(self, slot);
  Slot *unvalued;

  if (at == ABSENT) return;
  if (slot->claims > 0) {
    unvalued = object_make_slot(slot->key, NULL, 0);
    if (unvalued != NULL) {
      unvalued->id = slot->id;
      object_enlist(self, unvalued);
      object_replace(self, at, unvalued);
      return;
    }
    PyErr_Clear(); /* without a slot the claim will be found void */
  }
  self->table[at] = self->table[next(self, at)] == NULL ? NULL : TOMB;
  self->used -= self->table[at] == NULL;
  self->live--;
  ++*changes(self, slot->id.hash);
}
