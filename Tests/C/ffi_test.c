/*
 * Every function called the way a foreign runtime calls it: the library opened
 * by dlopen, each symbol looked up by name, each call put together by libffi
 * from a description of its arguments.  tools/check_symbols.py checks that no
 * function of the header is missing here.
 */
#include <dlfcn.h>
#include <ffi.h>
#include <stdarg.h>
#include <unistd.h>

#include "claims.h"

enum { ARGUMENTS_MAX = 8 };

typedef union argument {
  void *pointer;
  size_t size;
  uint64_t u64;
  int64_t i64;
  uint32_t u32;
  int32_t i32;
} argument_t;

static void *library;

/* p: pointer, z: size_t, U: uint64_t, I: int64_t, u: uint32_t, i: int32_t and
 * status, v: void. */
static ffi_type *type_of(char letter) {
  switch (letter) {
    case 'p': return &ffi_type_pointer;
    case 'z': return sizeof(size_t) == 8 ? &ffi_type_uint64 : &ffi_type_uint32;
    case 'U': return &ffi_type_uint64;
    case 'I': return &ffi_type_sint64;
    case 'u': return &ffi_type_uint32;
    case 'i': return &ffi_type_sint32;
    default: return &ffi_type_void;
  }
}

/* call("cachecore_set", "ippzpzU", ...): the result's letter comes first. */
static argument_t call(const char *name, const char *signature, ...) {
  unsigned count = (unsigned)strlen(signature) - 1, i;
  ffi_type *types[ARGUMENTS_MAX];
  argument_t values[ARGUMENTS_MAX], result;
  void *addresses[ARGUMENTS_MAX];
  ffi_cif cif;
  va_list rest;
  union { void *data; void (*code)(void); } symbol;
  union { ffi_arg word; argument_t value; } raw;

  symbol.data = dlsym(library, name);
  if (!symbol.data) check_failed(__FILE__, __LINE__, "no symbol %s", name);
  CHECK(count <= ARGUMENTS_MAX);
  va_start(rest, signature);
  for (i = 0; i < count; i++) {
    char letter = signature[i + 1];
    types[i] = type_of(letter);
    addresses[i] = &values[i];
    if (letter == 'p') values[i].pointer = va_arg(rest, void *);
    else if (letter == 'z') values[i].size = va_arg(rest, size_t);
    else if (letter == 'u') values[i].u32 = va_arg(rest, uint32_t);
    else if (letter == 'i') values[i].i32 = va_arg(rest, int32_t);
    else values[i].u64 = va_arg(rest, uint64_t);
  }
  va_end(rest);
  CHECK_INT(ffi_prep_cif(&cif, FFI_DEFAULT_ABI, count, type_of(signature[0]),
                         types), FFI_OK);
  memset(&raw, 0, sizeof raw);
  ffi_call(&cif, symbol.code, &raw, addresses);
  if (signature[0] == 'i') result.i64 = (int32_t)raw.word;
  else result = raw.value;
  return result;
}

#define STATUS(...) ((int)call(__VA_ARGS__).i64)
#define SIZE(number) ((size_t)(number))
#define U64(number) ((uint64_t)(number))
#define KEY "key", SIZE(3)

static cachecore_t *open_by_ffi(void) {
  cachecore_options_t options;
  cachecore_t *cache = NULL;
  memset(&options, 0xff, sizeof options);
  call("cachecore_options_init", "vpz", &options, sizeof options);
  CHECK_INT(options.struct_size, sizeof options);
  options.max_entries = 100;
  options.flags = CACHECORE_MANUAL_CLOCK;
  CHECK_OK(STATUS("cachecore_open", "ipp", &options, &cache));
  CHECK(strcmp(call("cachecore_open_error", "p").pointer, "") == 0);
  memset(&options, 0xff, sizeof options);
  options.struct_size = sizeof options;
  CHECK_OK(STATUS("cachecore_get_options", "ipp", cache, &options));
  CHECK_INT(options.max_entries, 100);
  return cache;
}

static void singles(void) {
  cachecore_t *c = open_by_ffi();
  cachecore_value_t value;
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  char buffer[16];
  size_t size = 0;
  int64_t number = 0;

  CHECK_INT(call("cachecore_version", "u").u32, CACHECORE_VERSION);
  CHECK(strlen(call("cachecore_status_text", "pi", (int32_t)-3).pointer) > 3);
  CHECK_OK(STATUS("cachecore_set", "ippzpzU", c, KEY, "value", SIZE(5),
                  U64(9)));
  CHECK_OK(STATUS("cachecore_get", "ippzpzp", c, KEY, buffer, SIZE(16), &size));
  CHECK(size == 5 && memcmp(buffer, "value", 5) == 0);
  CHECK_INT(STATUS("cachecore_get", "ippzpzp", c, KEY, buffer, SIZE(2), &size),
            CACHECORE_E_TOO_SMALL);
  size = 0;
  CHECK_OK(
      STATUS("cachecore_peek", "ippzpzp", c, KEY, buffer, SIZE(16), &size));
  CHECK(size == 5 && memcmp(buffer, "value", 5) == 0);
  CHECK_OK(STATUS("cachecore_acquire", "ippzp", c, KEY, &value));
  CHECK(value.size == 5 && memcmp(value.data, "value", 5) == 0);
  call("cachecore_release", "vp", &value);
  CHECK_OK(STATUS("cachecore_contains", "ippz", c, KEY));
  CHECK_OK(STATUS("cachecore_touch", "ippzU", c, KEY, U64(50)));
  CHECK_OK(STATUS("cachecore_ttl", "ippzp", c, KEY, &number));
  CHECK_INT(number, 50);
  CHECK_OK(STATUS("cachecore_inspect", "ippzp", c, KEY, &info));
  CHECK_OK(STATUS("cachecore_get_with_info", "ippzpzpp", c, KEY, buffer,
                  SIZE(16), &size, &info));
  CHECK(size == 5 && info.value_size == 5);
  CHECK_OK(STATUS("cachecore_compare_and_set", "ippzpzUU", c, KEY, "7", SIZE(1),
                  info.version, CACHECORE_TTL_NEVER));
  CHECK_OK(STATUS("cachecore_increment", "ippzIIUp", c, KEY, (int64_t)-9,
                  (int64_t)0, U64(0), &number));
  CHECK_INT(number, -2);
  CHECK_INT(STATUS("cachecore_add", "ippzpzU", c, KEY, "v", SIZE(1), U64(0)),
            CACHECORE_EXISTS);
  CHECK_OK(STATUS("cachecore_replace", "ippzpzU", c, KEY, "v", SIZE(1),
                  U64(0)));
  CHECK_OK(STATUS("cachecore_delete", "ippz", c, KEY));
  CHECK_OK(STATUS("cachecore_set_until", "ippzpzI", c, KEY, "v", SIZE(1),
                  (int64_t)-1));
  CHECK_INT(call("cachecore_count", "Up", c).u64, 0);
  call("cachecore_close", "vp", c);
}

static void batches_and_wholes(void) {
  cachecore_t *c = open_by_ffi();
  cachecore_stats_t stats = CACHECORE_STATS_INIT;
  const void *keys[] = {"a", "bb"}, *values[] = {"1", "22"};
  char bytes[2][8];
  void *buffers[] = {bytes[0], bytes[1]};
  size_t sizes[] = {1, 2}, capacities[] = {8, 8}, got[2] = {0, 0};
  cachecore_status_t statuses[2];
  uint64_t number = 0, cursor = 0, records[32];
  size_t size = 0, count = 0;

  CHECK_OK(STATUS("cachecore_set_many", "ipzpppppp", c, SIZE(2), keys, sizes,
                  values, sizes, NULL, statuses));
  CHECK_OK(STATUS("cachecore_get_many", "ipzpppppp", c, SIZE(2), keys, sizes,
                  buffers, capacities, got, statuses));
  CHECK(got[1] == 2 && memcmp(bytes[1], "22", 2) == 0);
  CHECK_OK(STATUS("cachecore_scan", "ipppzpzpp", c, &cursor, NULL, SIZE(0),
                  records, SIZE(sizeof records), &size, &count));
  CHECK(count <= 2 && size == count * 32);
  CHECK_OK(STATUS("cachecore_delete_many", "ipzpppp", c, SIZE(2), keys, sizes,
                  statuses, &number));
  CHECK_INT(number, 2);
  CHECK_OK(STATUS("cachecore_set", "ippzpzU", c, KEY, "v", SIZE(1), U64(5)));
  CHECK_OK(STATUS("cachecore_delete_prefix", "ippzp", c, "ke", SIZE(2),
                  &number));
  CHECK_INT(number, 1);
  CHECK_OK(STATUS("cachecore_set", "ippzpzU", c, KEY, "v", SIZE(1), U64(5)));
  CHECK_OK(STATUS("cachecore_advance_clock", "ipU", c, U64(5)));
  CHECK_OK(STATUS("cachecore_cleanup_expired", "ipUp", c, U64(0), &number));
  CHECK_INT(number, 1);
  CHECK_OK(STATUS("cachecore_set", "ippzpzU", c, KEY, "v", SIZE(1), U64(5)));
  CHECK_OK(STATUS("cachecore_coldest", "ipUpzpp", c, U64(9), records,
                  SIZE(sizeof records), &size, &count));
  CHECK_INT(count, 1);
  CHECK_OK(STATUS("cachecore_hottest", "ipUpzpp", c, U64(0), records,
                  SIZE(sizeof records), &size, &count));
  CHECK_INT(count, 0);
  CHECK_OK(STATUS("cachecore_evict", "ipUp", c, U64(9), &number));
  CHECK_INT(number, 1);
  CHECK_OK(STATUS("cachecore_clear", "ip", c));
  CHECK_OK(STATUS("cachecore_resize", "ipUU", c, U64(50), U64(0)));
  CHECK_OK(STATUS("cachecore_stats", "ipp", c, &stats));
  CHECK_INT(stats.entries_limit, 50);
  CHECK_OK(STATUS("cachecore_reset_stats", "ip", c));
  CHECK_INT(STATUS("cachecore_take_removals", "ippzpp", c, records,
                   SIZE(sizeof records), &size, &count), CACHECORE_E_STATE);
  call("cachecore_close", "vp", c);
}

static void packed(void) {
  cachecore_t *c = open_by_ffi();
  size_t offsets[] = {0, 1, 3}, sizes[2] = {0, 0}, size = 0, count = 0;
  cachecore_status_t statuses[2] = {9, 9};
  cachecore_stats_field_t field = CACHECORE_STATS_FIELD_INIT;
  uint64_t number = 0, cursor = 0, records[32], total = 0;
  char arena[3];

  CHECK_OK(STATUS("cachecore_set_packed", "ipzpppppp", c, SIZE(2), "abb",
                  offsets, "122", offsets, NULL, statuses));
  CHECK_OK(STATUS("cachecore_get_packed", "ipzpppzpp", c, SIZE(2), "abb",
                  offsets, arena, SIZE(3), sizes, statuses));
  CHECK(sizes[1] == 2 && memcmp(arena, "122", 3) == 0);
  do {
    CHECK_OK(STATUS("cachecore_scan_values", "ipppzpzpp", c, &cursor, NULL,
                    SIZE(0), records, SIZE(sizeof records), &size, &count));
    total += count;
  } while (cursor);
  CHECK_INT(total, 2);
  CHECK_OK(STATUS("cachecore_delete_packed", "ipzpppp", c, SIZE(2), "abb",
                  offsets, statuses, &number));
  CHECK_INT(number, 2);
  CHECK_OK(STATUS("cachecore_stats_field", "iup", (uint32_t)5, &field));
  CHECK(strcmp(field.name, "hits") == 0);
  call("cachecore_close", "vp", c);
}

static void sweeper(void) {
  cachecore_t *c = open_by_ffi();
  cachecore_sweeper_options_t options;
  cachecore_sweeper_status_t status = CACHECORE_SWEEPER_STATUS_INIT;
  uint64_t removed = 77;

  call("cachecore_sweeper_options_init", "vpz", &options, sizeof options);
  options.interval_ms = 3600000;
  CHECK_OK(STATUS("cachecore_sweeper_start", "ipp", c, &options));
  CHECK_OK(STATUS("cachecore_sweeper_trigger", "ipp", c, &removed));
  CHECK_INT(removed, 0);
  CHECK_OK(STATUS("cachecore_sweeper_set_interval", "ipU", c, U64(1800000)));
  CHECK_OK(STATUS("cachecore_sweeper_pause", "ip", c));
  CHECK_OK(STATUS("cachecore_sweeper_resume", "ip", c));
  CHECK_OK(STATUS("cachecore_sweeper_status", "ipp", c, &status));
  CHECK_INT(status.interval_ms, 1800000);
  CHECK_INT(status.sweeps_run, 1);
  CHECK_OK(STATUS("cachecore_sweeper_stop", "ipu", c, (uint32_t)1000));
  call("cachecore_close", "vp", c);
}

static void audit_and_window(void) {
  cachecore_t *c = open_by_ffi();
  cachecore_window_t window = CACHECORE_WINDOW_INIT;
  cachecore_audit_t audit = CACHECORE_AUDIT_INIT;

  CHECK_OK(STATUS("cachecore_set", "ippzpzU", c, KEY, "v", SIZE(1), U64(0)));
  CHECK_INT(STATUS("cachecore_get", "ippzpzp", c, "no", SIZE(2), NULL, SIZE(0),
                   &(size_t){0}), CACHECORE_MISS);
  CHECK_OK(STATUS("cachecore_window", "ipUp", c, U64(0), &window));
  CHECK_INT(window.misses, 1);
  CHECK_OK(STATUS("cachecore_audit", "ippzpp", c, "ke", SIZE(2), NULL, &audit));
  CHECK_INT(audit.scanned, 1);
  call("cachecore_close", "vp", c);
}

static void claims(void) {
  cachecore_t *c = open_by_ffi();
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT, seen;
  char buffer[16];
  size_t size = 77;

  CHECK_INT(STATUS("cachecore_get_or_claim", "ippzpzpp", c, KEY, buffer,
                   SIZE(16), &size, &claim), CACHECORE_CLAIMED);
  CHECK(size == 0 && claim.token != 0);
  seen = claim;
  CHECK_INT(STATUS("cachecore_claim_wait", "ippzpu", c, KEY, &seen,
                   (uint32_t)1), CACHECORE_E_TIMEOUT);
  CHECK_OK(STATUS("cachecore_fulfill_absent", "ippzUp", c, KEY, U64(9),
                  &claim));
  CHECK_OK(STATUS("cachecore_claim_wait", "ippzpu", c, KEY, &seen,
                  UINT32_MAX));
  CHECK_INT(STATUS("cachecore_get_or_claim", "ippzpzpp", c, KEY, buffer,
                   SIZE(16), &size, &claim), CACHECORE_ABSENT);
  CHECK_OK(STATUS("cachecore_advance_clock", "ipU", c, U64(9)));
  CHECK_INT(STATUS("cachecore_get_or_claim", "ippzpzpp", c, KEY, buffer,
                   SIZE(16), &size, &claim), CACHECORE_CLAIMED);
  CHECK_OK(STATUS("cachecore_abandon", "ippzUp", c, KEY, U64(0), &claim));
  CHECK_INT(STATUS("cachecore_get_or_claim", "ippzpzpp", c, KEY, buffer,
                   SIZE(16), &size, &claim), CACHECORE_CLAIMED);
  CHECK_OK(STATUS("cachecore_fulfill", "ippzpzUp", c, KEY, "value", SIZE(5),
                  U64(9), &claim));
  CHECK_OK(STATUS("cachecore_get", "ippzpzp", c, KEY, buffer, SIZE(16), &size));
  CHECK(size == 5 && memcmp(buffer, "value", 5) == 0);
  call("cachecore_close", "vp", c);
}

static void saving(void) {
  cachecore_t *c = open_by_ffi();
  char path[64];
  uint64_t count = 77;

  snprintf(path, sizeof path, "/tmp/cachecore-ffi-test.%ld", (long)getpid());
  CHECK_OK(STATUS("cachecore_set", "ippzpzU", c, KEY, "value", SIZE(5),
                  U64(0)));
  CHECK_OK(STATUS("cachecore_save", "ippp", c, path, &count));
  CHECK_INT(count, 1);
  CHECK_OK(STATUS("cachecore_clear", "ip", c));
  CHECK_OK(STATUS("cachecore_load", "ippp", c, path, &count));
  CHECK_INT(count, 1);
  CHECK(remove(path) == 0);
  call("cachecore_close", "vp", c);
}

static void sharing(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_shared_options_t shared = CACHECORE_SHARED_OPTIONS_INIT;
  cachecore_shared_info_t info = CACHECORE_SHARED_INFO_INIT;
  cachecore_t *c = NULL;
  int32_t fd = -1;
  options.max_bytes = 1 << 20;
  CHECK_OK(STATUS("cachecore_open_shared", "ippp", &options, &shared, &c));
  CHECK_OK(STATUS("cachecore_shared_info", "ipp", c, &info));
  CHECK_INT(info.processes, 1);
  CHECK_OK(STATUS("cachecore_shared_fd", "ipp", c, &fd));
  CHECK(fd >= 0);
  call("cachecore_close", "vp", c);
}

static const test_t tests[] = {T(singles), T(batches_and_wholes), T(packed),
                               T(claims), T(saving), T(sharing),
                               T(audit_and_window), T(sweeper)};

int main(int argc, char **argv) {
  const char *path = getenv("CACHECORE_LIBRARY");
  library = dlopen(path ? path : "libcachecore.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) return fprintf(stderr, "%s\n", dlerror()), 1;
  return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);
}
