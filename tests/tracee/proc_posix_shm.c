/* shm_open: made by the parent, found by name by a program that exec'ed. */
#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    char name[64];
    if (argc > 1) {
        int fd = shm_open(argv[1], O_RDWR, 0);
        CHECK(fd >= 0);
        int *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        CHECK(p != MAP_FAILED && p[0] == 1000);
        p[1] = 2000;
        return 0;
    }
    snprintf(name, sizeof(name), "/tracee-%d", (int)getpid());
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        skip("no /dev/shm here");
    CHECK(ftruncate(fd, 4096) == 0);
    int *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    p[0] = 1000;
    pid_t pid = start();
    if (pid == 0) {
        execl(SELF, "self", name, NULL);
        _exit(1);
    }
    int status = ended(pid);
    CHECK(shm_unlink(name) == 0 && status == 0 && p[1] == 2000);
    CHECK(shm_open(name, O_RDWR, 0) == -1 && errno == ENOENT);
    return passed();
}
