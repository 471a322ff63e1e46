#include "binding.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static jclass exception_class;
static jmethodID exception_constructor;

/* The same major number and at least our minor; before 1.0, the same minor. */
static bool is_compatible(uint32_t theirs) {
  uint32_t ours = CACHECORE_VERSION;
  if (ours < 0x10000) return theirs >> 8 == ours >> 8;
  return theirs >> 16 == ours >> 16 && theirs >> 8 >= ours >> 8;
}

static bool look_up(JNIEnv *env) {
  jclass found = (*env)->FindClass(env, "cachecore/CacheException");
  if (found == NULL) return false;
  exception_class = (*env)->NewGlobalRef(env, found);
  if (exception_class == NULL) return false;
  exception_constructor = (*env)->GetMethodID(env, exception_class, "<init>",
                                              "(ILjava/lang/String;)V");
  return exception_constructor != NULL;
}

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *machine, void *reserved) {
  JNIEnv *env;
  (void)reserved;
  if ((*machine)->GetEnv(machine, (void **)&env, JNI_VERSION_10) != JNI_OK)
    return JNI_ERR;
  if (!is_compatible(cachecore_version())) {
    jclass error = (*env)->FindClass(env, "java/lang/UnsatisfiedLinkError");
    if (error != NULL)
      (*env)->ThrowNew(env, error, "libcachecore.so has another version");
    return JNI_ERR;
  }
  return look_up(env) ? JNI_VERSION_10 : JNI_ERR;
}

void fail(JNIEnv *env, cachecore_status_t status, const char *detail) {
  jstring text;
  jthrowable exception;
  if (detail[0] == 0)
    detail = status == STATUS_CLOSED ? "the cache is closed"
                                     : cachecore_status_text(status);
  text = (*env)->NewStringUTF(env, detail);
  if (text == NULL) return;
  exception = (*env)->NewObject(env, exception_class, exception_constructor,
                                (jint)status, text);
  if (exception != NULL) (*env)->Throw(env, exception);
}

bool call_begin(call_t *call, JNIEnv *env, jlong handle) {
  guard_t *guard = (guard_t *)(intptr_t)handle;
  call->env = env;
  call->line = guard_enter(guard);
  call->cache = guard->cache;
  if (call->line == NULL) fail(env, STATUS_CLOSED, "");
  return call->line != NULL;
}

void call_end(call_t *call) { guard_leave(call->line); }

bool bytes_get(JNIEnv *env, jbyteArray array, jobject buffer, jint offset,
               jint size, bytes_t *bytes) {
  char *data = bytes->room;
  bytes->heap = NULL;
  bytes->size = (size_t)size;
  if (array == NULL) {
    char *start = (*env)->GetDirectBufferAddress(env, buffer);
    /* One without memory has no address. */
    bytes->data = start == NULL ? bytes->room : start + offset;
    return true;
  }
  if (bytes->size > sizeof bytes->room) {
    data = bytes->heap = malloc(bytes->size);
    if (data == NULL) {
      fail(env, CACHECORE_E_NO_MEMORY, "");
      return false;
    }
  }
  bytes->data = data;
  (*env)->GetByteArrayRegion(env, array, offset, size, (jbyte *)data);
  return true;
}

bool bytes_of_array(JNIEnv *env, jbyteArray array, bytes_t *bytes) {
  if (array != NULL)
    return bytes_get(env, array, NULL, 0, (*env)->GetArrayLength(env, array),
                     bytes);
  bytes->heap = NULL;
  bytes->data = bytes->room;
  bytes->size = 0;
  return true;
}

void bytes_free(bytes_t *bytes) { free(bytes->heap); }

jbyteArray array_of(JNIEnv *env, const char *data, size_t size) {
  jbyteArray array;
  if (size > INT32_MAX) {
    fail(env, CACHECORE_E_RANGE, "it is longer than an array can be");
    return NULL;
  }
  array = (*env)->NewByteArray(env, (jsize)size);
  if (array != NULL)
    (*env)->SetByteArrayRegion(env, array, 0, (jsize)size, (const jbyte *)data);
  return array;
}

void longs_set(JNIEnv *env, jlongArray array, const jlong *longs, jsize count) {
  (*env)->SetLongArrayRegion(env, array, 0, count, longs);
}
