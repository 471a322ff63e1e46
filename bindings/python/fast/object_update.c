/*
 * ObjectStore: another value for a key that is there; see object_store.h.
 *
 * The slot stays, and so does the engine's entry, which has its address: the
 * value is exchanged, and nothing is allocated, replaced, reported and freed.
 * For the engine the write is then a use, and a new deadline if there was one
 * or is one now.  The update that it has not seen is counted here.
 *
 * What must hold:
 *   - a use changes nothing but the order of use, as for uses that wait;
 *   - nobody listens, who would have to be told of what was replaced;
 *   - nobody has a claim on the key, which the write is to void;
 *   - the entry has no window after its deadline, which `touch` would keep;
 *   - the entry is live.  Without a deadline, before and now, it is, as long as
 *     its slot is in the table.  Else `touch` says so.
 */
#include "object_store.h"

/* Tells the engine of it, now or later; whether the entry is live. */
static int renew(ObjectStore *self, Slot *slot, uint64_t ttl_ms,
                 uint64_t now_ms) {
  uint64_t deadline_ms = object_deadline_ms(self, ttl_ms, now_ms);

  if (deadline_ms == NEVER && slot->deadline_ms == NEVER) {
    object_note_use(self, slot);
    self->spared_hits--; /* a use, but no hit */
    return 1;
  }
  object_flush(self);
  if (self->library->touch(*self->handle.cache, &slot->id, sizeof slot->id,
                           ttl_ms) != CACHECORE_OK)
    return 0;
  slot->deadline_ms = deadline_ms;
  return 1;
}

int object_update(ObjectStore *self, size_t at, PyObject *const *key_value,
                  uint64_t ttl_ms, uint64_t weight, uint64_t now_ms) {
  Slot *slot = self->table[at];
  PyObject *key = slot->key, *value = slot->value;

  if (!object_may_defer(self) || self->listening || value == NULL ||
      slot->claims > 0 || slot->windowed ||
      (self->max_weight > 0 && weight > self->max_weight) ||
      !renew(self, slot, ttl_ms, now_ms))
    return 0;
  slot->key = Py_NewRef(key_value[0]);
  slot->value = Py_NewRef(key_value[1]);
  self->weight += weight - slot->weight;
  slot->weight = weight;
  object_store_again(self, slot);
  object_changed(self, slot);
  self->spared_updates++;
  if (object_reap(self, now_ms)) object_collect(self);
  Py_DECREF(value);
  Py_DECREF(key);
  if (self->max_weight > 0) object_shrink(self);
  return 1;
}
