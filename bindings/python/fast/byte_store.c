/* ByteStore: a cache of bytes, one key at a time. */
#include "fast.h"

#include <string.h>
#include <time.h>

/* Most values are smaller, and are read in one call through the stack. */
#define SMALL 2048
/* Keys of a tier up to this are joined on the stack. */
#define KEY_ROOM 512

/* ---- Reading ------------------------------------------------------------- */

PyObject *byte_store_load(ByteStore *self, PyObject *content) {
  PyObject *value;

  if (content == NULL || self->loads == NULL || self->loads == Py_None)
    return content;
  value = PyObject_CallFunctionObjArgs(self->loads, content, NULL);
  Py_DECREF(content);
  return value;
}

/* Goes on with a value that is larger, and may have changed meanwhile. */
static cachecore_status_t find_larger(ByteStore *self, const Bytes *key,
                                      size_t size, PyObject **content_out) {
  cachecore_status_t status = CACHECORE_E_TOO_SMALL;
  PyObject *content = NULL;

  while (status == CACHECORE_E_TOO_SMALL) {
    size_t capacity = size;
    Py_XDECREF(content);
    content = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)capacity);
    if (content == NULL) break;
    status = self->library->peek(*self->handle.cache, key->data, key->size,
                                 PyBytes_AsString(content), capacity, &size);
  }
  if (status != CACHECORE_OK) {
    Py_CLEAR(content);
  } else if (size != (size_t)PyBytes_Size(content)) {
    PyObject *exact =
        PyBytes_FromStringAndSize(PyBytes_AsString(content), (Py_ssize_t)size);
    Py_DECREF(content);
    content = exact;
  }
  *content_out = content;
  return status;
}

/* The value by `get` or `peek`, loaded; NULL without an exception for a miss.
 * `key` is what an exception names. */
static inline PyObject *find_name(ByteStore *self,
                                  __typeof__(cachecore_get) *read,
                                  const char *function, const Bytes *name,
                                  PyObject *key) {
  char small[SMALL];
  PyObject *content = NULL;
  cachecore_status_t status;
  size_t size;

  status = read(*self->handle.cache, name->data, name->size, small,
                sizeof small, &size);
  if (status == CACHECORE_OK)
    content = PyBytes_FromStringAndSize(small, (Py_ssize_t)size);
  else if (status == CACHECORE_E_TOO_SMALL)
    status = find_larger(self, name, size, &content);
  if (status < 0 && !PyErr_Occurred())
    return raise_failure((PyObject *)self, function, status, key);
  return byte_store_load(self, content);
}

static inline PyObject *find(ByteStore *self, __typeof__(cachecore_get) *read,
                             const char *function, PyObject *key) {
  Bytes name;

  if (own_key_bytes(self, key, &name) < 0) return NULL;
  return find_name(self, read, function, &name, key);
}

PyObject *byte_store_peek(ByteStore *self, PyObject *key) {
  return find(self, self->library->peek, "cachecore_peek", key);
}

static PyObject *get(ByteStore *self, PyObject *const *arguments,
                     Py_ssize_t count, PyObject *keywords) {
  PyObject *values[2] = {NULL, Py_None};

  if (sort_key_default("get", arguments, count, keywords, values) < 0)
    return NULL;
  return found_or(find(self, self->library->get, "cachecore_get", values[0]),
                  values[1]);
}

static PyObject *peek(ByteStore *self, PyObject *const *arguments,
                      Py_ssize_t count, PyObject *keywords) {
  PyObject *values[2] = {NULL, Py_None};

  if (sort_key_default("peek", arguments, count, keywords, values) < 0)
    return NULL;
  return found_or(byte_store_peek(self, values[0]), values[1]);
}

static PyObject *subscript(ByteStore *self, PyObject *key) {
  PyObject *found = find(self, self->library->get, "cachecore_get", key);

  if (found == NULL && !PyErr_Occurred()) raise_key_error(key);
  return found;
}

static int in(ByteStore *self, PyObject *key) {
  cachecore_status_t status;
  Bytes name;

  if (own_key_bytes(self, key, &name) < 0) return -1;
  status = self->library->contains(*self->handle.cache, name.data, name.size);
  if (status >= 0) return status == CACHECORE_OK;
  raise_failure((PyObject *)self, "cachecore_contains", status, key);
  return -1;
}

static PyObject *contains(ByteStore *self, PyObject *key) {
  int found = in(self, key);
  return found < 0 ? NULL : PyBool_FromLong(found);
}

static PyObject *ttl(ByteStore *self, PyObject *key) {
  cachecore_status_t status;
  int64_t left_ms;
  Bytes name;

  if (own_key_bytes(self, key, &name) < 0) return NULL;
  status =
      self->library->ttl(*self->handle.cache, name.data, name.size, &left_ms);
  if (status < 0)
    return raise_failure((PyObject *)self, "cachecore_ttl", status, key);
  if (status == CACHECORE_MISS) Py_RETURN_NONE;
  return PyFloat_FromDouble(left_ms < 0 ? Py_HUGE_VAL : (double)left_ms / 1000);
}

/* ---- Writing ------------------------------------------------------------- */

typedef __typeof__(cachecore_set) Storing;

/* Stores by `set` or `add`; a status that is not negative, or -1. */
static int store(ByteStore *self, Storing *storing, const char *function,
                 PyObject *key, PyObject *value, PyObject *ttl) {
  PyObject *content;
  cachecore_status_t status;
  char *data;
  Py_ssize_t size;
  uint64_t ttl_ms;
  Bytes name;

  if (own_key_bytes(self, key, &name) < 0) return -1;
  content = value_bytes(self->library, value, self->dumps);
  if (content == NULL) return -1;
  if (PyBytes_AsStringAndSize(content, &data, &size) < 0 ||
      lifetime_ms(self->library, ttl, &ttl_ms) < 0) {
    Py_DECREF(content);
    return -1;
  }
  status = storing(*self->handle.cache, name.data, name.size, data,
                   (size_t)size, ttl_ms);
  Py_DECREF(content);
  if (status < 0 || status == CACHECORE_REFUSED) {
    raise_failure((PyObject *)self, function, status, key);
    return -1;
  }
  if (deliver((PyObject *)self, self->listening) < 0) return -1;
  return status;
}

static PyObject *set(ByteStore *self, PyObject *const *arguments,
                     Py_ssize_t count, PyObject *keywords) {
  static const char *const names[] = {"key", "value", "ttl", NULL};
  PyObject *values[3] = {NULL, NULL, Py_None};

  if (sort_arguments("set", names, 2, arguments, count, keywords, values) < 0 ||
      store(self, self->library->set, "cachecore_set", values[0], values[1],
            values[2]) < 0)
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *add(ByteStore *self, PyObject *const *arguments,
                     Py_ssize_t count, PyObject *keywords) {
  static const char *const names[] = {"key", "value", "ttl", NULL};
  PyObject *values[3] = {NULL, NULL, Py_None};
  int status;

  if (sort_arguments("add", names, 2, arguments, count, keywords, values) < 0)
    return NULL;
  status = store(self, self->library->add, "cachecore_add", values[0],
                 values[1], values[2]);
  return status < 0 ? NULL : PyBool_FromLong(status == CACHECORE_OK);
}

/* Whether the entry was live; -1 with an exception. */
static int remove_entry(ByteStore *self, PyObject *key) {
  cachecore_status_t status;
  Bytes name;

  if (own_key_bytes(self, key, &name) < 0) return -1;
  status = self->library->delete(*self->handle.cache, name.data, name.size);
  if (status < 0) {
    raise_failure((PyObject *)self, "cachecore_delete", status, key);
    return -1;
  }
  if (deliver((PyObject *)self, self->listening) < 0) return -1;
  return status == CACHECORE_OK;
}

static PyObject *delete(ByteStore *self, PyObject *key) {
  int removed = remove_entry(self, key);
  return removed < 0 ? NULL : PyBool_FromLong(removed);
}

static int assign(ByteStore *self, PyObject *key, PyObject *value) {
  int removed;

  if (value != NULL)
    return store(self, self->library->set, "cachecore_set", key, value,
                 Py_None) < 0
               ? -1
               : 0;
  removed = remove_entry(self, key);
  if (removed == 0) raise_key_error(key);
  return removed > 0 ? 0 : -1;
}

/* As `get`, but a miss is not counted. */
static PyObject *get_live(ByteStore *self, PyObject *const *arguments,
                          Py_ssize_t count) {
  int found;

  if (count != 2) {
    PyErr_SetString(PyExc_TypeError, "_get_live() takes 2 arguments");
    return NULL;
  }
  found = in(self, arguments[0]);
  if (found < 0) return NULL;
  if (found == 0) return Py_NewRef(arguments[1]);
  return found_or(find(self, self->library->get, "cachecore_get", arguments[0]),
                  arguments[1]);
}

/* As `get` of a prefix and a key, until a time.  (The reads of a tier: one call
 * from Python in place of six.) */
static PyObject *get_until(ByteStore *self, PyObject *const *arguments,
                           Py_ssize_t count) {
  char joined[KEY_ROOM];
  PyObject *prefix, *value;
  struct timespec now;
  Bytes start, name;
  double until;

  if (count != 2 || !PyTuple_Check(arguments[0]) ||
      PyTuple_Size(arguments[0]) != 2) {
    PyErr_SetString(PyExc_TypeError, "_get_until() takes a pair and a key");
    return NULL;
  }
  prefix = PyTuple_GetItem(arguments[0], 0);
  until = PyFloat_AsDouble(PyTuple_GetItem(arguments[0], 1));
  if (until == -1.0 && PyErr_Occurred()) return NULL;
  if (own_key_bytes(self, arguments[1], &name) < 0) return NULL;
  if (prefix == Py_None) Py_RETURN_NONE;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if ((double)now.tv_sec + 1e-9 * (double)now.tv_nsec >= until) Py_RETURN_NONE;
  if (own_key_bytes(self, prefix, &start) < 0) return NULL;
  if (name.size > sizeof joined || start.size > sizeof joined - name.size)
    Py_RETURN_NONE;
  memcpy(joined, start.data, start.size);
  memcpy(joined + start.size, name.data, name.size);
  name = (Bytes){joined, start.size + name.size};
  value = find_name(self, self->library->get, "cachecore_get", &name,
                    arguments[1]);
  return found_or(value, Py_None);
}

static PyObject *touch(ByteStore *self, PyObject *const *arguments,
                       Py_ssize_t count, PyObject *keywords) {
  static const char *const names[] = {"key", "ttl", NULL};
  PyObject *values[2] = {NULL, Py_None};
  cachecore_status_t status;
  uint64_t ttl_ms;
  Bytes name;

  if (sort_arguments("touch", names, 1, arguments, count, keywords, values) <
          0 ||
      own_key_bytes(self, values[0], &name) < 0 ||
      lifetime_ms(self->library, values[1], &ttl_ms) < 0)
    return NULL;
  status =
      self->library->touch(*self->handle.cache, name.data, name.size, ttl_ms);
  if (status < 0)
    return raise_failure((PyObject *)self, "cachecore_touch", status,
                         values[0]);
  return PyBool_FromLong(status == CACHECORE_OK);
}

/* A number of 64 bits; RangeError for a larger one. */
static int number(ByteStore *self, PyObject *object, int64_t *number_out) {
  PyObject *error;

  *number_out = PyLong_AsLongLong(object);
  if (*number_out != -1 || !PyErr_Occurred()) return 0;
  if (!PyErr_ExceptionMatches(PyExc_OverflowError)) return -1;
  PyErr_Clear();
  error = PyObject_CallMethod((PyObject *)self, "_out_of_range", NULL);
  if (error == NULL) return -1;
  PyErr_SetObject((PyObject *)Py_TYPE(error), error);
  Py_DECREF(error);
  return -1;
}

static PyObject *increment(ByteStore *self, PyObject *const *arguments,
                           Py_ssize_t count, PyObject *keywords) {
  static const char *const names[] = {"key", "delta", "initial", "ttl", NULL};
  PyObject *values[4] = {NULL, NULL, Py_None, Py_None};
  int64_t delta = 1, initial, total;
  cachecore_status_t status;
  uint64_t ttl_ms;
  Bytes name;

  if (count > 2) {
    PyErr_SetString(PyExc_TypeError,
                    "increment() takes initial and ttl by name");
    return NULL;
  }
  if (sort_arguments("increment", names, 1, arguments, count, keywords,
                     values) < 0 ||
      own_key_bytes(self, values[0], &name) < 0 ||
      (values[1] != NULL && number(self, values[1], &delta) < 0))
    return NULL;
  initial = delta;
  if ((values[2] != Py_None && number(self, values[2], &initial) < 0) ||
      lifetime_ms(self->library, values[3], &ttl_ms) < 0)
    return NULL;
  status = self->library->increment(*self->handle.cache, name.data, name.size,
                                    delta, initial, ttl_ms, &total);
  if (status < 0 || status == CACHECORE_REFUSED)
    return raise_failure((PyObject *)self, "cachecore_increment", status,
                         values[0]);
  if (deliver((PyObject *)self, self->listening) < 0) return NULL;
  return PyLong_FromLongLong(total);
}

/* ---- The type ------------------------------------------------------------ */

static PyObject *exchange(ByteStore *self, PyObject *const *arguments,
                          Py_ssize_t count) {
  return exchange_handle(&self->handle, arguments, count);
}

static PyObject *make(PyTypeObject *type, PyObject *arguments,
                      PyObject *keywords) {
  allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  ByteStore *self = (ByteStore *)allocate(type, 0);

  (void)arguments;
  (void)keywords;
  if (self == NULL) return NULL;
  self->handle = no_handle;
  self->library = library_of(type);
  if (self->library == NULL) Py_CLEAR(self);
  return (PyObject *)self;
}

static int traverse(ByteStore *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE((PyObject *)self));
  Py_VISIT(self->handle.owner);
  Py_VISIT(self->dumps);
  Py_VISIT(self->loads);
  return 0;
}

static int clear(ByteStore *self) {
  self->handle.cache = no_handle.cache;
  Py_CLEAR(self->handle.owner);
  Py_CLEAR(self->dumps);
  Py_CLEAR(self->loads);
  return 0;
}

static void dealloc(ByteStore *self) {
  PyTypeObject *type = Py_TYPE((PyObject *)self);

  PyObject_GC_UnTrack(self);
  clear(self);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

#define FAST (METH_FASTCALL | METH_KEYWORDS)

static PyMethodDef methods[] = {
    {"get", (PyCFunction)(void (*)(void))get, FAST,
     "get($self, /, key, default=None)\n--\n\n"
     "The value, or `default`.  Counts as a use, and as a hit or a miss."},
    {"_get_live", (PyCFunction)(void (*)(void))get_live, METH_FASTCALL,
     "_get_live(key, default): as `get`, but a miss is not counted."},
    {"_get_until", (PyCFunction)(void (*)(void))get_until, METH_FASTCALL,
     "_get_until(pair, key): as `get` of pair[0] + key, but None from the\n"
     "time pair[1] of CLOCK_MONOTONIC on, if pair[0] is None, and for a long\n"
     "key."},
    {"peek", (PyCFunction)(void (*)(void))peek, FAST,
     "peek($self, /, key, default=None)\n--\n\n"
     "As `get`, but counts as nothing."},
    {"contains", (PyCFunction)contains, METH_O,
     "contains($self, key, /)\n--\n\n"
     "Whether there is a live entry.  Counts as nothing, as `key in cache`."},
    {"set", (PyCFunction)(void (*)(void))set, FAST,
     "set($self, /, key, value, ttl=None)\n--\n\n"
     "Stores the value, or replaces the one that is there."},
    {"add", (PyCFunction)(void (*)(void))add, FAST,
     "add($self, /, key, value, ttl=None)\n--\n\n"
     "As `set`, but only if there is no live entry; whether it was stored."},
    {"touch", (PyCFunction)(void (*)(void))touch, FAST,
     "touch($self, /, key, ttl=None)\n--\n\n"
     "Gives a live entry a new lifetime from now, and counts as a use; "
     "whether\n"
     "it is there."},
    {"ttl", (PyCFunction)ttl, METH_O,
     "ttl($self, key, /)\n--\n\n"
     "Seconds left to live, NEVER if it does not expire, None if it is not\n"
     "there.  Time to idle is included, whichever ends first.  Counts as "
     "nothing."},
    {"increment", (PyCFunction)(void (*)(void))increment, FAST,
     "increment($self, /, key, delta=1, *, initial=None, ttl=None)\n--\n\n"
     "Adds to a value that is a decimal number in text, atomically; returns\n"
     "the sum.\n\n"
     "An absent entry is stored as `initial` (None: as `delta`, as if it had\n"
     "been 0) with the lifetime `ttl`; an entry that is there keeps its\n"
     "deadline.  NotANumberError if the value is no number, RangeError if the\n"
     "sum does not fit 64 bits: neither changes anything."},
    {"delete", (PyCFunction)delete, METH_O,
     "delete($self, key, /)\n--\n\n"
     "Removes the entry; whether it was live."},
    {"get_many", (PyCFunction)byte_store_get_many, METH_O,
     "get_many($self, keys, /)\n--\n\n"
     "The values of those keys that are there, under the keys as given; one\n"
     "native call, without the GIL."},
    {"set_many", (PyCFunction)(void (*)(void))byte_store_set_many, FAST,
     "set_many($self, /, entries, ttl=None)\n--\n\n"
     "Stores all of a mapping, in order, in one native call without the "
     "GIL.\n\n"
     "Every element is attempted.  If some were not stored, raises the error "
     "of\n"
     "the first; its `keys` are those concerned."},
    {"delete_many", (PyCFunction)byte_store_delete_many, METH_O,
     "delete_many($self, keys, /)\n--\n\n"
     "Removes entries in one native call without the GIL; how many were live."},
    {"_exchange", (PyCFunction)(void (*)(void))exchange, METH_FASTCALL,
     "Puts another handle in; the old one."},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"_handle", T_OBJECT, offsetof(ByteStore, handle.owner), READONLY,
     "the handle that owns the native cache"},
    {"_dumps", T_OBJECT, offsetof(ByteStore, dumps), 0,
     "makes bytes of a value; None: it is bytes-like"},
    {"_loads", T_OBJECT, offsetof(ByteStore, loads), 0,
     "makes a value of bytes; None: it stays bytes"},
    {"_listening", T_BOOL, offsetof(ByteStore, listening), 0,
     "whether to call self._deliver() after a write"},
    {"_decode_keys", T_BOOL, offsetof(ByteStore, decode_keys), 0,
     "whether keys are text: bytes that are not UTF-8 are none"},
    {NULL, 0, 0, 0, NULL},
};

DEFINE_STORE(ByteStore, byte_store_spec,
             "A cache of bytes: the operations worth compiling.");
