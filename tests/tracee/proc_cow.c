/* Copy on write: parent and child write the same pages after fork, in both orders; each sees its own. */
#include "tests/tracee/proc.h"

enum { PAGES = 64 };

int main(void)
{
    struct gate up = gate_make(), down = gate_make();
    char *p = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    for (int i = 0; i < PAGES; i++)
        p[i * 4096] = 'o';
    pid_t pid = start();
    if (pid == 0) {
        for (int i = 0; i < PAGES; i += 2)
            p[i * 4096] = 'c';
        gate_open(up);
        gate_wait(down);
        for (int i = 0; i < PAGES; i++) {
            CHECK(p[i * 4096] == (i % 2 ? 'o' : 'c'));
            p[i * 4096 + 1] = 'C';
        }
        gate_open(up);
        gate_wait(down);
        _exit(0);
    }
    gate_wait(up);
    for (int i = 0; i < PAGES; i++) {
        CHECK(p[i * 4096] == 'o');
        p[i * 4096] = 'p';
    }
    gate_open(down);
    gate_wait(up);
    for (int i = 0; i < PAGES; i++)
        CHECK(p[i * 4096] == 'p' && p[i * 4096 + 1] == 0);
    gate_open(down);
    expect_exit(pid, 0);
    return passed();
}
