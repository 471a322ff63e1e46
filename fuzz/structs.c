/*
 * Everything that is parsed: structs of any declared size and any content,
 * scan cursors, numbers as text.  Each struct lies in a block of just the size
 * that it declares, so that a byte too far is found by AddressSanitizer.
 */
#include <errno.h>

#include "cachecore.h"
#include "input.h"

enum { STRUCT_MIN = 4, STRUCT_MAX = 4096 };

static cachecore_t *open_small(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  options.max_entries = 50;
  options.flags = CACHECORE_MANUAL_CLOCK;
  options.hash_seed = 1;
  EXPECT(cachecore_open(&options, &cache) == CACHECORE_OK);
  return cache;
}

/* ---- Structs ------------------------------------------------------------- */

/* A struct as a caller of some version has it: its declared size, then the
 * input, then zeros. */
typedef struct block {
  uint8_t *bytes;
  size_t size;
  bool is_newer; /* something is set that this library does not know */
} block_t;

static block_t take_block(input_t *in, size_t known) {
  static const uint32_t sizes[] = {0, 3, 4, 5, 8, 4095, 4096, 4097, UINT32_MAX};
  block_t block;
  uint32_t kind = (uint32_t)take(in, 1), declared;
  size_t i, left;
  if (kind < 128) declared = (uint32_t)known + (uint32_t)take(in, 2) % 32;
  else if (kind < 192) declared = kind - 128;
  else declared = sizes[kind % (sizeof sizes / sizeof sizes[0])];
  block.size = declared < STRUCT_MIN   ? STRUCT_MIN
               : declared > STRUCT_MAX ? STRUCT_MIN
                                       : declared;
  block.bytes = calloc(1, block.size);
  memcpy(block.bytes, &declared, 4);
  left = (size_t)(in->end - in->at);
  if (left > block.size - 4) left = block.size - 4;
  memcpy(block.bytes + 4, in->at, left);
  in->at += left;
  block.is_newer = false;
  for (i = known; i < block.size; i++) block.is_newer |= block.bytes[i] != 0;
  return block;
}

static bool is_valid_size(const block_t *block) {
  uint32_t declared;
  memcpy(&declared, block->bytes, 4);
  return declared >= STRUCT_MIN && declared <= STRUCT_MAX;
}

/* A cache just opened holds what is stored in it, unless its own options let
 * time take it away, and a second entry, unless it has room for one alone. */
static void use(cachecore_t *cache, const cachecore_options_t *options) {
  bool is_mortal = !(options->flags & CACHECORE_MANUAL_CLOCK) &&
                   (options->default_ttl_ms || options->default_tti_ms);
  bool is_full =
      options->flags & CACHECORE_NO_EVICT && options->max_entries == 1;
  char buffer[8];
  size_t size;
  cachecore_status_t status;
  EXPECT(cachecore_set(cache, "key", 3, "value", 5, 0) == CACHECORE_OK);
  status = cachecore_get(cache, "key", 3, buffer, 8, &size);
  if (status == CACHECORE_OK)
    EXPECT(size == 5 && memcmp(buffer, "value", 5) == 0);
  else EXPECT(status == CACHECORE_MISS && is_mortal);
  status = cachecore_set(cache, "soon", 4, "", 0, 1);
  if (is_full)
    EXPECT(status == CACHECORE_E_FULL || (status == CACHECORE_OK && is_mortal));
  else EXPECT(status == CACHECORE_OK);
}

static void open_with(input_t *in) {
  cachecore_options_t known;
  block_t block = take_block(in, sizeof known);
  cachecore_t *cache = (cachecore_t *)in;
  cachecore_status_t status, expected = CACHECORE_OK;
  memset(&known, 0, sizeof known);
  memcpy(&known, block.bytes,
         block.size < sizeof known ? block.size : sizeof known);
  if (!is_valid_size(&block)) expected = CACHECORE_E_ARGUMENT;
  else if (block.is_newer) expected = CACHECORE_E_VERSION;
  else if (known.policy > CACHECORE_POLICY_ADAPTIVE || known.flags > 7 ||
           known.shard_count > 256 || known.ttl_jitter_permille > 1000 ||
           (known.max_entries == 0 && known.max_bytes == 0) ||
           (known.max_bytes && known.max_bytes < CACHECORE_MAX_BYTES_MIN))
    expected = CACHECORE_E_ARGUMENT;
  status = cachecore_open((const cachecore_options_t *)block.bytes, &cache);
  EXPECT(status == expected ||
         (expected == CACHECORE_OK && status == CACHECORE_E_NO_MEMORY));
  EXPECT((status == CACHECORE_OK) == (cache != NULL));
  if (cache) {
    use(cache, &known);
    cachecore_close(cache);
  }
  free(block.bytes);
}

static void start_with(input_t *in) {
  block_t block = take_block(in, sizeof(cachecore_sweeper_options_t));
  cachecore_t *cache = open_small();
  uint32_t flags = 0;
  cachecore_status_t status = cachecore_sweeper_start(
      cache, (const cachecore_sweeper_options_t *)block.bytes);
  memcpy(&flags, block.bytes + 4, block.size < 8 ? block.size - 4 : 4);
  if (!is_valid_size(&block)) EXPECT(status == CACHECORE_E_ARGUMENT);
  else if (block.is_newer) EXPECT(status == CACHECORE_E_VERSION);
  else
    EXPECT(status == CACHECORE_OK ||
           (flags > 3 && status == CACHECORE_E_ARGUMENT));
  EXPECT(cachecore_sweeper_stop(cache, 0) ==
         (status == CACHECORE_OK ? CACHECORE_OK : CACHECORE_E_STATE));
  cachecore_close(cache);
  free(block.bytes);
}

/* What the library fills keeps its size and its tail. */
static void fill_in(input_t *in) {
  static const size_t known[] = {sizeof(cachecore_stats_t),
                                 sizeof(cachecore_entry_info_t),
                                 sizeof(cachecore_sweeper_status_t),
                                 sizeof(cachecore_options_t)};
  unsigned kind = (unsigned)take(in, 1) % 4;
  block_t block = take_block(in, known[kind]);
  cachecore_t *cache = open_small();
  uint32_t before, after;
  cachecore_status_t status;
  memcpy(&before, block.bytes, 4);
  EXPECT(cachecore_set(cache, "key", 3, "value", 5, 0) == CACHECORE_OK);
  if (kind == 0)
    status = cachecore_stats(cache, (cachecore_stats_t *)block.bytes);
  else if (kind == 1)
    status = cachecore_inspect(cache, "key", 3,
                               (cachecore_entry_info_t *)block.bytes);
  else if (kind == 3)
    status =
        cachecore_get_options(cache, (cachecore_options_t *)block.bytes);
  else
    status = cachecore_sweeper_status(
        cache, (cachecore_sweeper_status_t *)block.bytes);
  EXPECT(status == (!is_valid_size(&block) ? CACHECORE_E_ARGUMENT
                    : block.is_newer       ? CACHECORE_E_VERSION
                                           : CACHECORE_OK));
  memcpy(&after, block.bytes, 4);
  EXPECT(before == after);
  if (status != CACHECORE_OK && is_valid_size(&block))
    for (size_t i = 4; i < known[kind] && i < block.size; i++)
      EXPECT(block.bytes[i] == 0);
  cachecore_close(cache);
  free(block.bytes);
}

/* A claim of any content: its own fields come back, and one without room for a
 * token takes no claim. */
static void claim_with(input_t *in) {
  cachecore_claim_t known;
  block_t block = take_block(in, sizeof known);
  cachecore_claim_t *claim = (cachecore_claim_t *)block.bytes;
  cachecore_t *cache = open_small();
  cachecore_status_t status, expected = CACHECORE_CLAIMED;
  char buffer[8];
  size_t size;
  memset(&known, 0, sizeof known);
  memcpy(&known, block.bytes,
         block.size < sizeof known ? block.size : sizeof known);
  if (!is_valid_size(&block)) expected = CACHECORE_E_ARGUMENT;
  else if (block.is_newer) expected = CACHECORE_E_VERSION;
  else if (block.size < sizeof known || known.flags > CACHECORE_CLAIM_EARLY)
    expected = CACHECORE_E_ARGUMENT;
  status = cachecore_get_or_claim(cache, "key", 3, buffer, 8, &size, claim);
  EXPECT(status == expected && size == 0);
  if (status == CACHECORE_CLAIMED) {
    EXPECT(claim->token != 0 && claim->stale_ms == known.stale_ms &&
           claim->claim_ms == known.claim_ms && claim->flags == known.flags);
    EXPECT(cachecore_fulfill(cache, "key", 3, "value", 5, take(in, 8), claim) ==
           CACHECORE_OK);
    EXPECT(claim->token == 0);
  } else {
    EXPECT(cachecore_claim_wait(cache, "key", 3, claim, 0) == expected);
    EXPECT(cachecore_fulfill(cache, "key", 3, "value", 5, 0, claim) ==
           expected);
    EXPECT(cachecore_abandon(cache, "key", 3, take(in, 8), claim) == expected);
    EXPECT(cachecore_count(cache) == 0);
    known.struct_size = sizeof known;
    known.flags = 0;
    EXPECT(cachecore_get_or_claim(cache, "key", 3, buffer, 8, &size, &known) ==
           CACHECORE_CLAIMED);
  }
  cachecore_close(cache);
  free(block.bytes);
}

/* ---- Cursors ------------------------------------------------------------- */

static void scan_from(input_t *in) {
  cachecore_t *cache = open_small();
  size_t capacity = take_below(in, 300), size = 0, count = 0, steps = 0;
  uint64_t cursor, before;
  char *buffer = malloc(capacity + 1);
  for (uint32_t i = 0; i < 60; i++)
    EXPECT(cachecore_set(cache, &i, sizeof i, &i, i % 4, 0) == CACHECORE_OK);
  cursor = take(in, 8);
  do {
    cachecore_status_t status;
    before = cursor;
    status = cachecore_scan(cache, &cursor, in->at, 0, buffer, capacity, &size,
                            &count);
    if (status != CACHECORE_OK) {
      EXPECT(status == CACHECORE_E_TOO_SMALL && size > capacity);
      EXPECT(count == 0 && cursor == before);
      break;
    }
    EXPECT(size <= capacity);
    EXPECT(++steps < 1000);
  } while (cursor);
  free(buffer);
  cachecore_close(cache);
}

/* ---- Numbers ------------------------------------------------------------- */

/* The value of a decimal number as the header defines it, by other means. */
static bool parse(const uint8_t *text, size_t size, int64_t *number) {
  char copy[24], *end;
  size_t digits, i;
  if (size == 0 || size > 20) return false;
  digits = text[0] == '-' ? size - 1 : size;
  if (digits < 1 || digits > 19) return false;
  for (i = size - digits; i < size; i++)
    if (text[i] < '0' || text[i] > '9') return false;
  memcpy(copy, text, size);
  copy[size] = 0;
  errno = 0;
  *number = strtoll(copy, &end, 10);
  return errno == 0;
}

static void add_to(input_t *in) {
  cachecore_t *cache = open_small();
  int64_t delta = (int64_t)take(in, 8), number, expected, sum = 0;
  size_t size = (size_t)(in->end - in->at), length;
  char text[32], buffer[32];
  bool is_number = parse(in->at, size, &number);
  cachecore_status_t status;
  EXPECT(cachecore_set(cache, "n", 1, in->at, size, 0) == CACHECORE_OK);
  status = cachecore_increment(cache, "n", 1, delta, 0, 0, &sum);
  if (!is_number) EXPECT(status == CACHECORE_E_TYPE);
  else if (__builtin_add_overflow(number, delta, &expected))
    EXPECT(status == CACHECORE_E_RANGE);
  else {
    EXPECT(status == CACHECORE_OK && sum == expected);
    length = (size_t)snprintf(text, sizeof text, "%lld", (long long)expected);
    EXPECT(cachecore_get(cache, "n", 1, buffer, 32, &size) == CACHECORE_OK);
    EXPECT(size == length && memcmp(text, buffer, size) == 0);
  }
  cachecore_close(cache);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input_t in = {data, data + size};
  switch (take(&in, 1) % 6) {
    case 0: open_with(&in); break;
    case 1: start_with(&in); break;
    case 2: fill_in(&in); break;
    case 3: scan_from(&in); break;
    case 4: claim_with(&in); break;
    default: add_to(&in);
  }
  return 0;
}
