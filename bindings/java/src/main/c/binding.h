/*
 * What the files of the JNI library share.
 *
 * The native methods are instance methods of cachecore.NativeCache: while one
 * is under way its object is referred to, and its Cleaner does not run. A
 * function that returns NULL or false has thrown a Java exception.
 */
#ifndef CACHECORE_JAVA_BINDING_H
#define CACHECORE_JAVA_BINDING_H

#include <jni.h>

#include "guard.h"

/* The name of a native method, as Java looks it up. */
#define METHOD(type, name) \
  JNIEXPORT type JNICALL Java_cachecore_NativeCache_##name

/* A status of this library alone: the cache has been closed. */
#define STATUS_CLOSED (-100)

/* Throws a CacheException with the status, and what is known beside it. */
void fail(JNIEnv *env, cachecore_status_t status, const char *detail);

/* ---- A call -------------------------------------------------------------- */

typedef struct {
  JNIEnv *env;
  cachecore_t *cache;
  guard_line_t *line;
} call_t;

/* False, with an exception, for a closed cache. */
bool call_begin(call_t *call, JNIEnv *env, jlong handle);
void call_end(call_t *call);

/* ---- Bytes --------------------------------------------------------------- */

/* Bytes of a byte[], which are copied, or of a direct ByteBuffer, which are
 * not.  (GetPrimitiveArrayCritical would not copy, but the garbage collector
 * waits for its end, and a call on a shared cache may wait for a process that
 * is stopped.) */
typedef struct {
  const char *data;
  size_t size;
  char *heap;
  char room[1024];
} bytes_t;

/* Of the array, or of the buffer if that is NULL. */
bool bytes_get(JNIEnv *env, jbyteArray array, jobject buffer, jint offset,
               jint size, bytes_t *bytes);

/* A whole array; NULL is no bytes. */
bool bytes_of_array(JNIEnv *env, jbyteArray array, bytes_t *bytes);
void bytes_free(bytes_t *bytes);

/* The arguments that stand for bytes in a native method. */
#define BYTES(name) \
  jbyteArray name##_array, jobject name##_buffer, jint name##_at, jint name##_n
#define BYTES_GET(env, name, bytes) \
  bytes_get(env, name##_array, name##_buffer, name##_at, name##_n, bytes)

/* A new byte[]. */
jbyteArray array_of(JNIEnv *env, const char *data, size_t size);

/* Writes longs to the beginning of a long[]. */
void longs_set(JNIEnv *env, jlongArray array, const jlong *longs, jsize count);

#endif
