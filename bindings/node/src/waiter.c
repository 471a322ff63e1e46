#include "waiter.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct wait_s {
  binding_t *binding;
  object_t *object; /* compared, and never followed: it may have gone        */
  handle_t *handle; /* a reference                                           */
  napi_deferred deferred;
  cachecore_claim_t claim;
  uint64_t end_ms; /* by now_ms; UINT64_MAX: never                           */
  bool is_cancelled;
  int32_t status; /* how it ended                                            */
  struct wait_s *next;
  size_t key_size;
  char key[];
} wait_t;

/* The longest that one wait keeps the thread from the others, or from seeing
 * that it was cancelled. */
#define SLICE_ALONE_MS 20
#define SLICE_AMONG_MS 2

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static wait_t *first, **last = &first; /* to be looked at in turn            */
static size_t waits_count;             /* in that list                       */
static wait_t *busy;                   /* out of the list, being looked at   */
static bool is_running;

static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void wait_free(wait_t *wait) {
  handle_release(wait->handle);
  free(wait);
}

static void append(wait_t *wait) {
  wait->next = NULL;
  *last = wait;
  last = &wait->next;
  waits_count += 1;
}

/* ---- The thread ---------------------------------------------------------- */

/* Looks at one wait for up to slice_ms; whether it is over. */
static bool look(wait_t *wait, uint32_t slice_ms) {
  uint64_t now = now_ms();
  uint64_t left = wait->end_ms > now ? wait->end_ms - now : 0;
  wait->status =
      lib.claim_wait(wait->handle->cache, wait->key, wait->key_size,
                     &wait->claim, left < slice_ms ? (uint32_t)left : slice_ms);
  return wait->status != CACHECORE_E_TIMEOUT || now_ms() >= wait->end_ms;
}

static void *wait_for_all(void *unused) {
  size_t turn = 0;
  (void)unused;
  pthread_mutex_lock(&lock);
  while (waits_count > 0) {
    wait_t *wait = first;
    bool is_alone = waits_count == 1, is_over;
    uint32_t slice_ms = is_alone ? SLICE_ALONE_MS : 0;
    /* Each in turn without waiting; and once a round, a little. */
    if (!is_alone && ++turn >= waits_count) {
      slice_ms = SLICE_AMONG_MS;
      turn = 0;
    }
    first = wait->next;
    if (first == NULL) last = &first;
    waits_count -= 1;
    busy = wait;
    pthread_mutex_unlock(&lock);
    is_over = look(wait, slice_ms);
    pthread_mutex_lock(&lock);
    if (wait->binding == NULL) { /* its environment is about to end */
      pthread_mutex_unlock(&lock);
      wait_free(wait);
      pthread_mutex_lock(&lock);
    } else if (is_over || wait->is_cancelled) {
      /* Never blocks, never fails: the queue has no limit, and the function
       * lives as long as the binding does, which the lock protects. */
      if (wait->is_cancelled) wait->status = STATUS_CLOSED;
      napi_call_threadsafe_function(wait->binding->wakes, wait,
                                    napi_tsfn_nonblocking);
    } else {
      append(wait);
    }
    busy = NULL;
    pthread_cond_broadcast(&changed);
  }
  is_running = false;
  pthread_mutex_unlock(&lock);
  return NULL;
}

/* With the lock held. */
static bool start_thread(void) {
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t all, before;
  int failure;
  if (is_running) return true;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  sigfillset(&all); /* signals are for the main thread */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  failure = pthread_create(&thread, &attributes, wait_for_all, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  is_running = failure == 0;
  return is_running;
}

/* ---- The thread that asked ----------------------------------------------- */

napi_value waiter_add(call_t *call, const bytes_t *key, uint64_t seen,
                      uint64_t timeout_ms) {
  static const cachecore_claim_t blank = CACHECORE_CLAIM_INIT;
  binding_t *binding = binding_of(call->env);
  wait_t *wait = calloc(1, sizeof *wait + key->size);
  napi_value promise;
  uint64_t now = now_ms();
  bool is_started;
  if (wait == NULL) return fail(call->env, CACHECORE_E_NO_MEMORY);
  if (napi_create_promise(call->env, &wait->deferred, &promise) != napi_ok) {
    free(wait);
    return NULL;
  }
  wait->binding = binding;
  wait->object = call->object;
  wait->handle = handle_retain(call->object->handle);
  wait->claim = blank;
  wait->claim.seen = seen;
  wait->end_ms = timeout_ms > UINT64_MAX - now ? UINT64_MAX : now + timeout_ms;
  wait->key_size = key->size;
  if (key->size > 0) memcpy(wait->key, key->data, key->size);
  pthread_mutex_lock(&lock);
  append(wait);
  is_started = start_thread();
  if (!is_started) { /* then there was no other wait, and this is the only */
    first = NULL;
    last = &first;
    waits_count = 0;
  }
  pthread_mutex_unlock(&lock);
  if (!is_started) {
    wait_free(wait);
    return fail(call->env, CACHECORE_E_NO_MEMORY);
  }
  /* A process must not end while it waits for another's value. */
  if (binding->waits++ == 0)
    napi_ref_threadsafe_function(call->env, binding->wakes);
  return promise;
}

/* A wait comes back.  Without an environment it is only to be freed. */
static void come_back(napi_env env, napi_value unused, void *context,
                      void *data) {
  wait_t *wait = data;
  napi_value value;
  (void)unused;
  (void)context;
  if (env != NULL) {
    if (--wait->binding->waits == 0)
      napi_unref_threadsafe_function(env, wait->binding->wakes);
    if (wait->status == CACHECORE_OK || wait->status == CACHECORE_E_TIMEOUT) {
      if (napi_get_boolean(env, wait->status == CACHECORE_OK, &value) ==
          napi_ok)
        napi_resolve_deferred(env, wait->deferred, value);
    } else {
      value = error_new(env, wait->status, "");
      if (value != NULL) napi_reject_deferred(env, wait->deferred, value);
    }
  }
  wait_free(wait);
}

void waiter_cancel(object_t *object) {
  wait_t *wait;
  pthread_mutex_lock(&lock);
  for (wait = first; wait != NULL; wait = wait->next)
    if (wait->object == object) wait->is_cancelled = true;
  if (busy != NULL && busy->object == object) busy->is_cancelled = true;
  pthread_mutex_unlock(&lock);
}

/* The environment ends.  Nothing of it is used after this, and no reference of
 * its waits is left. */
static void drop(void *data) {
  binding_t *binding = data;
  wait_t **link = &first, *dropped = NULL, *ending = NULL;
  pthread_mutex_lock(&lock);
  while (*link != NULL) {
    wait_t *wait = *link;
    if (wait->binding != binding) {
      link = &wait->next;
      continue;
    }
    *link = wait->next;
    waits_count -= 1;
    wait->next = dropped;
    dropped = wait;
  }
  last = link;
  if (busy != NULL && busy->binding == binding) {
    ending = busy;
    ending->binding = NULL;
  }
  while (ending != NULL && busy == ending) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  while (dropped != NULL) {
    wait_t *wait = dropped;
    dropped = wait->next;
    wait_free(wait);
  }
}

bool waiter_open(napi_env env, binding_t *binding) {
  napi_value name;
  if (napi_create_string_utf8(env, "cachecore", NAPI_AUTO_LENGTH, &name) !=
          napi_ok ||
      napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL,
                                      NULL, come_back, &binding->wakes) !=
          napi_ok ||
      napi_unref_threadsafe_function(env, binding->wakes) != napi_ok)
    return false;
  /* Hooks run in reverse: this one before those of the function itself. */
  return napi_add_env_cleanup_hook(env, drop, binding) == napi_ok;
}
