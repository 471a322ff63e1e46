/*
 * SharedMemory.h - what a cache that processes share needs from Linux: files,
 * locks on their bytes, memory that is a file's, and what /proc says.
 *
 * Like CPlatform.h it has no policy.  Every function is one system call, asked
 * again when a signal came between, and gives what the call gave, or a negative
 * error number.  All are made by `syscall`, which is no cancellation point.
 */
#ifndef SHAREDMEMORY_H
#define SHAREDMEMORY_H

#include "CPlatform.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* Of fcntl.h with _GNU_SOURCE, of later headers, or of the kernel's alone. */
enum {
  PLATFORM_F_OFD_GETLK = 36,
  PLATFORM_F_OFD_SETLK = 37,
  PLATFORM_F_ADD_SEALS = 1033,
  PLATFORM_F_GET_SEALS = 1034,
  PLATFORM_SEAL_SEAL = 1,
  PLATFORM_SEAL_SHRINK = 2,
  PLATFORM_SEAL_GROW = 4,
  PLATFORM_SEAL_WRITE = 8 | 16, /* and F_SEAL_FUTURE_WRITE */
  PLATFORM_MFD_CLOEXEC = 1,
  PLATFORM_MFD_ALLOW_SEALING = 2,
  PLATFORM_FALLOC_KEEP_SIZE = 1,
  PLATFORM_FALLOC_PUNCH_HOLE = 2,
  PLATFORM_AT_EMPTY_PATH = 0x1000,
  PLATFORM_MADV_POPULATE_WRITE = 23,
  PLATFORM_MAP_FIXED_NOREPLACE = 0x100000
};

#define PLATFORM_RETRIED(...)                              \
  do {                                                     \
    long result_;                                          \
    do                                                     \
      result_ = (__VA_ARGS__);                             \
    while (result_ < 0 && errno == EINTR);                 \
    return result_ < 0 ? -(long)errno : result_;           \
  } while (0)

/* ---- Files --------------------------------------------------------------- */

/* What Swift cannot see of fcntl.h's macros, in one place. */
enum {
  PLATFORM_OPEN_WRITE = 1,  /* for reading and writing; else for reading */
  PLATFORM_OPEN_CREATE = 2, /* a new file, mode 0600; none may be there */
  PLATFORM_OPEN_FOLLOW = 4  /* also through a symbolic link */
};

/* Never a terminal of ours, never waits for the other end of a pipe. */
PLATFORM_INLINE long platform_open_file(const char *path, long how) {
  int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  flags |= how & PLATFORM_OPEN_WRITE ? O_RDWR : O_RDONLY;
  if (how & PLATFORM_OPEN_CREATE) flags |= O_CREAT | O_EXCL;
  if (!(how & PLATFORM_OPEN_FOLLOW)) flags |= O_NOFOLLOW;
  PLATFORM_RETRIED(syscall(SYS_openat, AT_FDCWD, path, flags, 0600));
}

/* The descriptor is gone whatever the system says, so it is asked once. */
PLATFORM_INLINE void platform_close_file(int32_t fd) {
  syscall(SYS_close, fd);
}

PLATFORM_INLINE long platform_memory_file(void) {
  PLATFORM_RETRIED(syscall(SYS_memfd_create, "cachecore",
                           PLATFORM_MFD_CLOEXEC | PLATFORM_MFD_ALLOW_SEALING));
}

/* The same open file at `least` or the next number that is free. */
PLATFORM_INLINE long platform_duplicate(int32_t fd, int32_t least) {
  PLATFORM_RETRIED(syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, least));
}

PLATFORM_INLINE bool platform_is_writable(int32_t fd) {
  long flags = syscall(SYS_fcntl, fd, F_GETFL, 0);
  return flags >= 0 && (flags & O_ACCMODE) == O_RDWR;
}

/* The seals, or an error: what it is has none. */
PLATFORM_INLINE long platform_seals(int32_t fd) {
  PLATFORM_RETRIED(syscall(SYS_fcntl, fd, PLATFORM_F_GET_SEALS, 0));
}

PLATFORM_INLINE long platform_seal(int32_t fd, long seals) {
  PLATFORM_RETRIED(syscall(SYS_fcntl, fd, PLATFORM_F_ADD_SEALS, seals));
}

typedef struct platform_file {
  uint64_t device, inode, size, links;
  uint64_t allocated; /* bytes that it has room for */
  uint32_t mode, owner;
} platform_file_t;

/* Of an open file (path ""), or of what is at a path, which may be a link. */
PLATFORM_INLINE long platform_file_status(int32_t fd, const char *path,
                                          bool follows,
                                          platform_file_t *out) {
  struct stat s;
  int flags = PLATFORM_AT_EMPTY_PATH | (follows ? 0 : AT_SYMLINK_NOFOLLOW);
  long result;
  memset(out, 0, sizeof *out);
  do
    result = syscall(SYS_newfstatat, fd, path, &s, flags);
  while (result < 0 && errno == EINTR);
  if (result < 0) return -(long)errno;
  out->device = (uint64_t)s.st_dev;
  out->inode = (uint64_t)s.st_ino;
  out->size = (uint64_t)s.st_size;
  out->allocated = (uint64_t)s.st_blocks * 512;
  out->links = (uint64_t)s.st_nlink;
  out->mode = (uint32_t)s.st_mode;
  out->owner = (uint32_t)s.st_uid;
  return 0;
}

PLATFORM_INLINE bool platform_is_regular(uint32_t mode) {
  return S_ISREG(mode);
}

typedef struct platform_space {
  uint64_t bytes, available; /* 0 bytes: as much as there is memory */
  uint64_t kind;             /* of the file system, as in linux/magic.h */
} platform_space_t;

PLATFORM_INLINE long platform_file_space(int32_t fd, platform_space_t *out) {
  struct statfs s;
  long result;
  memset(out, 0, sizeof *out);
  do
    result = syscall(SYS_fstatfs, fd, &s);
  while (result < 0 && errno == EINTR);
  if (result < 0) return -(long)errno;
  out->bytes = (uint64_t)s.f_blocks * (uint64_t)s.f_bsize;
  out->available = (uint64_t)s.f_bavail * (uint64_t)s.f_bsize;
  out->kind = (uint32_t)s.f_type;
  return 0;
}

/* The largest file that this process may make; the system would send it a
 * signal for a larger one. */
PLATFORM_INLINE uint64_t platform_file_size_limit(void) {
  struct { uint64_t soft, hard; } limit;
  if (syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) != 0)
    return UINT64_MAX;
  return limit.soft;
}

PLATFORM_INLINE long platform_set_file_size(int32_t fd, uint64_t size) {
  PLATFORM_RETRIED(syscall(SYS_ftruncate, fd, size));
}

/* So that there is room for these bytes of a file. */
PLATFORM_INLINE long platform_allocate(int32_t fd, uint64_t at, uint64_t size) {
  PLATFORM_RETRIED(
      syscall(SYS_fallocate, fd, PLATFORM_FALLOC_KEEP_SIZE, at, size));
}

/* These bytes become zeros, which take no room. */
PLATFORM_INLINE long platform_punch(int32_t fd, uint64_t at, uint64_t size) {
  PLATFORM_RETRIED(
      syscall(SYS_fallocate, fd,
              PLATFORM_FALLOC_KEEP_SIZE | PLATFORM_FALLOC_PUNCH_HOLE, at,
              size));
}

/* Where the first hole of a file is from there on: at its end, if there is no
 * other. */
PLATFORM_INLINE long platform_next_hole(int32_t fd, uint64_t at) {
  enum { PLATFORM_SEEK_HOLE = 4 };
  PLATFORM_RETRIED(syscall(SYS_lseek, fd, at, PLATFORM_SEEK_HOLE));
}

PLATFORM_INLINE long platform_read_file(int32_t fd, void *to, size_t size,
                                        uint64_t at) {
  PLATFORM_RETRIED(syscall(SYS_pread64, fd, to, size, at));
}

PLATFORM_INLINE long platform_write_file(int32_t fd, const void *from,
                                         size_t size, uint64_t at) {
  PLATFORM_RETRIED(syscall(SYS_pwrite64, fd, from, size, at));
}

PLATFORM_INLINE long platform_rename(const char *from, const char *to) {
  PLATFORM_RETRIED(
      syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

PLATFORM_INLINE long platform_unlink(const char *path) {
  PLATFORM_RETRIED(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

PLATFORM_INLINE long platform_read_link(const char *path, char *to,
                                        size_t size) {
  PLATFORM_RETRIED(syscall(SYS_readlinkat, AT_FDCWD, path, to, size));
}

/* What is read of a directory, in struct linux_dirent64. */
PLATFORM_INLINE long platform_read_directory(int32_t fd, void *to,
                                             size_t size) {
  PLATFORM_RETRIED(syscall(SYS_getdents64, fd, to, size));
}

/* The bytes of the working directory's path, its end included. */
PLATFORM_INLINE long platform_working_directory(char *to, size_t size) {
  PLATFORM_RETRIED(syscall(SYS_getcwd, to, size));
}

/* ---- Locks on bytes of files --------------------------------------------- */

/*
 * Open file description locks: a lock belongs to what `open` made, whoever has
 * a descriptor of that or a mapping, and ends with the last of these.
 */
PLATFORM_INLINE long platform_lock_byte(int32_t fd, uint64_t byte,
                                        bool shared) {
  struct flock lock;
  memset(&lock, 0, sizeof lock);
  lock.l_type = shared ? F_RDLCK : F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = (off_t)byte;
  lock.l_len = 1;
  PLATFORM_RETRIED(syscall(SYS_fcntl, fd, PLATFORM_F_OFD_SETLK, &lock));
}

/* 1: another open file has the byte locked; 0: none has. */
PLATFORM_INLINE long platform_is_byte_locked(int32_t fd, uint64_t byte) {
  struct flock lock;
  long result;
  memset(&lock, 0, sizeof lock);
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = (off_t)byte;
  lock.l_len = 1;
  do
    result = syscall(SYS_fcntl, fd, PLATFORM_F_OFD_GETLK, &lock);
  while (result < 0 && errno == EINTR);
  if (result < 0) return -(long)errno;
  return lock.l_type != F_UNLCK;
}

/* ---- Memory that is a file's --------------------------------------------- */

/* A page of addresses that nobody uses, and which keeps the file open: not in
 * the child of a fork, and not in a core dump. */
PLATFORM_INLINE void *platform_anchor(int32_t fd) {
  void *address = mmap(NULL, 4096, PROT_NONE, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) return NULL;
  if (madvise(address, 4096, MADV_DONTFORK) == 0) return address;
  munmap(address, 4096);
  return NULL;
}

PLATFORM_INLINE void platform_drop_anchor(void *address) {
  munmap(address, 4096);
}

/* The first bytes of a file, at `at` if that is not NULL and nobody has these
 * addresses: no huge pages, not in core dumps, not in the child of a fork. */
PLATFORM_INLINE void *platform_map_file(int32_t fd, size_t size, void *at,
                                        bool writable) {
  int flags = MAP_SHARED | MAP_NORESERVE;
  void *address;
  if (at != NULL) flags |= PLATFORM_MAP_FIXED_NOREPLACE;
  address = mmap(at, size, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                 flags, fd, 0);
  if (address == MAP_FAILED) return NULL;
  if ((at == NULL || address == at) &&
      madvise(address, size, MADV_DONTFORK) == 0) {
    (void)madvise(address, size, MADV_NOHUGEPAGE);
    (void)madvise(address, size, MADV_DONTDUMP);
    return address;
  }
  munmap(address, size);
  return NULL;
}

/* So that these pages can be written to.  -EINVAL: the kernel is older than
 * that (5.14). */
PLATFORM_INLINE long platform_populate(void *address, size_t size) {
  PLATFORM_RETRIED(madvise(address, size, PLATFORM_MADV_POPULATE_WRITE));
}

/* Gives these pages back, the file's too: they are zeros then. */
PLATFORM_INLINE long platform_remove_pages(void *address, size_t size) {
  PLATFORM_RETRIED(madvise(address, size, MADV_REMOVE));
}

/* ---- Processes ----------------------------------------------------------- */

PLATFORM_INLINE uint32_t platform_process_id(void) {
  return (uint32_t)syscall(SYS_getpid);
}

PLATFORM_INLINE uint32_t platform_effective_user(void) {
  return (uint32_t)syscall(SYS_geteuid);
}

/* Whether a process has this number in this namespace; true also if that is
 * not to be found out. */
PLATFORM_INLINE bool platform_is_process(uint32_t pid) {
  return syscall(SYS_kill, pid, 0) == 0 || errno != ESRCH;
}

typedef struct platform_entry {
  uint32_t number; /* its name, if that is a number; else 0 */
  uint32_t size;
} platform_entry_t;

/* One of those that platform_read_directory gave. */
PLATFORM_INLINE platform_entry_t platform_directory_entry(const void *at) {
  const struct {
    uint64_t inode;
    int64_t next;
    unsigned short size;
    unsigned char kind;
    char name[];
  } *entry = at;
  platform_entry_t out = {0, entry->size};
  const char *p;
  for (p = entry->name; *p >= '0' && *p <= '9'; p++)
    out.number = out.number * 10 + (uint32_t)(*p - '0');
  return out;
}

#endif /* SHAREDMEMORY_H */
