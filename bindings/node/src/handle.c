#include "handle.h"

#include <pthread.h>
#include <stdlib.h>

/* Protects the list, and the references of what is in it.  It is taken when
 * Cache objects and jobs come and go, and by no read or write of an entry. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static handle_t *handles;
static uint64_t last_number;

handle_t *handle_new(cachecore_t *cache) {
  handle_t *handle = malloc(sizeof *handle);
  if (handle == NULL) return NULL;
  pthread_mutex_lock(&lock);
  handle->cache = cache;
  handle->number = ++last_number;
  handle->references = 1;
  handle->next = handles;
  handles = handle;
  pthread_mutex_unlock(&lock);
  return handle;
}

handle_t *handle_find(uint64_t number) {
  handle_t *handle;
  pthread_mutex_lock(&lock);
  for (handle = handles; handle != NULL; handle = handle->next)
    if (handle->number == number) {
      handle->references += 1;
      break;
    }
  pthread_mutex_unlock(&lock);
  return handle;
}

handle_t *handle_retain(handle_t *handle) {
  pthread_mutex_lock(&lock);
  handle->references += 1;
  pthread_mutex_unlock(&lock);
  return handle;
}

void handle_release(handle_t *handle) {
  handle_t **link;
  int is_last;
  pthread_mutex_lock(&lock);
  is_last = --handle->references == 0;
  if (is_last) {
    for (link = &handles; *link != handle; link = &(*link)->next) {}
    *link = handle->next;
  }
  pthread_mutex_unlock(&lock);
  if (!is_last) return;
  lib.close(handle->cache);
  free(handle);
}
