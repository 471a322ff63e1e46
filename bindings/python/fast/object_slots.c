/* ObjectStore: slots, from being stored to their end; see object_store.h. */
#include <string.h>
#include <time.h>

#include "object_store.h"

/* ---- Time ---------------------------------------------------------------- */

#define NEVER UINT64_MAX

/* 17 years: the engine cuts what is twice as long. */
#define LONGEST ((uint64_t)1 << 39)

/* The clock of the engine, which is read in a few nanoseconds. */
static uint64_t now_ms(void) {
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t object_deadline_ms(const ObjectStore *self, uint64_t ttl_ms) {
  if (ttl_ms == 0) ttl_ms = self->default_ttl_ms;
  if (ttl_ms == 0 || ttl_ms == CACHECORE_TTL_NEVER) return NEVER;
  if (self->manual_clock || ttl_ms > LONGEST) return 0;
  return now_ms() + ttl_ms;
}

int object_is_surely_live(const ObjectStore *self, const Slot *slot) {
  return object_may_defer(self) &&
         (slot->deadline_ms == NEVER || slot->deadline_ms > now_ms());
}

/* ---- Slots --------------------------------------------------------------- */

Slot *object_make_slot(PyObject *key, PyObject *value, uint64_t weight) {
  Slot *slot = PyMem_Malloc(sizeof *slot);

  if (slot == NULL) {
    PyErr_NoMemory();
    return NULL;
  }
  slot->key = Py_NewRef(key);
  slot->value = Py_NewRef(value);
  slot->weight = weight;
  slot->use = 0;
  return slot;
}

void object_drop_slot(Slot *slot) {
  PyObject *key = slot->key, *value = slot->value;

  PyMem_Free(slot);
  Py_DECREF(value);
  Py_DECREF(key);
}

void object_enlist(ObjectStore *self, Slot *slot) {
  slot->before = &self->slots;
  slot->after = self->slots.after;
  slot->after->before = slot;
  self->slots.after = slot;
  self->weight += slot->weight;
}

void object_delist(ObjectStore *self, Slot *slot) {
  slot->before->after = slot->after;
  slot->after->before = slot->before;
  self->weight -= slot->weight;
  object_forget_use(self, slot);
}

static void note(ObjectStore *self, Slot *slot, uint32_t cause) {
  PyObject *notice;

  if (!self->listening || self->notices == NULL) return;
  notice = Py_BuildValue("OOI", slot->key, slot->value, cause);
  if (notice == NULL || PyList_Append(self->notices, notice) < 0)
    PyErr_WriteUnraisable((PyObject *)self);
  Py_XDECREF(notice);
}

/* ---- What has left ------------------------------------------------------- */

#define RECORD_SIZE                                                            \
  (sizeof(cachecore_removal_record_t) + sizeof(Id) + sizeof(Slot *))
#define RECORDS 64

/* Takes some of what has left out of engine, table and list. */
static size_t take(ObjectStore *self, Slot **slots, uint32_t *causes) {
  uint64_t buffer[RECORDS * RECORD_SIZE / 8];
  const char *record = (const char *)buffer;
  size_t size, count;

  if (*self->handle.cache == NULL ||
      library.take_removals(*self->handle.cache, buffer, sizeof buffer, &size,
                            &count) != CACHECORE_OK)
    return 0;
  for (size_t at = 0; at < count; at++) {
    cachecore_removal_record_t header;
    memcpy(&header, record, sizeof header);
    memcpy(&slots[at], record + sizeof header + sizeof(Id), sizeof slots[at]);
    causes[at] = header.cause;
    object_take_out(self, slots[at]);
    object_delist(self, slots[at]);
    record += header.record_size;
  }
  return count;
}

void object_collect(ObjectStore *self) {
  Slot *slots[RECORDS];
  uint32_t causes[RECORDS];
  PyObject *kind, *error, *traceback;
  size_t count = take(self, slots, causes);

  if (count == 0) return;
  PyErr_Fetch(&kind, &error, &traceback);
  do {
    for (size_t at = 0; at < count; at++) note(self, slots[at], causes[at]);
    for (size_t at = 0; at < count; at++) object_drop_slot(slots[at]);
  } while ((count = take(self, slots, causes)) > 0);
  PyErr_Restore(kind, error, traceback);
}

void object_shrink(ObjectStore *self) {
  object_flush(self);
  while (self->max_weight > 0 && self->weight > self->max_weight &&
         self->live > 0 && *self->handle.cache != NULL) {
    uint64_t weight = self->weight;
    if (self->live == 1) {
      library.clear(*self->handle.cache);
    } else {
      library.resize(*self->handle.cache, self->live - 1, 0);
      library.resize(*self->handle.cache, self->max_entries, 0);
    }
    object_collect(self);
    if (self->weight >= weight) break;
  }
}

void object_tidy(ObjectStore *self) {
  object_flush(self);
  if (*self->handle.cache != NULL &&
      library.cleanup_expired(*self->handle.cache, RECORDS, NULL) ==
          CACHECORE_OK)
    object_collect(self);
}
