/* What stdio has buffered at a fork is written by both. */
#include "tests/tracee/proc.h"

int main(void)
{
    CHECK(setvbuf(stdout, NULL, _IOFBF, 4096) == 0);
    printf("buffered once, written twice\n");
    pid_t pid = start();
    if (pid == 0) {
        printf("child\n");
        exit(0);
    }
    expect_exit(pid, 0);
    printf("parent\n");
    return passed();
}
