/*
 * What the files of the compiled path share.
 *
 * The extension adds nothing to what the ctypes path does: it is the same calls
 * of the same library, without the cost of ctypes.  It is built for the limited
 * API of CPython 3.11, so that one file serves every later version, and it is
 * not linked to libcachecore: Python has found and loaded that already, and
 * `bind` passes on where its functions are.
 *
 * State     Nothing is kept in C statics but constants: every interpreter of
 *           the process has a module of its own, and in it a Library.  An
 *           object points to that of the module that made its type; the type
 *           keeps the module.
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

/* The functions of C used here, named once. */
/* clang-format off */
#define CACHECORE_FUNCTIONS(F)                                      \
  F(get) F(peek) F(set) F(add) F(contains) F(delete) F(touch)       \
  F(ttl) F(increment) F(get_many) F(set_many) F(delete_many)               \
  F(coldest) F(evict) F(cleanup_expired) F(take_removals)                  \
  F(get_or_claim) F(fulfill) F(abandon)
/* clang-format on */

/* The functions of Python used here, for what is rare. */
#define PYTHON_FUNCTIONS(F) F(py_ttl_ms) F(py_value_bytes) F(py_pairs)

/* The state of a module: what `bind` was given, before anything else is
 * called. */
typedef struct {
#define MEMBER(name) __typeof__(cachecore_##name) *name;
  CACHECORE_FUNCTIONS(MEMBER)
#undef MEMBER
#define MEMBER(name) PyObject *name;
  PYTHON_FUNCTIONS(MEMBER)
#undef MEMBER
} Library;

/* That of the module that made the type, or a base of it; NULL with an
 * exception if there is none, or nothing has been bound. */
const Library *library_of(PyTypeObject *type);

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

/* 0 if the bytes are UTF-8, -1 with UnicodeDecodeError if not. */
int check_text(const Bytes *bytes);

/* A new reference to a bytes object with the contents of a bytes-like one; with
 * `dumps` neither NULL nor None, of what that makes of the value. */
PyObject *value_bytes(const Library *library, PyObject *value, PyObject *dumps);

/* The lifetime as the library takes it, from None, seconds or a timedelta. */
int lifetime_ms(const Library *library, PyObject *ttl, uint64_t *ms_out);

/* Sorts the arguments of a METH_FASTCALL | METH_KEYWORDS method by the names
 * in `names`, of which the first `required` must be there; what is absent stays
 * as it is in `values`.  References are borrowed. */
int sort_named_arguments(const char *function, const char *const *names,
                         int required, PyObject *const *arguments,
                         Py_ssize_t count, PyObject *keywords,
                         PyObject **values);

/* The same, quickly where there are no names and only what is required. */
static inline int sort_arguments(const char *function,
                                 const char *const *names, int required,
                                 PyObject *const *arguments, Py_ssize_t count,
                                 PyObject *keywords, PyObject **values) {
  if (keywords != NULL || count != required)
    return sort_named_arguments(function, names, required, arguments, count,
                                keywords, values);
  for (int at = 0; at < required; at++) values[at] = arguments[at];
  return 0;
}

/* The same for the arguments (key, default). */
int sort_key_default(const char *function, PyObject *const *arguments,
                     Py_ssize_t count, PyObject *keywords, PyObject **values);

/* KeyError of this key, whatever it is: a tuple is one key. */
void raise_key_error(PyObject *key);

/* What was found, or else, without an exception, another value. */
PyObject *found_or(PyObject *found, PyObject *otherwise);

/* Raises what `self._failure(function, status, key)` makes of a status. */
PyObject *raise_failure(PyObject *self, const char *function,
                        cachecore_status_t status, PyObject *key);

/* Calls `self._deliver()`, after a write, if `listening`; 0, or -1. */
int deliver(PyObject *self, char listening);

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
  const Library *library;
  PyObject *dumps, *loads;
  char listening;
  char decode_keys; /* keys are text */
} ByteStore;

/* The bytes of a key of this cache, as `key_bytes`; with `decode_keys`, -1 with
 * UnicodeDecodeError for those that are not UTF-8. */
static inline int own_key_bytes(const ByteStore *self, PyObject *key,
                                Bytes *bytes_out) {
  if (key_bytes(key, bytes_out) < 0) return -1;
  return self->decode_keys && PyBytes_Check(key) ? check_text(bytes_out) : 0;
}

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
extern PyType_Spec cached_call_spec;

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
