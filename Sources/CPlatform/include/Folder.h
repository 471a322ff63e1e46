/*
 * Folder.h - files by their names in a folder that is open, so that what is
 * written beside a file is in the same folder whatever is renamed meanwhile.
 * SharedMemory.h has the rest of what is done with files, and says what these
 * functions give.
 */
#ifndef FOLDER_H
#define FOLDER_H

#include "SharedMemory.h"

PLATFORM_INLINE long platform_open(int folder, const char *path, int flags,
                                   unsigned mode) {
  PLATFORM_RETRIED(syscall(SYS_openat, folder, path, flags | O_CLOEXEC, mode));
}

/* Opens a folder for its name alone, which needs no permission to list it.  (A
 * number, for fcntl.h has the name only among GNU's extensions.) */
#define PLATFORM_PATH_ONLY 010000000

/* What would be beyond the process's limit is an error here, and no signal. */
PLATFORM_INLINE long platform_write(int file, const void *from, size_t size,
                                    uint64_t offset) {
  if (offset + size > platform_file_size_limit()) return -EFBIG;
  return platform_write_file(file, from, size, offset);
}

PLATFORM_INLINE long platform_sync(int file) {
  PLATFORM_RETRIED(syscall(SYS_fsync, file));
}

PLATFORM_INLINE long platform_rename_in(int folder, const char *from,
                                     const char *to) {
  PLATFORM_RETRIED(syscall(SYS_renameat, folder, from, folder, to));
}

PLATFORM_INLINE long platform_unlink_in(int folder, const char *name) {
  PLATFORM_RETRIED(syscall(SYS_unlinkat, folder, name, 0));
}

typedef struct platform_file_kind {
  uint64_t size;
  bool is_regular;
  bool is_own_or_roots; /* by the effective user */
  bool is_writable_by_others;
} platform_file_kind_t;

PLATFORM_INLINE void platform_describe(const struct stat *from,
                                       platform_file_kind_t *to) {
  uid_t user = (uid_t)syscall(SYS_geteuid);
  to->size = from->st_size > 0 ? (uint64_t)from->st_size : 0;
  to->is_regular = S_ISREG(from->st_mode);
  to->is_own_or_roots = from->st_uid == user || from->st_uid == 0;
  to->is_writable_by_others = (from->st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

/* Of an open file. */
PLATFORM_INLINE long platform_stat(int file, platform_file_kind_t *out) {
  struct stat status;
  long result = syscall(SYS_fstat, file, &status);
  if (result < 0) return -(long)errno;
  platform_describe(&status, out);
  return 0;
}

/* Of what has this name in a folder, be it a symbolic link. */
PLATFORM_INLINE long platform_stat_name(int folder, const char *name,
                                        platform_file_kind_t *out) {
  struct stat status;
  long result = syscall(SYS_newfstatat, folder, name, &status,
                        AT_SYMLINK_NOFOLLOW);
  if (result < 0) return -(long)errno;
  platform_describe(&status, out);
  return 0;
}

#endif /* FOLDER_H */
