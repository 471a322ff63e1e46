/* ObjectStore: its operations, and the type; see object_store.h. */
#include "object_store.h"

/* ---- Reading ------------------------------------------------------------- */

PyObject *object_failure(ObjectStore *self, const char *function,
                         cachecore_status_t status) {
  return raise_failure((PyObject *)self, function, status, Py_None);
}

/* A new reference to the value; NULL without an exception for a miss. */
static PyObject *find(ObjectStore *self, PyObject *key) {
  Id id = {.hash = PyObject_Hash(key)};
  cachecore_status_t status;
  Slot *slot = NULL;
  size_t at, size;

  if (id.hash == -1) return NULL;
  at = object_lookup(self, key, &id);
  if (at == FAILED) return NULL;
  if (at != ABSENT && object_is_surely_live(self, self->table[at])) {
    object_note_use(self, self->table[at]);
    return Py_NewRef(self->table[at]->value);
  }
  if (at == ABSENT && object_may_defer(self)) {
    self->spared_misses++;
    return NULL;
  }
  object_flush(self);
  status = self->library->get(*self->handle.cache, &id, sizeof id, &slot,
                              sizeof slot, &size);
  if (status == CACHECORE_OK) return Py_NewRef(slot->value);
  if (status < 0) return object_failure(self, "cachecore_get", status);
  if (at != ABSENT) {
    object_tidy(self);
    if (deliver((PyObject *)self, self->listening) < 0) return NULL;
  }
  return NULL;
}

static PyObject *get(ObjectStore *self, PyObject *const *arguments,
                     Py_ssize_t count, PyObject *keywords) {
  PyObject *values[2] = {NULL, Py_None};

  if (sort_key_default("get", arguments, count, keywords, values) < 0)
    return NULL;
  return found_or(find(self, values[0]), values[1]);
}

static PyObject *subscript(ObjectStore *self, PyObject *key) {
  PyObject *found = find(self, key);

  if (found == NULL && !PyErr_Occurred()) raise_key_error(key);
  return found;
}

/* The slot of a live entry, counting as nothing; NULL, perhaps with an
 * exception. */
static Slot *look(ObjectStore *self, PyObject *key) {
  Id id = {.hash = PyObject_Hash(key)};
  cachecore_status_t status;
  size_t at;

  if (id.hash == -1) return NULL;
  at = object_lookup(self, key, &id);
  if (at == FAILED) return NULL;
  status = self->library->contains(*self->handle.cache, &id, sizeof id);
  if (status < 0) object_failure(self, "cachecore_contains", status);
  return status == CACHECORE_OK && at != ABSENT ? self->table[at] : NULL;
}

static int in(ObjectStore *self, PyObject *key) {
  if (look(self, key) != NULL) return 1;
  return PyErr_Occurred() ? -1 : 0;
}

static PyObject *contains(ObjectStore *self, PyObject *key) {
  int found = in(self, key);
  return found < 0 ? NULL : PyBool_FromLong(found);
}

static PyObject *peek(ObjectStore *self, PyObject *const *arguments,
                      Py_ssize_t count, PyObject *keywords) {
  PyObject *values[2] = {NULL, Py_None};
  Slot *slot;

  if (sort_key_default("peek", arguments, count, keywords, values) < 0)
    return NULL;
  slot = look(self, values[0]);
  return found_or(slot == NULL ? NULL : Py_NewRef(slot->value), values[1]);
}

/* The id of a live entry as bytes, or None: for the functions not here, one of
 * which may give it a lifetime. */
static PyObject *identify(ObjectStore *self, PyObject *key) {
  Slot *slot = look(self, key);

  object_flush(self);
  if (slot != NULL) {
    slot->deadline_ms = 0;
    self->expires = 1;
    return PyBytes_FromStringAndSize((const char *)&slot->id, sizeof slot->id);
  }
  return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* ---- Writing ------------------------------------------------------------- */

typedef __typeof__(cachecore_set) Storing;

int object_weigh(ObjectStore *self, PyObject *key, PyObject *value,
                 PyObject *weight, uint64_t *weight_out) {
  *weight_out = 1;
  if (weight != Py_None)
    Py_INCREF(weight);
  else if (self->weigher != NULL && self->weigher != Py_None)
    weight = PyObject_CallFunctionObjArgs(self->weigher, key, value, NULL);
  else
    return 0;
  if (weight == NULL) return -1;
  if (!PyLong_Check(weight)) {
    raise_type("a weight must be an int", weight);
    Py_DECREF(weight);
    return -1;
  }
  *weight_out = PyLong_AsUnsignedLongLong(weight);
  Py_DECREF(weight);
  if (!PyErr_Occurred()) return 0;
  if (PyErr_ExceptionMatches(PyExc_OverflowError))
    PyErr_SetString(PyExc_ValueError,
                    "a weight must be between 0 and 18446744073709551615");
  return -1;
}

int object_settle(ObjectStore *self, Slot *slot, size_t at,
                  cachecore_status_t status, const char *function,
                  uint64_t now_ms) {
  Slot *unvalued = NULL;

  if (status == CACHECORE_OK) {
    object_enlist(self, slot);
    if (at == ABSENT) {
      object_put(self, slot);
    } else {
      if (self->table[at]->value == NULL) unvalued = self->table[at];
      object_replace(self, at, slot);
      if (unvalued != NULL) object_delist(self, unvalued);
    }
  }
  object_reap(self, now_ms);
  object_collect(self);
  if (status != CACHECORE_OK) object_drop_slot(slot);
  if (unvalued != NULL) object_drop_slot(unvalued);
  if (self->max_weight > 0) object_shrink(self);
  if (deliver((PyObject *)self, self->listening) < 0) return -1;
  if (status < 0 || status == CACHECORE_REFUSED) {
    object_failure(self, function, status);
    return -1;
  }
  return status;
}

/* Stores by `set` or `add`; a status that is not negative, or -1. */
static int store(ObjectStore *self, Storing *storing, const char *function,
                 PyObject *const *values) {
  Id id = {.hash = PyObject_Hash(values[0])};
  uint64_t ttl_ms, weight, now_ms;
  cachecore_status_t status;
  Slot *slot;
  size_t at;

  if (id.hash == -1 || lifetime_ms(self->library, values[2], &ttl_ms) < 0 ||
      object_weigh(self, values[0], values[1], values[3], &weight) < 0)
    return -1;
  at = object_lookup(self, values[0], &id);
  if (at == FAILED || (at == ABSENT && object_reserve(self) < 0)) return -1;
  now_ms = object_write_ms(self, ttl_ms);
  if (at != ABSENT && storing == self->library->set &&
      object_update(self, at, values, ttl_ms, weight, now_ms))
    return CACHECORE_OK;
  slot = object_make_slot(values[0], values[1], weight);
  if (slot == NULL) return -1;
  slot->id = id;
  slot->deadline_ms = object_deadline_ms(self, ttl_ms, now_ms);
  object_flush(self);
  if (self->max_weight > 0 && weight > self->max_weight) {
    status = self->library->delete(*self->handle.cache, &id, sizeof id);
    if (status >= 0) status = CACHECORE_REFUSED;
  } else {
    status = storing(*self->handle.cache, &slot->id, sizeof slot->id, &slot,
                     sizeof slot, ttl_ms);
  }
  return object_settle(self, slot, at, status, function, now_ms);
}

static int store_arguments(const char *function, PyObject *const *arguments,
                           Py_ssize_t count, PyObject *keywords,
                           PyObject **values) {
  static const char *const names[] = {"key", "value", "ttl", "weight", NULL};

  values[2] = values[3] = Py_None;
  return sort_arguments(function, names, 2, arguments, count, keywords, values);
}

static PyObject *set(ObjectStore *self, PyObject *const *arguments,
                     Py_ssize_t count, PyObject *keywords) {
  PyObject *values[4];

  if (store_arguments("set", arguments, count, keywords, values) < 0 ||
      store(self, self->library->set, "cachecore_set", values) < 0)
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *add(ObjectStore *self, PyObject *const *arguments,
                     Py_ssize_t count, PyObject *keywords) {
  PyObject *values[4];
  int status;

  if (store_arguments("add", arguments, count, keywords, values) < 0)
    return NULL;
  status = store(self, self->library->add, "cachecore_add", values);
  return status < 0 ? NULL : PyBool_FromLong(status == CACHECORE_OK);
}

/* A new reference to the value that was under the key, which is removed; NULL,
 * perhaps with an exception. */
static PyObject *remove_entry(ObjectStore *self, PyObject *key) {
  Id id = {.hash = PyObject_Hash(key)};
  PyObject *value = NULL;
  cachecore_status_t status;
  size_t at;

  if (id.hash == -1) return NULL;
  at = object_lookup(self, key, &id);
  if (at == FAILED) return NULL;
  object_flush(self);
  status = self->library->delete(*self->handle.cache, &id, sizeof id);
  if (status < 0) return object_failure(self, "cachecore_delete", status);
  if (at == ABSENT) return NULL;
  if (status == CACHECORE_OK) {
    value = Py_NewRef(self->table[at]->value);
    object_collect(self);
  } else {
    object_tidy(self);
  }
  if (deliver((PyObject *)self, self->listening) < 0) Py_CLEAR(value);
  return value;
}

static PyObject *delete(ObjectStore *self, PyObject *key) {
  PyObject *value = remove_entry(self, key);
  int removed = value != NULL;

  Py_XDECREF(value);
  return PyErr_Occurred() ? NULL : PyBool_FromLong(removed);
}

/* pop(key[, default]) */
static PyObject *pop(ObjectStore *self, PyObject *const *arguments,
                     Py_ssize_t count, PyObject *keywords) {
  PyObject *values[2] = {NULL, NULL}, *value;

  if (sort_key_default("pop", arguments, count, keywords, values) < 0)
    return NULL;
  value = remove_entry(self, values[0]);
  if (value != NULL || PyErr_Occurred()) return value;
  if (values[1] != NULL) return Py_NewRef(values[1]);
  raise_key_error(values[0]);
  return NULL;
}

static int assign(ObjectStore *self, PyObject *key, PyObject *value) {
  PyObject *gone;

  if (value != NULL) {
    PyObject *values[4] = {key, value, Py_None, Py_None};
    return store(self, self->library->set, "cachecore_set", values) < 0 ? -1
                                                                        : 0;
  }
  gone = remove_entry(self, key);
  if (gone == NULL && !PyErr_Occurred()) raise_key_error(key);
  Py_XDECREF(gone);
  return gone == NULL ? -1 : 0;
}

/* ---- As a whole ---------------------------------------------------------- */

static PyObject *flush_method(ObjectStore *self, PyObject *nothing) {
  (void)nothing;
  object_flush(self);
  Py_RETURN_NONE;
}

static PyObject *collect_method(ObjectStore *self, PyObject *nothing) {
  (void)nothing;
  object_collect(self);
  if (self->max_weight > 0) object_shrink(self);
  if (deliver((PyObject *)self, self->listening) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *drain(ObjectStore *self, PyObject *nothing) {
  PyObject *notices = self->notices, *fresh = PyList_New(0);

  (void)nothing;
  if (fresh == NULL || notices == NULL) return fresh;
  self->notices = fresh;
  return notices;
}

static PyObject *limit(ObjectStore *self, PyObject *arguments) {
  unsigned long long entries, weight;

  if (!PyArg_ParseTuple(arguments, "KK:_limit", &entries, &weight)) return NULL;
  self->max_entries = entries;
  self->max_weight = weight;
  if (object_reserve_uses(self) < 0) return NULL;
  Py_RETURN_NONE;
}

/* Gives up every slot, when the native cache is no longer ours to ask. */
static void drop_all(ObjectStore *self) {
  Slot **table = self->table;

  self->table = NULL;
  self->live = self->used = 0;
  self->uses.oldest = self->uses.next;
  self->rebuilds++;
  PyMem_Free(table);
  while (self->slots.after != &self->slots) {
    Slot *slot = self->slots.after;
    object_delist(self, slot);
    object_drop_slot(slot);
  }
}

static PyObject *exchange(ObjectStore *self, PyObject *const *arguments,
                          Py_ssize_t count) {
  PyObject *before = exchange_handle(&self->handle, arguments, count);

  if (before != NULL) drop_all(self);
  return before;
}

/* ---- The type ------------------------------------------------------------ */

static PyObject *make(PyTypeObject *type, PyObject *arguments,
                      PyObject *keywords) {
  allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  ObjectStore *self = (ObjectStore *)allocate(type, 0);

  (void)arguments;
  (void)keywords;
  if (self == NULL) return NULL;
  self->handle = no_handle;
  self->slots.before = self->slots.after = &self->slots;
  self->library = library_of(type);
  if (self->library == NULL) Py_CLEAR(self);
  return (PyObject *)self;
}

static int traverse(ObjectStore *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE((PyObject *)self));
  Py_VISIT(self->handle.owner);
  Py_VISIT(self->weigher);
  Py_VISIT(self->notices);
  for (Slot *slot = self->slots.after; slot != NULL && slot != &self->slots;
       slot = slot->after) {
    Py_VISIT(slot->key);
    Py_VISIT(slot->value);
  }
  return 0;
}

static int clear(ObjectStore *self) {
  self->handle.cache = no_handle.cache;
  Py_CLEAR(self->weigher);
  Py_CLEAR(self->notices);
  if (self->slots.after != NULL) drop_all(self);
  Py_CLEAR(self->handle.owner);
  return 0;
}

static void dealloc(ObjectStore *self) {
  PyTypeObject *type = Py_TYPE((PyObject *)self);

  PyObject_GC_UnTrack(self);
  clear(self);
  PyMem_Free(self->uses.ring);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

#define FAST (METH_FASTCALL | METH_KEYWORDS)

static PyMethodDef methods[] = {
    {"get", (PyCFunction)(void (*)(void))get, FAST,
     "get($self, /, key, default=None)\n--\n\n"
     "The object, or `default`.  Counts as a use, and as a hit or a miss."},
    {"peek", (PyCFunction)(void (*)(void))peek, FAST,
     "peek($self, /, key, default=None)\n--\n\n"
     "As `get`, but counts as nothing."},
    {"contains", (PyCFunction)contains, METH_O,
     "contains($self, key, /)\n--\n\n"
     "Whether there is a live entry.  Counts as nothing, as `key in cache`."},
    {"set", (PyCFunction)(void (*)(void))set, FAST,
     "set($self, /, key, value, ttl=None, weight=None)\n--\n\n"
     "Stores the object, or replaces the one that is there.\n\n"
     "RefusedError for an entry heavier than max_weight: the older one is\n"
     "dropped, so that nobody is given what was meant to be replaced."},
    {"add", (PyCFunction)(void (*)(void))add, FAST,
     "add($self, /, key, value, ttl=None, weight=None)\n--\n\n"
     "As `set`, but only if there is no live entry; whether it was stored."},
    {"delete", (PyCFunction)delete, METH_O,
     "delete($self, key, /)\n--\n\n"
     "Removes the entry; whether it was live."},
    {"pop", (PyCFunction)(void (*)(void))pop, FAST,
     "pop($self, /, key, default=...)\n--\n\n"
     "Removes the entry and returns its object; else `default`, or KeyError."},
    {"_get_or_claim", (PyCFunction)(void (*)(void))object_get_or_claim,
     METH_FASTCALL,
     "_get_or_claim(key, claim): the native status, and the object or None."},
    {"_fulfill", (PyCFunction)(void (*)(void))object_fulfill, METH_FASTCALL,
     "_fulfill(key, value, ttl_ms, claim): the native status."},
    {"_abandon", (PyCFunction)(void (*)(void))object_abandon, METH_FASTCALL,
     "_abandon(key, retry_ms, claim)"},
    {"_identify", (PyCFunction)identify, METH_O,
     "What the engine calls a live entry; None for a miss."},
    {"_snapshot", (PyCFunction)object_snapshot, METH_O,
     "A list of (key, value), one for each live entry, the longest stored "
     "first."},
    {"_pop_coldest", (PyCFunction)object_pop_coldest, METH_NOARGS,
     "Removes the live entry that is evicted next: (key, value), or None."},
    {"_entry", (PyCFunction)object_entry, METH_O,
     "Key, value and weight of a live entry by its id; None for a miss."},
    {"_collect", (PyCFunction)collect_method, METH_NOARGS,
     "Drops the references to what has left the cache."},
    {"_drain", (PyCFunction)drain, METH_NOARGS,
     "The list of (key, value, cause) not yet delivered, each once."},
    {"_flush", (PyCFunction)flush_method, METH_NOARGS,
     "Tells the engine of the uses that wait; before anything else is asked."},
    {"_limit", (PyCFunction)limit, METH_VARARGS,
     "_limit(max_entries, max_weight): the bounds, 0 for none."},
    {"_exchange", (PyCFunction)(void (*)(void))exchange, METH_FASTCALL,
     "Puts another handle in, drops all references; the old handle."},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"_handle", T_OBJECT, offsetof(ObjectStore, handle.owner), READONLY,
     "the handle that owns the native cache"},
    {"_weigher", T_OBJECT, offsetof(ObjectStore, weigher), 0,
     "called as weigher(key, value); None: all weigh 1"},
    {"_notices", T_OBJECT, offsetof(ObjectStore, notices), 0,
     "a list of (key, value, cause) not yet delivered"},
    {"_listening", T_BOOL, offsetof(ObjectStore, listening), 0,
     "whether to fill _notices and call self._deliver() after a change"},
    {"_deferring", T_BOOL, offsetof(ObjectStore, deferring), 0,
     "whether a use changes nothing but the order of use"},
    {"_manual_clock", T_BOOL, offsetof(ObjectStore, manual_clock), 0,
     "whether the clock is moved by hand"},
    {"_default_ttl_ms", T_ULONGLONG, offsetof(ObjectStore, default_ttl_ms), 0,
     "the lifetime of entries that have none of their own; 0: none"},
    {"_jitter_permille", T_ULONGLONG, offsetof(ObjectStore, jitter_permille), 0,
     "the part of a lifetime that the engine may take off it"},
    {"_spared_hits", T_LONGLONG, offsetof(ObjectStore, spared_hits), 0,
     "hits that the engine has not counted"},
    {"_spared_misses", T_LONGLONG, offsetof(ObjectStore, spared_misses), 0,
     "misses that the engine has not counted"},
    {"_spared_updates", T_LONGLONG, offsetof(ObjectStore, spared_updates), 0,
     "updates that the engine has not counted"},
    {"_max_weight", T_ULONGLONG, offsetof(ObjectStore, max_weight), READONLY,
     "the bound of the weights; 0: none"},
    {"_weight", T_ULONGLONG, offsetof(ObjectStore, weight), READONLY,
     "the sum of the weights"},
    {NULL, 0, 0, 0, NULL},
};

DEFINE_STORE(ObjectStore, object_store_spec,
             "Objects by reference: the operations worth compiling.");
