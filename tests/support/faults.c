/* Makes the calls of a process on chosen files fail, as a full or a dying device makes them fail.

   MQ_FAULT=CALLS:ERROR:FILES:NUMBER[+]
   CALLS  write, read, sync, truncate, allocate, open; several are joined by commas
   ERROR  the number that errno gets
   FILES  a part of the file's path
   NUMBER which of the matching calls fails, from 1; with + all later ones fail too */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static char calls[64], files[256], sign;
static int error, number, seen, is_read;

static void read_wish(void) {
    const char *wish = getenv("MQ_FAULT");
    is_read = 1;
    if (wish) sscanf(wish, "%63[^:]:%d:%255[^:]:%d%c", calls, &error, files, &number, &sign);
}

static int fails_on(const char *call, const char *path) {
    if (!is_read) read_wish();
    if (!number || !strstr(calls, call) || !strstr(path, files)) return 0;
    int now = __atomic_add_fetch(&seen, 1, __ATOMIC_SEQ_CST);
    if (now != number && !(sign == '+' && now > number)) return 0;
    errno = error;
    return 1;
}

static int fails(const char *call, int descriptor) {
    char link[64], path[4096];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    errno = saved;
    return fails_on(call, path);
}

#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define WRITES(function) \
    ssize_t function(int fd, const void *bytes, size_t count, off_t offset) { \
        REAL(ssize_t, #function, int, const void *, size_t, off_t); \
        return fails("write", fd) ? -1 : real(fd, bytes, count, offset); \
    }
WRITES(pwrite)
WRITES(pwrite64)

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(ssize_t, "write", int, const void *, size_t);
    return fails("write", fd) ? -1 : real(fd, bytes, count);
}

#define READS(function) \
    ssize_t function(int fd, void *bytes, size_t count, off_t offset) { \
        REAL(ssize_t, #function, int, void *, size_t, off_t); \
        return fails("read", fd) ? -1 : real(fd, bytes, count, offset); \
    }
READS(pread)
READS(pread64)

#define SYNCS(function) \
    int function(int fd) { \
        REAL(int, #function, int); \
        return fails("sync", fd) ? -1 : real(fd); \
    }
SYNCS(fsync)
SYNCS(fdatasync)

#define TRUNCATES(function) \
    int function(int fd, off_t size) { \
        REAL(int, #function, int, off_t); \
        return fails("truncate", fd) ? -1 : real(fd, size); \
    }
TRUNCATES(ftruncate)
TRUNCATES(ftruncate64)

#define ALLOCATES(function) \
    int function(int fd, off_t offset, off_t size) { \
        REAL(int, #function, int, off_t, off_t); \
        return fails("allocate", fd) ? error : real(fd, offset, size); \
    }
ALLOCATES(posix_fallocate)
ALLOCATES(posix_fallocate64)

#define OPENS(function) \
    int function(const char *path, int flags, ...) { \
        REAL(int, #function, const char *, int, ...); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        return fails_on("open", path) ? -1 : real(path, flags, mode); \
    }
OPENS(open)
OPENS(open64)
