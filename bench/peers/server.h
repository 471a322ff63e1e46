/* server.h - a server of our own, in a directory of its own, on a socket. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <sys/types.h>

typedef struct server {
  pid_t process;
  char directory[64];
  char socket[96]; /* the socket's path */
} server_t;

/* Makes the directory; `socket` is where the server shall listen. */
void server_prepare(server_t *server, const char *name);

/* Starts the program, which ends with us.  False: there is no such program. */
int server_start(server_t *server, char *const arguments[]);

/* A connection to it; waits a few seconds for the server to come up. */
int server_connect(const server_t *server);

void server_stop(server_t *server);

#endif
