/* A disk that fails or forgets, put in front of libc (LD_PRELOAD) for one process and the files of its database.
 *
 *   SHIM_MATCH    part of the path of the files it is about (those ending in -shm are never meant: they are not on disk)
 *   SHIM_CALL     "write" (pwrite, write, ftruncate) or "sync" (fsync, fdatasync): which calls fail, from
 *   SHIM_NTH      the nth on (counted from 1), with
 *   SHIM_ERRNO    this error,
 *   SHIM_FOREVER  "1": for good, else once. Each failure adds a line to
 *   SHIM_LOG      this file.
 *   SHIM_UNDO     a folder: what a write replaces is kept in it until the file is synced, so that a power cut can be
 *                 played afterwards. One file NAME.undo for each; records of: old size, offset, length (u64 each), old
 *                 bytes. Played backwards, they give the file as of its last sync.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long calls;

static ssize_t raw_pwrite(int fd, const void *bytes, size_t length, off_t at) {
    return syscall(SYS_pwrite64, fd, bytes, length, at);
}

/* The path of a file that is meant, in `path`; else 0. */
static int is_meant(int fd, char path[4096]) {
    const char *match = getenv("SHIM_MATCH");
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = match ? readlink(link, path, 4095) : -1;
    if (length <= 0) return 0;
    path[length] = 0;
    size_t shm = strlen("-shm");
    if ((size_t)length > shm && strcmp(path + length - shm, "-shm") == 0) return 0;
    return strstr(path, match) != NULL;
}

/* Counts a call; true where it is to fail, with errno set. The lock is held. */
static int fails(const char *call) {
    const char *which = getenv("SHIM_CALL"), *nth = getenv("SHIM_NTH"), *forever = getenv("SHIM_FOREVER");
    if (!which || !nth || strcmp(which, call) != 0) return 0;
    long wanted = atol(nth);
    calls++;
    if (calls < wanted || (calls > wanted && !(forever && *forever == '1'))) return 0;
    const char *log = getenv("SHIM_LOG");
    int fd = log ? open(log, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (fd >= 0) {
        (void)!syscall(SYS_write, fd, "failed\n", 7);
        syscall(SYS_close, fd);
    }
    const char *error = getenv("SHIM_ERRNO");
    errno = error ? atoi(error) : EIO;
    return 1;
}

/* The undo file of a path, opened with `flags`; -1 without SHIM_UNDO. */
static int undo_file(const char *path, int flags) {
    const char *folder = getenv("SHIM_UNDO");
    if (!folder) return -1;
    const char *name = strrchr(path, '/');
    char undo[4600];
    snprintf(undo, sizeof undo, "%s/%s.undo", folder, name ? name + 1 : path);
    return open(undo, O_WRONLY | O_CREAT | flags, 0600);
}

/* Keeps what lies at `at` before it is replaced. A record is one write: a process killed before it has replaced nothing. */
static void keep(int fd, const char *path, off_t at, size_t length) {
    int undo = undo_file(path, O_APPEND);
    if (undo < 0) return;
    struct stat now;
    fstat(fd, &now);
    uint64_t size = (uint64_t)now.st_size, from = (uint64_t)at;
    uint64_t kept = from >= size ? 0 : (size - from < length ? size - from : length);
    char *record = malloc(24 + kept);
    memcpy(record, &size, 8);
    memcpy(record + 8, &from, 8);
    memcpy(record + 16, &kept, 8);
    /* Through the same descriptor: to open and close the file again would drop the locks that the program holds on it. */
    if (kept && syscall(SYS_pread64, fd, record + 24, kept, at) != (ssize_t)kept) abort();
    if (syscall(SYS_write, undo, record, 24 + kept) != (ssize_t)(24 + kept)) abort();
    free(record);
    syscall(SYS_close, undo);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) {
    char path[4096];
    if (!is_meant(fd, path)) return raw_pwrite(fd, bytes, length, at);
    pthread_mutex_lock(&lock);
    ssize_t written = -1;
    if (!fails("write")) {
        keep(fd, path, at, length);
        written = raw_pwrite(fd, bytes, length, at);
    }
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return pwrite64(fd, bytes, length, at); }

ssize_t write(int fd, const void *bytes, size_t length) {
    char path[4096];
    if (!is_meant(fd, path)) return syscall(SYS_write, fd, bytes, length);
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t written = pwrite64(fd, bytes, length, at);
    if (written > 0) lseek(fd, at + written, SEEK_SET);
    return written;
}

int ftruncate64(int fd, off_t length) {
    char path[4096];
    if (!is_meant(fd, path)) return (int)syscall(SYS_ftruncate, fd, length);
    pthread_mutex_lock(&lock);
    int done = -1;
    if (!fails("write")) {
        struct stat now;
        fstat(fd, &now);
        keep(fd, path, length, now.st_size > length ? (size_t)(now.st_size - length) : 0);
        done = (int)syscall(SYS_ftruncate, fd, length);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int synced(int fd, long call) {
    char path[4096];
    if (!is_meant(fd, path)) return (int)syscall(call, fd);
    pthread_mutex_lock(&lock);
    int done = -1;
    if (!fails("sync")) {
        done = (int)syscall(call, fd);
        int undo = done == 0 ? undo_file(path, O_TRUNC) : -1;
        if (undo >= 0) syscall(SYS_close, undo);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }

int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }
