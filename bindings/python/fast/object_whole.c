/* ObjectStore: all entries, in the order in which they were stored; see
 * object_store.h. */
#include "object_store.h"

static PyObject *closed(ObjectStore *self, const char *function,
                        cachecore_status_t status) {
  return raise_failure((PyObject *)self, function, status, Py_None);
}

PyObject *object_snapshot(ObjectStore *self, PyObject *limit) {
  size_t most = PyLong_AsSize_t(limit), count = 0;
  PyObject **pairs, *list;

  if (most == (size_t)-1 && PyErr_Occurred()) return NULL;
  if (most == 0 || most > self->live) most = self->live;
  pairs = PyMem_Malloc((most + 1) * 2 * sizeof *pairs);
  if (pairs == NULL) return PyErr_NoMemory();
  if (*self->handle.cache == NULL) {
    PyMem_Free(pairs);
    return closed(self, "cachecore_scan", CACHECORE_E_ARGUMENT);
  }
  if (object_put_in_order(self) < 0) {
    PyMem_Free(pairs);
    return NULL;
  }
  /* Nothing of Python's runs in this loop, so that nothing changes. */
  for (Slot *slot = self->slots.before; slot != &self->slots && count < most;
       slot = slot->before) {
    if (!object_is_in(self, slot) ||
        self->library->contains(*self->handle.cache, &slot->id,
                                sizeof slot->id) != CACHECORE_OK)
      continue;
    pairs[2 * count] = Py_NewRef(slot->key);
    pairs[2 * count + 1] = Py_NewRef(slot->value);
    count++;
  }
  list = PyList_New(0);
  for (size_t at = 0; at < count; at++) {
    PyObject *pair =
        list == NULL ? NULL : PyTuple_Pack(2, pairs[2 * at], pairs[2 * at + 1]);
    if (list != NULL && (pair == NULL || PyList_Append(list, pair) < 0))
      Py_CLEAR(list);
    Py_XDECREF(pair);
    Py_DECREF(pairs[2 * at]);
    Py_DECREF(pairs[2 * at + 1]);
  }
  PyMem_Free(pairs);
  return list;
}

/* The slot of a live entry; NULL for a miss. */
static Slot *slot_of(ObjectStore *self, const void *id) {
  Slot *slot;
  size_t size;

  return self->library->peek(*self->handle.cache, id, sizeof(Id), &slot,
                             sizeof slot, &size) == CACHECORE_OK
             ? slot
             : NULL;
}

PyObject *object_entry(ObjectStore *self, PyObject *id) {
  const char *content = PyBytes_AsString(id);
  Slot *slot = content == NULL ? NULL : slot_of(self, content);

  if (content == NULL) return NULL;
  if (slot == NULL) Py_RETURN_NONE;
  return Py_BuildValue("OOK", slot->key, slot->value,
                       (unsigned long long)slot->weight);
}

PyObject *object_pop_coldest(ObjectStore *self, PyObject *nothing) {
  uint64_t record[(sizeof(cachecore_scan_record_t) + sizeof(Id)) / 8];
  const char *id = (const char *)record + sizeof(cachecore_scan_record_t);
  cachecore_status_t status;
  PyObject *key, *value, *pair;
  size_t size, count;
  Slot *slot;

  (void)nothing;
  object_flush(self);
  self->library->cleanup_expired(*self->handle.cache, 0, NULL);
  do { /* again if its time was up meanwhile */
    status = self->library->coldest(*self->handle.cache, 1, record,
                                    sizeof record, &size, &count);
    if (status < 0) return closed(self, "cachecore_coldest", status);
    slot = count == 0 ? NULL : slot_of(self, id);
  } while (count > 0 &&
           (slot == NULL || self->library->delete(*self->handle.cache, id,
                                                  sizeof(Id)) != CACHECORE_OK));
  key = slot == NULL ? NULL : Py_NewRef(slot->key);
  value = slot == NULL ? NULL : Py_NewRef(slot->value);
  object_collect(self);
  if (deliver((PyObject *)self, self->listening) < 0)
    pair = NULL;
  else
    pair = key == NULL ? Py_NewRef(Py_None) : PyTuple_Pack(2, key, value);
  Py_XDECREF(value);
  Py_XDECREF(key);
  return pair;
}
