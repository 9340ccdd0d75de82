/* Writes down what a process does to the files of one folder, in order, so that a power cut can be
   played afterwards at any moment of it. Preload it, with RECORD_FOLDER and RECORD_TO set.

   Each event is a letter, two names or numbers as 64 bits, the length of what follows, and that:
   o fd created path    opened, and whether that made the file
   w fd offset data     written          t fd size         truncated
   s fd                 synced           c fd              closed
   u - - path           unlinked         r length - paths  renamed, both paths one after the other */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST_FILES 1024

static char recorded[MOST_FILES];
static int out = -1;
static const char *folder;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static int is_inside(const char *path) {
    if (folder == NULL && (folder = getenv("RECORD_FOLDER")) == NULL)
        folder = "";
    return *folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_recorded(int fd) { return fd >= 0 && fd < MOST_FILES && recorded[fd]; }

static void note(char kind, int64_t first, int64_t second, const void *data, uint32_t length) {
    static int (*open_)(const char *, int, ...);
    static ssize_t (*writev_)(int, const struct iovec *, int);
    if (out < 0) {
        open_ = real("open");
        writev_ = real("writev");
        out = open_(getenv("RECORD_TO"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    struct iovec parts[] = {{&kind, 1}, {&first, 8}, {&second, 8}, {&length, 4},
                            {(void *)data, length}};
    if (writev_(out, parts, 5) < 0)
        abort();
}

static int opened(int fd, const char *path, int created) {
    if (fd >= 0 && fd < MOST_FILES && is_inside(path)) {
        recorded[fd] = 1;
        note('o', fd, created, path, strlen(path));
    }
    return fd;
}

#define OPEN(name)                                                                         \
    int name(const char *path, int flags, ...) {                                           \
        static int (*next)(const char *, int, ...);                                        \
        next = next ? next : real(#name);                                                  \
        va_list rest;                                                                      \
        va_start(rest, flags);                                                             \
        int mode = flags & O_CREAT ? va_arg(rest, int) : 0;                                \
        va_end(rest);                                                                      \
        int creates = (flags & O_CREAT) && is_inside(path) && access(path, F_OK) != 0;     \
        return opened(next(path, flags, mode), path, creates);                             \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                       \
    int name(int at, const char *path, int flags, ...) {                                   \
        static int (*next)(int, const char *, int, ...);                                   \
        next = next ? next : real(#name);                                                  \
        va_list rest;                                                                      \
        va_start(rest, flags);                                                             \
        int mode = flags & O_CREAT ? va_arg(rest, int) : 0;                                \
        va_end(rest);                                                                      \
        int creates = (flags & O_CREAT) && is_inside(path) && access(path, F_OK) != 0;     \
        return opened(next(at, path, flags, mode), path, creates);                         \
    }
OPENAT(openat)
OPENAT(openat64)

#define PWRITE(name, type)                                                                 \
    ssize_t name(int fd, const void *data, size_t length, type offset) {                   \
        static ssize_t (*next)(int, const void *, size_t, type);                           \
        next = next ? next : real(#name);                                                  \
        ssize_t done = next(fd, data, length, offset);                                     \
        if (done > 0 && is_recorded(fd))                                                   \
            note('w', fd, offset, data, done);                                             \
        return done;                                                                       \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t length) {
    static ssize_t (*next)(int, const void *, size_t);
    next = next ? next : real("write");
    ssize_t done = next(fd, data, length);
    if (done > 0 && is_recorded(fd))
        note('w', fd, lseek(fd, 0, SEEK_CUR) - done, data, done);
    return done;
}

#define TRUNCATE(name, type)                                                               \
    int name(int fd, type size) {                                                          \
        static int (*next)(int, type);                                                     \
        next = next ? next : real(#name);                                                  \
        int done = next(fd, size);                                                         \
        if (done == 0 && is_recorded(fd))                                                  \
            note('t', fd, size, "", 0);                                                    \
        return done;                                                                       \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name)                                                                         \
    int name(int fd) {                                                                     \
        static int (*next)(int);                                                           \
        next = next ? next : real(#name);                                                  \
        int done = next(fd);                                                               \
        if (done == 0 && is_recorded(fd))                                                  \
            note('s', fd, 0, "", 0);                                                       \
        return done;                                                                       \
    }
SYNC(fsync)
SYNC(fdatasync)

int close(int fd) {
    static int (*next)(int);
    next = next ? next : real("close");
    if (is_recorded(fd)) {
        recorded[fd] = 0;
        note('c', fd, 0, "", 0);
    }
    return next(fd);
}

static int unlinked(int done, const char *path) {
    if (done == 0 && is_inside(path))
        note('u', 0, 0, path, strlen(path));
    return done;
}

int unlink(const char *path) {
    static int (*next)(const char *);
    next = next ? next : real("unlink");
    return unlinked(next(path), path);
}

int unlinkat(int at, const char *path, int flags) {
    static int (*next)(int, const char *, int);
    next = next ? next : real("unlinkat");
    return unlinked(next(at, path, flags), path);
}

static int renamed(int done, const char *from, const char *to) {
    if (done == 0 && is_inside(from)) {
        char both[8192];
        size_t first = strlen(from), second = strlen(to);
        memcpy(both, from, first);
        memcpy(both + first, to, second);
        note('r', first, 0, both, first + second);
    }
    return done;
}

int rename(const char *from, const char *to) {
    static int (*next)(const char *, const char *);
    next = next ? next : real("rename");
    return renamed(next(from, to), from, to);
}

int renameat(int old, const char *from, int new, const char *to) {
    static int (*next)(int, const char *, int, const char *);
    next = next ? next : real("renameat");
    return renamed(next(old, from, new, to), from, to);
}
