/* C's results as JavaScript's. */
#include "binding.h"

binding_t *binding_of(napi_env env) {
  void *binding = NULL;
  napi_get_instance_data(env, &binding);
  return binding;
}

napi_value error_new(napi_env env, int32_t status, const char *detail) {
  napi_value make, nothing, argument[2], error;
  if (napi_get_reference_value(env, binding_of(env)->make_error, &make) !=
          napi_ok ||
      napi_get_undefined(env, &nothing) != napi_ok ||
      napi_create_int32(env, status, &argument[0]) != napi_ok ||
      napi_create_string_utf8(env, detail, NAPI_AUTO_LENGTH, &argument[1]) !=
          napi_ok ||
      napi_call_function(env, nothing, make, 2, argument, &error) != napi_ok)
    return NULL;
  return error;
}

napi_value fail(napi_env env, int32_t status) {
  napi_value error = error_new(env, status, "");
  if (error != NULL) napi_throw(env, error);
  return NULL;
}

napi_value undefined(napi_env env) {
  napi_value value = NULL;
  napi_get_undefined(env, &value);
  return value;
}

napi_value number(napi_env env, double value) {
  napi_value made = NULL;
  napi_create_double(env, value, &made);
  return made;
}

static napi_value boolean(napi_env env, bool value) {
  napi_value made = NULL;
  napi_get_boolean(env, value, &made);
  return made;
}

napi_value answer(napi_env env, cachecore_status_t status) {
  switch (status) {
    case CACHECORE_OK: return boolean(env, true);
    case CACHECORE_MISS:
    case CACHECORE_EXISTS:
    case CACHECORE_CONFLICT: return boolean(env, false);
    default: return fail(env, status);
  }
}

napi_value done(napi_env env, cachecore_status_t status) {
  return status == CACHECORE_OK ? undefined(env) : fail(env, status);
}

napi_value sized(napi_env env, cachecore_status_t status, size_t size) {
  napi_value made = NULL;
  switch (status) {
    case CACHECORE_OK:
      if (size > INT32_MAX) return number(env, (double)size);
      napi_create_int32(env, (int32_t)size, &made);
      return made;
    case CACHECORE_MISS:
      napi_create_int32(env, -1, &made);
      return made;
    case CACHECORE_E_TOO_SMALL: return number(env, -2.0 - (double)size);
    default: return fail(env, status);
  }
}

bool is_ascii(const char *data, size_t size) {
  unsigned char bits = 0;
  size_t i;
  for (i = 0; i < size; i++) bits |= (unsigned char)data[i];
  return bits < 0x80;
}

/* What is all ASCII is made a string without being decoded. */
napi_value string_of(napi_env env, const char *data, size_t size) {
  napi_value made = NULL;
  napi_status status = is_ascii(data, size)
                           ? napi_create_string_latin1(env, data, size, &made)
                           : napi_create_string_utf8(env, data, size, &made);
  if (status == napi_ok) return made;
  napi_throw_range_error(env, "ERR_STRING_TOO_LONG",
                         "the value is longer than a string can be");
  return NULL;
}

static napi_value signed_integer(napi_env env, int64_t value, bool is_bigint) {
  napi_value made = NULL;
  if (!is_bigint) return number(env, (double)value);
  napi_create_bigint_int64(env, value, &made);
  return made;
}

static napi_value integer(napi_env env, uint64_t value, bool is_bigint) {
  napi_value made = NULL;
  if (!is_bigint) return number(env, (double)value);
  napi_create_bigint_uint64(env, value, &made);
  return made;
}

static napi_value field_value(napi_env env, const field_t *field,
                              const void *place, bool is_bigint) {
  bool is_short = field->kind == FIELD_U32 || field->kind == FIELD_FLAG;
  uint64_t word =
      is_short ? *(const uint32_t *)place : *(const uint64_t *)place;
  switch (field->kind) {
    case FIELD_U32:
    case FIELD_U64: return integer(env, word, is_bigint);
    case FIELD_FLAG: return boolean(env, word != 0);
    case FIELD_BIGINT: return integer(env, word, true);
    case FIELD_LIFETIME:
      if ((int64_t)word == -1) return number(env, __builtin_inf());
      return signed_integer(env, (int64_t)word, is_bigint);
    case FIELD_MAYBE:
      if ((int64_t)word == -1) return undefined(env);
      return signed_integer(env, (int64_t)word, is_bigint);
  }
  return undefined(env);
}

napi_value object_of(napi_env env, const field_t *fields, size_t count,
                     const void *structure, bool is_bigint) {
  napi_value object;
  size_t i;
  if (napi_create_object(env, &object) != napi_ok) return NULL;
  for (i = 0; i < count; i++) {
    const void *place = (const char *)structure + fields[i].offset;
    napi_value value = field_value(env, &fields[i], place, is_bigint);
    if (value == NULL ||
        napi_set_named_property(env, object, fields[i].name, value) != napi_ok)
      return NULL;
  }
  return object;
}

void methods_add(methods_t *methods, const char *name, napi_callback function) {
  methods->property[methods->count++] = (napi_property_descriptor){
      .utf8name = name,
      .method = function,
      .attributes = napi_writable | napi_configurable};
}
