/*
 * What the files of the compiled path share.
 *
 * The extension adds nothing to what the ctypes path does: it is the same calls
 * of the same library, without the cost of ctypes.  It is built for the limited
 * API of CPython 3.11, so that one file serves every later version, and it is
 * not linked to libcachecore: Python has found and loaded that already, and
 * `bind` passes on where its functions are.
 *
 * The GIL   A call for one key keeps it, a batch gives it up; _native.py says
 *           why.  While it is kept nobody can close the cache; a batch holds a
 *           reference to the handle, which owns the native cache.
 * Python    No code of Python's runs under a lock of the engine's: keys are
 *           hashed, compared and converted before, references dropped after.
 */
#ifndef CACHECORE_FAST_H
#define CACHECORE_FAST_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <cachecore.h>
#include <structmember.h>

/* The functions used here, named once. */
/* clang-format off */
#define CACHECORE_FUNCTIONS(F)                                      \
  F(get) F(peek) F(set) F(add) F(contains) F(delete) F(touch)       \
  F(ttl) F(increment) F(get_many) F(set_many) F(delete_many)               \
  F(clear) F(cleanup_expired) F(resize) F(take_removals)
/* clang-format on */

typedef struct {
#define MEMBER(name) __typeof__(cachecore_##name) *name;
  CACHECORE_FUNCTIONS(MEMBER)
#undef MEMBER
} Library;

/* Filled by `bind`, once, before anything else is called. */
extern Library library;

/* ---- Arguments ----------------------------------------------------------- */

/* Bytes borrowed from a Python object that outlives their use. */
typedef struct {
  const void *data;
  size_t size;
} Bytes;

/* TypeError: what was wanted, and the type of what was given. */
void raise_type(const char *wanted, PyObject *given);

/* The bytes of a key, bytes or str; -1 with TypeError for anything else. */
int key_bytes(PyObject *key, Bytes *bytes_out);

/* A new reference to a bytes object with the contents of a bytes-like one; with
 * `dumps` neither NULL nor None, of what that makes of the value. */
PyObject *value_bytes(PyObject *value, PyObject *dumps);

/* The lifetime as the library takes it, from None, seconds or a timedelta. */
int lifetime_ms(PyObject *ttl, uint64_t *ms_out);

/* Sorts the arguments of a METH_FASTCALL | METH_KEYWORDS method by the names
 * in `names`, of which the first `required` must be there; what is absent stays
 * as it is in `values`.  References are borrowed. */
int sort_arguments(const char *function, const char *const *names, int required,
                   PyObject *const *arguments, Py_ssize_t count,
                   PyObject *keywords, PyObject **values);

/* The same for the arguments (key, default). */
int sort_key_default(const char *function, PyObject *const *arguments,
                     Py_ssize_t count, PyObject *keywords, PyObject **values);

/* What was found, or else, without an exception, another value. */
PyObject *found_or(PyObject *found, PyObject *otherwise);

/* Raises what `self._failure(function, status, key)` makes of a status. */
PyObject *raise_failure(PyObject *self, const char *function,
                        cachecore_status_t status, PyObject *key);

/* Calls `self._deliver()`, after a write, if `listening`; 0, or -1. */
int deliver(PyObject *self, char listening);

/* Remembers the Python functions for what is rare. */
void remember_functions(PyObject *ttl_ms, PyObject *value_bytes);

/* ---- Types --------------------------------------------------------------- */

/* The handle that owns a native cache, and where it says which; NULL there when
 * the cache is closed, which the library tells apart from every other. */
typedef struct {
  PyObject *owner; /* handle.Handle */
  cachecore_t *const *cache;
} Handle;

/* The handle that owns none. */
extern const Handle no_handle;

/* `_exchange(owner, address)`: puts another handle in, returns the old owner.
 */
PyObject *exchange_handle(Handle *handle, PyObject *const *arguments,
                          Py_ssize_t count);

typedef struct {
  PyObject_HEAD Handle handle;
  PyObject *dumps, *loads;
  char listening;
} ByteStore;

/* The methods of batch.c. */
PyObject *byte_store_get_many(ByteStore *self, PyObject *keys);
PyObject *byte_store_set_many(ByteStore *self, PyObject *const *arguments,
                              Py_ssize_t count, PyObject *keywords);
PyObject *byte_store_delete_many(ByteStore *self, PyObject *keys);

/* The value under a key, loaded, counting as nothing; NULL without an exception
 * for a miss. */
PyObject *byte_store_peek(ByteStore *self, PyObject *key);

/* Takes over a reference to the bytes of a value; what `loads` makes of them.
 */
PyObject *byte_store_load(ByteStore *self, PyObject *content);

extern PyType_Spec byte_store_spec;
extern PyType_Spec object_store_spec;
extern PyType_Spec answers_spec;

/* Defines one of them, of functions and tables that have these names in the
 * file that says so. */
#define DEFINE_STORE(Type, spec, doc)                                          \
  static PyType_Slot slots[] = {                                               \
      {Py_tp_doc, doc},           {Py_tp_new, make},                           \
      {Py_tp_methods, methods},   {Py_tp_members, members},                    \
      {Py_tp_traverse, traverse}, {Py_tp_clear, clear},                        \
      {Py_tp_dealloc, dealloc},   {Py_mp_subscript, subscript},                \
      {Py_mp_ass_subscript, assign}, {Py_sq_contains, in}, {0, NULL}};         \
  PyType_Spec spec = {                                                         \
      .name = "cachecore._fast." #Type,                                        \
      .basicsize = sizeof(Type),                                               \
      .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,  \
      .slots = slots,                                                          \
  }

#endif
