/* The GS base is each thread's own (arch_prctl), and stays over switches; FS stays libc's. */
#include <asm/prctl.h>

#include "tests/tracee/tasks.h"

static void *body(void *arg)
{
    uint64_t mine = 0x1000 + (uint64_t)(uintptr_t)arg, base = 0, word;
    CHECK(syscall(SYS_arch_prctl, ARCH_GET_GS, &base) == 0 && base == 0);
    CHECK(syscall(SYS_arch_prctl, ARCH_SET_GS, &mine) == 0);
    for (int i = 0; i < 300; i++) {
        __asm__ volatile("movq %%gs:0, %0" : "=r"(word));
        CHECK(word == mine);
        mine += 16;
        if (i % 10 == 0)
            sched_yield();
        for (volatile int k = 0; k < 300; k++) {}
    }
    CHECK(syscall(SYS_arch_prctl, ARCH_GET_GS, &base) == 0 && base == (uintptr_t)&mine);
    CHECK(syscall(SYS_arch_prctl, ARCH_GET_FS, &base) == 0 && base == pthread_self());
    return (void *)(uintptr_t)mine;
}

int main(void)
{
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++)
        threads[i] = start(body, (void *)i);
    for (int i = 0; i < 4; i++)
        printf("%lx\n", (uintptr_t)join(threads[i]));
    return passed();
}
