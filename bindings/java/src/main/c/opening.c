/* Opening and closing. */
#include <stdint.h>
#include <stdlib.h>

#include "binding.h"

/* What NativeCache.open passes in its long[]. */
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
  OPTION_SHARED_FD,
  OPTION_MAX_PROCESSES,
  OPTIONS_COUNT
};

static cachecore_status_t open_cache(const jlong *given, const char *path,
                                     cachecore_t **cache) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_shared_options_t shared = CACHECORE_SHARED_OPTIONS_INIT;
  options.policy = (uint32_t)given[OPTION_POLICY];
  options.flags = (uint32_t)given[OPTION_FLAGS];
  options.shard_count = (uint32_t)given[OPTION_SHARDS];
  options.max_entries = (uint64_t)given[OPTION_MAX_ENTRIES];
  options.max_bytes = (uint64_t)given[OPTION_MAX_BYTES];
  options.default_ttl_ms = (uint64_t)given[OPTION_TTL];
  options.default_tti_ms = (uint64_t)given[OPTION_TTI];
  options.hash_seed = (uint64_t)given[OPTION_HASH_SEED];
  options.ttl_jitter_permille = (uint64_t)given[OPTION_JITTER];
  if (given[OPTION_IS_SHARED] == 0) return cachecore_open(&options, cache);
  shared.flags = (uint32_t)given[OPTION_SHARED_FLAGS];
  shared.path = path;
  shared.fd = (int32_t)given[OPTION_SHARED_FD];
  shared.max_processes = (uint32_t)given[OPTION_MAX_PROCESSES];
  return cachecore_open_shared(&options, &shared, cache);
}

/* (long[] options, byte[] path with a 0 at its end, or null) */
METHOD(jlong, open)
(JNIEnv *env, jclass class, jlongArray options, jbyteArray path_array) {
  jlong given[OPTIONS_COUNT];
  bytes_t path;
  cachecore_t *cache = NULL;
  guard_t *guard = NULL;
  cachecore_status_t status;
  (void)class;
  (*env)->GetLongArrayRegion(env, options, 0, OPTIONS_COUNT, given);
  if (!bytes_of_array(env, path_array, &path)) return 0;
  status = open_cache(given, path_array == NULL ? NULL : path.data, &cache);
  bytes_free(&path);
  if (status != CACHECORE_OK) {
    fail(env, status, cachecore_open_error());
    return 0;
  }
  guard = guard_new(cache);
  if (guard != NULL) return (jlong)(intptr_t)guard;
  cachecore_close(cache);
  fail(env, CACHECORE_E_NO_MEMORY, "");
  return 0;
}

METHOD(void, close)(JNIEnv *env, jobject self, jlong handle) {
  (void)env;
  (void)self;
  guard_close((guard_t *)(intptr_t)handle);
}

METHOD(jboolean, isClosed)(JNIEnv *env, jobject self, jlong handle) {
  (void)env;
  (void)self;
  return atomic_load(&((guard_t *)(intptr_t)handle)->is_shut);
}

/* The object has gone, and no call on it is under way. */
METHOD(void, free)(JNIEnv *env, jclass class, jlong handle) {
  guard_t *guard = (guard_t *)(intptr_t)handle;
  (void)env;
  (void)class;
  guard_close(guard);
  free(guard);
}
