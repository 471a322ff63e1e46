#include "server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../driver/clock.h"
#include "../driver/memory.h"

void server_prepare(server_t *server, const char *name) {
  strcpy(server->directory, "/tmp/cachecore-bench.XXXXXX");
  if (mkdtemp(server->directory) == NULL) fail("no directory in /tmp");
  snprintf(server->socket, sizeof server->socket, "%s/%s",
           server->directory, name);
}

int server_start(server_t *server, char *const arguments[]) {
  server->process = fork();
  if (server->process < 0) fail("cannot fork");
  if (server->process == 0) {
    int nowhere = open("/dev/null", O_RDWR);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(nowhere, STDIN_FILENO);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    execvp(arguments[0], arguments);
    _exit(127);
  }
  int connection = server_connect(server);
  if (connection < 0) return 0;
  close(connection);
  return 1;
}

int server_connect(const server_t *server) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, server->socket, sizeof address.sun_path - 1);
  int connection = socket(AF_UNIX, SOCK_STREAM, 0);
  for (int i = 0; i < 500; i++) {
    if (connect(connection, (struct sockaddr *)&address, sizeof address) == 0)
      return connection;
    if (waitpid(server->process, NULL, WNOHANG) > 0) break;
    sleep_ns(10000000);
  }
  close(connection);
  return -1;
}

void server_stop(server_t *server) {
  kill(server->process, SIGKILL);
  waitpid(server->process, NULL, 0);
  unlink(server->socket);
  rmdir(server->directory);
}
