/* Every flush to disk takes SLOW_FLUSH_US microseconds more: the disk behind this machine's cache.
 * Built and loaded by the benchmark: cc -shared -fPIC slow_flush.c -o slow_flush.so -ldl; LD_PRELOAD=slow_flush.so */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_more(void) {
    const char *more = getenv("SLOW_FLUSH_US");
    if (more) usleep((useconds_t)atoi(more));
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    wait_more();
    return real(fd);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait_more();
    return real(fd);
}
