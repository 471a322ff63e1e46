/* cachecore._fast: the compiled path. */
#include "fast.h"

/* ---- State --------------------------------------------------------------- */

static int find(PyObject *addresses, const char *name, void *function_out) {
  PyObject *address = PyMapping_GetItemString(addresses, name);
  void *found;

  if (address == NULL) return -1;
  found = PyLong_AsVoidPtr(address);
  Py_DECREF(address);
  *(void **)function_out = found;
  return found == NULL ? -1 : 0;
}

static void forget(Library *library) {
#define FORGET(name) Py_CLEAR(library->name);
  PYTHON_FUNCTIONS(FORGET)
#undef FORGET
}

static PyObject *bind(PyObject *module, PyObject *arguments) {
  Library *library = PyModule_GetState(module);
  PyObject *addresses, *ttl_ms, *value_bytes, *pairs;

  if (!PyArg_ParseTuple(arguments, "OOOO:bind", &addresses, &ttl_ms,
                        &value_bytes, &pairs))
    return NULL;
#define FIND(name)                                                             \
  if (find(addresses, #name, &library->name) < 0) return NULL;
  CACHECORE_FUNCTIONS(FIND)
#undef FIND
  forget(library);
  library->py_ttl_ms = Py_NewRef(ttl_ms);
  library->py_value_bytes = Py_NewRef(value_bytes);
  library->py_pairs = Py_NewRef(pairs);
  Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"bind", bind, METH_VARARGS,
     "bind(addresses, ttl_ms, value_bytes, pairs)\n\n"
     "Says where the library's functions are, by name without cachecore_, and\n"
     "which Python functions convert what is rare.  Comes before all else."},
    {NULL, NULL, 0, NULL},
};

static int traverse(PyObject *module, visitproc visit, void *arg) {
  Library *library = PyModule_GetState(module);

#define VISIT(name) Py_VISIT(library->name);
  PYTHON_FUNCTIONS(VISIT)
#undef VISIT
  return 0;
}

static int clear(PyObject *module) {
  forget(PyModule_GetState(module));
  return 0;
}

static void dealloc(void *module) { clear(module); }

/* ---- The module ---------------------------------------------------------- */

static int add_type(PyObject *module, PyType_Spec *spec) {
  PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
  int done;

  if (type == NULL) return -1;
  done = PyModule_AddType(module, (PyTypeObject *)type);
  Py_DECREF(type);
  return done;
}

static int execute(PyObject *module) {
  return add_type(module, &byte_store_spec) < 0 ||
                 add_type(module, &object_store_spec) < 0 ||
                 add_type(module, &cached_call_spec) < 0
             ? -1
             : 0;
}

/* CPython 3.12 and later ask whether interpreters with a GIL of their own may
 * import this; 3.11 does not know the question. */
#define PYTHON_3_12 0x030C0000
#define MULTIPLE_INTERPRETERS 3         /* Py_mod_multiple_interpreters */
#define PER_INTERPRETER_GIL ((void *)2) /* ..._PER_INTERPRETER_GIL_SUPPORTED   \
                                         */

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
    {0, NULL}, /* the answer, where it is asked for */
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "cachecore._fast",
    .m_doc = "The compiled path: what the other does through ctypes.",
    .m_size = sizeof(Library),
    .m_methods = functions,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = dealloc,
};

PyMODINIT_FUNC PyInit__fast(void) {
  if (Py_Version >= PYTHON_3_12)
    slots[1] = (PyModuleDef_Slot){MULTIPLE_INTERPRETERS, PER_INTERPRETER_GIL};
  return PyModuleDef_Init(&definition);
}

const Library *library_of(PyTypeObject *type) {
  for (; type != NULL; type = PyType_GetSlot(type, Py_tp_base)) {
    PyObject *module = PyType_GetModule(type);
    const Library *library;
    if (module == NULL) {
      PyErr_Clear(); /* a class of Python's, or of no module */
      continue;
    }
    if (PyModule_GetDef(module) != &definition) continue;
    library = PyModule_GetState(module);
    if (library->py_pairs != NULL) return library;
    break;
  }
  PyErr_SetString(PyExc_RuntimeError, "cachecore._fast has not been bound");
  return NULL;
}
