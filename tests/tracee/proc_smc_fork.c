/* Code written at run time before and after fork: each process runs its own version. */
#include "tests/tracee/proc.h"

static void emit(unsigned char *code, int value)
{
    unsigned char bytes[6] = {0xb8, (unsigned char)value, 0, 0, 0, 0xc3}; /* mov eax, value; ret */
    memcpy(code, bytes, sizeof(bytes));
}

int main(void)
{
    struct gate up = gate_make(), down = gate_make();
    unsigned char *code =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(code != MAP_FAILED);
    int (*run)(void) = (int (*)(void))(void *)code;
    emit(code, 1);
    CHECK(run() == 1);
    pid_t pid = start();
    if (pid == 0) {
        CHECK(run() == 1);
        emit(code, 2);
        CHECK(run() == 2);
        gate_open(up);
        gate_wait(down);
        CHECK(run() == 2);
        emit(code, 4);
        _exit(run());
    }
    gate_wait(up);
    CHECK(run() == 1);
    emit(code, 3);
    CHECK(run() == 3);
    gate_open(down);
    expect_exit(pid, 4);
    CHECK(run() == 3);
    return passed();
}
