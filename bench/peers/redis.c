/* Redis over a unix socket, by hiredis; one connection for each thread. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "../driver/memory.h"
#include "../driver/peer.h"
#include "server.h"

typedef struct redis {
  server_t server;
  redisContext *control;
} redis_t;

static void *attach(void *cache) {
  redis_t *redis = cache;
  redisContext *way = redisConnectUnix(redis->server.socket);
  if (way == NULL || way->err) fail("cannot connect to Redis");
  return way;
}

static void detach(void *way) { redisFree(way); }

static void *open_redis(const peer_options_t *options) {
  redis_t *redis = must_allocate(sizeof *redis);
  (void)options;
  server_prepare(&redis->server, "redis");
  char *arguments[] = {"redis-server", "--port", "0", "--unixsocket",
                       redis->server.socket, "--dir", redis->server.directory,
                       "--save", "", "--appendonly", "no",
                       "--maxmemory-policy", "allkeys-lru", NULL};
  if (!server_start(&redis->server, arguments)) return NULL;
  redis->control = attach(redis);
  return redis;
}

static void close_redis(void *cache) {
  redis_t *redis = cache;
  redisFree(redis->control);
  server_stop(&redis->server);
  free(redis);
}

/* Fails on errors; the caller frees the reply. */
static redisReply *checked(redisContext *way, void *reply) {
  redisReply *r = reply;
  if (r == NULL || r->type == REDIS_REPLY_ERROR) {
    fail("Redis: %s", r != NULL ? r->str : way->errstr);
  }
  return r;
}

static size_t copy_out(const redisReply *reply, void *buffer,
                       size_t capacity) {
  if (reply->type != REDIS_REPLY_STRING) return 0;
  size_t size = (size_t)reply->len;
  if (size <= capacity) memcpy(buffer, reply->str, size);
  return size;
}

static size_t get(void *way, const char *key, void *buffer, size_t capacity) {
  const char *words[] = {"GET", key};
  const size_t sizes[] = {3, KEY_SIZE};
  redisReply *reply = checked(way, redisCommandArgv(way, 2, words, sizes));
  size_t size = copy_out(reply, buffer, capacity);
  freeReplyObject(reply);
  return size;
}

static size_t get_many(void *way, const char *keys, size_t count,
                       char *buffers, size_t capacity) {
  const char *words[1 + BATCH] = {"MGET"};
  size_t sizes[1 + BATCH] = {4}, found = 0;
  for (size_t i = 0; i < count; i++) {
    words[1 + i] = keys + i * KEY_SIZE;
    sizes[1 + i] = KEY_SIZE;
  }
  redisReply *reply =
      checked(way, redisCommandArgv(way, (int)count + 1, words, sizes));
  for (size_t i = 0; i < count; i++) {
    found += copy_out(reply->element[i], buffers + i * capacity, capacity) > 0;
  }
  freeReplyObject(reply);
  return found;
}

/* SET key value `option` number; the answer is still to be read. */
static void send_set(redisContext *way, const char *key, const void *value,
                     size_t size, const char *option, int64_t number) {
  char digits[24];
  int length = snprintf(digits, sizeof digits, "%lld", (long long)number);
  const char *words[] = {"SET", key, value, option, digits};
  const size_t sizes[] = {3, KEY_SIZE, size, strlen(option), (size_t)length};
  redisAppendCommandArgv(way, 5, words, sizes);
}

static void read_answer(redisContext *way) {
  void *reply = NULL;
  redisGetReply(way, &reply);
  freeReplyObject(checked(way, reply));
}

static void set(void *way, const char *key, const void *value, size_t size) {
  send_set(way, key, value, size, "PX", TTL_MS);
  read_answer(way);
}

static void set_many(void *way, const char *keys, size_t count,
                     const void *value, size_t size,
                     int64_t deadline_unix_ms) {
  for (size_t i = 0; i < count; i++) {
    bool is_until = deadline_unix_ms != 0;
    send_set(way, keys + i * KEY_SIZE, value, size, is_until ? "PXAT" : "PX",
             is_until ? deadline_unix_ms : (int64_t)TTL_MS);
  }
  for (size_t i = 0; i < count; i++) read_answer(way);
}

static bool erase(void *way, const char *key) {
  redisReply *reply = checked(
      way, redisCommand(way, "DEL %b", key, (size_t)KEY_SIZE));
  bool removed = reply->integer > 0;
  freeReplyObject(reply);
  return removed;
}

static uint64_t held(void *cache) {
  redis_t *redis = cache;
  redisReply *reply =
      checked(redis->control, redisCommand(redis->control, "DBSIZE"));
  uint64_t count = (uint64_t)reply->integer;
  freeReplyObject(reply);
  return count;
}

/* With some room for what the connections of the workers will take. */
static void seal(void *cache) {
  redis_t *redis = cache;
  redisContext *way = redis->control;
  redisReply *reply = checked(way, redisCommand(way, "INFO memory"));
  const char *used = strstr(reply->str, "used_memory:");
  if (used == NULL) fail("Redis: no used_memory");
  long long bytes = atoll(used + strlen("used_memory:"));
  freeReplyObject(reply);
  freeReplyObject(checked(
      way, redisCommand(way, "CONFIG SET maxmemory %lld", bytes + (1 << 17))));
}

static int process(void *cache) { return ((redis_t *)cache)->server.process; }

const peer_t peer_redis = {
    .name = "redis", .open = open_redis, .close = close_redis,
    .attach = attach, .detach = detach, .get = get, .set = set,
    .erase = erase, .get_many = get_many, .set_many = set_many, .seal = seal,
    .held = held, .process = process,
};
