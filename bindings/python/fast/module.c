/* cachecore._fast: the compiled path. */
#include "fast.h"

Library library;

static int find(PyObject *addresses, const char *name, void *function_out) {
  PyObject *address = PyMapping_GetItemString(addresses, name);
  void *found;

  if (address == NULL) return -1;
  found = PyLong_AsVoidPtr(address);
  Py_DECREF(address);
  *(void **)function_out = found;
  return found == NULL ? -1 : 0;
}

static PyObject *bind(PyObject *module, PyObject *arguments) {
  PyObject *addresses, *ttl_ms, *value_bytes;

  (void)module;
  if (!PyArg_ParseTuple(arguments, "OOO:bind", &addresses, &ttl_ms,
                        &value_bytes))
    return NULL;
#define FIND(name)                                                             \
  if (find(addresses, #name, &library.name) < 0) return NULL;
  CACHECORE_FUNCTIONS(FIND)
#undef FIND
  remember_functions(ttl_ms, value_bytes);
  Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"bind", bind, METH_VARARGS,
     "bind(addresses, ttl_ms, value_bytes)\n\n"
     "Says where the library's functions are, by name without cachecore_, and\n"
     "which Python functions convert what is rare.  Comes before all else."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "cachecore._fast",
    .m_doc = "The compiled path: what _pure.py does, without ctypes.",
    .m_size = -1,
    .m_methods = functions,
};

static int add_type(PyObject *module, PyType_Spec *spec) {
  PyObject *type = PyType_FromSpec(spec);
  int done;

  if (type == NULL) return -1;
  done = PyModule_AddType(module, (PyTypeObject *)type);
  Py_DECREF(type);
  return done;
}

PyMODINIT_FUNC PyInit__fast(void) {
  PyObject *module = PyModule_Create(&definition);

  if (module == NULL) return NULL;
  if (add_type(module, &byte_store_spec) < 0 ||
      add_type(module, &object_store_spec) < 0 ||
      add_type(module, &answers_spec) < 0) {
    Py_DECREF(module);
    return NULL;
  }
  return module;
}
