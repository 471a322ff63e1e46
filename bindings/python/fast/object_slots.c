/* ObjectStore: slots, from being stored to their end; see object_store.h. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "object_store.h"

/* ---- Time ---------------------------------------------------------------- */

/* 17 years: the engine cuts what is twice as long. */
#define LONGEST ((uint64_t)1 << 39)

uint64_t object_now_ms(const ObjectStore *self) {
  struct timespec now;

  if (self->manual_clock) return 0;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t object_write_ms(ObjectStore *self, uint64_t ttl_ms) {
  if (ttl_ms == 0) ttl_ms = self->default_ttl_ms;
  if ((ttl_ms != 0 && ttl_ms != CACHECORE_TTL_NEVER) || !self->deferring)
    self->expires = 1; /* not deferring: perhaps after being idle */
  return self->expires ? object_now_ms(self) : 0;
}

uint64_t object_deadline_ms(const ObjectStore *self, uint64_t ttl_ms,
                            uint64_t now_ms) {
  if (ttl_ms == 0) ttl_ms = self->default_ttl_ms;
  if (ttl_ms == 0 || ttl_ms == CACHECORE_TTL_NEVER) return NEVER;
  if (self->manual_clock || ttl_ms > LONGEST) return 0;
  return now_ms + ttl_ms - ttl_ms * self->jitter_permille / 1000;
}

int object_is_surely_live(const ObjectStore *self, const Slot *slot) {
  return object_may_defer(self) && (slot->deadline_ms == NEVER ||
                                    slot->deadline_ms > object_now_ms(self));
}

/* ---- Slots --------------------------------------------------------------- */

Slot *object_make_slot(PyObject *key, PyObject *value, uint64_t weight) {
  Slot *slot = PyMem_Malloc(sizeof *slot);

  if (slot == NULL) {
    PyErr_NoMemory();
    return NULL;
  }
  slot->key = Py_NewRef(key);
  slot->value = Py_XNewRef(value);
  slot->deadline_ms = 0;
  slot->weight = weight;
  slot->use = slot->claims = slot->windowed = 0;
  return slot;
}

void object_drop_slot(Slot *slot) {
  PyObject *key = slot->key, *value = slot->value;

  PyMem_Free(slot);
  Py_XDECREF(value);
  Py_DECREF(key);
}

void object_enlist(ObjectStore *self, Slot *slot) {
  slot->stored = ++self->stores;
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

void object_store_again(ObjectStore *self, Slot *slot) {
  slot->stored = ++self->stores;
  self->is_unordered |= slot->before != &self->slots;
}

static int latest_first(const void *one, const void *other) {
  uint64_t first = (*(Slot *const *)one)->stored;
  uint64_t second = (*(Slot *const *)other)->stored;
  return (first < second) - (first > second);
}

int object_put_in_order(ObjectStore *self) {
  size_t count = 0, at = 0;
  Slot **slots, *slot, *before = &self->slots;

  if (!self->is_unordered) return 0;
  for (slot = self->slots.after; slot != &self->slots; slot = slot->after)
    count++;
  slots = PyMem_Malloc((count + 1) * sizeof *slots);
  if (slots == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  for (slot = self->slots.after; slot != &self->slots; slot = slot->after)
    slots[at++] = slot;
  qsort(slots, count, sizeof *slots, latest_first);
  slots[count] = &self->slots;
  for (at = 0; at <= count; at++) {
    before->after = slots[at];
    slots[at]->before = before;
    before = slots[at];
  }
  PyMem_Free(slots);
  self->is_unordered = 0;
  return 0;
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
      self->library->take_removals(*self->handle.cache, buffer, sizeof buffer,
                                   &size, &count) != CACHECORE_OK)
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
  PyObject *kind = NULL, *error = NULL, *traceback = NULL;
  size_t count = take(self, slots, causes);
  int is_raising;

  if (count == 0) return;
  is_raising = PyErr_Occurred() != NULL;
  if (is_raising) PyErr_Fetch(&kind, &error, &traceback);
  do {
    for (size_t at = 0; at < count; at++) note(self, slots[at], causes[at]);
    for (size_t at = 0; at < count; at++) object_drop_slot(slots[at]);
  } while ((count = take(self, slots, causes)) > 0);
  if (is_raising) PyErr_Restore(kind, error, traceback);
}

void object_shrink(ObjectStore *self) {
  uint64_t removed = 1;

  while (self->max_weight > 0 && self->weight > self->max_weight &&
         removed > 0) {
    object_flush(self);
    self->library->evict(*self->handle.cache, 1, &removed);
    object_collect(self);
  }
}

int object_reap(ObjectStore *self, uint64_t now_ms) {
  uint64_t removed = 0;

  if (!self->expires || *self->handle.cache == NULL ||
      (now_ms != 0 && now_ms == self->reaped_ms))
    return 0;
  object_flush(self);
  self->library->cleanup_expired(*self->handle.cache, RECORDS, &removed);
  self->reaped_ms = removed < RECORDS ? now_ms : 0;
  return removed > 0;
}

void object_tidy(ObjectStore *self) {
  object_flush(self);
  if (*self->handle.cache != NULL &&
      self->library->cleanup_expired(*self->handle.cache, RECORDS, NULL) ==
          CACHECORE_OK)
    object_collect(self);
}
