/* Small calls: uname, getrandom, rlimits, rusage, sysinfo, ids, prctl, futex, ioctls, umask, scheduling, unknown numbers. */
#include <linux/futex.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

#include "tests/tracee/tracee.h"

int main(void)
{
    struct utsname u;
    CHECK(uname(&u) == 0 && !strcmp(u.sysname, "Linux") && !strcmp(u.machine, "x86_64"));
    unsigned char a[300], b[300];
    CHECK(getrandom(a, 300, 0) == 300 && getrandom(b, 300, GRND_NONBLOCK) == 300 && memcmp(a, b, 300));
    struct rlimit lim;
    struct rusage use;
    struct sysinfo info;
    CHECK(getrlimit(RLIMIT_NOFILE, &lim) == 0 && setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) == 0 &&
          prlimit(0, RLIMIT_CORE, NULL, &lim) == 0);
    CHECK(getrusage(RUSAGE_SELF, &use) == 0 && sysinfo(&info) == 0 && info.totalram > 0);
    CHECK(getpid() == gettid() && getppid() > 0 && getuid() == geteuid() && getpgrp() > 0);
    CHECK(prctl(PR_SET_NAME, "renamed") == 0 && prctl(PR_GET_NAME, a) == 0 && !strcmp((char *)a, "renamed"));
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0 && prctl(PR_GET_DUMPABLE) == 1);
    int word = 5;
    CHECK(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0);
    CHECK(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 6, NULL, NULL, 0) == -1 && errno == EAGAIN);
    CHECK(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 5, &(struct timespec){0, 1000}, NULL, 0) == -1 &&
          errno == ETIMEDOUT);
    struct winsize ws;
    int fd = open("/dev/null", O_RDWR);
    CHECK(ioctl(fd, TIOCGWINSZ, &ws) == -1 && errno == ENOTTY && !isatty(fd));
    cpu_set_t cpus;
    CHECK(sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && CPU_COUNT(&cpus) > 0 && sched_yield() == 0);
    CHECK(syscall(425, 1, NULL) == -1 &&
          (errno == ENOSYS || errno == EPERM || errno == EFAULT || errno == EINVAL)); /* io_uring_setup */
    CHECK(syscall(10000) == -1 && errno == ENOSYS && syscall(-1) == -1 && errno == ENOSYS);
    CHECK(getrandom(opaque((void *)8), 10, 0) == -1 && errno == EFAULT &&
          read(fd, opaque((void *)8), 10) == 0);
    CHECK(open(opaque((const char *)8), O_RDONLY) == -1 && errno == EFAULT);
    /* rcx = return rip, r11 = flags after a system call; all else is kept */
    uint64_t rcx, r11, r10, here;
    __asm__ volatile("mov $0x77, %%r10d; stc; mov $39, %%eax; syscall; 1: lea 1b(%%rip), %3; mov %%rcx, %0; "
                     "mov %%r11, %1; mov %%r10, %2"
                     : "=&r"(rcx), "=&r"(r11), "=&r"(r10), "=&r"(here)::"rax", "rcx", "r10", "r11", "cc",
                       "memory");
    CHECK(rcx == here && (r11 & 1) && r10 == 0x77);
    return passed();
}
