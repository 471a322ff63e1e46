/* shared_steps.h - calls on a shared cache, made by a process that others
 * follow instruction by instruction. */
#ifndef SHARED_STEPS_H
#define SHARED_STEPS_H

#include "shared.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

enum { others = 40 };

static char path[64];
static cachecore_t *cache;
static char large[6000];

/* What is done when the process is killed. */
typedef struct call {
  const char *name;
  void (*prepare)(void);
  void (*run)(void);
  cachecore_options_t options;
} call_t;

static inline void put(const char *key, const char *value, size_t size,
                       uint64_t ttl) {
  CHECK_OK(cachecore_set(cache, key, strlen(key), value, size, ttl));
}

static inline void nothing(void) {}
static inline void prepare_key(void) {
  put("key", "old", 3, CACHECORE_TTL_NEVER);
}
static inline void prepare_read(void) {
  char buffer[8];
  size_t size;
  prepare_key();
  /* One less than fills the record of accesses, which a reader then drains. */
  for (int i = 0; i < 62; i++)
    cachecore_get(cache, "key", 3, buffer, sizeof buffer, &size);
}
static inline void prepare_expired(void) {
  for (int i = 0; i < 20; i++) {
    char key[16];
    snprintf(key, sizeof key, "expired %d", i);
    put(key, "x", 1, 1);
  }
  usleep(12000);
}
static inline void prepare_claim(void) {
  (void)cachecore_delete(cache, "key", 3);
}

static inline void set_it(void) {
  (void)cachecore_set(cache, "key", 3, "new", 3, 60000);
}
static inline void set_large(void) {
  (void)cachecore_set(cache, "key", 3, large, sizeof large, 60000);
}
static inline void delete_it(void) { (void)cachecore_delete(cache, "key", 3); }
static inline void get_it(void) {
  char buffer[8];
  size_t size;
  for (int i = 0; i < 4; i++)
    (void)cachecore_get(cache, "key", 3, buffer, sizeof buffer, &size);
}
static inline void lend_it(void) {
  cachecore_value_t value;
  if (cachecore_acquire(cache, "key", 3, &value) == CACHECORE_OK) {
    (void)cachecore_delete(cache, "key", 3);
    cachecore_release(&value);
  }
}
static inline void claim_it(void) {
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  size_t size;
  (void)cachecore_get_or_claim(cache, "key", 3, NULL, 0, &size, &claim);
  (void)cachecore_fulfill(cache, "key", 3, "new", 3, 60000, &claim);
}
static inline void insert_many(void) {
  for (int i = 0; i < 12; i++) {
    char key[16];
    int size = snprintf(key, sizeof key, "more %d", i);
    (void)cachecore_set(cache, key, (size_t)size, large, (size_t)i * 400, 0);
  }
}
static inline void sweep(void) {
  uint64_t removed;
  (void)cachecore_cleanup_expired(cache, UINT64_MAX, &removed);
}
static inline void shrink(void) { (void)cachecore_resize(cache, 60, 1 << 20); }

static inline void value_of(int number, char *value) {
  snprintf(value, 32, "the value of other %d", number);
}

static inline void check_others(uint64_t k, bool may_be_evicted) {
  char key[16], value[32], found[32];
  int missing = 0;
  size_t size;
  for (int i = 0; i < others; i++) {
    cachecore_status_t status;
    int key_size = snprintf(key, sizeof key, "other %d", i);
    value_of(i, value);
    status = cachecore_peek(cache, key, (size_t)key_size, found, sizeof found,
                            &size);
    if (status == CACHECORE_MISS) {
      missing++;
      continue;
    }
    CHECK(status == CACHECORE_OK && size == strlen(value));
    CHECK(memcmp(found, value, size) == 0);
  }
  if (missing > 0 && !may_be_evicted)
    check_failed(__FILE__, __LINE__, "%d lost after %llu steps", missing,
                 (unsigned long long)k);
}

static inline void check_key(void) {
  static char found[sizeof large];
  size_t size = 0;
  cachecore_status_t status =
      cachecore_peek(cache, "key", 3, found, sizeof found, &size);
  if (status == CACHECORE_MISS) return;
  CHECK_OK(status);
  CHECK((size == 3 && (memcmp(found, "old", 3) == 0 ||
                       memcmp(found, "new", 3) == 0)) ||
        (size == sizeof large && memcmp(found, large, size) == 0));
}

/* A child that makes the call is stopped after k instructions of it.  Whether
 * the call had not ended then; if it had, the child stands right after it. */
static inline bool stopped_after(const call_t *call, uint64_t k, pid_t *child) {
  int status;
  bool has_ended = false;
  *child = fork();
  CHECK(*child >= 0);
  if (*child == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    call->run();
    raise(SIGUSR1);
    _exit(0);
  }
  CHECK(waitpid(*child, &status, 0) == *child && WIFSTOPPED(status));
  for (uint64_t i = 0; i < k && !has_ended; i++) {
    CHECK(ptrace(PTRACE_SINGLESTEP, *child, NULL, NULL) == 0);
    CHECK(waitpid(*child, &status, 0) == *child && WIFSTOPPED(status));
    has_ended = WSTOPSIG(status) == SIGUSR1;
    CHECK(has_ended || WSTOPSIG(status) == SIGTRAP);
  }
  return !has_ended;
}

static inline void kill_child(pid_t child) {
  int status;
  kill(child, SIGKILL);
  CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

/* How far the next k is; CACHECORE_STEP says otherwise. */
static inline uint64_t step_size(uint64_t usual) {
  const char *asked = getenv("CACHECORE_STEP");
  return asked != NULL ? strtoull(asked, NULL, 10) : usual;
}

static inline void fill_large(void) {
  for (size_t i = 0; i < sizeof large; i++) large[i] = (char)(i * 7);
}

static inline void write_others(void) {
  for (int i = 0; i < others; i++) {
    char key[16], value[32];
    snprintf(key, sizeof key, "other %d", i);
    value_of(i, value);
    put(key, value, strlen(value), CACHECORE_TTL_NEVER);
  }
}

static inline call_t a_call(const char *name, void (*prepare)(void),
                            void (*run)(void), uint32_t policy) {
  call_t call = {name, prepare, run, CACHECORE_OPTIONS_INIT};
  call.options.max_bytes = 4 << 20;
  call.options.shard_count = 1;
  call.options.policy = policy;
  return call;
}

#endif
