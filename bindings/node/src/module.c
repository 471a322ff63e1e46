/* The addon: the class, opening and closing, and what an environment has. */
#include <stdlib.h>
#include <string.h>

#include "binding.h"

void object_close(object_t *object) {
  if (object->handle == NULL) return;
  waiter_cancel(object);
  claims_abandon(object);
  handle_release(object->handle);
  object->handle = NULL;
}

/* The object has been collected, or its environment ends. */
static void finalize(napi_env env, void *data, void *hint) {
  object_t *object = data;
  (void)env;
  (void)hint;
  object_close(object);
  free(object);
}

/* What JavaScript passes to the constructor, each 64 bits. */
enum {
  OPTION_POLICY,
  OPTION_FLAGS,
  OPTION_SHARDS,
  OPTION_MAX_ENTRIES,
  OPTION_MAX_BYTES,
  OPTION_TTL,
  OPTION_TTI,
  OPTION_HASH_SEED,
  OPTION_JITTER,
  OPTION_IS_SHARED,
  OPTION_SHARED_FLAGS,
  OPTION_SHARED_FD, /* -1: none */
  OPTION_MAX_PROCESSES,
  OPTIONS_COUNT
};

static cachecore_status_t open_cache(const uint64_t *given, const char *path,
                                     cachecore_t **cache) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_shared_options_t shared = CACHECORE_SHARED_OPTIONS_INIT;
  options.policy = (uint32_t)given[OPTION_POLICY];
  options.flags = (uint32_t)given[OPTION_FLAGS];
  options.shard_count = (uint32_t)given[OPTION_SHARDS];
  options.max_entries = given[OPTION_MAX_ENTRIES];
  options.max_bytes = given[OPTION_MAX_BYTES];
  options.default_ttl_ms = given[OPTION_TTL];
  options.default_tti_ms = given[OPTION_TTI];
  options.hash_seed = given[OPTION_HASH_SEED];
  options.ttl_jitter_permille = given[OPTION_JITTER];
  if (given[OPTION_IS_SHARED] == 0) return lib.open(&options, cache);
  shared.flags = (uint32_t)given[OPTION_SHARED_FLAGS];
  shared.path = path;
  shared.fd = (int32_t)given[OPTION_SHARED_FD];
  shared.max_processes = (uint32_t)given[OPTION_MAX_PROCESSES];
  return lib.open_shared(&options, &shared, cache);
}

static napi_value fail_open(napi_env env, cachecore_status_t status) {
  napi_value error = error_new(env, status, lib.open_error());
  if (error != NULL) napi_throw(env, error);
  return NULL;
}

/* (BigUint64Array options, path or undefined); NULL, with an exception */
static handle_t *open_new(napi_env env, const napi_value *argument) {
  char *given;
  size_t given_size;
  uint64_t numbers[OPTIONS_COUNT];
  napi_valuetype kind;
  bytes_t path = {.heap = NULL};
  cachecore_t *cache = NULL;
  handle_t *handle = NULL;
  cachecore_status_t status;
  if (!buffer_get(env, argument[0], &given, &given_size)) return NULL;
  if (given_size != sizeof numbers) {
    fail(env, CACHECORE_E_ARGUMENT);
    return NULL;
  }
  memcpy(numbers, given, sizeof numbers);
  napi_typeof(env, argument[1], &kind);
  if (kind != napi_undefined && !bytes_get(env, argument[1], &path))
    return NULL;
  /* A string's bytes end with a 0. */
  status = open_cache(numbers, kind == napi_string ? path.data : NULL, &cache);
  bytes_free(&path);
  if (status == CACHECORE_OK) {
    handle = handle_new(cache);
    if (handle == NULL) {
      lib.close(cache);
      fail(env, CACHECORE_E_NO_MEMORY);
    }
  } else {
    fail_open(env, status);
  }
  return handle;
}

/* (BigInt handle); NULL, with an exception */
static handle_t *open_handle(napi_env env, napi_value value) {
  uint64_t number = 0;
  bool is_whole;
  handle_t *handle;
  napi_get_value_bigint_uint64(env, value, &number, &is_whole);
  handle = handle_find(number);
  if (handle == NULL) fail(env, STATUS_CLOSED);
  return handle;
}

static napi_value construct(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value self, argument[2], target;
  napi_valuetype kind;
  object_t *object;
  if (napi_get_cb_info(env, info, &count, argument, &self, NULL) != napi_ok ||
      napi_get_new_target(env, info, &target) != napi_ok ||
      napi_typeof(env, argument[0], &kind) != napi_ok)
    return NULL;
  if (target == NULL) {
    napi_throw_type_error(env, NULL, "a Cache is made with new");
    return NULL;
  }
  object = calloc(1, sizeof *object);
  if (object == NULL) return fail(env, CACHECORE_E_NO_MEMORY);
  object->handle = kind == napi_bigint ? open_handle(env, argument[0])
                                       : open_new(env, argument);
  if (object->handle == NULL) {
    free(object);
    return NULL;
  }
  if (napi_wrap(env, self, object, finalize, NULL, NULL) != napi_ok) {
    finalize(env, object, NULL);
    return fail(env, CACHECORE_E_NO_MEMORY);
  }
  return self;
}

static napi_value close(napi_env env, napi_callback_info info) {
  napi_value self;
  void *object;
  if (napi_get_cb_info(env, info, NULL, NULL, &self, NULL) != napi_ok ||
      napi_unwrap(env, self, &object) != napi_ok)
    return NULL;
  object_close(object);
  return undefined(env);
}

/* () => boolean */
static napi_value is_closed(napi_env env, napi_callback_info info) {
  napi_value self, made = NULL;
  void *object;
  if (napi_get_cb_info(env, info, NULL, NULL, &self, NULL) != napi_ok ||
      napi_unwrap(env, self, &object) != napi_ok)
    return NULL;
  napi_get_boolean(env, ((object_t *)object)->handle == NULL, &made);
  return made;
}

/* () => BigInt */
static napi_value handle_number(napi_env env, napi_callback_info info) {
  call_t call;
  napi_value made = NULL;
  if (!call_begin(&call, env, info)) return NULL;
  napi_create_bigint_uint64(env, call.object->handle->number, &made);
  return made;
}

/* (path) => undefined, or why not */
static napi_value load(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument, made = NULL;
  bytes_t path;
  const char *why;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) != napi_ok ||
      !bytes_get(env, argument, &path))
    return NULL;
  why = library_load(path.data);
  bytes_free(&path);
  if (why == NULL) return undefined(env);
  napi_create_string_utf8(env, why, NAPI_AUTO_LENGTH, &made);
  return made;
}

/* (status) => string */
static napi_value status_text(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument, made = NULL;
  int32_t status = 0;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) != napi_ok)
    return NULL;
  napi_get_value_int32(env, argument, &status);
  napi_create_string_utf8(env, lib.status_text(status), NAPI_AUTO_LENGTH,
                          &made);
  return made;
}

/* (number) => object, undefined beyond the last field of the statistics */
static napi_value stats_field(napi_env env, napi_callback_info info) {
  cachecore_stats_field_t field = CACHECORE_STATS_FIELD_INIT;
  size_t count = 1;
  napi_value argument, object, text;
  uint32_t wanted = 0;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) != napi_ok)
    return NULL;
  napi_get_value_uint32(env, argument, &wanted);
  if (lib.stats_field(wanted, &field) != CACHECORE_OK) return undefined(env);
  if (napi_create_object(env, &object) != napi_ok) return NULL;
  napi_create_string_utf8(env, field.name, NAPI_AUTO_LENGTH, &text);
  napi_set_named_property(env, object, "name", text);
  napi_create_string_utf8(env, field.unit, NAPI_AUTO_LENGTH, &text);
  napi_set_named_property(env, object, "unit", text);
  napi_create_string_utf8(env, field.help, NAPI_AUTO_LENGTH, &text);
  napi_set_named_property(env, object, "help", text);
  napi_set_named_property(env, object, "kind", number(env, field.kind));
  return object;
}

static void binding_free(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

/* (makeError) => class */
static napi_value bind(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument, made = NULL;
  binding_t *binding = calloc(1, sizeof *binding);
  methods_t methods = {.count = 0};
  if (binding == NULL) return NULL;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) != napi_ok ||
      napi_create_reference(env, argument, 1, &binding->make_error) !=
          napi_ok ||
      napi_set_instance_data(env, binding, binding_free, NULL) != napi_ok ||
      !waiter_open(env, binding)) {
    napi_throw_error(env, NULL, "cachecore could not be set up");
    return NULL;
  }
  methods_add(&methods, "close", close);
  methods_add(&methods, "isClosed", is_closed);
  methods_add(&methods, "handle", handle_number);
  reading_methods(&methods);
  writing_methods(&methods);
  batch_methods(&methods);
  whole_methods(&methods);
  claims_methods(&methods);
  sweeper_methods(&methods);
  jobs_methods(&methods);
  napi_define_class(env, "NativeCache", NAPI_AUTO_LENGTH, construct, NULL,
                    methods.count, methods.property, &made);
  return made;
}

NAPI_MODULE_INIT(/* napi_env env, napi_value exports */) {
  methods_t functions = {.count = 0};
  methods_add(&functions, "load", load);
  methods_add(&functions, "statusText", status_text);
  methods_add(&functions, "statsField", stats_field);
  methods_add(&functions, "bind", bind);
  napi_define_properties(env, exports, functions.count, functions.property);
  return exports;
}
