/* Arguments on their way in, statuses on their way out. */
#include <math.h>
#include <string.h>

#include "fast.h"

void raise_type(const char *wanted, PyObject *given) {
  PyObject *name = PyType_GetName(Py_TYPE(given));

  if (name != NULL) PyErr_Format(PyExc_TypeError, "%s, not %R", wanted, name);
  Py_XDECREF(name);
}

int key_bytes(PyObject *key, Bytes *bytes_out) {
  Py_ssize_t size;
  const char *data;

  if (Py_IS_TYPE(key, &PyUnicode_Type) || PyUnicode_Check(key)) {
    data = PyUnicode_AsUTF8AndSize(key, &size);
    if (data == NULL) return -1;
  } else if (Py_IS_TYPE(key, &PyBytes_Type) || PyBytes_Check(key)) {
    char *content;
    if (PyBytes_AsStringAndSize(key, &content, &size) < 0) return -1;
    data = content;
  } else {
    raise_type("a key must be bytes or str", key);
    return -1;
  }
  bytes_out->data = data;
  bytes_out->size = (size_t)size;
  return 0;
}

int check_text(const Bytes *bytes) {
  PyObject *text =
      PyUnicode_DecodeUTF8(bytes->data, (Py_ssize_t)bytes->size, NULL);

  Py_XDECREF(text);
  return text == NULL ? -1 : 0;
}

PyObject *value_bytes(const Library *library, PyObject *value,
                      PyObject *dumps) {
  PyObject *made, *content;

  if (dumps == NULL || dumps == Py_None) {
    if (PyBytes_Check(value)) return Py_NewRef(value);
    return PyObject_CallFunctionObjArgs(library->py_value_bytes, value, NULL);
  }
  made = PyObject_CallFunctionObjArgs(dumps, value, NULL);
  if (made == NULL || PyBytes_Check(made)) return made;
  content = PyObject_CallFunctionObjArgs(library->py_value_bytes, made, NULL);
  Py_DECREF(made);
  return content;
}

int lifetime_ms(const Library *library, PyObject *ttl, uint64_t *ms_out) {
  PyObject *made;

  if (ttl == Py_None) {
    *ms_out = 0;
    return 0;
  }
  if (PyLong_CheckExact(ttl)) {
    long long seconds = PyLong_AsLongLong(ttl);
    if (seconds > 0 && seconds < 1000000000) {
      *ms_out = (uint64_t)seconds * 1000;
      return 0;
    }
    PyErr_Clear();
  } else if (PyFloat_CheckExact(ttl)) {
    double seconds = PyFloat_AsDouble(ttl);
    if (seconds >= 0.001 && seconds < 1e9) {
      *ms_out = ((uint64_t)nearbyint(seconds * 1e6) + 999) / 1000;
      return 0;
    }
  }
  made = PyObject_CallFunctionObjArgs(library->py_ttl_ms, ttl, NULL);
  if (made == NULL) return -1;
  *ms_out = PyLong_AsUnsignedLongLong(made);
  Py_DECREF(made);
  return PyErr_Occurred() ? -1 : 0;
}

static int position(const char *const *names, PyObject *word) {
  for (int at = 0; names[at] != NULL; at++)
    if (PyUnicode_CompareWithASCIIString(word, names[at]) == 0) return at;
  return -1;
}

int sort_named_arguments(const char *function, const char *const *names,
                         int required, PyObject *const *arguments,
                         Py_ssize_t count, PyObject *keywords,
                         PyObject **values) {
  Py_ssize_t words = keywords == NULL ? 0 : PyTuple_Size(keywords);
  Py_ssize_t most = 0;
  unsigned given = 0;

  while (names[most] != NULL) most++;
  if (count > most) {
    PyErr_Format(PyExc_TypeError,
                 "%s() takes at most %zd arguments (%zd given)", function, most,
                 count);
    return -1;
  }
  for (Py_ssize_t at = 0; at < count; at++) {
    values[at] = arguments[at];
    given |= 1u << at;
  }
  for (Py_ssize_t number = 0; number < words; number++) {
    PyObject *word = PyTuple_GetItem(keywords, number);
    int at = position(names, word);
    if (at < 0 || given & 1u << at) {
      PyErr_Format(PyExc_TypeError,
                   at < 0 ? "%s() got an unexpected keyword argument %R"
                          : "%s() got multiple values for argument %R",
                   function, word);
      return -1;
    }
    values[at] = arguments[count + number];
    given |= 1u << at;
  }
  for (int at = 0; at < required; at++) {
    if (given & 1u << at) continue;
    PyErr_Format(PyExc_TypeError, "%s() is missing its argument '%s'", function,
                 names[at]);
    return -1;
  }
  return 0;
}

int sort_key_default(const char *function, PyObject *const *arguments,
                     Py_ssize_t count, PyObject *keywords, PyObject **values) {
  static const char *const names[] = {"key", "default", NULL};

  return sort_arguments(function, names, 1, arguments, count, keywords, values);
}

void raise_key_error(PyObject *key) {
  PyObject *error = PyObject_CallFunctionObjArgs(PyExc_KeyError, key, NULL);

  if (error != NULL) PyErr_SetObject(PyExc_KeyError, error);
  Py_XDECREF(error);
}

PyObject *found_or(PyObject *found, PyObject *otherwise) {
  if (found == NULL && !PyErr_Occurred()) return Py_NewRef(otherwise);
  return found;
}

PyObject *raise_failure(PyObject *self, const char *function,
                        cachecore_status_t status, PyObject *key) {
  PyObject *error =
      PyObject_CallMethod(self, "_failure", "siO", function, (int)status, key);
  if (error == NULL) return NULL;
  PyErr_SetObject((PyObject *)Py_TYPE(error), error);
  Py_DECREF(error);
  return NULL;
}

int deliver(PyObject *self, char listening) {
  PyObject *done;

  if (!listening) return 0;
  done = PyObject_CallMethod(self, "_deliver", NULL);
  Py_XDECREF(done);
  return done == NULL ? -1 : 0;
}

static cachecore_t *const nothing;
const Handle no_handle = {NULL, &nothing};

PyObject *exchange_handle(Handle *handle, PyObject *const *arguments,
                          Py_ssize_t count) {
  PyObject *before;
  void *address;

  if (count != 2) {
    PyErr_SetString(PyExc_TypeError, "_exchange() takes 2 arguments");
    return NULL;
  }
  address = PyLong_AsVoidPtr(arguments[1]);
  if (address == NULL) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "no address");
    return NULL;
  }
  before = handle->owner;
  handle->owner = Py_NewRef(arguments[0]);
  handle->cache = address;
  return before != NULL ? before : Py_NewRef(Py_None);
}
