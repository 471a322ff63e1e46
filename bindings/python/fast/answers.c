/* Answers: a question's key, the text under it, and what that says; answers.py
 * tells what for, copies.py why what a text says is remembered. */
#include <time.h>

#include "fast.h"

enum {
  QUESTIONS_MAX = 8192, /* keys remembered */
  TEXTS_MAX = 4096,     /* texts remembered, none longer than this: */
  TEXT_SIZE_MAX = 512,
  BUCKETS = 36, /* as latency.py has them, each of twice the last one's width */
};

typedef struct {
  uint64_t hits, misses, sum_ns, max_ns, buckets[BUCKETS];
} Tally;

typedef struct {
  PyObject_HEAD PyObject *get, *key, *parse;
  PyObject *keys;  /* by question */
  PyObject *texts; /* what each says; nobody else holds any of it */
  Tally tally;
} Answers;

/* ---- Keys ---------------------------------------------------------------- */

/* Whether two questions with equal parts have one key: a context that can be
 * hashed may equal another that reads differently. */
static int may_remember(PyObject *const *parts, Py_ssize_t count) {
  Py_ssize_t i;

  for (i = 0; i < count; i++)
    if (parts[i] != Py_None && !PyUnicode_CheckExact(parts[i])) return 0;
  return 1;
}

/* Puts a value in, after all that is there has been forgotten if that is much:
 * so no order has to be kept while values are found.  Steals nothing; 0, -1. */
static int remember(PyObject *memory, Py_ssize_t capacity, PyObject *name,
                    PyObject *value) {
  if (PyDict_Size(memory) >= capacity) PyDict_Clear(memory);
  return PyDict_SetItem(memory, name, value);
}

/* A new reference. */
static PyObject *key_of(Answers *self, PyObject *const *parts,
                        Py_ssize_t count) {
  int may = may_remember(parts, count);
  PyObject *question = PyTuple_New(count), *key = NULL;
  Py_ssize_t i;

  if (question == NULL) return NULL;
  for (i = 0; i < count; i++)
    PyTuple_SetItem(question, i, Py_NewRef(parts[i]));
  if (may) key = Py_XNewRef(PyDict_GetItemWithError(self->keys, question));
  if (key == NULL && !PyErr_Occurred()) {
    key = PyObject_Call(self->key, question, NULL);
    if (key != NULL && may &&
        remember(self->keys, QUESTIONS_MAX, question, key) < 0)
      Py_CLEAR(key);
  }
  Py_DECREF(question);
  return key;
}

/* ---- Copies -------------------------------------------------------------- */

static int is_container(PyObject *value) {
  return PyDict_CheckExact(value) || PyList_CheckExact(value);
}

static PyObject *copy_of(PyObject *value);

static PyObject *copy_of_dict(PyObject *dict) {
  PyObject *copy = PyDict_Copy(dict), *name, *value;
  Py_ssize_t at = 0;

  while (copy != NULL && PyDict_Next(dict, &at, &name, &value)) {
    PyObject *inner;
    if (!is_container(value)) continue;
    inner = copy_of(value);
    if (inner == NULL || PyDict_SetItem(copy, name, inner) < 0) Py_CLEAR(copy);
    Py_XDECREF(inner);
  }
  return copy;
}

static PyObject *copy_of_list(PyObject *list) {
  PyObject *copy = PyList_GetSlice(list, 0, PY_SSIZE_T_MAX);
  Py_ssize_t at;

  for (at = 0; copy != NULL && at < PyList_Size(list); at++) {
    PyObject *value = PyList_GetItem(list, at), *inner;
    if (!is_container(value)) continue;
    inner = copy_of(value);
    if (inner == NULL || PyList_SetItem(copy, at, inner) < 0) Py_CLEAR(copy);
  }
  return copy;
}

/* The value, its containers being the asker's own. */
static PyObject *copy_of(PyObject *value) {
  PyObject *copy;

  if (!is_container(value)) return Py_NewRef(value);
  if (Py_EnterRecursiveCall(" in a decision")) return NULL;
  copy = PyDict_CheckExact(value) ? copy_of_dict(value) : copy_of_list(value);
  Py_LeaveRecursiveCall();
  return copy;
}

/* What a text says, the asker's own; a new reference. */
static PyObject *decoded(Answers *self, PyObject *text) {
  PyObject *value, *copy;

  if (!PyBytes_Check(text) || PyBytes_Size(text) > TEXT_SIZE_MAX)
    return PyObject_CallFunctionObjArgs(self->parse, text, NULL);
  /* Held: to copy may collect garbage, and that may make the memory forget. */
  value = Py_XNewRef(PyDict_GetItemWithError(self->texts, text));
  if (value == NULL && !PyErr_Occurred()) {
    value = PyObject_CallFunctionObjArgs(self->parse, text, NULL);
    if (value != NULL && remember(self->texts, TEXTS_MAX, text, value) < 0)
      Py_CLEAR(value);
  }
  if (value == NULL) return NULL;
  copy = copy_of(value);
  Py_DECREF(value);
  return copy;
}

/* ---- Asking -------------------------------------------------------------- */

static uint64_t now_ns(void) {
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void record(Tally *tally, uint64_t span_ns) {
  int bits = span_ns == 0 ? 0 : 64 - __builtin_clzll(span_ns);

  tally->sum_ns += span_ns;
  if (span_ns > tally->max_ns) tally->max_ns = span_ns;
  tally->buckets[bits < BUCKETS ? bits : BUCKETS - 1]++;
}

static PyObject *answer(Answers *self, PyObject *const *parts,
                        Py_ssize_t count) {
  PyObject *key = key_of(self, parts, count), *text, *value;

  if (key == NULL) return NULL;
  text = PyObject_CallFunctionObjArgs(self->get, key, NULL);
  Py_DECREF(key);
  if (text == NULL) return NULL;
  if (text == Py_None) {
    self->tally.misses++;
    return text;
  }
  value = decoded(self, text);
  Py_DECREF(text);
  if (value != NULL) self->tally.hits++;
  return value;
}

static PyObject *ask(Answers *self, PyObject *const *parts, Py_ssize_t count) {
  uint64_t began = now_ns();
  PyObject *value = answer(self, parts, count);

  record(&self->tally, now_ns() - began);
  return value;
}

static PyObject *taken(const Tally *tally) {
  PyObject *buckets = PyTuple_New(BUCKETS);
  int i;

  for (i = 0; buckets != NULL && i < BUCKETS; i++) {
    PyObject *count = PyLong_FromUnsignedLongLong(tally->buckets[i]);
    if (count == NULL) Py_CLEAR(buckets);
    else PyTuple_SetItem(buckets, i, count);
  }
  if (buckets == NULL) return NULL;
  return Py_BuildValue("KKKKN", tally->hits, tally->misses, tally->sum_ns,
                       tally->max_ns, buckets);
}

static PyObject *take(Answers *self, PyObject *none) {
  /* First: to make objects may collect garbage, and that may ask. */
  Tally tally = self->tally;

  (void)none;
  self->tally = (Tally){0};
  return taken(&tally);
}

/* ---- The type ------------------------------------------------------------ */

static PyObject *make(PyTypeObject *type, PyObject *arguments,
                      PyObject *keywords) {
  static char *names[] = {"get", "key", "parse", NULL};
  allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  PyObject *get, *key, *parse;
  Answers *self;

  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OOO:Answers", names,
                                   &get, &key, &parse))
    return NULL;
  self = (Answers *)allocate(type, 0);
  if (self == NULL) return NULL;
  self->get = Py_NewRef(get);
  self->key = Py_NewRef(key);
  self->parse = Py_NewRef(parse);
  self->keys = PyDict_New();
  self->texts = PyDict_New();
  if (self->keys == NULL || self->texts == NULL) Py_CLEAR(self);
  return (PyObject *)self;
}

static int traverse(Answers *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE((PyObject *)self));
  Py_VISIT(self->get);
  Py_VISIT(self->key);
  Py_VISIT(self->parse);
  Py_VISIT(self->keys);
  Py_VISIT(self->texts);
  return 0;
}

static void dealloc(Answers *self) {
  PyTypeObject *type = Py_TYPE((PyObject *)self);

  PyObject_GC_UnTrack(self);
  Py_XDECREF(self->get);
  Py_XDECREF(self->key);
  Py_XDECREF(self->parse);
  Py_XDECREF(self->keys);
  Py_XDECREF(self->texts);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"ask", (PyCFunction)(void (*)(void))ask, METH_FASTCALL,
     "ask($self, /, *question)\n--\n\n"
     "What the text under the question's key says, the caller's own; None if\n"
     "there is none.  Raises what `get`, `key` and `parse` raise."},
    {"take", (PyCFunction)take, METH_NOARGS,
     "take($self, /)\n--\n\n"
     "What was counted since the last time: hits, misses, and of the time\n"
     "that all questions took, in nanoseconds, sum, longest and histogram."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Answers(get, key, parse)\n--\n\n"
                "Documents found by question, at once; see answers.py."},
    {Py_tp_new, make},
    {Py_tp_methods, methods},
    {Py_tp_traverse, traverse},
    {Py_tp_dealloc, dealloc},
    {0, NULL}};

PyType_Spec answers_spec = {
    .name = "cachecore._fast.Answers",
    .basicsize = sizeof(Answers),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};
