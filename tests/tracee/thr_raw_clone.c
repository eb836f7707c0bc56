/* A thread made by the raw clone call on a stack of its own, without libc: CHILD_SETTID, PARENT_SETTID, CHILD_CLEARTID. */
#include <linux/sched.h>

#include "tests/tracee/tasks.h"

static _Atomic uint32_t child_tid, parent_tid;
static volatile uint64_t result, tid_in_child;
static char stack[65536] __attribute__((aligned(16)));

/* Runs in the new thread: no TLS of its own, so no libc. */
__attribute__((used)) static void in_child(void) __asm__("in_child");
static void in_child(void)
{
    tid_in_child = child_tid;
    for (uint64_t i = 0; i < 100000; i++)
        result += i;
}

static long raw_clone(uint64_t flags, void *top)
{
    long ret;
    register _Atomic uint32_t *ctid __asm__("r10") = &child_tid;
    register uint64_t tls __asm__("r8") = 0;
    __asm__ volatile("syscall\n"
                     "test %%eax, %%eax\n"
                     "jnz 1f\n"
                     "xor %%ebp, %%ebp\n"
                     "call in_child\n"
                     "mov $60, %%eax\n" /* exit */
                     "xor %%edi, %%edi\n"
                     "syscall\n"
                     "1:"
                     : "=a"(ret)
                     : "a"(SYS_clone), "D"(flags), "S"(top), "d"(&parent_tid), "r"(ctid), "r"(tls)
                     : "rcx", "r11", "memory");
    return ret;
}

int main(void)
{
    child_tid = 1;
    uint64_t flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                     CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
    long tid = raw_clone(flags, stack + sizeof(stack));
    CHECK(tid > 0 && parent_tid == (uint32_t)tid);
    uint32_t seen;
    while ((seen = child_tid) != 0)
        futex(&child_tid, FUTEX_WAIT, seen, NULL, NULL, 0);
    CHECK(tid_in_child == (uint64_t)tid);
    printf("%lu\n", result);
    return passed();
}
