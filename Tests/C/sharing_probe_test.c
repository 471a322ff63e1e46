/* What caches that processes share assume of the kernel (Sources/CacheCore/
 * Sharing): locks that live on in mappings, how a process's end shows, memory
 * that is there before it is written to.  Times are printed, never asserted. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE = 4096, PF_EXITING = 4 };
static const off_t BYTE = (off_t)1 << 41;

/* ---- Files and locks ----------------------------------------------------- */

/* A new file on tmpfs, on the disk, or in memory; without a name. */
enum place { TMPFS, DISK, MEMORY, PLACES };

static int new_file(enum place place) {
  char path[] = "/dev/shm/cachecore-probe-XXXXXX";
  char on_disk[] = "./cachecore-probe-XXXXXX";
  char *name = place == TMPFS ? path : on_disk;
  int fd;
  if (place == MEMORY)
    return (int)syscall(SYS_memfd_create, "probe", 3 /* CLOEXEC, SEALING */);
  fd = mkstemp(name);
  if (fd >= 0) unlink(name);
  return fd;
}

static int opened_again(int fd) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return open(path, O_RDWR | O_CLOEXEC);
}

static int lock(int fd) {
  struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = BYTE,
                    .l_len = 1};
  return fcntl(fd, F_OFD_SETLK, &l);
}

static int is_locked(int fd) {
  struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = BYTE,
                    .l_len = 1};
  CHECK_INT(fcntl(fd, F_OFD_GETLK, &l), 0);
  return l.l_type != F_UNLCK;
}

/* Locks the byte through an open file that lives on in a mapping alone. */
static void *lock_by_mapping(int fd, int is_inherited) {
  int own = opened_again(fd);
  void *page;
  CHECK(own >= 0);
  CHECK_INT(lock(own), 0);
  page = mmap(NULL, PAGE, PROT_NONE, MAP_SHARED, own, 0);
  CHECK(page != MAP_FAILED);
  if (!is_inherited) CHECK_INT(madvise(page, PAGE, MADV_DONTFORK), 0);
  close(own);
  return page;
}

/* ---- A process that holds something -------------------------------------- */

typedef struct holder {
  pid_t pid;
  int ready; /* readable once it holds it */
} holder_t;

static holder_t start(void (*hold)(int fd, size_t), int fd, size_t size) {
  int ends[2];
  char byte = 0;
  holder_t holder;
  CHECK_INT(pipe(ends), 0);
  fflush(NULL);
  holder.pid = fork();
  CHECK(holder.pid >= 0);
  if (holder.pid == 0) {
    close(ends[0]);
    hold(fd, size);
    if (write(ends[1], &byte, 1) != 1) _exit(1);
    for (;;) pause();
  }
  close(ends[1]);
  CHECK_INT(read(ends[0], &byte, 1), 1);
  holder.ready = ends[0];
  return holder;
}

static void kill_and_wait(holder_t holder) {
  CHECK_INT(kill(holder.pid, SIGKILL), 0);
  CHECK_INT(waitpid(holder.pid, NULL, 0), holder.pid);
  close(holder.ready);
}

static void hold_lock(int fd, size_t size) {
  int other;
  (void)size;
  lock_by_mapping(fd, 0);
  other = opened_again(fd); /* POSIX locks would end here */
  CHECK(other >= 0);
  close(other);
  close(fd);
}

static void lock_lives_on(void) {
  enum place place;
  for (place = TMPFS; place < PLACES; place++) {
    int fd = new_file(place);
    holder_t holder;
    CHECK(fd >= 0);
    CHECK(!is_locked(fd));
    holder = start(hold_lock, fd, 0);
    CHECK(is_locked(fd));
    kill_and_wait(holder);
    CHECK(!is_locked(fd)); /* who was waited for has let go */
    close(fd);
  }
}

static void own_lock_is_seen(void) {
  int fd = new_file(TMPFS);
  void *page = lock_by_mapping(fd, 0);
  CHECK(is_locked(fd));
  CHECK_INT(munmap(page, PAGE), 0);
  CHECK(!is_locked(fd));
  close(fd);
}

/* ---- fork and exec ------------------------------------------------------- */

static pid_t grandchild(int fd, size_t is_inherited) {
  pid_t pid;
  lock_by_mapping(fd, (int)is_inherited);
  close(fd);
  pid = fork();
  if (pid == 0) {
    alarm(60);
    for (;;) pause();
  }
  return pid;
}

static void hold_and_fork(int fd, size_t is_inherited) {
  int out = opened_again(fd);
  pid_t pid = grandchild(fd, is_inherited);
  CHECK_INT(pwrite(out, &pid, sizeof pid, 0), sizeof pid);
  close(out);
}

static void child_and_lock(void) {
  int is_inherited;
  for (is_inherited = 0; is_inherited < 2; is_inherited++) {
    int fd = new_file(TMPFS);
    holder_t holder = start(hold_and_fork, fd, (size_t)is_inherited);
    pid_t child;
    CHECK_INT(pread(fd, &child, sizeof child, 0), sizeof child);
    CHECK(is_locked(fd));
    kill_and_wait(holder);
    CHECK_INT(kill(child, 0), 0); /* it lives on */
    CHECK_INT(is_locked(fd), is_inherited); /* MADV_DONTFORK matters */
    CHECK_INT(kill(child, SIGKILL), 0);
    close(fd);
  }
}

static void descriptors_share(void) {
  int fd = new_file(TMPFS), again = opened_again(fd), status;
  pid_t child;
  CHECK_INT(lock(fd), 0);
  fflush(NULL);
  child = fork();
  if (child == 0) {
    int own = opened_again(fd);
    if (lock(fd) != 0) _exit(1); /* it has the lock as well */
    if (is_locked(fd)) _exit(2);
    if (lock(own) == 0 || errno != EAGAIN) _exit(3);
    _exit(0);
  }
  CHECK_INT(waitpid(child, &status, 0), child);
  CHECK_INT(status, 0);
  CHECK(is_locked(again));
  close(fd);
  CHECK(!is_locked(again));
  close(again);
}

/* An exec drops the old memory, and the files that lie in it, in no order that
 * is promised: the pipe may say so before the lock has ended. */
static int lock_ends(int fd) {
  int ms;
  for (ms = 0; ms < 10000 && is_locked(fd); ms++) sleep_ms(1);
  return !is_locked(fd);
}

static void exec_lets_go(void) {
  int fd = new_file(TMPFS), ends[2];
  char byte;
  pid_t child;
  CHECK_INT(pipe(ends), 0);
  CHECK_INT(fcntl(ends[1], F_SETFD, FD_CLOEXEC), 0);
  fflush(NULL);
  child = fork();
  if (child == 0) {
    close(ends[0]);
    lock_by_mapping(fd, 0);
    if (!is_locked(fd)) _exit(1);
    execlp("sleep", "sleep", "20", (char *)NULL);
    _exit(2);
  }
  close(ends[1]);
  CHECK_INT(read(ends[0], &byte, 1), 0); /* closed: it has become another */
  CHECK(lock_ends(fd));
  CHECK_INT(waitpid(child, NULL, WNOHANG), 0); /* it lives on */
  CHECK_INT(kill(child, SIGKILL), 0);
  CHECK_INT(waitpid(child, NULL, 0), child);
  close(fd);
}

/* ---- How an end shows ---------------------------------------------------- */

typedef struct line {
  char state;
  unsigned long flags;
  long threads;
} line_t;

/* A process's line of /proc; 0: there is none. */
static int read_line(pid_t pid, line_t *line) {
  char path[64], text[1024], *p;
  ssize_t size;
  int fd;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  fd = open(path, O_RDONLY);
  if (fd < 0) return 0;
  size = read(fd, text, sizeof text - 1);
  close(fd);
  if (size <= 0) return 0;
  text[size] = 0;
  p = strrchr(text, ')');
  CHECK(p != NULL);
  CHECK_INT(sscanf(p + 2, "%c %*d %*d %*d %*d %*d %lu %*u %*u %*u %*u %*u %*u"
                   " %*d %*d %*d %*d %ld", &line->state, &line->flags,
                   &line->threads), 3);
  return 1;
}

static int has_ended(pid_t pid) {
  line_t line;
  return !read_line(pid, &line) || line.flags & PF_EXITING ||
         line.state == 'Z';
}

static void hold_memory(int fd, size_t size) {
  char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  size_t i;
  CHECK(memory != MAP_FAILED);
  (void)madvise(memory, size, MADV_NOHUGEPAGE);
  for (i = 0; i < size; i += PAGE) memory[i] = 1;
  hold_lock(fd, 0);
}

static size_t available_bytes(void) {
  FILE *file = fopen("/proc/meminfo", "r");
  char line[256];
  size_t kilobytes = 0;
  while (file != NULL && fgets(line, sizeof line, file) != NULL)
    if (sscanf(line, "MemAvailable: %zu", &kilobytes) == 1) break;
  if (file != NULL) fclose(file);
  return kilobytes << 10;
}

static void time_to_end(size_t size) {
  int fd = new_file(TMPFS);
  holder_t holder = start(hold_memory, fd, size);
  double killed, shown = 0;
  CHECK(!has_ended(holder.pid) && is_locked(fd));
  killed = now_ms();
  CHECK_INT(kill(holder.pid, SIGKILL), 0);
  while (is_locked(fd))
    if (shown == 0 && has_ended(holder.pid)) shown = now_ms();
  printf("%zu MB: after kill -9 /proc says so in %.2f ms, the lock ends in "
         "%.2f ms\n", size >> 20, (shown == 0 ? now_ms() : shown) - killed,
         now_ms() - killed);
  CHECK(has_ended(holder.pid)); /* never after the lock */
  CHECK_INT(waitpid(holder.pid, NULL, 0), holder.pid);
  close(holder.ready);
  close(fd);
}

static void an_end_shows(void) {
  size_t large = (size_t)1 << 30;
  while (large > available_bytes() / 2) large /= 2;
  time_to_end(1 << 20);
  time_to_end(large);
}

static void *sleep_on(void *argument) {
  for (;;) pause();
  return argument;
}

static void leave_a_thread(int fd, size_t size) {
  pthread_t thread;
  lock_by_mapping(fd, 0);
  (void)size;
  CHECK_INT(pthread_create(&thread, NULL, sleep_on, NULL), 0);
}

/* `start` would go on with the first thread; here it ends. */
static void first_thread_ends(void) {
  int fd = new_file(TMPFS);
  pid_t child;
  line_t line;
  fflush(NULL);
  child = fork();
  if (child == 0) {
    leave_a_thread(fd, 0);
    syscall(SYS_exit, 0); /* of this thread */
  }
  do {
    CHECK(read_line(child, &line));
    sleep_ms(1);
  } while (line.state != 'Z');
  /* A zombie by its line, and it lives: threads must be counted. */
  CHECK(line.flags & PF_EXITING);
  CHECK_INT(line.threads, 2);
  CHECK(is_locked(fd));
  CHECK_INT(kill(child, SIGKILL), 0);
  CHECK_INT(waitpid(child, NULL, 0), child);
  CHECK(!is_locked(fd));
  close(fd);
}

/* ---- Memory -------------------------------------------------------------- */

static uint64_t blocks_of(int fd) {
  struct stat s;
  CHECK_INT(fstat(fd, &s), 0);
  return (uint64_t)s.st_blocks;
}

static char *map_all(int fd, size_t size) {
  char *memory;
  CHECK_INT(ftruncate(fd, (off_t)size), 0);
  memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_NORESERVE, fd, 0);
  CHECK(memory != MAP_FAILED);
  return memory;
}

/* 0 on kernels before 5.14. */
static int can_populate(void) {
  char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int result = madvise(page, PAGE, MADV_POPULATE_WRITE);
  munmap(page, PAGE);
  return result == 0;
}

static int commit(int fd, char *memory, size_t at, size_t size) {
  if (can_populate())
    return madvise(memory + at, size, MADV_POPULATE_WRITE);
  return fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)size);
}

static void removed_is_given_back(void) {
  enum { SIZE = 8 << 20, HALF = SIZE / 2 };
  enum place place;
  for (place = TMPFS; place < PLACES; place++) {
    int fd = new_file(place), i;
    char *memory = map_all(fd, SIZE);
    uint64_t before;
    CHECK_INT(blocks_of(fd), 0);
    CHECK_INT(commit(fd, memory, 0, SIZE), 0);
    memset(memory, 7, SIZE);
    CHECK_INT(fsync(fd), 0); /* a disk's blocks are counted then */
    before = blocks_of(fd);
    CHECK(before >= SIZE / 512);
    CHECK_INT(madvise(memory, HALF, MADV_REMOVE), 0);
    CHECK(blocks_of(fd) <= before - HALF / 512);
    for (i = 0; i < SIZE; i += PAGE) CHECK_INT(memory[i], i < HALF ? 0 : 7);
    CHECK_INT(munmap(memory, SIZE), 0);
    close(fd);
  }
}

static void memory_is_sealed(void) {
  int fd = new_file(MEMORY);
  CHECK_INT(ftruncate(fd, 1 << 20), 0);
  CHECK_INT(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
  CHECK_INT(ftruncate(fd, 2 << 20), 0);
  CHECK(ftruncate(fd, 1 << 20) != 0 && errno == EPERM);
  CHECK(opened_again(fd) >= 0);
  close(fd);
}

/* ---- File systems of our own --------------------------------------------- */

static void write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY);
  if (fd >= 0 && write(fd, text, strlen(text)) < 0) perror(path);
  if (fd >= 0) close(fd);
}

/* Mounts of this process alone; 0: not allowed here. */
static int own_mounts(void) {
  char map[64];
  uid_t user = getuid();
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return 0;
    snprintf(map, sizeof map, "0 %u 1", (unsigned)user);
    write_text("/proc/self/uid_map", map);
  }
  return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* A tmpfs of 1 MB, in which there are 4 MB of a file; NULL: not to be had. */
static char *map_on_full(char *directory, int *fd_out) {
  char path[128];
  if (!own_mounts() || mkdtemp(directory) == NULL) return NULL;
  if (mount("none", directory, "tmpfs", 0, "size=1m") != 0) return NULL;
  snprintf(path, sizeof path, "%s/file", directory);
  *fd_out = open(path, O_RDWR | O_CREAT, 0600);
  CHECK(*fd_out >= 0);
  return map_all(*fd_out, 4 << 20);
}

static void full_tmpfs(void) {
  char directory[] = "/tmp/cachecore-probe-XXXXXX";
  int fd = -1, status = 0;
  char *memory = map_on_full(directory, &fd);
  pid_t child;
  if (memory == NULL) {
    SKIPPED("no tmpfs can be mounted here");
    return;
  }
  CHECK_INT(commit(fd, memory, 0, 512 << 10), 0);
  memset(memory, 1, 512 << 10);
  CHECK(commit(fd, memory, 512 << 10, 3 << 20) != 0); /* and no signal */
  printf("no room: %s\n", strerror(errno));
  CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 512 << 10, 3 << 20) != 0);
  CHECK_INT(errno, ENOSPC);
  CHECK_INT(memory[(512 << 10) - 1], 1);
  /* Why nothing is given back here: to read a hole takes a page. */
  CHECK_INT(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, blocks_of(fd) * 512), 0);
  while (fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)blocks_of(fd) * 512,
                   PAGE) == 0)
    continue;
  fflush(NULL);
  child = fork();
  if (child == 0) _exit(((volatile char *)memory)[(4 << 20) - 1]);
  CHECK_INT(waitpid(child, &status, 0), child);
  printf("reading a hole when it is full: %s\n",
         WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "zeros");
  close(fd);
  umount2(directory, MNT_DETACH); /* the file is still mapped */
  rmdir(directory);
}

/* overlayfs may map another file than it opened; a library that finds the lock
 * gone refuses. */
static void overlay(void) {
  char top[] = "/tmp/cachecore-probe-XXXXXX", path[512], options[256];
  int fd;
  if (!own_mounts() || mkdtemp(top) == NULL ||
      mount("none", top, "tmpfs", 0, "size=1m") != 0) {
    SKIPPED("no tmpfs can be mounted here");
    return;
  }
  snprintf(path, sizeof path, "%s/lower", top);
  CHECK_INT(mkdir(path, 0700), 0);
  snprintf(path, sizeof path, "%s/lower/file", top);
  close(open(path, O_RDWR | O_CREAT, 0600));
  snprintf(path, sizeof path, "%s/upper", top);
  CHECK_INT(mkdir(path, 0700), 0);
  snprintf(path, sizeof path, "%s/work", top);
  CHECK_INT(mkdir(path, 0700), 0);
  snprintf(path, sizeof path, "%s/merged", top);
  CHECK_INT(mkdir(path, 0700), 0);
  snprintf(options, sizeof options, "lowerdir=%s/lower,upperdir=%s/upper,"
           "workdir=%s/work", top, top, top);
  if (mount("none", path, "overlay", 0, options) != 0) {
    SKIPPED("no overlayfs can be mounted here");
  } else {
    snprintf(path, sizeof path, "%s/merged/file", top);
    fd = open(path, O_RDWR);
    CHECK(fd >= 0);
    lock_by_mapping(fd, 0);
    printf("overlayfs: the lock %s the descriptor\n",
           is_locked(fd) ? "outlives" : "ends with");
    close(fd);
    snprintf(path, sizeof path, "%s/merged", top);
    umount2(path, MNT_DETACH);
  }
  umount2(top, MNT_DETACH);
  rmdir(top);
}

TESTS(T(lock_lives_on), T(own_lock_is_seen), T(child_and_lock),
      T(descriptors_share), T(exec_lets_go), T(an_end_shows),
      T(first_thread_ends), T(removed_is_given_back), T(memory_is_sealed),
      T(full_tmpfs), T(overlay))
