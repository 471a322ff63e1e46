/* CachedCall: what stands for a function under @cached.
 *
 * A hit makes the key and asks the cache's `get`, without a frame of Python's.
 * On a miss the function is called from here, between two calls of Python's
 * that say whose turn it is, and what came of it: so a recursive function has
 * the frame of each call on the stack, and nothing of ours, and goes as deep as
 * under functools.  All else is Python's: keys that are not a matter of course,
 * and what a method is as an attribute.  A call through an instance,
 * `obj.method(1)`, comes here at once, as with functions: the type is a method
 * descriptor.
 */
#include "fast.h"

typedef struct {
  PyObject_HEAD PyObject *bind; /* bind(self, instance): what a method is */
  PyObject *run;    /* instead of all that follows; or NULL */
  PyObject *begin, *function, *done, *failed; /* of SingleFlight */
  PyObject *get;    /* None: nothing is looked for first */
  PyObject *absent, *make_key, *defaults, *wrap;
  PyObject *attributes, *references;
  Py_ssize_t full, most; /* of Plain in keys.py, as `defaults` */
} CachedCall;

static PyObject *make(PyTypeObject *type, PyObject *arguments,
                      PyObject *keywords) {
  allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  PyObject *bind, *run = NULL, *begin = NULL, *function = NULL, *done = NULL,
                  *failed = NULL, *get = NULL, *absent = NULL,
                  *make_key = NULL, *defaults = NULL, *wrap = NULL;
  Py_ssize_t full = 0, most = -1;
  CachedCall *self;

  (void)keywords;
  if (PyTuple_Size(arguments) == 2
          ? !PyArg_ParseTuple(arguments, "OO:CachedCall", &bind, &run)
          : !PyArg_ParseTuple(arguments, "O(OOOO)(OOO(nnO!)O):CachedCall",
                              &bind, &begin, &function, &done, &failed, &get,
                              &absent, &make_key, &full, &most, &PyTuple_Type,
                              &defaults, &wrap))
    return NULL;
  self = (CachedCall *)allocate(type, 0);
  if (self == NULL) return NULL;
  self->bind = Py_NewRef(bind);
  self->run = Py_XNewRef(run);
  self->begin = Py_XNewRef(begin);
  self->function = Py_XNewRef(function);
  self->done = Py_XNewRef(done);
  self->failed = Py_XNewRef(failed);
  self->get = Py_XNewRef(get);
  self->absent = Py_XNewRef(absent);
  self->make_key = Py_XNewRef(make_key);
  self->defaults = Py_XNewRef(defaults);
  self->wrap = Py_XNewRef(wrap);
  self->full = full;
  self->most = most;
  return (PyObject *)self;
}

/* Whether a part of a key is its own key, _QUICK of keys.py, or may be hashed
 * again and again, _CHEAP there. */
static int is_quick(PyObject *part) {
  return PyLong_CheckExact(part) || PyUnicode_CheckExact(part) ||
         PyBytes_CheckExact(part);
}

static int is_cheap(PyObject *part) {
  return is_quick(part) || PyFloat_CheckExact(part) || PyBool_Check(part) ||
         part == Py_None;
}

/* The arguments with `missing` of the defaults. */
static PyObject *completed(CachedCall *self, PyObject *arguments,
                           Py_ssize_t missing) {
  Py_ssize_t known = PyTuple_Size(self->defaults);
  PyObject *rest, *parts;

  if (missing <= 0) return Py_NewRef(arguments);
  rest = PyTuple_GetSlice(self->defaults, known - missing, known);
  if (rest == NULL) return NULL;
  parts = PySequence_Concat(arguments, rest);
  Py_DECREF(rest);
  return parts;
}

/* Takes over the parts; the key, as _key_of of keys.py makes it. */
static PyObject *key_of_parts(CachedCall *self, PyObject *parts) {
  Py_ssize_t count = PyTuple_Size(parts);
  PyObject *key = NULL;

  if (count == 1 && is_quick(PyTuple_GetItem(parts, 0))) {
    key = Py_NewRef(PyTuple_GetItem(parts, 0));
    Py_DECREF(parts);
    return key;
  }
  for (Py_ssize_t at = 0; at < count; at++) {
    if (is_cheap(PyTuple_GetItem(parts, at))) continue;
    key = PyObject_CallFunctionObjArgs(self->wrap, parts, NULL);
    Py_DECREF(parts);
    return key;
  }
  return parts;
}

/* A new reference to the key of a call; NULL with an exception. */
static PyObject *key_of(CachedCall *self, PyObject *arguments,
                        PyObject *keywords) {
  Py_ssize_t count = PyTuple_Size(arguments), missing = self->full - count;
  PyObject *named, *key;

  if (count <= self->most && missing <= PyTuple_Size(self->defaults) &&
      (keywords == NULL || PyDict_Size(keywords) == 0)) {
    key = completed(self, arguments, missing);
    return key == NULL ? NULL : key_of_parts(self, key);
  }
  named = keywords == NULL ? PyDict_New() : Py_NewRef(keywords);
  if (named == NULL) return NULL;
  key = PyObject_CallFunctionObjArgs(self->make_key, arguments, named, NULL);
  Py_DECREF(named);
  return key;
}

/* Says of a flight whether its function runs here, which nobody sees on the
 * stack; runs no Python. */
static int set_computing(PyObject *mine, PyObject *whether) {
  return PyObject_SetAttrString(mine, "computing", whether);
}

/* Takes the error to `failed`, and raises it again. */
static void fail(CachedCall *self, PyObject *mine) {
  PyObject *kind, *error, *traceback, *told;

  PyErr_Fetch(&kind, &error, &traceback);
  PyErr_NormalizeException(&kind, &error, &traceback);
  if (traceback != NULL) PyException_SetTraceback(error, traceback);
  told = set_computing(mine, Py_False) < 0
             ? NULL
             : PyObject_CallFunctionObjArgs(self->failed, mine, error, NULL);
  if (told != NULL) {
    PyErr_Restore(kind, error, traceback);
  } else {
    Py_XDECREF(kind);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
  }
  Py_XDECREF(told);
}

/* What the function returns, for all who want it. */
static PyObject *compute(CachedCall *self, PyObject *mine, PyObject *key,
                         PyObject *arguments, PyObject *keywords) {
  PyObject *value, *given;

  if (set_computing(mine, Py_True) < 0) return NULL;
  value = PyObject_Call(self->function, arguments, keywords);
  if (value == NULL) {
    fail(self, mine);
    return NULL;
  }
  given =
      set_computing(mine, Py_False) < 0
          ? NULL
          : PyObject_CallFunctionObjArgs(self->done, mine, key, value, NULL);
  Py_DECREF(value);
  return given;
}

/* What is there by now, or somebody else computes, or the function returns. */
static PyObject *miss(CachedCall *self, PyObject *key, PyObject *arguments,
                      PyObject *keywords) {
  PyObject *named = keywords == NULL ? PyDict_New() : Py_NewRef(keywords);
  PyObject *answer, *mine, *value;

  if (named == NULL) return NULL;
  answer =
      PyObject_CallFunctionObjArgs(self->begin, key, arguments, named, NULL);
  Py_DECREF(named);
  if (answer == NULL) return NULL;
  if (!PyArg_ParseTuple(answer, "OO", &mine, &value))
    value = NULL;
  else if (mine == Py_None)
    Py_INCREF(value);
  else
    value = compute(self, mine, key, arguments, keywords);
  Py_DECREF(answer);
  return value;
}

static PyObject *call(CachedCall *self, PyObject *arguments,
                      PyObject *keywords) {
  PyObject *key, *value;

  if (self->run != NULL) {
    value = Py_NewRef(self->run); /* which may be exchanged meanwhile */
    key = PyObject_Call(value, arguments, keywords);
    Py_DECREF(value);
    return key;
  }
  key = key_of(self, arguments, keywords);
  if (key == NULL) return NULL;
  value = self->get == Py_None
              ? Py_NewRef(self->absent)
              : PyObject_CallFunctionObjArgs(self->get, key, self->absent,
                                             NULL);
  if (value == self->absent) {
    Py_DECREF(value);
    value = miss(self, key, arguments, keywords);
  }
  Py_DECREF(key);
  return value;
}

static PyObject *descriptor_get(PyObject *self, PyObject *instance,
                                PyObject *owner) {
  (void)owner;
  if (instance == NULL || instance == Py_None) return Py_NewRef(self);
  return PyObject_CallFunctionObjArgs(((CachedCall *)self)->bind, self,
                                      instance, NULL);
}

static PyObject *reduce(PyObject *self, PyObject *nothing) {
  (void)nothing;
  return PyObject_GetAttrString(self, "__qualname__");
}

/* From here on it is `run`; who is in the function now ends as before. */
static PyObject *become(PyObject *self, PyObject *run) {
  PyObject *before = ((CachedCall *)self)->run;

  ((CachedCall *)self)->run = Py_NewRef(run);
  Py_XDECREF(before);
  Py_RETURN_NONE;
}

static PyObject *itself(PyObject *self, PyObject *ignored) {
  (void)ignored;
  return Py_NewRef(self);
}

static int traverse(CachedCall *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE((PyObject *)self));
  Py_VISIT(self->bind);
  Py_VISIT(self->run);
  Py_VISIT(self->begin);
  Py_VISIT(self->function);
  Py_VISIT(self->done);
  Py_VISIT(self->failed);
  Py_VISIT(self->get);
  Py_VISIT(self->absent);
  Py_VISIT(self->make_key);
  Py_VISIT(self->defaults);
  Py_VISIT(self->wrap);
  Py_VISIT(self->attributes);
  return 0;
}

static int clear(CachedCall *self) {
  Py_CLEAR(self->bind);
  Py_CLEAR(self->run);
  Py_CLEAR(self->begin);
  Py_CLEAR(self->function);
  Py_CLEAR(self->done);
  Py_CLEAR(self->failed);
  Py_CLEAR(self->get);
  Py_CLEAR(self->absent);
  Py_CLEAR(self->make_key);
  Py_CLEAR(self->defaults);
  Py_CLEAR(self->wrap);
  Py_CLEAR(self->attributes);
  return 0;
}

static void dealloc(CachedCall *self) {
  PyTypeObject *type = Py_TYPE((PyObject *)self);

  PyObject_GC_UnTrack(self);
  if (self->references != NULL) PyObject_ClearWeakRefs((PyObject *)self);
  clear(self);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"_become", become, METH_O, NULL},
    {"__reduce__", reduce, METH_NOARGS, NULL},
    {"__copy__", itself, METH_NOARGS, NULL},
    {"__deepcopy__", itself, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(CachedCall, attributes), READONLY,
     NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(CachedCall, references),
     READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef computed[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "A call answered by a cache where that has the result."},
    {Py_tp_new, make},
    {Py_tp_call, call},
    {Py_tp_descr_get, descriptor_get},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, computed},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_dealloc, dealloc},
    {0, NULL},
};

PyType_Spec cached_call_spec = {
    .name = "cachecore._fast.CachedCall",
    .basicsize = sizeof(CachedCall),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_METHOD_DESCRIPTOR,
    .slots = slots,
};
