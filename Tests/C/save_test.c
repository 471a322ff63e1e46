/* A cache in a file: what may go wrong between it and the disk. */
#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

enum { KEPT = 1000, VALUE_MAX = 5000 };

/* ---- A folder, and what is in it ----------------------------------------- */

static char folder[256], path[300];

static void remove_folder(void) {
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  if (system(command) != 0) fprintf(stderr, "%s is left\n", folder);
}

static void make_folder(void) {
  snprintf(folder, sizeof folder, "/tmp/cachecore-save-XXXXXX");
  CHECK(mkdtemp(folder) != NULL);
  snprintf(path, sizeof path, "%s/file", folder);
  atexit(remove_folder);
}

static unsigned files_in_folder(void) {
  DIR *opened = opendir(folder);
  struct dirent *entry;
  unsigned count = 0;
  CHECK(opened != NULL);
  while ((entry = readdir(opened)) != NULL)
    count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..");
  closedir(opened);
  return count;
}

/* ---- A cache, and whether it is whole ------------------------------------ */

static size_t size_of(uint64_t key) { return 10 + key * 37 % (VALUE_MAX - 10); }

static void fill(cachecore_t *cache, uint64_t count, uint64_t salt) {
  unsigned char bytes[VALUE_MAX];
  uint64_t key;
  for (key = 0; key < count; key++) {
    fill_pattern(bytes, size_of(key), key, salt);
    CHECK_OK(set_number(cache, key, bytes, size_of(key), 0));
  }
}

static cachecore_t *filled(uint64_t count, uint64_t salt) {
  cachecore_t *cache = open_plain(100000, 0);
  fill(cache, count, salt);
  return cache;
}

/* Loads the file into a cache of its own; how many were stored, each whole. */
static uint64_t load_checked(uint64_t keys) {
  cachecore_t *cache = open_plain(100000, 0);
  unsigned char bytes[VALUE_MAX];
  uint64_t loaded, found = 0, key;
  size_t size;
  CHECK_OK(cachecore_load(cache, path, &loaded));
  for (key = 0; key < keys; key++) {
    cachecore_status_t status =
        cachecore_get(cache, &key, sizeof key, bytes, sizeof bytes, &size);
    if (status == CACHECORE_MISS) continue;
    CHECK_OK(status);
    CHECK_INT(size, size_of(key));
    CHECK(holds_pattern(bytes, size, key));
    found++;
  }
  CHECK_INT(found, loaded);
  CHECK_INT(cachecore_count(cache), loaded);
  cachecore_close(cache);
  return loaded;
}

static void check_save(cachecore_t *cache, const char *to,
                       cachecore_status_t expected) {
  uint64_t saved = 77;
  CHECK_INT(cachecore_save(cache, to, &saved), expected);
  if (expected != CACHECORE_OK) CHECK_INT(saved, 0);
}

static void check_load(const char *from, cachecore_status_t expected) {
  cachecore_t *cache = open_plain(100, 0);
  uint64_t loaded = 77;
  CHECK_INT(cachecore_load(cache, from, &loaded), expected);
  CHECK_INT(loaded, 0);
  CHECK_INT(cachecore_count(cache), 0);
  cachecore_close(cache);
}

/* ---- As it should be ----------------------------------------------------- */

static void saves_and_loads(void) {
  cachecore_t *cache;
  struct stat status;
  uint64_t saved;
  make_folder();
  umask(0);
  cache = filled(KEPT, 1);
  CHECK_OK(cachecore_save(cache, path, &saved));
  CHECK_INT(saved, KEPT);
  CHECK(stat(path, &status) == 0 && S_ISREG(status.st_mode));
  CHECK_INT(status.st_mode & 07777, 0600);
  CHECK_INT(load_checked(KEPT), KEPT);
  CHECK_OK(cachecore_delete(cache, &(uint64_t){5}, 8));
  CHECK_OK(cachecore_save(cache, path, NULL)); /* in place of the first */
  CHECK_INT(load_checked(KEPT), KEPT - 1);
  CHECK_OK(cachecore_load(cache, path, NULL));
  CHECK_INT(files_in_folder(), 1);
  cachecore_close(cache);
}

static void relative_paths(void) {
  cachecore_t *cache;
  make_folder();
  CHECK(chdir(folder) == 0);
  cache = filled(10, 1);
  check_save(cache, "file", CACHECORE_OK);
  CHECK_INT(load_checked(10), 10);
  check_save(cache, "./other", CACHECORE_OK);
  CHECK(mkdir("sub", 0700) == 0);
  check_save(cache, "sub/../sub/file", CACHECORE_OK);
  check_load("sub/nothing", CACHECORE_E_STATE);
  CHECK_INT(files_in_folder(), 3);
  cachecore_close(cache);
}

static void rejects(void) {
  cachecore_t *cache;
  static char longest[5000];
  uint64_t count;
  make_folder();
  cache = filled(10, 1);
  memset(longest, 'x', sizeof longest - 1);
  check_save(cache, NULL, CACHECORE_E_ARGUMENT);
  check_save(cache, "", CACHECORE_E_ARGUMENT);
  check_save(cache, longest, CACHECORE_E_ARGUMENT);
  check_load(NULL, CACHECORE_E_ARGUMENT);
  check_load("", CACHECORE_E_ARGUMENT);
  check_load(longest, CACHECORE_E_ARGUMENT);
  count = 7;
  CHECK_INT(cachecore_save(NULL, path, &count), CACHECORE_E_ARGUMENT);
  CHECK_INT(count, 0);
  count = 7;
  CHECK_INT(cachecore_load(NULL, path, &count), CACHECORE_E_ARGUMENT);
  CHECK_INT(count, 0);
  check_load(path, CACHECORE_E_STATE);
  snprintf(longest, sizeof longest, "%s/no/file", folder);
  check_save(cache, longest, CACHECORE_E_STATE);
  check_load(longest, CACHECORE_E_STATE);
  CHECK_INT(files_in_folder(), 0);
  cachecore_close(cache);
}

/* ---- What is there is no file -------------------------------------------- */

static void only_regular_files(void) {
  cachecore_t *cache;
  struct stat status;
  char target[300];
  make_folder();
  cache = filled(10, 1);
  snprintf(target, sizeof target, "%s/target", folder);
  check_save(cache, target, CACHECORE_OK);

  CHECK(symlink(target, path) == 0);
  check_save(cache, path, CACHECORE_E_LAYOUT);
  check_load(path, CACHECORE_E_LAYOUT);
  CHECK(lstat(path, &status) == 0 && S_ISLNK(status.st_mode));
  CHECK(unlink(path) == 0);

  CHECK(mkdir(path, 0700) == 0);
  check_save(cache, path, CACHECORE_E_LAYOUT);
  check_load(path, CACHECORE_E_LAYOUT);
  strcat(path, "/");
  check_save(cache, path, CACHECORE_E_LAYOUT);
  check_load(path, CACHECORE_E_LAYOUT);
  path[strlen(path) - 1] = 0;
  CHECK(rmdir(path) == 0);

  CHECK(mkfifo(path, 0600) == 0);
  check_save(cache, path, CACHECORE_E_LAYOUT);
  check_load(path, CACHECORE_E_LAYOUT); /* and does not wait for a writer */
  CHECK(unlink(path) == 0);

  check_save(cache, "/dev/null", CACHECORE_E_LAYOUT);
  check_save(cache, "/dev/full", CACHECORE_E_LAYOUT);
  check_load("/dev/zero", CACHECORE_E_LAYOUT);
  check_load("/dev/null", CACHECORE_E_LAYOUT);
  CHECK_INT(files_in_folder(), 1);
  cachecore_close(cache);
}

static void other_contents(void) {
  int file;
  make_folder();
  file = open(path, O_CREAT | O_WRONLY, 0600);
  check_load(path, CACHECORE_E_LAYOUT);
  CHECK_INT(write(file, "something else", 14), 14);
  check_load(path, CACHECORE_E_LAYOUT);
  CHECK(ftruncate(file, 1 << 20) == 0);
  check_load(path, CACHECORE_E_LAYOUT);
  close(file);
}

/* ---- Who may ------------------------------------------------------------- */

static void permissions(void) {
  cachecore_t *cache;
  make_folder();
  cache = filled(10, 1);
  check_save(cache, path, CACHECORE_OK);
  CHECK(chmod(path, 0644) == 0);
  CHECK_INT(load_checked(10), 10);
  CHECK(chmod(path, 0620) == 0);
  check_load(path, CACHECORE_E_ACCESS);
  CHECK(chmod(path, 0602) == 0);
  check_load(path, CACHECORE_E_ACCESS);
  CHECK(chmod(path, 0600) == 0);
  if (geteuid() == 0) {
    CHECK(chown(path, 12345, 0) == 0);
    check_load(path, CACHECORE_E_ACCESS);
    CHECK(chown(path, 0, 0) == 0);
    CHECK(chmod(path, 0644) == 0 && chmod(folder, 0755) == 0);
    CHECK(seteuid(12345) == 0);
    CHECK_INT(load_checked(10), 10); /* root's */
    check_save(cache, path, CACHECORE_E_ACCESS);
    CHECK(seteuid(0) == 0 && chmod(path, 0600) == 0 && seteuid(12345) == 0);
    check_load(path, CACHECORE_E_ACCESS);
    CHECK(seteuid(0) == 0);
    /* It may make files here and not list them. */
    CHECK(chown(folder, 12345, 0) == 0 && chmod(folder, 0300) == 0);
    CHECK(seteuid(12345) == 0);
    check_save(cache, path, CACHECORE_OK);
    CHECK_INT(load_checked(10), 10);
    CHECK(seteuid(0) == 0);
  } else {
    CHECK(chmod(folder, 0500) == 0);
    check_save(cache, path, CACHECORE_E_ACCESS);
    CHECK(chmod(folder, 0700) == 0);
  }
  CHECK_INT(files_in_folder(), 1);
  cachecore_close(cache);
}

/* ---- No room ------------------------------------------------------------- */

/* The old file stays, and nothing beside it. */
static void check_full(cachecore_t *cache) {
  fill(cache, KEPT, 2);
  check_save(cache, path, CACHECORE_E_NO_MEMORY);
  CHECK_INT(files_in_folder(), 1);
  CHECK_INT(load_checked(KEPT), 10);
}

static void beyond_the_limit_of_the_process(void) {
  struct rlimit limit = {100000, 100000};
  cachecore_t *cache;
  make_folder();
  cache = filled(10, 1);
  check_save(cache, path, CACHECORE_OK);
  CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0); /* SIGXFSZ would end it */
  check_full(cache);
  cachecore_close(cache);
}

/* A tmpfs of 1 MB, where this user may mount one. */
static void full_disk(void) {
  cachecore_t *cache;
  uint64_t left;
  make_folder();
  if (mount("none", folder, "tmpfs", 0, "size=1M") != 0) {
    SKIPPED("no tmpfs can be mounted here");
    return;
  }
  cache = filled(10, 1);
  check_save(cache, path, CACHECORE_OK);
  check_full(cache);
  for (left = 0; left < KEPT - 10; left++)
    CHECK_OK(cachecore_delete(cache, &(uint64_t){KEPT - 1 - left}, 8));
  check_save(cache, path, CACHECORE_OK);
  CHECK_INT(load_checked(KEPT), 10);
  cachecore_close(cache);
  CHECK(umount(folder) == 0);
}

static void no_descriptors(void) {
  struct rlimit limit;
  cachecore_t *cache;
  make_folder();
  cache = filled(10, 1);
  check_save(cache, path, CACHECORE_OK);
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = 3;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  check_save(cache, path, CACHECORE_E_NO_MEMORY);
  check_load(path, CACHECORE_E_NO_MEMORY);
  limit.rlim_cur = 4; /* the folder, and not the file */
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  check_save(cache, path, CACHECORE_E_NO_MEMORY);
  limit.rlim_cur = limit.rlim_max;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK_INT(load_checked(10), 10);
  CHECK_INT(files_in_folder(), 1);
  cachecore_close(cache);
}

/* ---- Killed -------------------------------------------------------------- */

/* The child saves caches of ever another size; whenever it is killed, the file
 * is one of them, whole. */
static void kill_while_saving(void) {
  unsigned duration = test_duration_ms(3000), kills = 0;
  double end = now_ms() + duration;
  uint64_t seed = new_seed();
  make_folder();
  while (now_ms() < end) {
    pid_t child;
    fflush(NULL);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      cachecore_t *cache = open_plain(100000, 0);
      uint64_t count;
      for (count = 100;; count += 100) {
        fill(cache, count, count);
        check_save(cache, path, CACHECORE_OK);
        if (count < 1000) continue;
        CHECK_OK(cachecore_clear(cache));
        count = 0;
      }
    }
    usleep((useconds_t)(2000 + random_below(&seed, 60000)));
    CHECK(kill(child, SIGKILL) == 0);
    CHECK_INT(waitpid(child, NULL, 0), child);
    kills++;
    if (access(path, F_OK) == 0) {
      uint64_t loaded = load_checked(2000);
      CHECK(loaded > 0 && loaded % 100 == 0);
    } else {
      CHECK(kills < 50);
    }
  }
  printf("%u kills, %u files left\n", kills, files_in_folder());
  CHECK(kills > 10 && access(path, F_OK) == 0);
}

/* ---- fork, threads ------------------------------------------------------- */

static void in_a_child(void) {
  cachecore_t *cache;
  pid_t child;
  int status;
  make_folder();
  cache = filled(KEPT, 1);
  fflush(NULL);
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CHECK_OK(cachecore_delete(cache, &(uint64_t){1}, 8));
    check_save(cache, path, CACHECORE_OK);
    CHECK_OK(cachecore_clear(cache));
    CHECK_OK(cachecore_load(cache, path, NULL));
    CHECK_INT(cachecore_count(cache), KEPT - 1);
    _exit(0);
  }
  CHECK_INT(waitpid(child, &status, 0), child);
  CHECK_INT(status, 0);
  CHECK_INT(cachecore_count(cache), KEPT);
  CHECK_INT(load_checked(KEPT), KEPT - 1);
  cachecore_close(cache);
}

enum { SAVERS = 4, ROUNDS = 20 };

static void save_and_load(worker_t *worker) {
  uint64_t count;
  unsigned round;
  for (round = 0; round < ROUNDS; round++) {
    if (worker->index % 2 == 0) {
      CHECK_OK(cachecore_save(worker->cache, path, &count));
      CHECK_INT(count, KEPT);
    } else {
      CHECK_OK(cachecore_load(worker->cache, path, &count));
      CHECK_INT(count, 0);
    }
  }
}

/* All to one file: each is whole, and the last one stays. */
static void from_many_threads(void) {
  cachecore_t *cache;
  make_folder();
  cache = filled(KEPT, 1);
  check_save(cache, path, CACHECORE_OK);
  run_workers(cache, SAVERS, NULL, save_and_load);
  CHECK_INT(load_checked(KEPT), KEPT);
  CHECK_INT(files_in_folder(), 1);
  cachecore_close(cache);
}

TESTS(T(saves_and_loads), T(relative_paths), T(rejects), T(only_regular_files),
      T(other_contents), T(permissions), T(beyond_the_limit_of_the_process),
      T(full_disk), T(no_descriptors), T(kill_while_saving), T(in_a_child),
      T(from_many_threads))
