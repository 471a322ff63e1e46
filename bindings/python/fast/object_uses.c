/*
 * ObjectStore: the uses that wait to be told to the engine; see object_store.h.
 *
 * They are in a ring, oldest first. A slot that is used again leaves a hole
 * where it was, so that each is in once, with its last use. When the ring is
 * full the oldest few are told: what is hot is then mostly holes.
 */
#include "object_store.h"

/* Places of the ring told in one native call. */
#define CHUNK 64

/* Places in a ring: a quarter of the entries. */
#define SMALLEST 64
#define LARGEST 4096

int object_reserve_uses(ObjectStore *self) {
  Uses *uses = &self->uses;
  unsigned size = SMALLEST;
  Slot **ring;

  while (size < self->max_entries / 4 && size < LARGEST) size *= 2;
  if (!self->deferring || size == uses->size) return 0;
  ring = PyMem_Malloc(size * sizeof *ring);
  if (ring == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  object_flush(self);
  PyMem_Free(uses->ring);
  *uses = (Uses){.ring = ring, .size = size};
  return 0;
}

int object_may_defer(const ObjectStore *self) {
  return self->uses.size > 0 && *self->handle.cache != NULL;
}

/* Tells the oldest of them, a chunk. */
static void tell(ObjectStore *self) {
  Uses *uses = &self->uses;
  const void *ids[CHUNK];
  void *buffers[CHUNK];
  size_t id_sizes[CHUNK], capacities[CHUNK], sizes[CHUNK], count = 0;
  Slot *nobody;

  for (unsigned n = 0; n < CHUNK && uses->oldest != uses->next; n++) {
    Slot *slot = uses->ring[uses->oldest++ & (uses->size - 1)];
    if (slot == NULL) continue;
    slot->use = 0;
    ids[count] = &slot->id;
    id_sizes[count] = sizeof slot->id;
    buffers[count] = &nobody;
    capacities[count] = sizeof nobody;
    count++;
  }
  if (count > 0 && *self->handle.cache != NULL)
    self->library->get_many(*self->handle.cache, count, ids, id_sizes, buffers,
                            capacities, sizes, NULL);
}

void object_flush(ObjectStore *self) {
  while (self->uses.oldest != self->uses.next) tell(self);
}

void object_note_use(ObjectStore *self, Slot *slot) {
  Uses *uses = &self->uses;
  unsigned mask = uses->size - 1;

  if (slot->use != 0) {
    self->spared_hits++;
    if (slot->use == ((uses->next - 1) & mask) + 1) return;
    uses->ring[slot->use - 1] = NULL;
  }
  if (uses->next - uses->oldest == uses->size) tell(self);
  uses->ring[uses->next & mask] = slot;
  slot->use = (uses->next++ & mask) + 1;
}

void object_forget_use(ObjectStore *self, Slot *slot) {
  if (slot->use != 0) self->uses.ring[slot->use - 1] = NULL;
}
