/* clone3 by hand: a thread with stack, size and TLS; then its errors. */
#include <linux/sched.h>

#include "tests/tracee/tasks.h"

static _Atomic uint32_t child_tid, parent_tid;
static volatile uint64_t tls_word, result;
static uint64_t tls_block[16];
static char stack[65536] __attribute__((aligned(16)));

__attribute__((used)) static void in_child(void) __asm__("in_child");
static void in_child(void)
{
    uint64_t word;
    __asm__ volatile("movq %%fs:0, %0" : "=r"(word));
    tls_word = word;
    result = 499500;
}

static long clone3_thread(struct clone_args *args)
{
    long ret;
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
                     : "a"(SYS_clone3), "D"(args), "S"(sizeof(*args))
                     : "rcx", "r11", "memory");
    return ret;
}

int main(void)
{
    tls_block[0] = 0x1234567;
    child_tid = 1;
    struct clone_args args = {
        .flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID,
        .parent_tid = (uintptr_t)&parent_tid,
        .child_tid = (uintptr_t)&child_tid,
        .stack = (uintptr_t)stack,
        .stack_size = sizeof(stack),
        .tls = (uintptr_t)tls_block,
    };
    long tid = clone3_thread(&args);
    CHECK(tid > 0 && parent_tid == (uint32_t)tid);
    while (child_tid != 0)
        futex(&child_tid, FUTEX_WAIT, 1, NULL, NULL, 0);
    CHECK(tls_word == 0x1234567);
    printf("%lu\n", result);
    CHECK(syscall(SYS_clone3, &args, 8) == -1 && errno == EINVAL);
    args.flags = CLONE_THREAD;
    CHECK(syscall(SYS_clone3, &args, sizeof(args)) == -1 && errno == EINVAL);
    CHECK(syscall(SYS_clone3, NULL, sizeof(args)) == -1 && errno == EFAULT);
    return passed();
}
