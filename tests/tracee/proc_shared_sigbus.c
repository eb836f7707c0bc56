/* The child cuts a file that the parent has mapped: SIGBUS beyond the end, mended by making it longer again. */
#include "tests/tracee/proc.h"

static int fd;
static volatile int n_bus;
static char *page;
static void handler(int signo, siginfo_t *si, void *context)
{
    (void)context;
    CHECK(signo == SIGBUS && si->si_code == BUS_ADRERR && si->si_addr == page + 5000);
    n_bus++;
    CHECK(ftruncate(fd, 8192) == 0);
}

int main(void)
{
    fd = memfd_create("cut", 0);
    CHECK(fd >= 0 && ftruncate(fd, 8192) == 0);
    page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(page != MAP_FAILED);
    page[5000] = 'x';
    catch_signal(SIGBUS, handler, 0);
    pid_t pid = start();
    if (pid == 0)
        _exit(ftruncate(fd, 4096));
    expect_exit(pid, 0);
    CHECK(*(volatile char *)(page + 5000) == 0 && n_bus == 1);
    return passed();
}
