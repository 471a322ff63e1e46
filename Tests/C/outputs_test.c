/*
 * What goes to the caller's variables when there is nothing to report: zeros,
 * after every error and every miss, but for what the header excepts.  Each
 * output is garbage before the call.  tools/check_symbols.py checks that no
 * function with an output is missing here.
 */
#include "claims.h"

enum { GARBAGE = 0xa5 };

#define SPOIL(variable) memset(&(variable), GARBAGE, sizeof(variable))
#define CHECK_ZERO(variable) CHECK(is_filled(&(variable), 0, sizeof(variable)))

static int is_filled(const void *bytes, int with, size_t size) {
  const unsigned char *byte = bytes;
  while (size > 0 && *byte == with) byte++, size--;
  return size == 0;
}

/* A struct as a caller of any version has it. */
typedef struct sized {
  uint32_t struct_size;
  unsigned char bytes[508];
} sized_t;

static void *spoiled(sized_t *sized, size_t struct_size) {
  memset(sized, GARBAGE, sizeof *sized);
  sized->struct_size = (uint32_t)struct_size;
  return sized;
}

/* Its size stays, the fields are zeros, and what lies behind is untouched. */
static void check_cleared(const sized_t *sized, size_t struct_size) {
  CHECK_INT(sized->struct_size, struct_size);
  CHECK(is_filled(sized->bytes, 0, struct_size - 4));
  CHECK(is_filled(sized->bytes + struct_size - 4, GARBAGE,
                  sizeof sized->bytes - (struct_size - 4)));
}

/* ---- Every function, with a cache that it cannot work on ----------------- */

static void check_numbers(cachecore_t *c, cachecore_status_t expected) {
  char bytes[16];
  size_t size, count;
  uint64_t cursor = 5, removed, records[8];
  int64_t number;

  SPOIL(size);
  CHECK_INT(cachecore_get(c, "k", 1, bytes, 16, &size), expected);
  CHECK_ZERO(size);
  SPOIL(size);
  CHECK_INT(cachecore_peek(c, "k", 1, bytes, 16, &size), expected);
  CHECK_ZERO(size);
  SPOIL(number);
  CHECK_INT(cachecore_ttl(c, "k", 1, &number), expected);
  CHECK_ZERO(number);
  SPOIL(number);
  CHECK_INT(cachecore_increment(c, "k", 1, 1, 1, 0, &number), expected);
  CHECK_ZERO(number);
  SPOIL(size), SPOIL(count);
  CHECK_INT(cachecore_scan(c, &cursor, NULL, 0, records, sizeof records, &size,
                           &count), expected);
  CHECK_ZERO(size);
  CHECK_ZERO(count);
  CHECK_INT(cursor, 5);
  SPOIL(size), SPOIL(count);
  CHECK_INT(cachecore_scan_values(c, &cursor, NULL, 0, records, sizeof records,
                                  &size, &count), expected);
  CHECK_ZERO(size);
  CHECK_ZERO(count);
  CHECK_INT(cursor, 5);
  SPOIL(size), SPOIL(count);
  CHECK_INT(cachecore_take_removals(c, records, sizeof records, &size, &count),
            expected);
  CHECK_ZERO(size);
  CHECK_ZERO(count);
  SPOIL(removed);
  CHECK_INT(cachecore_delete_prefix(c, "k", 1, &removed), expected);
  CHECK_ZERO(removed);
  SPOIL(removed);
  CHECK_INT(cachecore_evict(c, 1, &removed), expected);
  CHECK_ZERO(removed);
  SPOIL(size), SPOIL(count);
  CHECK_INT(cachecore_coldest(c, 1, records, sizeof records, &size, &count),
            expected);
  CHECK_ZERO(size);
  CHECK_ZERO(count);
  SPOIL(size), SPOIL(count);
  CHECK_INT(cachecore_hottest(c, 1, records, sizeof records, &size, &count),
            expected);
  CHECK_ZERO(size);
  CHECK_ZERO(count);
  SPOIL(removed);
  CHECK_INT(cachecore_cleanup_expired(c, 0, &removed), expected);
  CHECK_ZERO(removed);
  SPOIL(removed);
  CHECK_INT(cachecore_sweeper_trigger(c, &removed), expected);
  CHECK_ZERO(removed);
}

/* The status expected of each call on a struct of this declared size, whose
 * unknown part, if it has one, is garbage. */
typedef struct filling {
  const char *name;
  size_t known;
  cachecore_status_t (*call)(cachecore_t *, void *);
} filling_t;

static cachecore_status_t call_inspect(cachecore_t *c, void *out) {
  return cachecore_inspect(c, "k", 1, out);
}
/* Beside the struct it has a size, which is a zero likewise. */
static cachecore_status_t call_get_with_info(cachecore_t *c, void *out) {
  char bytes[2];
  size_t size;
  cachecore_status_t status;
  SPOIL(size);
  status = cachecore_get_with_info(c, "k", 1, bytes, sizeof bytes, &size, out);
  CHECK_INT(size, status == CACHECORE_E_TOO_SMALL ? 5 : 0);
  return status;
}
static cachecore_status_t call_get_options(cachecore_t *c, void *out) {
  return cachecore_get_options(c, out);
}
static cachecore_status_t call_stats(cachecore_t *c, void *out) {
  return cachecore_stats(c, out);
}
static cachecore_status_t call_window(cachecore_t *c, void *out) {
  return cachecore_window(c, 0, out);
}
static cachecore_status_t call_audit(cachecore_t *c, void *out) {
  return cachecore_audit(c, "k", 1, NULL, out);
}
static cachecore_status_t call_sweeper_status(cachecore_t *c, void *out) {
  return cachecore_sweeper_status(c, out);
}

static const filling_t fillings[] = {
    {"inspect", sizeof(cachecore_entry_info_t), call_inspect},
    {"get_with_info", sizeof(cachecore_entry_info_t), call_get_with_info},
    {"get_options", sizeof(cachecore_options_t), call_get_options},
    {"stats", sizeof(cachecore_stats_t), call_stats},
    {"window", sizeof(cachecore_window_t), call_window},
    {"audit", sizeof(cachecore_audit_t), call_audit},
    {"sweeper_status", sizeof(cachecore_sweeper_status_t), call_sweeper_status},
};
enum { FILLINGS = sizeof fillings / sizeof fillings[0] };

static void check_structs(cachecore_t *c, cachecore_status_t expected) {
  sized_t sized;
  size_t i, size;
  for (i = 0; i < FILLINGS; i++)
    for (size = 4; size <= fillings[i].known; size++) {
      cachecore_status_t status =
          fillings[i].call(c, spoiled(&sized, size));
      if (status != expected)
        check_failed(__FILE__, __LINE__, "%s is %d", fillings[i].name, status);
      check_cleared(&sized, size);
    }
}

static void check_batches(cachecore_t *c, cachecore_status_t expected) {
  const void *keys[] = {"k", "l"};
  static char bytes[2][8];
  void *buffers[] = {bytes[0], bytes[1]};
  size_t one[] = {1, 1}, packed[] = {0, 1, 2}, sizes[2];
  cachecore_status_t statuses[2];
  uint64_t removed;

  SPOIL(sizes), SPOIL(statuses);
  CHECK_INT(cachecore_get_many(c, 2, keys, one, buffers, one, sizes, statuses),
            expected);
  CHECK_ZERO(sizes);
  CHECK(statuses[0] == expected && statuses[1] == expected);
  SPOIL(statuses);
  CHECK_INT(cachecore_set_many(c, 2, keys, one, keys, one, NULL, statuses),
            expected);
  CHECK(statuses[0] == expected && statuses[1] == expected);
  SPOIL(sizes), SPOIL(statuses);
  CHECK_INT(cachecore_get_packed(c, 2, "kl", packed, bytes[0], 8, sizes,
                                 statuses), expected);
  CHECK_ZERO(sizes);
  CHECK(statuses[0] == expected && statuses[1] == expected);
  SPOIL(statuses);
  CHECK_INT(cachecore_set_packed(c, 2, "kl", packed, "kl", packed, NULL,
                                 statuses), expected);
  CHECK(statuses[0] == expected && statuses[1] == expected);
  SPOIL(statuses), SPOIL(removed);
  CHECK_INT(cachecore_delete_packed(c, 2, "kl", packed, statuses, &removed),
            expected);
  CHECK(statuses[0] == expected && statuses[1] == expected);
  CHECK_ZERO(removed);
  SPOIL(statuses), SPOIL(removed);
  CHECK_INT(cachecore_delete_many(c, 2, keys, one, statuses, &removed),
            expected);
  CHECK(statuses[0] == expected && statuses[1] == expected);
  CHECK_ZERO(removed);
}

/* A claim is the caller's own struct: what get_or_claim sets in it is zeros
 * after an error, and what was the caller's stays. */
static void check_claims(cachecore_t *c, cachecore_status_t expected) {
  static const cachecore_claim_t given = {sizeof given, 0, 7, 8, 9, 10};
  cachecore_claim_t claim = given;
  char bytes[16];
  size_t size;
  SPOIL(size);
  CHECK_INT(cachecore_get_or_claim(c, "k", 1, bytes, 16, &size, &claim),
            expected);
  CHECK_ZERO(size);
  CHECK_ZERO(claim.token);
  CHECK_ZERO(claim.seen);
  CHECK(claim.stale_ms == 8 && claim.claim_ms == 9);
  claim = given;
  CHECK_INT(cachecore_claim_wait(c, "k", 1, &claim, 0), expected);
  CHECK_INT(cachecore_fulfill(c, "k", 1, "v", 1, 0, &claim), expected);
  CHECK_INT(cachecore_fulfill_absent(c, "k", 1, 1, &claim), expected);
  CHECK_INT(cachecore_abandon(c, "k", 1, 0, &claim), expected);
  CHECK(memcmp(&claim, &given, sizeof claim) == 0);
}

static void check_saving(cachecore_t *c, cachecore_status_t expected) {
  uint64_t count;
  SPOIL(count);
  CHECK_INT(cachecore_save(c, "/tmp/no-such-folder/file", &count), expected);
  CHECK_ZERO(count);
  SPOIL(count);
  CHECK_INT(cachecore_load(c, "/tmp/no-such-folder/file", &count), expected);
  CHECK_ZERO(count);
}

static void check_sharing(cachecore_t *c, cachecore_status_t expected) {
  cachecore_shared_info_t info;
  int32_t fd = 7;
  SPOIL(info);
  info.struct_size = sizeof info;
  CHECK_INT(cachecore_shared_info(c, &info), expected);
  CHECK(is_filled(&info.processes, 0, sizeof info - sizeof info.struct_size));
  CHECK_INT(cachecore_shared_fd(c, &fd), expected);
  CHECK_INT(fd, -1);
}

static void check_all(cachecore_t *c, cachecore_status_t expected) {
  cachecore_value_t value;
  SPOIL(value);
  CHECK_INT(cachecore_acquire(c, "k", 1, &value), expected);
  CHECK_ZERO(value);
  check_numbers(c, expected);
  check_structs(c, expected);
  check_batches(c, expected);
  check_claims(c, expected);
  check_saving(c, expected);
  check_sharing(c, expected);
}

static void without_a_cache(void) { check_all(NULL, CACHECORE_E_ARGUMENT); }

static void with_a_closed_cache(void) {
  cachecore_t *c = open_plain(10, 0);
  CHECK_OK(set_text(c, "k", "1", 0));
  cachecore_close(c);
  check_all(c, CACHECORE_E_STATE);
}

static void opening(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *c;
  SPOIL(c);
  CHECK_INT(cachecore_open(NULL, &c), CACHECORE_E_ARGUMENT);
  CHECK(c == NULL);
  SPOIL(c);
  CHECK_INT(cachecore_open(&options, &c), CACHECORE_E_ARGUMENT);
  CHECK(c == NULL);
  options.struct_size = 2;
  SPOIL(c);
  CHECK_INT(cachecore_open(&options, &c), CACHECORE_E_ARGUMENT);
  CHECK(c == NULL);
}

static void opening_what_is_shared(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_shared_options_t shared = CACHECORE_SHARED_OPTIONS_INIT;
  cachecore_t *c;
  SPOIL(c);
  CHECK_INT(cachecore_open_shared(NULL, &shared, &c), CACHECORE_E_ARGUMENT);
  CHECK(c == NULL);
  SPOIL(c);
  CHECK_INT(cachecore_open_shared(&options, NULL, &c), CACHECORE_E_ARGUMENT);
  CHECK(c == NULL);
  SPOIL(c);
  CHECK_INT(cachecore_open_shared(&options, &shared, &c),
            CACHECORE_E_ARGUMENT);
  CHECK(c == NULL);
  options.max_entries = 10;
  CHECK_INT(cachecore_open_shared(&options, &shared, NULL),
            CACHECORE_E_ARGUMENT);
  shared.struct_size = 8;
  SPOIL(c);
  CHECK_INT(cachecore_open_shared(&options, &shared, &c),
            CACHECORE_E_ARGUMENT);
  CHECK(c == NULL);
}

/* ---- One argument that is wrong ------------------------------------------ */

static void arguments(void) {
  cachecore_t *c = open_exact(10, 0, CACHECORE_REPORT_REMOVALS);
  cachecore_audit_options_t kinds = CACHECORE_AUDIT_OPTIONS_INIT;
  cachecore_value_t value;
  char bytes[16];
  size_t size, count;
  uint64_t cursor = 5, removed, records[8];
  int64_t number;
  sized_t info;

  SPOIL(size);
  CHECK_INT(cachecore_get(c, "k", 0, bytes, 16, &size), CACHECORE_E_ARGUMENT);
  CHECK_ZERO(size);
  SPOIL(size);
  CHECK_INT(cachecore_peek(c, "k", 1, NULL, 16, &size), CACHECORE_E_ARGUMENT);
  CHECK_ZERO(size);
  SPOIL(value);
  CHECK_INT(cachecore_acquire(c, NULL, 1, &value), CACHECORE_E_ARGUMENT);
  CHECK_ZERO(value);
  SPOIL(number);
  CHECK_INT(cachecore_ttl(c, "k", SIZE_MAX, &number), CACHECORE_E_ARGUMENT);
  CHECK_ZERO(number);
  SPOIL(number);
  CHECK_INT(cachecore_increment(c, "k", 65536, 1, 1, 0, &number),
            CACHECORE_E_ARGUMENT);
  CHECK_ZERO(number);
  CHECK_INT(cachecore_inspect(c, NULL, 1, spoiled(&info, 48)),
            CACHECORE_E_ARGUMENT);
  check_cleared(&info, 48);
  SPOIL(size), SPOIL(count);
  CHECK_INT(cachecore_scan(c, &cursor, NULL, 0, (char *)records + 4, 8, &size,
                           &count), CACHECORE_E_ARGUMENT);
  CHECK_ZERO(size);
  CHECK_ZERO(count);
  CHECK_INT(cursor, 5);
  SPOIL(size), SPOIL(count);
  CHECK_INT(cachecore_coldest(c, 1, (char *)records + 4, 8, &size, &count),
            CACHECORE_E_ARGUMENT);
  CHECK_ZERO(size);
  CHECK_ZERO(count);
  SPOIL(size), SPOIL(count);
  CHECK_INT(cachecore_take_removals(c, (char *)records + 4, 8, &size, &count),
            CACHECORE_E_ARGUMENT);
  CHECK_ZERO(size);
  CHECK_ZERO(count);
  SPOIL(removed);
  CHECK_INT(cachecore_delete_prefix(c, "k", 0, &removed), CACHECORE_E_ARGUMENT);
  CHECK_ZERO(removed);
  kinds.remove_kinds = 1u << 30;
  CHECK_INT(cachecore_audit(c, NULL, 0, &kinds,
                            spoiled(&info, sizeof(cachecore_audit_t))),
            CACHECORE_E_ARGUMENT);
  check_cleared(&info, sizeof(cachecore_audit_t));
  cachecore_close(c);
}

static void elements(void) {
  cachecore_t *c = open_exact(10, 0, 0);
  const void *keys[] = {"k", "k", "k", "k"};
  static char bytes[4];
  void *buffers[] = {bytes, NULL, bytes, bytes};
  size_t key_sizes[] = {0, 1, 1, 65536}, ones[] = {1, 1, 1, 1}, sizes[4];
  cachecore_status_t statuses[4];
  uint64_t removed;
  int i;
  SPOIL(sizes), SPOIL(statuses);
  CHECK_INT(cachecore_get_many(c, 4, keys, key_sizes, buffers, ones, sizes,
                               statuses), CACHECORE_E_ARGUMENT);
  CHECK_ZERO(sizes);
  for (i = 0; i < 4; i++)
    CHECK_INT(statuses[i], i == 2 ? CACHECORE_MISS : CACHECORE_E_ARGUMENT);
  SPOIL(sizes), SPOIL(statuses);
  CHECK_INT(cachecore_get_many(c, 4, keys, NULL, buffers, ones, sizes,
                               statuses), CACHECORE_E_ARGUMENT);
  CHECK_ZERO(sizes);
  for (i = 0; i < 4; i++) CHECK_INT(statuses[i], CACHECORE_E_ARGUMENT);
  SPOIL(removed);
  CHECK_INT(cachecore_delete_many(c, 4, NULL, ones, statuses, &removed),
            CACHECORE_E_ARGUMENT);
  CHECK_ZERO(removed);
  /* More elements than there can be: no array is so long. */
  SPOIL(sizes), SPOIL(statuses);
  CHECK_INT(cachecore_get_many(c, SIZE_MAX / 2, keys, ones, buffers, ones,
                               sizes, statuses), CACHECORE_E_ARGUMENT);
  CHECK(is_filled(sizes, GARBAGE, sizeof sizes));
  cachecore_close(c);
}

static void fields(void) {
  sized_t sized;
  size_t known = sizeof(cachecore_stats_field_t), size;
  for (size = 4; size <= known; size++) {
    CHECK_INT(cachecore_stats_field(UINT32_MAX, spoiled(&sized, size)),
              CACHECORE_MISS);
    check_cleared(&sized, size);
    CHECK_OK(cachecore_stats_field(0, spoiled(&sized, size)));
    CHECK_INT(sized.struct_size, size);
    CHECK(is_filled(sized.bytes + size - 4, GARBAGE,
                    sizeof sized.bytes - (size - 4)));
  }
  CHECK_INT(cachecore_stats_field(0, spoiled(&sized, known + 8)),
            CACHECORE_E_VERSION);
  CHECK(is_filled(sized.bytes, 0, known - 4));
  CHECK_INT(cachecore_stats_field(0, spoiled(&sized, 3)), CACHECORE_E_ARGUMENT);
  CHECK(is_filled(sized.bytes, GARBAGE, sizeof sized.bytes));
  CHECK_INT(cachecore_stats_field(0, NULL), CACHECORE_E_ARGUMENT);
}

/* A struct of a newer header with something set that the library does not
 * know; and one whose size is none, which cannot be cleared. */
static void structs_of_other_versions(void) {
  static const size_t none[] = {0, 3, 4097, UINT32_MAX};
  cachecore_t *c = open_exact(10, 0, 0);
  sized_t sized;
  size_t i, j;
  for (i = 0; i < FILLINGS; i++) {
    size_t known = fillings[i].known;
    CHECK_INT(fillings[i].call(c, spoiled(&sized, known + 9)),
              CACHECORE_E_VERSION);
    CHECK_INT(sized.struct_size, known + 9);
    CHECK(is_filled(sized.bytes, 0, known - 4));
    CHECK(is_filled(sized.bytes + known - 4, GARBAGE,
                    sizeof sized.bytes - (known - 4)));
    for (j = 0; j < sizeof none / sizeof none[0]; j++) {
      CHECK_INT(fillings[i].call(c, spoiled(&sized, none[j])),
                CACHECORE_E_ARGUMENT);
      CHECK(is_filled(sized.bytes, GARBAGE, sizeof sized.bytes));
    }
    CHECK_INT(fillings[i].call(c, NULL), CACHECORE_E_ARGUMENT);
  }
  cachecore_close(c);
}

/* ---- No error of the caller's -------------------------------------------- */

static void misses(void) {
  cachecore_t *c = open_exact(10, 0, CACHECORE_REPORT_REMOVALS);
  cachecore_value_t value;
  size_t size, count;
  uint64_t records[8], removed;
  int64_t left;
  sized_t info;
  char bytes[16];
  SPOIL(size);
  CHECK_INT(cachecore_get(c, "k", 1, bytes, 16, &size), CACHECORE_MISS);
  CHECK_ZERO(size);
  SPOIL(size);
  CHECK_INT(cachecore_peek(c, "k", 1, bytes, 16, &size), CACHECORE_MISS);
  CHECK_ZERO(size);
  SPOIL(value);
  CHECK_INT(cachecore_acquire(c, "k", 1, &value), CACHECORE_MISS);
  CHECK_ZERO(value);
  SPOIL(left);
  CHECK_INT(cachecore_ttl(c, "k", 1, &left), CACHECORE_MISS);
  CHECK_ZERO(left);
  CHECK_INT(cachecore_inspect(c, "k", 1, spoiled(&info, 48)), CACHECORE_MISS);
  check_cleared(&info, 48);
  CHECK_INT(call_get_with_info(c, spoiled(&info, 40)), CACHECORE_MISS);
  check_cleared(&info, 40);
  SPOIL(size), SPOIL(count);
  CHECK_INT(cachecore_take_removals(c, records, sizeof records, &size, &count),
            CACHECORE_MISS);
  CHECK_ZERO(size);
  CHECK_ZERO(count);
  SPOIL(removed);
  CHECK_OK(cachecore_delete_prefix(c, "k", 1, &removed));
  CHECK_ZERO(removed);
  cachecore_close(c);
}

static void claims(void) {
  cachecore_t *c = open_exact(10, 0, 0);
  asked_t asked = ASKED_INIT;
  char bytes[2];
  size_t size;
  SPOIL(size);
  CHECK_INT(cachecore_get_or_claim(c, "k", 1, bytes, 2, &size, &asked.claim),
            CACHECORE_CLAIMED);
  CHECK_ZERO(size);
  SPOIL(size), SPOIL(asked.claim.token);
  CHECK_INT(cachecore_get_or_claim(c, "k", 1, bytes, 2, &size, &asked.claim),
            CACHECORE_PENDING);
  CHECK_ZERO(size);
  CHECK_ZERO(asked.claim.token);
  CHECK_OK(set_text(c, "k", "value", 0));
  SPOIL(size), SPOIL(asked.claim.token), SPOIL(asked.claim.seen);
  CHECK_INT(cachecore_get_or_claim(c, "k", 1, bytes, 2, &size, &asked.claim),
            CACHECORE_E_TOO_SMALL);
  CHECK_INT(size, 5);
  CHECK_ZERO(asked.claim.token);
  CHECK_ZERO(asked.claim.seen);
  store_absence(c, "absent", 10);
  SPOIL(size), SPOIL(asked.claim.token), SPOIL(asked.claim.seen);
  CHECK_INT(cachecore_get_or_claim(c, "absent", 6, bytes, 2, &size,
                                   &asked.claim), CACHECORE_ABSENT);
  CHECK_ZERO(size);
  CHECK_ZERO(asked.claim.token);
  CHECK_ZERO(asked.claim.seen);
  cachecore_close(c);
}

static void numbers_that_cannot_be(void) {
  cachecore_t *c = open_exact(1, 0, CACHECORE_NO_EVICT);
  uint64_t removed;
  int64_t sum;
  CHECK_OK(set_text(c, "k", "text", 0));
  SPOIL(sum);
  CHECK_INT(cachecore_increment(c, "k", 1, 1, 1, 0, &sum), CACHECORE_E_TYPE);
  CHECK_ZERO(sum);
  SPOIL(removed);
  CHECK_INT(cachecore_evict(c, 1, &removed), CACHECORE_E_STATE);
  CHECK_ZERO(removed);
  SPOIL(sum);
  CHECK_INT(cachecore_increment(c, "l", 1, 1, 1, 0, &sum), CACHECORE_E_FULL);
  CHECK_ZERO(sum);
  CHECK_OK(set_text(c, "k", "1", 0));
  SPOIL(sum);
  CHECK_INT(cachecore_increment(c, "k", 1, INT64_MAX, 1, 0, &sum),
            CACHECORE_E_RANGE);
  CHECK_ZERO(sum);
  cachecore_close(c);
}

static void not_now(void) {
  cachecore_t *c = open_exact(10, 0, 0);
  cachecore_value_t value, *lent = calloc(4095, sizeof *lent);
  uint64_t records[8], removed;
  size_t size, count, i;
  SPOIL(size), SPOIL(count);
  CHECK_INT(cachecore_take_removals(c, records, sizeof records, &size, &count),
            CACHECORE_E_STATE);
  CHECK_ZERO(size);
  CHECK_ZERO(count);
  SPOIL(removed);
  CHECK_INT(cachecore_sweeper_trigger(c, &removed), CACHECORE_E_STATE);
  CHECK_ZERO(removed);
  CHECK_OK(set_text(c, "k", "value", 0));
  for (i = 0; i < 4095; i++)
    CHECK_OK(cachecore_acquire(c, "k", 1, &lent[i]));
  SPOIL(value);
  CHECK_INT(cachecore_acquire(c, "k", 1, &value), CACHECORE_E_STATE);
  CHECK_ZERO(value);
  for (i = 0; i < 4095; i++) cachecore_release(&lent[i]);
  free(lent);
  cachecore_close(c);
}

/* The size needed is told, nothing is counted, and where a scan was, it is. */
static void too_small(void) {
  cachecore_t *c = open_exact(1000, 0, CACHECORE_REPORT_REMOVALS);
  uint64_t records[64], cursor, before, key;
  size_t size, count, total = 0;
  sized_t info;
  char bytes[2];
  CHECK_OK(set_text(c, "k", "value", 0));
  SPOIL(size);
  CHECK_INT(cachecore_get(c, "k", 1, bytes, 2, &size), CACHECORE_E_TOO_SMALL);
  CHECK_INT(size, 5);
  SPOIL(size);
  CHECK_INT(cachecore_peek(c, "k", 1, bytes, 2, &size), CACHECORE_E_TOO_SMALL);
  CHECK_INT(size, 5);
  CHECK_INT(call_get_with_info(c, spoiled(&info, 48)), CACHECORE_E_TOO_SMALL);
  check_cleared(&info, 48);
  CHECK_OK(set_text(c, "k", "other", 0));
  SPOIL(size), SPOIL(count);
  CHECK_INT(cachecore_take_removals(c, records, 8, &size, &count),
            CACHECORE_E_TOO_SMALL);
  CHECK_INT(size, 32);
  CHECK_ZERO(count);
  CHECK_OK(cachecore_take_removals(c, records, 32, &size, &count));
  CHECK_INT(count, 1);

  /* At every place of a scan, in the middle of it too. */
  for (key = 0; key < 500; key++) CHECK_OK(set_number(c, key, "v", 1, 0));
  cursor = 0;
  do {
    before = cursor;
    SPOIL(size), SPOIL(count);
    if (cachecore_scan(c, &cursor, NULL, 0, records, 8, &size, &count) ==
        CACHECORE_E_TOO_SMALL) {
      CHECK(size >= 32);
      CHECK_ZERO(count);
      CHECK(cursor == before);
    }
    CHECK(count == 0);
    cursor = before;
    CHECK_OK(cachecore_scan(c, &cursor, NULL, 0, records, 64, &size, &count));
    total += count;
  } while (cursor != 0);
  CHECK_INT(total, 501);
  cachecore_close(c);
}

TESTS(T(without_a_cache), T(with_a_closed_cache), T(opening),
      T(opening_what_is_shared), T(arguments),
      T(elements), T(fields), T(structs_of_other_versions), T(misses),
      T(claims), T(numbers_that_cannot_be), T(not_now), T(too_small))
