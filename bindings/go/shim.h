/*
 * What cgo cannot do cheaply by itself.  A place for a result that is given to
 * C by its address lives on Go's heap; here results come back by value, so
 * that a call allocates nothing.
 */
#ifndef CACHECORE_GO_SHIM_H
#define CACHECORE_GO_SHIM_H

#define CACHECORE_EXPERIMENTAL
#include <cachecore.h>

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

static inline go_sized go_get(cachecore_t *cache, const void *key,
                              size_t key_size, void *buffer, size_t capacity) {
  go_sized result = {0, 0};
  result.status =
      cachecore_get(cache, key, key_size, buffer, capacity, &result.size);
  return result;
}

static inline go_sized go_peek(cachecore_t *cache, const void *key,
                               size_t key_size, void *buffer, size_t capacity) {
  go_sized result = {0, 0};
  result.status =
      cachecore_peek(cache, key, key_size, buffer, capacity, &result.size);
  return result;
}

static inline go_informed go_get_with_info(cachecore_t *cache, const void *key,
                                           size_t key_size, void *buffer,
                                           size_t capacity) {
  go_informed result = {0, 0, CACHECORE_ENTRY_INFO_INIT};
  result.status = cachecore_get_with_info(cache, key, key_size, buffer,
                                          capacity, &result.size, &result.info);
  return result;
}

static inline go_informed go_inspect(cachecore_t *cache, const void *key,
                                     size_t key_size) {
  go_informed result = {0, 0, CACHECORE_ENTRY_INFO_INIT};
  result.status = cachecore_inspect(cache, key, key_size, &result.info);
  return result;
}

static inline go_acquired go_acquire(cachecore_t *cache, const void *key,
                                     size_t key_size) {
  go_acquired result = {0, {NULL, 0, NULL, 0}};
  result.status = cachecore_acquire(cache, key, key_size, &result.value);
  return result;
}

static inline go_signed go_ttl(cachecore_t *cache, const void *key,
                               size_t key_size) {
  go_signed result = {0, 0};
  result.status = cachecore_ttl(cache, key, key_size, &result.number);
  return result;
}

static inline go_signed go_increment(cachecore_t *cache, const void *key,
                                     size_t key_size, int64_t delta,
                                     int64_t initial, uint64_t ttl_ms) {
  go_signed result = {0, 0};
  result.status = cachecore_increment(cache, key, key_size, delta, initial,
                                      ttl_ms, &result.number);
  return result;
}

static inline go_sized go_get_or_claim(cachecore_t *cache, const void *key,
                                       size_t key_size, void *buffer,
                                       size_t capacity,
                                       cachecore_claim_t *claim) {
  go_sized result = {0, 0};
  result.status = cachecore_get_or_claim(cache, key, key_size, buffer, capacity,
                                         &result.size, claim);
  return result;
}

static inline go_counted go_delete_prefix(cachecore_t *cache,
                                          const void *prefix, size_t size) {
  go_counted result = {0, 0};
  result.status = cachecore_delete_prefix(cache, prefix, size, &result.number);
  return result;
}

static inline go_counted go_evict(cachecore_t *cache, uint64_t count) {
  go_counted result = {0, 0};
  result.status = cachecore_evict(cache, count, &result.number);
  return result;
}

static inline go_counted go_cleanup_expired(cachecore_t *cache, uint64_t most) {
  go_counted result = {0, 0};
  result.status = cachecore_cleanup_expired(cache, most, &result.number);
  return result;
}

static inline go_counted go_sweeper_trigger(cachecore_t *cache) {
  go_counted result = {0, 0};
  result.status = cachecore_sweeper_trigger(cache, &result.number);
  return result;
}

static inline go_counted go_save(cachecore_t *cache, const char *path) {
  go_counted result = {0, 0};
  result.status = cachecore_save(cache, path, &result.number);
  return result;
}

static inline go_counted go_load(cachecore_t *cache, const char *path) {
  go_counted result = {0, 0};
  result.status = cachecore_load(cache, path, &result.number);
  return result;
}

#endif
