/*
 * What the files of the addon share: the state of one JavaScript environment,
 * the native part of a Cache object, arguments, and answers.
 *
 * Every function here is called on the environment's own thread.  A function
 * that returns NULL or false has thrown a JavaScript exception, or one was
 * thrown before; its caller returns at once.
 */
#ifndef CACHECORE_NODE_BINDING_H
#define CACHECORE_NODE_BINDING_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>

#include "handle.h"

/* ---- One environment: the main thread's, or a worker's ------------------ */

typedef struct {
  napi_ref make_error; /* JavaScript: (status, detail) => Error              */
  napi_threadsafe_function wakes; /* brings ended waits to this thread       */
  uint32_t waits;                 /* that have not come back                 */
} binding_t;

binding_t *binding_of(napi_env env);

/* A status of this addon alone: the Cache object has been closed. */
#define STATUS_CLOSED (-100)

/* Makes the Error for a status, with what is known beside it ("" if nothing).
 * NULL: an exception is pending. */
napi_value error_new(napi_env env, int32_t status, const char *detail);

/* Throws it.  Returns NULL, for `return fail(...)`. */
napi_value fail(napi_env env, int32_t status);

/* ---- A Cache object ------------------------------------------------------ */

struct claim_s;

typedef struct {
  handle_t *handle;       /* NULL: closed                                    */
  struct claim_s *claims; /* that were given to this object and not ended    */
} object_t;

/* The arguments of a method, the object and its cache. */
#define ARGUMENTS_MAX 8
typedef struct {
  napi_env env;
  napi_value self;
  napi_value argument[ARGUMENTS_MAX]; /* undefined where none was passed     */
  object_t *object;
  cachecore_t *cache;
} call_t;

/* False, with an exception, for a closed object. */
bool call_begin(call_t *call, napi_env env, napi_callback_info info);

/* Gives up what the object holds: its waits, its claims, its handle. */
void object_close(object_t *object);

/* ---- Arguments ----------------------------------------------------------- */

/* The bytes of a string, in UTF-8, or of any view of an ArrayBuffer, which are
 * not copied.  bytes_free after the use. */
typedef struct {
  const void *data;
  size_t size;
  char *heap;
  char room[1024];
} bytes_t;

/* Throws a TypeError for anything else. */
bool bytes_get(napi_env env, napi_value value, bytes_t *bytes);
void bytes_free(bytes_t *bytes);

/* The writable memory of a view. */
bool buffer_get(napi_env env, napi_value value, char **data, size_t *size);

/* A lifetime as JavaScript passes it: 0 default, Infinity never, -1 keep. */
bool lifetime_get(napi_env env, napi_value value, uint64_t *ttl_ms);

/* A whole number from 0 on; what is larger than 64 bits hold is the largest. */
bool count_get(napi_env env, napi_value value, uint64_t *count);

/* ---- Answers ------------------------------------------------------------- */

napi_value undefined(napi_env env);
napi_value number(napi_env env, double value);

/* true for OK, false for a MISS, EXISTS or CONFLICT; throws for the rest. */
napi_value answer(napi_env env, cachecore_status_t status);

/* undefined for OK, throws for the rest. */
napi_value done(napi_env env, cachecore_status_t status);

/* What was written to a buffer, as one number: the size; -1 for a miss;
 * -2 - N where N bytes would be needed. */
napi_value sized(napi_env env, cachecore_status_t status, size_t size);

bool is_ascii(const char *data, size_t size);

/* The bytes as text, from UTF-8. */
napi_value string_of(napi_env env, const char *data, size_t size);

/* ---- Structs as objects -------------------------------------------------- */

typedef enum {
  FIELD_U32,
  FIELD_U64,
  FIELD_FLAG,     /* uint32_t as a boolean                                   */
  FIELD_BIGINT,   /* uint64_t that uses all its bits                         */
  FIELD_LIFETIME, /* int64_t; -1 is Infinity                                 */
  FIELD_MAYBE     /* int64_t; -1 is undefined                                */
} field_kind_t;

typedef struct {
  const char *name;
  size_t offset;
  field_kind_t kind;
} field_t;

/* An object with these fields of the struct; `is_bigint`: every integer is a
 * BigInt. */
napi_value object_of(napi_env env, const field_t *fields, size_t count,
                     const void *structure, bool is_bigint);

/* ---- The parts of the addon ---------------------------------------------- */

/* Each adds its methods to the class. */
#define METHODS_MAX 80
typedef struct {
  size_t count;
  napi_property_descriptor property[METHODS_MAX];
} methods_t;

void methods_add(methods_t *methods, const char *name, napi_callback function);

void reading_methods(methods_t *methods);
void writing_methods(methods_t *methods);
void batch_methods(methods_t *methods);
void whole_methods(methods_t *methods);
void claims_methods(methods_t *methods);
void sweeper_methods(methods_t *methods);
void jobs_methods(methods_t *methods);

/* Ends the claims of a closed object, so that others may compute. */
void claims_abandon(object_t *object);

/* Waits for claims (waiter.c). */
bool waiter_open(napi_env env, binding_t *binding);
void waiter_cancel(object_t *object);

#endif
