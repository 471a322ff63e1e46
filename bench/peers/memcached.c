/* memcached over a unix socket, by its text protocol. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../driver/memory.h"
#include "../driver/peer.h"
#include "server.h"

enum { ROOM = 1 << 18 }; /* holds the answer to a batch, and a 64 KB value */

typedef struct way {
  int socket;
  size_t begin, end; /* what was received and not yet read */
  char in[ROOM];
  char out[ROOM];
} way_t;

typedef struct memcached {
  server_t server;
  way_t *control;
} memcached_t;

static void *attach(void *cache) {
  way_t *way = must_allocate(sizeof *way);
  way->socket = server_connect(&((memcached_t *)cache)->server);
  if (way->socket < 0) fail("cannot connect to memcached");
  return way;
}

static void detach(void *handle) {
  way_t *way = handle;
  close(way->socket);
  free(way);
}

static void *open_memcached(const peer_options_t *options) {
  memcached_t *m = must_allocate(sizeof *m);
  (void)options;
  server_prepare(&m->server, "memcached");
  char *arguments[] = {"memcached", "-s", m->server.socket, "-m", "8192",
                       "-u", "root", NULL};
  if (!server_start(&m->server, arguments)) return NULL;
  m->control = attach(m);
  return m;
}

static void close_memcached(void *cache) {
  memcached_t *m = cache;
  detach(m->control);
  server_stop(&m->server);
  free(m);
}

static void send_all(way_t *way, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t sent = send(way->socket, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) fail("memcached: connection lost");
    bytes += sent;
    size -= (size_t)sent;
  }
}

static void receive_more(way_t *way) {
  if (way->begin > 0) {
    memmove(way->in, way->in + way->begin, way->end - way->begin);
    way->end -= way->begin;
    way->begin = 0;
  }
  ssize_t got = recv(way->socket, way->in + way->end, ROOM - way->end, 0);
  if (got <= 0) fail("memcached: connection lost");
  way->end += (size_t)got;
}

/* The next line, its \r\n replaced by a zero. */
static char *read_line(way_t *way) {
  for (;;) {
    char *line = way->in + way->begin;
    char *stop = memchr(line, '\n', way->end - way->begin);
    if (stop != NULL) {
      stop[-1] = '\0';
      way->begin += (size_t)(stop + 1 - line);
      return line;
    }
    receive_more(way);
  }
}

/* Reads "VALUE key flags size" and the value; 0 after "END". */
static size_t read_value(way_t *way, char *buffer, size_t capacity) {
  char *line = read_line(way);
  if (strcmp(line, "END") == 0) return 0;
  if (strncmp(line, "VALUE ", 6) != 0) fail("memcached: %s", line);
  size_t size = strtoul(strrchr(line, ' '), NULL, 10);
  while (way->end - way->begin < size + 2) receive_more(way);
  if (size <= capacity) memcpy(buffer, way->in + way->begin, size);
  way->begin += size + 2;
  return size;
}

static size_t get_many(void *handle, const char *keys, size_t count,
                       char *buffers, size_t capacity) {
  way_t *way = handle;
  char *out = way->out;
  memcpy(out, "get", 3);
  out += 3;
  for (size_t i = 0; i < count; i++, out += 1 + KEY_SIZE) {
    *out = ' ';
    memcpy(out + 1, keys + i * KEY_SIZE, KEY_SIZE);
  }
  memcpy(out, "\r\n", 2);
  send_all(way, way->out, (size_t)(out + 2 - way->out));
  size_t found = 0;
  while (read_value(way, buffers, capacity) > 0) {
    found++;
    buffers += capacity;
  }
  return found;
}

static size_t get(void *way, const char *key, void *buffer, size_t capacity) {
  return get_many(way, key, 1, buffer, capacity) > 0 ? capacity : 0;
}

static size_t write_set(char *out, const char *key, const void *value,
                        size_t size, long long expires, const char *option) {
  int head = sprintf(out, "set %.16s 0 %lld %zu%s\r\n", key, expires, size,
                     option);
  memcpy(out + head, value, size);
  memcpy(out + head + size, "\r\n", 2);
  return (size_t)head + size + 2;
}

static void set(void *handle, const char *key, const void *value,
                size_t size) {
  way_t *way = handle;
  send_all(way, way->out,
           write_set(way->out, key, value, size, TTL_MS / 1000, ""));
  char *answer = read_line(way);
  if (strcmp(answer, "STORED") != 0) fail("memcached: %s", answer);
}

/* Its lifetimes are whole seconds. */
static void set_many(void *handle, const char *keys, size_t count,
                     const void *value, size_t size,
                     int64_t deadline_unix_ms) {
  way_t *way = handle;
  long long expires = deadline_unix_ms / 1000;
  if (expires == 0) expires = TTL_MS / 1000;
  for (size_t i = 0; i < count; i++) {
    send_all(way, way->out,
             write_set(way->out, keys + i * KEY_SIZE, value, size, expires,
                       " noreply"));
  }
  send_all(way, "version\r\n", 9); /* answered once all that is done */
  read_line(way);
}

static bool erase(void *handle, const char *key) {
  way_t *way = handle;
  send_all(way, way->out,
           (size_t)sprintf(way->out, "delete %.16s\r\n", key));
  return strcmp(read_line(way), "DELETED") == 0;
}

/* One number out of `stats` or `stats slabs`. */
static uint64_t statistic(void *cache, const char *command, const char *name) {
  way_t *way = ((memcached_t *)cache)->control;
  uint64_t value = 0;
  send_all(way, command, strlen(command));
  for (;;) {
    char *line = read_line(way);
    if (strcmp(line, "END") == 0) return value;
    if (strncmp(line + 5, name, strlen(name)) == 0) {
      value = strtoull(line + 5 + strlen(name), NULL, 10);
    }
  }
}

static uint64_t held(void *cache) {
  return statistic(cache, "stats\r\n", "curr_items ");
}

/* Memory is counted in pages of a megabyte: at 10 000 small entries the last
 * one makes for a third more. */
static void seal(void *cache) {
  way_t *way = ((memcached_t *)cache)->control;
  uint64_t bytes = statistic(cache, "stats slabs\r\n", "total_malloced ");
  send_all(way, way->out, (size_t)sprintf(way->out, "cache_memlimit %llu\r\n",
                               (unsigned long long)(bytes + 1048575) >> 20));
  read_line(way);
}

static int process(void *cache) {
  return ((memcached_t *)cache)->server.process;
}

const peer_t peer_memcached = {
    .name = "memcached", .open = open_memcached, .close = close_memcached,
    .attach = attach, .detach = detach, .get = get, .set = set,
    .erase = erase, .get_many = get_many, .set_many = set_many, .seal = seal,
    .held = held, .process = process,
};
