/* ByteStore: many keys in one native call, without the GIL. */
#include "fast.h"

/* Keys of one native call, and room for each value; larger ones are fetched one
 * by one.  All of it is on the stack; the room is an odd number of cache lines,
 * so that not all of them fall into few of the cache's sets. */
#define CHUNK 128
#define ROOM 448

/* Keys as C takes them; borrowed from a list that is ours. */
typedef struct {
  PyObject **keys;
  const void **data;
  size_t *sizes;
} Names;

/* All keys, so that one that is none is noticed before anything is attempted;
 * to be freed by PyMem_Free(names->keys). */
static int collect_names(ByteStore *self, PyObject *keys, Names *names) {
  Py_ssize_t count = PyList_Size(keys);
  size_t each =
      sizeof *names->keys + sizeof *names->data + sizeof *names->sizes;

  names->keys = PyMem_Malloc((size_t)count * each);
  if (names->keys == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  names->data = (const void **)(names->keys + count);
  names->sizes = (size_t *)(names->data + count);
  for (Py_ssize_t at = 0; at < count; at++) {
    Bytes name;
    names->keys[at] = PyList_GetItem(keys, at);
    if (own_key_bytes(self, names->keys[at], &name) < 0) return -1;
    names->data[at] = name.data;
    names->sizes[at] = name.size;
  }
  return 0;
}

static Py_ssize_t chunk(Py_ssize_t total, Py_ssize_t start) {
  return total - start < CHUNK ? total - start : CHUNK;
}

static int note_failure(PyObject *failures, PyObject *key,
                        cachecore_status_t status) {
  PyObject *failure = Py_BuildValue("Oi", key, (int)status);
  int done;

  if (failure == NULL) return -1;
  done = PyList_Append(failures, failure);
  Py_DECREF(failure);
  return done;
}

/* Raises if there are failures; takes over the reference to them. */
static int end(ByteStore *self, const char *function, PyObject *failures,
               Py_ssize_t count) {
  PyObject *done = NULL;

  if (PyList_Size(failures) > 0)
    done = PyObject_CallMethod((PyObject *)self, "_raise_failures", "sOn",
                               function, failures, count);
  else
    done = Py_NewRef(Py_None);
  Py_DECREF(failures);
  Py_XDECREF(done);
  return done == NULL ? -1 : 0;
}

/* The cache, kept alive until `leave`; NULL with ClosedError. */
static cachecore_t *enter(ByteStore *self, PyObject **owner_out) {
  if (*self->handle.cache == NULL) {
    raise_failure((PyObject *)self, "", CACHECORE_E_ARGUMENT, Py_None);
    return NULL;
  }
  *owner_out = Py_NewRef(self->handle.owner);
  return *self->handle.cache;
}

/* ---- get_many ------------------------------------------------------------ */

typedef struct {
  size_t sizes[CHUNK];
  cachecore_status_t statuses[CHUNK];
  char room[CHUNK][ROOM];
} Reading;

static void read_chunk(const Library *library, cachecore_t *cache,
                       const Names *names, size_t start, size_t count,
                       Reading *reading) {
  void *buffers[CHUNK];
  size_t capacities[CHUNK];

  for (size_t at = 0; at < count; at++) {
    buffers[at] = reading->room[at];
    capacities[at] = ROOM;
  }
  library->get_many(cache, count, names->data + start, names->sizes + start,
                    buffers, capacities, reading->sizes, reading->statuses);
}

static int keep_found(ByteStore *self, PyObject *key, const Reading *reading,
                      Py_ssize_t at, PyObject *found, PyObject *failures) {
  cachecore_status_t status = reading->statuses[at];
  PyObject *value;
  int done;

  if (status == CACHECORE_MISS) return 0;
  if (status == CACHECORE_OK)
    value = byte_store_load(
        self, PyBytes_FromStringAndSize(reading->room[at],
                                        (Py_ssize_t)reading->sizes[at]));
  else if (status == CACHECORE_E_TOO_SMALL)
    value = byte_store_peek(self, key);
  else
    return note_failure(failures, key, status);
  if (value == NULL) return PyErr_Occurred() ? -1 : 0;
  done = PyDict_SetItem(found, key, value);
  Py_DECREF(value);
  return done;
}

static int get_all(ByteStore *self, cachecore_t *cache, PyObject *keys,
                   const Names *names, PyObject *found, PyObject *failures) {
  Py_ssize_t total = PyList_Size(keys);
  Reading reading;

  for (Py_ssize_t start = 0; start < total; start += CHUNK) {
    Py_ssize_t count = chunk(total, start);
    Py_BEGIN_ALLOW_THREADS read_chunk(self->library, cache, names,
                                      (size_t)start, (size_t)count, &reading);
    Py_END_ALLOW_THREADS for (Py_ssize_t at = 0; at < count;
                              at++) if (keep_found(self,
                                                   names->keys[start + at],
                                                   &reading, at, found,
                                                   failures) < 0) return -1;
  }
  return 0;
}

PyObject *byte_store_get_many(ByteStore *self, PyObject *arguments) {
  PyObject *keys = PySequence_List(arguments), *found, *failures, *owner;
  Names names = {NULL, NULL, NULL};
  cachecore_t *cache;

  if (keys == NULL) return NULL;
  if (collect_names(self, keys, &names) < 0 ||
      (cache = enter(self, &owner)) == NULL) {
    PyMem_Free(names.keys);
    Py_DECREF(keys);
    return NULL;
  }
  found = PyDict_New();
  failures = PyList_New(0);
  if (found == NULL || failures == NULL ||
      get_all(self, cache, keys, &names, found, failures) < 0) {
    Py_CLEAR(found);
    Py_XDECREF(failures);
  } else if (end(self, "cachecore_get_many", failures, PyList_Size(keys)) < 0) {
    Py_CLEAR(found);
  }
  PyMem_Free(names.keys);
  Py_DECREF(keys);
  Py_DECREF(owner);
  return found;
}

/* ---- set_many ------------------------------------------------------------ */

/* A new list of (key, value) tuples, of anything that dict.update takes for a
 * mapping. */
static PyObject *pairs_of(ByteStore *self, PyObject *entries) {
  if (PyDict_CheckExact(entries)) return PyDict_Items(entries);
  return PyObject_CallFunctionObjArgs(self->library->py_pairs, entries, NULL);
}

/* Appends the keys of (key, value) pairs to a list. */
static int split_keys(PyObject *pairs, PyObject *keys) {
  for (Py_ssize_t at = 0; at < PyList_Size(pairs); at++)
    if (PyList_Append(keys, PyTuple_GetItem(PyList_GetItem(pairs, at), 0)) < 0)
      return -1;
  return 0;
}

/* Appends the values of (key, value) pairs to a list, as bytes. */
static int split_values(ByteStore *self, PyObject *pairs, PyObject *contents) {
  for (Py_ssize_t at = 0; at < PyList_Size(pairs); at++) {
    PyObject *value = PyTuple_GetItem(PyList_GetItem(pairs, at), 1);
    PyObject *content = value_bytes(self->library, value, self->dumps);
    int done = content == NULL ? -1 : PyList_Append(contents, content);
    Py_XDECREF(content);
    if (done < 0) return -1;
  }
  return 0;
}

static int set_all(const Library *library, cachecore_t *cache, PyObject *keys,
                   const Names *names, PyObject *contents, uint64_t ttl_ms,
                   PyObject *failures) {
  Py_ssize_t total = PyList_Size(keys);
  const void *values[CHUNK];
  size_t sizes[CHUNK];
  uint64_t ttls_ms[CHUNK];
  cachecore_status_t statuses[CHUNK];

  for (Py_ssize_t start = 0; start < total; start += CHUNK) {
    Py_ssize_t count = chunk(total, start);
    for (Py_ssize_t at = 0; at < count; at++) {
      PyObject *content = PyList_GetItem(contents, start + at);
      values[at] = PyBytes_AsString(content);
      sizes[at] = (size_t)PyBytes_Size(content);
      ttls_ms[at] = ttl_ms;
    }
    Py_BEGIN_ALLOW_THREADS library->set_many(
        cache, (size_t)count, names->data + start, names->sizes + start, values,
        sizes, ttls_ms, statuses);
    Py_END_ALLOW_THREADS for (Py_ssize_t at = 0; at < count;
                              at++) if (statuses[at] != CACHECORE_OK &&
                                        note_failure(
                                            failures, names->keys[start + at],
                                            statuses[at]) < 0) return -1;
  }
  return 0;
}

PyObject *byte_store_set_many(ByteStore *self, PyObject *const *arguments,
                              Py_ssize_t count, PyObject *keywords) {
  static const char *const names[] = {"entries", "ttl", NULL};
  PyObject *values[2] = {NULL, Py_None}, *pairs, *owner;
  PyObject *keys, *contents, *failures;
  Names given = {NULL, NULL, NULL};
  cachecore_t *cache;
  uint64_t ttl_ms;
  int done = -1;

  if (sort_arguments("set_many", names, 1, arguments, count, keywords, values) <
      0)
    return NULL;
  pairs = pairs_of(self, values[0]);
  if (pairs == NULL) return NULL;
  keys = PyList_New(0);
  contents = PyList_New(0);
  failures = PyList_New(0);
  if (keys != NULL && contents != NULL && failures != NULL &&
      split_keys(pairs, keys) == 0 && collect_names(self, keys, &given) == 0 &&
      split_values(self, pairs, contents) == 0 &&
      lifetime_ms(self->library, values[1], &ttl_ms) == 0 &&
      (cache = enter(self, &owner)) != NULL) {
    done =
        set_all(self->library, cache, keys, &given, contents, ttl_ms, failures);
    Py_DECREF(owner);
  }
  if (done == 0) done = deliver((PyObject *)self, self->listening);
  if (done == 0)
    done =
        end(self, "cachecore_set_many", Py_NewRef(failures), PyList_Size(keys));
  PyMem_Free(given.keys);
  Py_XDECREF(failures);
  Py_XDECREF(contents);
  Py_XDECREF(keys);
  Py_DECREF(pairs);
  if (done < 0) return NULL;
  Py_RETURN_NONE;
}

/* ---- delete_many --------------------------------------------------------- */

static int delete_all(const Library *library, cachecore_t *cache,
                      PyObject *keys, const Names *names, PyObject *failures,
                      uint64_t *removed_out) {
  Py_ssize_t total = PyList_Size(keys);
  cachecore_status_t statuses[CHUNK];

  for (Py_ssize_t start = 0; start < total; start += CHUNK) {
    Py_ssize_t count = chunk(total, start);
    uint64_t removed = 0;
    Py_BEGIN_ALLOW_THREADS library->delete_many(
        cache, (size_t)count, names->data + start, names->sizes + start,
        statuses, &removed);
    Py_END_ALLOW_THREADS *removed_out += removed;
    for (Py_ssize_t at = 0; at < count; at++)
      if (statuses[at] < 0 &&
          note_failure(failures, names->keys[start + at], statuses[at]) < 0)
        return -1;
  }
  return 0;
}

PyObject *byte_store_delete_many(ByteStore *self, PyObject *arguments) {
  PyObject *keys = PySequence_List(arguments), *failures, *owner;
  Names names = {NULL, NULL, NULL};
  uint64_t removed = 0;
  cachecore_t *cache;
  int done = -1;

  if (keys == NULL) return NULL;
  failures = PyList_New(0);
  if (failures != NULL && collect_names(self, keys, &names) == 0 &&
      (cache = enter(self, &owner)) != NULL) {
    done = delete_all(self->library, cache, keys, &names, failures, &removed);
    Py_DECREF(owner);
  }
  if (done == 0) done = deliver((PyObject *)self, self->listening);
  if (done == 0)
    done = end(self, "cachecore_delete_many", Py_NewRef(failures),
               PyList_Size(keys));
  PyMem_Free(names.keys);
  Py_XDECREF(failures);
  Py_DECREF(keys);
  return done < 0 ? NULL : PyLong_FromUnsignedLongLong(removed);
}
