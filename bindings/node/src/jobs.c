/*
 * What may take long: walks through the whole cache, files, and waits for the
 * sweeper.  Each is a job that runs on a thread of Node's pool and settles a
 * promise.  A job has a reference to the handle, so the cache stays open until
 * the job is over, also if the Cache object is closed meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "binding.h"

typedef enum {
  JOB_CLEAR,
  JOB_DELETE_PREFIX,
  JOB_EVICT,
  JOB_CLEANUP,
  JOB_RESIZE,
  JOB_SAVE,
  JOB_LOAD,
  JOB_AUDIT,
  JOB_TRIGGER,
  JOB_STOP
} job_kind_t;

typedef struct {
  job_kind_t kind;
  handle_t *handle;
  napi_async_work work;
  napi_deferred deferred;
  uint64_t number[2];              /* limits and bounds                      */
  cachecore_audit_options_t ask;   /* of JOB_AUDIT                           */
  cachecore_audit_t audit;
  uint64_t result;
  cachecore_status_t status;
  size_t size;                     /* of what follows: a prefix, or a path   */
  char bytes[];                    /* and the 0 that ends a path             */
} job_t;

static cachecore_status_t run(job_t *job) {
  cachecore_t *cache = job->handle->cache;
  switch (job->kind) {
    case JOB_CLEAR: return lib.clear(cache);
    case JOB_DELETE_PREFIX:
      return lib.delete_prefix(cache, job->bytes, job->size, &job->result);
    case JOB_EVICT: return lib.evict(cache, job->number[0], &job->result);
    case JOB_CLEANUP:
      return lib.cleanup_expired(cache, job->number[0], &job->result);
    case JOB_RESIZE:
      return lib.resize(cache, job->number[0], job->number[1]);
    case JOB_SAVE: return lib.save(cache, job->bytes, &job->result);
    case JOB_LOAD: return lib.load(cache, job->bytes, &job->result);
    case JOB_AUDIT:
      return lib.audit(cache, job->bytes, job->size, &job->ask, &job->audit);
    case JOB_TRIGGER: return lib.sweeper_trigger(cache, &job->result);
    case JOB_STOP: return lib.sweeper_stop(cache, (uint32_t)job->number[0]);
  }
  return CACHECORE_E_ARGUMENT;
}

static void execute(napi_env env, void *data) {
  job_t *job = data;
  (void)env;
  job->status = run(job);
}

#define AUDIT(name, field, kind) \
  {name, offsetof(cachecore_audit_t, field), kind}
static const field_t audit_fields[] = {
    AUDIT("scanned", scanned, FIELD_U64),
    AUDIT("expired", expired, FIELD_U64),
    AUDIT("nearExpiry", near_expiry, FIELD_U64),
    AUDIT("withoutExpiry", without_expiry, FIELD_U64),
    AUDIT("idle", idle, FIELD_U64),
    AUDIT("removed", removed, FIELD_U64),
    AUDIT("bytes", bytes, FIELD_U64),
    AUDIT("removedBytes", removed_bytes, FIELD_U64),
    AUDIT("averageTtl", average_ttl_ms, FIELD_MAYBE),
    AUDIT("averageAge", average_age_ms, FIELD_MAYBE),
};
#define AUDIT_FIELDS (sizeof audit_fields / sizeof audit_fields[0])

static napi_value outcome(napi_env env, job_t *job) {
  switch (job->kind) {
    case JOB_CLEAR:
    case JOB_RESIZE:
    case JOB_STOP: return undefined(env);
    case JOB_AUDIT:
      return object_of(env, audit_fields, AUDIT_FIELDS, &job->audit, false);
    default: return number(env, (double)job->result);
  }
}

/* Also called, with `ended` napi_cancelled or in an environment that runs no
 * JavaScript any more, when a worker ends: nobody waits then. */
static void complete(napi_env env, napi_status ended, void *data) {
  job_t *job = data;
  napi_handle_scope scope;
  napi_value value;
  if (napi_open_handle_scope(env, &scope) == napi_ok) {
    if (ended == napi_ok && job->status == CACHECORE_OK) {
      value = outcome(env, job);
      if (value != NULL) napi_resolve_deferred(env, job->deferred, value);
    } else {
      int32_t status = ended == napi_ok ? job->status : STATUS_CLOSED;
      value = error_new(env, status, "");
      if (value != NULL) napi_reject_deferred(env, job->deferred, value);
    }
    napi_close_handle_scope(env, scope);
  }
  napi_delete_async_work(env, job->work);
  handle_release(job->handle);
  free(job);
}

static job_t *job_new(call_t *call, job_kind_t kind, const bytes_t *bytes) {
  size_t size = bytes == NULL ? 0 : bytes->size;
  job_t *job = calloc(1, sizeof *job + size + 1);
  if (job == NULL) {
    fail(call->env, CACHECORE_E_NO_MEMORY);
    return NULL;
  }
  job->kind = kind;
  job->size = size;
  if (size > 0) memcpy(job->bytes, bytes->data, size);
  job->ask.struct_size = sizeof job->ask;
  job->audit.struct_size = sizeof job->audit;
  return job;
}

/* Returns the promise. */
static napi_value job_queue(call_t *call, job_t *job) {
  napi_env env = call->env;
  napi_value name, promise;
  if (napi_create_string_utf8(env, "cachecore", NAPI_AUTO_LENGTH, &name) !=
          napi_ok ||
      napi_create_async_work(env, NULL, name, execute, complete, job,
                             &job->work) != napi_ok) {
    free(job);
    return fail(env, CACHECORE_E_NO_MEMORY);
  }
  job->handle = handle_retain(call->object->handle);
  if (napi_create_promise(env, &job->deferred, &promise) != napi_ok ||
      napi_queue_async_work(env, job->work) != napi_ok) {
    napi_delete_async_work(env, job->work);
    handle_release(job->handle);
    free(job);
    return fail(env, CACHECORE_E_NO_MEMORY);
  }
  return promise;
}

/* (number, number) => Promise */
static napi_value with_numbers(napi_env env, napi_callback_info info,
                               job_kind_t kind, size_t count) {
  call_t call;
  uint64_t numbers[2] = {0, 0};
  job_t *job;
  size_t i;
  if (!call_begin(&call, env, info)) return NULL;
  for (i = 0; i < count; i++)
    if (!count_get(env, call.argument[i], &numbers[i])) return NULL;
  job = job_new(&call, kind, NULL);
  if (job == NULL) return NULL;
  memcpy(job->number, numbers, sizeof numbers);
  return job_queue(&call, job);
}

/* (bytes) => Promise */
static napi_value with_bytes(napi_env env, napi_callback_info info,
                             job_kind_t kind) {
  call_t call;
  bytes_t bytes;
  job_t *job;
  if (!call_begin(&call, env, info) ||
      !bytes_get(env, call.argument[0], &bytes))
    return NULL;
  job = job_new(&call, kind, &bytes);
  bytes_free(&bytes);
  return job == NULL ? NULL : job_queue(&call, job);
}

static napi_value clear(napi_env env, napi_callback_info info) {
  return with_numbers(env, info, JOB_CLEAR, 0);
}

static napi_value delete_prefix(napi_env env, napi_callback_info info) {
  return with_bytes(env, info, JOB_DELETE_PREFIX);
}

static napi_value evict(napi_env env, napi_callback_info info) {
  return with_numbers(env, info, JOB_EVICT, 1);
}

static napi_value cleanup_expired(napi_env env, napi_callback_info info) {
  return with_numbers(env, info, JOB_CLEANUP, 1);
}

static napi_value resize(napi_env env, napi_callback_info info) {
  return with_numbers(env, info, JOB_RESIZE, 2);
}

static napi_value save(napi_env env, napi_callback_info info) {
  return with_bytes(env, info, JOB_SAVE);
}

static napi_value load(napi_env env, napi_callback_info info) {
  return with_bytes(env, info, JOB_LOAD);
}

static napi_value sweeper_trigger(napi_env env, napi_callback_info info) {
  return with_numbers(env, info, JOB_TRIGGER, 0);
}

static napi_value sweeper_stop(napi_env env, napi_callback_info info) {
  return with_numbers(env, info, JOB_STOP, 1);
}

/* (prefix, kinds to remove, near expiry, idle, batch size) => Promise */
static napi_value audit(napi_env env, napi_callback_info info) {
  call_t call;
  bytes_t prefix;
  uint64_t kinds, near, idle, batch;
  job_t *job;
  if (!call_begin(&call, env, info) ||
      !count_get(env, call.argument[1], &kinds) ||
      !count_get(env, call.argument[2], &near) ||
      !count_get(env, call.argument[3], &idle) ||
      !count_get(env, call.argument[4], &batch) ||
      !bytes_get(env, call.argument[0], &prefix))
    return NULL;
  job = job_new(&call, JOB_AUDIT, &prefix);
  bytes_free(&prefix);
  if (job == NULL) return NULL;
  job->ask.remove_kinds = (uint32_t)kinds;
  job->ask.near_expiry_ms = near;
  job->ask.idle_ms = idle;
  job->ask.batch_size = (uint32_t)batch;
  return job_queue(&call, job);
}

void jobs_methods(methods_t *methods) {
  methods_add(methods, "clear", clear);
  methods_add(methods, "deletePrefix", delete_prefix);
  methods_add(methods, "evict", evict);
  methods_add(methods, "cleanupExpired", cleanup_expired);
  methods_add(methods, "resize", resize);
  methods_add(methods, "save", save);
  methods_add(methods, "load", load);
  methods_add(methods, "audit", audit);
  methods_add(methods, "sweeperTrigger", sweeper_trigger);
  methods_add(methods, "sweeperStop", sweeper_stop);
}
