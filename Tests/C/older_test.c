/*
 * A program that was compiled against an older header: its structs are shorter
 * than the library's, and what lies behind them is its own.  It has its own
 * declarations for that, and runs through every function that is given a
 * struct, with success, with a miss and with an error.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct cachecore_s cachecore_t;

/* The first fields of each struct, as the first header had them. */
typedef struct older_options {
  uint32_t struct_size, policy, flags, shard_count;
  uint64_t max_entries;
} older_options_t;
typedef struct older_struct {
  uint32_t struct_size, second;
  uint64_t third;
} older_struct_t;

void cachecore_options_init(older_options_t *, size_t);
void cachecore_sweeper_options_init(older_struct_t *, size_t);
int32_t cachecore_open(const older_options_t *, cachecore_t **);
int32_t cachecore_get_options(cachecore_t *, older_options_t *);
void cachecore_close(cachecore_t *);
int32_t cachecore_set(cachecore_t *, const void *, size_t, const void *, size_t,
                      uint64_t);
int32_t cachecore_inspect(cachecore_t *, const void *, size_t,
                          older_struct_t *);
int32_t cachecore_get_with_info(cachecore_t *, const void *, size_t, void *,
                                size_t, size_t *, older_struct_t *);
int32_t cachecore_stats(cachecore_t *, older_struct_t *);
int32_t cachecore_window(cachecore_t *, uint64_t, older_struct_t *);
int32_t cachecore_audit(cachecore_t *, const void *, size_t,
                        const older_struct_t *, older_struct_t *);
int32_t cachecore_sweeper_start(cachecore_t *, const older_struct_t *);
int32_t cachecore_sweeper_status(cachecore_t *, older_struct_t *);

enum { CANARY = 0x5a, CANARY_SIZE = 256 };

#define CHECK(condition)                                               \
  do {                                                                 \
    if (!(condition)) {                                                \
      printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);           \
      exit(1);                                                         \
    }                                                                  \
  } while (0)

/* A struct and what lies behind it. */
typedef struct guarded {
  union { older_options_t options; older_struct_t any; } it;
  unsigned char canary[CANARY_SIZE];
} guarded_t;

static guarded_t guarded, kinds;

static older_struct_t *fresh(guarded_t *g) {
  memset(g, CANARY, sizeof *g);
  memset(&g->it.any, 0, sizeof g->it.any);
  g->it.any.struct_size = sizeof g->it.any;
  return &g->it.any;
}

/* Nothing behind `size` bytes was written, and they still say `size`. */
static void check_canary(const guarded_t *g, size_t size) {
  const unsigned char *byte = (const unsigned char *)g;
  CHECK(g->it.any.struct_size == size);
  for (byte += size; byte < (const unsigned char *)(g + 1); byte++)
    CHECK(*byte == CANARY);
}

#define SIZE sizeof(older_struct_t)
#define CHECK_CALL(status, ...)                                        \
  do {                                                                 \
    older_struct_t *out = fresh(&guarded);                             \
    CHECK((__VA_ARGS__) == (status));                                  \
    check_canary(&guarded, SIZE);                                      \
  } while (0)

static void fill_all(cachecore_t *c, int32_t status) {
  char bytes[8];
  size_t size;
  CHECK_CALL(status, cachecore_inspect(c, "k", 1, out));
  CHECK_CALL(status, cachecore_get_with_info(c, "k", 1, bytes, 8, &size, out));
  CHECK_CALL(status, cachecore_stats(c, out));
  CHECK_CALL(status, cachecore_window(c, 0, out));
  CHECK_CALL(status, cachecore_audit(c, "", 0, fresh(&kinds), out));
  check_canary(&kinds, SIZE);
  CHECK_CALL(status, cachecore_sweeper_status(c, out));
  memset(&guarded, CANARY, sizeof guarded);
  guarded.it.options.struct_size = sizeof(older_options_t);
  CHECK(cachecore_get_options(c, &guarded.it.options) == status);
  check_canary(&guarded, sizeof(older_options_t));
}

int main(void) {
  char bytes[8];
  size_t size;
  cachecore_t *c;

  memset(&guarded, CANARY, sizeof guarded);
  cachecore_options_init(&guarded.it.options, sizeof(older_options_t));
  check_canary(&guarded, sizeof(older_options_t));
  guarded.it.options.max_entries = 10;
  CHECK(cachecore_open(&guarded.it.options, &c) == 0);
  check_canary(&guarded, sizeof(older_options_t));
  CHECK(cachecore_set(c, "k", 1, "value", 5, 0) == 0);
  fill_all(c, 0);
  CHECK(cachecore_get_options(c, &guarded.it.options) == 0);
  CHECK(guarded.it.options.max_entries == 10);

  CHECK_CALL(1, cachecore_inspect(c, "absent", 6, out));
  CHECK_CALL(1, cachecore_get_with_info(c, "no", 2, bytes, 8, &size, out));
  CHECK_CALL(-3, cachecore_get_with_info(c, "k", 1, bytes, 2, &size, out));
  memset(&guarded, CANARY, sizeof guarded);
  cachecore_sweeper_options_init(&guarded.it.any, SIZE);
  check_canary(&guarded, SIZE);
  CHECK(cachecore_sweeper_start(c, &guarded.it.any) == 0);
  check_canary(&guarded, SIZE);
  cachecore_close(c);
  fill_all(c, -6);
  fill_all(NULL, -1);
  puts("every canary is alive");
  return 0;
}
