/* Shared memory moved, doubled, cut and unmapped by the child; the parent's mapping stays and sees the stores. */
#include "tests/tracee/proc.h"

int main(void)
{
    char *p = shared_pages(4 * 4096);
    p[0] = 'a', p[8192] = 'b';
    pid_t pid = start();
    if (pid == 0) {
        char *second = mremap(p, 0, 4 * 4096, MREMAP_MAYMOVE);
        CHECK(second != MAP_FAILED && second != p && second[0] == 'a');
        second[1] = 's';
        CHECK(p[1] == 's' && munmap(p, 4096) == 0 && p[8192] == 'b');
        char *moved = mremap(second, 4 * 4096, 4 * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, second + (1 << 20));
        CHECK(moved == second + (1 << 20) && moved[8192] == 'b');
        moved[8193] = 'm';
        p[12288] = 'o';
        CHECK(moved[12288] == 'o' && mprotect(moved, 4096, PROT_READ) == 0);
        _exit(0);
    }
    expect_exit(pid, 0);
    CHECK(p[0] == 'a' && p[1] == 's' && p[8193] == 'm' && p[12288] == 'o');
    p[0] = 'z';
    return passed();
}
