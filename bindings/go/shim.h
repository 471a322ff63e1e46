/*
 * What cgo cannot do cheaply by itself, so that a call allocates nothing.  A
 * place for a result that is given to C by its address lives on Go's heap: here
 * results come back by value.  A pointer to an incomplete struct is put in a
 * box for cgo's check of pointers: here a cache is a number.
 */
#ifndef CACHECORE_GO_SHIM_H
#define CACHECORE_GO_SHIM_H

#include <cachecore.h>

typedef uintptr_t go_cache;

static inline cachecore_t *go_handle(go_cache cache) {
  return (cachecore_t *)cache;
}

typedef struct {
  cachecore_status_t status;
  size_t size;
} go_sized;

typedef struct {
  cachecore_status_t status;
  int64_t number;
} go_signed;

typedef struct {
  cachecore_status_t status;
  uint64_t number;
} go_counted;

typedef struct {
  cachecore_status_t status;
  size_t size;
  cachecore_entry_info_t info;
} go_informed;

typedef struct {
  cachecore_status_t status;
  cachecore_value_t value;
} go_acquired;

static inline go_sized go_get(go_cache cache, const void *key,
                              size_t key_size, void *buffer, size_t capacity) {
  go_sized result = {0, 0};
  result.status =
      cachecore_get(go_handle(cache), key, key_size, buffer, capacity,
                    &result.size);
  return result;
}

static inline go_sized go_peek(go_cache cache, const void *key,
                               size_t key_size, void *buffer, size_t capacity) {
  go_sized result = {0, 0};
  result.status =
      cachecore_peek(go_handle(cache), key, key_size, buffer, capacity,
                     &result.size);
  return result;
}

static inline go_informed go_get_with_info(go_cache cache, const void *key,
                                           size_t key_size, void *buffer,
                                           size_t capacity) {
  go_informed result = {0, 0, CACHECORE_ENTRY_INFO_INIT};
  result.status =
      cachecore_get_with_info(go_handle(cache), key, key_size, buffer, capacity,
                              &result.size, &result.info);
  return result;
}

static inline go_informed go_inspect(go_cache cache, const void *key,
                                     size_t key_size) {
  go_informed result = {0, 0, CACHECORE_ENTRY_INFO_INIT};
  result.status =
      cachecore_inspect(go_handle(cache), key, key_size, &result.info);
  return result;
}

static inline go_acquired go_acquire(go_cache cache, const void *key,
                                     size_t key_size) {
  go_acquired result = {0, {NULL, 0, NULL, 0}};
  result.status =
      cachecore_acquire(go_handle(cache), key, key_size, &result.value);
  return result;
}

static inline go_signed go_ttl(go_cache cache, const void *key,
                               size_t key_size) {
  go_signed result = {0, 0};
  result.status =
      cachecore_ttl(go_handle(cache), key, key_size, &result.number);
  return result;
}

static inline go_signed go_increment(go_cache cache, const void *key,
                                     size_t key_size, int64_t delta,
                                     int64_t initial, uint64_t ttl_ms) {
  go_signed result = {0, 0};
  result.status =
      cachecore_increment(go_handle(cache), key, key_size, delta, initial,
                          ttl_ms, &result.number);
  return result;
}

static inline go_sized go_get_or_claim(go_cache cache, const void *key,
                                       size_t key_size, void *buffer,
                                       size_t capacity,
                                       cachecore_claim_t *claim) {
  go_sized result = {0, 0};
  result.status =
      cachecore_get_or_claim(go_handle(cache), key, key_size, buffer, capacity,
                             &result.size, claim);
  return result;
}

static inline cachecore_status_t go_contains(go_cache cache, const void *key,
                                             size_t key_size) {
  return cachecore_contains(go_handle(cache), key, key_size);
}

static inline cachecore_status_t go_set(go_cache cache, const void *key,
                                        size_t key_size, const void *value,
                                        size_t value_size, uint64_t ttl_ms) {
  return cachecore_set(go_handle(cache), key, key_size, value, value_size,
                       ttl_ms);
}

static inline cachecore_status_t go_add(go_cache cache, const void *key,
                                        size_t key_size, const void *value,
                                        size_t value_size, uint64_t ttl_ms) {
  return cachecore_add(go_handle(cache), key, key_size, value, value_size,
                       ttl_ms);
}

static inline cachecore_status_t go_replace(go_cache cache, const void *key,
                                            size_t key_size, const void *value,
                                            size_t value_size,
                                            uint64_t ttl_ms) {
  return cachecore_replace(go_handle(cache), key, key_size, value, value_size,
                           ttl_ms);
}

static inline cachecore_status_t go_compare_and_set(
    go_cache cache, const void *key, size_t key_size, const void *value,
    size_t value_size, uint64_t version, uint64_t ttl_ms) {
  return cachecore_compare_and_set(go_handle(cache), key, key_size, value,
                                   value_size, version, ttl_ms);
}

static inline cachecore_status_t go_delete(go_cache cache, const void *key,
                                           size_t key_size) {
  return cachecore_delete(go_handle(cache), key, key_size);
}

static inline cachecore_status_t go_touch(go_cache cache, const void *key,
                                          size_t key_size, uint64_t ttl_ms) {
  return cachecore_touch(go_handle(cache), key, key_size, ttl_ms);
}

static inline go_counted go_delete_prefix(go_cache cache,
                                          const void *prefix, size_t size) {
  go_counted result = {0, 0};
  result.status =
      cachecore_delete_prefix(go_handle(cache), prefix, size, &result.number);
  return result;
}

static inline go_counted go_evict(go_cache cache, uint64_t count) {
  go_counted result = {0, 0};
  result.status = cachecore_evict(go_handle(cache), count, &result.number);
  return result;
}

static inline go_counted go_cleanup_expired(go_cache cache, uint64_t most) {
  go_counted result = {0, 0};
  result.status =
      cachecore_cleanup_expired(go_handle(cache), most, &result.number);
  return result;
}

static inline go_counted go_sweeper_trigger(go_cache cache) {
  go_counted result = {0, 0};
  result.status = cachecore_sweeper_trigger(go_handle(cache), &result.number);
  return result;
}

static inline go_counted go_save(go_cache cache, const char *path) {
  go_counted result = {0, 0};
  result.status = cachecore_save(go_handle(cache), path, &result.number);
  return result;
}

static inline go_counted go_load(go_cache cache, const char *path) {
  go_counted result = {0, 0};
  result.status = cachecore_load(go_handle(cache), path, &result.number);
  return result;
}

#endif
