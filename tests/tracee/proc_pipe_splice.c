/* splice, tee and vmsplice between processes. */
#include <sys/uio.h>

#include "tests/tracee/proc.h"

int main(void)
{
    int a[2], b[2], c[2];
    char text[32] = "";
    CHECK(pipe(a) == 0 && pipe(b) == 0 && pipe(c) == 0);
    pid_t pid = start();
    if (pid == 0) {
        CHECK(tee(a[0], b[1], 11, 0) == 11);
        CHECK(splice(a[0], NULL, c[1], NULL, 6, 0) == 6);
        CHECK(read(a[0], text, sizeof(text)) == 5 && !memcmp(text, "world", 5));
        _exit(0);
    }
    char hello[] = "hello world";
    struct iovec v = {hello, 11};
    CHECK(vmsplice(a[1], &v, 1, 0) == 11);
    CHECK(read(c[0], text, sizeof(text)) == 6 && !memcmp(text, "hello ", 6));
    CHECK(read(b[0], text, sizeof(text)) == 11 && !memcmp(text, "hello world", 11));
    expect_exit(pid, 0);
    return passed();
}
