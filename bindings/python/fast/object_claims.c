/* ObjectStore: claims, which say who computes a missing value.
 *
 * The engine's claim is on an id.  As long as somebody has one on a key, the
 * key has a slot with that id, which counts the claims on it (`claims`, also
 * those that are void by now).  If the value is not there, or leaves, it is a
 * slot without a value.  What ends a claim finds the slot by its id alone, so
 * that no comparison of keys runs.
 */
#include "object_store.h"

/* KeyedClaim in object_claims.py. */
typedef struct {
  cachecore_claim_t claim;
  Id id;            /* there is one once there is a token */
  uint32_t counted; /* whether the slot counts it */
} KeyedClaim;

/* A KeyedClaim of ctypes, which the view keeps; NULL with an exception. */
static KeyedClaim *claim_in(PyObject *object, Py_buffer *view) {
  if (PyObject_GetBuffer(object, view, PyBUF_WRITABLE) < 0) return NULL;
  if (view->len == sizeof(KeyedClaim)) return view->buf;
  PyBuffer_Release(view);
  PyErr_SetString(PyExc_TypeError, "not a KeyedClaim");
  return NULL;
}

static int is_count(const char *function, Py_ssize_t count, Py_ssize_t wanted) {
  if (count == wanted) return 1;
  PyErr_Format(PyExc_TypeError, "%s() takes %zd arguments", function, wanted);
  return 0;
}

/* The claim has been given: the slot at `at` counts it, or one without a value,
 * which comes into the table. */
static void count_claim(ObjectStore *self, KeyedClaim *claim, size_t at,
                        Slot *unvalued) {
  if (at != ABSENT) {
    self->table[at]->claims++;
  } else {
    unvalued->claims = 1;
    object_enlist(self, unvalued);
    object_put(self, unvalued);
  }
  claim->counted = 1;
}

/* Ends a claim that the engine may have ended.  May drop a key. */
static void end(ObjectStore *self, KeyedClaim *claim, uint64_t retry_ms) {
  size_t at = claim->counted ? object_find(self, &claim->id) : ABSENT;
  Slot *slot = at == ABSENT ? NULL : self->table[at];

  claim->counted = 0;
  if (claim->claim.token != 0) {
    self->library->abandon(*self->handle.cache, &claim->id, sizeof claim->id,
                           retry_ms, &claim->claim);
    claim->claim.token = 0;
  }
  if (slot == NULL || --slot->claims > 0 || slot->value != NULL) return;
  object_take_out(self, slot);
  object_delist(self, slot);
  object_drop_slot(slot);
}

PyObject *object_get_or_claim(ObjectStore *self, PyObject *const *arguments,
                              Py_ssize_t count) {
  Slot *slot = NULL, *unvalued = NULL;
  cachecore_status_t status;
  KeyedClaim *claim;
  Py_buffer view;
  PyObject *value = NULL;
  size_t at, size;
  Id id;

  if (!is_count("_get_or_claim", count, 2)) return NULL;
  id.hash = PyObject_Hash(arguments[0]);
  if (id.hash == -1) return NULL;
  claim = claim_in(arguments[1], &view);
  if (claim == NULL) return NULL;
  at = object_lookup(self, arguments[0], &id);
  if (at == ABSENT && object_reserve(self) == 0)
    unvalued = object_make_slot(arguments[0], NULL, 0);
  if (at == FAILED || (at == ABSENT && unvalued == NULL)) {
    PyBuffer_Release(&view);
    return NULL;
  }
  if (unvalued != NULL) unvalued->id = id;
  claim->id = id;
  object_flush(self);
  status = self->library->get_or_claim(*self->handle.cache, &id, sizeof id,
                                       &slot, sizeof slot, &size,
                                       &claim->claim);
  if (status == CACHECORE_OK || status == CACHECORE_STALE)
    value = Py_NewRef(slot->value);
  if (claim->claim.token != 0) {
    count_claim(self, claim, at, unvalued);
    unvalued = NULL;
  }
  PyBuffer_Release(&view);
  if (unvalued != NULL) object_drop_slot(unvalued);
  if (status < 0) return object_failure(self, "cachecore_get_or_claim", status);
  return Py_BuildValue("iN", (int)status,
                       value == NULL ? Py_NewRef(Py_None) : value);
}

/* Has the engine store the slot for a claim, if there is still one that counts
 * it, at `at`. */
static cachecore_status_t fulfill(ObjectStore *self, KeyedClaim *claim,
                                  Slot *slot, size_t at, uint64_t ttl_ms,
                                  uint64_t now_ms) {
  if (at == ABSENT)
    return *self->handle.cache == NULL ? CACHECORE_E_ARGUMENT
                                       : CACHECORE_CONFLICT;
  slot->id = claim->id;
  slot->windowed = claim->claim.stale_ms > 0;
  slot->deadline_ms = object_deadline_ms(self, ttl_ms, now_ms);
  object_flush(self);
  if (self->max_weight > 0 && slot->weight > self->max_weight) {
    self->library->delete(*self->handle.cache, &slot->id, sizeof slot->id);
    return CACHECORE_REFUSED;
  }
  return self->library->fulfill(*self->handle.cache, &slot->id, sizeof slot->id,
                                &slot, sizeof slot, ttl_ms, &claim->claim);
}

PyObject *object_fulfill(ObjectStore *self, PyObject *const *arguments,
                         Py_ssize_t count) {
  cachecore_status_t status;
  uint64_t ttl_ms, weight, now_ms;
  KeyedClaim *claim;
  Py_buffer view;
  Slot *slot = NULL;
  size_t at;
  int result;

  if (!is_count("_fulfill", count, 4)) return NULL;
  ttl_ms = PyLong_AsUnsignedLongLong(arguments[2]);
  if (PyErr_Occurred()) return NULL;
  claim = claim_in(arguments[3], &view);
  if (claim == NULL) return NULL;
  if (object_weigh(self, arguments[0], arguments[1], Py_None, &weight) == 0)
    slot = object_make_slot(arguments[0], arguments[1], weight);
  if (slot == NULL) {
    PyBuffer_Release(&view);
    return NULL;
  }
  at = claim->counted ? object_find(self, &claim->id) : ABSENT;
  now_ms = object_write_ms(self, ttl_ms);
  status = fulfill(self, claim, slot, at, ttl_ms, now_ms);
  if (status == CACHECORE_OK) {
    self->table[at]->claims--;
    claim->counted = 0;
  } else {
    end(self, claim, 0);
  }
  PyBuffer_Release(&view);
  result = object_settle(self, slot, at, status, "cachecore_fulfill", now_ms);
  return result < 0 ? NULL : PyLong_FromLong(result);
}

PyObject *object_abandon(ObjectStore *self, PyObject *const *arguments,
                         Py_ssize_t count) {
  KeyedClaim *claim;
  Py_buffer view;
  uint64_t retry_ms;

  if (!is_count("_abandon", count, 3)) return NULL;
  retry_ms = PyLong_AsUnsignedLongLong(arguments[1]);
  if (PyErr_Occurred()) return NULL;
  claim = claim_in(arguments[2], &view);
  if (claim == NULL) return NULL;
  end(self, claim, retry_ms);
  PyBuffer_Release(&view);
  Py_RETURN_NONE;
}
