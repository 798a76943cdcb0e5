/* Stands between the binary under test and its C library: a wall clock that is moved while the
 * process runs, and a disk whose syncs take their time. Both are told by a file each, read at every
 * call, so that a test can turn them at any moment; a file that is not there changes nothing. Setting
 * the clock leaves the monotonic one alone, as on every machine; time that passes moves both. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long told(const char *variable) {
    const char *path = getenv(variable);
    if (!path) return 0;
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    char text[32] = {0};
    long count = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    return count > 0 ? strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t which, struct timespec *at) {
    int result = (int)syscall(SYS_clock_gettime, which, at);
    if (result == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        at->tv_sec += told("TEST_CLOCK_OFFSET");
    if (result == 0) at->tv_sec += told("TEST_TIME_PASSED");
    return result;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &exact) != 0) return -1;
    at->tv_sec = exact.tv_sec;
    at->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into) {
    struct timespec exact;
    if (clock_gettime(CLOCK_REALTIME, &exact) != 0) return -1;
    if (into) *into = exact.tv_sec;
    return exact.tv_sec;
}

/* Looks again and again how long a sync takes, so that one that hangs can be let go. */
static void wait_for_the_disk(void) {
    const struct timespec step = {0, 5 * 1000000};
    for (long waited = 0; waited < told("TEST_SYNC_MILLIS"); waited += 5) nanosleep(&step, NULL);
}

int fsync(int file) {
    wait_for_the_disk();
    return (int)syscall(SYS_fsync, file);
}

int fdatasync(int file) {
    wait_for_the_disk();
    return (int)syscall(SYS_fdatasync, file);
}
