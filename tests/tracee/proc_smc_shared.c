/* Code in a shared mapping: what the child writes there the parent runs. */
#include "tests/tracee/proc.h"

int main(void)
{
    unsigned char *code =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(code != MAP_FAILED);
    unsigned char bytes[6] = {0xb8, 0, 0, 0, 0, 0xc3}; /* mov eax, 0; ret */
    memcpy(code, bytes, sizeof(bytes));
    int (*run)(void) = (int (*)(void))(void *)code;
    for (int i = 1; i <= 5; i++) {
        CHECK(run() == i - 1);
        pid_t pid = start();
        if (pid == 0) {
            CHECK(run() == i - 1);
            code[1] = (unsigned char)i;
            _exit(run());
        }
        expect_exit(pid, i);
        CHECK(run() == i);
    }
    return passed();
}
